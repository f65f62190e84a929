"""Gradients of functions that are linear, on each branch, in each input: whole numbers, and no tolerance at all."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..autodiff.branching import deciding, differing
from ..autodiff.observing import Call, observing
from ..core.engine import grad
from ..core.modes import enable_grad, no_grad
from ..core.tensor import Tensor
from .arguments import Subject
from .gradient_report import Failure, GradcheckError, GradReport

LIMIT = 2.0**53  # up to here float64 holds every whole number
# the input in question times the first, rounded, times the second; the others times the third, rounded
SCALES = ((2**14, 5040, 8), (2**20, 1, 8), (2**14, 1, 4), (64, 5040, 8), (64, 48, 1), (8, 1, 1))
MOST = 3  # of a direction's whole numbers


def check_exactly(f: Subject, report: GradReport) -> None:
    """Compare <gradient, v> with <u, f(x + v) - f(x)> for whole numbers x, u and v, one input at a time.

    For a function that is linear in the input, between x and x + v, both are the same whole number.  The inputs are
    rounded; the second number of the scale has many divisors, so that means over windows stay whole numbers too.

    Raises
    ------
    GradcheckError : they differ, or no scale is found at which all numbers stay whole and f on one branch.
    """
    rng = np.random.default_rng(report.seed)
    for k, name in enumerate(f.names):
        why = ""
        for scale, unit, other in SCALES:
            points = [as_whole(p, scale if n == k else other, rng) for n, p in enumerate(f.points)]
            points[k] = points[k] * unit
            why = _compare(f, k, points, float(unit), rng, report)
            if not why:
                break
        else:
            raise GradcheckError(
                f"gradcheck: {name} cannot be checked with exact=True: {why}. f must be linear in each input, on each "
                "branch, and compute whole numbers from whole numbers. Leave exact=True out."
            )
        report.counts["exact comparisons"] += 1


def as_whole(p: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """A point times the scale as whole numbers, none of them 0."""
    found = np.rint(p * scale)
    return np.where(found == 0, rng.choice([-1.0, 1.0], p.shape), found)


def _signed(rng: np.random.Generator, shape: tuple[int, ...], unit: float) -> np.ndarray:
    return np.asarray(unit * rng.integers(1, MOST + 1, shape) * rng.choice([-1.0, 1.0], shape))


def _compare(
    f: Subject, k: int, points: list[np.ndarray], unit: float, rng: np.random.Generator, report: GradReport
) -> str:
    """Compare in one input; why that is not possible, or nothing."""
    v = _signed(rng, points[k].shape, unit if unit > 1 else 1.0)
    odd: list[str] = []

    def watch(call: Call) -> None:
        y = call.result[0] if call.op is not None and call.op.aux else call.result
        if call.op is not None and call.node is None and getattr(y, "dtype", np.dtype("?")).kind == "f" and not odd:
            if np.any(np.abs(y) >= LIMIT):
                odd.append(f"{call.op.name} gives numbers of 2**53 and more")
            elif np.any(y != np.rint(y)):
                odd.append(f"{call.op.name} gives {y[y != np.rint(y)].flat[0]:.6g}, which is not a whole number")

    with observing(watch):
        with enable_grad(), deciding() as before:
            tensors = [Tensor(p, requires_grad=n == k) for n, p in enumerate(points)]
            ys = f(tensors)
        with no_grad(), deciding() as after:
            moved = f([Tensor(p + v) if n == k else Tensor(p) for n, p in enumerate(points)])
    if odd:
        return odd[0]
    if differing(before, after):
        return "f changes its branch between whole numbers that are near"
    us = [_signed(rng, y.shape, unit) for y in ys]
    found = grad(ys, tensors[k], grad_outputs=us, allow_unused=True)
    gradient = np.zeros(v.shape) if found is None else np.asarray(found)
    if not np.all(np.isfinite(gradient)):
        raise GradcheckError(f"gradcheck: the gradient in {f.names[k]} holds nan or inf, between whole numbers.")
    analytic = _dot([gradient], [v])
    numeric = _dot(us, [b.data - a.data for a, b in zip(ys, moved, strict=True)])
    if analytic != numeric:
        what = f"the gradient in {f.names[k]} (between whole numbers)"
        raise GradcheckError(Failure(1, what, float(analytic), float(numeric), 0.0, report.seed, f.names[k], k))
    return ""


def _dot(us: Sequence[Any], vs: Sequence[Any]) -> Any:
    """The exact sum of products: in whole numbers of any size, or in fractions if some are not whole, as is wrong."""
    total: Any = 0
    for u, v in zip(us, vs, strict=True):
        kind: Any = int if np.all(u == np.rint(u)) else Fraction
        total += sum(kind(a) * int(b) for a, b in zip(u.ravel().tolist(), v.ravel().tolist(), strict=True))
    return total
