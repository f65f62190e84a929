"""Angles, their inverses, hyperbolic functions, and the sine over its angle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.sample import positive, these, uniform
from ..core import op
from ._reference import scalarwise
from .arithmetic import where
from .elementwise import abs, cos, over
from .logarithms import rsqrt

__all__ = [
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cosh", "deg2rad", "hypot", "rad2deg",
    "sinc", "sinh", "tan",
]  # fmt: skip

_ANY = [S(x=(2, 3)), S(x=())]
_INSIDE = [S(x=uniform(-0.9, 0.9, 2, 3)), S(x=uniform(-0.9, 0.9))]
_ABOVE = [S(x=uniform(1.2, 3, 2, 3)), S(x=uniform(1.2, 3))]
_PAIRS = [
    S(a=positive(2, 3), b=(2, 3)), S(a=(2, 1, 3), b=positive(4, 1)), S(a=(2, 3), b=0.5), S(a=1.5, b=(2, 3)),
]  # fmt: skip


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.radians), numpy=[np.deg2rad, np.radians], stacks=elementwise)
def deg2rad(x: Any) -> Any:
    """Degrees as radians: x * pi / 180.  x (...) -> (...)"""
    return np.deg2rad(x)


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.degrees), numpy=[np.rad2deg, np.degrees], stacks=elementwise)
def rad2deg(x: Any) -> Any:
    """Radians as degrees: x * 180 / pi.  x (...) -> (...)"""
    return np.rad2deg(x)


deg2rad.vjp(x=lambda g: deg2rad(g))
rad2deg.vjp(x=lambda g: rad2deg(g))


@op(floating=["x"], samples=_INSIDE, ref=scalarwise(math.tan), numpy=[np.tan], stacks=elementwise)
def tan(x: Any) -> Any:
    """The tangent.  x (...) in radians -> (...)"""
    return np.tan(x)


tan.vjp(x=lambda g, y: g * (1 + y * y))


@op(floating=["x"], samples=_INSIDE, ref=scalarwise(math.asin), numpy=[np.arcsin], stacks=elementwise)
def arcsin(x: Any) -> Any:
    """The angle from -pi/2 to pi/2 whose sine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)

    >>> tg.arcsin(np.array([-1.0, 0.0, 1.0])) / np.pi
    array([-0.5,  0. ,  0.5])
    """
    return np.arcsin(x)


@op(floating=["x"], samples=_INSIDE, ref=scalarwise(math.acos), numpy=[np.arccos], stacks=elementwise)
def arccos(x: Any) -> Any:
    """The angle from 0 to pi whose cosine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)"""
    return np.arccos(x)


arcsin.vjp(x=lambda g, x: g * rsqrt(1 - x * x))
arccos.vjp(x=lambda g, x: -(g * rsqrt(1 - x * x)))


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.atan), numpy=[np.arctan], stacks=elementwise)
def arctan(x: Any) -> Any:
    """The angle from -pi/2 to pi/2 whose tangent is x.  x (...) -> (...)"""
    return np.arctan(x)


arctan.vjp(x=lambda g, x: g / (1 + x * x))


@op(floating=["a", "b"], broadcasts=True, samples=_PAIRS, ref=scalarwise(math.hypot), numpy=[np.hypot])
def hypot(a: Any, b: Any) -> Any:
    """sqrt(a ** 2 + b ** 2), without overflow; its derivatives at (0, 0) are 0.  a (...) · b (...) -> (...)

    >>> tg.hypot(np.array([3.0, 1e200]), np.array([4.0, 0.0]))
    array([5.e+000, 1.e+200])
    """
    return np.hypot(a, b)


hypot.vjp(a=lambda g, a, y: g * over(a, y), b=lambda g, b, y: g * over(b, y))
hypot.formula(a="g * a / y", b="g * b / y")


@op(
    floating=["a", "b"],
    branches=lambda a, b: np.signbit(a) & np.less(b, 0),
    broadcasts=True,
    samples=[*_PAIRS, S(a=these(-0.0, 3.0, -3.0), b=these(-1.0, -4.0, 4.0))],
    ref=scalarwise(math.atan2),
    numpy=[np.arctan2],
)
def arctan2(a: Any, b: Any) -> Any:
    """The angle from -pi to pi of the point b to the right and a above; its slopes at (0, 0) are 0.

    a (...) · b (...) -> (...)

    >>> tg.arctan2(np.array([1.0, 0.0, -1.0]), np.array([0.0, -1.0, -1.0])) / np.pi
    array([ 0.5 ,  1.  , -0.75])
    """
    return np.arctan2(a, b)


def _turn(g: Any, a: Any, b: Any) -> Any:
    """g * a / (a ** 2 + b ** 2), in numbers that stay in range."""
    far = hypot(a, b)
    return over(g * over(a, far), far)


arctan2.vjp(a=lambda g, a, b: _turn(g, b, a), b=lambda g, a, b: -_turn(g, a, b))
arctan2.formula(a="g * b / (a ** 2 + b ** 2)", b="-g * a / (a ** 2 + b ** 2)")


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.sinh), numpy=[np.sinh], stacks=elementwise)
def sinh(x: Any) -> Any:
    """The hyperbolic sine.  x (...) -> (...)"""
    return np.sinh(x)


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.cosh), numpy=[np.cosh], stacks=elementwise)
def cosh(x: Any) -> Any:
    """The hyperbolic cosine.  x (...) -> (...)"""
    return np.cosh(x)


sinh.vjp(x=lambda g, x: g * cosh(x))
cosh.vjp(x=lambda g, x: g * sinh(x))


@op(floating=["x"], samples=_ANY, ref=scalarwise(math.asinh), numpy=[np.arcsinh], stacks=elementwise)
def arcsinh(x: Any) -> Any:
    """The number whose hyperbolic sine is x.  x (...) -> (...)"""
    return np.arcsinh(x)


@op(floating=["x"], samples=_ABOVE, ref=scalarwise(math.acosh), numpy=[np.arccosh], stacks=elementwise)
def arccosh(x: Any) -> Any:
    """The number from 0 on whose hyperbolic cosine is x; its slope at 1 is infinite.  x (...) from 1 on -> (...)"""
    return np.arccosh(x)


@op(floating=["x"], samples=_INSIDE, ref=scalarwise(math.atanh), numpy=[np.arctanh], stacks=elementwise)
def arctanh(x: Any) -> Any:
    """The number whose hyperbolic tangent is x; infinite at -1 and 1.  x (...) -> (...)"""
    return np.arctanh(x)


arcsinh.vjp(x=lambda g, x: g / hypot(x, 1))
arccosh.vjp(x=lambda g, x: g * (rsqrt(x - 1) * rsqrt(x + 1)))
arctanh.vjp(x=lambda g, x: g / (1 - x * x))
arcsinh.formula(x="g / sqrt(x ** 2 + 1)")
arccosh.formula(x="g / sqrt(x ** 2 - 1)")


@op(
    floating=["x"],
    samples=[S(x=(2, 3)), S(x=()), S(x=these(1e-4, -0.2, 0.31, 0.33, 2.0))],
    ref=scalarwise(lambda x: math.sin(math.pi * x) / (math.pi * x) if x else 1.0),
    numpy=[np.sinc],
    stacks=elementwise,
)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0.  x (...) -> (...)

    >>> tg.sinc(np.array([0.0, 0.5])) * np.pi
    array([3.14159265, 2.        ])
    """
    return np.sinc(x)


def _sinc_x(g: Any, x: Any) -> Any:
    """The slope, from its series near 0, where the two terms that it is made of cancel."""
    near = abs(x) < 0.5
    inside, outside = where(near, x, 0), where(near, 1, x)
    square, series = (inside * math.pi) ** 2, 0.0
    for n in range(12, 0, -1):  # of sum over n of (-1)**n * 2n * u**(2n - 2) / (2n + 1)!, times pi**2 * x
        series = (-1) ** n * 2 * n / math.factorial(2 * n + 1) + square * series
    far = (cos(outside * math.pi) - sinc(outside)) / outside
    return g * where(near, series * inside * math.pi**2, far)


sinc.vjp(x=_sinc_x)
sinc.formula(y="sin(pi * x) / (pi * x)", x="g * (cos(pi * x) - y) / x")
