"""NumPy's functions that join arrays, cut them, or put elements in and take them out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..indexing import getitem
from ..shape import concatenate, expand_dims, reshape, stack
from .given import array, as_dtype, axis_of, by_place, moved, plain, together
from .moving import _with_axes


def _concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    return as_dtype(concatenate(together(*arrays), axis=axis), dtype)


def _stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return as_dtype(stack(together(*arrays), axis=axis), dtype)


def _joined(ndim: int, axis: Callable[[Any], int]) -> Callable[..., Any]:
    """Arrays of at least some axes, joined along one."""

    def join(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
        xs = [_with_axes(x, ndim) for x in together(*tup)]
        return as_dtype(concatenate(xs, axis=axis(xs)), dtype)

    return join


def _column_stack(tup: Any) -> Any:
    return concatenate([x if x.ndim > 1 else reshape(x, (-1, 1)) for x in together(*tup)], axis=1)


def _block(arrays: Any) -> Any:
    """Innermost lists along the last axis, the lists around them along the axis before."""

    def depth(part: Any) -> int:
        return 1 + max(map(depth, part)) if isinstance(part, list) else 0

    def axes(part: Any) -> int:
        return max(map(axes, part)) if isinstance(part, list) else array(part).ndim

    most = max(depth(arrays), axes(arrays))

    def join(part: Any, level: int) -> Any:
        if not isinstance(part, list):
            part = array(part)
            return reshape(part, (1,) * (most - part.ndim) + part.shape)
        return concatenate([join(p, level + 1) for p in part], axis=most - depth(arrays) + level)

    return join(arrays, 0)


def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate(together(arr, values), axis=axis)


def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr, values = array(arr), array(values)
    return moved(lambda a, v: np.insert(a, plain(obj) if not isinstance(obj, slice) else obj, v, axis), arr,
                 as_dtype(values, arr.dtype))  # fmt: skip


# -- cutting ----------------------------------------------------------------------------------------------------


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    ary = array(ary)
    axis = axis_of(axis, ary.ndim)
    pieces = np.array_split(np.arange(ary.shape[axis]), plain(indices_or_sections).tolist())
    starts = np.cumsum([0] + [len(p) for p in pieces])
    if np.ndim(plain(indices_or_sections)):  # cuts may go back, and then a piece is empty
        cuts = [0, *plain(indices_or_sections).tolist(), ary.shape[axis]]
        return [_part(ary, axis, slice(a, b)) for a, b in itertools.pairwise(cuts)]
    return [_part(ary, axis, slice(int(a), int(b))) for a, b in itertools.pairwise(starts)]


def _part(x: Any, axis: int, piece: Any) -> Any:
    return getitem(x, key=(slice(None),) * axis + (piece,))


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    sections = plain(indices_or_sections)
    length = ary.shape[axis_of(axis, ary.ndim)]
    if not sections.ndim and length % int(sections):
        raise ValueError(
            f"np.split: {length} along axis {axis} does not divide into {sections} equal parts; "
            "np.array_split makes parts of different lengths."
        )
    return _array_split(ary, indices_or_sections, axis)


def _split_along(who: str, ndim: int, axis: Callable[[Any], int]) -> Callable[..., Any]:
    def split(ary: Any, indices_or_sections: Any) -> list[Any]:
        if ary.ndim < ndim:
            raise ValueError(f"np.{who}: ary has shape {ary.shape}; it must have at least {ndim} axes.")
        return _split(ary, indices_or_sections, axis(ary))

    return split


def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    axis = axis_of(axis, x.ndim)
    return tuple(_part(x, axis, k) for k in range(x.shape[axis]))


def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Of each row along the axis, what a function gives; stacked."""
    arr = array(arr)
    axis = axis_of(axis, arr.ndim)
    rest = arr.shape[:axis] + arr.shape[axis + 1 :]
    if 0 in rest:
        raise ValueError(f"np.apply_along_axis: arr has shape {arr.shape}, so there is no row along axis {axis}.")
    keys = [(*p[:axis], slice(None), *p[axis:]) for p in np.ndindex(rest)]
    rows = [array(func1d(getitem(arr, key=key), *args, **kwargs)) for key in keys]
    inner = rows[0].shape
    y = reshape(stack(rows), rest + inner)
    last = list(range(len(rest), len(rest) + len(inner)))
    return np.moveaxis(y, last, list(range(axis, axis + len(inner)))) if inner else y


def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    for axis in np.atleast_1d(plain(axes)).tolist():
        y = func(a, axis_of(axis, a.ndim))
        a = y if y.ndim == a.ndim else expand_dims(y, axis_of(axis, a.ndim))
    return a


GRADIENT: dict[str, Any] = {
    "concatenate": _concatenate,
    "stack": _stack,
    "vstack": _joined(2, lambda xs: 0),
    "hstack": _joined(1, lambda xs: 0 if xs[0].ndim == 1 else 1),
    "dstack": _joined(3, lambda xs: 2),
    "column_stack": _column_stack,
    "block": _block,
    "append": _append,
    "insert": _insert,
    "delete": by_place(np.delete),
    "split": _split,
    "array_split": _array_split,
    "hsplit": _split_along("hsplit", 1, lambda a: 1 if a.ndim > 1 else 0),
    "vsplit": _split_along("vsplit", 2, lambda a: 0),
    "dsplit": _split_along("dsplit", 3, lambda a: 2),
    "unstack": _unstack,
    "apply_along_axis": _apply_along_axis,
    "apply_over_axes": _apply_over_axes,
}
