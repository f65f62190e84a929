"""Activations: what follows a convolution or a dense layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.kinds import Approximation, Number
from ..autodiff.sample import apart, uniform
from ..core import op
from ._arguments import promoted
from ._reference import scalarwise
from .arithmetic import minimum, where
from .elementwise import exp, sigmoid

__all__ = ["clip", "elu", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "prelu", "relu", "relu6", "selu", "silu"]

_APART = [S(x=apart(2, 3)), S(x=apart(1, 5))]
_WIDE = [S(x=uniform(-5, 5, 4, 5))]


def alike(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """Stack inputs of one shape, of which some are stacked already."""
    return op(*np.broadcast_arrays(*inputs), **params)


@op(
    linear=["x"],
    stacks=elementwise,
    branches=lambda x: x > 0,
    over=lambda x: kernels.relu_(x),
    samples=_APART,
    ref=scalarwise(lambda x: max(x, 0.0)),
)
def relu(x: Any) -> Any:
    """max(x, 0); its derivative at 0 is 0, NaN stays NaN.  x (...) -> (...)

    >>> x = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> y = tg.relu(x)
    >>> y
    Tensor([0., 0., 2.], dtype=float32, from=relu)
    >>> tg.grad(y.sum(), x)  # 0 at 0
    array([0., 0., 1.], dtype=float32)
    """
    return kernels.relu(x)


def _relu_dx_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """Broadcast, which the kernel does not do."""
    dy, x = inputs
    return op(dy, x) if all(stacked) else np.where(x > 0, dy, np.zeros((), dy.dtype))


@op(
    linear=["dy"],
    branches=lambda x: x > 0,
    selectors=["x"],
    samples=[S(dy=(4,), x=np.array([0.5, -1.0, 0.0, 2.0]))],
    ref=lambda dy, x: np.array([g if v > 0 else 0.0 for g, v in zip(dy, x, strict=True)]),
    stacks=_relu_dx_stack,
)
def relu_dx(dy: Any, x: Any) -> Any:
    """dy where x is above 0, else 0; x only chooses.  dy (...) · x (...) -> (...)"""
    if x.dtype != dy.dtype:  # whether x is above 0 is asked of x as it is: 1e-50 is, and so is 0.5 beside whole numbers
        x = (x > 0).astype(dy.dtype)
    return kernels.relu_dx(dy, x)


relu.vjp(x=lambda g, y: relu_dx(g, y))
relu_dx.vjp(dy=lambda g, x: relu_dx(g, x))
relu.formula(y="maximum(x, 0)")
relu_dx.formula(y="dy * (x > 0)")


@op(
    floating=["x"],
    branches=lambda x: x > 0,
    params=["slope"],
    samples=[*_APART, S(x=apart(6), slope=0.3)],
    ref=scalarwise(lambda x, slope=0.01: x if x > 0 else slope * x),
    stacks=elementwise,
)
def leaky_relu(x: Any, slope: Number = 0.01) -> Any:
    """x where positive, slope * x elsewhere (at 0 too).  x (...) -> (...)

    >>> tg.leaky_relu(np.array([-1.0, 2.0]), slope=0.1)
    array([-0.1,  2. ])
    """
    return kernels.leaky_relu(x, float(slope))


@op(
    floating=["dy"],
    branches=lambda x: x > 0,
    selectors=["x"],
    params=["slope"],
    samples=[S(dy=(4,), x=np.array([0.5, -1.0, 0.0, 2.0])), S(dy=(2,), x=np.array([0.5, -1.0]), slope=0.3)],
    ref=lambda dy, x, slope=0.01: np.where(x > 0, dy, dy * slope),
    stacks=alike,
)
def leaky_relu_dx(dy: Any, x: Any, slope: Number = 0.01) -> Any:
    """dy where x is above 0, else slope * dy; x only chooses.  dy (...) · x (...) -> (...)"""
    if x.dtype != dy.dtype:
        x = (x > 0).astype(dy.dtype)
    return kernels.leaky_relu_dx(dy, x, float(slope))


leaky_relu.vjp(x=lambda g, x, slope: leaky_relu_dx(g, x, slope))
leaky_relu_dx.vjp(dy=lambda g, x, slope: leaky_relu_dx(g, x, slope))
leaky_relu_dx.formula(y="where(x > 0, dy, slope * dy)")


@op(
    linear=["x", "slope"],
    floating=["x", "slope"],
    branches=lambda x: x > 0,
    broadcasts=True,
    samples=[S(x=apart(2, 3), slope=uniform(0.1, 0.4, 3)), S(x=apart(4), slope=uniform(0.1, 0.4))],
    ref=scalarwise(lambda x, slope: x if x > 0 else slope * x),
)
def prelu(x: Any, slope: Any) -> Any:
    """leaky_relu with a learned slope, one for all or one per channel.  x (..., C) · slope (C,) -> (..., C)"""
    return np.where(x > 0, x, x * slope)


prelu.vjp(x=lambda g, x, slope: where(x > 0, g, g * slope), slope=lambda g, x: where(x > 0, 0, g * x))


@op(
    linear=["x"],
    stacks=elementwise,
    branches=lambda x: np.digitize(x, [0, 6]),
    samples=_WIDE,
    ref=scalarwise(lambda x: min(max(x, 0.0), 6.0)),
)
def relu6(x: Any) -> Any:
    """min(max(x, 0), 6); flat at both ends.  x (...) -> (...)"""
    return np.minimum(np.maximum(x, 0), 6)


relu6.vjp(x=lambda g, y: where((y > 0) & (y < 6), g, 0))


@op(
    floating=["x"],
    stacks=elementwise,
    branches=lambda x: np.digitize(x, [-3, 3]),
    samples=_WIDE,
    ref=scalarwise(lambda x: min(max(x / 6 + 0.5, 0.0), 1.0)),
)
def hard_sigmoid(x: Any) -> Any:
    """min(max(x/6 + 1/2, 0), 1).  x (...) -> (...)"""
    return np.clip(x / 6 + 0.5, 0, 1)


hard_sigmoid.vjp(x=lambda g, y: where((y > 0) & (y < 1), g * (1 / 6), 0))


@op(
    floating=["x"],
    stacks=elementwise,
    branches=lambda x: np.digitize(x, [-3, 3]),
    samples=_WIDE,
    ref=scalarwise(lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0)),
)
def hard_swish(x: Any) -> Any:
    """x * hard_sigmoid(x).  x (...) -> (...)"""
    return x * np.clip(x / 6 + 0.5, 0, 1)


hard_swish.vjp(x=lambda g, x: where(x >= 3, g, where(x <= -3, 0, g * (x / 3 + 0.5))))


@op(
    floating=["x"],
    branches=lambda x: x > 0,
    params=["alpha"],
    samples=[*_APART, S(x=apart(6), alpha=0.5)],
    ref=scalarwise(lambda x, alpha=1.0: x if x > 0 else alpha * math.expm1(x)),
    stacks=elementwise,
)
def elu(x: Any, alpha: Number = 1.0) -> Any:
    """x where positive, alpha * (e**x - 1) elsewhere.  x (...) -> (...)"""
    return kernels.elu(x, float(alpha))


@op(
    floating=["dy", "x"],
    branches=lambda x: x > 0,
    params=["alpha"],
    samples=[S(dy=(2, 3), x=apart(2, 3)), S(dy=(6,), x=apart(6), alpha=0.5)],
    ref=scalarwise(lambda dy, x, alpha=1.0: dy if x > 0 else dy * alpha * math.exp(x)),
    stacks=alike,
)
def elu_dx(dy: Any, x: Any, alpha: Number = 1.0) -> Any:
    """dy times the derivative of elu at x.  dy (...) · x (...) -> (...)"""
    dy, x = promoted(dy, x)
    return kernels.elu_dx(dy, x, float(alpha))


elu.vjp(x=lambda g, x, alpha: elu_dx(g, x, alpha))  # y + alpha would cancel
elu_dx.vjp(
    dy=lambda g, x, alpha: elu_dx(g, x, alpha),
    x=lambda g, dy, x, alpha: where(x > 0, 0, g * dy * alpha * exp(minimum(x, 0))),
)
elu.formula(y="where(x > 0, x, alpha * (exp(x) - 1))", x="where(x > 0, g, alpha * g * exp(x))")

_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017: fixed point of mean 0, variance 1


@op(
    floating=["x"],
    stacks=elementwise,
    branches=lambda x: x > 0,
    samples=_APART,
    ref=scalarwise(lambda x: _SCALE * (x if x > 0 else _ALPHA * math.expm1(x))),
)
def selu(x: Any) -> Any:
    """The self-normalising elu of Klambauer et al. (2017).  x (...) -> (...)"""
    return kernels.elu(x, _ALPHA) * _SCALE


selu.vjp(x=lambda g, x: where(x > 0, g * _SCALE, g * (_SCALE * _ALPHA) * exp(minimum(x, 0))))
selu.formula(y="1.05070099 * where(x > 0, x, 1.67326324 * (exp(x) - 1))",
             x="where(x > 0, 1.05070099 * g, 1.75809934 * g * exp(x))")  # fmt: skip


@op(floating=["x"], samples=[S(x=(2, 3))], ref=scalarwise(lambda x: x / (1 + math.exp(-x))), stacks=elementwise)
def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish.  x (...) -> (...)"""
    return kernels.silu(x)


@op(
    floating=["dy", "x"],
    samples=[S(dy=(2, 3), x=(2, 3))],
    ref=scalarwise(lambda dy, x: dy * (1 + x / (1 + math.exp(x))) / (1 + math.exp(-x))),
    stacks=alike,
)
def silu_dx(dy: Any, x: Any) -> Any:
    """dy times the derivative of silu at x.  dy (...) · x (...) -> (...)"""
    return kernels.silu_dx(*promoted(dy, x))


def _silu_dx_x(g: Any, dy: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * dy * (s * (1 - s) * (x * (1 - s * 2) + 2))


silu.vjp(x=lambda g, x: silu_dx(g, x))
silu_dx.vjp(dy=lambda g, x: silu_dx(g, x), x=_silu_dx_x)
silu.formula(y="x * sigmoid(x)", x="g * sigmoid(x) * (1 + x * (1 - sigmoid(x)))")

_ROOT_2, _ROOT_2_PI = math.sqrt(2), math.sqrt(2 * math.pi)


def _gelu_ref(x: float, approximate: str = "none") -> float:
    if approximate == "tanh":
        return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + math.erf(x / _ROOT_2))


@op(
    floating=["x"],
    stacks=elementwise,
    samples=[S(x=(2, 3)), S(x=(2, 3), approximate="tanh")],
    ref=scalarwise(_gelu_ref),
)
def gelu(x: Any, *, approximate: Approximation = "none") -> Any:
    """x times the normal distribution function at x; ``approximate="tanh"`` as Hendrycks and Gimpel.

    x (...) -> (...)
    """
    if approximate == "none":
        return kernels.gelu(x)
    if approximate == "tanh":
        return kernels.gelu_tanh(x)
    raise ValueError(f'gelu: approximate={approximate!r} must be "none" or "tanh".')


@op(
    floating=["dy", "x"],
    samples=[S(dy=(2, 3), x=(2, 3))],
    ref=scalarwise(
        lambda dy, x: dy * ((1 + math.erf(x / _ROOT_2)) / 2 + x * math.exp(-x * x / 2) / _ROOT_2_PI)
    ),
    stacks=alike,
)  # fmt: skip
def gelu_dx(dy: Any, x: Any) -> Any:
    """dy times the derivative of gelu at x.  dy (...) · x (...) -> (...)"""
    return kernels.gelu_dx(*promoted(dy, x))


gelu_dx.vjp(
    dy=lambda g, x: gelu_dx(g, x),
    x=lambda g, dy, x: g * dy * (exp(x * x * -0.5) * (2 - x * x) * (1 / _ROOT_2_PI)),
)
gelu_dx.formula(y="dy * (Phi(x) + x * phi(x))", dy="g * (Phi(x) + x * phi(x))", x="g * dy * phi(x) * (2 - x * x)")


_CUBE = 0.044715


def _gelu_tanh_slope(x: float) -> float:
    p = 1 / (1 + math.exp(-4 / _ROOT_2_PI * (x + _CUBE * x**3)))
    return p + x * p * (1 - p) * (1 + 3 * _CUBE * x * x) * 4 / _ROOT_2_PI


@op(
    floating=["dy", "x"],
    samples=[S(dy=(2, 3), x=(2, 3))],
    ref=scalarwise(lambda dy, x: dy * _gelu_tanh_slope(x)),
    stacks=alike,
)
def gelu_tanh_dx(dy: Any, x: Any) -> Any:
    """dy times the derivative of ``gelu(x, approximate="tanh")``.  dy (...) · x (...) -> (...)"""
    return kernels.gelu_tanh_dx(*promoted(dy, x))


def _gelu_tanh_dx_x(g: Any, dy: Any, x: Any) -> Any:
    """By gelu = x * p, p = sigmoid(v), with v' and v'' the derivatives of the polynomial v."""
    p = sigmoid((x + x * x * x * _CUBE) * (4 / _ROOT_2_PI))
    first, second = (1 + x * x * (3 * _CUBE)) * (4 / _ROOT_2_PI), x * (6 * _CUBE * 4 / _ROOT_2_PI)
    return g * dy * (p * (1 - p)) * (first * 2 + x * ((1 - p * 2) * first * first + second))


gelu_tanh_dx.vjp(dy=lambda g, x: gelu_tanh_dx(g, x), x=_gelu_tanh_dx_x)


def _gelu_x(g: Any, x: Any, approximate: str) -> Any:
    return gelu_dx(g, x) if approximate == "none" else gelu_tanh_dx(g, x)


gelu.vjp(x=_gelu_x)
gelu.formula(y="x * Phi(x)", x="g * (Phi(x) + x * phi(x))")


@op(
    linear=["x", "low", "high"],
    branches=lambda x, low, high: _beyond(x, low, high),
    broadcasts=True,
    samples=[
        S(x=uniform(-2, 2, 4, 5), low=-1.0, high=0.5), S(x=(5,), low=0.1), S(x=(5,), high=0.1),
        S(x=apart(4, 5), low=uniform(-0.5, -0.4, 5), high=uniform(0.4, 0.5, 4, 1)),
        S(x=apart(3), high=uniform(0, 0.05)),
    ],
    ref=lambda x, low=None, high=None: np.minimum(
        np.maximum(x, -math.inf if low is None else low), math.inf if high is None else high
    ),
)  # fmt: skip
def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """x held within [low, high].  x (...) · low (...) · high (...) -> (...)

    The gradient passes to x where x lies within, borders included, and elsewhere to the bound that took its place.

    >>> x, high = tg.Tensor([-3.0, 0.5, 3.0], requires_grad=True), tg.Tensor(1.0, requires_grad=True)
    >>> tg.grad(tg.clip(x, -1, high).sum(), [x, high])
    [array([0., 1., 0.], dtype=float32), array(1., dtype=float32)]
    """
    if low is not None and high is not None and np.any(np.asarray(low) > np.asarray(high)):
        raise ValueError(f"clip: low={low} is above high={high}; swap them.")
    if isinstance(x, (int, float)):  # of which NumPy would make float64, whatever the bounds are
        x = np.asarray(x, np.result_type(*[v for v in (x, low, high) if v is not None]))
    return np.clip(x, low, high)


def _beyond(x: Any, low: Any, high: Any) -> Any:
    """-1 where x is below its bounds, 1 above, 0 within."""
    below = 0 if low is None else np.less(x, low).astype(np.int8)
    return (0 if high is None else np.greater(x, high).astype(np.int8)) - below


def _within(x: Any, low: Any, high: Any) -> Any:
    if low is None or high is None:
        return x >= low if low is not None else x <= high if high is not None else np.ones(x.shape, bool)
    return (x >= low) & (x <= high)


clip.vjp(
    x=lambda g, x, low, high: where(_within(x, low, high), g, 0),
    low=lambda g, x, low: where(x < low, g, 0),
    high=lambda g, x, high: where(x > high, g, 0),
)
clip.formula(y="minimum(maximum(x, low), high)", x="where((low <= x) & (x <= high), g, 0)")
