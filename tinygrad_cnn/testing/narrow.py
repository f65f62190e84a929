"""Code that computes in float32: its gradients beside those of the same code in float64."""

from __future__ import annotations

import numpy as np

from ..autodiff.branching import deciding, differing
from ..core.engine import grad
from ..core.modes import enable_grad
from ..core.tensor import Tensor, plain
from .arguments import Subject
from .gradient_report import GradcheckError, GradReport
from .level import Level
from .numeric import EPS
from .rounding import SAFETY

ROUNDINGS = 1000  # so many last bits may a gradient of many terms be off, relative to its norm


def compare_narrow(subject: Subject, level: Level, report: GradReport) -> None:
    """Compare the gradients that f gives in the dtypes of its own with those in float64, within their rounding.

    Raises
    ------
    GradcheckError : they differ by more.
    """
    if not subject.narrow and not level.narrowed:
        return
    kinds = [plain(a).dtype for a in subject.given]
    points = [Tensor(p.astype(kind), requires_grad=True) for p, kind in zip(subject.points, kinds, strict=True)]
    with enable_grad(), np.errstate(all="ignore"), deciding() as decisions:
        ys = subject(points)
        cotangents = [c.astype(y.dtype) for c, y in zip(level.cotangents, ys, strict=True)]
        found = grad(ys, points, grad_outputs=cotangents, allow_unused=True)
    narrowest = min([*(y.dtype for y in ys), *kinds], key=lambda dtype: dtype.itemsize)
    if differing(level.decisions, decisions):
        report.notes.append(f"In {narrowest}, f is on another branch; its gradients were checked in float64 only.")
        return
    eps = float(np.finfo(narrowest).eps)
    for k, (g, want) in enumerate(zip(found, level.gradients, strict=True)):
        off = float(np.linalg.norm((0.0 if g is None else g) - want))
        size, blur = float(np.linalg.norm(want)), float(np.linalg.norm(level.rounding.blur[k]))
        tolerance = eps * ROUNDINGS * size + eps / EPS * SAFETY * blur
        if not off <= tolerance:
            raise GradcheckError(
                f"gradcheck: {level.name(k)} in {narrowest} is wrong: its difference from the same code in float64 has "
                f"the norm {off:.3g} (tolerance {tolerance:.2g}), the gradient {size:.3g}. Look for a number that "
                "overflows or cancels, or a sum that loses digits."
            )
        report.counts[f"gradients in {narrowest}"] += 1
