"""Powers, roots and logarithms to other bases than e."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.sample import apart, positive, these
from ..core import op
from ._reference import scalarwise
from .arithmetic import where
from .elementwise import over, sigmoid
from .logic import isinf

__all__ = ["cbrt", "exp2", "log2", "log10", "logaddexp", "logaddexp2", "reciprocal", "rsqrt", "square"]

LOG2, LOG10 = math.log(2), math.log(10)
_ANY = [S(x=(2, 3)), S(x=())]
_POSITIVE = [S(x=positive(2, 3)), S(x=positive())]
_PAIRS = [S(a=(2, 3), b=(2, 3)), S(a=(2, 1, 3), b=(4, 1)), S(a=(2, 3), b=0.5), S(a=these(300, 0, -300), b=1.0)]


@op(samples=_ANY, ref=scalarwise(lambda x: x**2), numpy=[np.square], stacks=elementwise)
def square(x: Any) -> Any:
    """x * x.  x (...) -> (...)"""
    return np.square(x)


square.vjp(x=lambda g, x: g * (x * 2))


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(lambda x: 1 / x), numpy=[np.reciprocal], stacks=elementwise)
def reciprocal(x: Any) -> Any:
    """1 / x.  x (...) -> (...)"""
    return np.reciprocal(x)


reciprocal.vjp(x=lambda g, y: -(g * (y * y)))


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(lambda x: x**-0.5), stacks=elementwise)
def rsqrt(x: Any) -> Any:
    """1 / sqrt(x), infinite at 0.  x (...) -> (...)

    >>> tg.rsqrt(np.array([0.25, 1.0, 4.0]))
    array([2. , 1. , 0.5])
    """
    return 1 / np.sqrt(x)


rsqrt.vjp(x=lambda g, y: -0.5 * (g * (y * y * y)))


@op(
    floating=["x"],
    samples=[S(x=apart(2, 3)), S(x=positive())],
    ref=scalarwise(lambda x: math.copysign(math.fabs(x) ** (1 / 3), x)),
    numpy=[np.cbrt],
    stacks=elementwise,
)
def cbrt(x: Any) -> Any:
    """The cube root, negative of negative numbers; its derivative at 0 is taken as 0.  x (...) -> (...)

    >>> tg.cbrt(np.array([-8.0, 0.0, 27.0]))
    array([-2.,  0.,  3.])
    """
    return np.cbrt(x)


cbrt.vjp(x=lambda g, y: over(over(g * (1 / 3), y), y))
cbrt.formula(x="g / (3 * y ** 2)")


@op(floating=["x"], samples=_ANY, ref=scalarwise(lambda x: 2**x), numpy=[np.exp2], stacks=elementwise)
def exp2(x: Any) -> Any:
    """2 ** x.  x (...) -> (...)"""
    return np.exp2(x)


exp2.vjp(x=lambda g, y: g * (y * LOG2))
exp2.formula(x="g * (y * log(2.0))")


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(math.log2), numpy=[np.log2], stacks=elementwise)
def log2(x: Any) -> Any:
    """The logarithm to the base 2.  x (...) -> (...)

    >>> tg.log2(np.array([0.5, 1.0, 8.0]))
    array([-1.,  0.,  3.])
    """
    return np.log2(x)


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(math.log10), numpy=[np.log10], stacks=elementwise)
def log10(x: Any) -> Any:
    """The logarithm to the base 10.  x (...) -> (...)

    >>> tg.log10(np.array([0.01, 1.0, 1000.0]))
    array([-2.,  0.,  3.])
    """
    return np.log10(x)


log2.vjp(x=lambda g, x: g / (x * LOG2))
log10.vjp(x=lambda g, x: g / (x * LOG10))
log2.formula(x="g / (x * log(2.0))")
log10.formula(x="g / (x * log(10.0))")


def _logaddexp_ref(a: float, b: float) -> float:
    return max(a, b) + math.log1p(math.exp(-math.fabs(a - b)))


@op(floating=["a", "b"], broadcasts=True, samples=_PAIRS, ref=scalarwise(_logaddexp_ref), numpy=[np.logaddexp])
def logaddexp(a: Any, b: Any) -> Any:
    """log(e ** a + e ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)

    >>> y = tg.logaddexp(np.array([1000.0, -np.inf]), np.array([1000.0, 1.0]))
    >>> y - [1000, 0]  # log 2, and nothing added to 1
    array([0.69314718, 1.        ])
    """
    return np.logaddexp(a, b)


@op(
    floating=["a", "b"],
    broadcasts=True,
    samples=_PAIRS,
    ref=scalarwise(lambda a, b: _logaddexp_ref(a * LOG2, b * LOG2) / LOG2),
    numpy=[np.logaddexp2],
)
def logaddexp2(a: Any, b: Any) -> Any:
    """log2(2 ** a + 2 ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""
    return np.logaddexp2(a, b)


def _above(g: Any, a: Any, b: Any) -> Any:
    """The gradient, and a - b, which both rules need; 0 for two equal infinities."""
    same = (a == b) & isinf(a)
    return g, where(same, 0, a - where(same, 0, b))


logaddexp.vjp(g=_above, a=lambda g: g[0] * sigmoid(g[1]), b=lambda g: g[0] * sigmoid(-g[1]))
logaddexp.formula(g="g", y="log(exp(a) + exp(b))", a="g * sigmoid(a - b)", b="g * sigmoid(b - a)")
logaddexp2.vjp(g=_above, a=lambda g: g[0] * sigmoid(g[1] * LOG2), b=lambda g: g[0] * sigmoid(g[1] * -LOG2))
logaddexp2.formula(
    g="g", y="log2(2 ** a + 2 ** b)", a="g * sigmoid(log(2.0) * (a - b))", b="g * sigmoid(log(2.0) * (b - a))"
)  # fmt: skip
