"""Bindings of native/arith.h: arithmetic of large arrays, with several threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .call import run

LARGE = 1 << 15  # elements of the result: with fewer NumPy's call is shorter
Steps = tuple[int, int, int]


def _arrangement(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[tuple[int, ...], Steps, Steps, Steps] | None:
    """The shape of the result, the same as (rows, places, columns), and the steps of a and b along these.

    Neighbouring axes that both arrays have, or that the same one lacks, become one.  None if more than three are left,
    or if the shapes do not go together.
    """
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    groups: list[list[Any]] = []  # of the first axes first: size, whether a has it, whether b has it
    for m, n in zip(a, b, strict=True):
        if m != n and m != 1 and n != 1:
            return None
        if m == n == 1:
            continue
        if groups and groups[-1][1:] == [m != 1, n != 1]:
            groups[-1][0] *= max(m, n)
        else:
            groups.append([max(m, n), m != 1, n != 1])
    if len(groups) > 3:
        return None
    groups = [[1, False, False]] * (3 - len(groups)) + groups
    steps = []
    for which in (1, 2):
        step, found = 1, []
        for group in reversed(groups):
            found.append(step if group[which] else 0)
            step *= group[0] if group[which] else 1
        steps.append((found[2], found[1], found[0]))
    shape = tuple(map(max, zip(a, b, strict=True)))
    return shape, (groups[0][0], groups[1][0], groups[2][0]), steps[0], steps[1]


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def arith(what: int, a: Any, b: Any) -> Any:
        if isinstance(b, (int, float)) and not isinstance(b, bool):
            if a.size < LARGE or a.dtype.char not in "fd":
                return NotImplemented
            b = np.array(b, a.dtype)
        elif not isinstance(b, np.ndarray) or max(a.size, b.size) < LARGE or a.dtype != b.dtype:
            return NotImplemented
        found = _arrangement(a.shape, b.shape)
        if found is None:
            return NotImplemented
        shape, *sizes = found
        return run(native.arith, (a, b), empty(shape, a.dtype), what, *sizes)

    return {
        "add": lambda a, b: arith(native.ADD, a, b),
        "sub": lambda a, b: arith(native.SUB, a, b),
        "mul": lambda a, b: arith(native.MUL, a, b),
        "div": lambda a, b: arith(native.DIV, a, b),
    }
