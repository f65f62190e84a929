"""Arithmetic of two operands, broadcast by NumPy's rule; the engine sums the gradients back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff import get_default_dtype
from ..autodiff.batching import elementwise
from ..autodiff.sample import apart, booleans, positive, uniform
from ..core import op
from ..core.register import glue, registry
from ._reference import scalarwise
from .algebra import is_large
from .logic import isfinite, isnan

__all__ = ["div", "maximum", "minimum", "mul", "neg", "pow", "sub", "where"]

glue["add_into"] = kernels.add_

_PAIRS = [S(a=(2, 3), b=(2, 3)), S(a=(2, 1, 3), b=(4, 1)), S(a=(), b=(3,)), S(a=(2, 3), b=2.5), S(a=-1.5, b=(2, 3))]


@op(linear=["a", "b"], broadcasts=True, samples=_PAIRS, ref=scalarwise(lambda a, b: a - b), numpy=[np.subtract])
def sub(a: Any, b: Any) -> Any:
    """a - b.  a (...) · b (...) -> (...)"""
    return kernels.sub(a, b) if is_large(a) else np.subtract(a, b)


sub.vjp(a=lambda g: g, b=lambda g: -g)


@op(linear=["a", "b"], broadcasts=True, samples=_PAIRS, ref=scalarwise(lambda a, b: a * b), numpy=[np.multiply])
def mul(a: Any, b: Any) -> Any:
    """a * b.  a (...) · b (...) -> (...)"""
    return kernels.mul(a, b) if is_large(a) else np.multiply(a, b)


def _product(g: Any, b: Any) -> Any:
    return kernels.mul(g, b) if is_large(g) else g * b


mul.vjp(a=_product, b=lambda g, a: _product(g, a))
mul.formula(a="g * b", b="g * a")


@op(
    floating=["a", "b"],
    broadcasts=True,
    samples=[
        S(a=(2, 3), b=positive(2, 3)),
        S(a=(2, 1, 3), b=positive(4, 1)),
        S(a=(2, 3), b=2.5),
        S(a=1.5, b=positive(3)),
    ],
    ref=scalarwise(lambda a, b: a / b),
    numpy=[np.divide, np.true_divide],
)
def div(a: Any, b: Any) -> Any:
    """a / b.  a (...) · b (...) -> (...)"""
    return kernels.div(a, b) if is_large(a) else np.divide(a, b)


div.vjp(a=lambda g, b: kernels.div(g, b) if is_large(g) else g / b, b=lambda g, b, y: -(g * y) / b)
div.formula(a="g / b", b="-(g * y) / b")


@op(linear=["x"], samples=[S(x=(2, 3))], ref=scalarwise(lambda x: -x), numpy=[np.negative], stacks=elementwise)
def neg(x: Any) -> Any:
    """-x.  x (...) -> (...)"""
    return np.negative(x)


neg.vjp(x=lambda g: -g)


@op(
    broadcasts=True,
    samples=[
        S(a=positive(2, 3), b=(2, 3)), S(a=positive(2, 1, 3), b=(4, 1)), S(a=(2, 3), b=2), S(a=(2, 3), b=3),
        S(a=positive(3), b=-0.5), S(a=1.5, b=(2, 2)), S(a=(2, 3), b=0), S(a=(2, 3), b=1),
        S(a=positive(3), b=uniform(0, 0, 3)),
    ],
    ref=scalarwise(lambda a, b: a**b),
    numpy=[np.power],
)  # fmt: skip
def pow(a: Any, b: Any) -> Any:
    """a ** b.  a (...) · b (...) -> (...)

    The gradient in a at a = 0, b = 0 is 0.  The gradient in b is 0 where a = 0 and b >= 0, minus infinity where a = 0
    and b < 0, and NaN where a < 0.
    """
    if type(b) in _NUMBERS and b in (2, 3, 4) and getattr(a, "dtype", None) in _FLOATS:  # NumPy calls C's pow
        square = a * a
        return square if b == 2 else square * a if b == 3 else square * square
    return a**b


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _pow_a(g: Any, a: Any, b: Any) -> Any:
    if isinstance(b, (int, float)):
        return g * 0.0 if b == 0 else g if b == 1 else g * (a * 2) if b == 2 else g * (b * a ** (b - 1))
    zero = (b == 0) & ((a == 0) | isnan(a))  # elsewhere b * a ** (b - 1) has the right derivatives, at b = 0 too
    return g * where(zero, 0, b * where(zero, 1, a) ** (b - 1))


def _pow_b(g: Any, a: Any, y: Any) -> Any:
    if isinstance(a, (int, float)):
        if a != 0:
            return g * y * (math.log(a) if a > 0 else math.nan)
        return g * where(y == math.inf, -math.inf, where(isnan(y), math.nan, 0.0))
    flat = (a == 0) & isfinite(y)  # 0 ** b is 0 for all b above 0, and infinite for those below
    return where(flat, 0, g * y * registry["log"](where(flat, 1, a)))


pow.vjp(a=_pow_a, b=_pow_b)
pow.formula(a="g * b * a ** (b - 1)", b="g * y * log(a)")


_NUMBERS = (bool, int, float)


@op(
    linear=["a", "b"],
    broadcasts=True,
    samples=[S(condition=booleans(2, 3), a=(2, 3), b=(2, 3)), S(condition=booleans(3), a=(2, 1), b=0.5),
             S(condition=booleans(2, 1), a=0.0, b=(2, 3))],
    ref=lambda condition, a, b: scalarwise(lambda c, a, b: a if c else b)(condition, a, b),
    numpy=[np.where],
)  # fmt: skip
def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b.  condition (...) bool · a (...) · b (...) -> (...)

    >>> x = np.array([-1.0, 2.0, -3.0])
    >>> tg.where(x > 0, x, 10 * x)
    array([-10.,   2., -30.])
    """
    if type(a) in _NUMBERS and type(b) in _NUMBERS and float in (type(a), type(b)):
        kind = get_default_dtype().type  # no array lends them its dtype
        a, b = kind(a), kind(b)
    return kernels.chosen(condition, a, b)


where.vjp(a=lambda g, condition: where(condition, g, 0), b=lambda g, condition: where(condition, 0, g))


def _larger(g: Any, mine: Any, other: Any) -> Any:
    """g where mine wins, half of it at a tie; all of it where either is NaN, so that none is lost."""
    return where(other > mine, 0, where(mine == other, g * 0.5, g))


@op(
    linear=["a", "b"],
    branches=lambda a, b: np.sign(np.subtract(a, b)).astype(np.int8),
    broadcasts=True,
    samples=[S(a=apart(2, 3), b=0.01), S(a=(2, 1, 3), b=(4, 1)), S(a=apart(4), b=uniform(0.01, 0.03, 1))],
    ref=scalarwise(max),
    numpy=[np.maximum],
)
def maximum(a: Any, b: Any) -> Any:
    """The larger of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)

    >>> a = tg.Tensor([1.0, 5.0, 3.0], requires_grad=True)
    >>> tg.maximum(a, 3)
    Tensor([3., 5., 3.], dtype=float32, from=maximum)
    >>> tg.grad(tg.maximum(a, 3).sum(), a)  # a tie is shared
    array([0. , 1. , 0.5], dtype=float32)
    """
    return np.maximum(a, b)


maximum.vjp(a=lambda g, a, b: _larger(g, a, b), b=lambda g, a, b: _larger(g, b, a))


@op(
    linear=["a", "b"],
    branches=lambda a, b: np.sign(np.subtract(a, b)).astype(np.int8),
    broadcasts=True,
    samples=[S(a=apart(2, 3), b=0.01), S(a=(2, 1, 3), b=(4, 1)), S(a=apart(4), b=uniform(0.01, 0.03, 1))],
    ref=scalarwise(min),
    numpy=[np.minimum],
)
def minimum(a: Any, b: Any) -> Any:
    """The smaller of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""
    return np.minimum(a, b)


minimum.vjp(a=lambda g, a, b: _larger(g, b, a), b=lambda g, a, b: _larger(g, a, b))
