"""What the settings of optimisers may be: one table, whoever uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..autodiff.effects import effect
from ..autodiff.numbers import is_number, number, whole
from ..core import Tensor

# What an optimiser is given: Tensors, with or without names, or groups of them with their own settings.
Params: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]

# The bounds of each number, as `autodiff.numbers.number` takes them.  Other numbers must be finite; other settings may
# be of any type.  What only one optimiser means by a name stands in its `checks`: `rho` of SAM is not Adadelta's.
RULES: dict[str, dict[str, Any]] = {
    "lr": {"low": 0},
    "momentum": {"low": 0},
    "weight_decay": {"low": 0},
    "eps": {"low": 0},
    "lr_decay": {"low": 0},
    "momentum_decay": {"low": 0},
    "initial_accumulator_value": {"low": 0},
    "max_norm": {"low": 0},
    "max_value": {"low": 0},
    "dampening": {},
    "decay": {"low": 0, "below": 1},
    "tolerance_grad": {"low": 0},
    "tolerance_change": {"low": 0},
}
FLAGS = frozenset({"nesterov", "amsgrad", "centered", "warmup", "maximize"})
ADDED = frozenset({"maximize"})  # flags that files of older versions lack, which means False
COUNTS = {"max_iter": False, "history_size": False, "max_eval": True}  # whether None will do


Check = Callable[[str, str, Any], Any]


def check(who: str, name: str, value: Any) -> Any:
    """Return a setting as a plain number, pair or bool; refuse a wrong one with the value and the rule."""
    if name in FLAGS:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{who}: {name}={value!r} must be True or False.")
        return bool(value)
    if name in COUNTS:
        optional = COUNTS[name]
        if value is None and optional:
            return None
        return whole(who, name, value, remedy="None sets no limit." if optional else "")
    if name == "betas":
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"{who}: betas={value!r} must be two numbers of at least 0 and below 1.")
        if len(value) != 2:
            raise ValueError(f"{who}: betas={value!r} must be two numbers of at least 0 and below 1.")
        return tuple(number(who, f"betas[{k}]", beta, 0, below=1) for k, beta in enumerate(value))
    if name not in RULES and not is_number(value):
        return tuple(value) if isinstance(value, list) else value
    return number(who, name, value, **RULES.get(name, {}))


class Group(dict[str, Any]):
    """Parameters that share settings: ``group["params"]``, ``group["lr"]`` and so on, checked when set."""

    def __init__(self, owner: type, params: list[Any], settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.owner, self.who = owner, owner.__name__  # the class of the optimiser
        dict.__setitem__(self, "params", params)
        for name, value in settings.items():
            dict.__setitem__(self, name, self._checked(name, value))

    def _checked(self, name: str, value: Any) -> Any:
        """A setting, checked as its optimiser says, or else by the rules of this file."""
        checks: Mapping[str, Check] = getattr(self.owner, "checks", {})
        return checks.get(name, check)(self.who, name, value)

    def __reduce__(self) -> Any:
        """Copy and pickle it as what it was made from."""
        return Group, (self.owner, self["params"], {name: value for name, value in self.items() if name != "params"})

    @effect
    def __setitem__(self, name: str, value: Any) -> None:
        """Change a setting, such as the learning rate."""
        if name not in self or name == "params":
            settings = ", ".join(k for k in self if k != "params")
            raise KeyError(f"{self.who}: {name!r} cannot be set; the settings are {settings}.")
        dict.__setitem__(self, name, self._checked(name, value))
