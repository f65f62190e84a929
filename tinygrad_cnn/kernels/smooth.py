"""Functions made of the exponential, in plain NumPy: sigmoid and its relatives, and the error function.

The compiled forms are in native/smooth.h.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .examples import Args, Array, Draw, each, kernel

__all__ = [
    "elu", "elu_dx", "erf", "gelu", "gelu_dx", "gelu_tanh", "gelu_tanh_dx", "mish", "mish_dx", "sigmoid", "silu",
    "silu_dx", "softplus",
]  # fmt: skip


def _one(e: Draw) -> list[Args]:
    return [(x * 4,) for (x,) in e.rows(1)]


def _two(e: Draw) -> list[Args]:
    return [(g, x * 4) for g, x in e.rows(2)]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


@kernel(_one, lambda x: each(_sigmoid, x))
def sigmoid(x: Array) -> Array:
    """1 / (1 + e**-x), without overflow.  x (...) -> (...)"""
    e = np.exp(-np.absolute(x))
    return np.where(x >= 0, x.dtype.type(1), e) / (1 + e)


@kernel(_one, lambda x: each(lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))), x))
def softplus(x: Array) -> Array:
    """log(1 + e**x), without overflow.  x (...) -> (...)"""
    return np.logaddexp(x, x.dtype.type(0))


@kernel(_one, lambda x: each(lambda v: v * _sigmoid(v), x))
def silu(x: Array) -> Array:
    """x * sigmoid(x).  x (...) -> (...)"""
    return x * sigmoid(x)


@kernel(_two, lambda g, x: each(lambda g, v: g * _sigmoid(v) * (1 + v * _sigmoid(-v)), g, x))
def silu_dx(g: Array, x: Array) -> Array:
    """g times the derivative of silu at x.  g (...) · x (...) -> (...)"""
    s = sigmoid(x)
    return g * (s * (x * (1 - s) + 1))


@kernel(lambda e: [(x, 0.7) for (x,) in e.rows(1)], lambda x, a: each(lambda v: v if v > 0 else a * math.expm1(v), x))
def elu(x: Array, alpha: float) -> Array:
    """x where positive, alpha * (e**x - 1) elsewhere.  x (...) -> (...)"""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@kernel(
    lambda e: [(g, x, 0.7) for g, x in e.rows(2)],
    lambda g, x, a: each(lambda g, v: g if v > 0 else g * a * math.exp(v), g, x),
)
def elu_dx(g: Array, x: Array, alpha: float) -> Array:
    """g where x is positive, g * alpha * e**x elsewhere.  g (...) · x (...) -> (...)"""
    return np.where(x > 0, g, g * alpha * np.exp(np.minimum(x, 0)))


@kernel(_one, lambda x: each(lambda v: v * math.tanh(math.log1p(math.exp(v))), x))
def mish(x: Array) -> Array:
    """x * tanh(log(1 + e**x)).  x (...) -> (...)"""
    return x * np.tanh(softplus(x))


def _mish_slope(x: float) -> float:
    t = math.tanh(math.log1p(math.exp(x)))
    return t + x * _sigmoid(x) * (1 - t * t)


@kernel(_two, lambda g, x: each(lambda g, v: g * _mish_slope(v), g, x))
def mish_dx(g: Array, x: Array) -> Array:
    """g times the derivative of mish at x.  g (...) · x (...) -> (...)"""
    t = np.tanh(softplus(x))
    return g * (t + x * sigmoid(x) * (1 - t * t))


_CELLS, _DEGREE, _END = 64, 9, 6  # per unit; beyond x = 6 erf is 1 to the last bit


@functools.cache
def _taylor() -> np.ndarray:
    """Taylor coefficients of erf about every grid point, exact by ``math.erf`` and Hermite's recurrence."""
    x = np.arange(_CELLS * _END + 1) / _CELLS
    terms = [np.array([math.erf(v) for v in x]), 2 / math.sqrt(math.pi) * np.exp(-x * x)]
    for n in range(1, _DEGREE):  # c[n+1] = -(2 x n c[n] + 2 (n-1) c[n-1]) / (n (n+1)), from y'' = -2 x y'
        below = terms[n - 1] if n > 1 else np.zeros_like(x)
        terms.append(-(2 * x * n * terms[n] + 2 * (n - 1) * below) / (n * (n + 1)))
    return np.array(terms)


@kernel(_one, lambda x: each(math.erf, x))
def erf(x: Array) -> Array:
    """The error function, to the last bits of float64.  x (...) -> (...)

    NumPy has none: a table of Taylor polynomials, 1/64 apart, filled on first use.
    """
    size = np.minimum(np.absolute(x), _END).astype(np.float64)
    cell = np.rint(np.nan_to_num(size) * _CELLS).astype(np.intp)
    d = size - cell / _CELLS
    table = _taylor()
    y = table[_DEGREE][cell]
    for n in range(_DEGREE - 1, -1, -1):
        y = y * d + table[n][cell]
    return np.copysign(y, x).astype(x.dtype)


@kernel(_one, lambda x: each(lambda v: v * _normal(v), x))
def gelu(x: Array) -> Array:
    """x times the normal distribution function at x.  x (...) -> (...)"""
    return x * ((erf(x * (1 / math.sqrt(2))) + 1) * 0.5)


@kernel(_two, lambda g, x: each(lambda g, v: g * (_normal(v) + v * _density(v)), g, x))
def gelu_dx(g: Array, x: Array) -> Array:
    """g times the derivative of gelu at x.  g (...) · x (...) -> (...)"""
    p = (erf(x * (1 / math.sqrt(2))) + 1) * 0.5
    return g * (p + x * np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)))


_CUBE, _TWICE_ROOT = 0.044715, 2 * math.sqrt(2 / math.pi)


def _by_tanh(x: float) -> float:
    return _sigmoid((x + _CUBE * x**3) * _TWICE_ROOT)


@kernel(_one, lambda x: each(lambda v: v * _by_tanh(v), x))
def gelu_tanh(x: Array) -> Array:
    """x * (1 + tanh(u)) / 2 with u = sqrt(2/pi) * (x + 0.044715 * x**3), near gelu.  x (...) -> (...)"""
    return x * sigmoid((x + x * x * x * _CUBE) * _TWICE_ROOT)  # (1 + tanh(u)) / 2 without its cancellation


def _gelu_tanh_slope(x: float) -> float:
    p = _by_tanh(x)
    return p + x * p * (1 - p) * (1 + 3 * _CUBE * x * x) * _TWICE_ROOT


@kernel(_two, lambda g, x: each(lambda g, v: g * _gelu_tanh_slope(v), g, x))
def gelu_tanh_dx(g: Array, x: Array) -> Array:
    """g times the derivative of gelu_tanh at x.  g (...) · x (...) -> (...)"""
    p = sigmoid((x + x * x * x * _CUBE) * _TWICE_ROOT)
    return g * (p + x * (p * (1 - p)) * ((1 + x * x * (3 * _CUBE)) * _TWICE_ROOT))
