"""Activations that are less common: mish, celu, softsign, log_sigmoid, and gates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import apart
from ..core import op
from ._arguments import Input, placed, promoted, shape_of
from ._reference import scalarwise
from .activation import alike
from .arithmetic import minimum, where
from .elementwise import abs as absolute
from .elementwise import exp, sigmoid, softplus, tanh

__all__ = ["celu", "glu", "log_sigmoid", "mish", "softsign"]


@op(
    floating=["x"],
    stacks=elementwise,
    samples=[S(x=(2, 3))],
    ref=scalarwise(lambda x: x * math.tanh(math.log1p(math.exp(x)))),
)
def mish(x: Any) -> Any:
    """x * tanh(softplus(x)).  x (...) -> (...)

    Source: Misra (2019).
    """
    return kernels.mish(x)


def _mish_slope(x: float) -> float:
    t = math.tanh(math.log1p(math.exp(x)))
    return t + x / (1 + math.exp(-x)) * (1 - t * t)


@op(
    floating=["dy", "x"],
    samples=[S(dy=(2, 3), x=(2, 3))],
    ref=scalarwise(lambda dy, x: dy * _mish_slope(x)),
    stacks=alike,
)
def mish_dx(dy: Any, x: Any) -> Any:
    """dy times the derivative of mish at x.  dy (...) · x (...) -> (...)"""
    return kernels.mish_dx(*promoted(dy, x))


def _mish_dx_x(g: Any, dy: Any, x: Any) -> Any:
    t, s = tanh(softplus(x)), sigmoid(x)
    return g * dy * (1 - t * t) * (s * 2 + x * s * (1 - s - t * s * 2))


mish.vjp(x=lambda g, x: mish_dx(g, x))
mish_dx.vjp(dy=lambda g, x: mish_dx(g, x), x=_mish_dx_x)
mish.formula(y="x * tanh(log(1 + exp(x)))")


@op(
    floating=["x"],
    stacks=elementwise,
    samples=[S(x=(2, 3))],
    ref=scalarwise(lambda x: -math.log1p(math.exp(-x))),
)
def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), without overflow.  x (...) -> (...)

    >>> tg.log_sigmoid(np.array([-1000.0, 1000.0]))
    array([-1000.,     0.])
    """
    return 0 - kernels.softplus(-x)


log_sigmoid.vjp(x=lambda g, x: g * sigmoid(-x))
log_sigmoid.formula(y="log(1 / (1 + exp(-x)))")


@op(
    floating=["x"],
    stacks=elementwise,
    branches=lambda x: x > 0,
    samples=[S(x=apart(2, 3))],
    ref=scalarwise(lambda x: x / (1 + math.fabs(x))),
)
def softsign(x: Any) -> Any:
    """x / (1 + abs(x)).  x (...) -> (...)"""
    return x / (1 + np.abs(x))


def _softsign_x(g: Any, x: Any) -> Any:
    d = absolute(x) + 1
    return g / (d * d)


softsign.vjp(x=_softsign_x)
softsign.formula(x="g / (1 + abs(x)) ** 2")


def check_alpha(who: str, alpha: Number) -> None:
    """Refuse 0 for the alpha of `celu`."""
    if alpha == 0:
        raise ValueError(f"{who}: alpha=0 would divide by zero. Give another number.")


@op(
    floating=["x"],
    branches=lambda x: x > 0,
    samples=[S(x=apart(2, 3)), S(x=apart(6), alpha=0.5)],
    ref=scalarwise(lambda x, alpha=1.0: x if x > 0 else alpha * math.expm1(x / alpha)),
    stacks=elementwise,
)
def celu(x: Any, *, alpha: Number = 1.0) -> Any:
    """x where positive, alpha * (e**(x / alpha) - 1) elsewhere, which is smooth for every alpha.  x (...) -> (...)

    Source: Barron (2017).
    """
    check_alpha("celu", alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


celu.vjp(x=lambda g, x, alpha: where(x > 0, g, g * exp(minimum(x, 0) / alpha)))
celu.formula(y="where(x > 0, x, alpha * (exp(x / alpha) - 1))", x="where(x > 0, g, g * exp(x / alpha))")


@named
def glu(x: Input, *, axis: Whole = -1) -> Any:
    """The first half along an axis times the sigmoid of the second.  x (..., 2*C) -> (..., C)

    Source: Dauphin et al. (2017).

    >>> tg.glu(np.array([1.0, 2.0, 0.0, 1000.0]))
    array([0.5, 2. ])
    """
    who = placed("glu")
    shape = shape_of(who, x)
    at = whole(who, "axis", axis, low=-len(shape))
    if at >= len(shape) or shape[at] % 2:
        raise ValueError(f"{who}: x has shape {shape}; axis {at} must exist and have an even length.")
    half, before = shape[at] // 2, (slice(None),) * (at % len(shape))
    values: Any = x if hasattr(x, "shape") else np.asarray(x)
    first, second = (*before, slice(half)), (*before, slice(half, None))
    return values[first] * sigmoid(values[second])
