"""How well a network does: curves over the epochs, the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import is_whole, whole
from . import figures
from .examples import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix", "curves"]

TRAINING, VALIDATION = figures.BLUE, figures.VERMILION  # line styles differ as well
KINDS = {  # what is drawn, and what its axis says; the others are shares, from 0 to 1
    "loss": "mean cross-entropy (nats)", "accuracy": "images classified correctly", "miou": "intersection over union",
    "f1": "mean F1 of the classes", "top5": "label among the five likeliest",
}  # fmt: skip


@named
@picture(lambda: ([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}],), options={"only": "loss"})
def curves(history: Iterable[Mapping[str, Any]], *, only: str | None = None, ax: Axes | None = None) -> Figure:
    """Loss, accuracy, miou, f1 and top5 by epoch, for training and validation, as far as there are such columns.

    `history` has one mapping per epoch, as the rows of metrics.csv: "epoch" (else they are counted from 1), "loss",
    "accuracy", "val_loss", "val_accuracy", ...; numbers or their text.  What is missing or not finite leaves a gap.
    ``only="loss"`` or another of them draws that one; then `ax` may be the axes to draw it in.

    Raises
    ------
    ValueError : no epoch, or no column that can be drawn, or a value that is not a number; `ax` for more than one.
    """
    rows = list(history)
    if not rows:
        raise ValueError("curves: the history is empty. Train for at least one epoch.")
    epochs = _column(rows, "epoch")
    if not np.isfinite(epochs).all():
        epochs = np.arange(1.0, len(rows) + 1)
    there = [kind for kind in KINDS if any(f"{p}{kind}" in row for p in ("", "val_") for row in rows)]
    if not there:
        raise ValueError(f"curves: no column is loss, accuracy, val_loss or val_accuracy; got {', '.join(rows[0])}.")
    if only is not None and only not in there:
        raise ValueError(f"curves: only={only!r} is not among the history's {' and '.join(there)}.")
    kinds = there if only is None else [only]
    if ax is None:
        figure = figures.figure(6, 2.6 * len(kinds) + 0.2)
        axes = list(figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0])
    elif len(kinds) == 1:
        figure, ax = figures.one_axis(ax, 6, 2.8)
        axes = [ax]
    else:
        raise ValueError('curves: loss and accuracy need axes each. Say which to draw there: only="loss", ax=ax.')
    for place, kind in zip(axes, kinds, strict=True):
        for prefix, word, color, style in (("", "training", TRAINING, "-"), ("val_", "validation", VALIDATION, "--")):
            values = _column(rows, prefix + kind)
            if np.isfinite(values).any():
                marker = "o" if len(rows) <= 30 else None
                place.plot(epochs, values, style, color=color, marker=marker, ms=4, lw=1.8, label=word)
        _dress(place, kind, epochs)
    axes[-1].set_xlabel("epoch")
    return figure


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    values = []
    for k, row in enumerate(rows):
        value = row.get(name)
        try:
            values.append(math.nan if value is None or value == "" else float(value))
        except (TypeError, ValueError):
            raise ValueError(f"curves: {name} of row {k + 1} is {value!r}, which is not a number.") from None
    return np.where(np.isfinite(values), values, np.nan)


def _dress(ax: Axes, kind: str, epochs: np.ndarray) -> None:
    """Title, units, grid and legend; shares in percent, whole epochs only."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax.set_title("mIoU" if kind == "miou" else kind.capitalize(), loc="left", fontsize=12, fontweight="bold")
    ax.set_ylabel(KINDS[kind], fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(epochs) == 1:
        ax.set_xlim(epochs[0] - 1, epochs[0] + 1)
    if kind != "loss":
        ax.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    figures.plain_axes(ax)
    if ax.lines:
        ax.legend(frameon=False, fontsize=10)
    else:
        ax.text(0.5, 0.5, "no finite value", transform=ax.transAxes, ha="center", va="center", color=figures.QUIET)


@named
@picture(lambda: (np.array([0, 1, 1]), np.array([0, 1, 0])))
def confusion_matrix(
    labels: Any, predictions: Any, classes: Sequence[Any] | int | None = None, *, ax: Axes | None = None
) -> Figure:
    """How many images of each true class (row) were taken for each class (column).

    Parameters
    ----------
    labels, predictions : class indices, shape (N,), integers.
    classes : the classes' names, or how many there are; by default as many as the indices need.
    ax : axes to draw in; by default those of a new figure.

    Raises
    ------
    ValueError : lengths differ, nothing to count, or an index without a class.
    TypeError : indices that are not integers.
    """
    truth, guess = _indices(labels, "labels"), _indices(predictions, "predictions")
    if len(truth) != len(guess):
        raise ValueError(f"confusion_matrix: {len(truth)} labels, but {len(guess)} predictions.")
    if not len(truth):
        raise ValueError("confusion_matrix: there are no labels to count.")
    if classes is None:
        classes = int(max(truth.max(), guess.max())) + 1
    if is_whole(classes) or not isinstance(classes, Iterable):
        classes = range(whole("confusion_matrix", "classes", classes))
    names = [str(c) for c in classes]
    return _matrix(confusion_counts(truth, guess, len(names)), names, ax)


def confusion_counts(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """How many samples of each true class (row) were taken for each class (column): (classes, classes).

    Raises
    ------
    ValueError : an index in `truth` or `guess`, which are integers (N,), is outside 0..classes-1.
    """
    truth, guess = np.asarray(truth, np.int64), np.asarray(guess, np.int64)  # products do not fit into small integers
    both = np.concatenate([truth, guess])
    outside = both[(both < 0) | (both >= classes)]
    if outside.size:
        given = f"0..{classes - 1}, the {classes} classes given"
        raise ValueError(f"confusion_matrix: class {outside[0]} is outside {given}.")
    return np.bincount(truth * classes + guess, minlength=classes**2).reshape(classes, classes)


def _indices(values: Any, who: str) -> np.ndarray:
    array = np.asarray(getattr(values, "data", values) if not isinstance(values, np.ndarray) else values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"confusion_matrix: {who} must be integers, got {array.dtype}. Pass logits.argmax(axis=-1).")
    if array.ndim != 1:
        raise ValueError(f"confusion_matrix: {who} must have shape (N,), got {array.shape}.")
    return array.astype(np.int64)


def _matrix(counts: np.ndarray, names: list[str], given: Axes | None) -> Figure:
    """Shade by share of the row, so that rare classes count; write the numbers where they can be read."""
    n, side = len(names), min(6 + 0.25 * max(0, len(names) - 12), 14)
    figure, ax = figures.one_axis(given, side, side * 0.92)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = max(5.0, min(11.0, 95 / n))
    if n <= 30:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                shade = "white" if share[row, column] > 0.5 else "black"
                ax.text(column, row, f"{count}", ha="center", va="center", color=shade, fontsize=size)
    right, total = int(np.trace(counts)), int(counts.sum())
    figures.headline(figure, given, f"Confusion matrix: {right:,} of {total:,} correct ({right / total:.1%})")
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    step = max(1, math.ceil(n / 40))
    ticks = list(range(0, n, step))
    words = [name if len(name) <= 16 else f"{name[:15]}…" for name in (names[k] for k in ticks)]
    slanted = max(map(len, words)) > 3
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    ax.set_xticks(ticks, words, fontsize=max(size, 7), parse_math=False, **slant)
    ax.set_yticks(ticks, words, fontsize=max(size, 7), parse_math=False)
    ax.set_xticks(np.arange(-0.5, n), minor=True)
    ax.set_yticks(np.arange(-0.5, n), minor=True)
    ax.grid(which="minor", color=figures.GRID, lw=0.8)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=ax, shrink=0.8, label="share of the true class")
    bar.ax.yaxis.set_major_formatter("{x:.0%}")
    bar.outline.set_visible(False)
    return figure
