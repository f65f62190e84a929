"""What the settings of optimisers may be: one table, whoever uses them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Rule = tuple[str, Callable[[Any], bool]]

_AT_LEAST_0: Rule = ("a finite number of at least 0", lambda v: v >= 0)
_BELOW_1: Rule = ("a number of at least 0 and below 1", lambda v: 0 <= v < 1)

FINITE: Rule = ("a finite number", lambda v: True)  # and so are settings that only a user's optimiser has

RULES: dict[str, Rule] = {
    "lr": _AT_LEAST_0,
    "momentum": _AT_LEAST_0,
    "weight_decay": _AT_LEAST_0,
    "eps": _AT_LEAST_0,
    "lr_decay": _AT_LEAST_0,
    "momentum_decay": _AT_LEAST_0,
    "initial_accumulator_value": _AT_LEAST_0,
    "max_norm": _AT_LEAST_0,
    "max_value": _AT_LEAST_0,
    "alpha": _BELOW_1,
    "rho": ("a number from 0 to 1", lambda v: 0 <= v <= 1),
    "dampening": FINITE,
    "decay": _BELOW_1,
    "tolerance_grad": _AT_LEAST_0,
    "tolerance_change": _AT_LEAST_0,
}
FLAGS = frozenset({"nesterov", "amsgrad", "centered", "warmup"})
COUNTS = {"max_iter": False, "history_size": False, "max_eval": True}  # whether None will do


def _number(value: Any) -> float | None:
    """A finite number as a float, else None."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    return float(value) if math.isfinite(value) else None


def check(who: str, name: str, value: Any) -> Any:
    """A setting as a plain number, pair or bool; refuses a wrong one with the value and the rule."""
    if name in FLAGS:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{who}: {name}={value!r} must be True or False.")
        return bool(value)
    if name in COUNTS:
        if value is None and COUNTS[name]:
            return None
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{who}: {name}={value!r} must be an int of at least 1{' or None' * COUNTS[name]}.")
        return int(value)
    if name == "betas":
        pair = [_number(v) for v in value] if isinstance(value, (tuple, list)) else []
        if len(pair) != 2 or not all(b is not None and 0 <= b < 1 for b in pair):
            raise ValueError(f"{who}: betas={value!r} must be two numbers of at least 0 and below 1.")
        return tuple(pair)
    if isinstance(value, bool) and name not in RULES:  # a flag of somebody's own optimiser
        return value
    words, rule = RULES.get(name, FINITE)
    number = _number(value)
    if number is None or not rule(number):
        raise ValueError(f"{who}: {name}={value!r} must be {words}.")
    return number


class Group(dict[str, Any]):
    """Parameters that share settings: ``group["params"]``, ``group["lr"]`` and so on, checked when set."""

    def __init__(self, who: str, params: list[Any], settings: dict[str, Any]) -> None:
        super().__init__()
        self.who = who
        dict.__setitem__(self, "params", params)
        for name, value in settings.items():
            dict.__setitem__(self, name, check(who, name, value))

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self or name == "params":
            settings = ", ".join(k for k in self if k != "params")
            raise KeyError(f"{self.who}: {name!r} cannot be set; the settings are {settings}.")
        dict.__setitem__(self, name, check(self.who, name, value))
