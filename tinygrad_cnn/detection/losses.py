"""Losses on pairs of boxes, made of ops, so that they have gradients of every order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.means import divides_by
from ..ops import maximum, minimum
from ..ops._reduced import check_reduction
from ._check import boxes_of

TINY = 1e-9  # beside an area: no division by zero


@named
def iou_loss(predicted: Any, target: Any, *, reduction: str = "mean") -> Any:
    """1 - IoU of each predicted box with the one it should be; differentiable.  (N, 4) · (N, 4) -> () or (N,)

    Its gradient is zero where the two do not touch; `giou_loss` has one there too.

    Parameters
    ----------
    predicted : boxes (x0, y0, x1, y1), Tensor or array; an inverted one counts as having no area.
    target : true boxes, plain numbers.
    reduction : "mean", "sum" or "none"; the mean over no boxes is 0.

    Raises
    ------
    ValueError : shapes differ; target boxes are inverted or not finite.
    """
    predicted, true = _pair("iou_loss", predicted, target, reduction)
    iou, _ = _iou(predicted, true)
    return _reduced(1 - iou, reduction)


@named
def giou_loss(predicted: Any, target: Any, *, reduction: str = "mean") -> Any:
    """1 - generalised IoU (Rezatofighi and others 2019), from 0 to 2; differentiable.  (N, 4) · (N, 4) -> () or (N,)

    From IoU is taken the share of the smallest box round both that neither of the two fills, so that boxes apart from
    each other are drawn together.  Parameters and errors are those of `iou_loss`.
    """
    predicted, true = _pair("giou_loss", predicted, target, reduction)
    iou, union = _iou(predicted, true)
    low, high = minimum(predicted[:, :2], true[:, :2]), maximum(predicted[:, 2:], true[:, 2:])
    hull = _area(low, high)
    return _reduced(1 - iou + (hull - union) / (hull + TINY), reduction)


def _pair(who: str, predicted: Any, target: Any, reduction: str) -> tuple[Any, np.ndarray]:
    check_reduction(who, reduction)
    predicted = predicted if hasattr(predicted, "shape") else np.asarray(predicted, np.float64)
    true = boxes_of(who, "target", target)
    if predicted.shape != true.shape or predicted.dtype.kind != "f":
        raise ValueError(
            f"{who}: predicted has shape {tuple(predicted.shape)} {predicted.dtype}, expected floats of the target's "
            f"shape {true.shape}: the boxes are compared pair by pair."
        )
    return predicted, true.astype(predicted.dtype)


def _area(low: Any, high: Any) -> Any:
    sides = maximum(high - low, 0.0)
    return sides[:, 0] * sides[:, 1]


def _iou(a: Any, b: Any) -> tuple[Any, Any]:
    common = _area(maximum(a[:, :2], b[:, :2]), minimum(a[:, 2:], b[:, 2:]))
    union = _area(a[:, :2], a[:, 2:]) + _area(b[:, :2], b[:, 2:]) - common
    return common / (union + TINY), union


def _reduced(loss: Any, reduction: str) -> Any:
    if reduction == "none":
        return loss
    if reduction == "mean":
        divides_by(len(loss))
    return loss.sum() / max(len(loss), 1) if reduction == "mean" else loss.sum()
