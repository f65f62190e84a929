"""A scale of colours for numbers: pale yellow is least, blue is most.

A curve in CIELAB, through green.  Lightness falls evenly, so that a grey print keeps the order, and so does b*, from
yellow to blue, which the colour-blind see too; equal steps look about equally large.  All of it is light enough for
black text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LEAST, BETWEEN, MOST = (96.0, -8.0, 40.0), (77.5, -54.0, 2.0), (59.0, -6.0, -36.0)  # L*, a*, b*: a parabola
TEXT = "#111111"  # of boxes; every colour here has contrast of at least 4.5 with it
BROKEN = "#F7A8C4"  # of what holds NaN or Inf: reddish purple, which is nowhere on the scale
NOTHING = "#FFFFFF"  # of what is zero throughout
STEPS = 5  # of a legend
DECADES = 6  # of gradients: what is smaller than the largest by more has the least colour


def colour(share: float) -> str:
    """The colour of a place on the scale, from 0 to 1, as ``#RRGGBB``."""
    t = min(max(share, 0.0), 1.0)
    weights = (1 - t) ** 2, 2 * t * (1 - t), t**2
    axes = zip(LEAST, BETWEEN, MOST, strict=True)
    return _srgb(*(sum(w * v for w, v in zip(weights, axis, strict=True)) for axis in axes))


@dataclass(frozen=True)
class Scale:
    """From a number to its colour: `low` has the least one, `high` the most; in between by logarithms, or by roots."""

    low: float
    high: float
    logarithmic: bool

    def share(self, value: float) -> float:
        """The place of a value on the scale, from 0 to 1."""
        if self.high <= self.low:
            return 1.0
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return math.sqrt((value - self.low) / (self.high - self.low))

    def colour(self, value: float) -> str:
        """The colour of a value; zero has one of its own on a logarithmic scale, and what is not finite always."""
        if not math.isfinite(value):
            return BROKEN
        return NOTHING if value == 0 and self.logarithmic else colour(self.share(value))

    def steps(self) -> list[float]:
        """Values from low to high for a legend, evenly spaced on the scale."""
        if self.high <= self.low:
            return [self.high]
        shares = [k / (STEPS - 1) for k in range(STEPS)]
        if self.logarithmic:
            return [self.low * (self.high / self.low) ** t for t in shares]
        return [self.low + (self.high - self.low) * t * t for t in shares]


def decades(values: Iterable[float]) -> Scale | None:
    """The logarithmic scale of what is finite and above zero among these values, DECADES at most; None without any."""
    known = [v for v in values if math.isfinite(v) and v > 0]
    return Scale(max(min(known), max(known) / 10**DECADES), max(known), True) if known else None


def shares(values: Iterable[float]) -> Scale | None:
    """The scale from 0 to the sum of these values, by roots, since most shares of a whole are small."""
    total = sum(values)
    return Scale(0.0, total, False) if total > 0 else None


def _srgb(lightness: float, a: float, b: float) -> str:
    """CIELAB (white D65) as sRGB."""
    y = (lightness + 16) / 116
    x, y, z = (
        white * (f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29))
        for white, f in zip((0.95047, 1.0, 1.08883), (y + a / 500, y, y - b / 200), strict=True)
    )
    linear = (
        3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
        -0.9692660 * x + 1.8760108 * y + 0.0415560 * z,
        0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
    )
    channels = (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in linear)
    return "#" + "".join(f"{round(255 * min(max(v, 0.0), 1.0)):02X}" for v in channels)
