"""Gradients far out, where a rule that starts from the rounded result would lose them."""

import numpy as np
import pytest

import tinygrad_cnn as tg


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("op", "factor"), [(tg.elu, 1.0), (tg.selu, 1.0507009873554805 * 1.6732632423543772), (tg.expm1, 1.0)]
)
def test_exponential_tails_keep_their_slope(op, factor, dtype):
    x = tg.Tensor(np.array([-5, -20, -40, -80], dtype), requires_grad=True)
    np.testing.assert_allclose(tg.grad(op(x).sum(), x), factor * np.exp(x.data.astype(float)), rtol=1e-5)


def test_logsumexp_at_the_infinities():
    def slopes(*values):
        x = tg.Tensor(np.array(values), requires_grad=True)
        with np.errstate(invalid="ignore"):
            return tg.grad(tg.logsumexp(x), x)

    np.testing.assert_array_equal(slopes(np.inf, 0.0, 5.0), [np.nan, 0.0, 0.0])  # as PyTorch
    np.testing.assert_array_equal(slopes(-np.inf, 0.0), [0.0, 1.0])
    np.testing.assert_array_equal(slopes(-np.inf, -np.inf), [0.0, 0.0])


def test_backslashes_in_names_are_drawn():
    y = tg.Tensor(np.ones(2), requires_grad=True, name=r"C:\Nets\Good") * 2
    assert r"C:\\Nets\\Good" in tg.draw(y).source
