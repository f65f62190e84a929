"""Indexing: `getitem` takes elements, `put` adds them back at their places.  Each is the other's rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..core import op
from ..core.tensor import Tensor

_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


def _plain(key: Any) -> Any:
    """A key without Tensors, lists as arrays."""
    if isinstance(key, tuple):
        return tuple(_plain(k) for k in key)
    if isinstance(key, Tensor):
        key = key._data
    if isinstance(key, (list, range)):
        key = np.asarray(key, dtype=None if len(key) else np.intp)
    if isinstance(key, np.ndarray) and key.dtype.kind not in "iub":
        raise TypeError(f"getitem: an index has dtype {key.dtype}; indices are ints, slices, integers or booleans.")
    return key


def _basic(key: Any) -> bool:
    """Whether a key takes each element once: ints, slices, None, ... and boolean masks do."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(isinstance(k, _BASIC) or (isinstance(k, np.ndarray) and k.dtype == bool) for k in parts)


def _getitem_ref(x: np.ndarray, *, key: Any) -> np.ndarray:
    """By flat position, one element at a time."""
    places = np.arange(x.size).reshape(x.shape)[key]
    return np.array([x.flat[p] for p in np.ravel(places)], x.dtype).reshape(np.shape(places))


_KEYS = [
    S(x=(4, 5), key=1), S(x=(4, 5), key=(slice(None, None, -2), 2)), S(x=(4, 5), key=(Ellipsis, None, slice(1, 3))),
    S(x=(4, 5), key=np.array([0, 2, 2, -1])), S(x=(4, 5), key=(np.array([[0], [1]]), np.array([1, 1]))),
    S(x=(4, 5), key=(slice(None), np.array([0, 0, 3]))), S(x=(2, 3), key=np.array([[True, False, True]] * 2)),
]  # fmt: skip


@op(samples=_KEYS, ref=_getitem_ref, cost=lambda: 0)
def getitem(x: Any, *, key: Any) -> Any:
    """x[key]: ints, slices, ..., None, integer and boolean arrays, NumPy's meaning.  x (...) -> (...)

    >>> x = tg.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    >>> x[:, 1:].data
    array([[2., 3.],
           [5., 6.]], dtype=float32)
    >>> x[x.data > 4].data
    array([5., 6.], dtype=float32)
    >>> tg.grad(x[0, -1], x)
    array([[0., 0., 1.],
           [0., 0., 0.]], dtype=float32)
    """
    return x[_plain(key)]


def _put_ref(x: np.ndarray, *, key: Any, shape: tuple[int, ...]) -> np.ndarray:
    places = np.arange(int(np.prod(shape))).reshape(shape)[key]
    out = np.zeros(int(np.prod(shape)), x.dtype)
    for p, v in zip(np.ravel(places), np.ravel(x), strict=True):
        out[p] += v
    return out.reshape(shape)


@op(
    samples=[
        S(x=(5,), key=1, shape=(4, 5)), S(x=(2,), key=(slice(None, None, -2), 2), shape=(4, 5)),
        S(x=(4, 5), key=np.array([0, 2, 2, -1]), shape=(4, 5)), S(x=(3, 2), key=np.array([[1, 1], [0, 1], [3, 3]]),
        shape=(4,)), S(x=(4,), key=np.array([[True, False, True]] * 2), shape=(2, 3)),
        S(x=(4, 3), key=(slice(None), np.array([0, 0, 3])), shape=(4, 5)),
        S(x=(2, 2), key=(np.array([[0], [1]]), np.array([1, 1])), shape=(4, 5)),
    ],
    ref=_put_ref,
)  # fmt: skip
def put(x: Any, *, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with x added at [key], repeated places summed; the adjoint of getitem.  x (...) -> shape"""
    key = _plain(key)
    if _basic(key):
        out = np.zeros_like(x, shape=shape)
        out[key] = x
        return out
    parts = key if isinstance(key, tuple) else (key,)
    lead = len(parts) - 1
    if all(isinstance(k, slice) and k == slice(None) for k in parts[:lead]) and isinstance(parts[-1], np.ndarray):
        return _put_rows(x, parts[-1], lead, shape)
    places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)[key]
    flat = np.bincount(places.ravel(), np.broadcast_to(x, places.shape).ravel(), int(np.prod(shape, dtype=np.int64)))
    return flat.reshape(shape).astype(x.dtype)


def _put_rows(x: Any, indices: np.ndarray, axis: int, shape: tuple[int, ...]) -> Any:
    """Add rows at repeated integer indices along one axis: sort them, then sum each run."""
    out = np.zeros_like(x, shape=shape)
    if not indices.size:
        return out
    flat = indices.ravel() % shape[axis]
    order = np.argsort(flat, kind="stable")
    starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
    rows = x.reshape(x.shape[:axis] + (indices.size,) + x.shape[axis + indices.ndim :])
    sums = np.add.reduceat(np.take(rows, order, axis=axis), starts, axis=axis)
    out[(slice(None),) * axis + (flat[order][starts],)] = sums
    return out


getitem.vjp(x=lambda g, x_shape, key: put(g, key=key, shape=x_shape))
put.vjp(x=lambda g, key: getitem(g, key=key))
getitem.formula(y="x[key]", x="put(g, key)")
put.formula(y="put(x, key)", x="g[key]")


def _key(axis: int, indices: Any, ndim: int) -> Any:
    return (slice(None),) * (axis % ndim) + (np.asarray(indices),)


@op(
    params=["axis"],
    samples=[S(x=(4, 3), indices=np.array([[0, 2], [2, -1]]), axis=0),
             S(x=(2, 4), indices=np.array([1, 1, 3]), axis=-1),
             S(x=(2, 3), indices=np.array([5, 0, 5]))],
    ref=lambda x, indices, axis=None: _getitem_ref(
        x.ravel() if axis is None else x, key=_key(axis or 0, indices, 1 if axis is None else x.ndim)),
    cost=lambda: 0,
    numpy=[np.take],
)  # fmt: skip
def take(x: Any, indices: Any, axis: Any = None) -> Any:
    """Elements of x along an axis (of the flattened x if None) at integer indices.  x (...) · indices (...) -> (...)

    >>> x = tg.Tensor([10.0, 20.0, 30.0], requires_grad=True)
    >>> y = tg.take(x, [2, 0, 2])
    >>> y.data, tg.grad(y.sum(), x)  # taken twice, counted twice
    (array([30., 10., 30.], dtype=float32), array([1., 0., 2.], dtype=float32))
    """
    if indices.dtype.kind not in "iu":
        raise TypeError(f"take: indices have dtype {indices.dtype}; they must be whole numbers.")
    return np.take(x, indices, axis=axis)


def _take_x(g: Any, x_shape: Any, indices: Any, axis: Any) -> Any:
    if axis is None:
        flat = put(g, key=(np.asarray(indices),), shape=(int(np.prod(x_shape, dtype=np.int64)),))
        return flat.reshape(x_shape)
    return put(g, key=_key(axis, indices, len(x_shape)), shape=x_shape)


take.vjp(x=_take_x)
take.formula(x="put_along(g, indices)")
