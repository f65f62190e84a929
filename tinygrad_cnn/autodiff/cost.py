"""What one call of an op costs, from shapes alone."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Cost(NamedTuple):
    """Floating-point operations, and bytes read and written, of one call."""

    flop: int
    bytes: int


def cost_of(
    op: Any, shapes: Sequence[Any], y_shape: tuple[int, ...], params: dict[str, Any], itemsize: int = 4
) -> Cost:
    """What one call costs, from shapes alone: FLOP by the op's own `cost`, else one per output element."""
    size = int(np.prod(y_shape, dtype=np.int64))
    traffic = itemsize * (size + sum(int(np.prod(s, dtype=np.int64)) for s in shapes if s is not None))
    if op.cost_rule is None:
        return Cost(size, traffic)
    known = {"y_shape": y_shape, **params}
    if op.variadic:
        *shapes, rest = *shapes[: op.last], tuple(shapes[op.last :])
        shapes.append(rest)
    known |= {f"{name}_shape": s for name, s in zip(op.inputs, shapes, strict=True)}
    return Cost(int(op.cost_rule(**{k: known[k] for k in inspect.signature(op.cost_rule).parameters})), traffic)
