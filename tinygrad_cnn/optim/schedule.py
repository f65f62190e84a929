"""What all schedules share: the optimiser whose learning rates they set, a count, what is saved of both."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from ..autodiff.calls import OURS, named
from ..autodiff.effects import effect
from ..autodiff.foreign import answering
from ..autodiff.numbers import whole
from ..core.errors import describe
from .optimizer import Optimizer

__all__ = ["Schedule"]


def check_rates(who: str, optimizer: Any) -> None:
    """Refuse what is not an optimiser with a learning rate."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{who}: needs an optimiser, got {type(optimizer).__name__}.")
    if "lr" not in optimizer.defaults:
        raise TypeError(f"{who}: {optimizer.who} has no learning rate to change.")


@answering("Schedule")
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
        check_rates(self.who, optimizer)
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

    def rates(self, bases: Sequence[float], t: int) -> list[float]:
        """The learning rates of all groups, which began with `bases`, after t steps."""
        return [self.rate(base, t) for base in bases]

    @property
    def base_lrs(self) -> list[float]:
        """The learning rates of all groups that factors multiply.  A group added later brings its own."""
        new = self.optimizer.param_groups[len(self._base_lrs) :]
        if new:
            self._base_lrs = [*self._base_lrs, *(group["lr"] for group in new)]
        return self._base_lrs

    def _set(self) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates(self.base_lrs, self.t), strict=True):
            group["lr"] = rate

    @effect
    def step(self) -> None:
        """Count one step and set the optimiser's learning rates."""
        self.t += 1
        self._set()

    @property
    def lrs(self) -> list[float]:
        """The learning rates of all groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The learning rates of all groups now, as PyTorch spells it: `lrs`."""
        return self.lrs

    def settings(self) -> dict[str, Any]:
        """The settings that it was made with."""
        given = [name for name in inspect.signature(type(self)).parameters if name != "optimizer"]
        return {name: vars(self)[name] for name in given if name in vars(self)}

    def __repr__(self) -> str:
        shown = [f"{name}={_shown(value)}" for name, value in self.settings().items()]
        return f"{self.who}({', '.join([*shown, f't={self.t}', f'lrs={self.lrs}'])})"

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


def rising(who: str, milestones: Any) -> list[int]:
    """Milestones as whole numbers, at least 1 and each above the one before.

    Raises
    ------
    TypeError, ValueError : they are not.
    """
    if not isinstance(milestones, (tuple, list, range)):
        raise TypeError(f"{who}: milestones must be a list of numbers of steps, got {describe(milestones)}.")
    found = [whole(who, f"milestones[{k}]", value) for k, value in enumerate(milestones)]
    if any(later <= earlier for earlier, later in pairwise(found)):
        raise ValueError(f"{who}: milestones={found} must rise. Sort them, and give each once.")
    return found


def _shown(value: Any) -> str:
    """A setting as a repr shows it: a function by its name, a schedule without its count, a list one by one."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Schedule):
        return f"{value.who}({', '.join(f'{name}={_shown(one)}' for name, one in value.settings().items())})"
    return getattr(value, "__name__", None) or repr(value)
