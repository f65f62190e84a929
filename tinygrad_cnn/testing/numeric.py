"""Derivatives from values alone: differences that know how far they can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .rounding import SAFETY

LARGEST = 1e-3  # step; each next one is a tenth
SMALLEST = 1e-10  # or less, where an input is nearly as small
SETTLED = 1e-3
EPS = float(np.finfo(np.float64).eps)

Path = Callable[[float], Any]  # values along a line by the distance from its origin; None beyond the origin's branch


class Estimate(NamedTuple):
    """A derivative, a bound on its error from truncation and rounding, and the step it was found with."""

    value: Any
    error: Any
    step: float
    rounding: Any  # the part of the error that is rounding

    @property
    def rank(self) -> tuple[bool, float]:
        """Which of two estimates is the better one: the smaller rank.

        An error is an estimate too; it counts for little where it is not small beside the derivative, as across a pole.
        """
        error, value = float(np.max(self.error, initial=0.0)), float(np.max(np.abs(self.value), initial=0.0))
        settled = error <= SETTLED * value
        return not settled, error / value if settled and value else error

    @property
    def settled(self) -> bool:
        """Whether the error is small beside the derivative, or nothing but rounding."""
        return not self.rank[0] or bool(np.all(self.error <= 2 * self.rounding))


NOTHING = Estimate(np.nan, np.inf, 0.0, np.inf)


def steps_from(largest: float, point: np.ndarray) -> list[float]:
    """The steps to try in this order, in units of the size of a point: the root mean square of its entries, or 1."""
    size = max(1.0, float(np.sqrt(np.mean(np.square(point))))) if point.size else 1.0
    least = float(np.min(np.abs(point[point != 0]), initial=1.0))
    end = max(min(SMALLEST, 1e-3 * least), largest * 1e-14)
    return [size * largest * 10.0**-k for k in range(15) if largest * 10.0**-k >= 0.99 * end]


def estimates(path: Path, noise: Any, steps: Sequence[float], total: Callable[[Any], Any]) -> Iterator[Estimate]:
    """Estimates of the derivative of `path` at 0, one for each step at which all values are finite and on one branch.

    Each comes from central differences at h, h/2 and h/4, extrapolated to h = 0, which leaves an error of order h**6:
    so h can be large where rounding (of `noise` in each value) is small.  The last correction estimates what is left.
    ``total(d)`` makes of a difference of values what is wanted of it, such as a weighted sum.
    """
    for h in steps:
        differences = []
        for part in (h, h / 2, h / 4):
            plus = path(part)
            minus = path(-part) if plus is not None else None
            if minus is None:
                break
            with np.errstate(all="ignore"):
                differences.append(total(plus - minus) / (2 * part))
        else:
            coarse, middle, fine = differences
            with np.errstate(all="ignore"):
                first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
                value = (16 * second - first) / 15
                rounding = SAFETY * noise / h
                error = np.abs(value - second) + rounding
            if np.all(np.isfinite(value)):
                yield Estimate(value, error, h, rounding)


def slope(path: Path, noise: Any, steps: Sequence[float], total: Callable[[Any], Any], goal: Any) -> Estimate:
    """The best estimate; a smaller step is tried while the bound on its error exceeds `goal`."""
    best = NOTHING
    for found in estimates(path, noise, steps, total):
        if best is NOTHING or found.rank < best.rank:
            best = found
        if np.all(best.error <= goal) and best.settled:
            break
    return best


def kink(path: Callable[[float], float], noise: float, scale: float, wide: float) -> bool:
    """Whether there is a kink or a jump at 0, however near one looks: then no gradient exists there.

    For a smooth function the gap between the slopes to the left and right, and that between the values, shrink in
    proportion to the step.  Across a kink the first stays, across a jump the second.  `wide` is the first.
    """
    narrow = 1e-2 * wide
    origin = path(0.0)
    significant = max(1e-3 * scale, SAFETY * noise / narrow)

    def stays(gap: Callable[[float], float]) -> bool:
        far, near = abs(gap(wide)), abs(gap(narrow))
        return not np.isfinite(near) or (near > significant and near > 0.3 * far)

    return stays(lambda h: (path(h) - 2 * origin + path(-h)) / h) or (
        abs(path(narrow) - path(-narrow)) > 0.3 * abs(path(wide) - path(-wide))
        and stays(lambda h: (path(h) - path(-h)) / (2 * h))
    )


def complex_step(f: Callable[[Sequence[Any]], Any], points: list[np.ndarray], k: int, v: np.ndarray) -> Any:
    """The derivative of f along v in argument k, from one evaluation at a complex point, free of any step error.

    Only for analytic functions that run on raw complex arrays; None for any other.

    Returns
    -------
    the derivative and the real part, as flat arrays
    """
    h = 1e-30
    moved: list[Any] = [p.astype(np.complex128) for p in points]
    moved[k] = moved[k] + 1j * h * v
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            ys = [np.asarray(y) for y in f(moved)]
    except Exception:  # whatever it is that a function which does not know complex numbers does
        return None
    if any(y.dtype.kind != "c" for y in ys):
        return None
    flat = np.concatenate([y.ravel() for y in ys])
    return flat.imag / h, flat.real
