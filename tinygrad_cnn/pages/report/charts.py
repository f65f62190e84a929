"""Line charts as SVG text: sharp on paper and on small screens, in the page's own colours, by light and by dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ...insight.numbers import number

WIDTH, HEIGHT = 480, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 40  # margins of the plot inside
MARKED = 40  # points; with more the line alone is clearer
SLOTS = 5  # colours that the style sheet names --series-1 ... --series-5
DASHES = ("", "7 4", "2 4")  # for series that share a colour


@dataclass
class Series:
    """A line: values by x, a gap where one is not finite.  `slot` counts colours from 0, and goes on with dashes.

    `width` in pixels: lines that may lie on each other are drawn from broad to narrow, so that all are seen.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    slot: int = 0
    dash: int | None = None
    width: float = 2.0

    @property
    def color(self) -> str:
        """A number of the style sheet's colours, from 1."""
        return str(self.slot % SLOTS + 1)

    @property
    def dashes(self) -> str:
        """SVG's dash pattern, "" for a solid line."""
        return DASHES[(self.slot // SLOTS if self.dash is None else self.dash) % len(DASHES)]


def line_chart(
    series: Sequence[Series], *, title: str, percent: bool = False, log: bool = False, x_label: str = "epoch",
    marks: Sequence[tuple[float, str]] = (),
) -> str:  # fmt: skip
    """An SVG element; "" if there is no finite value.  `title` is read to those who do not see it.

    With `log`, values that are all positive and go over a wide range have a logarithmic axis.  `marks` are places on
    the x axis with what happened there.
    """
    drawn = [one for one in series if np.isfinite(_array(one.y)).any()]
    if not drawn:
        return ""
    xs, ys = (np.concatenate([_array(getattr(one, axis)) for one in drawn]) for axis in ("x", "y"))
    seen = np.isfinite(ys) & np.isfinite(xs)
    low, high = float(ys[seen].min()), float(ys[seen].max())
    log = log and wide(low, high)
    x_ticks = ticks(float(xs[seen].min()), float(xs[seen].max()), 8, whole=True)
    y_ticks = log_ticks(low, high) if log else ticks(low, high, 5)
    if percent:
        y_ticks = [t for t in y_ticks if t <= 1 + 1e-9]
    scale = _Scale(
        min(x_ticks[0], float(xs[seen].min())), max(x_ticks[-1], float(xs[seen].max())), min(y_ticks[0], low),
        max(y_ticks[-1], high), log,
    )  # fmt: skip
    body = [*_grid(scale, x_ticks, y_ticks, percent, x_label)]
    for one in drawn:
        body += _line(scale, one, percent, x_label)
    body += [_mark(scale, x, words) for x, words in marks]
    kind = "chart log-scale" if log else "chart"
    return (
        f'<svg class="{kind}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(body)}</svg>"
    )


def _mark(scale: _Scale, x: float, words: str) -> str:
    """A line across the plot where something happened."""
    place = scale.x(min(max(x, scale.x0), scale.x1))
    return (
        f'<g class="mark"><title>{escape(words)}</title>'
        f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></g>'
    )


def _array(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, dtype=float)


@dataclass
class _Scale:
    """From values to places in the picture."""

    x0: float
    x1: float
    y0: float
    y1: float
    log: bool = False

    def x(self, value: float) -> float:
        share = (value - self.x0) / (self.x1 - self.x0) if self.x1 > self.x0 else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y0, self.y1
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        share = (value - low) / (high - low) if high > low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Round numbers, at most about `most`, that reach from `low` to `high` or beyond."""
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        if whole:
            return [low]
        low, high = low - pad, high + pad
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    if whole:
        step = max(1.0, math.ceil(step))
        first, last = math.ceil(low / step), math.floor(high / step)
    else:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, last + 1)] or [low]


def wide(low: float, high: float) -> bool:
    """Whether a range wants a logarithmic axis: a plain one would press its lower part flat."""
    return 0 < 20 * low < high


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from `low` to `high` or beyond, with 2 and 5 between where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    between = (1, 2, 5) if last - first <= 3 else (1,)
    found = [m * 10.0**k for k in range(first, last + 1) for m in between]
    inside = [t for t in found if low <= t <= high]
    return [t for t in found if t < low][-1:] + inside + [t for t in found if t > high][:1]


def value_text(value: float, percent: bool) -> str:
    """A value as a reader wants it at an axis or a point."""
    return f"{number(100 * value)}%" if percent else number(value)


def _grid(scale: _Scale, xs: list[float], ys: list[float], percent: bool, x_label: str) -> list[str]:
    parts = []
    for value in ys:
        y = scale.y(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{value_text(value, percent)}</text>')
    for value in xs:
        parts.append(
            f'<text x="{scale.x(value):.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{number(value)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle" class="axis">{escape(x_label)}</text>')
    return parts


def _line(scale: _Scale, one: Series, percent: bool, x_label: str) -> list[str]:
    """The line in pieces between gaps, and points that say their value when they are pointed at."""
    path, dots, pen = [], [], False
    count = int(np.isfinite(_array(one.y)).sum())
    for x, y in zip(one.x, one.y, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = False
            continue
        px, py = scale.x(x), scale.y(y)
        path.append(f"{'L' if pen else 'M'}{px:.1f} {py:.1f}")
        pen = True
        if count <= MARKED:
            words = escape(f"{one.label}, {x_label} {number(x)}: {value_text(y, percent)}")
            dots.append(f'<circle class="dot s{one.color}" cx="{px:.1f}" cy="{py:.1f}" r="2.6"/>'
                        f'<circle class="spot" cx="{px:.1f}" cy="{py:.1f}" r="9"><title>{words}</title></circle>'
                        )  # fmt: skip
    dash = f' stroke-dasharray="{one.dashes}"' if one.dashes else ""
    width = f' stroke-width="{one.width:g}"' if one.width != 2 else ""
    return [f'<path class="line s{one.color}" d="{"".join(path)}"{dash}{width}/>', *dots]
