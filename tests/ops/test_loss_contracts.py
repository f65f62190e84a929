"""Every loss: a function with the parameter `reduction`; a new one is enrolled by being exported.

Its layer in `nn`, found by its source, says in `samples` how it is called.
"""

import inspect

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, ops


def signature(fn):
    return inspect.signature(getattr(fn, "fn", fn))


LOSSES = [name for name in ops.__all__ if "reduction" in signature(getattr(ops, name)).parameters]


def layer_of(name):
    """The class of nn that calls this loss."""
    found = [
        cls for cls in vars(nn).values()
        if inspect.isclass(cls) and issubclass(cls, nn.Module) and f"ops.{name}(" in inspect.getsource(cls)
    ]  # fmt: skip
    assert found, f"add a layer that calls ops.{name}, with samples, to nn/losses.py"
    return found[0]


def inputs(name, dtype=np.float64):
    return layer_of(name).samples[0].draw(dtype=dtype)


@pytest.mark.parametrize("name", LOSSES)
def test_reductions_agree(name):
    loss, args = getattr(ops, name), inputs(name)
    each = np.asarray(loss(*args, reduction="none"))
    assert each.shape == np.shape(args[1])
    assert np.allclose(loss(*args, reduction="sum"), each.sum()) and np.allclose(loss(*args), each.mean())
    assert np.shape(loss(*args)) == ()


@pytest.mark.parametrize("name", LOSSES)
def test_tensors_and_arrays_agree_and_gradients_hold(name):
    loss, (x, y) = getattr(ops, name), inputs(name)
    assert type(loss(x, y)) in (np.ndarray, np.float64)
    assert float(loss(tg.Tensor(x), y)) == float(loss(x, y))
    for reduction in ("mean", "sum", "none"):
        tg.testing.gradcheck(lambda x, r=reduction: loss(x, y, reduction=r), [x], order=2)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays(name):
    x, y = inputs(name, np.float32)
    assert np.asarray(getattr(ops, name)(x, y)).dtype == np.float32


@pytest.mark.parametrize("name", LOSSES)
def test_mistakes_are_refused_by_name(name):
    loss, (x, y) = getattr(ops, name), inputs(name)
    with pytest.raises(ValueError, match=rf'{name}: reduction=\'average\' must be "mean", "sum" or "none"'):
        loss(x, y, reduction="average")
    with pytest.raises((ValueError, TypeError), match=name):
        loss(x, y[:-1])


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_prediction_costs_no_more_than_another(name):
    """Losses are least where predictions say what the targets are; so a loss with a wrong sign is noticed."""
    loss, (x, y) = getattr(ops, name), inputs(name)
    classes = y.shape != x.shape
    best = np.where(np.arange(x.shape[-1]) == y[:, None], 30.0, -30.0) if classes else y
    best = tg.log_softmax(best) if name == "nll_loss" else np.where(y > 0.5, 30.0, -30.0) if "logits" in name else best
    worst = -best if name != "nll_loss" else tg.log_softmax(np.where(np.arange(x.shape[-1]) == y[:, None], -30.0, 30.0))
    assert float(loss(best, y)) < float(loss(worst + 1.0, y))
