"""Sums and extremes over axes, in plain NumPy.  The compiled forms are in native/reduce.h."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .examples import Args, Array, Draw, kernel

__all__ = ["maxima", "minima", "sums"]

Axes = tuple[int, ...]


def _calls(e: Draw) -> list[Args]:
    """Over all axes but one, over the last, and over all."""
    found: list[Args] = []
    for (x,) in e.rows(1):
        axes = range(x.ndim)
        if x.size:
            found += [(x, tuple(k)) for k in ((axes[-1],), axes[:-1], axes[1:-1], axes)]
    return found


def _loop(fn: Callable[[list[float]], float]) -> Callable[[Array, Axes], Array]:
    """Gather the numbers of each result into a list, and reduce that."""

    def loop(x: Array, axes: Axes) -> Array:
        rest = [k for k in range(x.ndim) if k not in axes]
        front = x.transpose(*rest, *axes).reshape(*[x.shape[k] for k in rest], -1)
        return np.array([fn(front[p].tolist()) for p in np.ndindex(*front.shape[:-1])], x.dtype).reshape(
            front.shape[:-1]
        )

    return loop


@kernel(_calls, _loop(sum))
def sums(x: Array, axes: Axes) -> Array:
    """The sum over axes, which are counted from the front.  x (...) -> (...)"""
    y: Array = np.sum(x, axis=axes)
    return y


@kernel(_calls, _loop(max))
def maxima(x: Array, axes: Axes) -> Array:
    """The largest number over axes, a NaN if there is one.  x (...) -> (...)"""
    y: Array = np.max(x, axis=axes)
    return y


@kernel(_calls, _loop(min))
def minima(x: Array, axes: Axes) -> Array:
    """The smallest number over axes, a NaN if there is one.  x (...) -> (...)"""
    y: Array = np.min(x, axis=axes)
    return y
