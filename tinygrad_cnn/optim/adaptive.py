"""Steps scaled by the size of past gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..autodiff.kinds import Number
from ..autodiff.numbers import number
from ..ops import sqrt
from .formulas import average, held, zeros
from .optimizer import Optimizer, State
from .settings import Params

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class RMSprop(Optimizer):
    """p -= lr * b,  where b = momentum * b + g / (sqrt(v) + eps) and v is the running mean of g*g at rate `alpha`.

    `centered` subtracts the square of the running mean of g from v.  Source: Tieleman and Hinton (2012).
    """

    samples = ({}, {"momentum": 0.9, "weight_decay": 0.1}, {"centered": True, "momentum": 0.9})
    checks = {"alpha": partial(number, low=0, below=1)}
    optional_state = frozenset({"grad_avg", "momentum_buffer"})

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        *,
        alpha: Number = 0.99,
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        momentum: Number = 0.0,
        centered: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered,
            maximize=maximize,
        )  # fmt: skip

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        optional = {"grad_avg": settings["centered"], "momentum_buffer": settings["momentum"]}
        return {name: zeros(parameter) for name, used in {"square_avg": True, **optional}.items() if used}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        g, alpha = self.decayed(parameter, gradient, settings), settings["alpha"]
        variance = average(state["square_avg"], alpha, g * g)
        after = {**state, "square_avg": variance}
        if settings["centered"]:
            mean = after["grad_avg"] = average(held(state, "grad_avg", parameter), alpha, g)
            variance = variance - mean * mean
        step = g / (sqrt(variance) + settings["eps"])
        if settings["momentum"]:
            buffer = held(state, "momentum_buffer", parameter)
            step = after["momentum_buffer"] = buffer * settings["momentum"] + step
        return step * -settings["lr"], after


class Adagrad(Optimizer):
    """p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps), with s the sum of all g*g so far.

    Source: Duchi, Hazan and Singer (2011).
    """


    samples = ({}, {"lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.1})

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        *,
        lr_decay: Number = 0.0,
        weight_decay: Number = 0.0,
        initial_accumulator_value: Number = 0.0,
        eps: Number = 1e-10,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps, maximize=maximize,
        )  # fmt: skip

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"step": 0, "sum": np.full_like(zeros(parameter), settings["initial_accumulator_value"])}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        g, step = self.decayed(parameter, gradient, settings), state["step"] + 1
        total = state["sum"] + g * g
        rate = settings["lr"] / (1 + (step - 1) * settings["lr_decay"])
        return g / (sqrt(total) + settings["eps"]) * -rate, {"step": step, "sum": total}


class Adadelta(Optimizer):
    """p -= lr * d,  d = sqrt(u + eps) / sqrt(v + eps) * g,  with v, u the running means of g*g and d*d at rate `rho`.

    Source: Zeiler (2012).
    """


    samples = ({}, {"weight_decay": 0.1})
    checks = {"rho": partial(number, low=0, high=1)}

    def __init__(
        self,
        params: Params,
        lr: Number = 1.0,
        *,
        rho: Number = 0.9,
        eps: Number = 1e-6,
        weight_decay: Number = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"square_avg": zeros(parameter), "acc_delta": zeros(parameter)}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        g, rho, eps = self.decayed(parameter, gradient, settings), settings["rho"], settings["eps"]
        squares = average(state["square_avg"], rho, g * g)
        step = sqrt((state["acc_delta"] + eps) / (squares + eps)) * g
        after = {"square_avg": squares, "acc_delta": average(state["acc_delta"], rho, step * step)}
        return step * -settings["lr"], after
