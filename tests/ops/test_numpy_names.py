"""NumPy functions that spell their arguments otherwise reach the op that they mean."""

import numpy as np
import pytest

import tinygrad_cnn as tg

A = np.random.default_rng(0).random((2, 3))

CALLS = {
    "einsum": lambda x: np.einsum("ij,kj->ik", x, A),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "square": np.square,
    "clip": lambda x: np.clip(x, 0.2, 0.5),
    "clip by name": lambda x: np.clip(x, a_min=0.2, a_max=0.5),
    "norm": np.linalg.norm,
    "norm of rows": lambda x: np.linalg.norm(x, axis=1),
    "dot": lambda x: np.dot(x, A.T),
    "dot with a number": lambda x: np.dot(x, 2.0),
    "vstack": lambda x: np.vstack([x, A]),
    "hstack": lambda x: np.hstack([x, A]),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name):
    y = CALLS[name](tg.Tensor(A, requires_grad=True))
    assert isinstance(y, tg.Tensor) and y.requires_grad
    np.testing.assert_allclose(y.data, CALLS[name](A))


def test_other_norms_are_refused_in_words():
    with pytest.raises(ValueError, match=r"np.linalg.norm: ord=1 has no op; tg.norm"):
        np.linalg.norm(tg.Tensor(A), ord=1)


def test_concatenate_takes_the_axis_by_position_and_none():
    x = tg.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert np.concatenate([x, x], 1).shape == (2, 6)
    y = np.concatenate([x, x], axis=None)
    assert y.tolist() == np.concatenate([x.data, x.data], axis=None).tolist()
    assert tg.grad(y.sum(), x).tolist() == np.full((2, 3), 2.0).tolist()
    assert np.sum(x, axis=None).item() == 15.0 and np.flip(x, axis=None)[0, 0].item() == 5.0
