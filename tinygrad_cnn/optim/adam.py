"""Adam and its relatives: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import Tensor
from ..ops import updates
from .optimizer import Optimizer, Slot
from .settings import Group

Betas = tuple[float, float]


def average(running: np.ndarray, rate: float, new: np.ndarray, scratch: np.ndarray) -> None:
    """running = rate * running + (1 - rate) * new, in place; `scratch` may be `new`."""
    running *= rate
    running += np.multiply(new, 1 - rate, out=scratch)


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

    state_names = frozenset({"step", "exp_avg", "exp_avg_sq"})
    optional_state = frozenset({"max_exp_avg_sq"})

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def _stepped_at_once(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> bool:
        if group["amsgrad"]:
            return False
        step, moments = self._next_step(slot, gradient), (slot["exp_avg"], slot["exp_avg_sq"])
        settings = group["lr"], *group["betas"], group["eps"], group["weight_decay"], self.decoupled, step
        parameter.update(lambda p: updates.adam_(p, gradient, *moments, *settings))
        return True

    @staticmethod
    def _next_step(slot: Slot, g: np.ndarray) -> int:
        """The number of this step, from 1; the first starts both running means at zero."""
        if not slot:
            slot.update(step=0, exp_avg=np.zeros_like(g), exp_avg_sq=np.zeros_like(g))
        slot["step"] += 1
        step: int = slot["step"]
        return step

    def _moments(self, parameter: Tensor, g: np.ndarray, slot: Slot, group: Group) -> int:
        """Move both running means; the number of this step."""
        step = self._next_step(slot, g)
        scratch, (beta1, beta2) = self._buffer(parameter, 1), group["betas"]
        average(slot["exp_avg"], beta1, g, scratch)
        average(slot["exp_avg_sq"], beta2, np.multiply(g, g, out=scratch), scratch)
        return step

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        t = self._moments(parameter, self._decayed(parameter, gradient, group), slot, group)
        second = slot["exp_avg_sq"]
        if group["amsgrad"]:
            largest = self._zeros(slot, "max_exp_avg_sq", second)
            second = np.maximum(largest, second, out=largest)
        beta1, beta2 = group["betas"]
        out = np.sqrt(second, out=self._buffer(parameter, 1))
        out *= 1 / math.sqrt(1 - beta2**t)
        out += group["eps"]
        np.divide(slot["exp_avg"], out, out=out)
        out *= group["lr"] / (1 - beta1**t)
        return out


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
        params: Any,
        lr: float = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)


class NAdam(Adam):
    """Adam that looks ahead as Nesterov's momentum does, with a momentum that grows by a schedule.

    The momentum of step t is u(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2).  Source: Dozat (2016).
    """

    state_names = frozenset({"step", "mu_product", "exp_avg", "exp_avg_sq"})
    optional_state = frozenset()

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
    ) -> None:
        Optimizer.__init__(
            self, params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
        )

    def _stepped_at_once(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> bool:
        return False

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        g = self._decayed(parameter, gradient, group)
        t = self._moments(parameter, g, slot, group)
        (beta1, beta2), lr = group["betas"], group["lr"]
        now, following = (beta1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1))
        product = slot["mu_product"] = slot.get("mu_product", 1.0) * now
        scale = np.sqrt(slot["exp_avg_sq"], out=self._buffer(parameter, 1))
        scale *= 1 / math.sqrt(1 - beta2**t)
        scale += group["eps"]
        ahead = np.multiply(slot["exp_avg"], lr * following / (1 - product * following), out=self._buffer(parameter, 2))
        ahead += np.multiply(g, lr * (1 - now) / (1 - product), out=self._buffer(parameter, 0))
        return np.divide(ahead, scale, out=scale)


class Lion(Optimizer):
    """p -= lr * sign(beta1 * m + (1 - beta1) * g), then m = beta2 * m + (1 - beta2) * g; decoupled weight decay.

    Source: Chen et al. (2023).
    """

    state_names = frozenset({"exp_avg"})
    decoupled = True

    def __init__(
        self, params: Any, lr: float = 1e-4, *, betas: Betas = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay)

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        (beta1, beta2), out = group["betas"], self._buffer(parameter, 1)
        mean = self._zeros(slot, "exp_avg", gradient)
        np.multiply(mean, beta1, out=out)
        out += np.multiply(gradient, 1 - beta1, out=self._buffer(parameter, 0))
        average(mean, beta2, gradient, self._buffer(parameter, 0))
        np.sign(out, out=out)
        out *= group["lr"]
        return out
