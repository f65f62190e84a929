"""Indexing: parts of arrays, rows by number, and their adjoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.indexing import INDEX
from ..recording import Size
from ..table import exports
from ..writer import Value, Writer
from .reductions import places_in
from .shapes import pairs


def parts_of(key: Any, ndim: int) -> list[Any]:
    """A key as a part for each axis (and None for each new one)."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum(part is not None and part is not Ellipsis for part in parts)
    full = [slice(None)] * (ndim - used)
    if any(part is Ellipsis for part in parts):
        at = next(k for k, part in enumerate(parts) if part is Ellipsis)
        return [*parts[:at], *full, *parts[at + 1 :]]
    return [*parts, *full]


def bounds(part: Any, n: int) -> tuple[int, int, int]:
    """Start, stop and step of a slice of n elements, as ONNX takes them."""
    step = 1 if part.step is None else int(part.step)
    most = np.iinfo(np.int64)
    start = (0 if step > 0 else most.max) if part.start is None else part.start
    stop = (most.max if step > 0 else most.min) if part.stop is None else part.stop
    return start, stop, step


def sliced(w: Writer, x: Value, parts: Sequence[Any]) -> str:
    """x cut by slices along its axes."""
    cuts = [(axis, *bounds(part, x.shape[axis])) for axis, part in enumerate(parts) if part != slice(None)]
    if not cuts:
        return w.plain(x)
    axes, starts, stops, steps = (list(column) for column in zip(*cuts, strict=True))
    name: str = w.node("Slice", w.plain(x), w.ints(*starts), w.ints(*stops), w.ints(*axes), w.ints(*steps))
    return name


@exports("getitem")
def getitem(w: Writer, x: Value, *indices: Value, key: Any) -> Value:
    parts = parts_of(key, x.ndim)
    if any(v.dtype.kind == "b" for v in indices) or any(isinstance(part, bool) for part in parts):
        raise w.refuse("x[mask] has a shape that depends on values; use where(mask, x, 0) instead")
    if len(indices) > 1:
        return _by_several(w, x, indices, parts)
    axes = [part for part in parts if part is not None]
    name = sliced(w, x, [part if isinstance(part, slice) else slice(None) for part in axes])
    shift = 0
    for axis, part in enumerate(axes):
        if isinstance(part, str):
            name = w.node("Gather", name, w.plain(w.as_type(indices[0], np.int64)), axis=axis + shift)
            shift += indices[0].ndim - 1
        elif not isinstance(part, slice):
            name = w.node("Gather", name, w.constant(int(part), np.int64), axis=axis + shift)
            shift -= 1
    return w.result(w.reshaped(name, w.outs[0][0]) if None in parts else name)


def _by_several(w: Writer, x: Value, indices: Sequence[Value], parts: list[Any]) -> Value:
    if any(part != INDEX for part in parts[: len(indices)]):
        raise w.refuse("several arrays of indices export only where they stand first and side by side")
    name = sliced(w, x, [slice(None) if part == INDEX else part for part in parts])
    return w.result(w.node("GatherND", name, _places(w, indices)))


def _places(w: Writer, indices: Sequence[Value]) -> str:
    """Arrays of indices that broadcast, side by side along a last axis."""
    shape = np.broadcast_shapes(*[tuple(int(n) for n in v.shape) for v in indices])
    target = [
        next((v.shape[k - len(shape) + v.ndim] for v in indices if k - len(shape) + v.ndim >= 0
              and int(v.shape[k - len(shape) + v.ndim]) == n), n) for k, n in enumerate(shape)
    ]  # fmt: skip
    columns = []
    for v in indices:
        name = w.plain(w.as_type(v, np.int64))
        name = name if v.shape == tuple(target) else w.node("Expand", name, w.ints(*target))
        columns.append(w.node("Unsqueeze", name, w.ints(-1)))
    made: str = columns[0] if len(columns) == 1 else w.node("Concat", *columns, axis=-1)
    return made


def zeros(w: Writer, shape: Sequence[int], dtype: Any) -> str:
    """Zeros of a shape that may go with the batch."""
    zero = w.helper.make_tensor("value", w.code(dtype), [1], [0])
    name: str = w.node("ConstantOfShape", w.ints(*shape), value=zero)
    return name


@exports("put")
def put(w: Writer, x: Value, *indices: Value, key: Any, shape: Any) -> Value:
    parts, shape = parts_of(key, len(shape)), w.outs[0][0]
    x = w.as_type(x, w.outs[0][1])
    if any(v.dtype.kind == "b" for v in indices):
        raise w.refuse("put at a mask has no counterpart in ONNX; use where(mask, x, 0)")
    if not indices:
        return _put_slices(w, x, [part for part in parts if part is not None], shape)
    if any(part != INDEX for part in parts[: len(indices)]):
        if len(indices) == 1 and all(part in (INDEX, slice(None)) for part in parts):
            return _put_along(w, x, indices[0], parts.index(INDEX), shape)
        raise w.refuse("put exports where arrays of indices stand first and side by side")
    if any(part != slice(None) for part in parts[len(indices) :]):
        raise w.refuse("put exports arrays of indices beside whole axes only")
    return w.result(
        w.node("ScatterND", zeros(w, shape, x.dtype), _places(w, indices), w.plain(x), reduction="add")
    )  # fmt: skip


def _put_along(w: Writer, x: Value, indices: Value, axis: int, shape: Any) -> Value:
    """Rows added at places along a later axis, which comes first meanwhile."""
    moved = [*range(axis, axis + indices.ndim), *(k for k in range(x.ndim) if not axis <= k < axis + indices.ndim)]
    updates = w.ordered(x, moved)
    order = (axis, *(k for k in range(len(shape)) if k != axis))
    target = zeros(w, [shape[k] for k in order], x.dtype)
    return w.result(w.node("ScatterND", target, _places(w, [indices]), updates, reduction="add"), order)


@exports("unpad")
def unpad(w: Writer, x: Value, *, shape: Any, width: Any, mode: str) -> Value:
    outs, shape = w.outs, list(x.shape)
    for axis, (side, n) in enumerate(zip(pairs(width, x.ndim), outs[0][0], strict=True)):
        if side != (0, 0):
            shape[axis] = n
            w.outs = [(tuple(shape), x.dtype)]
            source = Value(w.constant(np.pad(np.arange(int(n)), side, mode=mode)), (int(n) + sum(side),), np.dtype(np.int64))  # type: ignore[call-overload]  # noqa: E501
            x = _put_along(w, x, source, axis, shape)
    w.outs = outs
    return x


def _put_slices(w: Writer, x: Value, parts: list[Any], shape: Any) -> Value:
    """x in a frame of zeros; where steps leave gaps, scattered."""
    ranges = []
    for part, n in zip(parts, shape, strict=True):
        if isinstance(part, slice):
            ranges.append(range(int(n))[part] if not isinstance(n, Size) or part != slice(None) else range(int(n)))
        else:
            ranges.append(range(int(n))[int(part) : int(part) + 1 if int(part) != -1 else None])
    inner = [n if isinstance(n, Size) and part == slice(None) else len(r)
             for n, part, r in zip(shape, parts, ranges, strict=True)]  # fmt: skip
    name = w.reshaped(w.plain(x), inner)
    for axis, (r, n) in enumerate(zip(ranges, shape, strict=True)):
        if r.step == 1 or len(r) == 1:
            before, after = (r[0], int(n) - r[-1] - 1) if len(r) else (0, int(n))
            if before or after:
                pads = [0] * (2 * len(shape))
                pads[axis], pads[axis + len(shape)] = before, after
                name = w.node("Pad", name, w.ints(*pads))
        else:
            name = _spread(w, name, axis, r, int(n), x.dtype)
    return w.result(name)


def _spread(w: Writer, name: str, axis: int, places: range, n: int, dtype: Any) -> str:
    """Rows along an axis put at places among n, with zeros between."""
    source = np.full(n, len(places))
    source[list(places)] = np.arange(len(places))
    pads = w.node("Pad", name, w.ints(0, 1), w.constant(0, dtype), w.ints(axis))
    made: str = w.node("Gather", pads, w.constant(source, np.int64), axis=axis)
    return made


@exports("take")
def take(w: Writer, x: Value, indices: Value, *, axis: int | None) -> Value:
    indices = w.as_type(indices, np.int64)
    if axis is None:
        return w.result(w.node("Gather", w.node("Reshape", w.plain(x), w.ints(-1)), w.plain(indices)))
    return w.result(w.node("Gather", w.plain(x), w.plain(indices), axis=axis % x.ndim))


@exports("take_along_axis")
def take_along_axis(w: Writer, x: Value, indices: Value, *, axis: int | None) -> Value:
    if axis is None:
        flat = w.node("Reshape", w.plain(x), w.ints(-1))
        return w.result(w.node("GatherElements", flat, w.plain(indices), axis=0))
    places = w.as_type(indices, np.int64)
    return w.result(w.node("GatherElements", w.plain(x), w.plain(places), axis=axis % x.ndim))


@exports("add_along_axis")
def add_along_axis(w: Writer, x: Value, indices: Value, *, axis: int | None, shape: Any) -> Value:
    if axis is None:
        raise w.refuse("add_along_axis of the flattened array has no counterpart; name an axis")
    target, places = zeros(w, w.outs[0][0], x.dtype), w.plain(w.as_type(indices, np.int64))
    return w.result(
        w.node("ScatterElements", target, places, w.plain(x), axis=axis % x.ndim, reduction="add")
    )  # fmt: skip


@exports("one_hot_rows")
def one_hot_rows(w: Writer, labels: Value, *, classes: int, dtype: Any, ignore_index: int | None) -> Value:
    column = w.node("Reshape", w.plain(w.as_type(labels, np.int64)), w.ints(-1, 1))
    rows = w.node("Equal", column, w.constant(np.arange(classes), np.int64))
    if ignore_index is not None:
        used = w.node("Not", w.node("Equal", column, w.constant(ignore_index, np.int64)))
        rows = w.node("And", rows, used)
    return w.result(w.node("Cast", rows, to=w.code(w.outs[0][1])))


@exports("argtopk")
def argtopk(w: Writer, x: Value, *, k: int, axis: int, largest: bool) -> Value:
    place = places_in(x, axis)
    _, indices = w.node("TopK", x.name, w.ints(k), outputs=2, axis=place, largest=int(largest))
    return w.result(indices, x.order)


