"""Losses of vectors and scores that compare: cosines, distances, ranks and margins."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Reduction, Whole
from ..autodiff.numbers import number, whole
from ..core import Tensor
from ._arguments import Input, shape_of, values
from ._axes import axes_of
from ._reduced import check_reduction, pair, reduced, signs
from .activation import relu
from .algebra import floats
from .arithmetic import maximum, minimum, where
from .cross_entropy import class_count, class_indices, one_hot_rows
from .norms import vector_norm
from .reduce import norm, sum
from .shape import reshape

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "margin_ranking_loss", "multi_margin_loss",
    "triplet_margin_loss",
]  # fmt: skip


@named
def cosine_similarity(x1: Input, x2: Input, axis: Whole = -1, eps: Number = 1e-8) -> Any:
    """x1 @ x2 / (max(norm(x1), eps) * max(norm(x2), eps)) along an axis.  (..., D) · (..., D) -> (...)

    The cosine of the angle between vectors, 0 if one is 0; shapes broadcast.

    >>> float(tg.cosine_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0])))
    0.96
    """
    who = "cosine_similarity"
    eps = number(who, "eps", eps, above=0)
    shapes = shape_of(who, x1), shape_of(who, x2)
    x1, x2 = floats(who, x1, x2)
    try:
        ndim = len(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ValueError(f"{who}: x1 {shapes[0]} and x2 {shapes[1]} do not broadcast.") from None
    (axis,) = axes_of(who, whole(who, "axis", axis, None), ndim)
    axis -= ndim  # from the end, as the shapes are aligned there
    return sum(_unit(x1, axis, eps) * _unit(x2, axis, eps), axis=axis)


def _unit(x: Any, axis: int, eps: float) -> Any:
    if len(x.shape) < -axis:
        raise ValueError(f"cosine_similarity: axis {axis} is not an axis of both arguments, one has shape {x.shape}.")
    return x / maximum(norm(x, axis=axis, keepdims=True), eps)


def _vectors(who: str, *named_vectors: tuple[str, Any]) -> tuple[Any, ...]:
    """Arguments of one shape (..., D) as floats."""
    shapes = [shape_of(who, x) for _, x in named_vectors]
    if len(set(shapes)) > 1 or not shapes[0]:
        told = ", ".join(f"{name} {shape}" for (name, _), shape in zip(named_vectors, shapes, strict=True))
        raise ValueError(f"{who}: {told} must be vectors (..., D) of one shape.")
    return floats(who, *[x for _, x in named_vectors])


@named
def cosine_embedding_loss(
    x1: Input, x2: Input, y: Input, *, margin: Number = 0.0, reduction: Reduction = "mean"
) -> Any:
    """1 - cosine where y is 1, max(0, cosine - margin) where y is -1; reduced.

    x1 (..., D) · x2 (..., D) · y (...) -> () or (...)

    >>> x1, x2 = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.6, 0.8], [0.6, 0.8]])
    >>> tg.cosine_embedding_loss(x1, x2, np.array([1, -1]), reduction="none").round(6)
    array([0.4, 0.6])
    """
    who = "cosine_embedding_loss"
    check_reduction(who, reduction)
    margin = number(who, "margin", margin, -1, 1)
    x1, x2 = _vectors(who, ("x1", x1), ("x2", x2))
    cosine = cosine_similarity(x1, x2)
    y = signs(who, y, cosine.shape, cosine.dtype)
    return reduced(who, where(y > 0, 1 - cosine, relu(cosine - margin)), reduction)


@named
def triplet_margin_loss(
    anchor: Input, positive: Input, negative: Input, *, margin: Number = 1.0, p: Number = 2.0, eps: Number = 1e-6,
    swap: bool = False, reduction: Reduction = "mean",
) -> Any:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced.  Three (..., D) -> () or (...)

    d is the norm of order `p` of the difference plus `eps`, as in PyTorch.  With `swap`, the distance from positive to
    negative takes the place of that from the anchor where it is shorter (Balntas and others, 2016).
    Source: Schroff and others, FaceNet (2015).

    >>> a, p, n = np.array([[0.0, 0.0]]), np.array([[0.0, 2.0]]), np.array([[2.5, 0.0]])
    >>> float(tg.triplet_margin_loss(a, p, n).round(4))  # 2 - 2.5 + 1
    0.5
    """
    who = "triplet_margin_loss"
    margin, p, eps = number(who, "margin", margin, above=0), number(who, "p", p, above=0), number(who, "eps", eps, 0)
    anchor, positive, negative = _vectors(who, ("anchor", anchor), ("positive", positive), ("negative", negative))

    def distance(a: Any, b: Any) -> Any:
        return vector_norm(a - b + eps, axis=-1, ord=p)

    apart = distance(anchor, negative)
    if swap:
        apart = minimum(apart, distance(positive, negative))
    return reduced(who, relu(distance(anchor, positive) - apart + margin), reduction)


@named
def margin_ranking_loss(
    x1: Input, x2: Input, y: Input, *, margin: Number = 0.0, reduction: Reduction = "mean"
) -> Any:
    """max(0, -y * (x1 - x2) + margin), reduced: y is 1 where x1 should be the larger, else -1.

    (...) · (...) · (...) -> () or (...)

    >>> tg.margin_ranking_loss(np.array([1.0, 1.0]), np.array([3.0, 3.0]), np.array([1, -1]), reduction="none")
    array([2., 0.])
    """
    who = "margin_ranking_loss"
    margin = number(who, "margin", margin)
    x1, x2 = pair(who, x1, x2, "x1 and x2")
    y = signs(who, y, x1.shape, x1.dtype)
    return reduced(who, relu((x2 - x1) * y + margin), reduction)


@named
def hinge_embedding_loss(
    predictions: Input, targets: Input, *, margin: Number = 1.0, reduction: Reduction = "mean"
) -> Any:
    """x where the target is 1, max(0, margin - x) where it is -1; reduced.  x (...) · (...) -> () or (...)

    x is a distance, which should be 0 for what belongs together and at least `margin` for what does not.

    >>> tg.hinge_embedding_loss(np.array([0.3, 0.3]), np.array([1, -1]), reduction="none")
    array([0.3, 0.7])
    """
    who = "hinge_embedding_loss"
    margin = number(who, "margin", margin)
    shape_of(who, predictions)
    (x,) = floats(who, predictions)
    y = signs(who, targets, x.shape, x.dtype)
    return reduced(who, where(y > 0, x, relu(margin - x)), reduction)


@named
def multi_margin_loss(
    logits: Input, labels: Input, *, p: Whole = 1, margin: Number = 1.0, weight: Any = None,
    reduction: Reduction = "mean",
) -> Any:  # fmt: skip
    """The sum over wrong classes i of max(0, margin - x[label] + x[i])**p, divided by C; reduced.

    x (..., C) · labels (...) int -> () or (...)

    `weight` (C,) is multiplied by that of the label; the mean still divides by the number of rows.  `p` is 1 or 2.

    >>> float(tg.multi_margin_loss(np.array([[0.5, 1.0, 0.0]]), np.array([1])).round(4))  # (0.5 + 0) / 3
    0.1667
    """
    who = "multi_margin_loss"
    check_reduction(who, reduction)
    p, margin = whole(who, "p", p, 1, 2), number(who, "margin", margin)
    shape = shape_of(who, logits)
    labels = labels if isinstance(labels, Tensor) else np.asarray(labels)
    classes = class_count(who, shape, weight, 0.0)
    class_indices(who, shape, values(labels), None)
    (x,) = floats(who, logits)
    right = one_hot_rows(labels, classes=classes, dtype=x.dtype)
    rows = reshape(x, right.shape)
    over = relu(rows - sum(rows * right, axis=1, keepdims=True) + margin) * (1 - right)
    losses = sum(over if p == 1 else over * over, axis=1) * (1 / classes)
    if weight is not None:
        losses = losses * sum(right * np.asarray(values(weight), x.dtype), axis=1)
    return reduced(who, reshape(losses, shape[:-1]), reduction)
