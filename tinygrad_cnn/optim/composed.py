"""Schedules made of schedules: a warm-up before one, several one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.errors import describe
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import Schedule, check_rates, rising
from .schedules import ConstantLR, ExponentialLR, StepLR

__all__ = ["SequentialLR", "WarmupLR"]

Part: TypeAlias = Schedule | Callable[[Optimizer], Schedule]  # of a SequentialLR


class _Composed(Schedule):
    """A schedule that says the rates of all groups at once, as its parts do."""

    def rate(self, base: float, t: int) -> float:
        return self.rates([base], t)[0]


class WarmupLR(_Composed):
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
        _check_counts("WarmupLR", after)
        self.after = after if isinstance(after, Schedule) else ConstantLR(after)
        _set_rates(self.after.optimizer, self.after.base_lrs)
        super().__init__(self.after.optimizer)

    def rates(self, bases: Sequence[float], t: int) -> list[float]:
        if t < self.steps:
            share = self.start + (1 - self.start) * t / self.steps
            return [rate * share for rate in self.after.rates(bases, 0)]
        return self.after.rates(bases, t - self.steps)


class SequentialLR(_Composed):
    """One schedule after the other; each counts from its own start.

    Parameters
    ----------
    schedules : schedules of this optimiser, or functions that make one from it.  A schedule that changes the learning
        rate as soon as it is made, as `WarmupLR` does, has to be a function: the next one would start from that rate.
    milestones : the numbers of steps after which the second, the third, ... schedule begins, in rising order.

    Examples
    --------
    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> parts = [lambda o: optim.WarmupLR(o, 2), lambda o: optim.CosineLR(o, 4)]
    >>> schedule = optim.SequentialLR(sgd, parts, milestones=[3])
    >>> [round(schedule.rate(1.0, t), 3) for t in range(8)]
    [0.0, 0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    samples = (
        {"schedules": [lambda o: StepLR(o, 2, 0.5), ConstantLR], "milestones": [4]},
        {"schedules": [ConstantLR, lambda o: ExponentialLR(o, 0.5), ConstantLR], "milestones": [2, 5]},
    )

    def __init__(self, optimizer: Optimizer, schedules: Sequence[Part], milestones: Sequence[Whole]) -> None:
        who = "SequentialLR"
        if not isinstance(schedules, (tuple, list)) or not schedules:
            raise TypeError(f"{who}: schedules must be a list of schedules, got {describe(schedules)}.")
        self.milestones = rising(who, milestones)
        if len(self.milestones) != len(schedules) - 1:
            raise ValueError(
                f"{who}: {len(schedules)} schedules need {len(schedules) - 1} milestones between them, "
                f"got {len(self.milestones)}."
            )
        check_rates(who, optimizer)
        now = [group["lr"] for group in optimizer.param_groups]
        bases = next((list(s.base_lrs) for s in schedules if isinstance(s, Schedule)), now)
        self.schedules = [_made(k, part, optimizer, bases) for k, part in enumerate(schedules)]
        _set_rates(optimizer, bases)
        super().__init__(optimizer)

    def rates(self, bases: Sequence[float], t: int) -> list[float]:
        k = bisect_right(self.milestones, t)
        return self.schedules[k].rates(bases, t - (self.milestones[k - 1] if k else 0))


def _made(k: int, part: Part, optimizer: Optimizer, bases: list[float]) -> Schedule:
    """One of the schedules, which begins with the learning rates `bases`."""
    if not isinstance(part, Schedule):
        _set_rates(optimizer, bases)
        if not callable(part):
            raise TypeError(f"SequentialLR: schedules[{k}] must be a schedule, got {describe(part)}.")
        part = part(optimizer)
    if not isinstance(part, Schedule) or part.optimizer is not optimizer:
        raise TypeError(f"SequentialLR: schedules[{k}] must be a schedule of this optimiser, got {describe(part)}.")
    _check_counts("SequentialLR", part)
    if part.base_lrs != bases:
        raise ValueError(
            f"SequentialLR: schedules[{k}] begins with the learning rates {part.base_lrs}, the first with {bases}: "
            "one that was made earlier had changed them. Give functions that make them: "
            "[lambda o: optim.WarmupLR(o, 5), lambda o: optim.CosineLR(o, 45)]."
        )
    return part


def _set_rates(optimizer: Optimizer, rates: Sequence[float]) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def _check_counts(who: str, schedule: Any) -> None:
    if isinstance(schedule, ReduceLROnPlateau):
        raise TypeError(f"{who}: cannot be composed with ReduceLROnPlateau, which follows a metric, not a count.")
