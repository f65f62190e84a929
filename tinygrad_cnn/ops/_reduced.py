"""What losses share: how they are reduced, and how their arguments are checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff.means import divides_by
from ..core.errors import describe
from ..core.tensor import Tensor
from ._arguments import shape_of, values
from .algebra import cast, floats
from .reduce import mean, sum


def check_reduction(who: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{who}: reduction={reduction!r} must be "mean", "sum" or "none".')


def reduced(who: str, losses: Any, reduction: str) -> Any:
    """The mean of all losses, their sum, or the losses themselves."""
    check_reduction(who, reduction)
    if reduction == "mean":
        divides_by(math.prod(losses.shape))
        return mean(losses)
    return losses if reduction == "none" else sum(losses)


def pair(who: str, a: Any, b: Any, names: str = "predictions and targets") -> tuple[Any, Any]:
    """Two arguments of one shape, whole numbers among them as floats: differences of bytes go round."""
    if (mine := shape_of(who, a)) != (other := shape_of(who, b)):
        one, _, two = names.partition(" and ")
        raise ValueError(
            f"{who}: {one} {mine} and {two} {other} must have one shape. "
            "Reshape one of them, as with [:, None], or [..., 0], so that nothing is broadcast by mistake."
        )
    return floats(who, a, b)


def check_between(who: str, name: str, x: Any, low: float, high: float, remedy: str) -> None:
    """Refuse an array that has an element outside of [low, high], or NaN."""
    array = np.asarray(values(x))
    held = (array >= low) & (array <= high)
    if not held.all():
        place = np.unravel_index(np.argmin(held), array.shape)
        at = f"[{', '.join(map(str, place))}]" if place else ""
        bounds = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
        raise ValueError(f"{who}: {name}{at} is {array[place]}; it must be a number {bounds}. {remedy}")


def signs(who: str, y: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Targets that are 1 or -1, in a dtype; of the shape of the losses."""
    array = np.asarray(values(y))
    if array.shape != shape or array.dtype.kind not in "iuf" or not ((array == 1) | (array == -1)).all():
        raise ValueError(f"{who}: y is {describe(array)}, expected {shape}: 1 or -1 for each loss.")
    return cast(y if isinstance(y, Tensor) else array, dtype=dtype)
