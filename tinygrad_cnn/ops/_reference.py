"""References that compute one number at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def scalarwise(fn: Callable[..., float]) -> Callable[..., np.ndarray]:
    """A reference that applies a function of Python numbers to each element, parameters by keyword."""

    def ref(*arrays: Any, **params: Any) -> np.ndarray:
        each = np.broadcast(*arrays)
        flat = np.array([fn(*(float(v) for v in row), **params) for row in each], dtype=np.float64)
        return flat.reshape(each.shape)

    return ref
