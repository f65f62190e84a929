"""Rounding and remainders: steps, whose slope is 0 wherever it exists, and what is left over between them."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import apart, positive
from ..core import op
from ._reference import scalarwise

__all__ = ["ceil", "floor", "floor_divide", "remainder", "round", "sign", "trunc"]


def _these(*numbers: float) -> Any:
    """A draw that gives these very numbers."""
    return lambda rng, dtype: np.array(numbers, dtype)


_STEPS = [S(x=apart(2, 3)), S(x=_these(-2.5, -0.5, 0.5, 1.5, 2.0)), S(x=())]
_PAIRS = [
    S(a=_these(5.3, -5.3, 0.7), b=_these(2.0, 2.0, -0.5)), S(a=(2, 1, 3), b=positive(4, 1)),
    S(a=(2, 3), b=0.3), S(a=2.5, b=positive(3)),
]  # fmt: skip


@op(
    branches=lambda y: y,
    stacks=elementwise,
    selectors=["x"],
    samples=_STEPS,
    ref=scalarwise(math.floor),
    numpy=[np.floor],
)
def floor(x: Any) -> Any:
    """The next whole number below; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.floor(x)


@op(
    branches=lambda y: y,
    stacks=elementwise,
    selectors=["x"],
    samples=_STEPS,
    ref=scalarwise(math.ceil),
    numpy=[np.ceil],
)
def ceil(x: Any) -> Any:
    """The next whole number above; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.ceil(x)


@op(
    branches=lambda y: y,
    stacks=elementwise,
    selectors=["x"],
    samples=_STEPS,
    ref=scalarwise(math.trunc),
    numpy=[np.trunc],
)
def trunc(x: Any) -> Any:
    """The next whole number towards 0; no gradient, as its slope is 0.  x (...) -> (...)"""
    return np.trunc(x)


@op(
    branches=lambda y: y,
    stacks=elementwise,
    params=["decimals"],
    selectors=["x"],
    samples=[*_STEPS, S(x=apart(2, 3), decimals=1), S(x=_these(149, -151), decimals=-2)],
    ref=scalarwise(lambda v, decimals=0: builtins.round(v, decimals)),
    numpy=[np.rint],
)
def round(x: Any, decimals: Whole = 0) -> Any:
    """The nearest number of so many decimals, halves to even; no gradient, as its slope is 0.  x (...) -> (...)

    >>> tg.round(np.array([0.5, 1.5, 2.26])), tg.round(np.array([2.26, 3.14]), 1)
    (array([0., 2., 2.]), array([2.3, 3.1]))
    """
    if type(decimals) is not int:
        decimals = whole("round", "decimals", decimals, None)
    return np.round(x.astype(np.int8) if x.dtype.kind == "b" else x, decimals)


@op(
    branches=lambda y: y,
    stacks=elementwise,
    selectors=["x"],
    samples=_STEPS,
    ref=scalarwise(lambda x: (x > 0) - (x < 0)),
    numpy=[np.sign],
)
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
