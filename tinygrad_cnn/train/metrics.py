"""Metrics: functions of (outputs, targets) that give a number; for classifiers, masks and regression.

A metric of a whole data set is not always the mean of what it is of each batch.  Those here are therefore made of
*counts*, numbers that add up over batches: ``metric.count(outputs, targets)`` gives them, and ``metric.result(total)``
makes the metric of their sum.  `fit` and `evaluate` use the two where a metric has them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.means import divides_by
from ..core.errors import describe

__all__ = ["accuracy", "f1", "from_counts", "mae", "miou", "mse", "top5"]

Metric = Callable[..., Any]


def from_counts(result: Callable[[np.ndarray], Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make a metric of a function of (outputs, targets) that counts, and of `result`, which is given the sum of counts.

    >>> @tg.train.from_counts(lambda total: total[0] / total[1])
    ... def above(outputs, targets):
    ...     "The share of outputs above their targets."
    ...     return np.array([(outputs > targets).sum(), targets.size])
    >>> above(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    0.5
    >>> above.count(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    array([1, 2])
    """

    def decorate(count: Callable[..., np.ndarray]) -> Any:
        @wraps(count)
        def metric(*given: Any, **options: Any) -> float:
            total = count(*given, **options)
            if result is _share:
                divides_by(total[1])
            return float(result(total))

        made: Any = metric
        made.count, made.result = count, result
        count.__qualname__ = f"{metric.__qualname__}.count"  # where it is found again when it is pickled
        return made

    return decorate


def counting(metric: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """Return the `count` and `result` of a metric, also of a `functools.partial` of one; None if it has none."""
    if isinstance(metric, partial) and (inner := counting(metric.func)) is not None:
        return partial(inner[0], *metric.args, **metric.keywords), inner[1]
    count, result = getattr(metric, "count", None), getattr(metric, "result", None)
    return (count, result) if callable(count) and callable(result) else None


def _share(total: np.ndarray) -> float:
    return float(total[0]) / float(total[1]) if total[1] else 0.0


def _classes(who: str, outputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs of a classifier as (rows, classes), the largest of each row, and the label of each row.

    One output for each label, (...) or (...,1), is the logit of class 1 beside class 0.
    """
    outputs, labels = np.asarray(outputs), np.asarray(labels)
    if outputs.ndim and (outputs.shape[-1] == 1 or outputs.ndim == 1) and labels.size == outputs.size:
        logit = outputs.reshape(-1)
        return np.stack([np.zeros_like(logit), logit], -1), (logit > 0).astype(int), _whole(labels).reshape(-1)
    if outputs.ndim and labels.shape == outputs.shape:
        labels = labels.argmax(axis=-1)
    if labels.shape != outputs.shape[:-1] or not outputs.ndim:
        raise ValueError(
            f"{who}: outputs {outputs.shape} need labels of shape {outputs.shape[:-1]} (class indices) or "
            f"{outputs.shape} (rows of probabilities), got {labels.shape}."
        )
    rows = outputs.reshape(-1, outputs.shape[-1])
    return rows, rows.argmax(axis=-1), _whole(labels).reshape(-1)


def _whole(labels: np.ndarray) -> np.ndarray:
    return labels if labels.dtype.kind in "iu" else labels.astype(np.int64)


@named
@from_counts(_share)
def accuracy(outputs: Any, labels: Any, *, ignore_index: int | None = None) -> np.ndarray:
    """The share of rows whose largest output is the label's.  outputs (...,C) · labels (...) or (...,C) -> [0, 1]

    One output for each label, (N,) or (N,1), is the logit of class 1 beside class 0.  Rows with the label
    `ignore_index` do not count; of no rows the accuracy is 0.  As a metric of `fit`:
    ``metrics={"accuracy": functools.partial(tg.train.accuracy, ignore_index=255)}``.

    >>> tg.train.accuracy(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([1, 1]))
    0.5
    """
    _, guesses, labels = _classes("accuracy", outputs, labels)
    right, used = np.count_nonzero(guesses == labels), labels.size
    if ignore_index is not None:
        right -= np.count_nonzero(guesses[labels == ignore_index] == ignore_index)
        used = np.count_nonzero(labels != ignore_index)
    return np.array([right, used], np.int64)


@named
@from_counts(_share)
def top5(outputs: Any, labels: Any, *, ignore_index: int | None = None) -> np.ndarray:
    """The share of rows whose label has one of the five largest outputs.  outputs (...,C) · labels (...) -> [0, 1]

    Of equal outputs the first counts as larger, and one that is NaN never is among the five.

    >>> scores = np.arange(8.0)[None]  # the last five of eight
    >>> tg.train.top5(scores, np.array([3])), tg.train.top5(scores, np.array([2]))
    (1.0, 0.0)
    """
    rows, _, labels = _classes("top5", outputs, labels)
    used = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    rows, labels = rows[used], labels[used]
    _check_range("top5", labels, rows.shape[-1])
    own = np.take_along_axis(rows, labels[:, None], axis=-1)
    behind = (rows < own) | ((rows == own) & (np.arange(rows.shape[-1]) > labels[:, None]))
    ahead = rows.shape[-1] - 1 - behind.sum(axis=-1)
    return np.array([((ahead < 5) & ~np.isnan(own[:, 0])).sum(), len(labels)], np.int64)


def _check_range(who: str, labels: np.ndarray, classes: int) -> None:
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        bad = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(f"{who}: label {bad} is out of range: 0 to {classes - 1} for {classes} classes.")


def _confusion(who: str, outputs: Any, labels: Any, ignore_index: int | None) -> np.ndarray:
    """How often each class (row) was taken for each other (column), (C,C)."""
    rows, guesses, labels = _classes(who, outputs, labels)
    classes = rows.shape[-1]
    if ignore_index is not None:
        guesses, labels = guesses[labels != ignore_index], labels[labels != ignore_index]
    _check_range(who, labels, classes)
    return np.bincount(labels * classes + guesses, minlength=classes**2).reshape(classes, classes)


def _mean_iou(confusion: np.ndarray) -> float:
    both = np.diag(confusion)
    either = confusion.sum(0) + confusion.sum(1) - both
    return float(np.mean(both[either > 0] / either[either > 0])) if either.any() else 0.0


def _mean_f1(confusion: np.ndarray) -> float:
    sizes = confusion.sum(0) + confusion.sum(1)
    return float(np.mean(2 * np.diag(confusion)[sizes > 0] / sizes[sizes > 0])) if sizes.any() else 0.0


@named
@from_counts(_mean_iou)
def miou(outputs: Any, labels: Any, *, ignore_index: int | None = None) -> np.ndarray:
    """The mean over classes of intersection over union.  outputs (N,H,W,C) · labels (N,H,W) -> [0, 1]

    Of a class, the pixels that are of it and are taken for it, divided by those that are or are taken.  Classes that
    neither occur nor are guessed do not count, nor do pixels with the label `ignore_index`.

    >>> masks = np.array([[[0, 1], [1, 1]]])
    >>> guess = np.array([[[0, 0], [1, 1]]])  # 1 of 2 pixels of class 0, 2 of 3 of class 1
    >>> round(tg.train.miou(np.eye(2)[guess], masks), 4)
    0.5833
    """
    return _confusion("miou", outputs, labels, ignore_index)


@named
@from_counts(_mean_f1)
def f1(outputs: Any, labels: Any, *, ignore_index: int | None = None) -> np.ndarray:
    """The mean over classes of F1, the harmonic mean of precision and recall.  outputs (...,C) · labels (...) -> [0, 1]

    Also called macro F1.  Classes that neither occur nor are guessed do not count.

    >>> labels, guesses = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])  # F1 is 2/3 of class 0, 4/5 of class 1
    >>> round(tg.train.f1(np.eye(2)[guesses], labels), 4)
    0.7333
    """
    return _confusion("f1", outputs, labels, ignore_index)


def _differences(who: str, outputs: Any, targets: Any) -> np.ndarray:
    outputs, targets = np.asarray(outputs), np.asarray(targets)
    if outputs.shape != targets.shape:
        raise ValueError(
            f"{who}: outputs {outputs.shape} and targets {targets.shape} must have the same shape. "
            "Reshape one of them, for example targets[:, None]."
        )
    if not all(a.dtype.kind in "iufb" for a in (outputs, targets)):
        raise TypeError(f"{who}: outputs and targets must be numbers, got {describe(outputs)}, {describe(targets)}.")
    return outputs.astype(np.float64) - targets


@named
@from_counts(_share)
def mae(outputs: Any, targets: Any) -> np.ndarray:
    """The mean absolute difference of outputs and targets of one shape, of any number of axes.

    >>> tg.train.mae(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    1.5
    """
    difference = _differences("mae", outputs, targets)
    return np.array([np.abs(difference).sum(), difference.size])


@named
@from_counts(_share)
def mse(outputs: Any, targets: Any) -> np.ndarray:
    """The mean squared difference of outputs and targets of one shape, of any number of axes.

    >>> tg.train.mse(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    2.5
    """
    difference = _differences("mse", outputs, targets)
    return np.array([np.square(difference).sum(), difference.size])
