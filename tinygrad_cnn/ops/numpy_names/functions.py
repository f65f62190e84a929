"""NumPy's functions of each element, made of ops where there is no op of the name."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ...autodiff.methods import stop_gradient
from ..activation import clip
from ..algebra import cast
from ..arithmetic import maximum, minimum, mul, pow, where
from ..elementwise import abs, cos, exp, expm1, log, log1p, sin, softplus, sqrt
from ..logic import isfinite, isinf, isnan
from ..rounding import floor_divide, remainder, round, sign, trunc
from .given import as_dtype, floating, plain

LOG2 = math.log(2)


def _hypot(a: Any, b: Any) -> Any:
    top = stop_gradient(maximum(_size(a), _size(b)))  # so that the squares stay in range
    scale = where((top > 0) & isfinite(top), top, 1)
    x, y = a / scale, b / scale
    mixed = (isinf(a) & isnan(b)) | (isnan(a) & isinf(b))  # infinite, whatever NaN stands for, as in NumPy
    return where(mixed, math.inf, scale * sqrt(x * x + y * y))


def _size(x: Any) -> Any:
    """The absolute value; of a Python number a Python number, whose dtype gives way."""
    return builtins.abs(x) if isinstance(x, (int, float)) else abs(x)


def _logaddexp(a: Any, b: Any) -> Any:
    same = (a == b) & ~isfinite(a)  # infinities, whose difference is NaN
    with np.errstate(invalid="ignore"):
        down = where(same, 0, b - a)
    return where(a >= b, a + softplus(down), b + softplus(-down))


def _logaddexp2(a: Any, b: Any) -> Any:
    return _logaddexp(a * LOG2, b * LOG2) / LOG2


def _cbrt(x: Any) -> Any:
    zero = x == 0
    root = pow(where(zero, 1, abs(x)), 1 / 3)
    return where(zero, x * 0, where(x < 0, -root, root))


def _sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), by its series near 0, where the quotient's derivative would cancel."""
    y = x * math.pi
    near = abs(y) < 0.5
    square = where(near, y, 0) ** 2
    series = 1.0
    for n in (13, 11, 9, 7, 5, 3):
        series = 1 - square / (n * (n - 1)) * series
    far = where(near, 1, y)
    return where(near, series, sin(far) / far)


def _arcsinh(x: Any) -> Any:
    size = where(x < 0, -x, x)
    small = minimum(size, 1e8)  # beyond, the square is lost beside the number
    y = where(size > 1e8, log(where(size > 1e8, size, 1)) + LOG2, log1p(small + small**2 / (1 + sqrt(small**2 + 1))))
    return where(x < 0, -y, y)


def _arccosh(x: Any) -> Any:
    far = x > 1e8
    above = where(far, 1, x - 1)
    return where(far, log(where(far, x, 1)) + LOG2, log1p(above + sqrt(above * (above + 2))))


def _fmod(a: Any, b: Any) -> Any:
    size = _size(b)
    return where(a < 0, -remainder(-a, size), remainder(a, size))


def _fmax(a: Any, b: Any) -> Any:
    return where(isnan(a), b, where(isnan(b), a, maximum(a, b)))


def _fmin(a: Any, b: Any) -> Any:
    return where(isnan(a), b, where(isnan(b), a, minimum(a, b)))


def _copysign(a: Any, b: Any) -> Any:
    a = floating(a)
    return where(np.signbit(plain(a)) == np.signbit(plain(b)), a, -a)


def _heaviside(x: Any, h0: Any) -> Any:
    y = where(x == 0, h0, cast(x > 0, dtype=x.dtype) if hasattr(x, "dtype") else float(x > 0))
    return where(isnan(x), math.nan, y)


def _frexp(x: Any) -> Any:
    exponent = np.frexp(plain(x))[1]
    half = exponent // 2  # 2 ** exponent alone may leave the range
    return x * np.ldexp(x.dtype.type(1), -half) * np.ldexp(x.dtype.type(1), half - exponent), exponent


def _ldexp(x: Any, exponent: Any) -> Any:
    exponent = plain(exponent)
    half, one = exponent // 2, getattr(x, "dtype", np.dtype(float)).type(1)
    return x * np.ldexp(one, half) * np.ldexp(one, exponent - half)


def _modf(x: Any) -> Any:
    x = floating(x)
    whole = trunc(x)
    return where(isfinite(x), x - where(isfinite(whole), whole, 0), where(isnan(x), x, sign(x) * 0)), whole


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if x.dtype.kind != "f":
        return +x
    x = where(isnan(x), nan, x)
    limits = np.finfo(x.dtype)
    x = where(x == math.inf, limits.max if posinf is None else posinf, x)
    return where(x == -math.inf, limits.min if neginf is None else neginf, x)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return clip(a, a_min if min is None else min, a_max if max is None else max)


def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    p = floating(p)
    values = plain(p)
    return p + (np.unwrap(values, discont, axis, period=period) - values).astype(p.dtype)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return round(a, decimals)


GRADIENT: dict[str, Any] = {
    "square": lambda x: mul(x, x),
    "reciprocal": lambda x: 1 / x,
    "positive": lambda x: +x,
    "conjugate": lambda x: +x,
    "real": lambda val: +val,
    "imag": lambda val: val * 0,
    "real_if_close": lambda a, tol=100: +a,
    "copy": lambda a, order="K", subok=False: +a,
    "astype": lambda x, dtype, /, *, copy=True, device=None: as_dtype(x, dtype),
    "degrees": lambda x: x * (180 / math.pi),
    "rad2deg": lambda x: x * (180 / math.pi),
    "radians": lambda x: x * (math.pi / 180),
    "deg2rad": lambda x: x * (math.pi / 180),
    "exp2": lambda x: pow(2.0, x),
    "log2": lambda x: log(x) / LOG2,
    "log10": lambda x: log(x) / math.log(10),
    "cbrt": _cbrt,
    "tan": lambda x: sin(x) / cos(x),
    "sinh": lambda x: 0.5 * (expm1(x) - expm1(-x)),  # which keeps the digits of small numbers
    "cosh": lambda x: 0.5 * (exp(x) + exp(-x)),
    "arcsinh": _arcsinh,
    "arccosh": _arccosh,
    "arctanh": lambda x: 0.5 * (log1p(x) - log1p(-x)),
    "sinc": _sinc,
    "hypot": _hypot,
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "float_power": lambda a, b: pow(_double(a), _double(b)),
    "fmax": _fmax,
    "fmin": _fmin,
    "copysign": _copysign,
    "heaviside": _heaviside,
    "frexp": _frexp,
    "ldexp": _ldexp,
    "modf": _modf,
    "fmod": _fmod,
    "divmod": lambda a, b: (floor_divide(a, b), remainder(a, b)),
    "nan_to_num": _nan_to_num,
    "clip": _clip,
    "unwrap": _unwrap,
}

# steps, which have the slope 0 wherever they have one
STEPS: dict[str, Any] = {
    "around": _round,
    "round": _round,
    "fix": lambda x, out=None: trunc(x),
}


def _double(x: Any) -> Any:
    return as_dtype(x, np.float64) if hasattr(x, "dtype") else float(x)
