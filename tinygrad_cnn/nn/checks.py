"""Constructor arguments of layers: each check names the layer, the argument, the value and the rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import describe
from ..core.modes import state
from ..kernels import shapes


def whole(layer: str, name: str, value: Any, least: int = 1) -> int:
    """An int of at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{layer}: {name}={value!r} must be an int of at least {least}.")
    if value < least:
        raise ValueError(f"{layer}: {name}={value!r} must be at least {least}.")
    return int(value)


def number(layer: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within [low, high]."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{layer}: {name}={value!r} must be a number.")
    if not (math.isfinite(value) and low <= value <= high):
        within = f" of at least {low}" if high == math.inf else f" within [{low}, {high}]"
        raise ValueError(f"{layer}: {name}={value!r} must be a finite number{within if low > -math.inf else ''}.")
    return float(value)


def window(layer: str, size: Any, *, pooling: bool = False, **options: Any) -> shapes.Pair:
    """A window with its stride, padding and dilation, tried on an image that it fits; the window as a pair."""
    pair = shapes.pair(layer, "window", size)
    side = max(pair) * max(shapes.pair(layer, "dilation", options.get("dilation", 1))) + 1
    if pooling:
        return shapes.pool_window(layer, (1, side, side, 1), pair, **options).window
    return shapes.resolve(layer, (side, side), pair, **options).window


def misfit(layer: str, form: str, x: Any, remedy: str = "") -> Exception:
    """The error of a layer, named by its path, whose input is not of `form`, as in "images (N, H, W, 32)"."""
    who = f"{layer} ({state.path})" if state.path else layer
    if not hasattr(x, "shape"):
        return TypeError(f"{who}: x must be an array or a Tensor, got {describe(x)}.")
    return ValueError(f"{who}: expects {form}, but x has shape {tuple(x.shape)}.{remedy}")
