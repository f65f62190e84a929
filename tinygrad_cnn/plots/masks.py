"""Segmentation: images beside the class of each pixel, as it is and as a network says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import whole
from ..core.tensor import plain
from . import figures
from .examples import images, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["segmentation"]

COLUMNS = ("image", "true classes", "predicted classes")


@named
@picture(lambda: (images(2), np.zeros((2, 8, 8), int), np.ones((2, 8, 8), int)))
def segmentation(
    images: Any, labels: Any, predictions: Any, n: int = 6, *, classes: Sequence[Any] | None = None
) -> Figure:
    """The first images, each beside its true classes and those that were predicted, in one colour a class.

    Parameters
    ----------
    images : (N,H,W,C).
    labels, predictions : class indices, (N,H,W); labels below 0 or beyond the classes stay white.
    n : how many images are shown, at most.
    classes : names of the classes, for the legend; by default their numbers.

    Raises
    ------
    ValueError, TypeError : shapes do not fit, or classes are not integers; pass ``logits.argmax(axis=-1)``.
    """
    n = whole("segmentation", "n", n)
    x, truth, guess = plain(images), plain(labels), plain(predictions)
    for name, mask in (("labels", truth), ("predictions", guess)):
        if mask.dtype.kind not in "iu":
            raise TypeError(f"segmentation: {name} must be integers, got {mask.dtype}. Pass logits.argmax(axis=-1).")
        if x.ndim != 4 or mask.shape != x.shape[:3] or not len(x):
            shapes = f"got {x.shape} and {mask.shape}"
            raise ValueError(f"segmentation: images (N, H, W, C) need {name} (N, H, W), {shapes}.")
    x, truth, guess = x[:n], truth[:n], guess[:n]
    count = len(classes) if classes is not None else int(max(truth.max(), guess.max(), 0)) + 1
    names = [str(k) for k in (range(count) if classes is None else classes)]
    fig = figures.figure(6, 1.9 * len(x) + 0.9)
    axes = fig.subplots(len(x), len(COLUMNS), squeeze=False)
    shades = colours(count)
    for row, image, *masks in zip(axes, x, truth, guess, strict=True):
        row[0].imshow(**figures.photograph(image), interpolation="nearest")
        for ax, mask in zip(row[1:], masks, strict=True):
            ax.imshow(painted(mask, shades), interpolation="nearest")
        for ax in row:
            figures.bare(ax)
    for ax, word in zip(axes[0], COLUMNS, strict=True):
        ax.set_title(word, fontsize=9)
    seen = [k for k in range(count) if (truth == k).any() or (guess == k).any()]
    _legend(fig, [(names[k], shades[k] / 255) for k in seen])
    fig.suptitle("Classes of pixels", fontsize=12, fontweight="bold")
    return fig


def _legend(fig: Any, entries: list[tuple[str, np.ndarray]]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=tuple(shade), label=name if len(name) <= 16 else f"{name[:15]}…") for name, shade in entries]
    if patches:
        fig.legend(handles=patches, loc="outside lower center", ncols=min(6, len(patches)), frameon=False, fontsize=8)


def colours(count: int) -> np.ndarray:
    """A colour for each class, (count, 3) bytes: dark grey for class 0, then hues that are far apart."""
    hues = 0.1 + 0.618034 * np.arange(count)[:, None] + np.array([0, 1 / 3, 2 / 3])
    light = np.array([1.0, 0.6, 0.8])[np.arange(count) % 3, None]
    shades = 255 * light * (0.55 + 0.45 * np.cos(2 * np.pi * hues))
    shades[:1] = 60
    return np.uint8(np.rint(np.clip(shades, 0, 255)))


def painted(mask: np.ndarray, shades: np.ndarray) -> np.ndarray:
    """The colours (H,W,3) of a mask (H,W); white where there is no class of that number."""
    known = (mask >= 0) & (mask < len(shades))
    return np.where(known[..., None], shades[np.where(known, mask, 0)], np.uint8(255))
