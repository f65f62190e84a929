"""Learning rates over time.

Each schedule is a formula: the factor by which the optimiser's learning rates, as they were when the schedule was
made, are multiplied after t calls of `step`.  Call `step` once per epoch or once per batch, as you count.  Formulas
have no memory, so nothing drifts, and the state to save is a count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..autodiff.calls import OURS, named
from ..autodiff.effects import effect
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.errors import describe
from .optimizer import Optimizer

__all__ = [
    "ConstantLR", "CosineLR", "ExponentialLR", "OneCycleLR", "ReduceLROnPlateau", "Schedule", "StepLR", "WarmupLR",
]  # fmt: skip


@named
class Schedule:
    """Base of all schedules.  Subclasses define `factor(t)` for t = 0, 1, 2, ... steps taken."""

    samples: ClassVar[Sequence[Mapping[str, Any]]] = ()  # settings with which `tg.testing.check_schedule` checks it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith(OURS):
            named(cls)

    def __init__(self, optimizer: Optimizer) -> None:
        self.who = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{self.who}: needs an optimiser, got {type(optimizer).__name__}.")
        if "lr" not in optimizer.defaults:
            raise TypeError(f"{self.who}: {optimizer.who} has no learning rate to change.")
        self.optimizer = optimizer
        self._base_lrs: list[float] = []
        self.t = 0
        self._set()

    def factor(self, t: int) -> float:
        """What the learning rates are multiplied by after t steps."""
        raise NotImplementedError(f"{self.who}: has no formula. Define factor(self, t).")

    def rate(self, base: float, t: int) -> float:
        """The learning rate of a group that began with `base`, after t steps."""
        return base * self.factor(t)

    @property
    def base_lrs(self) -> list[float]:
        """The learning rates of all groups that factors multiply.  A group added later brings its own."""
        new = self.optimizer.param_groups[len(self._base_lrs) :]
        if new:
            self._base_lrs = [*self._base_lrs, *(group["lr"] for group in new)]
        return self._base_lrs

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.t)

    @effect
    def step(self) -> None:
        """Count one step and set the optimiser's learning rates."""
        self.t += 1
        self._set()

    @property
    def lrs(self) -> list[float]:
        """The learning rates of all groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The count and the learning rates at the start, as plain numbers."""
        return {"t": self.t, **{f"base_lrs.{k}": lr for k, lr in enumerate(self.base_lrs)}}

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`; nothing changes unless its entries are the expected ones."""
        if not isinstance(values, Mapping):
            raise TypeError(f"{self.who}.load_state_dict: needs what state_dict() returned, got {describe(values)}.")
        if values.keys() != self.state_dict().keys():
            got = ", ".join(values) or "nothing"
            raise ValueError(f"{self.who}.load_state_dict: needs {', '.join(self.state_dict())}; got {got}.")
        self._base_lrs = [float(values[f"base_lrs.{k}"]) for k in range(len(self.base_lrs))]
        self.t = int(values["t"])
        self._set()


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

    With `restarts` it starts again from the top instead, each time over a stretch `stretch` times as long
    (PyTorch's CosineAnnealingWarmRestarts with T_0=steps, T_mult=stretch).

    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.CosineLR(sgd, steps=4)
    >>> [round(schedule.rate(1.0, t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    samples = ({"steps": 5}, {"steps": 2, "eta_min": 0.1, "restarts": True, "stretch": 2})

    def __init__(
        self, optimizer: Optimizer, steps: Whole, *, eta_min: Number = 0.0, restarts: bool = False, stretch: Whole = 1
    ) -> None:
        self.steps = whole("CosineLR", "steps", steps)
        self.eta_min = number("CosineLR", "eta_min", eta_min, 0)
        self.stretch = whole("CosineLR", "stretch", stretch)
        self.restarts = bool(restarts)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        steps = self.steps
        if self.restarts:
            while t >= steps:
                t, steps = t - steps, steps * self.stretch
        share = min(t / steps, 1.0)
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * share)) / 2


class WarmupLR(Schedule):
    """Rise in a straight line from `start` times the learning rate to all of it in `steps` steps, then go on.

    Parameters
    ----------
    after : the optimiser, for a constant rate, or a schedule, which begins when the warm-up is over.

    Examples
    --------
    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.WarmupLR(sgd, steps=4)
    >>> [schedule.rate(1.0, t) for t in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    samples = ({"steps": 3, "start": 0.1},)

    def __init__(self, after: Optimizer | Schedule, steps: Whole, *, start: Number = 0.0) -> None:
        self.steps = whole("WarmupLR", "steps", steps)
        self.start = number("WarmupLR", "start", start, 0, 1)
        if isinstance(after, ReduceLROnPlateau):
            raise TypeError("WarmupLR: cannot precede ReduceLROnPlateau, which follows a metric, not a count.")
        self.after = after if isinstance(after, Schedule) else ConstantLR(after)
        for group, base in zip(self.after.optimizer.param_groups, self.after.base_lrs, strict=True):
            group["lr"] = base
        super().__init__(self.after.optimizer)

    def rate(self, base: float, t: int) -> float:
        if t < self.steps:
            return self.after.rate(base, 0) * (self.start + (1 - self.start) * t / self.steps)
        return self.after.rate(base, t - self.steps)


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


class ReduceLROnPlateau(Schedule):
    """Multiply by `factor` when ``step(metric)`` has brought nothing better for more than `patience` steps.

    Parameters
    ----------
    mode : "min" if small metrics are good, as of a loss; "max" if large ones are.
    threshold : better means better by this share of the best.
    cooldown : steps after a reduction during which none are counted.
    min_lr : the rate never falls below.

    Examples
    --------
    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.ReduceLROnPlateau(sgd, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> schedule.lrs
    [0.1]
    """

    samples = ({"patience": 0}, {"mode": "max", "patience": 1, "cooldown": 1, "min_lr": 0.01})

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        *,
        factor: Number = 0.1,
        patience: Whole = 10,
        threshold: Number = 1e-4,
        cooldown: Whole = 0,
        min_lr: Number = 0.0,
    ) -> None:
        who = "ReduceLROnPlateau"
        if mode not in ("min", "max"):
            raise ValueError(f'{who}: mode={mode!r} must be "min" or "max".')
        self.mode = mode
        self.shrink = number(who, "factor", factor, 0, 1)
        self.patience, self.cooldown = whole(who, "patience", patience, 0), whole(who, "cooldown", cooldown, 0)
        self.threshold, self.min_lr = number(who, "threshold", threshold, 0), number(who, "min_lr", min_lr, 0)
        self.best: float | None = None
        self.bad = self.cooling = 0
        super().__init__(optimizer)

    def _set(self) -> None:
        pass  # rates follow from metrics, not from the count

    def _better(self, metric: float) -> bool:
        if self.best is None:
            return True
        margin = self.threshold * self.best if self.mode == "max" else -self.threshold * self.best
        return metric > self.best + margin if self.mode == "max" else metric < self.best + margin

    @effect
    def step(self, metric: Any = None) -> None:
        """Count one step that ended with `metric`, a finite number."""
        try:
            value = float(metric)
        except (TypeError, ValueError):
            raise TypeError(f"ReduceLROnPlateau.step: needs the metric, a number, got {metric!r}.") from None
        if not math.isfinite(value):
            raise ValueError(f"ReduceLROnPlateau.step: metric={value} is not finite; the training has diverged.")
        self.t += 1
        if self._better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.shrink, min(self.min_lr, group["lr"]))
            self.bad, self.cooling = 0, self.cooldown

    def state_dict(self) -> dict[str, Any]:
        """Count, best metric and waiting times; the rates are in the optimiser's own state_dict."""
        best = {} if self.best is None else {"best": self.best}
        return {"t": self.t, "bad": self.bad, "cooling": self.cooling, **best}

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        if not isinstance(values, Mapping):
            raise TypeError(f"{self.who}.load_state_dict: needs what state_dict() returned, got {describe(values)}.")
        if values.keys() - {"best"} != {"t", "bad", "cooling"}:
            got = ", ".join(values) or "nothing"
            raise ValueError(f"{self.who}.load_state_dict: needs t, bad, cooling; got {got}.")
        self.t, self.bad, self.cooling = (int(values[name]) for name in ("t", "bad", "cooling"))
        self.best = float(values["best"]) if "best" in values else None
