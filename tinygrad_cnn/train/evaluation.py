"""A model over a whole data set, without recording: its outputs, its loss, its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Array, Whole
from ..autodiff.means import divides_by, with_divisor
from ..autodiff.numbers import whole
from ..core import Tensor, no_grad
from ..core.tensor import plain
from ..data import DataLoader
from ..data.dataset import Samples
from ..insight.evaluation import evaluating, outputs_for
from ..ops import softmax_cross_entropy

Metric = Callable[[np.ndarray, np.ndarray], float]


@named
def accuracy(outputs: np.ndarray, labels: np.ndarray, *, ignore_index: int | None = None) -> float:
    """The share of rows whose largest output is the label's.  outputs (...,C) · labels (...) or (...,C) -> [0, 1]

    Rows with the label `ignore_index` do not count; of no rows the accuracy is 0.  As a metric of `fit`:
    ``metrics={"accuracy": functools.partial(tg.train.accuracy, ignore_index=255)}``.
    """
    if np.ndim(labels) == np.ndim(outputs):
        labels = np.argmax(labels, axis=-1)
    right = np.argmax(outputs, axis=-1) == labels
    right = right if ignore_index is None else right[labels != ignore_index]
    divides_by(right.size)
    return float(np.mean(right)) if right.size else 0.0


@named
def predict(model: Callable[..., Any], images: Tensor | Array, *, batch_size: Whole = 256) -> np.ndarray:
    """The model's outputs (logits) for images (N,H,W,C), in evaluation mode, nothing recorded -> (N, ...).

    >>> logits = tg.predict(model, images)
    >>> logits.shape, logits.argmax(axis=1).shape
    ((16, 10), (16,))
    """
    images, batch_size = plain(images), whole("predict", "batch_size", batch_size)
    if images.ndim == 0:
        raise ValueError("predict: images must be an array (N, H, W, C), got a number.")
    return outputs_for(model, images, batch_size)


@named
def evaluate(
    model: Callable[..., Any],
    data: Samples | DataLoader,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    batch_size: Whole = 256,
) -> dict[str, float]:
    """The loss and the metrics of a model on a whole data set.

    Parameters
    ----------
    data : a Dataset or a DataLoader of (inputs, labels).
    loss : function of (outputs, labels) that gives a mean; default `softmax_cross_entropy`.  The mean over the data set
        does not depend on `batch_size`, also where class weights or ignored labels make rows count differently.
    metrics : functions of (outputs, labels) on the whole set, by name; default accuracy, for the default loss.

    Returns
    -------
    ``{"loss": ..., "accuracy": ...}``, Python numbers.

    Raises
    ------
    ValueError : the data set is empty.

    Examples
    --------
    >>> found = tg.evaluate(model, test)
    >>> sorted(found), 0 <= found["accuracy"] <= 1
    (['accuracy', 'loss'], True)
    """
    loss, metrics = defaults(loss, metrics)
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size=batch_size, seed=0)
    total, weight, outputs, labels = 0.0, 0.0, [], []
    with evaluating(model), no_grad():
        for x, y in loader:
            out = model(x)
            value, divisor = with_divisor(loss, out, y, otherwise=len(x))
            total, weight = total + float(plain(value)) * divisor, weight + divisor
            outputs.append(plain(out))
            labels.append(plain(y))
    out, y = np.concatenate(outputs), np.concatenate(labels)
    mean = total / weight if weight else 0.0
    return {"loss": mean, **{name: float(metric(out, y)) for name, metric in metrics.items()}}


def defaults(
    loss: Callable[[Any, Any], Any] | None, metrics: Mapping[str, Metric] | None
) -> tuple[Callable[[Any, Any], Any], dict[str, Metric]]:
    """What a missing loss and missing metrics stand for."""
    if metrics is None:
        metrics = {"accuracy": accuracy} if loss is None or loss is softmax_cross_entropy else {}
    for name in metrics:
        if name in ("epoch", "step", "lr", "seconds", "loss") or name.startswith("val_"):
            raise ValueError(f"metrics: the name {name!r} is taken by a column of the history; choose another.")
    return loss or softmax_cross_entropy, dict(metrics)
