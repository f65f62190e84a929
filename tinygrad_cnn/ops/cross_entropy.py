"""The losses of class labels; every one stable row by row, whatever the size of the logits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.calls import named
from ..autodiff.effects import whole
from ..autodiff.kinds import Number, Reduction, Whole
from ..autodiff.means import divides_by
from ..autodiff.numbers import number
from ..autodiff.sample import positive, probabilities
from ..core import Tensor, op
from ..core.errors import describe
from ._arguments import Input, check_finite, shape_of, values
from ._reduced import check_reduction
from .algebra import cast, floats
from .arithmetic import where
from .reduce import sum
from .shape import reshape
from .softmax_rows import log_softmax

__all__ = ["nll_loss", "softmax_cross_entropy"]


def class_count(who: str, shape: Any, weight: Any, smoothing: Number) -> int:
    """How many classes the logits have, after checking the settings that go by it."""
    classes = shape[-1] if shape else 0
    if not classes:
        raise ValueError(f"{who}: logits have shape {shape}; the last axis must hold at least one class.")
    number(who, "label_smoothing", smoothing, 0, 1)
    if weight is not None and (np.shape(weight) != (classes,) or weight.dtype.kind not in "biuf"):
        raise ValueError(f"{who}: weight is {describe(weight)}, expected ({classes},): one real number per class.")
    check_finite(who, "weight", weight, "Give a class without examples the weight 0.")
    return int(classes)


@whole
def class_indices(
    who: str, shape: Any, labels: Any, ignore_index: Any, checked: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Class indices as one row of numbers, 0 where the label is ignored, and where it is not."""
    if labels.shape != shape[:-1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{who}: logits {shape} need labels of shape {shape[:-1]} (whole numbers, class indices) or {shape} "
            f"(rows of probabilities), got {labels.shape} {labels.dtype}."
            + (" Convert them by astype(np.int64)." if labels.shape == shape[:-1] else "")
            + (" Is the order (logits, labels)?" if labels.shape[:-1] == shape else "")
        )
    flat, classes = labels.ravel(), shape[-1]
    used = np.ones(flat.shape, bool) if ignore_index is None else flat != ignore_index
    if not checked and (wrong := used & ((flat < 0) | (flat >= classes))).any():
        k = wrong.argmax()
        place = np.unravel_index(k, labels.shape)
        raise ValueError(
            f"{who}: labels[{', '.join(str(int(k)) for k in place)}] = {flat[k]} is not a valid class: "
            f"logits {shape} have {classes}, numbered 0 to {classes - 1}. Mark labels to be skipped with ignore_index."
        )
    return flat if ignore_index is None else np.where(used, flat, 0), used


def _targets(
    who: str, shape: Any, labels: Any, dtype: Any, weight: Any, ignore_index: Any, smoothing: Number
) -> tuple[np.ndarray, np.ndarray]:
    """The weight of every log-probability, (rows, C), and what a mean divides by, per row (rows,)."""
    classes = class_count(who, shape, weight, smoothing)
    w = np.ones(classes, dtype) if weight is None else weight.astype(dtype, copy=False)
    if labels.shape == shape:
        rows = labels.reshape(-1, classes).astype(dtype)
        return (rows * (1 - smoothing) + smoothing / classes) * w, np.ones(len(rows), dtype)
    label, used = class_indices(who, shape, labels, ignore_index)
    rows = np.tile(w * (smoothing / classes), (len(label), 1))
    rows[np.arange(len(label)), label] += (1 - smoothing) * w[label]
    return np.where(used[:, None], rows, 0), np.where(used, w[label], 0)


def _scale(counts: np.ndarray, reduction: str) -> Any:
    """What every row's loss is multiplied by; nothing to average over gives 0."""
    if reduction != "mean":
        return 1.0
    total = counts.sum()
    divides_by(total)
    return 1 / total if total else 0.0


def _cross_entropy_ref(
    logits: np.ndarray, labels: Any, weight: Any = None, *, ignore_index: Any = None, label_smoothing: Number = 0.0,
    reduction: str = "mean",
) -> np.ndarray:  # fmt: skip
    """The definition, in Python numbers, row by row."""
    classes, losses, total = logits.shape[-1], [], 0.0
    w = [1.0] * classes if weight is None else [float(v) for v in weight]
    index = labels.shape != logits.shape
    for row, label in zip(logits.reshape(-1, classes), labels.reshape(-1, *(() if index else (classes,))), strict=True):
        if index and ignore_index is not None and label == ignore_index:
            losses.append(0.0)
            continue
        top = math.log(math.fsum(math.exp(v) for v in row))
        p = [float(c == label) for c in range(classes)] if index else list(label)
        p = [(1 - label_smoothing) * v + label_smoothing / classes for v in p]
        losses.append(-math.fsum(w[c] * p[c] * (row[c] - top) for c in range(classes)))
        total += w[label] if index else 1.0
    if reduction == "none":
        return np.array(losses).reshape(logits.shape[:-1])
    return np.array(math.fsum(losses) / ((total or 1.0) if reduction == "mean" else 1.0))


_NAME = "softmax_cross_entropy"


@op(
    samples=[S(labels=np.array([0, 2, 1]), classes=3, dtype=np.float64),
             S(labels=np.array([[0, -1], [2, 1]]), classes=3, ignore_index=-1, dtype=np.float32)],
    ref=lambda labels, classes, dtype, ignore_index=None: np.array(
        [[float(c == label) for c in range(classes)] for label in labels.ravel()]),
)  # fmt: skip
def one_hot_rows(labels: Any, *, classes: int, dtype: Any, ignore_index: int | None = None) -> Any:
    """Rows with 1 in the column of the label's class, without any if it is ignored.  labels (...) int -> (rows, C)"""
    label, used = class_indices("one_hot_rows", (*labels.shape, classes), labels, ignore_index)
    return ((label[:, None] == np.arange(classes)) & used[:, None]).astype(dtype)


def _weighed(
    who: str, logp: Any, labels: Any, weight: Any, ignore_index: Any, label_smoothing: Number, reduction: str
) -> Any:  # fmt: skip
    """The loss of log-probabilities (..., C) in terms of ops."""
    shape, classes = logp.shape, class_count(who, logp.shape, weight, label_smoothing)
    flat, counts = reshape(logp, (-1, classes)), None
    weight = weight if weight is None else cast(weight, dtype=logp.dtype)
    if labels.shape == shape:
        rows = cast(labels, dtype=logp.dtype) if labels.dtype != logp.dtype else labels
        rows = reshape(rows, flat.shape) * (1 - label_smoothing) + label_smoothing / classes
    else:
        rows = one_hot_rows(labels, classes=classes, dtype=logp.dtype, ignore_index=ignore_index)
        counts = sum(rows if weight is None else rows * weight, axis=1)
        if label_smoothing:
            rows = rows * (1 - label_smoothing) + sum(rows, axis=1, keepdims=True) * (label_smoothing / classes)
    rows = rows if weight is None else rows * weight
    losses = -sum(where(rows != 0, rows * flat, 0), axis=1)
    if reduction == "none":
        return reshape(losses, shape[:-1])
    if reduction == "sum":
        return sum(losses)
    if counts is None:
        divides_by(losses.shape[0])
        return sum(losses) * (1 / losses.shape[0] if losses.shape[0] else 0.0)
    total = sum(counts)
    divides_by(values(total))
    return sum(losses) / where(total != 0, total, 1)


def _cross_entropy(
    logits: Any, labels: Any, weight: Any = None, *, ignore_index: int | None = None, label_smoothing: Number = 0.0,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """The same in terms of other ops."""
    if ignore_index is not None and labels.shape != logits.shape:  # what is ignored may be NaN, and is not to spread it
        logits = where(reshape(labels != ignore_index, (*labels.shape, 1)), logits, 0)
    logp = log_softmax(logits)
    return _weighed(_NAME, logp, labels, weight, ignore_index, label_smoothing, reduction)


@op(
    floating=["logits"],
    aux=["p"],
    samples=[
        S(logits=(4, 3), labels=np.array([0, 2, 1, 1])), S(logits=(4, 3), labels=probabilities(4, 3), reduction="sum"),
        S(logits=(4, 3), labels=np.array([0, 2, -1, 1]), weight=positive(3), ignore_index=-1, label_smoothing=0.2),
        S(logits=(2, 2, 3), labels=np.array([[0, 1], [2, 2]]), reduction="none", label_smoothing=0.1),
        S(logits=(2, 3), labels=probabilities(2, 3), weight=positive(3), label_smoothing=0.3),
        S(logits=(3,), labels=np.array(2)), S(logits=(2, 3), labels=np.array([9, 9]), ignore_index=9),
    ],
    ref=_cross_entropy_ref,
    composition=_cross_entropy,
    cost=lambda logits_shape: 5 * math.prod(logits_shape),
)  # fmt: skip
def softmax_cross_entropy(
    logits: Any, labels: Any, weight: Any = None, *, ignore_index: Whole | None = None, label_smoothing: Number = 0.0,
    reduction: Reduction = "mean",
) -> Any:  # fmt: skip
    """-log softmax(logits)[label], reduced.  logits (..., C) · labels (...) int, or (..., C) -> () or (...)

    Parameters
    ----------
    labels : class indices, or rows of probabilities; these and `weight` are taken in the dtype of the logits.
    weight : (C,), of each class, finite; the mean is then weighted too (for class indices).
    ignore_index : rows with this label count nothing, even if they hold NaN; if all rows have it, the mean is 0, and so
        is its gradient.
    label_smoothing : this share of each target is spread evenly over all classes.
    reduction : "mean" (over rows, by weight), "sum" or "none".

    Raises
    ------
    ValueError : a label is not a valid class, or shapes do not match.

    Source: the definitions of PyTorch's cross_entropy, but for the mean over no rows.

    Examples
    --------
    >>> logits = tg.Tensor(np.log([[1.0, 3.0], [1.0, 1.0]]), requires_grad=True)
    >>> loss = tg.softmax_cross_entropy(logits, np.array([1, 0]))
    >>> round(loss.item(), 4)  # the mean of -log 3/4 and -log 1/2
    0.4904
    >>> tg.grad(loss, logits).round(3)  # (softmax - one-hot) / N
    array([[ 0.125, -0.125],
           [-0.25 ,  0.25 ]])
    """
    check_reduction(_NAME, reduction)
    x = logits.reshape(-1, class_count(_NAME, logits.shape, weight, label_smoothing))
    p, top, log_sum = kernels.softmax_sums(x)
    if _one_each(logits.shape, labels, weight, label_smoothing):
        label, used = class_indices(_NAME, logits.shape, labels, ignore_index)
        losses = log_sum + (top - x[np.arange(len(x)), label])
        losses, counts = np.where(used, losses, 0), used
    else:
        rows, counts = _targets(_NAME, logits.shape, labels, x.dtype, weight, ignore_index, label_smoothing)
        losses = -np.sum(np.where(rows != 0, rows * (x - top[:, None] - log_sum[:, None]), 0), axis=1)
    if reduction == "none":
        return losses.reshape(logits.shape[:-1]), p
    return np.asarray(losses.sum() * _scale(counts, reduction), logits.dtype), p


def _one_each(shape: Any, labels: Any, weight: Any, smoothing: Number) -> bool:
    """Whether every row has one class and all count alike: then no (rows, C) array of targets is needed."""
    return labels.shape != shape and weight is None and not smoothing


def _by_row(g: Any, counts: Any, reduction: str) -> Any:
    """The cotangent of each row's loss, (rows, 1)."""
    return np.reshape(g, (-1, 1)) if reduction == "none" else g * float(_scale(counts, reduction))


def _logits_rule(
    g: Any, p: Any, labels: Any, weight: Any, ignore_index: Any, label_smoothing: Number, reduction: str,
    logits_shape: Any,
) -> Any:  # fmt: skip
    if not _one_each(logits_shape, labels, weight, label_smoothing):
        rows, counts = _targets(_NAME, logits_shape, labels, p.dtype, weight, ignore_index, label_smoothing)
        dx = (p * rows.sum(axis=1, keepdims=True) - rows) * _by_row(g, counts, reduction)
        if ignore_index is not None and labels.shape != logits_shape:
            dx[labels.ravel() == ignore_index] = 0  # where p may be NaN
        return dx.reshape(logits_shape).astype(p.dtype, copy=False)
    label, used = class_indices(_NAME, logits_shape, labels, ignore_index, checked=True)
    share = np.where(used[:, None], _by_row(g, used, reduction), 0).astype(p.dtype, copy=False)
    dx = kernels.mul(p, share)
    if ignore_index is not None:
        dx[~used] = 0  # where p may be NaN
    dx[np.arange(len(p)), label] -= share[:, 0]
    return dx.reshape(logits_shape)


def _labels_rule(g: Any, logits: Any, weight: Any, label_smoothing: Number, reduction: str) -> Any:
    logp = log_softmax(logits.reshape(-1, logits.shape[-1]))
    if weight is not None:
        logp = logp * weight.astype(logits.dtype, copy=False)
    dp = logp * _by_row(g, np.ones(len(logp)), reduction) * -(1 - label_smoothing)
    return dp.reshape(logits.shape)


def _weight_rule(
    g: Any, y: Any, logits: Any, labels: Any, weight: Any, ignore_index: Any, label_smoothing: Number, reduction: str
) -> Any:  # fmt: skip
    flat = (len(logits.reshape(-1, logits.shape[-1])), logits.shape[-1])
    ones = np.ones(flat[1], logits.dtype)
    rows, counts = _targets(_NAME, logits.shape, labels, logits.dtype, ones, ignore_index, label_smoothing)
    own = np.where(rows != 0, rows * log_softmax(logits.reshape(flat)), 0) * -1
    if labels.shape == logits.shape or reduction != "mean":
        return (own * _by_row(g, counts, reduction)).sum(axis=0)
    label, used = class_indices(_NAME, logits.shape, labels, ignore_index)
    each = np.bincount(label[used], minlength=flat[1]).astype(logits.dtype)  # weights are in the divisor of a mean
    return g * (own.sum(axis=0) - y * each) * float(_scale(np.where(used, weight[label], 0), reduction))


softmax_cross_entropy.vjp(logits=_logits_rule, labels=_labels_rule, weight=_weight_rule)
softmax_cross_entropy.formula(
    logits="share(g) * (sum(t) * softmax(logits) - t)",
    labels="-(1 - label_smoothing) * share(g) * weight * log_softmax(logits)",
    weight="-sum_rows(share(g) * t / weight * log_softmax(logits)) - share(g * y) * uses",
)


@named
def nll_loss(
    log_probabilities: Input,
    labels: Input,
    weight: Any = None,
    *,
    ignore_index: Whole | None = None,
    reduction: Reduction = "mean",
) -> Any:
    """-log_probabilities[label], reduced as in `softmax_cross_entropy`.  (..., C) · (...) int -> () or (...)

    >>> log_p = np.log([[0.5, 0.5], [0.25, 0.75]])
    >>> round(float(tg.nll_loss(log_p, np.array([0, 1]))), 4)  # of -log 1/2 and -log 3/4
    0.4904
    """
    check_reduction("nll_loss", reduction)
    if not isinstance(labels, Tensor):
        labels = np.asarray(labels)
    class_indices("nll_loss", shape_of("nll_loss", log_probabilities), values(labels), ignore_index)  # checks them
    (log_probabilities,) = floats("nll_loss", log_probabilities)
    return _weighed("nll_loss", log_probabilities, labels, weight, ignore_index, 0.0, reduction)
