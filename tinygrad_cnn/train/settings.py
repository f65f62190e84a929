"""What the settings file of a run must say, and how it is refused in one line where it says something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def _is_whole(value: Any, low: int) -> bool:
    return type(value) is int and low <= value < 2**63


def _is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 100_000 and all(map(holds, value))


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "data": (lambda v: isinstance(v, str), "the name of a data set"),
    "data_dir": (lambda v: v is None or isinstance(v, str), "a folder, or null"),
    "model": (lambda v: isinstance(v, str), "the name of a network"),
    "input_shape": (
        lambda v: _is_list(v, lambda n: _is_whole(n, 1) and n <= 1 << 20) and len(v) == 3,
        "three whole numbers: height, width, channels",
    ),
    "classes": (lambda v: _is_list(v, lambda name: isinstance(name, str)), "a list of names"),
    "epochs": (lambda v: _is_whole(v, 1), "a whole number of at least 1"),
    "batch_size": (lambda v: _is_whole(v, 1), "a whole number of at least 1"),
    "lr": (lambda v: type(v) in (int, float) and math.isfinite(v) and v > 0, "a positive number"),
    "seed": (lambda v: _is_whole(v, 0), "a whole number of at least 0"),
    "threads": (lambda v: v is None or (_is_whole(v, 1) and v <= 256), "a whole number from 1 to 256, or null"),
}


def complaint(settings: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Say what is wrong with some of the settings; "" if all of them are there and of the right type.

    >>> from tinygrad_cnn.train.settings import complaint
    >>> complaint({"lr": "fast"}, ("lr",)), complaint({}, ("seed",))
    ("lr is 'fast'; it must be a positive number", 'seed is missing; it must be a whole number of at least 0')
    """
    for name in names:
        holds, words = RULES[name]
        if name not in settings:
            return f"{name} is missing; it must be {words}"
        if not holds(settings[name]):
            shown = ascii(settings[name])
            return f"{name} is {shown if len(shown) <= 60 else shown[:57] + '...'}; it must be {words}"
    return ""
