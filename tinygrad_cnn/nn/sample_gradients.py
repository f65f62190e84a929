"""Gradients of each sample of a batch, without a loop over samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.by_sample import Samples, axis_of_samples, factors, scaled
from ..autodiff.calls import named
from ..autodiff.means import with_divisor
from ..core.engine import grad, in_order
from ..core.errors import describe
from ..core.modes import enable_grad, no_grad
from ..core.tensor import Tensor, plain
from .module import Module
from .parameter import Parameter

__all__ = ["per_sample_grad", "per_sample_grad_norm"]

Loss = Callable[[Any, Any], Any]
NONE = ' Give the losses one by one, as loss functions do with reduction="none".'


@named
def per_sample_grad(loss_fn: Loss, model: Module, x: Any, y: Any) -> dict[str, np.ndarray]:
    """The gradient of each sample's loss in every parameter that is trained: name -> ``(N, *parameter.shape)``.

    As a loop would give it, ``loss_fn(model(x[n:n+1]), y[n:n+1]).backward()`` for each n, from one forward pass and two
    walks back, in which the samples are kept apart.  The gradients take N times the memory of the parameters.

    Parameters
    ----------
    loss_fn : a function of outputs and targets that gives N losses, or their mean or sum.
    model : a Module that treats each sample by itself: with batch norm, one in eval mode.
    x : inputs, N along the first axis; several in a tuple.
    y : targets, N along the first axis; in a tuple, list or dict if the loss wants them so.

    Raises
    ------
    ValueError : samples are mixed, by a layer, which the message names, or by the loss; or there are not N losses.

    Examples
    --------
    >>> net = nn.Linear(3, 2, rng=0)
    >>> x, labels = tg.randn(8, 3, rng=1).data, np.arange(8) % 2
    >>> each = tg.per_sample_grad(tg.softmax_cross_entropy, net, x, labels)
    >>> {name: g.shape for name, g in each.items()}
    {'weight': (8, 3, 2), 'bias': (8, 2)}
    >>> tg.softmax_cross_entropy(net(x), labels).backward()
    >>> bool(np.allclose(each["weight"].mean(0), net.weight.grad, atol=1e-6))
    True

    Each sample's gradient cut to length 1, then noise, as private training (DP-SGD) wants it:

    >>> lengths = np.sqrt(sum((g.reshape(8, -1) ** 2).sum(1) for g in each.values()))
    >>> factor = np.minimum(1, 1 / lengths)
    >>> rng = np.random.default_rng(0)
    >>> for name, p in net.named_parameters():
    ...     total = np.tensordot(factor, each[name], 1)
    ...     p.grad = ((total + 0.5 * rng.standard_normal(p.shape)) / 8).astype(p.dtype)
    """
    samples, parameters = _samples("per_sample_grad", loss_fn, model, x, y)
    found = samples.gradients([p.node for p in parameters.values()])
    return {
        name: found[p.node] if p.node in found else np.zeros((samples.count, *p.shape), p.dtype)
        for name, p in parameters.items()
    }


@named
def per_sample_grad_norm(loss_fn: Loss, model: Module, x: Any, y: Any) -> np.ndarray:
    """The length of the gradient of each sample's loss in all parameters together.  (N,) float64

    Arguments and errors as in `per_sample_grad`.  The gradients of dense layers and embeddings are never made where
    products of their inputs and cotangents are cheaper; those of other layers are, one layer after another.

    Clipped gradients need no more: weigh each sample's loss so that its gradient has at most length 1.

    >>> net, x, labels = nn.Linear(3, 2, rng=0), tg.randn(8, 3, rng=1).data, np.arange(8) % 2
    >>> lengths = tg.per_sample_grad_norm(tg.softmax_cross_entropy, net, x, labels)
    >>> factor = np.minimum(1, 1 / lengths).astype(np.float32)
    >>> (tg.softmax_cross_entropy(net(x), labels, reduction="none") * factor).sum().backward()

    Source: Goodfellow (2015), "Efficient per-example gradient computations".
    """
    samples, parameters = _samples("per_sample_grad_norm", loss_fn, model, x, y)
    return np.asarray(np.sqrt(samples.squares([p.node for p in parameters.values()])))


def _samples(who: str, loss_fn: Loss, model: Module, x: Any, y: Any) -> tuple[Samples, dict[str, Parameter]]:
    """A forward pass with its cotangents by sample, and the parameters that are trained."""
    if not callable(loss_fn):
        raise TypeError(f"{who}: needs a loss function of outputs and targets first, got {describe(loss_fn)}.")
    if not isinstance(model, Module):
        raise TypeError(f"{who}: needs a Module second, got {describe(model)}.")
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise ValueError(f"{who}: {type(model).__name__} has no parameter that requires a gradient.")
    points = [_point(who, a) for a in (x if isinstance(x, tuple) else (x,))]
    count = len(points[0]) if points else 0
    if not count or any(p.shape[:1] != (count,) for p in points):
        shapes = ", ".join(str(p.shape) for p in points) or "none"
        raise ValueError(f"{who}: x must have at least one sample along its first axis, got inputs of shape {shapes}.")
    with enable_grad():
        outputs = model(*points)
        made: list[tuple[Tensor, Tensor]] = []
        leaves = _each(outputs, lambda t: _leaf(t, made))
        seeds = _cotangents(who, loss_fn, count, leaves, [leaf for _, leaf in made], y, parameters)
    pairs = [(t, g) for (t, _), g in zip(made, seeds, strict=True) if g is not None]
    samples = Samples(pairs, count, {p.node for p in points if p.requires_grad}, {p.node for p in points})
    if samples.mixing is not None:
        raise ValueError(
            f"{who}: {samples.mixing.label} mixes samples: what one gets depends on others, so it has no gradient of "
            "its own. Use model.eval(), in which batch norm does not, or layers that treat each sample by itself, "
            "such as nn.GroupNorm."
        )
    return samples, parameters


def _point(who: str, x: Any) -> Tensor:
    """An input as a leaf of its own, which requires a gradient if it is floating."""
    if not hasattr(x, "shape") or not x.shape:
        raise TypeError(f"{who}: x must be an array or a Tensor with samples along its first axis, got {describe(x)}.")
    point = Tensor(plain(x), name="x")
    point.requires_grad = point.dtype.kind == "f"
    return point


def _each(value: Any, fn: Callable[[Any], Any]) -> Any:
    """The same tuples, lists and dicts with `fn` of each value in them."""
    if isinstance(value, dict):
        return {k: _each(v, fn) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        parts = [_each(v, fn) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return fn(value)


def _leaf(t: Any, made: list[tuple[Tensor, Tensor]]) -> Any:
    """An output as a leaf for the loss, noted beside it; what has no history stays."""
    if not isinstance(t, Tensor) or not t.requires_grad:
        return t
    leaf = Tensor(t.data, requires_grad=True, copy=False)
    made.append((t, leaf))
    return leaf


def _cotangents(
    who: str, loss_fn: Loss, count: int, outputs: Any, leaves: list[Tensor], y: Any, parameters: dict[str, Parameter]
) -> list[Any]:
    """The gradients in the outputs of each sample's own loss, all samples in one array."""
    losses, divisor = with_divisor(loss_fn, outputs, y, otherwise=count)
    if not isinstance(losses, Tensor) or not losses.requires_grad:
        raise TypeError(f"{who}: loss_fn must return a Tensor that depends on the outputs, got {describe(losses)}.")
    _refuse_penalties(who, losses, parameters)
    if losses.shape == (count,):
        by = factors(count)
        ones, again = (
            grad(losses, leaves, grad_outputs=w.astype(losses.dtype), retain_graph=True, allow_unused=True)
            for w in (np.ones(count), by)
        )
        for g, h in zip(ones, again, strict=True):
            if g is not None and axis_of_samples(g, h, by) != 0:
                raise ValueError(f"{who}: loss_fn mixes samples: the loss of one depends on outputs for others.")
        return list(ones)
    if losses.shape:
        raise ValueError(
            f"{who}: loss_fn gave shape {losses.shape}; it must give one number, or {count}, one for each sample of x. "
            "Take the mean or sum over the other axes."
        )
    weights = _weights(who, loss_fn, outputs, y, count, losses.item(), divisor)
    found = grad(losses, leaves, allow_unused=True)
    if bad := [g.shape for g in found if g is not None and (not g.shape or len(g) % count)]:
        raise ValueError(f"{who}: the loss reads an output {bad[0]}, whose first axis is not the {count} samples.")
    return [None if g is None else scaled(g, weights) for g in found]


def _weights(who: str, loss_fn: Loss, outputs: Any, y: Any, count: int, loss: float, divisor: float) -> np.ndarray:
    """What the gradient of a mean or sum has to be multiplied by, for each sample, to be that of its own loss."""

    def part(n: int) -> Callable[[Any], Any]:
        return lambda v: v[n : n + 1] if getattr(v, "shape", ())[:1] == (count,) else v

    with no_grad():
        alone = [
            with_divisor(loss_fn, _each(outputs, part(n)), _part_of(y, n, count), otherwise=1) for n in range(count)
        ]
    values, divisors = np.array([float(v) for v, _ in alone]), np.array([d for _, d in alone])
    for total, weights in ((divisor * loss, divisors), (loss, np.ones(count))):  # a mean, or a sum
        size = np.abs(weights * values).sum()
        if abs((weights * values).sum() - total) <= 1e-3 * size or not np.isfinite(total):
            own = divisor if weights is divisors else 1.0
            return np.divide(own, weights, out=np.zeros(count), where=weights != 0)
    raise ValueError(f"{who}: loss_fn gave neither the mean nor the sum of what it gives for each sample alone.{NONE}")


def _part_of(y: Any, n: int, count: int) -> Any:
    """The targets of one sample."""
    if isinstance(y, (tuple, dict)):
        return _each(y, lambda v: _part_of(v, n, count))
    return y[n : n + 1] if hasattr(y, "__len__") and len(y) == count and not isinstance(y, str) else y


def _refuse_penalties(who: str, loss: Tensor, parameters: dict[str, Parameter]) -> None:
    """Refuse a loss that uses parameters by itself."""
    own = {p.node: name for name, p in parameters.items()}
    used = [own[node] for node in in_order([loss.node]) if node in own]
    if used:
        raise ValueError(
            f"{who}: loss_fn uses the parameter {used[0]!r} itself, beside the outputs, so its gradient is not of "
            "samples alone. Add penalties to the gradients afterwards."
        )
