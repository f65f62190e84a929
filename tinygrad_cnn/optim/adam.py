"""Adam and its relatives: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.kinds import Number
from ..ops import abs as magnitude
from ..ops import maximum, sqrt, updates
from .formulas import average, held, sign, zeros
from .optimizer import Optimizer, State
from .settings import Params

__all__ = ["Adam", "AdamW", "Adamax", "Lion", "NAdam", "RAdam"]

Betas = tuple[float, float]


class Adam(Optimizer):
    """p -= lr * m' / (sqrt(v') + eps), with m and v the running means of g and g*g, and the primes for

    m / (1 - beta1**t) and v / (1 - beta2**t), which undo their start at zero.  `weight_decay` adds weight_decay * p
    to the gradient; `amsgrad` keeps the largest v so far.  Source: Kingma and Ba (2015); Reddi et al. (2018).

    >>> w = nn.Parameter([3.0, -500.0])
    >>> adam = optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> adam.step()
    >>> w.data.round(3)  # the first step is lr long, whatever the gradient
    array([   2.9, -499.9], dtype=float32)
    """

    samples = ({}, {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True})
    optional_state = frozenset({"max_exp_avg_sq"})

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        state: State = {"step": 0, "exp_avg": zeros(parameter), "exp_avg_sq": zeros(parameter)}
        return {**state, "max_exp_avg_sq": zeros(parameter)} if settings["amsgrad"] else state

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        after = _moments(self.decayed(parameter, gradient, settings), state, settings)
        (beta1, beta2), t, second = settings["betas"], after["step"], after["exp_avg_sq"]
        if settings["amsgrad"]:
            second = after["max_exp_avg_sq"] = maximum(held(state, "max_exp_avg_sq", parameter), second)
        scale = sqrt(second) * ((1 - beta2**t) ** -0.5) + settings["eps"]
        return after["exp_avg"] / scale * (-settings["lr"] / (1 - beta1**t)), after

    def plan(self, parameter: np.ndarray, gradient: np.ndarray, state: State, settings: Mapping[str, Any]) -> bool:
        if settings["amsgrad"]:
            return False
        state["step"] += 1
        beta1, beta2 = settings["betas"]
        updates.adam_(
            parameter, gradient, state["exp_avg"], state["exp_avg_sq"], settings["lr"], beta1, beta2,
            settings["eps"], settings["weight_decay"], self.decoupled, state["step"],
        )  # fmt: skip
        return True


def _moments(g: Any, state: State, settings: Mapping[str, Any]) -> State:
    """The state after one more step, with both running means moved."""
    beta1, beta2 = settings["betas"]
    return {
        **state, "step": state["step"] + 1, "exp_avg": average(state["exp_avg"], beta1, g),
        "exp_avg_sq": average(state["exp_avg_sq"], beta2, g * g),
    }  # fmt: skip


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: ``p *= 1 - lr * weight_decay`` before each step.

    Source: Loshchilov and Hutter (2019).

    >>> weights = [p for p in model.parameters() if p.ndim > 1]
    >>> biases = [p for p in model.parameters() if p.ndim == 1]
    >>> adam = optim.AdamW([{"params": weights}, {"params": biases, "weight_decay": 0.0}])
    >>> [group["weight_decay"] for group in adam.param_groups]
    [0.01, 0.0]
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 1e-2,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )


class NAdam(Optimizer):
    """Adam that looks ahead as Nesterov's momentum does, with a momentum that grows by a schedule.

    The momentum of step t is u(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2).  Source: Dozat (2016).
    """

    samples = ({}, {"lr": 0.1, "weight_decay": 0.1})

    def __init__(
        self,
        params: Params,
        lr: Number = 2e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        momentum_decay: Number = 4e-3,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            maximize=maximize,
        )  # fmt: skip

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"step": 0, "mu_product": 1.0, "exp_avg": zeros(parameter), "exp_avg_sq": zeros(parameter)}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        g = self.decayed(parameter, gradient, settings)
        after = _moments(g, state, settings)
        (beta1, beta2), t, lr = settings["betas"], after["step"], settings["lr"]
        now, following = (beta1 * (1 - 0.5 * 0.96 ** (k * settings["momentum_decay"])) for k in (t, t + 1))
        product = after["mu_product"] = state["mu_product"] * now
        scale = sqrt(after["exp_avg_sq"]) * ((1 - beta2**t) ** -0.5) + settings["eps"]
        ahead = after["exp_avg"] * (-lr * following / (1 - product * following))
        return (ahead + g * (-lr * (1 - now) / (1 - product))) / scale, after


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root of their mean square.

    p -= lr / (1 - beta1**t) * m / u, with m the running mean of g and u = max(beta2 * u, abs(g) + eps).
    Source: Kingma and Ba (2015), section 7.1.
    """

    samples = ({}, {"lr": 0.1, "weight_decay": 0.1})

    def __init__(
        self,
        params: Params,
        lr: Number = 2e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"step": 0, "exp_avg": zeros(parameter), "exp_inf": zeros(parameter)}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        g, (beta1, beta2), t = self.decayed(parameter, gradient, settings), settings["betas"], state["step"] + 1
        mean = average(state["exp_avg"], beta1, g)
        largest = maximum(state["exp_inf"] * beta2, magnitude(g) + settings["eps"])
        return mean / largest * (-settings["lr"] / (1 - beta1**t)), {"step": t, "exp_avg": mean, "exp_inf": largest}


class RAdam(Optimizer):
    """Adam that waits until its running mean of g*g can be trusted: until then it steps along the mean of g alone.

    With r(t) = r - 2 * t * beta2**t / (1 - beta2**t) and r = 2 / (1 - beta2) - 1, the step of Adam is taken where
    r(t) > 5, times sqrt((r(t) - 4) * (r(t) - 2) * r / ((r - 4) * (r - 2) * r(t))).  Source: Liu et al. (2020).
    """

    samples = ({}, {"lr": 0.1, "betas": (0.9, 0.6), "weight_decay": 0.1})

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"step": 0, "exp_avg": zeros(parameter), "exp_avg_sq": zeros(parameter)}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        after = _moments(self.decayed(parameter, gradient, settings), state, settings)
        (beta1, beta2), t = settings["betas"], after["step"]
        step = after["exp_avg"] * (-settings["lr"] / (1 - beta1**t))
        r = 2 / (1 - beta2) - 1  # the length of an average that moves at this rate
        rt = r - 2 * t * beta2**t / (1 - beta2**t)
        if rt <= 5:
            return step, after
        trust = math.sqrt((rt - 4) * (rt - 2) * r / ((r - 4) * (r - 2) * rt) * (1 - beta2**t))
        return step * trust / (sqrt(after["exp_avg_sq"]) + settings["eps"]), after


class Lion(Optimizer):
    """p -= lr * sign(beta1 * m + (1 - beta1) * g), then m = beta2 * m + (1 - beta2) * g; decoupled weight decay.

    Source: Chen et al. (2023).
    """

    samples = ({}, {"lr": 0.1, "weight_decay": 0.1})
    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-4,
        *,
        betas: Betas = (0.9, 0.99),
        weight_decay: Number = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"exp_avg": zeros(parameter)}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        (beta1, beta2), mean = settings["betas"], state["exp_avg"]
        delta = sign(average(mean, beta1, gradient)) * -settings["lr"]
        return delta, {"exp_avg": average(mean, beta2, gradient)}

    def plan(self, parameter: np.ndarray, gradient: np.ndarray, state: State, settings: Mapping[str, Any]) -> bool:
        (beta1, beta2), mean = settings["betas"], state["exp_avg"]
        delta = np.asarray(average(mean, beta1, gradient))  # not a scalar, where there are no axes
        np.sign(delta, out=delta)  # in one pass, where `sign` needs four
        delta *= -settings["lr"]
        mean *= beta2
        mean += gradient * (1 - beta2)
        if settings["weight_decay"]:
            parameter *= 1.0 - settings["lr"] * settings["weight_decay"]
        parameter += delta
        return True
