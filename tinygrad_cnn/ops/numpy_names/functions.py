"""NumPy's functions of each element, made of ops where there is no op of the name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..activation import clip
from ..arithmetic import pow, where
from ..logic import isfinite, isnan
from ..rounding import floor_divide, remainder, round, sign, trunc
from ..special_values import nan_to_num
from .given import as_dtype, floating, plain


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
    return nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf) if x.dtype.kind == "f" else +x


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return clip(a, a_min if min is None else min, a_max if max is None else max)


def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    p = floating(p)
    values = plain(p)
    return p + (np.unwrap(values, discont, axis, period=period) - values).astype(p.dtype)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return round(a, decimals)


GRADIENT: dict[str, Any] = {
    "positive": lambda x: +x,
    "conjugate": lambda x: +x,
    "real": lambda val: +val,
    "imag": lambda val: val * 0,
    "real_if_close": lambda a, tol=100: +a,
    "copy": lambda a, order="K", subok=False: +a,
    "astype": lambda x, dtype, /, *, copy=True, device=None: as_dtype(x, dtype),
    "float_power": lambda a, b: pow(_double(a), _double(b)),
    "frexp": _frexp,
    "ldexp": _ldexp,
    "modf": _modf,
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
