"""Transforms that mix images with each other, and their targets alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autodiff.calls import named
from ...autodiff.kinds import Rng
from ...autodiff.numbers import number, whole
from .settings import Described


@named
class Mixup(Described):
    """Mix pairs of images, and their targets alike: t*x + (1 - t)*x', t from Beta(alpha, alpha), for each image anew.

    The partners are the batch in a random order.  x (B,H,W,C), y (B,) class indices or (B, classes) probabilities ->
    x (B,H,W,C), y (B, classes) float32.  Source: Zhang et al. (2018), who draw one t for a whole batch.

    Parameters
    ----------
    alpha : both parameters of the Beta distribution; the smaller, the more images stay almost as they are.
    classes : number of classes; None if targets are floats of any shape (B, ...), which are mixed as they are.

    Raises
    ------
    TypeError, ValueError : when it is called with targets of another kind, such as masks (B,H,W) of class indices.
    """

    changes_labels = True

    def __init__(self, alpha: float, classes: int | None = None) -> None:
        self.alpha = number("Mixup", "alpha", alpha, 1e-3, 1e3)
        self.classes = None if classes is None else whole("Mixup", "classes", classes)

    def __call__(self, x: np.ndarray, y: np.ndarray, rng: Rng = None) -> tuple[np.ndarray, np.ndarray]:
        rows, draw = _mixable(y, self.classes), self.ready(x, rng, axes=1)
        other = draw.permutation(len(x))
        share = draw.beta(self.alpha, self.alpha, len(x)).astype(np.float32)
        t, s = (share.reshape(-1, *(1,) * (array.ndim - 1)) for array in (x, rows))
        mixed = np.ascontiguousarray(x) * t + x[other] * (1 - t)
        return mixed, rows * s + rows[other] * (1 - s)


def _mixable(y: Any, classes: int | None) -> np.ndarray:
    """Targets as floats, which have a meaning between two of them."""
    if not isinstance(y, np.ndarray):
        raise TypeError(f"Mixup: mixes targets that are one array, got {type(y).__name__}. Mix others in a function.")
    if y.dtype.kind in "iu" and y.ndim > 1:
        raise ValueError(
            f"Mixup: whole numbers {y.shape}, such as masks, have nothing between them. Leave Mixup out, "
            "or make the targets floats."
        )
    if y.dtype.kind in "iu":
        if classes is None:
            raise ValueError("Mixup: class indices (B,) become rows of probabilities; give classes, their number.")
        if y.size and (y.min() < 0 or y.max() >= classes):
            raise ValueError(f"Mixup: labels go from {y.min()} to {y.max()}, but classes={classes}.")
        return np.eye(classes, dtype=np.float32)[y]
    if classes is not None and y.ndim != 2:
        raise ValueError(
            f"Mixup: with classes={classes}, targets are class indices (B,) or rows (B, {classes}), got {y.dtype} "
            f"{y.shape}. Leave classes out to mix floats."
        )
    if classes is not None and y.shape[1] != classes:
        raise ValueError(f"Mixup: labels {y.shape} are rows of {y.shape[1]} classes, but classes={classes}.")
    return y
