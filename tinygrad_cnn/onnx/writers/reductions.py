"""Reductions, and what is made of them: softmax, norms, sums along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..table import exports
from ..writer import Order, Value, Writer, tidy
from .elementwise import apply, number

KINDS = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
         "norm": "ReduceL2", "logsumexp": "ReduceLogSumExp"}  # fmt: skip


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that an `axis` argument names, all for None."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(a % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,))))


def without(order: Order, axes: Sequence[int]) -> Order:
    """The order of the axes that are left."""
    if order is None:
        return None
    left = sorted(a for a in order if a not in axes)
    return tidy([left.index(a) for a in order if a not in axes])


def reduce(w: Writer, kind: str, x: Value, axis: Any, keepdims: bool = True) -> Value:
    """A reduction over axes of x."""
    axes = axes_of(axis, x.ndim)
    if not axes:
        return x
    places = sorted((x.order or tuple(range(x.ndim))).index(a) for a in axes)
    name = w.node(kind, x.name, w.ints(*places), keepdims=int(keepdims))
    shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape) if keepdims or k not in axes)
    return Value(name, shape, x.dtype, x.order if keepdims else without(x.order, axes))


def places_in(v: Value, axis: int) -> int:
    """Where an axis lies in the file."""
    return (v.order or tuple(range(v.ndim))).index(axis % v.ndim)


@exports(*KINDS)
def reduction(w: Writer, x: Value, *, axis: Any, keepdims: bool) -> Value:
    return reduce(w, KINDS[w.step.op.name], w.as_type(x, w.outs[0][1]), axis, keepdims)  # type: ignore[union-attr]


@exports("all", "any")
def truth(w: Writer, x: Value, *, axis: Any, keepdims: bool) -> Value:
    kind = "ReduceMin" if w.step.op.name == "all" else "ReduceMax"  # type: ignore[union-attr]
    found = reduce(w, kind, w.as_type(w.as_type(x, bool), np.int32), axis, keepdims)
    return w.as_type(found, bool)


def variance(w: Writer, x: Value, axis: Any, keepdims: bool = True, ddof: int = 0) -> Value:
    """The mean square of what is left of x without its mean."""
    centred = apply(w, "Sub", x, reduce(w, "ReduceMean", x, axis))
    axes = axes_of(axis, x.ndim)
    if not ddof:
        return reduce(w, "ReduceMean", apply(w, "Mul", centred, centred), axes, keepdims)
    total = reduce(w, "ReduceSum", apply(w, "Mul", centred, centred), axes, keepdims)
    shape = w.node("Gather", w.node("Shape", x.name), w.ints(*[places_in(x, a) for a in axes]))
    count = w.node("Cast", w.node("ReduceProd", shape, keepdims=0), to=w.code(x.dtype))
    return apply(w, "Div", total, apply(w, "Sub", Value(count, (), x.dtype), number(w, x, float(ddof))))


@exports("var")
def var(w: Writer, x: Value, *, axis: Any, keepdims: bool, ddof: int) -> Value:
    return variance(w, x, axis, keepdims, ddof)


@exports("std")
def std(w: Writer, x: Value, *, axis: Any, keepdims: bool, ddof: int) -> Value:
    return apply(w, "Sqrt", variance(w, x, axis, keepdims, ddof))


@exports("normalize")
def normalize(w: Writer, x: Value, *, axis: Any, eps: float) -> Value:
    centred = apply(w, "Sub", x, reduce(w, "ReduceMean", x, axis))
    square = reduce(w, "ReduceMean", apply(w, "Mul", centred, centred), axis)
    return apply(w, "Div", centred, apply(w, "Sqrt", apply(w, "Add", square, number(w, x, float(eps)))))


@exports("softmax", "log_softmax")
def softmax(w: Writer, x: Value, *, axis: int | None) -> Value:
    kind = "Softmax" if w.step.op.name == "softmax" else "LogSoftmax"  # type: ignore[union-attr]
    if axis is None:
        flat = w.node(kind, w.node("Reshape", w.plain(x), w.ints(-1)), axis=0)
        return w.result(w.reshaped(flat, x.shape))
    return w.result(w.node(kind, x.name, axis=places_in(x, axis)), x.order)


@exports("sum_to")
def sum_to(w: Writer, x: Value, *, shape: tuple[int, ...]) -> Value:
    lead = x.ndim - len(shape)
    axes = [k for k, n in enumerate(shape, lead) if int(n) == 1 and int(x.shape[k]) != 1]
    y = reduce(w, "ReduceSum", x, tuple(axes)) if axes else x
    return reduce(w, "ReduceSum", y, tuple(range(lead)), False) if lead else y


@exports("argmax", "argmin")
def arg(w: Writer, x: Value, *, axis: int | None, keepdims: bool) -> Value:
    kind = "ArgMax" if w.step.op.name == "argmax" else "ArgMin"  # type: ignore[union-attr]
    if axis is None:
        flat = w.node(kind, w.node("Reshape", w.plain(x), w.ints(-1)), axis=0, keepdims=0)
        return w.result(w.reshaped(flat, (1,) * x.ndim) if keepdims else flat)
    name = w.node(kind, x.name, axis=places_in(x, axis), keepdims=int(keepdims))
    return w.result(name, x.order if keepdims else without(x.order, (axis % x.ndim,)))


@exports("cumsum")
def cumsum(w: Writer, x: Value, *, axis: int | None) -> Value:
    x = w.as_type(x, w.outs[0][1])
    if axis is None:
        return w.result(w.node("CumSum", w.node("Reshape", w.plain(x), w.ints(-1)), w.constant(0, np.int64)))
    return w.result(w.node("CumSum", x.name, w.constant(places_in(x, axis), np.int64)), x.order)


@exports("global_avg_pool2d")
def global_avg_pool2d(w: Writer, x: Value) -> Value:
    return reduce(w, "ReduceMean", x, (1, 2), False)


def count(shape: Sequence[int]) -> int:
    return math.prod(int(n) for n in shape)
