"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Tensor
from ..ops import updates
from .optimizer import Optimizer, Slot
from .settings import Group


class SGD(Optimizer):
    """p -= lr * b,  where  b = momentum * b + (1 - dampening) * g,  and b = g in the first step.

    With `nesterov`, p -= lr * (g + momentum * b).  `weight_decay` adds weight_decay * p to the gradient g.

    >>> w = nn.Parameter([1.0])
    >>> sgd = optim.SGD([w], lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     sgd.zero_grad()
    ...     (4 * w).sum().backward()
    ...     sgd.step()
    >>> w.item()  # 1 - 0.5 * 4 - 0.5 * (0.5 * 4 + 4)
    -4.0
    """

    optional_state = frozenset({"momentum_buffer"})

    def __init__(
        self,
        params: Any,
        lr: float,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov, weight_decay=weight_decay
        )

    def _check_group(self, group: Group) -> None:
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError(
                f"SGD: nesterov=True needs momentum above 0 and dampening=0, "
                f"got momentum={group['momentum']}, dampening={group['dampening']}."
            )

    def _stepped_at_once(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> bool:
        momentum, dampening = group["momentum"], group["dampening"]
        if momentum and "momentum_buffer" not in slot:
            dampening = 0.0  # the first gradient is taken whole
        buffer = self._zeros(slot, "momentum_buffer", gradient) if momentum else None
        settings = group["lr"], momentum, dampening, group["weight_decay"], group["nesterov"]
        parameter.update(lambda p: updates.sgd_(p, gradient, buffer, *settings))
        return True
