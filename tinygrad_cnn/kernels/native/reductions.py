"""Bindings of native/reduce.h: sums and extremes over axes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any

from .call import run


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def reduced(what: int, x: Any, axes: tuple[int, ...]) -> Any:
        """Over axes that lie side by side; x is then (outer, m, c)."""
        if not axes or any(b - a != 1 for a, b in pairwise(axes)):
            return NotImplemented
        first, end = axes[0], axes[-1] + 1
        outer, m, c = (prod(part) for part in (x.shape[:first], x.shape[first:end], x.shape[end:]))
        return run(native.reduce, (x,), empty(x.shape[:first] + x.shape[end:], x.dtype), what, outer, m, c)

    return {
        "sums": lambda x, axes: reduced(native.SUMS, x, axes),
        "maxima": lambda x, axes: reduced(native.MAXIMA, x, axes),
        "minima": lambda x, axes: reduced(native.MINIMA, x, axes),
    }
