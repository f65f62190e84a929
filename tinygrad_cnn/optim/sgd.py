"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.kinds import Number
from ..ops import updates
from .formulas import held, zeros
from .optimizer import Optimizer, State
from .settings import Params

__all__ = ["SGD"]


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

    samples = (
        {"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    )  # fmt: skip
    optional_state = frozenset({"momentum_buffer", "step"})

    def __init__(
        self,
        params: Params,
        lr: Number,
        *,
        momentum: Number = 0.0,
        dampening: Number = 0.0,
        nesterov: bool = False,
        weight_decay: Number = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov, weight_decay=weight_decay,
            maximize=maximize,
        )  # fmt: skip

    def check_group(self, group: Mapping[str, Any]) -> None:
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError(
                f"SGD: nesterov=True needs momentum above 0 and dampening=0, "
                f"got momentum={group['momentum']}, dampening={group['dampening']}."
            )

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        if not settings["momentum"]:
            return {}
        buffer = {"momentum_buffer": zeros(parameter)}
        return {**buffer, "step": 0} if settings["dampening"] else buffer

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        g, momentum = self.decayed(parameter, gradient, settings), settings["momentum"]
        if not momentum:
            return g * -settings["lr"], state
        damp = settings["dampening"] if state.get("step", 1) else 0.0  # the first gradient is taken whole
        buffer = held(state, "momentum_buffer", parameter) * momentum + (g * (1 - damp) if damp else g)
        after = {**state, "momentum_buffer": buffer}
        if "step" in state:
            after["step"] = state["step"] + 1
        return (g + buffer * momentum if settings["nesterov"] else buffer) * -settings["lr"], after

    def plan(self, parameter: np.ndarray, gradient: np.ndarray, state: State, settings: Mapping[str, Any]) -> bool:
        momentum, buffer = settings["momentum"], None
        damp = settings["dampening"] if state.get("step", 1) else 0.0
        if momentum:
            buffer = state["momentum_buffer"] = held(state, "momentum_buffer", parameter)
            if "step" in state:
                state["step"] += 1
        updates.sgd_(
            parameter, gradient, buffer, settings["lr"], momentum, damp, settings["weight_decay"], settings["nesterov"]
        )
        return True
