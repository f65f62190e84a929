"""An array in a dozen numbers: what pictures, pages and error messages say about values and gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 12  # of the histogram: few enough to be read as one line of block characters
PIECE = 1 << 18  # elements that are looked at at a time, so that a huge array is never copied whole
BLOCKS = "▁▂▃▄▅▆"  # the higher ones touch the line above


@dataclass(frozen=True)
class Stats:
    """Statistics of an array; numbers are those of its finite values, None where there is none.

    Complex values count by their magnitudes, booleans as 0 and 1.

    Attributes
    ----------
    mean, std, min, max : of the finite values; `std` divides by their number.
    zeros, nan, inf : shares of all elements, from 0 to 1.
    norm : root of the sum of squares of the finite values; it does not overflow before float64 does.
    counts : how many finite values lie in each of the equal bins from `min` to `max`; all in the first if these are
        equal, and () if there is none.
    """

    shape: tuple[int, ...]
    dtype: str
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: float
    nan: float
    inf: float
    norm: float
    counts: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape)

    @property
    def finite(self) -> bool:
        """Whether there is neither NaN nor Inf."""
        return not (self.nan or self.inf)

    @property
    def spark(self) -> str:
        """The histogram in block characters; heights go with the root of the count, so that rare values are seen."""
        if not self.counts or self.min == self.max:
            return ""
        most = max(self.counts)
        return "".join(BLOCKS[math.ceil((len(BLOCKS) - 1) * math.sqrt(n / most))] for n in self.counts)

    def to_json(self) -> dict[str, Any]:
        """The same as plain numbers, lists and None: what `json` can write."""
        histogram = {"low": _plain(self.min), "high": _plain(self.max), "counts": list(self.counts)}
        numbers = {k: _plain(getattr(self, k)) for k in ("mean", "std", "min", "max", "zeros", "nan", "inf", "norm")}
        return {"shape": list(self.shape), "dtype": self.dtype, **numbers, "histogram": histogram}


def _plain(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@np.errstate(over="ignore", invalid="ignore")  # of conversions to float64, which then hold Inf
def stats(values: Any) -> Stats:
    """Statistics of an array of numbers or booleans (any shape, also () and empty ones), which is only read.

    Raises
    ------
    TypeError : its elements are not numbers.
    """
    a = np.asarray(values)
    if a.dtype.kind not in "biufc":
        raise TypeError(f"stats: needs numbers or booleans, got dtype {a.dtype}.")
    nan = inf = zeros = 0
    low, high = math.inf, -math.inf
    for piece in _pieces(a):
        finite = np.isfinite(piece)
        if not finite.all():
            nans = int(np.isnan(piece).sum())
            nan, inf = nan + nans, inf + piece.size - int(finite.sum()) - nans
            piece = piece[finite]
        if piece.size:
            zeros += piece.size - int(np.count_nonzero(piece))
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    n, whole = a.size - nan - inf, max(a.size, 1)
    facts: dict[str, Any] = {"shape": tuple(int(k) for k in a.shape), "dtype": str(a.dtype)}
    facts |= {"zeros": zeros / whole, "nan": nan / whole, "inf": inf / whole}
    if n == 0:
        return Stats(**facts, mean=None, std=None, min=None, max=None, norm=0.0, counts=())
    # all sums are of numbers from -1 to 1, so that none overflows: u about the middle of the range, x / largest
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    largest = max(abs(low), abs(high))
    first = second = squares = 0.0
    counts = np.zeros(BINS, np.int64)
    for piece in _pieces(a):
        piece = piece[np.isfinite(piece)] if nan or inf else piece
        if half:
            u = (piece - middle) / half
            first, second = first + float(u.sum()), second + float(np.square(u).sum())
            counts += np.bincount(np.clip(((u + 1) * (BINS / 2)).astype(np.intp), 0, BINS - 1), minlength=BINS)
        if largest:
            z = piece / largest
            squares += float(np.square(z).sum())  # z @ z wakes BLAS threads: 1000 x as slow if cores are busy
    if not half:
        counts[0] = n
    mean, spread = first / n, math.sqrt(max(0.0, second / n - (first / n) ** 2))
    return Stats(
        **facts, mean=min(max(middle + half * mean, low), high), std=half * spread, min=low, max=high,
        norm=largest * math.sqrt(squares), counts=tuple(counts.tolist()),
    )  # fmt: skip


def _pieces(a: np.ndarray) -> Iterator[np.ndarray]:
    """The elements as float64, at most PIECE at a time."""
    flat: Any = a.reshape(-1) if a.flags.c_contiguous else a.flat
    for start in range(0, a.size, PIECE):
        piece = flat[start : start + PIECE]
        yield (np.abs(piece) if a.dtype.kind == "c" else piece).astype(np.float64, copy=False)
