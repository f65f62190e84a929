"""Losses of overlap, for segmentation: regions that are predicted beside those that are true."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Outputs, Reduction, Whole
from ..autodiff.numbers import number
from ..core import Tensor
from ._arguments import Input, shape_of, values
from ._reduced import check_reduction, reduced
from .algebra import cast, floats
from .arithmetic import where
from .cross_entropy import class_indices, one_hot_rows
from .elementwise import sigmoid
from .reduce import sum
from .shape import reshape
from .softmax_rows import softmax

__all__ = ["dice_loss"]


@named
def dice_loss(
    predictions: Input, targets: Input, *, activation: Outputs = None,
    smooth: Number = 1.0, squared: bool = False, ignore_index: Whole | None = None, reduction: Reduction = "mean",
) -> Any:  # fmt: skip
    """1 - (2 * sum(p * t) + smooth) / (sum(p) + sum(t) + smooth) for each image and class; reduced.

    p (N, ..., C) · t (N, ..., C), or labels (N, ...) int -> () or (N, C)

    Sums go over all axes but the first and the last.

    Parameters
    ----------
    predictions : probabilities p, or logits with `activation`: "softmax" over classes, or "sigmoid", as for C = 1.
    targets : shares t of each class, mostly 0 or 1, or labels: class indices, or 0 and 1 if C = 1.
    smooth : keeps the quotient defined where a class is in neither; that costs 0 then, or 1 with ``smooth=0``.
    squared : sums of p**2 and t**2 in the divisor, as Milletari and others have it (V-Net, 2016).
    ignore_index : pixels with this label count nothing.

    Source: Sudre and others, Generalised Dice overlap (2017), without weights.

    >>> p, t = np.array([[[0.5], [1.0]]]), np.array([[0, 1]])  # one image of two pixels
    >>> float(tg.dice_loss(p, t, smooth=0.0))  # 1 - 2 * 1 / (1.5 + 1)
    0.19999999999999996
    """
    who = "dice_loss"
    check_reduction(who, reduction)
    if activation not in (None, "softmax", "sigmoid"):
        raise ValueError(f'{who}: activation={activation!r} must be "softmax", "sigmoid" or None, for probabilities.')
    smooth = number(who, "smooth", smooth, 0)
    shape, other = shape_of(who, predictions), shape_of(who, targets)
    if len(shape) < 2 or not shape[-1] or other not in (shape, shape[:-1]):
        raise ValueError(
            f"{who}: predictions {shape} must be (N, ..., C) and targets of the same shape, or labels of shape "
            f"{shape[:-1]}; they have shape {other}."
        )
    (p,) = floats(who, predictions)
    p = p if activation is None else softmax(p) if activation == "softmax" else sigmoid(p)
    t, used = _shares(who, targets, shape, other, p.dtype, ignore_index)
    p, t = (reshape(x, (shape[0], math.prod(shape[1:-1]), shape[-1])) for x in (p, t))
    if used is not None:
        p = p * reshape(cast(used, dtype=p.dtype), (*p.shape[:2], 1))
    both = sum(p * t, axis=1)
    whole = sum(p * p + t * t if squared else p + t, axis=1)
    if not smooth:
        whole = where(whole == 0, 1, whole)
    return reduced(who, 1 - (2 * both + smooth) / (whole + smooth), reduction)


def _shares(who: str, targets: Any, shape: Any, other: Any, dtype: Any, ignore_index: Any) -> tuple[Any, Any]:
    """Targets as shares of each class, and which pixels count, None for all."""
    if other == shape:
        if ignore_index is not None:
            raise ValueError(f"{who}: ignore_index={ignore_index} needs labels, but targets have shape {other}.")
        (t,) = floats(who, targets)
        return cast(t, dtype=dtype), None
    labels = targets if isinstance(targets, Tensor) else np.asarray(targets)
    if values(labels).dtype.kind == "b":
        labels = cast(labels, dtype=np.int64)
    class_indices(who, (*other, max(shape[-1], 2)), values(labels), ignore_index)
    used = None if ignore_index is None else labels != ignore_index
    if shape[-1] == 1:
        t = cast(labels, dtype=dtype)
        return (t if used is None else t * cast(used, dtype=dtype)), used
    return one_hot_rows(labels, classes=shape[-1], dtype=dtype, ignore_index=ignore_index), used
