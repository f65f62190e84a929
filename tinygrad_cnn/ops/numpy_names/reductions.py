"""NumPy's sums, means, extremes and quantiles, with `dtype`, `where`, `initial` and NaN left out."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from .. import reduce, running
from .._axes import axes_of
from ..algebra import broadcast_to, cast
from ..arithmetic import maximum, minimum, where
from ..elementwise import sqrt
from ..indexing import getitem
from ..logic import all as all_
from ..logic import any as any_
from ..logic import isnan
from ..quantiles import between
from ..shape import concatenate, moveaxis, reshape
from .given import array, as_dtype, axis_of, floating, given, only, plain


def _missing(value: Any) -> bool:
    return given(value) is None


def _chosen(x: Any, mask: Any, fill: Any) -> Any:
    """x, with `fill` where a mask (True or not given: everywhere) does not hold."""
    return x if _missing(mask) or mask is True else where(mask, x, fill)


def _count(x: Any, mask: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    """How many elements a mask leaves over the axes, in the dtype of the sums that are divided by it."""
    if _missing(mask) or mask is True:
        return math.prod(x.shape[k] for k in axes_of("count", axis, x.ndim))
    held = cast(broadcast_to(array(mask), x.shape), dtype=dtype)
    return reduce.sum(held, axis=axis, keepdims=keepdims)


def _initial(y: Any, initial: Any, join: Callable[[Any, Any], Any]) -> Any:
    if _missing(initial):
        return y
    return join(y, initial if isinstance(initial, Tensor) else np.asarray(initial).astype(y.dtype))


def _sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    x = _chosen(as_dtype(a, dtype), where, 0)
    return _initial(reduce.sum(x, axis=axis, keepdims=bool(given(keepdims))), initial, lambda y, v: y + v)


def _prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    x = _chosen(as_dtype(a, dtype), where, 1)
    return _initial(reduce.prod(x, axis=axis, keepdims=bool(given(keepdims))), initial, lambda y, v: y * v)


def _extreme(who: str, op: Any, join: Any) -> Callable[..., Any]:
    def extreme(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
    ) -> Any:
        masked = not _missing(where) and where is not True
        if _missing(initial):
            if masked:
                raise ValueError(f"np.{who}: where= needs initial=, the value of a row in which nothing is chosen.")
            return op(a, axis=axis, keepdims=bool(given(keepdims)))
        size = math.prod(a.shape[k] for k in axes_of(who, axis, a.ndim))
        if not size:
            return as_dtype(broadcast_to(array(initial), reduce.sum(a, axis=axis, keepdims=keepdims).shape), a.dtype)
        if not isinstance(initial, Tensor):
            initial = np.asarray(initial).astype(a.dtype)
        return join(op(_chosen(a, where, initial), axis=axis, keepdims=bool(given(keepdims))), initial)

    return extreme


def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    x = as_dtype(a, dtype)
    if _missing(where) or where is True:
        return reduce.mean(x, axis=axis, keepdims=bool(given(keepdims)))
    total = _sum(x, axis, keepdims=keepdims, where=where)
    return total / _count(x, where, axis, bool(given(keepdims)), x.dtype if x.dtype.kind == "f" else np.float64)


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    x = as_dtype(a, dtype)
    ddof = ddof if _missing(correction) else correction
    if (_missing(where) or where is True) and _missing(mean):
        return reduce.var(x, axis=axis, keepdims=bool(given(keepdims)), ddof=ddof)
    middle = _mean(x, axis, keepdims=True, where=where) if _missing(mean) else mean
    far = _chosen(x - middle, where, 0)
    total = reduce.sum(far * far, axis=axis, keepdims=bool(given(keepdims)))
    return total / (_count(x, where, axis, bool(given(keepdims)), total.dtype) - ddof)


def _std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    if all(map(_missing, (mean, correction))) and (_missing(where) or where is True):
        return reduce.std(as_dtype(a, dtype), axis=axis, keepdims=bool(given(keepdims)), ddof=ddof)
    return sqrt(_var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction))


def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    keepdims = bool(given(keepdims))
    return reduce.max(a, axis=axis, keepdims=keepdims) - reduce.min(a, axis=axis, keepdims=keepdims)


def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    a, keepdims = floating(array(a)), bool(given(keepdims))
    if weights is None:
        y = reduce.mean(a, axis=axis, keepdims=keepdims)
        total = np.full_like(plain(y), a.size / builtins.max(math.prod(y.shape), 1))
        return (y, total) if returned else y
    w = array(weights)
    if w.shape != a.shape:
        axes = axes_of("average", axis, a.ndim)
        if axis is None or w.shape != tuple(a.shape[k] for k in axes):
            raise ValueError(
                f"np.average: weights {w.shape} must have the shape of a {a.shape}, or of its axes {axis!r}."
            )
        order = sorted(range(len(axes)), key=lambda k: axes[k])
        shape = tuple(n if k in axes else 1 for k, n in enumerate(a.shape))
        w = reshape(w.transpose(*order) if w.ndim > 1 else w, shape)
    total = reduce.sum(broadcast_to(floating(w), a.shape), axis=axis, keepdims=keepdims)
    y = reduce.sum(a * w, axis=axis, keepdims=keepdims) / total
    return (y, total) if returned else y


# -- running sums and products ----------------------------------------------------------------------------------


def scan(join: Callable[[Any, Any], Any], x: Any, axis: int) -> Any:
    """What an associative function of two gives of all elements up to each, in log2(n) calls."""
    x, step = moveaxis(x, axis, 0), 1
    while step < x.shape[0]:
        later = join(getitem(x, key=slice(None, -step)), getitem(x, key=slice(step, None)))
        x = concatenate([getitem(x, key=slice(None, step)), later], axis=0)
        step *= 2
    return moveaxis(x, 0, axis)


def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return running.cumsum(as_dtype(a, dtype), axis=axis)


def _cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return running.cumprod(as_dtype(a, dtype), axis=axis)


def _cumulative(name: str, run: Callable[..., Any], first: int) -> Callable[..., Any]:
    def cumulative(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        if axis is None and x.ndim > 1:
            raise ValueError(f"np.{name}: x has shape {x.shape}; say along which axis, as in axis=0.")
        y = run(x, axis or 0, dtype)
        if not include_initial:
            return y
        shape = tuple(1 if k == axis_of(axis or 0, y.ndim) else n for k, n in enumerate(y.shape))
        return concatenate([np.full(shape, first, y.dtype), y], axis=axis or 0)

    return cumulative


# -- without NaN ------------------------------------------------------------------------------------------------


def _without_nan(reduction: Callable[..., Any], fill: float) -> Callable[..., Any]:
    def without(a: Any, *args: Any, **kwargs: Any) -> Any:
        return reduction(where(isnan(a), fill, a), *args, **kwargs)

    return without


def _masked(reduction: Callable[..., Any]) -> Callable[..., Any]:
    def masked(a: Any, *args: Any, **kwargs: Any) -> Any:
        held = ~isnan(a)
        mask = kwargs.pop("where", True)
        held = held if _missing(mask) or mask is True else held & mask
        return reduction(where(held, a, 0), *args, where=held, **kwargs)

    return masked


def _nan_extreme(op: Any, fill: float) -> Callable[..., Any]:
    def extreme(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
    ) -> Any:
        gone = isnan(a)
        x = _chosen(_pick(gone, fill, a), where, fill)
        y = op(x, axis=axis, keepdims=bool(given(keepdims)))
        y = _pick(all_(gone, axis=axis, keepdims=bool(given(keepdims))), math.nan, y)
        return _initial(y, initial, maximum if fill < 0 else minimum)

    return extreme


_pick = where  # in functions that have an argument of that name


# -- quantiles --------------------------------------------------------------------------------------------------


def _quantile(who: str, scale: int, skip_nan: bool) -> Callable[..., Any]:
    def quantile(
        a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
        keepdims: Any = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        only(who, weights=(weights, None))
        q = q if isinstance(q, (int, float)) or getattr(q, "requires_grad", False) else plain(q)  # which is refused
        return between(f"np.{who}", a, q, axis, bool(given(keepdims)), method, scale=scale, skip_nan=skip_nan)

    return quantile


def _median(who: str, skip_nan: bool) -> Callable[..., Any]:
    def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
        return between(f"np.{who}", a, 0.5, axis, bool(given(keepdims)), "linear", skip_nan=skip_nan)

    return median


GRADIENT: dict[str, Any] = {
    "sum": _sum,
    "prod": _prod,
    "max": _extreme("max", reduce.max, maximum),
    "min": _extreme("min", reduce.min, minimum),
    "mean": _mean,
    "var": _var,
    "std": _std,
    "ptp": _ptp,
    "average": _average,
    "cumsum": _cumsum,
    "cumprod": _cumprod,
    "cumulative_sum": _cumulative("cumulative_sum", _cumsum, 0),
    "cumulative_prod": _cumulative("cumulative_prod", _cumprod, 1),
    "nansum": _without_nan(_sum, 0),
    "nanprod": _without_nan(_prod, 1),
    "nancumsum": _without_nan(_cumsum, 0),
    "nancumprod": _without_nan(_cumprod, 1),
    "nanmean": _masked(_mean),
    "nanvar": _masked(_var),
    "nanstd": _masked(_std),
    "nanmax": _nan_extreme(reduce.max, -math.inf),
    "nanmin": _nan_extreme(reduce.min, math.inf),
    "median": _median("median", False),
    "nanmedian": _median("nanmedian", True),
    "quantile": _quantile("quantile", 1, False),
    "nanquantile": _quantile("nanquantile", 1, True),
    "percentile": _quantile("percentile", 100, False),
    "nanpercentile": _quantile("nanpercentile", 100, True),
}


def _tested(op: Any) -> Callable[..., Any]:
    def tested(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
        held = _chosen(a, where, op is all_)
        return op(held, axis=axis, keepdims=bool(given(keepdims)))

    return tested


STEPS: dict[str, Any] = {"any": _tested(any_), "all": _tested(all_)}
