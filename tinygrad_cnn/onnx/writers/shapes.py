"""Ops that move elements: shapes, axes, joining, borders."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import exports
from ..writer import Value, Writer, tidy
from .reductions import axes_of, places_in


@exports("reshape", "flatten", "expand_dims", "squeeze")
def reshape(w: Writer, x: Value, **_: Any) -> Value:
    shape, _dtype = w.outs[0]
    if x.order is not None and len(shape) == x.ndim and shape == x.shape:
        return x
    return w.result(w.reshaped(w.plain(x), shape))


def _turned(w: Writer, x: Value, axes: Any) -> Value:
    """x with its axes exchanged: nothing is written, since the order says it."""
    order = x.order or tuple(range(x.ndim))
    return w.result(x.name, tidy([list(axes).index(a) for a in order]))


@exports("transpose")
def transpose(w: Writer, x: Value, *, axes: Any) -> Value:
    return _turned(w, x, tuple(range(x.ndim))[::-1] if axes is None else [a % x.ndim for a in axes])


@exports("swapaxes")
def swapaxes(w: Writer, x: Value, *, axis1: int, axis2: int) -> Value:
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return _turned(w, x, axes)


@exports("moveaxis")
def moveaxis(w: Writer, x: Value, *, source: Any, destination: Any) -> Value:
    return _turned(w, x, np.moveaxis(np.empty(range(x.ndim)), source, destination).shape)


@exports("broadcast_to")
def broadcast_to(w: Writer, x: Value, *, shape: Any) -> Value:
    return w.result(w.node("Expand", w.plain(x), w.ints(*w.outs[0][0])))


@exports("concatenate")
def concatenate(w: Writer, *xs: Value, axis: int | None) -> Value:
    xs = tuple(w.as_type(x, w.outs[0][1]) for x in xs)
    if axis is None:
        return w.result(w.node("Concat", *[w.node("Reshape", w.plain(x), w.ints(-1)) for x in xs], axis=0))
    names, order = w.aligned(xs, xs[0].ndim)
    place = places_in(Value("", xs[0].shape, xs[0].dtype, order), axis)
    return w.result(w.node("Concat", *names, axis=place), order)


@exports("stack")
def stack(w: Writer, *xs: Value, axis: int) -> Value:
    place = w.ints(axis % len(w.outs[0][0]))
    parts = [w.node("Unsqueeze", w.plain(w.as_type(x, w.outs[0][1])), place) for x in xs]
    return w.result(w.node("Concat", *parts, axis=axis % len(w.outs[0][0])))


def pairs(width: Any, ndim: int) -> list[tuple[int, int]]:
    """The width of a border as a pair for each axis, as `np.pad` reads it."""
    return [(int(a), int(b)) for a, b in np.broadcast_to(np.asarray(width), (ndim, 2))]


@exports("pad")
def pad(w: Writer, x: Value, *, width: Any, mode: str, value: float) -> Value:
    sides, order = pairs(width, x.ndim), x.order or tuple(range(x.ndim))
    pads = [sides[a][0] for a in order] + [sides[a][1] for a in order]
    if mode in ("symmetric", "wrap"):
        return _gathered(w, x, sides, mode)
    more = (w.constant(value, x.dtype),) if mode == "constant" else ()
    return w.result(w.node("Pad", x.name, w.ints(*pads), *more, mode=mode), x.order)


def _gathered(w: Writer, x: Value, sides: list[tuple[int, int]], mode: Any) -> Value:
    """A border of elements of x, taken by their numbers."""
    name = x.name
    for axis, side in enumerate(sides):
        if side != (0, 0):
            source = np.pad(np.arange(int(x.shape[axis])), side, mode=mode)
            name = w.node("Gather", name, w.constant(source, np.int64), axis=places_in(x, axis))
    return w.result(name, x.order)


def cut(w: Writer, name: str, axis: int, start: int, stop: int) -> str:
    """A piece of a value along one axis of the file."""
    made: str = w.node("Slice", name, w.ints(start), w.ints(stop), w.ints(axis))
    return made


@exports("flip")
def flip(w: Writer, x: Value, *, axis: Any) -> Value:
    places = [places_in(x, a) for a in axes_of(axis, x.ndim)]
    most = np.iinfo(np.int64)
    ends = [w.ints(*[v] * len(places)) for v in (-1, most.min)]
    return w.result(w.node("Slice", x.name, *ends, w.ints(*places), w.ints(*[-1] * len(places))), x.order)


@exports("roll")
def roll(w: Writer, x: Value, *, shift: Any, axis: Any) -> Value:
    if axis is None:
        flat = w.node("Reshape", w.plain(x), w.ints(-1))
        return w.result(w.reshaped(_rolled(w, flat, 0, int(shift)), x.shape))
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    name = x.name
    for by, a in zip(np.broadcast_to(shifts, len(axes)), axes, strict=True):
        name = _rolled(w, name, places_in(x, a), int(by) % max(int(x.shape[a]), 1))
    return w.result(name, x.order)


def _rolled(w: Writer, name: str, axis: int, by: int) -> str:
    if not by:
        return name
    most = np.iinfo(np.int64).max
    made: str = w.node("Concat", cut(w, name, axis, -by, most), cut(w, name, axis, 0, -by), axis=axis)
    return made


@exports("tile")
def tile(w: Writer, x: Value, *, reps: Any) -> Value:
    reps = reps if isinstance(reps, (tuple, list)) else (reps,)
    ndim = max(len(reps), x.ndim)
    name = w.reshaped(w.plain(x), (1,) * (ndim - x.ndim) + x.shape) if ndim > x.ndim else w.plain(x)
    return w.result(w.node("Tile", name, w.ints(*(1,) * (ndim - len(reps)), *reps)))


@exports("repeat")
def repeat(w: Writer, x: Value, *, repeats: Any, axis: int | None) -> Value:
    if not isinstance(repeats, int):
        raise w.refuse("repeat exports one number of repeats, the same for all elements")
    name = w.node("Reshape", w.plain(x), w.ints(-1)) if axis is None else w.plain(x)
    ndim, at = (1, 0) if axis is None else (x.ndim, axis % x.ndim)
    wide = w.node("Unsqueeze", name, w.ints(at + 1))
    tiled = w.node("Tile", wide, w.ints(*[repeats if k == at + 1 else 1 for k in range(ndim + 1)]))
    return w.result(w.reshaped(tiled, w.outs[0][0]))


@exports("tril", "triu")
def triangle(w: Writer, x: Value, *, k: int) -> Value:
    upper = int(w.step.op.name == "triu")  # type: ignore[union-attr]
    return w.result(w.node("Trilu", w.plain(x), w.constant(int(k), np.int64), upper=upper))
