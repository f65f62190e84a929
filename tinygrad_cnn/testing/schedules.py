"""check_schedule: the contracts that every schedule keeps, with settings that stand in its class."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..core.tensor import Tensor
from ..optim import SGD, Optimizer, Schedule
from .case import require
from .contract_report import ContractError, ContractReport, run_all
from .optimizers import through_json

STEPS = 12
METRICS = (1.0, 0.9, 0.9, 0.95, 0.5, 0.5, 0.6, 0.5)  # for schedules that follow one: better, equal and worse


def _optimizer(*lrs: float) -> Optimizer:
    groups = [{"params": [Tensor(np.ones(1), requires_grad=True)], "lr": lr} for lr in lrs]
    return SGD(groups, lr=1.0)


class _Case:
    """A schedule with one choice of settings."""

    def __init__(self, cls: type[Schedule], settings: Mapping[str, Any]) -> None:
        self.cls, self.settings = cls, dict(settings)
        self.follows = "metric" in inspect.signature(cls.step).parameters

    def over(self, optimizer: Optimizer) -> Schedule:
        return self.cls(optimizer, **self.settings)

    def run(self, schedule: Schedule, steps: int, first: int = 0) -> list[list[float]]:
        """The learning rates before each of some steps."""
        rates = []
        for t in range(first, first + steps):
            rates.append(schedule.lrs)
            schedule.step(*([METRICS[t % len(METRICS)]] if self.follows else []))
        return rates


def gives_rates(case: _Case) -> int:
    """Rates are finite numbers of at least 0, and depend on the count and the metrics only."""
    rates = case.run(case.over(_optimizer(1.0)), STEPS)
    for t, (rate,) in enumerate(rates):
        require(isinstance(rate, float) and math.isfinite(rate) and rate >= 0, f"the rate after {t} steps is {rate!r}.")
    require(rates == case.run(case.over(_optimizer(1.0)), STEPS), "made twice, it gives other rates.")
    return STEPS + 1


def resumes(case: _Case) -> int:
    """Stopped after any step and begun again from its state_dict, it gives the same rates."""
    for stop in range(STEPS):
        first = case.over(_optimizer(1.0, 0.5))
        case.run(first, stop)
        second = case.over(_optimizer(1.0, 0.5))
        second.optimizer.load_state_dict(through_json(first.optimizer.state_dict()))
        second.load_state_dict(through_json(first.state_dict()))
        want, got = (case.run(schedule, STEPS, stop) for schedule in (first, second))
        require(got == want, f"resumed after {stop} steps, the rates are {got[:4]}..., expected {want[:4]}....")
        require(second.state_dict() == first.state_dict(), "after the same steps, the states differ.")
    return STEPS


def copies(case: _Case) -> int:
    """Copied or pickled, it goes on to the same rates, with an optimiser of its own."""
    first = case.over(_optimizer(1.0))
    case.run(first, 3)
    before = first.lrs, first.state_dict()
    made = {"deepcopy": copy.deepcopy(first), "pickle": pickle.loads(pickle.dumps(first))}
    rates = {how: case.run(schedule, STEPS, 3) for how, schedule in made.items()}
    require((first.lrs, first.state_dict()) == before, "a step of a copy changed the original.")
    want = case.run(first, STEPS, 3)
    for how, got in rates.items():
        require(got == want, f"after {how} the rates are {got[:4]}..., expected {want[:4]}....")
    return 3


def groups(case: _Case) -> int:
    """Each group gets the rates that it would get alone; one that is added later is taken in."""
    both, alone = case.over(_optimizer(1.0, 0.25)), [case.over(_optimizer(lr)) for lr in (1.0, 0.25)]
    together = case.run(both, STEPS)
    single = [case.run(schedule, STEPS) for schedule in alone]
    require(together == [[a, b] for (a,), (b,) in zip(*single, strict=True)], "a group beside another has other rates.")
    both.optimizer.add_param_group({"params": [Tensor(np.ones(1), requires_grad=True)], "lr": 0.5})
    for rates in case.run(both, 3, STEPS):
        require(len(rates) == 3 and all(map(math.isfinite, rates)), f"with a new group, the rates are {rates}.")
    return STEPS + 3


def shows(case: _Case) -> int:
    """Its repr names the class, the settings and where it stands; `get_last_lr` gives the rates of the optimiser."""
    schedule = case.over(_optimizer(1.0, 0.5))
    case.run(schedule, 2)
    text = repr(schedule)
    for part in (f"{case.cls.__name__}(", "t=2", *(f"{name}=" for name in case.settings)):
        require(part in text, f"its repr, {text}, lacks {part!r}.")
    require(schedule.get_last_lr() == [group["lr"] for group in schedule.optimizer.param_groups], "get_last_lr is off.")
    return 2


CONTRACTS: dict[str, Callable[[_Case], int]] = {
    "gives rates": gives_rates,
    "resumes": resumes,
    "copies": copies,
    "groups": groups,
    "shows": shows,
}


@named
def check_schedule(cls: type[Schedule], samples: Sequence[Mapping[str, Any]] | None = None) -> ContractReport:
    """Run all contracts of a class of schedules, on settings.

    Parameters
    ----------
    samples : settings to make it with, one dict for each choice; by default those in its attribute ``samples``.

    Raises
    ------
    ContractError : one is broken, or there are no samples; the message names the schedule, the contract and the
        settings.

    Examples
    --------
    >>> print(tg.testing.check_schedule(optim.StepLR, [{"step_size": 2}]))
    StepLR: ... checks hold
    ...
    """
    if not (inspect.isclass(cls) and issubclass(cls, Schedule)):
        raise TypeError(f"check_schedule: expected a class of schedules, such as optim.StepLR, got {cls!r}.")
    name, chosen = cls.__name__, cls.samples if samples is None else samples
    if not chosen:
        raise ContractError(
            f"{name}: there are no settings to check it with. Write in the class, for example, "
            'samples = [{"steps": 3}]: one dict for each choice of settings, without the optimiser.'
        )
    return run_all(name, CONTRACTS, chosen, partial(_Case, cls))
