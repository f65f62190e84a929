"""Taking elements along an axis at places of their own for each row, adding them back there, and writing there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import later, lengthened
from ..autodiff.kinds import Whole
from ..core import op
from ._arguments import fitting
from ._axes import along_axis, axes_of
from .algebra import sum_to
from .arithmetic import where

__all__ = ["add_along_axis", "put_along_axis", "take_along_axis"]

_TWICE = np.array([[2, 0], [1, 1]])


def _places(who: str, shape: tuple[int, ...], indices: Any, axis: Any) -> Any:
    """The places in the flattened array that indices along an axis stand for."""
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{who}: indices have dtype {indices.dtype}; they must be whole numbers.")
    ndim = 1 if axis is None else len(shape)
    if indices.ndim != ndim:
        raise ValueError(
            f"{who}: indices {indices.shape} of an array {shape} with axis={axis!r} must have {ndim} axes. "
            "Reshape them, or use x[indices] for another kind of choice."
        )
    shape, axis = ((math.prod(shape),), 0) if axis is None else (shape, axes_of(who, axis, ndim)[0])
    n, indices = shape[axis], indices.astype(np.intp, copy=False)  # int8 cannot hold 200
    low, high = (int(indices.min()), int(indices.max())) if indices.size else (0, -1)
    if low < -n or high >= n:
        raise IndexError(f"{who}: index {high if high >= n else low} is out of range for axis {axis} of {shape}.")
    found = (np.where(indices < 0, indices + n, indices) if low < 0 else indices) * math.prod(shape[axis + 1 :])
    for k, length in enumerate(shape):
        if k != axis:
            step, column = math.prod(shape[k + 1 :]), (-1, *(1,) * (ndim - 1 - k))
            found = found + np.arange(0, length * step, step).reshape(column) if step else found
    return found


def _take_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    x, indices = inputs
    return NotImplemented if stacked[1] else along_axis(op, [x, indices[None]], [True, False], params)


def take_along_ref(x: np.ndarray, indices: np.ndarray, axis: int | None = -1) -> np.ndarray:
    if axis is None:
        return np.array([x.ravel()[k] for k in indices])
    sizes = zip(x.shape, indices.shape, strict=True)
    shape = [m if k == axis % x.ndim else max(n, m) for k, (n, m) in enumerate(sizes)]
    out = np.empty(shape, x.dtype)
    for p in np.ndindex(*shape):
        source = list(p)
        source[axis] = indices[tuple(min(k, n - 1) for k, n in zip(p, indices.shape, strict=True))]
        out[p] = x[tuple(source)]
    return out


@op(
    linear=["x"],
    params=["axis"],
    samples=[S(x=(2, 3), indices=_TWICE), S(x=(2, 3), indices=np.array([[1, -1, 0]]), axis=0),
             S(x=(2, 3), indices=np.array([5, 0, 5]), axis=None)],
    ref=take_along_ref,
    cost=lambda: 0,
    stacks=_take_stack,
)  # fmt: skip
def take_along_axis(x: Any, indices: Any, axis: Whole | None = -1) -> Any:
    """From each row along an axis the elements at its own indices; axes of length 1 broadcast.

    x (..., N, ...) · indices (..., M, ...) int -> (..., M, ...)

    >>> x = tg.Tensor([[10.0, 30.0, 20.0], [6.0, 5.0, 4.0]], requires_grad=True)
    >>> y = tg.take_along_axis(x, tg.argsort(x))
    >>> y.data
    array([[10., 20., 30.],
           [ 4.,  5.,  6.]], dtype=float32)
    >>> tg.grad(y[:, -1].sum(), x)  # of the largest of each row
    array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)
    """
    return np.take(x, _places("take_along_axis", x.shape, indices, axis))  # from the flattened x


def _add_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x, indices), axis, shape = inputs, params["axis"], params["shape"]
    if stacked[1]:
        return NotImplemented
    if axis is None:
        y = op(x, indices[None], axis=1, shape=(len(x), math.prod(shape)))
        return y.reshape(len(x), *shape)
    return op(x, indices[None], axis=axis % len(shape) + 1, shape=(len(x), *shape))


def _add_ref(x: np.ndarray, indices: np.ndarray, *, axis: int | None, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape)
    places = take_along_ref(np.arange(out.size).reshape(shape), indices, axis)
    np.add.at(out.reshape(-1), places.ravel(), x.ravel())
    return out


@op(
    linear=["x"],
    samples=[S(x=(2, 2), indices=_TWICE, axis=-1, shape=(2, 3)),
             S(x=(1, 3), indices=np.array([[1, -1, 0]]), axis=0, shape=(2, 3)),
             S(x=(3,), indices=np.array([5, 0, 5]), axis=None, shape=(2, 3))],
    ref=_add_ref,
    stacks=_add_stack,
)  # fmt: skip
def add_along_axis(x: Any, indices: Any, *, axis: Whole | None, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with x added at indices along an axis, repeated ones summed; the adjoint of take_along_axis.

    x (..., M, ...) · indices (..., M, ...) int -> shape

    >>> tg.add_along_axis(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 2]), axis=0, shape=(4,))
    array([2., 0., 4., 0.])
    """
    places = _places("add_along_axis", shape, indices, axis)
    if x.shape != places.shape:
        raise ValueError(f"add_along_axis: x {x.shape} must have one element for each of {places.shape} places.")
    dtype = np.sum(x[:0] if x.ndim else x).dtype if x.dtype.kind in "biu" else x.dtype
    return np.bincount(places.ravel(), x.ravel(), math.prod(shape)).reshape(shape).astype(dtype, copy=False)


take_along_axis.vjp(x=lambda g, x_shape, indices, axis: add_along_axis(g, indices, axis=axis, shape=x_shape))
take_along_axis.formula(x="add_along_axis(g, indices)")
add_along_axis.vjp(x=lambda g, indices, axis: take_along_axis(g, indices, axis))
add_along_axis.formula(y="add_along_axis(x, indices)", x="take_along_axis(g, indices)")


def _put_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x, indices, v), axis = inputs, params["axis"]
    if stacked[1]:
        return NotImplemented
    x = x if stacked[0] else np.repeat(x[None], len(v), axis=0)
    rows, along = (x.reshape(len(x), -1), 1) if axis is None else (x, later(axis))
    return op(rows, indices[None], lengthened(v, rows.ndim - 1) if stacked[2] else v, along).reshape(x.shape)


def _put_ref(x: np.ndarray, indices: np.ndarray, v: np.ndarray, axis: int | None = -1) -> np.ndarray:
    out: np.ndarray = x.copy()
    places = take_along_ref(np.arange(x.size).reshape(x.shape), indices, axis)
    for p, value in zip(places.ravel(), np.broadcast_to(v, places.shape).ravel(), strict=True):
        out.flat[p] = value
    return out


@op(
    linear=["x", "v"],
    params=["axis"],
    samples=[S(x=(2, 3), indices=_TWICE, v=(2, 2)), S(x=(2, 3), indices=np.array([[1, -1, 0]]), v=(3,), axis=0),
             S(x=(2, 3), indices=np.array([5, 0, 5]), v=(3,), axis=None), S(x=(2, 3), indices=_TWICE, v=())],
    ref=_put_ref,
    stacks=_put_stack,
)  # fmt: skip
def put_along_axis(x: Any, indices: Any, v: Any, axis: Whole | None = -1) -> Any:
    """x with v written at indices along an axis; a new array, where ``np.put_along_axis`` writes to its argument.

    Where several values are written to one place the last one stays, and only it gets a gradient.  The result has the
    dtype of x.  x (..., N, ...) · indices (..., M, ...) int · v (..., M, ...) -> (..., N, ...)

    >>> tg.put_along_axis(np.zeros((2, 3)), np.array([[2], [0]]), 1.0)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    places = _places("put_along_axis", x.shape, indices, axis)
    out = x.copy(order="C")
    out.reshape(-1)[places.ravel()] = np.broadcast_to(fitting("put_along_axis", "v", v, x.dtype), places.shape).ravel()
    return out


def _put_v(g: Any, indices: Any, v_shape: Any, axis: Any) -> Any:
    taken = take_along_axis(g, indices, axis)
    number = np.arange(math.prod(taken.shape)).reshape(taken.shape)
    stayed = take_along_axis(put_along_axis(np.zeros(g.shape, np.intp), indices, number, axis), indices, axis)
    return sum_to(where(stayed == number, taken, 0), shape=v_shape)


put_along_axis.vjp(x=lambda g, indices, axis: put_along_axis(g, indices, np.zeros((), g.dtype), axis), v=_put_v)
put_along_axis.formula(
    y="written(x, v)", x="written(g, 0)", v="sum_to(where(last_at(indices), take_along_axis(g, indices), 0))"
)  # fmt: skip
