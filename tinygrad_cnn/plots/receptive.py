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
from ..nn import BatchNorm2d, Module
from ..ops.pool import geometry
from . import figures
from .examples import network, picture
from .probe import check_model, find_layer, outputs_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ReceptiveField", "receptive_field", "receptive_field_of"]

TINY = 1e-12  # float64 holds what is a thousandth of its square and more


@dataclass(frozen=True)
class ReceptiveField:
    """What can move one unit.

    Attributes
    ----------
    share : (H,W), of all paths from the image to the unit, the share that begins at each pixel; they add up to 1.
    rows, columns : first and last that count, from 0; their numbers are `size`.
    """

    path: str
    unit: tuple[int, ...]
    share: np.ndarray
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the box, in pixels."""
        return self.rows[1] - self.rows[0] + 1, self.columns[1] - self.columns[0] + 1

    def __str__(self) -> str:
        (h, w), (top, bottom), (left, right) = self.size, self.rows, self.columns
        high, wide = self.share.shape
        cut = " (cut by the image's border)" if top == 0 or left == 0 or bottom == high - 1 or right == wide - 1 else ""
        if (h, w) == (high, wide):
            cut = " (the whole image)"
        return f"{h}×{w} pixels, rows {top} to {bottom}, columns {left} to {right}{cut}"


@named
def receptive_field_of(
    model: Any, input_shape: tuple[int, int, int], layer: Any = None, unit: Any = None
) -> ReceptiveField:
    """The pixels that can move a unit, for any weights (see the top of this file for how it is found).

    Parameters
    ----------
    model : a Module, images (N,H,W,C) in; a copy is run, in evaluation mode.
    input_shape : (H,W,C).
    layer : path or Module, of its last call; by default the last layer or block that makes images.
    unit : (row, column) or (row, column, channel) of a layer that makes images, all channels together if none is named;
        the middle by default.  A number for a layer that makes rows.

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
    modules = dict(twin.named_modules())
    watched = list(modules.values()) if path is None else [modules[path]]
    given = Tensor(image, requires_grad=True)
    with outputs_of(twin, watched) as seen:
        y = twin(given)
    if path is None:
        images = [entry for entry in seen if _is_images(entry[2])]  # blocks come after what is in them
        seen = images[-1:] or [(twin, given, y)]
    if not seen:
        raise ValueError(f"{who}: layer {path!r} was not called by this model.")
    module, _, y = seen[-1]
    path = next(name for name, m in modules.items() if m is module)
    if not isinstance(y, Tensor) or y.ndim not in (2, 4):
        raise ValueError(f"{who}: layer {path!r} must make images or rows, it gave {describe(y)}.")
    place = _unit(who, unit, y.shape)
    share = _paths(y, place, given)
    if not share.any():
        raise ValueError(f"{who}: nothing of the image reaches unit {place} of {path or 'the model'!r}.")
    rows, columns = (np.flatnonzero(share.any(axis=axis)) for axis in (1, 0))
    return ReceptiveField(path, place, share / share.sum(), (int(rows[0]), int(rows[-1])),
                          (int(columns[0]), int(columns[-1])))  # fmt: skip


def _is_images(y: Any) -> bool:
    return isinstance(y, Tensor) and y.ndim == 4 and y.shape[1] * y.shape[2] > 1


def _image(who: str, shape: Any) -> np.ndarray:
    shape = wholes(who, "input_shape", shape, count=3, form="(H, W, C), as in (28, 28, 1)")
    return TINY * (1 + np.random.default_rng(0).random((1, *shape)))


def _averaging(model: Module) -> Module:
    """A copy whose layers average their inputs, in float64."""
    twin = copy.deepcopy(model).to(np.float64).requires_grad_(False)
    for path, parameter in twin.named_parameters():
        fan_in = int(np.prod(parameter.shape[:-1])) or 1
        bias = path.rpartition(".")[2] == "bias"
        parameter.assign(np.full(parameter.shape, 0.0 if bias else 1 / fan_in))
    for module in twin.modules():
        if isinstance(module, BatchNorm2d):
            module.running_mean = np.zeros(module.channels)  # type: ignore[assignment]
            module.running_var = np.ones(module.channels)  # type: ignore[assignment]
    return twin


def _unit(who: str, unit: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place asked for, within the output."""
    extent = shape[1:]
    if unit is None:
        return tuple(n // 2 for n in extent[:2]) if len(extent) == 3 else (0,)
    images = len(extent) == 3
    form = "(row, column) or (row, column, channel)" if images else "a number"
    place = wholes(who, "unit", unit if isinstance(unit, (tuple, list)) else (unit,), 0, form=form)
    if len(place) not in ((2, 3) if images else (1,)) or any(k >= n for k, n in zip(place, extent, strict=False)):
        raise ValueError(f"{who}: unit={unit!r} must be {form} within {extent}.")
    return place


def _paths(y: Tensor, place: tuple[int, ...], given: Tensor) -> np.ndarray:
    """The gradient of a unit in the image, every maximum taken as a mean -> (H,W)."""
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
    model: Any, input_shape: tuple[int, int, int], layer: Any = None, unit: Any = None, *, ax: Axes | None = None
) -> Figure:
    """The pixels that can move a unit: a box around all, and the share of paths that begin at each.

    Arguments and errors as of `receptive_field_of`, which gives the numbers.
    """
    field = receptive_field_of(model, input_shape, layer, unit)
    from matplotlib.patches import Rectangle

    h, w = field.share.shape
    fig, place = figures.one_axis(ax, 6, max(2.6, min(8.0, 4.6 * h / w + 1.1)))
    peak = float(field.share.max())
    shown: dict[str, Any] = {"cmap": figures.AMOUNTS, "vmin": 0.0, "vmax": peak * 100}
    percent = np.where(field.share > 0, field.share * 100, np.nan)
    picture = figures.painted(percent, **shown)
    figures.show(place, np.where((field.share > 0)[..., None], picture, 0.93))
    (top, _), (left, _) = field.rows, field.columns
    box = Rectangle((left - 0.5, top - 0.5), field.size[1], field.size[0], fill=False, ec=figures.VERMILION, lw=2.5,
                    clip_on=False)  # fmt: skip
    place.add_patch(box)
    unit_name = field.unit[0] if len(field.unit) == 1 else field.unit
    figures.headline(fig, ax, f"Receptive field of unit {unit_name} of {field.path or 'the model'}")
    place.set_xlabel(str(field), fontsize=9)
    place.tick_params(labelsize=8, length=0)
    place.spines[:].set_visible(False)
    figures.bar_for(fig, place, shown, "share of the paths (%)")
    return fig
