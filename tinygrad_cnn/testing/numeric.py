"""Derivatives from values alone: differences that know how far they can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # tried in turn until the differences settle
EPS = float(np.finfo(np.float64).eps)

Path = Callable[[float], Any]  # values (a float64 array of any shape) along a line, by the distance from its origin


class Estimate(NamedTuple):
    """A derivative, and a bound on its error from truncation and rounding."""

    value: Any
    error: Any
    rounding: Any  # the part of the error that no step could avoid


def central(path: Path, h: float) -> Any:
    return (path(h) - path(-h)) / (2 * h)


def slope(path: Path, size: Any, goal: Any) -> Estimate:
    """The derivative of `path` at 0, by central differences at h, h/2 and h/4, extrapolated to h = 0.

    Extrapolation leaves an error of order h**6, so h can be large where rounding (of values that add up to `size`)
    is small.  Its last correction is the estimate of what is left; a smaller h is tried while that exceeds `goal`.
    """
    best = Estimate(np.nan, np.inf, 0.0)
    for h in STEPS:
        coarse, middle, fine = (central(path, h / k) for k in (1, 2, 4))
        first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
        value = (16 * second - first) / 15
        rounding = 8 * EPS * size / h
        error = np.abs(value - second) + rounding
        if np.all(np.isfinite(value)) and np.max(error, initial=0) < np.max(best.error, initial=0, where=True):
            best = Estimate(value, error, rounding)
        if np.all(best.error <= goal):
            break
    return best


def kink(path: Path, size: float, scale: float) -> bool:
    """Whether there is a kink or a jump at 0, however near one looks: then no gradient exists there.

    For a smooth function the gap between the slopes to the left and right, and that between the values, shrink in
    proportion to the step.  Across a kink the first stays, across a jump the second.
    """
    origin = path(0.0)
    significant = max(1e-3 * scale, 100 * EPS * size / 1e-6)

    def stays(gap: Callable[[float], float]) -> bool:
        wide, narrow = abs(gap(1e-4)), abs(gap(1e-6))
        return not np.isfinite(narrow) or (narrow > significant and narrow > 0.3 * wide)

    return stays(lambda h: (path(h) - 2 * origin + path(-h)) / h) or (
        abs(path(1e-6) - path(-1e-6)) > 0.3 * abs(path(1e-4) - path(-1e-4)) and stays(lambda h: central(path, h))
    )


def complex_step(f: Callable[..., Any], points: list[np.ndarray], k: int, v: np.ndarray) -> Any:
    """The derivative of f along v in argument k, from one evaluation at a complex point, free of any step error.

    Only for analytic functions that run on raw complex arrays; None for any other.
    """
    h = 1e-30
    moved: list[Any] = [p.astype(np.complex128) for p in points]
    moved[k] = moved[k] + 1j * h * v
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            y = np.asarray(f(*moved))
    except Exception:  # whatever it is that a function which does not know complex numbers does
        return None
    return y.imag / h if y.dtype.kind == "c" else None
