"""The contract of ops that say what each sample contributes to the gradient of a parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.by_sample import Samples, squared
from ..core.engine import grad
from ..core.tensor import Tensor
from .case import Case, cotangent, same


def samples_apart(case: Case) -> int:
    """What an op declares of samples is what its own rules give with the cotangents of all other samples at zero.

    Samples are the elements of the result's first axis, and halves of it; a case that the op leaves out is none.
    """
    declared = set(case.op.per_sample or ()) | set(case.op.per_sample_squares or ())
    if case.op.broadcasts:
        declared |= {case.op.input(k) for k in case.moving}
    count = 0
    for k in case.moving:
        if case.op.input(k) in declared:
            w = Tensor(case.inputs[k], requires_grad=True)
            y = case([w if j == k else a for j, a in enumerate(case.inputs)])
            if y.requires_grad and y.ndim and y.size:
                count += sum(_compare(case, k, y, w, n) for n in {len(y), max(len(y) // 2, 1)} if len(y) % n == 0)
    return count


def _compare(case: Case, k: int, y: Any, w: Tensor, n: int) -> int:
    g = cotangent(y)
    want = []
    for part in range(n):
        only = np.zeros_like(g)
        here = slice(part * (len(g) // n), (part + 1) * (len(g) // n))
        only[here] = g[here]
        want.append(grad(y, w, grad_outputs=only, retain_graph=True))
    samples = Samples([(y, g)], n, (), ())
    what = f"{n} samples apart, input {case.op.input(k)}"
    same(samples.gradients([w.node])[w.node], np.stack(want), what, rtol=1e-12)
    same(samples.squares([w.node]), squared(np.stack(want)), f"{what}, sums of squares", rtol=1e-10)
    return 2
