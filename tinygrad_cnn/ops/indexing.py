"""Indexing: `getitem` takes elements, `put` adds them back at their places.  Each is the other's rule.

Arrays of indices and masks are inputs, so that the graph shows where they come from; the parameter `key` holds the
rest of what stood in brackets, with INDEX in the place of each array: ``x[:, rows]`` is
``getitem(x, rows, key=(slice(None), INDEX))``.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import lengthened
from ..autodiff.kinds import Key, Whole
from ..core import op
from ..core.tensor import Tensor
from . import _samples
from ._arguments import fitting
from ._axes import along_axis
from .algebra import sum_to
from .arithmetic import where

__all__ = ["getitem", "put", "setitem", "take"]

INDEX = "index"
_BASIC = frozenset([int, slice, type(None), type(Ellipsis)])
_BOUNDS = frozenset([int, type(None)])


def _arranged(*inputs: Any, key: Any, **params: Any) -> Any:
    """The inputs and parameters of a call whose key may hold arrays: they become inputs."""
    kind = type(key)
    if kind in _BASIC and (kind is not slice or _BOUNDS.issuperset(map(type, (key.start, key.stop, key.step)))):
        return inputs, {"key": key, **params}
    arrays: list[Any] = []
    parts = [_part(k, arrays) for k in key] if isinstance(key, tuple) else _part(key, arrays)
    return (*inputs, *arrays), {"key": tuple(parts) if isinstance(key, tuple) else parts, **params}


def _part(k: Any, arrays: list[Any]) -> Any:
    """One part of a key: INDEX for an array, which is added to `arrays`."""
    if isinstance(k, slice):
        return slice(*[None if n is None else index(n) for n in (k.start, k.stop, k.step)])
    if isinstance(k, (list, range)):
        k = np.asarray(k)
        k = k if k.size else k.astype(np.intp)
    if isinstance(k, (np.ndarray, Tensor)):
        arrays.append(k)
        return INDEX
    return k.item() if isinstance(k, np.generic) else k


def _filled(key: Any, indices: tuple[Any, ...]) -> Any:
    """A key as NumPy takes it, with the arrays in their places."""
    if not indices and type(key) in _BASIC:
        return key
    parts = key if isinstance(key, tuple) else (key,)
    if (count := sum([isinstance(k, str) for k in parts])) != len(indices):
        raise TypeError(f"the key {key!r} has {count} places for arrays of indices, got {len(indices)} arrays.")
    if not indices:
        return key
    for array in indices:
        if array.dtype.kind not in "iub":
            raise TypeError(f"an index has dtype {array.dtype}; indices are ints, slices, integers or booleans.")
    left = iter(indices)
    if isinstance(key, tuple):
        return tuple([next(left) if k == INDEX else k for k in key])
    return next(left)


def _behind(key: Any) -> Any:
    """The key for a stack; NotImplemented if arrays would not stay where they are.

    NumPy moves the axes of arrays to the front if slices stand between them.
    """
    parts = key if isinstance(key, tuple) else (key,)
    chosen = [k for k, part in enumerate(parts) if part == INDEX or type(part) is int]
    if INDEX in parts and chosen[-1] - chosen[0] >= len(chosen):
        return NotImplemented
    return NotImplemented if any(type(part) is bool for part in parts) else (slice(None), *parts)


def _getitem_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    key = NotImplemented if any(stacked[1:]) else _behind(params["key"])
    return key if key is NotImplemented else op(*inputs, key=key)


def _put_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    key = NotImplemented if any(stacked[1:]) else _behind(params["key"])
    return key if key is NotImplemented else op(*inputs, key=key, shape=(len(inputs[0]), *params["shape"]))


def _setitem_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """v is broadcast: what it has more axes than x[key] are of length 1."""
    x, v, *indices = inputs
    key = NotImplemented if any(stacked[2:]) else _behind(params["key"])
    if key is NotImplemented:
        return key
    x = x if stacked[0] else np.repeat(x[None], len(v), axis=0)
    rank = x[0][_filled(params["key"], tuple(indices))].ndim
    lead = v.shape[: len(v.shape) - (stacked[1] + rank)] if not stacked[1] else v.shape[1 : max(1, v.ndim - rank)]
    v = v.reshape(*v.shape[: stacked[1]], *v.shape[stacked[1] + len(lead) :]) if lead else v
    return op(x, lengthened(v, rank) if stacked[1] else v, *indices, key=key)


def _getitem_ref(x: np.ndarray, *indices: np.ndarray, key: Any) -> np.ndarray:
    """By flat position, one element at a time."""
    places = np.arange(x.size).reshape(x.shape)[_filled(key, indices)]
    found: np.ndarray = np.array([x.flat[p] for p in np.ravel(places)], x.dtype).reshape(np.shape(places))
    return found


_KEYS = [
    S(x=(4, 5), key=1), S(x=(4, 5), key=(slice(None, None, -2), 2)), S(x=(4, 5), key=(Ellipsis, None, slice(1, 3))),
    S(x=(4, 5), indices=[np.array([0, 2, 2, -1])], key=INDEX),
    S(x=(4, 5), indices=[np.array([[0], [1]]), np.array([1, 1])], key=(INDEX, INDEX)),
    S(x=(4, 5), indices=[np.array([0, 0, 3])], key=(slice(None), INDEX)),
    S(x=(2, 3), indices=[np.array([[True, False, True]] * 2)], key=INDEX),
]  # fmt: skip


@op(linear=["x"], stacks=_getitem_stack, samples=_KEYS, arrange=_arranged, ref=_getitem_ref, cost=lambda: 0)
def getitem(x: Any, *indices: Any, key: Key) -> Any:
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
    return x[_filled(key, indices)]


def _put_ref(x: np.ndarray, *indices: np.ndarray, key: Any, shape: tuple[int, ...]) -> np.ndarray:
    places = np.arange(int(np.prod(shape))).reshape(shape)[_filled(key, indices)]
    out = np.zeros(int(np.prod(shape)), x.dtype)
    for p, v in zip(np.ravel(places), np.ravel(x), strict=True):
        out[p] += v
    return out.reshape(shape)


@op(
    linear=["x"],
    arrange=_arranged,
    samples=[
        S(x=(5,), key=1, shape=(4, 5)), S(x=(2,), key=(slice(None, None, -2), 2), shape=(4, 5)),
        S(x=(4, 5), indices=[np.array([0, 2, 2, -1])], key=INDEX, shape=(4, 5)),
        S(x=(3, 2), indices=[np.array([[1, 1], [0, 1], [3, 3]])], key=INDEX, shape=(4,)),
        S(x=(4,), indices=[np.array([[True, False, True]] * 2)], key=INDEX, shape=(2, 3)),
        S(x=(4, 3), indices=[np.array([0, 0, 3])], key=(slice(None), INDEX), shape=(4, 5)),
        S(x=(3,), indices=[np.array([100, -1, 100], np.int8)], key=INDEX, shape=(200,)),
        S(x=(2, 2), indices=[np.array([[0], [1]]), np.array([1, 1])], key=(INDEX, INDEX), shape=(4, 5)),
    ],
    ref=_put_ref,
    stacks=_put_stack,
)  # fmt: skip
def put(x: Any, *indices: Any, key: Key, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with x added at [key], repeated places summed; the adjoint of getitem.  x (...) -> shape"""
    key = _filled(key, indices)
    if x.dtype.kind in "biu":  # sums of bytes need more room, as in np.sum
        x = x.astype(np.sum(x[:0] if x.ndim else x, axis=None).dtype, copy=False)
    if all(a.dtype == bool for a in indices):  # each place is taken once
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
    flat = indices.ravel().astype(np.intp, copy=False) % shape[axis]  # int8 cannot hold 200
    order = np.argsort(flat, kind="stable")
    starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
    rows = x.reshape(x.shape[:axis] + (indices.size,) + x.shape[axis + indices.ndim :])
    sums = np.add.reduceat(np.take(rows, order, axis=axis), starts, axis=axis)
    out[(slice(None),) * axis + (flat[order][starts],)] = sums
    return out


@op(
    samples=[
        S(indices=[np.array([2, 0, 2])], key=INDEX, shape=(4,)),
        S(indices=[np.array([[0], [1]]), np.array([1, 1])], key=(INDEX, INDEX), shape=(2, 3)),
        S(indices=[np.array([True, False, True])], key=INDEX, shape=(3,)),
    ],
    ref=lambda *indices, key, shape: _wins_ref(_filled(key, indices), shape),
)  # fmt: skip
def last_at(*indices: Any, key: Any, shape: Any) -> Any:
    """Which values stay that are written at [key]: of several at one place the last.  indices (...) -> (...) bool"""
    key = _filled(key, indices)
    places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)[key]
    order = np.arange(places.size)
    winner = np.zeros(int(np.prod(shape, dtype=np.int64)), np.intp)
    np.maximum.at(winner, places.ravel(), order)
    wins: np.ndarray = (winner[places.ravel()] == order).reshape(places.shape)
    return wins


def _wins_ref(key: Any, shape: Any) -> np.ndarray:
    places = np.arange(int(np.prod(shape))).reshape(shape)[key]
    flat = places.ravel().tolist()
    wins: np.ndarray = np.array([p not in flat[k + 1 :] for k, p in enumerate(flat)]).reshape(places.shape)
    return wins


def _setitem_ref(x: np.ndarray, v: np.ndarray, *indices: np.ndarray, key: Any) -> np.ndarray:
    places = np.arange(x.size).reshape(x.shape)[_filled(key, indices)]
    out: np.ndarray = x.copy()
    values = np.broadcast_to(v, (1,) * (v.ndim - np.ndim(places)) + np.shape(places))
    for p, value in zip(np.ravel(places), np.ravel(values), strict=True):
        out.flat[p] = value
    return out


@op(
    linear=["x", "v"],
    arrange=_arranged,
    samples=[
        S(x=(4, 5), v=(5,), key=1), S(x=(4, 5), v=(2,), key=(slice(None, None, -2), 2)), S(x=(3,), v=(), key=Ellipsis),
        S(x=(4, 5), v=(4, 1), indices=[np.array([0, 2, 2, -1])], key=INDEX),
        S(x=(2, 3), v=(4,), indices=[np.array([[True, False, True]] * 2)], key=INDEX),
        S(x=(4, 5), v=(2, 2), indices=[np.array([[0], [1]]), np.array([1, 1])], key=(INDEX, INDEX)),
        S(x=(4, 5), v=(1, 1, 5), key=slice(1, 3)), S(x=(4, 5), v=(1, 1, 5), indices=[np.array([2, 0])], key=INDEX),
    ],
    ref=_setitem_ref,
    stacks=_setitem_stack,
)  # fmt: skip
def setitem(x: Any, v: Any, *indices: Any, key: Key) -> Any:
    """x with v written at [key]; ``x[key] = v`` of a Tensor.  x (...) · v (...) -> (...)

    Where several values are written to one place the last one stays, and only it gets a gradient.  The result has the
    dtype of x; a value that x cannot hold, such as 0.5 among whole numbers, is refused.

    >>> x, v = tg.zeros(3, requires_grad=True), tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> y = tg.setitem(x, v, key=[0, 2])
    >>> y.data, tg.grad(y.sum(), [x, v])
    (array([1., 0., 2.], dtype=float32), [array([0., 1., 0.], dtype=float32), array([1., 1.], dtype=float32)])
    """
    out, key = x.copy(order="C"), _filled(key, indices)
    v = fitting("setitem", "v", v, x.dtype)
    if all(a.dtype == bool for a in indices):
        out[key] = v
    else:  # one after another, so that the last one stays: NumPy goes through more axes in an order of its own
        places = np.arange(x.size).reshape(x.shape)[key]
        values = np.empty_like(out, shape=places.shape)
        values[...] = v
        out.reshape(-1)[places.ravel()] = values.ravel()
    return out


def _setitem_v(g: Any, v_shape: Any, indices: Any, key: Any) -> Any:
    taken = getitem(g, *indices, key=key)
    if any(a.dtype != bool for a in indices):
        taken = where(last_at(*indices, key=key, shape=g.shape), taken, 0)
    extra = max(0, len(v_shape) - len(taken.shape))  # axes of length 1 that v may have before those of x[key]
    dv = sum_to(taken, shape=v_shape[extra:])
    return dv.reshape(v_shape) if extra else dv


setitem.vjp(x=lambda g, indices, key: setitem(g, np.zeros((), g.dtype), *indices, key=key), v=_setitem_v)
setitem.formula(y="written(x, v)", x="written(g, 0)", v="sum_to(where(last_at(key), g[key], 0))")
getitem.vjp(x=lambda g, x_shape, indices, key: put(g, *indices, key=key, shape=x_shape))
put.vjp(x=lambda g, indices, key: getitem(g, *indices, key=key))
getitem.formula(y="x[key]", x="put(g, key)")
put.formula(y="put(x, key)", x="g[key]")


def along(axis: int, ndim: int) -> Any:
    """The key that takes an array of indices along one axis."""
    return (slice(None),) * (axis % ndim) + (INDEX,)


@op(
    linear=["x"],
    params=["axis"],
    samples=[S(x=(4, 3), indices=np.array([[0, 2], [2, -1]]), axis=0),
             S(x=(2, 4), indices=np.array([1, 1, 3]), axis=-1),
             S(x=(2, 3), indices=np.array([5, 0, 5]))],
    ref=lambda x, indices, axis=None: _getitem_ref(
        x.ravel() if axis is None else x, indices, key=along(axis or 0, 1 if axis is None else x.ndim)),
    cost=lambda: 0,
    numpy=[np.take],
    stacks=along_axis,
    per_sample={"x": _samples.rows},
    per_sample_squares={"x": _samples.rows_squares},
)  # fmt: skip
def take(x: Any, indices: Any, axis: Whole | None = None) -> Any:
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
        return put(g, indices, key=INDEX, shape=(int(np.prod(x_shape, dtype=np.int64)),)).reshape(x_shape)
    return put(g, indices, key=along(axis, len(x_shape)), shape=x_shape)


take.vjp(x=_take_x)
take.formula(x="put_along(g, indices)")
