"""Higher orders of fused ops, whose own rules serve the first order only."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.engine import grad
from ..core.register import hooks, observers, registry
from ..core.tensor import Tensor, wrap


def _input(value: Any, edge: Any) -> Any:
    """An input of a composition; a constant too is a Tensor, so that what is computed from it is seen."""
    if edge is None:
        return Tensor(value, copy=False) if observers and isinstance(value, np.ndarray) else value
    return registry["alias"](wrap(value, edge)) if edge.requires_grad else wrap(value, edge)


def composed(node: Any, g: Any, within: set[Any] | None) -> list[tuple[Any, Any]]:
    """The gradients of a fused op by the ops that it stands for, run again and recorded."""
    values = node.plan.whole(node.saved)
    inputs = [_input(v, e) for v, e in zip(values, node.inputs, strict=True)]
    y = node.op.composition(*inputs, **node.params)
    wrt = [k for k in node.plan.wrt if within is None or node.inputs[k] in within]
    found = grad(y, [inputs[k] for k in wrt], grad_outputs=g, create_graph=True, allow_unused=True)
    return [(node.inputs[k], gk) for k, gk in zip(wrt, found, strict=True) if gk is not None]


hooks["composed"] = composed
