"""The methods of ufuncs, ``np.add.reduce``, ``.accumulate``, ``.reduceat`` and ``.outer``, by ops and by folding."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import reduce, running
from .._axes import axes_of
from ..indexing import getitem
from ..logic import all
from ..shape import concatenate, expand_dims, moveaxis, reshape, stack
from .given import array, as_dtype, axis_of, given, plain, together
from .reductions import GRADIENT as REDUCTIONS
from .reductions import STEPS, scan

WHOLE: dict[Any, Any] = {  # ufuncs whose reduction has a function of its own
    np.add: REDUCTIONS["sum"], np.multiply: REDUCTIONS["prod"], np.maximum: REDUCTIONS["max"],
    np.minimum: REDUCTIONS["min"], np.fmax: REDUCTIONS["nanmax"], np.fmin: REDUCTIONS["nanmin"],
    np.logical_and: STEPS["all"], np.logical_or: STEPS["any"],
    np.logaddexp: lambda a, axis, keepdims: reduce.logsumexp(a, axis=axis, keepdims=keepdims),
}  # fmt: skip
RUNNING = {np.add: running.cumsum, np.multiply: running.cumprod}
ASSOCIATIVE = {np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp, np.hypot}


def _rows(x: Any) -> list[Any]:
    return [getitem(x, key=k) for k in range(x.shape[0])]


def _reduce(
    ufunc: Any, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    a, initial = as_dtype(array(a), dtype), given(initial)
    settings = {k: v for k, v in (("initial", initial), ("where", where)) if v is not None and v is not True}
    if ufunc in WHOLE:
        return WHOLE[ufunc](a, axis=axis, keepdims=keepdims, **settings)
    if settings:
        raise ValueError(f"np.{ufunc.__name__}.reduce: {' and '.join(settings)} have no gradient here; leave them out.")
    axes = axes_of(f"np.{ufunc.__name__}.reduce", axis, a.ndim)
    if len(axes) != 1 or not a.shape[axes[0]]:
        raise ValueError(
            f"np.{ufunc.__name__}.reduce: axis={axis!r} of shape {a.shape}; it folds one axis that is not empty."
        )
    rows = _rows(moveaxis(a, axes[0], 0))
    y = rows[0]
    for row in rows[1:]:
        y = ufunc(y, row)
    return expand_dims(y, axes[0]) if keepdims else y


def _accumulate(ufunc: Any, array_: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    a = as_dtype(array(array_), dtype)
    axis = axis_of(axis, a.ndim)
    if ufunc in RUNNING:
        return RUNNING[ufunc](a, axis=axis)
    if ufunc in ASSOCIATIVE:
        return scan(ufunc, a, axis)
    rows = _rows(moveaxis(a, axis, 0))
    for k in range(1, len(rows)):
        rows[k] = ufunc(rows[k - 1], rows[k])
    return moveaxis(stack(rows), 0, axis) if rows else a


def _reduceat(
    ufunc: Any, array_: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    a, cuts = as_dtype(array(array_), dtype), plain(indices).tolist()
    axis = axis_of(axis, a.ndim)
    if not all(np.array([0 <= c < a.shape[axis] for c in cuts])):
        raise IndexError(f"np.{ufunc.__name__}.reduceat: indices {cuts} of an axis of {a.shape[axis]} elements.")
    parts = []
    for start, stop in zip(cuts, [*cuts[1:], a.shape[axis]], strict=True):
        piece = getitem(a, key=(slice(None),) * axis + (slice(start, max(stop, start + 1)),))
        parts.append(_reduce(ufunc, piece, axis, keepdims=True))
    return concatenate(parts, axis=axis)


def _outer(ufunc: Any, a: Any, b: Any, /, **settings: Any) -> Any:
    a, b = together(a, b)
    return ufunc(reshape(a, (*a.shape, *(1,) * b.ndim)), b, **settings)


def _at(ufunc: Any, a: Any, *args: Any) -> Any:
    raise TypeError(
        f"np.{ufunc.__name__}.at writes into its first argument, which would cut the gradient. Use "
        "y[i] = v on a Tensor, or np.bincount(places, weights=...), which adds repeated places up."
    )


METHODS = {"reduce": _reduce, "accumulate": _accumulate, "reduceat": _reduceat, "outer": _outer, "at": _at}
