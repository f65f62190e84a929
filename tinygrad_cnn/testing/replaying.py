"""The contract of programs: what an op did once can be replayed on other data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.engine import grad
from ..core.tensor import Tensor
from ..program.compiling import disagreement
from .case import SEED, Case, require


def replayed(case: Case) -> int:
    """What was recorded on one draw of the sample gives the bits of the op and its rules on others.

    Calls that read values, or use arrays of unknown origin, are replayed whole; the others as the kernels and functions
    of NumPy's that they call.
    """
    if any([isinstance(p, np.random.Generator) for p in case.params.values()]):
        return 0

    def run(*inputs: Any) -> Any:
        y = case(inputs)
        xs = [inputs[k] for k in case.moving]
        if y.dtype.kind != "f" or not xs:
            return y
        return y, grad(y, xs, grad_outputs=np.ones(y.shape, y.dtype), allow_unused=True)

    draws = [case.sample.draw(case.op, SEED + n)[0] for n in range(5)]
    batches = [
        tuple([Tensor(a, requires_grad=k in case.moving, copy=False) if isinstance(a, np.ndarray) else a
               for k, a in enumerate(inputs)])
        for inputs in draws
    ]  # fmt: skip
    found = disagreement(run, batches)
    require(not found, f"recorded and replayed: {found}.")
    return 4
