"""Every loss: a function with the parameter `reduction`; a new one is enrolled by being exported.

Its layer in `nn`, found by its source, says in `samples` how it is called: with predictions first.
"""

import inspect
from functools import cache

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, ops
from tinygrad_cnn.autodiff.means import with_divisor


def signature(fn):
    return inspect.signature(getattr(fn, "fn", fn))


LOSSES = [name for name in ops.__all__ if "reduction" in signature(getattr(ops, name)).parameters]
# Losses for which a mean is not that of the losses of "none"
OF_LENGTHS = {"ctc_loss"}


@cache
def sources():
    classes = [cls for cls in vars(nn).values() if inspect.isclass(cls) and issubclass(cls, nn.Module)]
    return {cls: inspect.getsource(cls) for cls in classes}


def layer_of(name):
    """The class of nn that calls this loss."""
    found = [cls for cls, source in sources().items() if f"ops.{name}(" in source]
    assert found, f"add a layer that calls ops.{name}, with samples, to nn/losses.py"
    return found[0]


def called(name, dtype=np.float64):
    """The loss as a function of its inputs and of reduction, and its inputs."""
    layer = layer_of(name)
    sample = layer.samples[0]
    options = {**sample.make(layer).options}
    options.pop("reduction")
    loss = getattr(ops, name)
    return lambda *args, **more: loss(*args, **{**options, **more}), sample.draw(dtype=dtype)


def floating(args):
    return [a for a in args if a.dtype.kind == "f"]


@pytest.mark.parametrize("name", LOSSES)
def test_reductions_agree(name):
    loss, args = called(name)
    each = np.asarray(loss(*args, reduction="none"))
    assert each.ndim and np.allclose(loss(*args, reduction="sum"), each.sum())
    if name not in OF_LENGTHS:
        assert np.allclose(loss(*args), each.mean())
    assert np.shape(loss(*args)) == ()


@pytest.mark.parametrize("name", LOSSES)
def test_means_report_what_they_divide_by(name):
    loss, args = called(name)
    _, count = with_divisor(loss, *args, otherwise=-1.0)
    assert count == np.size(loss(*args, reduction="none"))


@pytest.mark.parametrize("name", LOSSES)
def test_tensors_and_arrays_agree_and_gradients_hold(name):
    loss, (x, *others) = called(name)
    assert type(loss(x, *others)) in (np.ndarray, np.float64)
    assert float(loss(tg.Tensor(x), *others)) == float(loss(x, *others))
    for reduction in ("mean", "sum", "none"):
        tg.testing.gradcheck(lambda x, r=reduction: loss(x, *others, reduction=r), [x], order=2)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays(name):
    loss, args = called(name, np.float32)
    assert np.asarray(loss(*args)).dtype == np.float32


@pytest.mark.parametrize("name", LOSSES)
def test_mistakes_are_refused_by_name(name):
    loss, (x, y, *others) = called(name)
    with pytest.raises(ValueError, match=rf'{name}: reduction=\'average\' must be "mean", .*"sum" or "none"'):
        loss(x, y, *others, reduction="average")
    with pytest.raises((ValueError, TypeError), match=name):
        loss(x, y[:-1], *others)


def rows(x, y, *_):
    """Logits that say what the labels are."""
    return np.where(np.arange(x.shape[-1]) == y[..., None], 30.0, -30.0)


def log_rows(x, y, *_):
    return tg.log_softmax(rows(x, y))


def signed(x, y, *_):
    return np.where(y > 0.5, 30.0, -30.0)


def same(x, y, *_):
    return y


# How predictions say what the targets are, and how they say the opposite: the targets themselves, and 1 beside -targets
BEST = {
    "softmax_cross_entropy": rows, "nll_loss": log_rows, "multi_margin_loss": rows,
    "binary_cross_entropy_with_logits": signed, "sigmoid_focal_loss": signed,
    "kl_div": lambda x, y: np.log(y), "poisson_nll_loss": lambda x, y: np.log(y),
    "dice_loss": lambda x, y: np.eye(3)[y],
    "cosine_embedding_loss": lambda x1, x2, y: x2 * y[:, None],
    "margin_ranking_loss": lambda x1, x2, y: x2 + 9 * y,
    "hinge_embedding_loss": lambda x, y: np.where(y > 0, 0.0, 9.0),
    "ctc_loss": lambda x, *_: tg.log_softmax(30 * np.eye(3)[[[1, 2], [1, 2], [0, 0], [2, 0], [2, 0]]]),
}  # fmt: skip
WORST = {
    "nll_loss": lambda x, y: tg.log_softmax(-rows(x, y)), "binary_cross_entropy": lambda x, y: 1 - y,
    "kl_div": lambda x, y: np.log(y[:, ::-1]), "dice_loss": lambda x, y: np.eye(3)[(y + 1) % 3],
    "hinge_embedding_loss": lambda x, y: np.where(y > 0, 9.0, 0.0),
    "ctc_loss": lambda x, *_: tg.log_softmax(30 * np.eye(3)[[[2, 1]] * 5]),
    "triplet_margin_loss": lambda x, y, n: n,
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_prediction_costs_no_more_than_another(name):
    """Losses are least where predictions say what the targets are; so a loss with a wrong sign is noticed."""
    loss, args = called(name)
    best = BEST.get(name, same)(*args)
    worst = WORST[name](*args) if name in WORST else 1.0 - best
    assert float(loss(best, *args[1:])) < float(loss(worst, *args[1:]))


def test_layers_have_the_options_of_their_functions():
    for name in LOSSES:
        options = {k for k, p in signature(getattr(ops, name)).parameters.items() if p.kind is p.KEYWORD_ONLY}
        weights = {"weight"} & {*signature(getattr(ops, name)).parameters}
        mine = set(inspect.signature(layer_of(name)).parameters)
        assert mine == options | weights, f"{name}: its layer takes {sorted(mine ^ (options | weights))} otherwise"


