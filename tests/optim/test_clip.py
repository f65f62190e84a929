"""Bounds on gradients."""

import numpy as np
import pytest

from tinygrad_cnn import Tensor, optim


def params(*grads):
    made = []
    for k, g in enumerate(grads):
        p = Tensor(np.zeros(np.shape(g), np.asarray(g).dtype), requires_grad=True, name=f"p{k}")
        p.grad = g
        made.append(p)
    return made


def test_the_norm_is_of_all_gradients_together_and_returned_before_scaling():
    p, q = params(np.array([3.0, 0.0]), np.array([[4.0]]))
    assert optim.clip_grad_norm([p, q, Tensor(np.ones(1), requires_grad=True)], 1.0) == 5
    np.testing.assert_allclose(np.concatenate([p.grad, q.grad[0]]), [0.6, 0, 0.8], rtol=1e-6)


def test_small_gradients_stay_as_they_are():
    (p,) = params(np.array([3.0, 4.0]))
    grad = p.grad
    assert optim.clip_grad_norm(p, 5.1) == 5
    assert p.grad is grad
    assert grad.tolist() == [3, 4]


def test_a_parameter_listed_twice_counts_once_and_no_gradients_have_norm_zero():
    (p,) = params(np.array([3.0, 4.0]))
    assert optim.clip_grad_norm([p, p], 1.0) == 5
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)
    assert optim.clip_grad_norm([], 1.0) == 0


@pytest.mark.parametrize("size", [1e25, 1e-25])
def test_squares_beyond_float32(size):
    (p,) = params(np.array([3.0, 4.0], np.float32) * np.float32(size))
    assert optim.clip_grad_norm([p], 1e30) == pytest.approx(5 * size, rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_named_and_nothing_is_scaled(bad):
    p, q = params(np.array([30.0]), np.array([bad]))
    with pytest.raises(ValueError, match="the gradient of p1 has norm"):
        optim.clip_grad_norm([p, q], 1.0)
    assert p.grad.tolist() == [30]
    optim.clip_grad_norm([p, q], 1.0, error_if_nonfinite=False)
    assert np.isnan(q.grad).all()


def test_values():
    (p,) = params(np.array([-3.0, 0.5, 2.0]))
    optim.clip_grad_value([p], 1.0)
    assert p.grad.tolist() == [-1, 0.5, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.clip_grad_norm([], -1.0), "clip_grad_norm: max_norm=-1.0 must be"),
        (lambda: optim.clip_grad_value([], float("nan")), "max_value=nan must be"),
        (lambda: optim.clip_grad_norm([np.ones(2)], 1.0), "parameters must be Tensors, got ndarray"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
