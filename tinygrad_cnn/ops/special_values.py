"""Choices between elements by NaN, infinities and signs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.kinds import Number
from ..autodiff.sample import apart, these
from ..core import op
from ._reference import scalarwise
from .arithmetic import _larger, where
from .logic import isfinite, isnan
from .rounding import sign

__all__ = ["copysign", "fmax", "fmin", "heaviside", "nan_to_num"]

_PAIRS = [S(a=apart(2, 3), b=0.01), S(a=(2, 1, 3), b=(4, 1)), S(a=these(1, -2, 3), b=these(2, -3, 1))]


def _number_of(x: float, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> float:
    if math.isnan(x):
        return nan
    limit = posinf if x > 0 else neginf
    return x if math.isfinite(x) else math.copysign(float(np.finfo(np.float64).max), x) if limit is None else limit


@op(
    linear=["x"],
    branches=lambda x: np.isfinite(x),
    samples=[S(x=(2, 3)), S(x=(), nan=2.0), S(x=(3,), posinf=9.0, neginf=-9)],
    ref=scalarwise(_number_of),
    stacks=elementwise,
)
def nan_to_num(x: Any, *, nan: Number = 0.0, posinf: Number | None = None, neginf: Number | None = None) -> Any:
    """x with numbers in place of NaN and infinities, where no gradient flows.  x (...) -> (...)

    Infinities become the largest and lowest number of the dtype unless `posinf` and `neginf` say otherwise.

    >>> x = tg.Tensor([np.nan, 1.0, -np.inf], requires_grad=True)
    >>> y = tg.nan_to_num(x, neginf=-9)
    >>> y.data, tg.grad(y.sum(), x)
    (array([ 0.,  1., -9.], dtype=float32), array([0., 1., 0.], dtype=float32))
    """
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)  # type: ignore[arg-type, misc]  # its stubs lack numbers


nan_to_num.vjp(x=lambda g, x: where(isfinite(x), g, 0))


@op(
    linear=["a", "b"],
    branches=lambda a, b: np.sign(np.subtract(a, b)).astype(np.int8),
    broadcasts=True,
    samples=_PAIRS,
    ref=scalarwise(max),
    numpy=[np.fmax],
)
def fmax(a: Any, b: Any) -> Any:
    """The larger of a and b, and of NaN and a number the number; a tie shares the gradient.  a (...) · b (...) -> (...)

    >>> tg.fmax(np.array([np.nan, 1.0, 5.0]), 3)
    array([3., 3., 5.])
    """
    return np.fmax(a, b)


@op(
    linear=["a", "b"],
    branches=lambda a, b: np.sign(np.subtract(a, b)).astype(np.int8),
    broadcasts=True,
    samples=_PAIRS,
    ref=scalarwise(min),
    numpy=[np.fmin],
)
def fmin(a: Any, b: Any) -> Any:
    """The smaller of a and b, and of NaN and a number the number; a tie shares the gradient.

    a (...) · b (...) -> (...)
    """
    return np.fmin(a, b)


def _unless_nan(share: Any, mine: Any, other: Any) -> Any:
    """The share of the gradient, and 0 where mine is NaN and the other is a number."""
    return where(isnan(mine) & ~isnan(other), 0, share)


fmax.vjp(a=lambda g, a, b: _unless_nan(_larger(g, a, b), a, b), b=lambda g, a, b: _unless_nan(_larger(g, b, a), b, a))
fmin.vjp(a=lambda g, a, b: _unless_nan(_larger(g, b, a), a, b), b=lambda g, a, b: _unless_nan(_larger(g, a, b), b, a))


@op(
    floating=["a"],
    linear=["a"],
    branches=lambda a, b: (np.sign(a), np.signbit(b)),
    broadcasts=True,
    selectors=["b"],
    samples=_PAIRS,
    ref=scalarwise(math.copysign),
    numpy=[np.copysign],
)
def copysign(a: Any, b: Any) -> Any:
    """The size of a with the sign of b, which only chooses; the slope at a = 0 is 0.  a (...) · b (...) -> (...)

    >>> tg.copysign(np.array([1.0, -2.0]), -1.0)
    array([-1., -2.])
    """
    return np.copysign(a, b)


copysign.vjp(a=lambda g, a, y: g * (sign(a) * sign(y)))


@op(
    floating=["x", "h"],
    linear=["h"],
    branches=lambda x: np.sign(x),
    broadcasts=True,
    selectors=["x"],
    samples=[S(x=apart(2, 3), h=(3,)), S(x=these(-1, 0, 0, 2), h=(2, 1)), S(x=these(-1, 0), h=0.5)],
    ref=scalarwise(lambda x, h: float(x > 0) if x else h),
    numpy=[np.heaviside],
)
def heaviside(x: Any, h: Any) -> Any:
    """0 below 0, 1 above, and h at 0, where h gets the gradient; x only chooses.  x (...) · h (...) -> (...)

    >>> tg.heaviside(np.array([-1.5, 0.0, 2.0]), 0.5)
    array([0. , 0.5, 1. ])
    """
    return np.heaviside(x, h)


heaviside.vjp(h=lambda g, x: where(x == 0, g, 0))
