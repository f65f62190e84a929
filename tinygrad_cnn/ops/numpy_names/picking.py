"""NumPy's functions that choose elements, sort them, or write to places: the choice is an index or a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ..algebra import broadcast_to
from ..along_axis import put_along_axis, take_along_axis
from ..arithmetic import where
from ..indexing import getitem, put, setitem, take
from ..shape import concatenate
from ..sorting import sort
from .given import array, as_dtype, by_place, flat, moved, plain


def _where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return np.nonzero(plain(condition))
    if x is None or y is None:
        raise ValueError("np.where: give both x and y, or neither.")
    condition = array(condition)
    return where(condition if condition.dtype == bool else condition != 0, x, y)


def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    a, indices = array(a), plain(indices) if not isinstance(indices, Tensor) else indices
    if mode != "raise":
        n = a.size if axis is None else a.shape[axis]
        indices = plain(indices) % n if mode == "wrap" else np.clip(plain(indices), 0, n - 1)
    return take(a, indices, axis=axis)


def _extract(condition: Any, arr: Any) -> Any:
    return getitem(flat(array(arr)), key=np.flatnonzero(plain(condition)))


def _choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    return moved(lambda *places: np.choose(plain(a), places, mode=mode), *[array(c) for c in choices])


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError(f"np.select: {len(condlist)} conditions and {len(choicelist)} choices must be as many.")
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = where(condition, choice, y)
    return y


def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    conditions = plain(condlist) if not isinstance(condlist, (list, tuple)) else np.array([plain(c) for c in condlist])
    conditions = conditions.reshape(-1, *x.shape).astype(bool)
    if len(funclist) == len(conditions) + 1:
        conditions = np.concatenate([conditions, ~conditions.any(axis=0, keepdims=True)])
    if len(funclist) != len(conditions):
        raise ValueError(f"np.piecewise: {len(conditions)} conditions need as many functions, or one more.")
    y = x * 0
    for held, fn in zip(conditions, funclist, strict=True):
        value = fn(getitem(x, key=held), *args, **kw) if callable(fn) else fn
        y = setitem(y, array(value), key=held)
    return y


# -- sorting ----------------------------------------------------------------------------------------------------


def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    return sort(array(a), axis)


def _unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: Any = None, *,
    equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """The distinct elements, each taken where it stands first; indices and counts are plain arrays."""
    ar = array(ar)
    _, index, inverse, counts = np.unique(plain(ar), True, True, True, axis, equal_nan=equal_nan)
    found = getitem(flat(ar), key=index) if axis is None else take(ar, index, axis=axis)
    more = [v for v, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    return (found, *more) if more else found


def _named(name: str) -> Callable[[Any], Any]:
    def named(x: Any, /) -> Any:
        return getattr(np, name)(plain(x))._replace(values=_unique(x, equal_nan=False))

    return named


def _unique_values(x: Any, /) -> Any:
    """The distinct elements in the order in which NumPy gives them, which for whole numbers is any."""
    x = array(x)
    if x.dtype.kind == "f":
        return _unique(x, equal_nan=False)
    found, index = np.unique(plain(x), return_index=True)
    return _at(x, index[np.searchsorted(found, np.unique_values(plain(x)))])


def _at(x: Any, places: np.ndarray) -> Any:
    return getitem(flat(array(x)), key=places)


def _intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    _, first, second = np.intersect1d(plain(ar1), plain(ar2), assume_unique, True)
    found = as_dtype(_at(ar1, first), np.result_type(plain(ar1), plain(ar2)))
    return (found, first, second) if return_indices else found


def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    left = flat(array(ar1)) if assume_unique else _unique(ar1)
    return _at(left, np.flatnonzero(np.isin(plain(left), plain(ar2), invert=True)))


def _setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    both = concatenate([_unique(ar1), _unique(ar2)], axis=0)
    _, index, counts = np.unique(plain(both), return_index=True, return_counts=True)
    return _at(both, index[counts == 1])


# -- sums into places, and writing ------------------------------------------------------------------------------


def _bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    x = plain(x)
    if weights is None:
        return np.bincount(x, minlength=minlength)
    length = len(np.bincount(x, minlength=minlength))
    return put(as_dtype(array(weights), np.float64), key=x, shape=(length,))


def _write(who: str, a: Any, places: np.ndarray, v: Any, at: np.ndarray) -> None:
    """Write the elements number `at` of v to places of a Tensor, in place."""
    _check_written(who, a)
    if places.size:
        a[np.unravel_index(places, a.shape)] = _at(v, at)


def _check_written(who: str, a: Any) -> None:
    if not isinstance(a, Tensor):
        raise TypeError(
            f"np.{who}: a Tensor was about to be written into a plain array, which would cut its gradient. Write into "
            "a Tensor, or use tensor.data for the values."
        )


def _put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    size = int(np.prod(a.shape))
    places = np.arange(size).take(plain(ind).ravel(), mode=mode)
    _write("put", a, places, v, np.arange(places.size) % max(plain(v).size, 1))


def _putmask(a: Any, mask: Any, values: Any) -> None:
    places = np.flatnonzero(plain(mask))
    _write("putmask", a, places, values, places % max(plain(values).size, 1))


def _place(arr: Any, mask: Any, vals: Any) -> None:
    places = np.flatnonzero(plain(mask))
    _write("place", arr, places, vals, np.arange(places.size) % max(plain(vals).size, 1))


def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any = -1) -> None:
    _check_written("put_along_axis", arr)
    arr[...] = put_along_axis(arr, indices, values, axis)


def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    places = np.flatnonzero(np.broadcast_to(plain(where), dst.shape))
    _write("copyto", dst, places, broadcast_to(array(src), dst.shape), places)


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    held = np.zeros(a.shape, bool)
    np.fill_diagonal(held, True, wrap)
    places = np.flatnonzero(held)
    _write("fill_diagonal", a, places, val, np.arange(places.size) % max(plain(val).size, 1))


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    like = np.empty_like(plain(a), dtype, shape=shape)
    if not isinstance(fill_value, Tensor):  # a Tensor all the same, since what is written to it is to be recorded
        return Tensor(np.full_like(like, fill_value), copy=False)
    return broadcast_to(as_dtype(fill_value, like.dtype), like.shape)


def _filled_with(value: int) -> Any:
    """`np.zeros_like` or `np.ones_like`, as a function that makes a Tensor."""

    def made(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        return _full_like(a, value, dtype, order, subok, shape, device=device)

    return made


GRADIENT: dict[str, Any] = {
    "where": _where,
    "take": _take,
    "take_along_axis": lambda arr, indices, axis=-1: take_along_axis(array(arr), indices, axis),
    "compress": lambda condition, a, axis=None, out=None: by_place(lambda p: np.compress(plain(condition), p, axis))(a),
    "extract": _extract,
    "choose": _choose,
    "select": _select,
    "piecewise": _piecewise,
    "sort": _sort,
    "partition": lambda a, kth, axis=-1, kind="introselect", order=None: _sort(a, axis),  # which parts it everywhere
    "unique": _unique,
    "unique_values": _unique_values,
    "unique_all": _named("unique_all"),
    "unique_counts": _named("unique_counts"),
    "unique_inverse": _named("unique_inverse"),
    "intersect1d": _intersect1d,
    "union1d": lambda ar1, ar2: _unique(concatenate([array(ar1), array(ar2)], axis=None)),
    "setdiff1d": _setdiff1d,
    "setxor1d": _setxor1d,
    "bincount": _bincount,
    "put": _put,
    "putmask": _putmask,
    "place": _place,
    "put_along_axis": _put_along_axis,
    "copyto": _copyto,
    "fill_diagonal": _fill_diagonal,
    "full_like": _full_like,
}

# no memory is handed out that nobody filled
STEPS: dict[str, Any] = {"zeros_like": _filled_with(0), "ones_like": _filled_with(1), "empty_like": _filled_with(0)}
