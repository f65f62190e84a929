"""Contracts of ops that are made of pieces: they say so, and what they call linear is exact on whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff.branching import deciding, differing
from ..core.engine import grad
from ..core.modes import enable_grad
from ..core.tensor import Tensor
from .case import SEED, Case, cotangent
from .exact import as_whole
from .gradient_check import gradcheck
from .level import weights

REACH, STOPS = 2.0, 33  # how far a line goes both ways, and at how many points it is looked at
SUSPECTS, HALVINGS = 5, 36  # intervals in which most changes are searched for a jump, so often halved

Look = tuple[np.ndarray, Any]  # the result and its gradients at one point, and what decided there


def pieces_are_declared(case: Case) -> int:
    """Along a line, the result and its gradients jump only where a decision changes: a mask, a winner, a branch."""
    if not case.op.rules or not case.moving:
        return 0
    return sum(_search(case, k) for k in case.moving)


def _search(case: Case, k: int) -> int:
    """Search for jumps while one input moves along a line."""
    along = weights(np.random.default_rng(SEED), case.inputs[k].shape)

    def at(t: float) -> Look:
        arrays = [case.inputs[j] + t * along if j == k else case.inputs[j] for j in case.moving]
        with np.errstate(all="ignore"), enable_grad():
            xs = [Tensor(a, requires_grad=True) for a in arrays]
            try:
                with deciding() as decisions:  # of the forward alone
                    y = case.of_moving(*xs)
            except (ValueError, TypeError):  # beyond what the op takes
                return np.array([np.nan]), []
            found = grad(y, xs, grad_outputs=cotangent(y), allow_unused=True) if y.requires_grad else []
        return np.concatenate([np.zeros(0), *[np.ravel(a) for a in (y.data, *found) if a is not None]]), decisions

    times = np.linspace(-REACH, REACH, STOPS) + 1e-3
    looks = [at(t) for t in times]
    steps = [_change(a, b) for a, b in pairwise(looks)]
    for n in sorted(range(len(steps)), key=steps.__getitem__)[-SUSPECTS:]:
        jump, width = _narrow(at, times[n], times[n + 1], looks[n], looks[n + 1])
        if jump > 1e-6 * max(1.0, steps[n]):
            raise AssertionError(
                f"its result or a gradient jumps by {jump:.3g} between two values of {case.op.input(k)} that are about "
                f"{width:.0e} apart, and no decision changes there. Declare its pieces, as in "
                "@tg.op(branches=lambda x: x > 0), so that checks of gradients stay on one of them."
            )
    return len(steps)


def _narrow(at: Callable[[float], Look], left: float, right: float, a: Look, b: Look) -> tuple[float, float]:
    """Halve an interval, going on with the half that changes more; the change that does not shrink, or 0.

    Near a pole it grows: that is not a jump.
    """
    size = before = _change(a, b)
    for n in range(1, HALVINGS):
        if n == HALVINGS - 8:
            before = _change(a, b)
        middle = (left + right) / 2
        c = at(middle)
        near, far = _change(a, c), _change(c, b)
        if min(near, far) < 0 or (n > 3 and max(near, far) < 4 * size / 2**n):
            return 0.0, right - left
        left, right, a, b = (left, middle, a, c) if near > far else (middle, right, c, b)
    jump = _change(a, b)
    return (jump if 0.5 * before < jump < 30 * size else 0.0), right - left


def _change(a: Look, b: Look) -> float:
    """How much two looks differ; -1 if a decision does, or one is not finite, so that nothing can be said."""
    if a[0].shape != b[0].shape or not (np.isfinite(a[0]).all() and np.isfinite(b[0]).all()) or differing(a[1], b[1]):
        return -1.0
    return float(np.max(np.abs(a[0] - b[0]), initial=0.0))


def linear_is_exact(case: Case) -> int:
    """Gradients in inputs declared ``linear=[...]`` are right to the last bit on whole numbers, on every backend."""
    count = 0
    for k in case.moving:
        if case.op.input(k) in case.op.linear:
            others = [_whole(a) if j != k else a for j, a in enumerate(case.inputs)]
            for name, state in kernels.backends().items():
                if not state.startswith("absent"):
                    with kernels.use_kernels(name):
                        count += gradcheck(_alone(case, k, others), case.inputs[k], exact=True, seed=SEED).checks
    return count


def _alone(case: Case, k: int, others: Sequence[Any]) -> Any:
    """The op as a function of input k alone."""
    return lambda x: case([x if j == k else a for j, a in enumerate(others)])


def _whole(a: Any) -> Any:
    """A floating input as whole numbers other than 0; any other input as it is."""
    if isinstance(a, float):
        return float(_whole(np.array(a)))
    floating = isinstance(a, np.ndarray) and a.dtype.kind == "f"
    return as_whole(a, 8, np.random.default_rng(SEED)) if floating else a
