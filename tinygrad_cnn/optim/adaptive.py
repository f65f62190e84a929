"""Steps scaled by the size of past gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Tensor
from .adam import average
from .optimizer import Optimizer, Slot
from .settings import Group


class RMSprop(Optimizer):
    """p -= lr * b,  where b = momentum * b + g / (sqrt(v) + eps) and v is the running mean of g*g at rate `alpha`.

    `centered` subtracts the square of the running mean of g from v.  Source: Tieleman and Hinton (2012).
    """

    state_names = frozenset({"square_avg"})
    optional_state = frozenset({"grad_avg", "momentum_buffer"})

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        g, out = self._decayed(parameter, gradient, group), self._buffer(parameter, 1)
        variance = self._zeros(slot, "square_avg", g)
        average(variance, group["alpha"], np.multiply(g, g, out=out), out)
        if group["centered"]:
            mean = self._zeros(slot, "grad_avg", g)
            average(mean, group["alpha"], g, out)
            np.multiply(mean, mean, out=out)
            variance = np.subtract(variance, out, out=out)
        np.sqrt(variance, out=out)
        out += group["eps"]
        np.divide(g, out, out=out)
        if group["momentum"]:
            buffer = self._zeros(slot, "momentum_buffer", g)
            buffer *= group["momentum"]
            buffer += out
            return np.multiply(buffer, group["lr"], out=out)
        out *= group["lr"]
        return out


class Adagrad(Optimizer):
    """p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps), with s the sum of all g*g so far.

    Source: Duchi, Hazan and Singer (2011).
    """

    state_names = frozenset({"step", "sum"})

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps,
        )  # fmt: skip

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        g, out = self._decayed(parameter, gradient, group), self._buffer(parameter, 1)
        if not slot:
            slot.update(step=0, sum=np.full_like(g, group["initial_accumulator_value"]))
        slot["step"] += 1
        slot["sum"] += np.multiply(g, g, out=out)
        np.sqrt(slot["sum"], out=out)
        out += group["eps"]
        np.divide(g, out, out=out)
        out *= group["lr"] / (1 + (slot["step"] - 1) * group["lr_decay"])
        return out


class Adadelta(Optimizer):
    """p -= lr * d,  d = sqrt(u + eps) / sqrt(v + eps) * g,  with v, u the running means of g*g and d*d at rate `rho`.

    Source: Zeiler (2012).
    """

    state_names = frozenset({"square_avg", "acc_delta"})

    def __init__(
        self, params: Any, lr: float = 1.0, *, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        g, out, more = self._decayed(parameter, gradient, group), self._buffer(parameter, 1), self._buffer(parameter, 2)
        if not slot:
            slot.update(square_avg=np.zeros_like(g), acc_delta=np.zeros_like(g))
        average(slot["square_avg"], group["rho"], np.multiply(g, g, out=out), out)
        np.add(slot["acc_delta"], group["eps"], out=out)
        out /= np.add(slot["square_avg"], group["eps"], out=more)
        np.sqrt(out, out=out)
        out *= g
        average(slot["acc_delta"], group["rho"], np.multiply(out, out, out=more), more)
        out *= group["lr"]
        return out
