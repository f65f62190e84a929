"""The filters of a layer, as tiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import whole
from ..core import Tensor
from ..core.errors import describe
from ..core.tensor import plain
from ..nn import Module
from . import figures
from .examples import network, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["filters"]


@named
@picture(lambda: (network()[0],))
def filters(layer: Any, *, most: int = 64, ax: Axes | None = None) -> Figure:
    """A bank of filters as tiles.

    Filters of three channels are colours, all on one scale that maps 0 to mid-grey.  Otherwise each tile is a filter's
    slice of one input channel, from blue (negative) by white (zero) to red: a row of tiles is an output channel if
    there are several input channels.

    Parameters
    ----------
    layer : a layer whose ``weight`` is (I, J, C, O), as `nn.Conv2d`; or such an array or Tensor.
    most : how many tiles are shown; the title says how many are left out.
    ax : axes to draw in; by default those of a new figure.

    Raises
    ------
    ValueError : the filters have another number of axes, or there are none.
    """
    most = whole("filters", "most", most)
    bank, name = _bank(layer)
    i, j, c, o = bank.shape
    tiles, rows, columns, note = _tiles(bank, most)
    sheet = figures.mosaic(tiles, rows, columns)
    fig, place = figures.one_axis(ax, 6.0, max(2.0, min(8.0, 4.6 * sheet.shape[0] / sheet.shape[1] + 0.9)))
    figures.headline(fig, ax, f"{name}: {o} filters {i}×{j}×{c}")
    place.imshow(sheet, interpolation="nearest")
    figures.bare(place)
    if not np.isfinite(bank).all():
        note += "\nchequered: not finite" if note else "chequered: not finite"
    place.set_xlabel(note, fontsize=8, color=figures.QUIET)
    reach = _reach(bank)
    cmap, label = (figures.GRAYS, "red, green and blue weight") if c == 3 else (figures.SIGNED, "weight")
    figures.bar_for(fig, place, {"cmap": cmap, "vmin": -reach, "vmax": reach}, label)
    return fig


def _reach(bank: np.ndarray) -> float:
    return max(map(abs, figures.extremes(bank))) or 1.0


def _tiles(bank: np.ndarray, most: int) -> tuple[np.ndarray, int, int, str]:
    """Coloured tiles, rows and columns of them, and what they are if that has to be said."""
    (_, _, c, o), reach = bank.shape, _reach(bank)
    if c in (1, 3):
        shown = min(o, most)
        kept = bank[..., :shown].transpose(3, 0, 1, 2)
        note = f"{shown} of {o} filters shown" if shown < o else ""
        if c == 1:
            return figures.painted(kept[..., 0], figures.SIGNED, -reach, reach), *figures.grid_of(shown), note
        mixed = np.clip(0.5 + 0.5 * np.nan_to_num(kept) / reach, 0, 1)
        bad = ~np.isfinite(kept).all(axis=-1, keepdims=True)
        return np.where(bad, np.nan, mixed), *figures.grid_of(shown), note
    columns = min(c, max(1, math.isqrt(2 * most)))
    rows = min(o, max(1, most // columns))
    kept = bank[:, :, :columns, :rows].transpose(3, 2, 0, 1).reshape(rows * columns, *bank.shape[:2])
    note = f"rows: output channels ({rows} of {o}); columns: input channels ({columns} of {c})"
    return figures.painted(kept, figures.SIGNED, -reach, reach), rows, columns, note


def _bank(layer: Any) -> tuple[np.ndarray, str]:
    """The filters (I,J,C,O) and what to call them."""
    value, name = layer, "Filters"
    if isinstance(layer, Module):
        value, name = getattr(layer, "weight", None), type(layer).__name__
        if not isinstance(value, Tensor):
            raise TypeError(f"filters: a {name} has no weight. Give a convolution, or an array (I, J, C, O).")
    if isinstance(value, Tensor):
        name = value.name or name
    bank = plain(value)
    if bank.ndim != 4 or not bank.size:
        raise ValueError(f"filters: filters must be (I, J, C, O), got {bank.shape}. Give the layer of a convolution.")
    if bank.dtype.kind not in "fiu":
        raise TypeError(f"filters: filters must be real numbers, got {describe(bank)}.")
    return bank.astype(np.float64), name
