"""Arithmetic of two arrays, in plain NumPy.  The compiled forms, with the same bits, are in native/arith.h."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .examples import Args, Array, Draw, each, kernel

__all__ = ["add", "div", "mul", "sub"]


def _calls(e: Draw) -> list[Args]:
    """Two arrays of one shape, a row, a column and a number."""
    found: list[Args] = []
    for a, b in e.rows(2):
        if a.ndim > 1 and a.size:
            found += [(a, b), (a, b[:1]), (a, b[..., :1].copy())]
        found.append((a, 2.5))
    return found


def _loop(fn: Callable[[float, float], float]) -> Callable[[Array, Array | float], Array]:
    return lambda a, b: each(fn, a, np.asarray(b, a.dtype))


@kernel(_calls, _loop(lambda a, b: a + b))
def add(a: Array, b: Array | float) -> Array:
    """a + b, broadcast.  a (...) · b (...) or a number -> (...)"""
    y: Array = np.add(a, b)
    return y


@kernel(_calls, _loop(lambda a, b: a - b))
def sub(a: Array, b: Array | float) -> Array:
    """a - b, broadcast.  a (...) · b (...) or a number -> (...)"""
    y: Array = np.subtract(a, b)
    return y


@kernel(_calls, _loop(lambda a, b: a * b))
def mul(a: Array, b: Array | float) -> Array:
    """a * b, broadcast.  a (...) · b (...) or a number -> (...)"""
    y: Array = np.multiply(a, b)
    return y


@kernel(_calls, _loop(lambda a, b: a / b))
def div(a: Array, b: Array | float) -> Array:
    """a / b, broadcast.  a (...) · b (...) or a number -> (...)"""
    y: Array = np.divide(a, b)
    return y
