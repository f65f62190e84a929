"""Learning rates over time.

Each schedule is a formula: the factor by which the optimiser's learning rates, as they were when the schedule was
made, are multiplied after t calls of `step`.  Call `step` once per epoch or once per batch, as you count.  Formulas
have no memory, so nothing drifts, and the state to save is a count.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.outside import deprecated
from ..core.errors import describe
from .optimizer import Optimizer
from .schedule import Schedule, rising

__all__ = [
    "ConstantLR", "CosineLR", "CosineRestarts", "ExponentialLR", "LambdaLR", "MultiStepLR", "OneCycleLR",
    "PolynomialLR", "StepLR",
]  # fmt: skip

Factor: TypeAlias = Callable[[int], float]


class ConstantLR(Schedule):
    """The learning rate stays as it is."""

    samples = ({},)

    def factor(self, t: int) -> float:
        return 1.0


class StepLR(Schedule):
    """Multiply by `gamma` every `step_size` steps.

    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.StepLR(sgd, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += schedule.lrs
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    samples = ({"step_size": 2, "gamma": 0.5},)

    def __init__(self, optimizer: Optimizer, step_size: Whole, gamma: Number = 0.1) -> None:
        self.step_size = whole("StepLR", "step_size", step_size)
        self.gamma = number("StepLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.gamma ** (t // self.step_size)


class MultiStepLR(Schedule):
    """Multiply by `gamma` at each of the `milestones`, numbers of steps in rising order.

    >>> schedule = optim.MultiStepLR(optim.SGD(model.parameters(), lr=1.0), milestones=[2, 3], gamma=0.5)
    >>> [schedule.rate(1.0, t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    samples = ({"milestones": [2, 5], "gamma": 0.5},)

    def __init__(self, optimizer: Optimizer, milestones: Sequence[Whole], gamma: Number = 0.1) -> None:
        self.milestones = rising("MultiStepLR", milestones)
        self.gamma = number("MultiStepLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        passed: int = bisect_right(self.milestones, t)
        return self.gamma**passed


def _inverse(t: int) -> float:
    return 1 / (1 + t)


class LambdaLR(Schedule):
    """Multiply by ``lr_lambda(t)`` after t steps: one function, or a list with one for each group.

    >>> schedule = optim.LambdaLR(optim.SGD(model.parameters(), lr=1.0), lambda t: 1 / (1 + t))
    >>> schedule.step()
    >>> schedule.lrs
    [0.5]
    """

    samples = ({"lr_lambda": _inverse},)

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor]) -> None:
        functions = list(lr_lambda) if isinstance(lr_lambda, (tuple, list)) else [lr_lambda]
        for function in functions:
            if not callable(function):
                raise TypeError(f"LambdaLR: lr_lambda must be a function of the step, got {describe(function)}.")
        self.lr_lambda = functions if isinstance(lr_lambda, (tuple, list)) else lr_lambda
        super().__init__(optimizer)

    def rates(self, bases: Sequence[float], t: int) -> list[float]:
        several = isinstance(self.lr_lambda, list)
        functions: Any = self.lr_lambda if several else [self.lr_lambda] * len(bases)
        if len(functions) != len(bases):
            raise ValueError(
                f"LambdaLR: lr_lambda has {len(functions)} functions for {len(bases)} groups of parameters. "
                "Give one function for all groups, or one for each."
            )
        return [base * number("LambdaLR", "lr_lambda(t)", f(t), 0) for base, f in zip(bases, functions, strict=True)]

    def rate(self, base: float, t: int) -> float:
        return self.rates([base], t)[0]


class PolynomialLR(Schedule):
    """Fall from the learning rate to `eta_min` in `steps` steps, as (1 - t / steps) ** power; then stay there.

    With ``power=1``, the default, along a straight line.

    >>> schedule = optim.PolynomialLR(optim.SGD(model.parameters(), lr=1.0), steps=4)
    >>> [schedule.rate(1.0, t) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    samples = ({"steps": 5}, {"steps": 4, "power": 2.0, "eta_min": 0.1})

    def __init__(self, optimizer: Optimizer, steps: Whole, power: Number = 1.0, *, eta_min: Number = 0.0) -> None:
        self.steps = whole("PolynomialLR", "steps", steps)
        self.power = number("PolynomialLR", "power", power, 0)
        self.eta_min = number("PolynomialLR", "eta_min", eta_min, 0)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        if t >= self.steps:
            return self.eta_min
        left: float = (1 - t / self.steps) ** self.power
        return self.eta_min + (base - self.eta_min) * left


class ExponentialLR(Schedule):
    """Multiply by `gamma` every step.

    >>> schedule = optim.ExponentialLR(optim.SGD(model.parameters(), lr=8.0), 0.5)
    >>> [schedule.rate(8.0, t) for t in range(4)]
    [8.0, 4.0, 2.0, 1.0]
    """

    samples = ({"gamma": 0.9},)

    def __init__(self, optimizer: Optimizer, gamma: Number) -> None:
        self.gamma = number("ExponentialLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.gamma**t


class CosineLR(Schedule):
    """Half a cosine from the learning rate down to `eta_min` in `steps` steps; then it stays there.

    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.CosineLR(sgd, steps=4)
    >>> [round(schedule.rate(1.0, t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    samples = ({"steps": 5}, {"steps": 3, "eta_min": 0.1})

    def __init__(
        self, optimizer: Optimizer, steps: Whole, *, eta_min: Number = 0.0, restarts: bool = False, stretch: Whole = 1
    ) -> None:
        self.steps = whole("CosineLR", "steps", steps)
        self.eta_min = number("CosineLR", "eta_min", eta_min, 0)
        self.stretch = whole("CosineLR", "stretch", stretch) if restarts else None
        if restarts:
            deprecated("CosineLR: restarts=True", f"optim.CosineRestarts(optimizer, {steps}, {stretch})")
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        at, steps = (t, self.steps) if self.stretch is None else _since_restart(t, self.steps, self.stretch)
        return _cosine(base, self.eta_min, min(at / steps, 1.0))


class CosineRestarts(Schedule):
    """Half a cosine down to `eta_min` in `steps` steps, then again and again, each time in `stretch` times as many.

    PyTorch's CosineAnnealingWarmRestarts with T_0=steps, T_mult=stretch.  Source: Loshchilov and Hutter (2017).

    >>> schedule = optim.CosineRestarts(optim.SGD(model.parameters(), lr=1.0), steps=2, stretch=2)
    >>> [round(schedule.rate(1.0, t), 3) for t in range(7)]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    samples = ({"steps": 3}, {"steps": 2, "eta_min": 0.1, "stretch": 2})

    def __init__(self, optimizer: Optimizer, steps: Whole, stretch: Whole = 1, *, eta_min: Number = 0.0) -> None:
        self.steps = whole("CosineRestarts", "steps", steps)
        self.stretch = whole("CosineRestarts", "stretch", stretch)
        self.eta_min = number("CosineRestarts", "eta_min", eta_min, 0)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        at, steps = _since_restart(t, self.steps, self.stretch)
        return _cosine(base, self.eta_min, at / steps)


def _since_restart(t: int, steps: int, stretch: int) -> tuple[int, int]:
    """How many steps ago the stretch that step t is in began, and how long it is."""
    if stretch == 1:
        return t % steps, steps
    while t >= steps:
        t, steps = t - steps, steps * stretch
    return t, steps


class OneCycleLR(Schedule):
    """Up from max_lr / div_factor to `max_lr` and down to that over `final_div_factor`, each along half a cosine.

    The first `pct_start` of `total_steps` go up.  Momentum stays as it is (PyTorch: ``cycle_momentum=False``).
    Source: Smith and Topin (2018).

    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.OneCycleLR(sgd, max_lr=1.0, total_steps=10)
    >>> [round(schedule.rate(1.0, t), 2) for t in range(10)]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]
    """

    samples = ({"max_lr": 0.5, "total_steps": 8},)

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Number,
        total_steps: Whole,
        *,
        pct_start: Number = 0.3,
        div_factor: Number = 25.0,
        final_div_factor: Number = 1e4,
    ) -> None:
        self.max_lr = number("OneCycleLR", "max_lr", max_lr, 0)
        self.total_steps = whole("OneCycleLR", "total_steps", total_steps, 2)
        self.pct_start = number("OneCycleLR", "pct_start", pct_start, 0, 1)
        self.div_factor = number("OneCycleLR", "div_factor", div_factor, 1)
        self.final_div_factor = number("OneCycleLR", "final_div_factor", final_div_factor, 1)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        low = self.max_lr / self.div_factor
        top, end = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if t <= top:
            return _cosine(low, self.max_lr, t / top if top else 1.0)
        return _cosine(self.max_lr, low / self.final_div_factor, min((t - top) / (end - top), 1.0))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
