"""What each layer makes of one image: volumes that get smaller and deeper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.calls import named
from ..core.tensor import plain
from ..nn import Module
from . import figures
from .examples import images, network, picture
from .probe import check_model, find_layer, listed, one_image, outputs_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FeatureMaps", "feature_maps", "feature_maps_of"]

TILES, LAYERS = 8, 14  # channels shown of each layer, layers shown


@dataclass(frozen=True)
class FeatureMaps:
    """What one layer made of one image: `values` are (H,W,C), or (F,) where there are no places left."""

    path: str
    kind: str  # the layer's class
    values: np.ndarray


@named
def feature_maps_of(model: Any, x: Any, layers: Sequence[Any] | None = None) -> list[FeatureMaps]:
    """What layers make of one image, in the order in which they run, in evaluation mode.

    Parameters
    ----------
    model : a Module; it is left as it was.
    x : the image, (H,W,C) or (1,H,W,C).
    layers : paths or Modules; by default every layer that has none inside and changes its input's values, so not
        `Flatten`, nor `Dropout`, which passes all on in evaluation.

    Raises
    ------
    ValueError : no layer of that path, or none of them was called.
    """
    who = "feature_maps"
    model, image = check_model(who, model), one_image(who, x)
    if layers is None:
        wanted = {m: path for path, m in model.named_modules() if next(m.children(), None) is None}
    else:
        if isinstance(layers, (str, Module)) or not isinstance(layers, Sequence) or not layers:
            raise TypeError(f"{who}: layers must be a list of paths or Modules, as ['features.0'].")
        wanted = {m: path for path, m in (find_layer(who, model, layer) for layer in layers)}
    with outputs_of(model, list(wanted)) as seen:
        model(image)
    found = []
    for module, given, y in seen:
        values = plain(y)
        if values.ndim not in (2, 4) or len(values) != 1:
            continue
        if layers is None and np.array_equal(values.ravel(), plain(given).ravel(), equal_nan=True):
            continue
        found.append(FeatureMaps(wanted[module], type(module).__name__, values[0]))
    if not found:
        raise ValueError(f"{who}: none of the layers {listed(wanted.values())} gave images (1, H, W, C) or rows "
                         "(1, F).")  # fmt: skip
    return found


@picture(lambda: (network(), images()))
def feature_maps(model: Any, x: Any, layers: Sequence[Any] | None = None) -> Figure:
    """The volumes that a network makes of one image, from the top down.

    Each row is a layer (of more than fourteen, the last of each shape): its volume drawn to scale (height and width
    by their pixels, depth by the root of the number of channels), its path, class and shape, and its first channels as
    pictures, or a row of numbers as stripes.  Colours of a row have one scale, whose ends are named: cividis from 0,
    or, where there are negative values, from blue by white (zero) to red.

    Parameters
    ----------
    model, x, layers : as for `feature_maps_of`, which gives the numbers.
    """
    image = one_image("feature_maps", x)[0]
    everything = feature_maps_of(model, x, layers)
    found = _representatives(everything)
    fig = figures.figure(6, 0.66 * (len(found) + 1) + 0.6)
    axes = fig.subplots(len(found) + 1, 2, squeeze=False, width_ratios=[1.15, 4], gridspec_kw={"hspace": 0.0})
    widest = max(f.values.shape[1] if f.values.ndim == 3 else 1 for f in (*found, FeatureMaps("", "", image)))
    _volume(axes[0, 0], image.shape, widest, "input")
    _show_image(axes[0, 1], image)
    for (left, right), maps in zip(axes[1:], found, strict=True):
        _volume(left, maps.values.shape, widest, maps.path or "(model)")
        _show_maps(right, maps.values, maps.kind)
    note = f": {len(found)} of {len(everything)} layers" if len(found) < len(everything) else ""
    fig.suptitle(f"Feature maps{note}", fontsize=12, fontweight="bold")
    return fig


def _representatives(found: list[FeatureMaps]) -> list[FeatureMaps]:
    """Those to draw: all of few layers, of many the last of each shape; never more than fit a page."""
    if len(found) > LAYERS:
        after: list[FeatureMaps | None] = [*found[1:], None]
        found = [f for f, g in zip(found, after, strict=True) if g is None or g.values.shape != f.values.shape]
    if len(found) > LAYERS:
        found = [found[k] for k in np.linspace(0, len(found) - 1, LAYERS).round().astype(int)]
    return found


def _volume(ax: Axes, shape: tuple[int, ...], widest: int, name: str) -> None:
    """A box seen from the front left; all boxes of a picture have one scale."""
    from matplotlib.patches import Polygon

    h, w, c = shape if len(shape) == 3 else (1, 1, shape[0])
    high, wide = max(h / widest, 0.04), max(w / widest, 0.04)
    deep = min(0.15 * math.sqrt(c), 2.2)
    rise, bottom = 0.2 * min(deep, 1.0), -high / 2
    middle = bottom + high
    front = [(0, bottom), (wide, bottom), (wide, middle), (0, middle)]
    top = [(0, middle), (wide, middle), (wide + deep, middle + rise), (deep, middle + rise)]
    side = [(wide, bottom), (wide + deep, bottom + rise), (wide + deep, middle + rise), (wide, middle)]
    for corners, shade in ((front, figures.SKY), (top, "#A9D8F2"), (side, "#2F7FAD")):
        ax.add_patch(Polygon(corners, closed=True, facecolor=shade, edgecolor="white", lw=0.6))
    ax.set_xlim(-0.05, 3.3)
    ax.set_ylim(-0.55, 0.75)
    ax.set_aspect("equal", adjustable="box", anchor="W")
    figures.bare(ax)
    name = name if len(name) <= 20 else f"…{name[-19:]}"
    ax.set_title(name, fontsize=7.5, loc="left", pad=2, parse_math=False)


def _show_image(ax: Axes, image: np.ndarray) -> None:
    ax.imshow(**figures.photograph(image), interpolation="nearest")
    ax.set_anchor("W")
    figures.bare(ax)
    _caption(ax, image, "image, ")


def _show_maps(ax: Axes, values: np.ndarray, kind: str) -> None:
    scale = figures.scale_of(values)
    figures.bare(ax)
    if values.ndim == 1:
        figures.show(ax, figures.painted(values[None], **scale), aspect="auto")
        _caption(ax, values, f"{kind}, ")
        return
    shown = min(values.shape[2], TILES)
    tiles = figures.painted(values[:, :, :shown].transpose(2, 0, 1), **scale)
    ax.imshow(figures.mosaic(tiles, 1, TILES), interpolation="nearest")
    ax.set_anchor("W")
    _caption(ax, values, f"{kind}, first {TILES} channels, " if values.shape[2] > TILES else f"{kind}, ")


def _caption(ax: Axes, values: np.ndarray, more: str) -> None:
    """The shape in bold; then what is shown, from which value to which."""
    low, high = figures.extremes(values)
    kept = np.isfinite(values)
    said = f"{low:.3g} to {high:.3g}" if kept.any() else "no finite value"
    bad = "" if kept.all() else ", chequered: not finite"
    words: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    ax.annotate("×".join(map(str, values.shape)), (0, 1), (0, 2), fontsize=8, fontweight="bold", **words)
    ax.annotate(f"{more}{said}{bad}", (0, 1), (85, 2), fontsize=7.5, color=figures.QUIET, **words)
