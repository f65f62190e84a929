"""Medians and quantiles: elements by their rank, and what lies between two of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Array, Axis, QuantileMethod
from ..core import Tensor
from ..core.tensor import as_array
from ._arguments import Input
from ._axes import axes_of, kept
from .algebra import cast, floats
from .along_axis import take_along_axis
from .arithmetic import maximum, minimum, where
from .indexing import getitem
from .logic import all as all_
from .logic import any as any_
from .logic import isfinite, isnan, logical_not
from .reduce import sum as sum_
from .rounding import ceil, floor, round
from .shape import concatenate, moveaxis, reshape
from .sorting import argrank

__all__ = ["median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile"]

_PICKS: dict[str, Callable[[Any], Any]] = {"lower": floor, "higher": ceil, "nearest": round}  # from a place to a rank
_METHODS = ("linear", *_PICKS, "midpoint")


@named
def median(x: Input, axis: Axis = None, keepdims: bool = False) -> Any:
    """The median over axes: the middle element, or the mean of the middle two.  NaN if there is NaN in a row.

    Of equal elements the first gets the gradient.

    >>> x = tg.Tensor([9.0, 1.0, 5.0, 2.0], requires_grad=True)
    >>> tg.median(x).item(), tg.grad(tg.median(x), x)
    (3.5, array([0. , 0. , 0.5, 0.5], dtype=float32))
    """
    return between("median", x, 0.5, axis, keepdims, "linear")


@named
def nanmedian(x: Input, axis: Axis = None, keepdims: bool = False) -> Any:
    """The median over axes of what is not NaN; NaN of nothing.

    >>> float(tg.nanmedian(np.array([3.0, np.nan, 1.0])))
    2.0
    """
    return between("nanmedian", x, 0.5, axis, keepdims, "linear", skip_nan=True)


@named
def quantile(
    x: Input, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = "linear"
) -> Any:
    """The numbers below which the shares `q`, from 0 to 1, of the elements over axes lie.  The axes of q come first.

    Between two elements, `method` decides: "linear", "midpoint", or one of the two by "lower", "higher" and "nearest".
    NaN if there is NaN in a row; of equal elements the first gets the gradient.

    >>> x = np.array([[1.0, 2.0, 4.0], [10.0, 30.0, 20.0]])
    >>> tg.quantile(x, 0.75, axis=1), tg.quantile(x, [0, 1], axis=1).shape
    (array([ 3., 25.]), (2, 2))
    """
    return between("quantile", x, q, axis, keepdims, method)


@named
def nanquantile(
    x: Input, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = "linear"
) -> Any:
    """Quantiles, as `quantile` has them, of what is not NaN; NaN of nothing."""
    return between("nanquantile", x, q, axis, keepdims, method, skip_nan=True)


@named
def percentile(
    x: Input, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = "linear"
) -> Any:
    """Quantiles, as `quantile` has them, with q from 0 to 100.

    >>> float(tg.percentile(np.array([1.0, 2.0, 3.0]), 50))
    2.0
    """
    return between("percentile", x, q, axis, keepdims, method, scale=100)


@named
def nanpercentile(
    x: Input, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = "linear"
) -> Any:
    """Quantiles, as `quantile` has them, with q from 0 to 100, of what is not NaN; NaN of nothing."""
    return between("nanpercentile", x, q, axis, keepdims, method, scale=100, skip_nan=True)


def between(
    who: str, x: Any, q: Any, axis: Any, keepdims: bool, method: str, *, scale: int = 1, skip_nan: bool = False,
) -> Any:  # fmt: skip
    """The two neighbours of the place q * (count - 1) in order over the axes, and what lies between them."""
    share, weak = _share(who, q, scale)
    if method not in _METHODS:
        raise ValueError(f"{who}: method={method!r} is not known; there are {', '.join(_METHODS)}.")
    x = x if isinstance(x, Tensor) else as_array(x, who)
    if method not in _PICKS or skip_nan:  # else elements as they are: whole numbers stay whole
        (x,) = floats(who, x)
    axes = axes_of(who, axis, x.ndim)
    front = moveaxis(x, axes, tuple(range(len(axes))))
    rest = front.shape[len(axes) :]
    rows = reshape(front, (math.prod(x.shape[k] for k in axes), *rest))
    if not rows.shape[0]:
        raise ValueError(f"{who}: axis={axis!r} of shape {x.shape} holds no elements.")
    gone = isnan(rows)
    lost = (all_ if skip_nan else any_)(gone, axis=0)
    last = maximum(sum_(logical_not(gone), axis=0) - 1, 0) if skip_nan else rows.shape[0] - 1
    place = share.reshape(-1, *(1,) * len(rest)) * last
    y = _at(rows, place, method, x.dtype if weak else np.float64)
    y = where(lost, math.nan, y) if x.dtype.kind == "f" else y
    return reshape(y, share.shape + (kept(x.shape, axes) if keepdims else rest))


def _share(who: str, q: Any, scale: int) -> tuple[np.ndarray, bool]:
    """q as an array of shares of 1, and whether it is of Python numbers, whose dtype gives way."""
    if isinstance(q, Tensor):
        raise TypeError(f"{who}: q is a Tensor, but no gradient flows to it. Pass plain numbers, such as q.data.")
    as_array(q, who)  # refuses what is not made of numbers
    share = np.asarray(q, np.float64) / scale
    if not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"{who}: q={q!r} must be from 0 to {scale}.")
    return share, not hasattr(q, "dtype")


def _at(rows: Any, place: Any, method: str, dtype: Any) -> Any:
    """The elements at places of the sorted rows, or between two of them.  rows (N, ...) · place (K, ...) -> (K, ...)"""
    if method in _PICKS:
        rank = cast(_PICKS[method](place), dtype=np.intp)
        return take_along_axis(rows, argrank(rows, rank), 0)
    below = floor(place)
    low = cast(below, dtype=np.intp)
    both = argrank(rows, concatenate([low, minimum(low + 1, rows.shape[0] - 1)], axis=0))
    a, b = (getitem(take_along_axis(rows, both, 0), key=half) for half in _halves(low.shape[0]))
    weight = place - below
    weight = cast(weight if method == "linear" else ceil(weight) * 0.5, dtype=dtype)
    reached = (weight > 0) & isfinite(a) & isfinite(b)  # else b - a would be NaN, or infinite
    lean = where(isfinite(a), 0, a) + where(isfinite(b), 0, b)  # an infinity beyond a weight of 0 is not reached
    inside = where(isfinite(a), a, 0) + where(reached, b - where(reached, a, 0), 0) * weight
    return where((weight > 0) & ~(isfinite(a) & isfinite(b)), lean, where(isfinite(a), inside, a))


def _halves(n: int) -> tuple[slice, slice]:
    return slice(0, n), slice(n, 2 * n)
