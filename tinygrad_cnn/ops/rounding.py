"""Rounding and remainders: steps, whose slope is 0 wherever it exists, and what is left over between them."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import apart, positive, these
from ..core import Op, op
from ._reference import scalarwise

__all__ = ["ceil", "floor", "floor_divide", "fmod", "mod", "remainder", "round", "sign", "trunc"]

_STEPS = [S(x=apart(2, 3)), S(x=these(-2.5, -0.5, 0.5, 1.5, 2.0)), S(x=())]
_PAIRS = [
    S(a=these(5.3, -5.3, 0.7), b=these(2.0, 2.0, -0.5)), S(a=(2, 1, 3), b=positive(4, 1)),
    S(a=(2, 3), b=0.3), S(a=2.5, b=positive(3)),
]  # fmt: skip


def _step(each: Callable[..., float], means: Any, samples: Any = _STEPS, **more: Any) -> Callable[..., Op]:
    """A decorator: an op of one input whose result is flat but for its jumps, so that no gradient flows.

    `each` gives the result for one number, `means` is the NumPy function.
    """
    made: Callable[..., Op] = op(
        branches=lambda y: y, stacks=elementwise, selectors=["x"], samples=samples, ref=scalarwise(each), numpy=[means],
        **more,
    )  # fmt: skip
    return made


@_step(math.floor, np.floor)
def floor(x: Any) -> Any:
    """The next whole number below; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.floor(x)


@_step(math.ceil, np.ceil)
def ceil(x: Any) -> Any:
    """The next whole number above; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.ceil(x)


@_step(math.trunc, np.trunc)
def trunc(x: Any) -> Any:
    """The next whole number towards 0; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.trunc(x)


@_step(
    lambda v, decimals=0: builtins.round(v, decimals),
    np.rint,
    [*_STEPS, S(x=apart(2, 3), decimals=1), S(x=these(149, -151), decimals=-2)],
    params=["decimals"],
)
def round(x: Any, decimals: Whole = 0) -> Any:
    """The nearest number of so many decimals, halves to even; no gradient, as its slope is 0.  x (...) -> (...)

    >>> tg.round(np.array([0.5, 1.5, 2.26])), tg.round(np.array([2.26, 3.14]), 1)
    (array([0., 2., 2.]), array([2.3, 3.1]))
    """
    if type(decimals) is not int:
        decimals = whole("round", "decimals", decimals, None)
    return np.round(x.astype(np.int8) if x.dtype.kind == "b" else x, decimals)


@_step(lambda x: (x > 0) - (x < 0), np.sign)
def sign(x: Any) -> Any:
    """1, 0 or -1, as x is above, equal to or below 0; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.sign(x)


@op(
    branches=lambda y: y,
    broadcasts=True,
    selectors=["a", "b"],
    samples=_PAIRS,
    ref=scalarwise(lambda a, b: a // b),
    numpy=[np.floor_divide],
)
def floor_divide(a: Any, b: Any) -> Any:
    """How often b goes into a, rounded down: a // b; no gradient.  a (...) · b (...) -> (...)"""
    return np.floor_divide(a, b)


@op(
    branches=lambda a, b: np.floor_divide(a, b),
    broadcasts=True,
    samples=_PAIRS,
    ref=scalarwise(lambda a, b: a % b),
    numpy=[np.remainder],
)
def remainder(a: Any, b: Any) -> Any:
    """What is left of a, with the sign of b: a % b = a - b * (a // b).  a (...) · b (...) -> (...)

    >>> a = tg.Tensor([5.0, -5.0], requires_grad=True)
    >>> (a % 3).data, tg.grad((a % 3).sum(), a)
    (array([2., 1.], dtype=float32), array([1., 1.], dtype=float32))
    """
    return np.remainder(a, b)


remainder.vjp(a=lambda g: g, b=lambda g, a, b: -(g * floor_divide(a, b)))
mod = remainder  # NumPy has both names


@op(
    branches=lambda a, b: np.trunc(np.divide(a, b)),
    broadcasts=True,
    samples=_PAIRS,
    ref=scalarwise(math.fmod),
    numpy=[np.fmod],
)
def fmod(a: Any, b: Any) -> Any:
    """What is left of a, with the sign of a: a - b * trunc(a / b), as in C.  a (...) · b (...) -> (...)

    >>> tg.fmod(np.array([5.0, -5.0]), 3), tg.remainder(np.array([5.0, -5.0]), 3)
    (array([ 2., -2.]), array([2., 1.]))
    """
    return np.fmod(a, b)


# a / b may round up to a whole number that b does not reach; (a - y) / b is near the right one
fmod.vjp(a=lambda g: g, b=lambda g, a, b, y: -(g * round((a - y) / b)))
