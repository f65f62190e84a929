"""Terms that the formulas of several optimisers have; all but `zeros` take arrays and Tensors alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..ops import where


def zeros(parameter: Any) -> np.ndarray:
    """Return an array of zeros of the shape and dtype of a parameter."""
    return np.zeros(parameter.shape, parameter.dtype)


def held(state: Mapping[str, Any], name: str, parameter: Any) -> Any:
    """Return what a state holds under a name; zeros if a setting that needs it was turned on after the start."""
    value = state.get(name)
    return zeros(parameter) if value is None else value


def average(running: Any, rate: float, new: Any) -> Any:
    """Return ``rate * running + (1 - rate) * new``."""
    return running * rate + new * (1 - rate)


def sign(x: Any) -> Any:
    """Return -1, 0 or 1 by the sign of each element; NaN stays."""
    return where(x > 0, 1.0, where(x < 0, -1.0, x))
