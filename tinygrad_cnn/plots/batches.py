"""The samples of a batch, the one with the largest loss first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.numbers import whole
from ..core.tensor import plain
from . import figures
from .examples import batch, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["samples"]


@picture(lambda: (*batch(), np.linspace(0, 1, 12)))
def samples(
    images: Any, labels: Any = None, losses: Any = None, *, numbers: Any = None, n: int = 16,
    classes: Sequence[Any] | None = None,
) -> Figure:  # fmt: skip
    """The images of a batch, those with the largest losses first, with their numbers, classes and losses.

    Parameters
    ----------
    images : (N,H,W,C).
    labels, losses : (N,), or None: nothing is said of them; without losses the images come in order.
    numbers : (N,) of the samples in their data set; by default their places in the batch.
    n : how many are shown, at most.
    classes : the classes' names; by default their numbers.
    """
    n, images = whole("samples", "n", n), np.asarray(plain(images))
    if images.ndim != 4:
        raise ValueError(f"samples: images must be (N,H,W,C), got {images.shape}.")
    count = len(images)
    for name, values in (("labels", labels), ("losses", losses), ("numbers", numbers)):
        if values is not None and np.shape(plain(values)) != (count,):
            raise ValueError(f"samples: {name} must be ({count},) as there are images, got {np.shape(plain(values))}.")
    values = np.zeros(count) if losses is None else np.nan_to_num(np.asarray(plain(losses)), nan=np.inf)
    order = np.argsort(-values, kind="stable")[:n]
    rows, columns = figures.grid_of(max(1, len(order)))
    fig = figures.figure(1.5 * columns, 1.8 * rows + 0.6)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        figures.bare(ax)
    for ax, k in zip(axes, order, strict=False):
        ax.imshow(**figures.photograph(images[k]), interpolation="nearest")
        label = None if labels is None else int(plain(labels)[k])
        words = "" if label is None else f"{classes[label] if classes is not None else label}"
        ax.set_title(words[:14], fontsize=8.5, parse_math=False)
        number = k if numbers is None else numbers[k]
        said = "" if losses is None else f", loss {float(plain(losses)[k]):.3g}"
        ax.set_xlabel(f"number {number}{said}", fontsize=7, color=figures.QUIET)
    fig.suptitle(f"{len(order)} of {count} samples", fontsize=12, fontweight="bold")
    return fig
