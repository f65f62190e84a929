"""The receptive field of a unit: which pixels can move it, found by differentiating.

A gradient at one image shows what moves a unit *there*: a relu that is off and every loser of a max pooling hide
pixels that count elsewhere, and signed weights may cancel.  So a copy of the network is differentiated in which nothing
hides and nothing cancels:

- its weights are positive and average (one over the number of inputs), its biases zero, its norms at rest;
- the image is positive and tiny, so that every activation stands where it lets a gradient through;
- max pooling passes its gradient to every pixel of the window, each an equal share, as does the maximum over axes.

A gradient that is not zero is then a path through the network, and the number is the share of all paths: the centre
has more of them than the border, which is the field that is felt in practice (Luo et al. 2016).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.numbers import wholes
from ..core import Tensor, enable_grad
from ..core.engine import in_order, pull_back
from ..core.errors import describe
from ..kernels.shapes import THINGS
from ..nn import Module
from ..ops.pool import geometry
from . import figures
from .examples import network, picture
from .probe import check_model, find_layer, outputs_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ReceptiveField", "receptive_field", "receptive_field_of"]

AXES = {1: ("",), 2: ("rows", "columns"), 3: ("depths", "rows", "columns")}  # as they are called in words
TINY = 1e-12  # float64 holds what is a thousandth of its square and more


@dataclass(frozen=True)
class ReceptiveField:
    """What can move one unit.

    Attributes
    ----------
    share : (H,W), of all paths from the image to the unit, the share that begins at each pixel; they add up to 1.
        (L,) for sequences and (D,H,W) for volumes.
    spans : along each of these axes the first and the last place that count, from 0; their numbers are `size`.
    """

    path: str
    unit: tuple[int, ...]
    share: np.ndarray
    spans: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> tuple[int, int]:
        """The first and last row of an image or volume; of a sequence, the first and last place."""
        return self.spans[-2:][0]

    @property
    def columns(self) -> tuple[int, int]:
        """The first and last column of an image or volume; of a sequence, the first and last place."""
        return self.spans[-1]

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of the box, in pixels; the length of a sequence's part, or depth, height and width."""
        return tuple(last - first + 1 for first, last in self.spans)

    def __str__(self) -> str:
        thing, axes = THINGS[self.share.ndim][0], AXES[self.share.ndim]
        cut = ""
        if any(first == 0 or last == n - 1 for (first, last), n in zip(self.spans, self.share.shape, strict=True)):
            cut = f" (cut by the {thing}'s border)"
        if self.size == self.share.shape:
            cut = f" (the whole {thing})"
        unit = "places" if self.share.ndim == 1 else "pixels" if self.share.ndim == 2 else "voxels"
        where = [f"{axis} {first} to {last}".strip() for axis, (first, last) in zip(axes, self.spans, strict=True)]
        return f"{'×'.join(map(str, self.size))} {unit}, {', '.join(where)}{cut}"


@named
def receptive_field_of(model: Any, input_shape: tuple[int, ...], layer: Any = None, unit: Any = None) -> ReceptiveField:
    """The pixels that can move a unit, for any weights (see the top of this file for how it is found).

    Parameters
    ----------
    model : a Module, images (N,H,W,C) in, sequences (N,L,C) or volumes (N,D,H,W,C); a copy is run, in evaluation mode.
    input_shape : (H,W,C), (L,C) or (D,H,W,C).
    layer : path or Module, of its last call; by default the last layer or block that makes images (sequences, volumes).
    unit : (row, column) or (row, column, channel) of a layer that makes images, all channels together if none is named;
        the middle by default.  (place,) and (depth, row, column) of sequences and volumes.  A number for a layer that
        makes rows.

    Raises
    ------
    ValueError : no such layer or unit, or nothing of the image reaches it.
    TypeError : `input_shape` or `unit` are not whole numbers.
    """
    who = "receptive_field"
    model = check_model(who, model)
    path = None if layer is None else find_layer(who, model, layer)[0]
    image = _image(who, input_shape)
    twin = _averaging(model)
    ndim = image.ndim
    modules = dict(twin.named_modules())
    watched = list(modules.values()) if path is None else [modules[path]]
    given = Tensor(image, requires_grad=True)
    with outputs_of(twin, watched) as seen:
        y = twin(given)
    if path is None:
        images = [entry for entry in seen if _is_images(entry[2], ndim)]  # blocks come after what is in them
        seen = images[-1:] or [(twin, given, y)]
    if not seen:
        raise ValueError(f"{who}: layer {path!r} was not called by this model.")
    module, _, y = seen[-1]
    path = next(name for name, m in modules.items() if m is module)
    if not isinstance(y, Tensor) or y.ndim not in (2, ndim):
        things = f"{THINGS[ndim - 2][0]}s"
        raise ValueError(f"{who}: layer {path!r} must make {things} or rows, it gave {describe(y)}.")
    place = _unit(who, unit, y.shape)
    share = _paths(y, place, given)
    if not share.any():
        thing = THINGS[ndim - 2][0]
        raise ValueError(f"{who}: nothing of the {thing} reaches unit {place} of {path or 'the model'!r}.")
    spans = tuple((int(at.min()), int(at.max())) for at in np.nonzero(share))
    return ReceptiveField(path, place, share / share.sum(), spans)


def _is_images(y: Any, ndim: int) -> bool:
    return isinstance(y, Tensor) and y.ndim == ndim and math.prod(y.shape[1:-1]) > 1


def _image(who: str, shape: Any) -> np.ndarray:
    forms = ["(H, W, C), as in (28, 28, 1)", "(L, C) of sequences", "(D, H, W, C) of volumes"]
    count = len(shape) if isinstance(shape, (tuple, list)) and len(shape) in (2, 4) else 3
    shape = wholes(who, "input_shape", shape, count=count, form=", or ".join([", ".join(forms[:2]), forms[2]]))
    return TINY * (1 + np.random.default_rng(0).random((1, *shape)))


def _averaging(model: Module) -> Module:
    """A copy whose layers average their inputs, in float64."""
    twin = copy.deepcopy(model).to(np.float64).requires_grad_(False)
    for path, parameter in twin.named_parameters():
        fan_in = int(np.prod(parameter.shape[:-1])) or 1
        bias = path.rpartition(".")[2] == "bias"
        parameter.assign(np.full(parameter.shape, 0.0 if bias else 1 / fan_in))
    for module in twin.modules():
        for name, value in (("running_mean", 0.0), ("running_var", 1.0)):
            if name in module._buffers:
                setattr(module, name, np.full(getattr(module, name).shape, value))
    return twin


def _unit(who: str, unit: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place asked for, within the output."""
    extent = shape[1:]
    if unit is None:
        return tuple(n // 2 for n in extent[:-1]) if len(extent) > 1 else (0,)
    axes = len(extent) - 1
    names = ", ".join(name.rstrip("s") or "place" for name in AXES[axes]) if axes else ""
    form = f"({names}{',' if axes == 1 else ''}) or ({names}, channel)" if axes else "a number"
    place = wholes(who, "unit", unit if isinstance(unit, (tuple, list)) else (unit,), 0, form=form)
    counts = (axes, axes + 1) if axes else (1,)
    if len(place) not in counts or any(k >= n for k, n in zip(place, extent, strict=False)):
        raise ValueError(f"{who}: unit={unit!r} must be {form} within {extent}.")
    return place


def _paths(y: Tensor, place: tuple[int, ...], given: Tensor) -> np.ndarray:
    """The gradient of a unit in the image, every maximum taken as a mean -> (H,W), or (L,) or (D,H,W)."""
    seed = np.zeros(y.shape, y.dtype)
    index = (0, *place)
    seed[index] = 1.0
    gradients: dict[Any, np.ndarray] = {y.node: seed}
    found = np.zeros(given.shape)
    with enable_grad():
        for node in reversed(in_order([y.node])):
            g = gradients.pop(node, None)
            if node is given.node and g is not None:
                found = found + g
            if g is None or node.op is None:
                continue
            rule = SHARED.get(node.op.name)
            sent = pull_back(node, g, False, None) if rule is None else rule(node, g)
            for edge, gk in sent:
                gradients[edge] = gradients[edge] + np.abs(gk) if edge in gradients else np.abs(gk)
    total: np.ndarray = found[0].sum(axis=-1)
    return total


def _max_pool(node: Any, g: np.ndarray) -> list[tuple[Any, Any]]:
    """Every pixel of a window gets the same share of its cotangent."""
    (edge,) = node.inputs
    options = {name: node.params.get(name, default) for name, default in
               (("stride", None), ("padding", 0), ("dilation", 1), ("ceil_mode", False))}  # fmt: skip
    win = geometry("max_pool2d", edge.shape, node.params["window"], **options)
    i, j = win.window
    cols = np.broadcast_to(g[:, :, :, None, None, :], (*g.shape[:3], i, j, g.shape[3])) / (i * j)
    back = ops.fold(cols, size=win.size, window=win.window, stride=win.stride, padding=win.padding,
                    dilation=win.dilation)  # fmt: skip
    return [(edge, back)]


def _max_over_axes(node: Any, g: np.ndarray) -> list[tuple[Any, Any]]:
    edge = node.inputs[0]
    axis = node.params.get("axis")
    axes = tuple(range(len(edge.shape))) if axis is None else tuple(np.atleast_1d(axis) % len(edge.shape))
    kept = g.reshape([1 if k in axes else n for k, n in enumerate(edge.shape)])
    return [(edge, np.broadcast_to(kept, edge.shape) / np.prod([edge.shape[k] for k in axes]))]


def _either(node: Any, g: np.ndarray) -> list[tuple[Any, Any]]:
    """Both inputs of an element-wise maximum get half, summed where they were broadcast."""
    sent = []
    for edge in node.inputs:
        if edge is not None and edge.requires_grad:
            more = g.sum(axis=tuple(range(g.ndim - len(edge.shape))))
            axes = tuple(k for k, n in enumerate(edge.shape) if n == 1 and more.shape[k] != 1)
            sent.append((edge, more.sum(axis=axes, keepdims=True) / 2))
    return sent


SHARED: dict[str, Callable[[Any, np.ndarray], list[tuple[Any, Any]]]] = {
    "max_pool2d": _max_pool, "max": _max_over_axes, "min": _max_over_axes, "maximum": _either, "minimum": _either,
}  # fmt: skip


@picture(lambda: (network(), (8, 8, 1), "0"))
def receptive_field(
    model: Any, input_shape: tuple[int, ...], layer: Any = None, unit: Any = None, *, ax: Axes | None = None
) -> Figure:
    """The pixels that can move a unit: a box around all, and the share of paths that begin at each.

    Arguments and errors as of `receptive_field_of`, which gives the numbers.  Sequences are drawn as one row, and of
    volumes the shares are added up along the depth.
    """
    field = receptive_field_of(model, input_shape, layer, unit)
    from matplotlib.patches import Rectangle

    ndim = field.share.ndim
    share = field.share[None] if ndim == 1 else field.share.sum(axis=0) if ndim == 3 else field.share
    h, w = share.shape
    fig, place = figures.one_axis(ax, 6, max(2.6, min(8.0, 4.6 * h / w + 1.1)))
    peak = float(share.max())
    shown: dict[str, Any] = {"cmap": figures.AMOUNTS, "vmin": 0.0, "vmax": peak * 100}
    percent = np.where(share > 0, share * 100, np.nan)
    picture = figures.painted(percent, **shown)
    figures.show(place, np.where((share > 0)[..., None], picture, 0.93))
    (top, bottom), (left, right) = (0, 0) if ndim == 1 else field.rows, field.columns
    wide, high = right - left + 1, bottom - top + 1
    box = Rectangle((left - 0.5, top - 0.5), wide, high, fill=False, ec=figures.VERMILION, lw=2.5, clip_on=False)
    place.add_patch(box)
    unit_name = field.unit[0] if len(field.unit) == 1 else field.unit
    figures.headline(fig, ax, f"Receptive field of unit {unit_name} of {field.path or 'the model'}")
    place.set_xlabel(str(field), fontsize=9)
    place.tick_params(labelsize=8, length=0, labelleft=ndim > 1)
    place.spines[:].set_visible(False)
    figures.bar_for(fig, place, shown, "share of the paths (%)")
    return fig
