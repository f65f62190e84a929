"""Functions of one element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.sample import apart, positive, uniform
from ..core import Tensor, op
from ._reference import scalarwise
from .arithmetic import where

__all__ = ["abs", "cos", "erf", "exp", "expm1", "log", "log1p", "sigmoid", "sin", "softplus", "sqrt", "tanh"]

_ANY = [S(x=(2, 3)), S(x=())]
_POSITIVE = [S(x=positive(2, 3)), S(x=positive())]


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.exp), numpy=[np.exp], stacks=elementwise)
def exp(x: Any) -> Any:
    """e ** x.  x (...) -> (...)"""
    return np.exp(x)


exp.vjp(x=lambda g, y: g * y)


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.expm1), numpy=[np.expm1], stacks=elementwise)
def expm1(x: Any) -> Any:
    """e ** x - 1, exact near 0.  x (...) -> (...)"""
    return np.expm1(x)


expm1.vjp(x=lambda g, x: g * exp(x))  # y + 1 would cancel where x is far below 0


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(math.log), numpy=[np.log], stacks=elementwise)
def log(x: Any) -> Any:
    """The natural logarithm.  x (...) -> (...)"""
    return np.log(x)


log.vjp(x=lambda g, x: g / x)


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(math.log1p), numpy=[np.log1p], stacks=elementwise)
def log1p(x: Any) -> Any:
    """log(1 + x), exact near 0.  x (...) -> (...)"""
    return np.log1p(x)


log1p.vjp(x=lambda g, x: g / (x + 1))


@op(floating=["x"], samples=_POSITIVE, ref=scalarwise(math.sqrt), numpy=[np.sqrt], stacks=elementwise)
def sqrt(x: Any) -> Any:
    """The square root; its derivative at 0 is taken as 0.  x (...) -> (...)"""
    return np.sqrt(x)


def over(g: Any, y: Any) -> Any:
    """g / y, and 0 where y is 0: the derivative by convention of roots and norms at 0.

    A recorded gradient holds for other values too, so what it computes does not depend on these.
    """
    zero = y == 0
    return where(zero, 0, g / where(zero, 1, y)) if isinstance(g, Tensor) or np.any(zero) else g / y


sqrt.vjp(x=lambda g, y: over(g * 0.5, y))
sqrt.formula(x="g / (2 * y)")


@op(
    linear=["x"],
    stacks=elementwise,
    branches=lambda x: np.sign(x).astype(np.int8),
    samples=[S(x=apart(2, 3))],
    ref=scalarwise(math.fabs),
    numpy=[np.abs, np.absolute, np.fabs],
)
def abs(x: Any) -> Any:
    """The absolute value; its derivative at 0 is 0.  x (...) -> (...)"""
    return np.absolute(x)


abs.vjp(x=lambda g, x: where(x > 0, g, where(x < 0, -g, 0)))
abs.formula(x="g * sign(x)")


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.sin), numpy=[np.sin], stacks=elementwise)
def sin(x: Any) -> Any:
    """The sine.  x (...) in radians -> (...)"""
    return np.sin(x)


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.cos), numpy=[np.cos], stacks=elementwise)
def cos(x: Any) -> Any:
    """The cosine.  x (...) in radians -> (...)"""
    return np.cos(x)


sin.vjp(x=lambda g, x: g * cos(x))
cos.vjp(x=lambda g, x: -(g * sin(x)))


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.tanh), numpy=[np.tanh], stacks=elementwise)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent.  x (...) -> (...)"""
    return np.tanh(x)


tanh.vjp(x=lambda g, y: g * (1 - y * y))


@op(floating=["x"], samples=_ANY, ref=scalarwise(lambda x: 1 / (1 + math.exp(-x))), stacks=elementwise)
def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x), without overflow.  x (...) -> (...)

    >>> tg.sigmoid(np.array([-1000.0, 0.0, 1000.0]))  # no overflow
    array([0. , 0.5, 1. ])
    """
    return kernels.sigmoid(x)


sigmoid.vjp(x=lambda g, y: g * (y * (1 - y)))
sigmoid.formula(y="1 / (1 + exp(-x))")


@op(floating=["x"], samples=_ANY, ref=scalarwise(lambda x: math.log1p(math.exp(x))), stacks=elementwise)
def softplus(x: Any) -> Any:
    """log(1 + e**x), without overflow.  x (...) -> (...)"""
    return kernels.softplus(x)


softplus.vjp(x=lambda g, x: g * sigmoid(x))
softplus.formula(y="log(1 + exp(x))")

@op(
    floating=["x"],
    samples=[S(x=(2, 3)), S(x=uniform(-7, 7, 40)), S(x=uniform(-0.01, 0.01, 5))],
    ref=scalarwise(math.erf),
    stacks=elementwise,
)
def erf(x: Any) -> Any:
    """The error function, to the last bits.  x (...) -> (...)"""
    return kernels.erf(x)


erf.vjp(x=lambda g, x: g * ((2 / math.sqrt(math.pi)) * exp(-(x * x))))
