"""Reductions over axes, with NumPy's `axis` and `keepdims`."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.kinds import Axis, Whole
from ..autodiff.sample import apart
from ..core import Tensor, op
from ._axes import axes_of, kept, over_axes, spread
from .algebra import is_large
from .arithmetic import where
from .elementwise import exp, over
from .logic import isnan, logical_or
from .running import before, cumprod
from .shape import flip, moveaxis, reshape

__all__ = ["argmax", "argmin", "logsumexp", "max", "mean", "min", "norm", "prod", "std", "sum", "var"]

_AXES = [S(x=(2, 3, 4)), S(x=(2, 3, 4), axis=1), S(x=(2, 3, 4), axis=(0, -1), keepdims=True), S(x=())]
_APART = [S(x=apart(2, 3, 4)), S(x=apart(2, 3), axis=1), S(x=apart(2, 3, 4), axis=(0, -1), keepdims=True)]


def _by_rows(fn: Any) -> Any:
    """A reference: gather the elements of each result into a Python list, and reduce that."""

    def ref(x: np.ndarray, axis: Any = None, keepdims: bool = False, **params: Any) -> np.ndarray:
        axes = axes_of("ref", axis, x.ndim)
        rest = [k for k in range(x.ndim) if k not in axes]
        out = np.empty([x.shape[k] for k in rest])
        for place in np.ndindex(out.shape):
            where_ = [slice(None)] * x.ndim
            for k, p in zip(rest, place, strict=True):
                where_[k] = p
            out[place] = fn([float(v) for v in x[tuple(where_)].ravel()], **params)
        return out.reshape(kept(x.shape, axes)) if keepdims else out

    return ref


def _count(shape: tuple[int, ...], axis: Any) -> int:
    return math.prod(shape[k] for k in axes_of("mean", axis, len(shape)))


def _shaped(y: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """What was left of x, with axes of length 1 if they are kept."""
    return y.reshape(kept(x.shape, axes)) if keepdims else y


def _elements(x_shape: tuple[int, ...]) -> int:
    return math.prod(x_shape)


@op(
    linear=["x"],
    stacks=over_axes,
    params=["axis", "keepdims"],
    samples=_AXES,
    ref=_by_rows(math.fsum),
    cost=_elements,
    numpy=[np.sum],
)
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over axes.  x (...) -> (...)

    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> float(tg.sum(x)), tg.sum(x, axis=0), tg.sum(x, axis=1, keepdims=True).shape
    (10.0, array([4., 6.]), (2, 1))
    """
    axes = axes_of("sum", axis, x.ndim)
    if axes == tuple(range(x.ndim - 1)) and not keepdims and x.ndim > 1 and x.size:
        return kernels.column_sum(x)
    return _shaped(kernels.sums(x, axes), x, axes, keepdims) if is_large(x) else np.sum(x, axis=axes, keepdims=keepdims)


sum.vjp(x=lambda g, x_shape, axis: spread(g, x_shape, axis))
sum.formula(x="spread(g)")


@op(
    linear=["x"],
    params=["axis", "keepdims"],
    samples=_AXES,
    ref=_by_rows(lambda v: math.fsum(v) / len(v)),
    cost=_elements,
    numpy=[np.mean],
    stacks=over_axes,
)
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over axes, which must not be empty.  x (...) -> (...)

    >>> x = tg.Tensor([1.0, 2.0, 6.0, 3.0], requires_grad=True)
    >>> x.mean().item(), tg.grad(x.mean(), x)
    (3.0, array([0.25, 0.25, 0.25, 0.25], dtype=float32))
    """
    axes = axes_of("mean", axis, x.ndim)
    count = math.prod([x.shape[k] for k in axes])
    if not count:
        raise ValueError(f"mean: axis={axis!r} of shape {x.shape} holds no elements to average.")
    if is_large(x) and x.itemsize > 2:
        return _shaped(kernels.sums(x, axes) / count, x, axes, keepdims)
    if type(x) is np.ndarray and x.dtype.kind == "f" and x.itemsize > 2:  # np.mean by fewer steps, with the same bits
        total = np.add.reduce(x, axis=axes, keepdims=keepdims)  # type: ignore[call-overload]
        return total / x.dtype.type(count)
    return np.mean(x, axis=axes, keepdims=keepdims)


mean.vjp(x=lambda g, x_shape, axis: spread(g * (1 / _count(x_shape, axis)), x_shape, axis))
mean.formula(x="spread(g / count)")


def _var_ref(v: list[float], ddof: int = 0) -> float:
    m = math.fsum(v) / len(v)
    return math.fsum((e - m) ** 2 for e in v) / (len(v) - ddof)


@op(
    params=["axis", "keepdims", "ddof"],
    samples=[*_AXES, S(x=(4, 3), axis=0, ddof=1)],
    ref=_by_rows(_var_ref),
    cost=lambda x_shape: 3 * _elements(x_shape),
    numpy=[np.var],
    stacks=over_axes,
)
def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> Any:
    """The variance: mean square distance from the mean, divided by count - ddof.  x (...) -> (...)

    >>> float(tg.var(np.array([1.0, 3.0]))), float(tg.var(np.array([1.0, 3.0]), ddof=1))
    (1.0, 2.0)
    """
    _check_ddof("var", x.shape, axis, ddof)
    axes = axes_of("var", axis, x.ndim)
    return np.var(x, axis=axes, keepdims=keepdims, ddof=ddof)  # type: ignore[arg-type]  # a Python number here


def _check_ddof(who: str, shape: tuple[int, ...], axis: Any, ddof: Whole) -> None:
    if _count(shape, axis) - ddof <= 0:
        raise ValueError(f"{who}: {_count(shape, axis)} elements with ddof={ddof} leave nothing to divide by.")


def _var_x(g: Any, x: Any, x_shape: Any, axis: Any, ddof: Whole) -> Any:
    scale = 2 / (_count(x_shape, axis) - ddof)
    return spread(g * scale, x_shape, axis) * (x - mean(x, axis=axis if axis is not None else None, keepdims=True))


var.vjp(x=_var_x)
var.formula(x="2 * spread(g) * (x - mean(x)) / (count - ddof)")


@op(
    params=["axis", "keepdims", "ddof"],
    samples=[*_AXES[:3], S(x=(4, 3), axis=0, ddof=1)],
    ref=_by_rows(lambda v, ddof=0: math.sqrt(_var_ref(v, ddof))),
    cost=lambda x_shape: 3 * _elements(x_shape),
    numpy=[np.std],
    stacks=over_axes,
)
def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> Any:
    """The square root of the variance; where that is 0, so is the derivative.  x (...) -> (...)

    >>> float(tg.std(np.array([1.0, 3.0, 1.0, 3.0])))
    1.0
    """
    _check_ddof("std", x.shape, axis, ddof)
    axes = axes_of("std", axis, x.ndim)
    return np.std(x, axis=axes, keepdims=keepdims, ddof=ddof)  # type: ignore[arg-type]  # a Python number here


std.vjp(x=lambda g, x, y, x_shape, axis, ddof: _var_x(over(g * 0.5, y), x, x_shape, axis, ddof))
std.formula(x="spread(g / y) * (x - mean(x)) / (count - ddof)")


def _winners(x: Any, y: Any, axis: Any) -> Any:
    """Where x is the extreme of its row, which y holds."""
    return x == y.reshape(kept(x.shape, axes_of("max", axis, x.ndim)))


def _share(g: Any, x: Any, y: Any, axis: Any) -> Any:
    """g for the winner of each row, in equal parts where several tie."""
    won = _winners(x, y, axis)
    if isinstance(g, Tensor) or np.any(isnan(y)):  # NaN wins, and shares among its like
        won = logical_or(won, isnan(x))
    count = won.sum(axis=axes_of("max", axis, x.ndim)).reshape(g.shape).astype(x.dtype)
    return where(won, spread(g / count, x.shape, axis), 0)


@op(
    linear=["x"],
    branches=lambda x, y, axis: _winners(x, y, axis),
    params=["axis", "keepdims"],
    samples=_APART,
    ref=_by_rows(builtins.max),
    cost=_elements,
    numpy=[np.max, np.amax],
    stacks=over_axes,
)
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element over axes; ties share the gradient equally.  x (...) -> (...)

    >>> x = tg.Tensor([1.0, 7.0, 7.0], requires_grad=True)
    >>> x.max().item(), tg.grad(x.max(), x)  # a tie is shared
    (7.0, array([0. , 0.5, 0.5], dtype=float32))
    """
    axes = axes_of("max", axis, x.ndim)
    if is_large(x):
        return _shaped(kernels.maxima(x, axes), x, axes, keepdims)
    return np.max(x, axis=axes, keepdims=keepdims)


max.vjp(x=_share)
max.formula(x="spread(g) * (x == spread(y)) / sum(x == spread(y))")


@op(
    linear=["x"],
    branches=lambda x, y, axis: _winners(x, y, axis),
    params=["axis", "keepdims"],
    samples=_APART,
    ref=_by_rows(builtins.min),
    cost=_elements,
    numpy=[np.min, np.amin],
    stacks=over_axes,
)
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element over axes; ties share the gradient equally.  x (...) -> (...)

    >>> tg.min(np.array([[3.0, 1.0], [2.0, 5.0]]), axis=1)
    array([1., 2.])
    """
    axes = axes_of("min", axis, x.ndim)
    if is_large(x):
        return _shaped(kernels.minima(x, axes), x, axes, keepdims)
    return np.min(x, axis=axes, keepdims=keepdims)


min.vjp(x=_share)
min.formula(x="spread(g) * (x == spread(y)) / sum(x == spread(y))")


@op(
    stacks=over_axes,
    params=["axis", "keepdims"],
    samples=_AXES,
    ref=_by_rows(math.prod),
    cost=_elements,
    numpy=[np.prod],
)
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product over axes; its gradient is right at zeros too.  x (...) -> (...)

    >>> x = tg.Tensor([2.0, 3.0, 0.0], requires_grad=True)
    >>> x.prod().item(), tg.grad(x.prod(), x)  # right where a factor is 0, too
    (0.0, array([0., 0., 6.], dtype=float32))
    """
    return np.prod(x, axis=axes_of("prod", axis, x.ndim), keepdims=keepdims)


def _before(rows: Any) -> Any:
    """The product of all rows before each row along axis 0."""
    return before(cumprod(rows, axis=0), 0, 1)


def _prod_x(g: Any, x: Any, x_shape: Any, axis: Any) -> Any:
    axes = axes_of("prod", axis, len(x_shape))
    front = moveaxis(x, axes, tuple(range(len(axes))))
    rows = reshape(front, (_count(x_shape, axis), -1)) if 0 not in x_shape else reshape(front, (0, 0))
    if not rows.shape[0]:
        return g * x if x_shape == () else spread(g, x_shape, axis)
    others = _before(rows) * flip(_before(flip(rows, axis=0)), axis=0)
    back = moveaxis(reshape(others, front.shape), tuple(range(len(axes))), axes)
    return spread(g, x_shape, axis) * back


prod.vjp(x=_prod_x)
prod.formula(x="spread(g) * prod_of_others(x)")


@op(params=["axis", "keepdims"], samples=_APART[:2], ref=lambda x, axis=None: np.argmax(x, axis), numpy=[np.argmax])
def argmax(x: Any, axis: Whole | None = None, keepdims: bool = False) -> Any:
    """Where the largest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64

    >>> tg.argmax(np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), axis=1)
    array([1, 0])
    """
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op(params=["axis", "keepdims"], samples=_APART[:2], ref=lambda x, axis=None: np.argmin(x, axis), numpy=[np.argmin])
def argmin(x: Any, axis: Whole | None = None, keepdims: bool = False) -> Any:
    """Where the smallest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64"""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@op(
    floating=["x"],
    params=["axis", "keepdims"],
    samples=_AXES,
    ref=_by_rows(lambda v: math.log(math.fsum(math.exp(e) for e in v))),
    cost=lambda x_shape: 4 * _elements(x_shape),
    stacks=over_axes,
)
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) without overflow, minus infinity of nothing.  x (...) -> (...)

    >>> y = tg.logsumexp(np.array([1000.0, 1000.0]))  # where exp overflows
    >>> round(float(y) - 1000, 4)  # log 2
    0.6931
    """
    axes = axes_of("logsumexp", axis, x.ndim)
    top = np.max(x, axis=axes, keepdims=True, initial=-math.inf)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # all minus infinity: the logarithm of 0 is right
        y = np.log(np.sum(np.exp(x - top), axis=axes, keepdims=True)) + top
    return y if keepdims else y.reshape([n for k, n in enumerate(x.shape) if k not in axes])


def _logsumexp_x(g: Any, x: Any, y: Any, x_shape: Any, axis: Any) -> Any:
    y = where(y == -math.inf, 0, y)  # of nothing but minus infinities: every weight is 0, not NaN
    return spread(g, x_shape, axis) * exp(x - spread(y, x_shape, axis))


logsumexp.vjp(x=_logsumexp_x)
logsumexp.formula(y="log(sum(exp(x)))", x="spread(g) * exp(x - spread(y))")


@op(
    floating=["x"],
    params=["axis", "keepdims"],
    samples=_AXES[:3],
    ref=_by_rows(lambda v: math.hypot(*v)),
    cost=lambda x_shape: 2 * _elements(x_shape),
    stacks=over_axes,
)
def norm(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The Euclidean norm over axes; its derivative at 0 is 0.  x (...) -> (...)

    >>> float(tg.norm(np.array([3.0, 4.0])))
    5.0
    """
    return np.sqrt(np.sum(x * x, axis=axes_of("norm", axis, x.ndim), keepdims=keepdims))


norm.vjp(x=lambda g, x, y, x_shape, axis: spread(over(g, y), x_shape, axis) * x)
norm.formula(x="spread(g / y) * x")
