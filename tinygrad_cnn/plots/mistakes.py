"""The samples that a network is most sure about, and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.numbers import whole
from ..core.tensor import plain
from ..insight.evaluation import outputs_for
from ..nn import Module
from . import figures
from .examples import batch, network, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Mistake", "mistakes_of", "most_confused"]

BATCH = 256  # images at a time


@dataclass(frozen=True)
class Mistake:
    """One sample that was taken for another class; `index` is its number in the data set."""

    index: int
    label: int
    predicted: int
    probability: float  # of the predicted class


@named
def mistakes_of(model_or_logits: Any, data: Any, n: int | None = None) -> list[Mistake]:
    """The samples that were taken for another class, the surest first; all of them unless `n` says how many.

    Parameters
    ----------
    model_or_logits : a classifier, run in evaluation mode and left as it was; or its logits (N, classes) on `data`.
    data : a data set with ``images`` and ``labels``, or a pair (images (N,H,W,C), labels (N,)).

    Raises
    ------
    ValueError, TypeError : the data are empty, or logits, images and labels do not belong together.
    """
    n = None if n is None else whole("mistakes_of", "n", n)
    images, labels = _arrays(data)
    logits = _logits(model_or_logits, images)
    if logits.ndim != 2 or len(logits) != len(labels):
        raise ValueError(f"most_confused: logits must be ({len(labels)}, classes), got {logits.shape}.")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"most_confused: labels go from {labels.min()} to {labels.max()}, the logits are of "
                         f"{logits.shape[1]} classes: 0..{logits.shape[1] - 1}.")  # fmt: skip
    bad = ~np.isfinite(logits).all(axis=1)
    guess = np.argmax(np.where(np.isnan(logits), -np.inf, logits), axis=1)
    p = ops.softmax(np.where(bad[:, None], 0.0, logits).astype(np.float64))[np.arange(len(guess)), guess]
    p = np.where(bad, np.nan, p)
    wrong = np.flatnonzero((guess != labels) | bad)
    wrong = wrong[np.argsort(-np.nan_to_num(p[wrong], nan=-1.0), kind="stable")]
    return [Mistake(int(k), int(labels[k]), int(guess[k]), float(p[k])) for k in wrong[:n]]


def _arrays(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """All images and labels of a data set, or of a pair."""
    if isinstance(data, (tuple, list)) and len(data) == 2:
        images, labels = data
    elif hasattr(data, "images") and hasattr(data, "labels"):
        images, labels = data.images, data.labels
    else:
        raise TypeError("most_confused: data must be a data set with images and labels, or a pair of them, got "
                        f"{type(data).__name__}.")  # fmt: skip
    images, labels = plain(images), plain(labels)
    if images.ndim != 4 or labels.ndim != 1 or len(images) != len(labels) or not len(images):
        raise ValueError(f"most_confused: needs images (N, H, W, C) and labels (N,), got {images.shape} and "
                         f"{labels.shape}.")  # fmt: skip
    if labels.dtype.kind not in "iu":
        raise TypeError(f"most_confused: labels must be class indices, got {labels.dtype}.")
    return images, labels.astype(np.int64)


def _logits(given: Any, images: np.ndarray) -> np.ndarray:
    if not isinstance(given, Module):
        return plain(given)
    return outputs_for(given, images, BATCH)


@picture(lambda: (network(), batch()))
def most_confused(model_or_logits: Any, data: Any, n: int = 12, *, classes: Sequence[Any] | None = None) -> Figure:
    """The images that were taken for another class with the highest probability: true class, predicted, and how sure.

    Parameters
    ----------
    model_or_logits, data : as for `mistakes_of`, which gives the numbers.
    n : how many are shown, at most.
    classes : the classes' names; by default the data set's, or their numbers.
    """
    n = whole("most_confused", "n", n)
    everything = mistakes_of(model_or_logits, data)
    images, labels = _arrays(data)
    found = everything[:n]
    names = list(classes if classes is not None else getattr(data, "classes", ()))

    def name(k: int) -> str:
        word = str(names[k]) if k < len(names) else str(k)
        return word if len(word) <= 11 else f"{word[:10]}…"

    rows, columns = (-(-len(found) // 4), 4) if found else (1, 1)
    fig = figures.figure(6, 2.05 * rows + 0.6)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        figures.bare(ax)
    for ax, m in zip(axes, found, strict=False):
        ax.imshow(**figures.photograph(images[m.index]), interpolation="nearest")
        sure = "not finite" if np.isnan(m.probability) else f"{m.probability:.1%}"
        ax.set_title(f"true: {name(m.label)}\ntaken for: {name(m.predicted)}", fontsize=8.5, parse_math=False)
        ax.set_xlabel(f"{sure}, number {m.index}", fontsize=8, color=figures.QUIET)
    if not found:
        axes[0].text(0.5, 0.5, f"All {len(labels):,} samples were classified correctly.", ha="center", fontsize=11)
    some = f"the {len(found)} surest of " if len(found) < len(everything) else ""
    fig.suptitle(f"Mistakes: {some}{len(everything):,} in {len(labels):,} samples", fontsize=12, fontweight="bold")
    return fig
