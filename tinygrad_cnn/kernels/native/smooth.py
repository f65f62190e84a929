"""Bindings of native/smooth.h: functions made of the exponential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .call import run_each


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def each(what: int, a: Any, b: Any = None, numbers: Any = None) -> Any:
        return run_each(native, empty, what, a, b, numbers)

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
        "mish_dx": lambda g, x: each(native.MISH_DX, g, x),
        "gelu_tanh": lambda x: each(native.GELU_TANH, x),
        "gelu_tanh_dx": lambda g, x: each(native.GELU_TANH_DX, g, x),
    }
