"""Comparisons and logic: ops without rules, whose results are booleans and choose where gradients flow."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.kinds import Axis
from ..autodiff.sample import booleans, integers
from ..core import Op, op
from ._axes import axes_of, over_axes
from ._reference import scalarwise

__all__ = [
    "all", "any", "equal", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less", "less_equal",
    "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal",
]  # fmt: skip

_PAIRS = [
    S(a=integers(3, 4, 5), b=integers(3, 4, 5)), S(a=(2, 1, 3), b=(4, 1)), S(a=(3,), b=0.1), S(a=0, b=(2, 2)),
    S(a=integers(2, 3), b=1),
]  # fmt: skip
_MASKS = [S(a=booleans(2, 3), b=booleans(3)), S(a=booleans(4), b=True)]
_ODD = [S(x=np.array([0.0, np.nan, np.inf, -np.inf])), S(x=(2, 3)), S(x=integers(9, 4))]
_ROWS = [S(x=booleans(2, 3)), S(x=booleans(2, 3), axis=1), S(x=booleans(2, 3, 2), axis=(0, 2), keepdims=True)]


def _compare(**options: Any) -> Callable[[Callable[..., Any]], Op]:
    made: Callable[[Callable[..., Any]], Op] = op(broadcasts=True, samples=_PAIRS, **options)
    return made


@_compare(ref=scalarwise(lambda a, b: a < b), numpy=[np.less])
def less(a: Any, b: Any) -> Any:
    """a < b, element by element.  a (...) · b (...) -> (...) bool"""
    return np.less(a, b)


@_compare(ref=scalarwise(lambda a, b: a <= b), numpy=[np.less_equal])
def less_equal(a: Any, b: Any) -> Any:
    """a <= b, element by element.  a (...) · b (...) -> (...) bool"""
    return np.less_equal(a, b)


@_compare(ref=scalarwise(lambda a, b: a > b), numpy=[np.greater])
def greater(a: Any, b: Any) -> Any:
    """a > b, element by element: a boolean Tensor if a or b is one.  a (...) · b (...) -> (...) bool

    >>> x = tg.Tensor([-1.0, 2.0, 3.0], requires_grad=True)
    >>> mask = x > 0
    >>> mask
    Tensor([False,  True,  True], dtype=bool)
    >>> tg.where(mask, x, 0).data, np.array([5, 6, 7])[mask], bool(mask.all())
    (array([0., 2., 3.], dtype=float32), array([6, 7]), False)
    """
    return np.greater(a, b)


@_compare(ref=scalarwise(lambda a, b: a >= b), numpy=[np.greater_equal])
def greater_equal(a: Any, b: Any) -> Any:
    """a >= b, element by element.  a (...) · b (...) -> (...) bool"""
    return np.greater_equal(a, b)


@_compare(ref=scalarwise(lambda a, b: a == b), numpy=[np.equal])
def equal(a: Any, b: Any) -> Any:
    """a == b, element by element; `tg.testing` compares with a tolerance.  a (...) · b (...) -> (...) bool"""
    return np.equal(a, b)


@_compare(ref=scalarwise(lambda a, b: a != b), numpy=[np.not_equal])
def not_equal(a: Any, b: Any) -> Any:
    """a != b, element by element.  a (...) · b (...) -> (...) bool"""
    return np.not_equal(a, b)


@op(broadcasts=True, samples=_MASKS, ref=scalarwise(lambda a, b: bool(a) and bool(b)), numpy=[np.logical_and])
def logical_and(a: Any, b: Any) -> Any:
    """Whether both hold; ``a & b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    return np.logical_and(a, b)


@op(broadcasts=True, samples=_MASKS, ref=scalarwise(lambda a, b: bool(a) or bool(b)), numpy=[np.logical_or])
def logical_or(a: Any, b: Any) -> Any:
    """Whether either holds; ``a | b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    return np.logical_or(a, b)


@op(broadcasts=True, samples=_MASKS, ref=scalarwise(lambda a, b: bool(a) != bool(b)), numpy=[np.logical_xor])
def logical_xor(a: Any, b: Any) -> Any:
    """Whether exactly one holds; ``a ^ b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    return np.logical_xor(a, b)


@op(samples=[S(x=booleans(2, 3))], ref=scalarwise(lambda x: not x), numpy=[np.logical_not], stacks=elementwise)
def logical_not(x: Any) -> Any:
    """Whether x does not hold; ``~x`` of a boolean Tensor.  x (...) -> (...) bool"""
    return np.logical_not(x)


@op(samples=_ODD, ref=scalarwise(math.isnan), numpy=[np.isnan], stacks=elementwise)
def isnan(x: Any) -> Any:
    """Which elements are NaN.  x (...) -> (...) bool"""
    return np.isnan(x)


@op(samples=_ODD, ref=scalarwise(math.isinf), numpy=[np.isinf], stacks=elementwise)
def isinf(x: Any) -> Any:
    """Which elements are infinite, with either sign.  x (...) -> (...) bool"""
    return np.isinf(x)


@op(samples=_ODD, ref=scalarwise(math.isfinite), numpy=[np.isfinite], stacks=elementwise)
def isfinite(x: Any) -> Any:
    """Which elements are neither infinite nor NaN.  x (...) -> (...) bool"""
    return np.isfinite(x)


def _by_rows(each: Any) -> Any:
    """A reference that asks `each`, builtins.any or all, about the elements over some axes."""

    def ref(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> np.ndarray:
        axes = axes_of("any", axis, x.ndim)
        rows = np.moveaxis(x, axes, range(len(axes)))
        rest = rows.shape[len(axes) :]
        found = [each(bool(v) for v in rows.reshape(-1, *rest)[(slice(None),) + p]) for p in np.ndindex(*rest)]
        shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape)) if keepdims else rest
        return np.array(found, bool).reshape(shape)

    return ref


@op(stacks=over_axes, params=["axis", "keepdims"], samples=_ROWS, ref=_by_rows(builtins.any), numpy=[np.any])
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any element over axes holds (is not 0).  x (...) -> (...) bool"""
    return np.any(x, axis=axes_of("any", axis, x.ndim), keepdims=keepdims)


@op(stacks=over_axes, params=["axis", "keepdims"], samples=_ROWS, ref=_by_rows(builtins.all), numpy=[np.all])
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all elements over axes hold (are not 0).  x (...) -> (...) bool"""
    return np.all(x, axis=axes_of("all", axis, x.ndim), keepdims=keepdims)
