"""Reductions, softmax, and sums along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ..layouts import Held, array, held, plain
from ..reading import Node, reads
from .elementwise import as_type, is_float


def axes_of(node: Node, axes: Any) -> tuple[int, ...] | None:
    """The axes that a node names, as an input or as an attribute; None for all."""
    given = array(axes).reshape(-1).tolist() if axes is not None else node.get("axes")
    return tuple(int(a) for a in given) if given else None


def reduced(fn: Callable[..., Any], x: Any, axes: tuple[int, ...] | None, keepdims: bool) -> Any:
    """A reduction over axes of the file; the layout stays while axes are kept."""
    if not isinstance(x, Held) or axes is None:
        return fn(plain(x), axis=axes, keepdims=keepdims)
    gone = [a % x.ndim for a in axes]
    y = fn(x.tensor, axis=tuple(x.order.index(a) for a in gone), keepdims=keepdims)
    if keepdims:
        return Held(y, x.order)
    left = [a for a in range(x.ndim) if a not in gone]
    return held(y, [left.index(a) for a in x.order if a not in gone])


def _l1(x: Any, **options: Any) -> Any:
    return ops.sum(ops.abs(x), **options)


def _square(x: Any, **options: Any) -> Any:
    return ops.sum(x * x, **options)


def _log_sum(x: Any, **options: Any) -> Any:
    return ops.log(ops.sum(x, **options))


_KINDS: dict[str, Any] = {
    "ReduceSum": (ops.sum, np.sum), "ReduceMean": (ops.mean, np.mean), "ReduceMax": (ops.max, np.max),
    "ReduceMin": (ops.min, np.min), "ReduceProd": (ops.prod, np.prod), "ReduceL1": (_l1, None),
    "ReduceL2": (ops.norm, None), "ReduceSumSquare": (_square, None), "ReduceLogSum": (_log_sum, None),
    "ReduceLogSumExp": (ops.logsumexp, None),
}  # fmt: skip
_EMPTY: dict[str, Any] = {"ReduceMax": np.max, "ReduceMin": np.min}


def _reducing(kind: str) -> Callable[..., Any]:
    floats, wholes = _KINDS[kind]

    def run(node: Node, x: Any, axes: Any = None) -> Any:
        places, keepdims = axes_of(node, axes), bool(node.get("keepdims", 1))
        if places is None and node.get("noop_with_empty_axes", 0):
            return _alone(kind, x)
        if not x.ndim:
            places = None
        size = np.prod(x.shape)
        if kind in _EMPTY and (not size or x.dtype == bool):
            low = {"ReduceMax": -np.inf, "ReduceMin": np.inf}[kind] if is_float(x) else None
            low = kind == "ReduceMin" if x.dtype == bool else low
            initial: dict[str, Any] = {} if low is None else {"initial": low}
            return _EMPTY[kind](array(x), axis=places, keepdims=keepdims, **initial)
        if kind == "ReduceLogSumExp" and not size:
            return _log_sum(ops.exp(plain(x)), axis=places, keepdims=keepdims)
        if not is_float(x):
            v = array(x)
            if wholes is not None:
                return np.asarray(wholes(v, axis=places, keepdims=keepdims)).astype(v.dtype)
            return np.asarray(floats(v.astype(np.float64), axis=places, keepdims=keepdims)).astype(v.dtype)
        return reduced(floats, x, places, keepdims)

    return run


def _alone(kind: str, x: Any) -> Any:
    """What a reduction over no axes makes of each element."""
    y = plain(x)
    found = {"ReduceL1": ops.abs, "ReduceL2": ops.abs, "ReduceLogSum": ops.log, "ReduceSumSquare": ops.square}
    return found[kind](y) if kind in found else x


for _kind in _KINDS:
    reads(_kind, attributes="axes keepdims noop_with_empty_axes")(_reducing(_kind))


@reads("ArgMax", "ArgMin", attributes="axis keepdims select_last_index")
def arg(node: Node, x: Any) -> Any:
    v, axis = array(x), node.get("axis", 0)
    find = np.argmax if node.kind == "ArgMax" else np.argmin
    if node.get("select_last_index", 0):
        found = v.shape[axis] - 1 - find(np.flip(v, axis), axis=axis)
    else:
        found = find(v, axis=axis)
    return np.expand_dims(found, axis) if node.get("keepdims", 1) else found


@reads("Softmax", "LogSoftmax", "Hardmax", attributes="axis")
def softmax(node: Node, x: Any) -> Any:
    axis = node.get("axis", -1 if node.opset >= 13 else 1)
    if node.opset < 13:  # along all axes from there on
        v = plain(x)
        lead = v.shape[: axis % v.ndim]
        rows = ops.reshape(v, (math.prod(lead), -1))
        fn = {"Softmax": ops.softmax, "LogSoftmax": ops.log_softmax}.get(node.kind)
        if fn is None:
            raise node.refuse("of an opset before 13 is not supported")
        return ops.reshape(fn(rows, axis=1), tuple(v.shape))
    if node.kind == "Hardmax":
        v = array(x)
        best = np.expand_dims(np.argmax(v, axis=axis), axis)
        y = np.zeros_like(v)
        np.put_along_axis(y, best, 1, axis)
        return y
    fn = ops.softmax if node.kind == "Softmax" else ops.log_softmax
    if isinstance(x, Held):
        return Held(fn(x.tensor, axis=x.order.index(axis % x.ndim)), x.order)
    return fn(x, axis=axis)


@reads("CumSum", attributes="exclusive reverse")
def cumsum(node: Node, x: Any, axis: Any) -> Any:
    y, a = plain(x), int(array(axis).reshape(-1)[0])
    whole = y if is_float(y) else array(y)
    flip = (lambda v: ops.flip(v, axis=a)) if node.get("reverse", 0) else (lambda v: v)
    total = flip(ops.cumsum(flip(whole), axis=a))
    return as_type(total - whole if node.get("exclusive", 0) else total, x.dtype)


@reads("TopK", attributes="axis largest sorted")
def topk(node: Node, x: Any, k: Any) -> Any:
    v, axis, count = array(x), node.get("axis", -1), int(array(k).reshape(-1)[0])
    n = v.shape[axis]
    if not 0 <= count <= n:
        raise node.refuse(f"k={count} of {n} elements")
    if node.get("largest", 1):  # of equal ones the first
        order = n - 1 - np.flip(np.argsort(np.flip(v, axis), axis=axis, kind="stable"), axis)
    else:
        order = np.argsort(v, axis=axis, kind="stable")
    places = np.take(order, np.arange(count), axis=axis).astype(np.int64)
    return ops.take_along_axis(plain(x), places, axis), places
