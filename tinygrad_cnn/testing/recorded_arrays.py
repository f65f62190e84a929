"""Arrays as a small reference file holds them, and how far another array is from one.

An array of at most 64 elements is kept whole.  Of a larger one the file has its norm, mean, least and largest value, 32
elements at fixed places, and the sum of all elements times fixed weights of both signs, which is moved by a change of
any element, of any sign, and by an exchange of two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

Stored = dict[str, Any]

WHOLE = 64  # elements
SAMPLES = 32
DIGITS = {2: 5, 4: 9, 8: 12}  # of a float of so many bytes, in the file
RTOL = {2: 1e-2, 4: 1e-5, 8: 1e-9}
LEAST_RTOL = 1e-11  # below it, the digits in the file would decide
NOISE = 8  # roundings of the largest gradient, below which a gradient is noise
GOLDEN = (math.sqrt(5) - 1) / 2


class Row(NamedTuple):
    """A number that is not what the reference says."""

    name: str
    place: str  # of the element, as "[0, 2]"; "" for one number of a whole array
    what: str
    expected: float
    got: float
    tolerance: float

    @property
    def difference(self) -> float:
        return abs(self.got - self.expected)

    @property
    def excess(self) -> float:
        """The difference in units of the tolerance."""
        return self.difference / self.tolerance if self.tolerance else math.inf


def weights(shape: tuple[int, ...]) -> np.ndarray:
    """Fixed weights between 0.5 and 1.5 in absolute value, of both signs; the same bits on every machine."""
    k = np.arange(math.prod(shape))
    flat: np.ndarray = (0.5 + np.mod((k + 1) * GOLDEN, 1.0)) * np.where(k % 2, -1.0, 1.0)
    return flat.reshape(shape)


def stored(array: np.ndarray) -> Stored:
    """What the file holds of an array.

    Raises
    ------
    ValueError : the array holds NaN or an infinity.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"holds {array[bad]} at {bad}")
    made: Stored = {"shape": [int(n) for n in array.shape], "dtype": array.dtype.name}
    flat = array.reshape(-1)
    if flat.size <= WHOLE:
        return made | {"values": _numbers(flat, array.dtype)}
    wide = flat.astype(np.float64)
    sums = {
        "norm": np.linalg.norm(wide), "mean": wide.mean(), "min": wide.min(), "max": wide.max(),
        "weighted_sum": np.sum(wide * weights(wide.shape)),
    }  # fmt: skip
    made |= dict(zip(sums, _numbers(np.array([*sums.values()]), np.dtype(np.float64)), strict=True))
    return made | {"elements": _numbers(flat[_places(flat.size)], array.dtype)}


def _places(size: int) -> list[int]:
    return [k * (size - 1) // (SAMPLES - 1) for k in range(SAMPLES)]


def _numbers(flat: np.ndarray, dtype: Any) -> list[Any]:
    if dtype.kind != "f":
        return [int(v) for v in flat]
    digits = DIGITS.get(dtype.itemsize, 12)
    return [float(f"{float(v):.{digits}g}") for v in flat]


def norm_of(one: Stored) -> float:
    """The norm of a stored array."""
    return float(one["norm"]) if "norm" in one else math.hypot(*one["values"])


def check(one: Any) -> None:
    """Raise ValueError unless this is a stored array."""
    size = math.prod(one["shape"])
    np.dtype(one["dtype"])
    if size <= WHOLE:
        numbers, count = one["values"], size
    else:
        numbers, count = one["elements"], SAMPLES
        numbers = [*numbers, *(one[key] for key in ("norm", "mean", "min", "max", "weighted_sum"))]
        count += 5
    if len(numbers) != count or not all(isinstance(v, (int, float)) for v in numbers):
        raise ValueError(f"an array of shape {one['shape']} is not recorded as one")


def noise_of(arrays: Mapping[str, Stored]) -> float:
    """What rounding alone may leave of a gradient that is zero: some roundings of the largest of the gradients."""
    floats = [one for one in arrays.values() if np.dtype(one["dtype"]).kind == "f"]
    return max((NOISE * float(np.finfo(one["dtype"]).eps) * norm_of(one) for one in floats), default=0.0)


def worst(name: str, kind: str, old: Stored, new: Stored, rtol: float | None, atol: float, noise: float) -> Row | None:
    """The number of one array that is furthest out of its tolerance; None if all are within it.

    `old` and `new` have the same shape and dtype.  The tolerance of elements is `rtol` times the norm of the array, at
    least `noise`, and `atol` more; whole numbers and booleans must be equal.
    """
    dtype = np.dtype(old["dtype"])
    tolerance = 0.0
    if dtype.kind == "f":
        tolerance = atol + max((RTOL[dtype.itemsize] if rtol is None else rtol) * norm_of(old), noise)
    rows = list(_rows(name, kind, old, new, tolerance))
    out = [row for row in rows if not row.difference <= row.tolerance]
    return max(out, key=lambda row: row.excess, default=None)


def _rows(name: str, kind: str, old: Stored, new: Stored, tolerance: float) -> Iterator[Row]:
    size = math.prod(old["shape"])
    whole = "values" in old
    key = "values" if whole else "elements"
    for place, expected, got in zip(range(size) if whole else _places(size), old[key], new[key], strict=True):
        index = [int(i) for i in np.unravel_index(place, old["shape"])] if old["shape"] else []
        yield Row(name, str(index or ""), kind, expected, got, tolerance)
    if not whole:
        # an array that is nowhere further off than this in norm is within each of these
        limits = {"norm": 1.0, "min": 1.0, "max": 1.0, "mean": 1 / math.sqrt(size), "weighted_sum": 1.5}
        for what, factor in limits.items():
            yield Row(name, "", f"{what.replace('_', ' ')} of {kind}", old[what], new[what], factor * tolerance)


def table(rows: list[Row], most: int) -> list[str]:
    """The rows as lines of text, the worst first."""
    rows = sorted(rows, key=lambda row: -row.excess)
    cells = [("name", "what", "expected", "got", "difference", "tolerance")]
    cells += [
        (
            row.name + row.place, row.what, f"{row.expected:.9g}", f"{row.got:.9g}", f"{row.difference:.3g}",
            f"{row.tolerance:.2g}",
        )
        for row in rows[:most]
    ]  # fmt: skip
    wide = [max(len(line[k]) for line in cells) for k in range(6)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, wide, strict=True)).rstrip() for line in cells]
    return lines + ([f"... and {len(rows) - most} more"] if len(rows) > most else [])
