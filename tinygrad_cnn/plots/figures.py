"""What all figures share: how they are made, their colours, and the tiles that images and filters are shown in.

Figures are made without pyplot, so no window system, global state or backend of the user's is touched.  Six inches
wide, they are 600 pixels at matplotlib's 100 per inch, and fit a page's column.  Colours are told apart by readers who
see no red or no green: Okabe and Ito's for lines and marks, cividis for amounts, and for signed values a map from
blue by white to red, whose white is zero.  What is not finite has no colour: it is chequered black and white.
"""

from __future__ import annotations

import io
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9"  # Okabe and Ito
GRID, QUIET = "#DDDDDD", "#666666"
AMOUNTS, SIGNED, GRAYS = "cividis", "RdBu_r", "gray"
FRAME = 0.75  # grey around tiles


@cache
def _picture(base: type[Figure]) -> type[Figure]:
    class Picture(base):  # type: ignore[valid-type, misc]
        """A Figure that a notebook shows by itself, with or without pyplot."""

        def _repr_png_(self) -> bytes:
            memory = io.BytesIO()
            self.savefig(memory, format="png")
            return memory.getvalue()

    return Picture


def figure(width: float, height: float) -> Figure:
    """An empty white figure of so many inches."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError("plots need matplotlib. Install it with: pip install 'tinygrad-cnn[app]'") from error
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return _picture(Figure)(figsize=(width, height), dpi=100, layout=layout, facecolor="white")


def one_axis(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The figure to draw in and its axes: those given, or the only ones of a new figure."""
    if ax is None:
        new = figure(width, height)
        return new, new.add_subplot()
    found = getattr(ax, "get_figure", lambda: None)()
    if found is None or not hasattr(ax, "plot"):
        raise TypeError(f"ax must be the Axes of a matplotlib figure, got {describe(ax)}. Leave it out for a new one.")
    return found, ax


def headline(fig: Figure, ax: Axes | None, text: str) -> None:
    """The title: of the whole figure, or of the user's axes."""
    if ax is None:
        fig.suptitle(text, fontsize=12, fontweight="bold", parse_math=False)
    else:
        ax.set_title(text, fontsize=11, fontweight="bold", parse_math=False)


def finite(values: Any) -> np.ma.MaskedArray[Any, Any]:
    """The values as floats, with what is not finite masked."""
    return np.ma.masked_invalid(np.asarray(values, np.float64))


def extremes(values: Any) -> tuple[float, float]:
    """Smallest and largest finite value; (0, 0) without any."""
    kept = finite(values).compressed()
    return (float(kept.min()), float(kept.max())) if kept.size else (0.0, 0.0)


def scale_of(values: Any) -> dict[str, Any]:
    """Map and range of colours for values: from zero upwards, or around zero if some are negative."""
    low, high = extremes(values)
    if low < 0:
        reach = max(-low, high)
        return {"cmap": SIGNED, "vmin": -reach, "vmax": reach}
    return {"cmap": AMOUNTS, "vmin": 0.0, "vmax": high or 1.0}


def bare(ax: Axes) -> None:
    """No ticks and no frame."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def plain_axes(ax: Axes) -> None:
    """A light grid behind, no frame at the top and right."""
    ax.grid(color=GRID, lw=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def photograph(pixels: np.ndarray) -> dict[str, Any]:
    """What `imshow` needs to show an image (H,W,C): colours if C is 3, else greys of the mean over channels.

    Values in 0..1 are shown as they are, others are stretched to that range; what is not finite is black.
    """
    values = np.nan_to_num(np.asarray(pixels, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if low < 0 or high > 1:
        values = (values - low) / ((high - low) or 1.0)
    if values.shape[-1] == 3:
        return {"X": values}
    return {"X": values.mean(axis=-1), "cmap": GRAYS, "vmin": 0.0, "vmax": 1.0}


def grid_of(count: int, aspect: float = 2.0) -> tuple[int, int]:
    """Rows and columns for so many tiles, about `aspect` times as wide as high."""
    columns = max(1, min(count, math.ceil(math.sqrt(count * aspect))))
    return -(-count // columns), columns


def painted(values: Any, cmap: str, vmin: float, vmax: float) -> np.ndarray:
    """Values (...) as colours (..., 3) of a map, in 0..1; NaN for what is not finite."""
    from matplotlib import colormaps

    numbers = finite(values)
    share = np.clip((numbers.filled(vmin) - vmin) / ((vmax - vmin) or 1.0), 0, 1)
    rgb = np.asarray(colormaps[cmap](share))[..., :3]
    return np.where(np.ma.getmaskarray(numbers)[..., None], np.nan, rgb)


def _enlarged(pictures: np.ndarray, least: int) -> np.ndarray:
    """Pictures (..., H, W, 3), each pixel repeated until they have `least` on a side; NaN becomes black and white."""
    bad = np.isnan(pictures).any()
    h, w = pictures.shape[-3:-1]
    times = max(4 if bad else 1, -(-least // max(h, w)))
    pictures = np.repeat(np.repeat(pictures, times, axis=-3), times, axis=-2)
    rows, columns = np.ogrid[: h * times, : w * times]
    chequers = ((rows // 2 + columns // 2) % 2)[..., None]
    return np.where(np.isnan(pictures), chequers, pictures)


def show(ax: Axes, picture: np.ndarray, **options: Any) -> None:
    """Draw colours (H,W,3); a pixel keeps its number as its place on the axes."""
    h, w = picture.shape[:2]
    place = (-0.5, w - 0.5, h - 0.5, -0.5)
    ax.imshow(_enlarged(picture, 1), extent=place, interpolation="nearest", **options)


def mosaic(tiles: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Coloured tiles (K,H,W,3) side by side on one white sheet, each in a thin grey frame.

    Small tiles are enlarged, so that the frames stay thin beside them.
    """
    tiles = _enlarged(tiles, 32)
    count, h, w = tiles.shape[:3]
    sheet = np.ones((rows * (h + 3) + 1, columns * (w + 3) + 1, 3))
    for k in range(count):
        top, left = k // columns * (h + 3), k % columns * (w + 3)
        sheet[top : top + h + 4, left : left + w + 4] = FRAME
        sheet[top + 2 : top + 2 + h, left + 2 : left + 2 + w] = tiles[k]
    return sheet


def bar_for(fig: Figure, ax: Axes, scale: dict[str, Any], label: str, **options: Any) -> None:
    """A colour bar of a scale ``{"cmap", "vmin", "vmax"}`` beside the axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shown = ScalarMappable(Normalize(scale["vmin"], scale["vmax"]), scale["cmap"])
    bar = fig.colorbar(shown, ax=ax, **{"shrink": 0.8, "aspect": 25, **options})
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
