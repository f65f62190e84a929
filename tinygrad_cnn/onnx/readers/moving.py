"""Operators that move elements: shapes, axes, joining and splitting, borders."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from ... import ops
from ..layouts import Held, aligned, array, held, like, plain
from ..reading import Node, reads, room
from .elementwise import dtype_of, is_float


def ints(value: Any) -> list[int]:
    """Whole numbers that are read now."""
    return [int(v) for v in array(value).reshape(-1)]


@reads("Reshape", attributes="allowzero")
def reshape(node: Node, x: Any, shape: Any) -> Any:
    sizes = ints(shape)
    if not node.get("allowzero", 0):
        sizes = [x.shape[k] if n == 0 and k < x.ndim else n for k, n in enumerate(sizes)]
    if isinstance(x, Held) and tuple(sizes) == tuple(x.shape):
        return x
    return ops.reshape(plain(x), tuple(sizes))


@reads("Flatten", attributes="axis")
def flatten(node: Node, x: Any) -> Any:
    axis, y = node.get("axis", 1), plain(x)
    rows = math.prod(y.shape[: axis if axis >= 0 else y.ndim + axis])
    return ops.reshape(y, (rows, math.prod(y.shape) // rows if rows else math.prod(y.shape[axis:])))


@reads("Transpose", attributes="perm")
def transpose(node: Node, x: Any) -> Any:
    perm = node.get("perm") or list(range(x.ndim))[::-1]
    if sorted(perm) != list(range(x.ndim)):
        raise node.refuse(f"perm={perm} of {x.ndim} axes")
    order = x.order if isinstance(x, Held) else tuple(range(x.ndim))
    if x.ndim < 3:
        return ops.transpose(plain(x), tuple(perm))
    return held(x.tensor if isinstance(x, Held) else x, [perm.index(k) for k in order])


@reads("Concat", attributes="axis")
def concat(node: Node, *xs: Any) -> Any:
    axis = node.get("axis")
    if all(x.ndim == xs[0].ndim for x in xs) and any(isinstance(x, Held) for x in xs):
        tensors, order = aligned(xs)
        place = axis if order is None else order.index(axis % xs[0].ndim)
        return like(order, ops.concatenate(*tensors, axis=place))
    return ops.concatenate(*[plain(x) for x in xs], axis=axis)


@reads("Split", attributes="axis num_outputs split")
def split(node: Node, x: Any, sizes: Any = None) -> Any:
    sizes = np.array(node.given["split"]) if "split" in node.given else sizes
    axis, y = node.get("axis", 0), plain(x)
    n, parts = y.shape[axis], len(node.outputs)
    if sizes is None:
        each = -(-n // parts)
        lengths = [min(each, n - k * each) for k in range(parts)]
    else:
        lengths = ints(sizes)
    if sum(lengths) != n or min(lengths, default=0) < 0:
        raise node.refuse(f"parts of {lengths} do not make up {n}")
    ends = np.cumsum([0, *lengths])
    lead = (slice(None),) * (axis % y.ndim)
    keys = [(*lead, slice(int(a), int(b))) for a, b in pairwise(ends)]
    return tuple(y[key] for key in keys)


@reads("Slice", attributes="starts ends axes")
def slice_(
    node: Node, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> Any:
    if "starts" in node.given:
        starts, ends, axes = (None if v is None else np.array(v) for v in map(node.get, ("starts", "ends", "axes")))
    order = x.order if isinstance(x, Held) else tuple(range(x.ndim))
    first, stop = ints(starts), ints(ends)
    places = list(range(len(first))) if axes is None else ints(axes)
    strides = [1] * len(first) if steps is None else ints(steps)
    key = [slice(None)] * x.ndim
    for a, b, axis, step in zip(first, stop, places, strides, strict=True):
        if step == 0 or not -x.ndim <= axis < x.ndim:
            raise node.refuse(f"a step of {step} along axis {axis} of {x.ndim}")
        n = x.shape[axis]
        beyond = step < 0 and b < -n  # up to and with the first
        key[order.index(axis % x.ndim)] = slice(a if a >= -n else (0 if step > 0 else -n), None if beyond else b, step)
    if not x.ndim:
        return x
    y = (x.tensor if isinstance(x, Held) else x)[tuple(key)]
    return held(y, order)


@reads("Pad", attributes="mode pads value")
def pad(node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    widths, mode = node.get("pads") or ints(pads), node.get("mode", "constant")
    value = np.float32(node.given["value"]) if "value" in node.given else value
    places = range(x.ndim) if axes is None else [a % x.ndim for a in ints(axes)]
    half = len(widths) // 2
    sides = {a: (widths[k], widths[k + half]) for k, a in enumerate(places)}
    order = x.order if isinstance(x, Held) else tuple(range(x.ndim))
    y = x.tensor if isinstance(x, Held) else x
    room(node, [n + sum(sides.get(k, (0, 0))) for k, n in enumerate(x.shape)])
    cut = tuple(slice(max(-sides.get(a, (0, 0))[0], 0), n - max(-sides.get(a, (0, 0))[1], 0))
                for a, n in zip(order, y.shape, strict=True))  # fmt: skip
    y = y[cut] if any(w < 0 for w in widths) else y
    width = tuple(tuple(max(w, 0) for w in sides.get(a, (0, 0))) for a in order)
    if mode == "constant":
        fill = 0 if value is None else array(value).reshape(-1)[0].item()
        padded = ops.pad(y, width, value=fill) if is_float(y) else np.pad(array(y), width, constant_values=fill)
        return held(padded, order)
    return held(ops.pad(y, width, mode=mode), order)


@reads("Squeeze", attributes="axes")
def squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    given = ints(axes) if axes is not None else node.get("axes")
    y = plain(x)
    gone = [a % y.ndim for a in given] if given is not None else [k for k, n in enumerate(y.shape) if n == 1]
    if any(y.shape[k] != 1 for k in gone):
        raise node.refuse(f"axes {gone} of shape {tuple(y.shape)} are not all of length 1")
    return ops.reshape(y, tuple(n for k, n in enumerate(y.shape) if k not in gone))


@reads("Unsqueeze", attributes="axes")
def unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    given = ints(axes) if axes is not None else node.get("axes")
    y = plain(x)
    ndim = y.ndim + len(given)
    new = {a % ndim for a in given}
    left = iter(y.shape)
    return ops.reshape(y, tuple(1 if k in new else next(left) for k in range(ndim)))


@reads("Expand")
def expand(node: Node, x: Any, shape: Any) -> Any:
    y = plain(x)
    sizes = room(node, np.broadcast_shapes(tuple(y.shape), tuple(ints(shape))))
    return ops.broadcast_to(y, sizes) if is_float(y) else np.broadcast_to(array(y), sizes).copy()


@reads("Tile")
def tile(node: Node, x: Any, repeats: Any) -> Any:
    y, reps = plain(x), ints(repeats)
    room(node, [n * k for n, k in zip(y.shape, reps, strict=True)])
    return ops.tile(y, tuple(reps))


@reads("Shape", attributes="start end")
def shape(node: Node, x: Any) -> Any:
    return np.array(x.shape, np.int64)[node.get("start", 0) : node.get("end")]


@reads("Size")
def size(node: Node, x: Any) -> Any:
    return np.array(math.prod(x.shape), np.int64)


@reads("Constant", attributes="value value_float value_floats value_int value_ints")
def constant(node: Node) -> Any:
    (name, value), *_ = node.given.items()
    kinds = {"value": None, "value_float": np.float32, "value_floats": np.float32}
    return np.asarray(value, kinds.get(name, np.int64))


@reads("ConstantOfShape", attributes="value")
def constant_of_shape(node: Node, sizes: Any) -> Any:
    value = np.asarray(node.get("value", np.zeros(1, np.float32))).reshape(-1)
    return np.full(room(node, ints(sizes)), value[0], value.dtype)


@reads("Range")
def range_(node: Node, start: Any, limit: Any, delta: Any) -> Any:
    a, b, step = (array(v).reshape(-1)[0] for v in (start, limit, delta))
    if not step:
        raise node.refuse("a range with a step of 0 has no end")
    if not np.isfinite([a, b, step]).all():
        raise node.refuse("a range without an end")
    count = max(math.ceil((b - a) / step), 0)
    room(node, [count])
    return (a + np.arange(count) * step).astype(array(start).dtype)


@reads("EyeLike", attributes="dtype k")
def eye_like(node: Node, x: Any) -> Any:
    dtype = dtype_of(node, node.get("dtype")) if node.get("dtype") else x.dtype
    rows, columns = x.shape
    return np.eye(rows, columns, node.get("k", 0), np.dtype(dtype))


@reads("Trilu", attributes="upper")
def trilu(node: Node, x: Any, k: Any = None) -> Any:
    y, offset = plain(x), 0 if k is None else int(array(k))
    fn = ops.triu if node.get("upper", 1) else ops.tril
    return fn(y, offset) if is_float(y) else (np.triu if node.get("upper", 1) else np.tril)(array(y), offset)


@reads("DepthToSpace", attributes="blocksize mode")
def depth_to_space(node: Node, x: Any) -> Any:
    b, y = node.get("blocksize"), plain(x)
    n, c, h, w = y.shape
    if node.get("mode", "DCR") == "DCR":
        apart = ops.transpose(ops.reshape(y, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    else:
        apart = ops.transpose(ops.reshape(y, (n, c // (b * b), b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return ops.reshape(apart, (n, c // (b * b), h * b, w * b))


@reads("SpaceToDepth", attributes="blocksize mode")
def space_to_depth(node: Node, x: Any) -> Any:
    b, y = node.get("blocksize"), plain(x)
    n, c, h, w = y.shape
    order = (0, 3, 5, 1, 2, 4) if node.get("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    apart = ops.transpose(ops.reshape(y, (n, c, h // b, b, w // b, b)), order)
    return ops.reshape(apart, (n, c * b * b, h // b, w // b))


