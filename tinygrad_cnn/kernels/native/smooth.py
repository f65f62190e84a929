"""Bindings of native/smooth.h: functions made of the exponential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def each(what: int, a: Any, b: Any = None, numbers: Any = None) -> Any:
        if b is not None and b.shape != a.shape:
            return NotImplemented
        out = empty(a.shape, a.dtype)
        done = native.each(what, out, a, b, None, None, numbers)
        if done is False:
            a, b = (v if v is None else np.require(v, requirements=["C", "A"]) for v in (a, b))
            done = native.each(what, out, a, b, None, None, numbers)
        return out if done is True else NotImplemented

    return {
        "sigmoid": lambda x: each(native.SIGMOID, x),
        "softplus": lambda x: each(native.SOFTPLUS, x),
        "erf": lambda x: each(native.ERF, x),
        "silu": lambda x: each(native.SILU, x),
        "silu_dx": lambda g, x: each(native.SILU_DX, g, x),
        "gelu": lambda x: each(native.GELU, x),
        "gelu_dx": lambda g, x: each(native.GELU_DX, g, x),
        "elu": lambda x, alpha: each(native.ELU, x, None, (alpha,)),
        "elu_dx": lambda g, x, alpha: each(native.ELU_DX, g, x, (alpha,)),
        "mish": lambda x: each(native.MISH, x),
    }
