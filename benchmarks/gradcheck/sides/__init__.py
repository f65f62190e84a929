"""Frameworks with a gradient checker: one module each with a class ``Side(setting)``, imported in its process only.

``side.version`` is text; ``side.op`` holds the operations, among them ``op.constant(array)`` and
``op.spoil(x, factor)``, which is x and whose gradient is multiplied by an array; ``side.gradients(f, inputs)`` are
those of f, weighted with `cotangent`; ``side.check(f, inputs, order, seed)`` returns a `Verdict`, and raises whatever
the
framework raises where it cannot check f.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Verdict:
    passed: bool
    message: str = ""  # of a failure
    hidden: bool = False  # it passed, and the report lists something that was not judged


def cotangent(shape: tuple[int, ...]) -> Any:
    """The same weights of outputs in every framework."""
    return np.cos(np.arange(int(np.prod(shape)), dtype=np.float64)).reshape(shape)
