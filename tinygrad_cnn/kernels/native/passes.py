"""Bindings of what passes over memory once, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .call import run_each


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def _each(what: int, a: Any, b: Any = None, numbers: Any = None) -> Any:
        return run_each(native, empty, what, a, b, numbers)

    def relu(x: Any) -> Any:
        """max(x, 0); NaN stays."""
        return _each(native.RELU, x)

    def relu_(x: Any) -> Any:
        """x = max(x, 0) in place."""
        return x if native.each(native.RELU, x, x, None, None, None, None) is True else NotImplemented

    def relu_dx(dy: Any, y: Any) -> Any:
        """dy where y > 0, else 0."""
        return _each(native.RELU_DX, dy, y)

    def add_relu(a: Any, b: Any) -> Any:
        """max(a + b, 0) of equal shapes."""
        return _each(native.ADD_RELU, a, b)

    def leaky_relu(x: Any, slope: float) -> Any:
        """x where positive, slope * x elsewhere."""
        return _each(native.LEAKY_RELU, x, None, (slope,))

    def leaky_relu_dx(g: Any, x: Any, slope: float) -> Any:
        """g where x is positive, slope * g elsewhere."""
        return _each(native.LEAKY_RELU_DX, g, x, (slope,))

    def chosen(mask: Any, a: Any, b: Any) -> Any:
        """a where the mask is set, else b; arrays of the mask's shape, or one of them a number."""
        arrays = [v for v in (a, b) if isinstance(v, np.ndarray)]
        if not arrays or mask.dtype != bool or any(v.shape != mask.shape or v.dtype != arrays[0].dtype for v in arrays):
            return NotImplemented
        if not all(isinstance(v, (np.ndarray, int, float)) for v in (a, b)):
            return NotImplemented
        a, b = (v if isinstance(v, np.ndarray) else float(v) for v in (a, b))
        out = empty(mask.shape, arrays[0].dtype)
        done = native.choose(out, mask, a, b)
        if done is False:
            given = [np.require(v, requirements=["C", "A"]) if isinstance(v, np.ndarray) else v for v in (mask, a, b)]
            done = native.choose(out, *given)
        return out if done is True else NotImplemented

    return {
        "relu": relu,
        "relu_": relu_,
        "relu_dx": relu_dx,
        "add_relu": add_relu,
        "leaky_relu": leaky_relu,
        "leaky_relu_dx": leaky_relu_dx,
        "chosen": chosen,
    }
