"""What a gradient check says: what held and how sharp the check was, or which entry is wrong and by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

SHOWN = 5  # places that a report names of many


@dataclass
class Power:
    """How small an error of a gradient would have been seen, in the worst of the inputs, at order 1.

    Attributes
    ----------
    entry : of one entry alone, relative to the root mean square of the gradient's entries.
    all : of all entries together, by one factor: the factor's distance from 1.
    absolute : of one entry, in the gradient's own units.
    """

    entry: float = 0.0
    all: float = 0.0
    absolute: float = 0.0

    def __str__(self) -> str:
        if not np.isfinite(self.entry):
            return f"an error of {self.absolute:.1g} in one entry; all are zero"
        return (
            f"an error of {self.entry:.1g} in one entry (relative to a typical one; {self.absolute:.1g} absolute), "
            f"or of {self.all:.1g} in all"
        )


@dataclass
class NotJudged:
    """Something of which the check cannot say whether it is right.

    Attributes
    ----------
    what : as "relu (features.1)" or "input 0".
    why : the reason.
    count : how many units or entries.
    places : indices of some of them.
    """

    what: str
    why: str
    count: int
    places: list[tuple[int, ...]]

    def __str__(self) -> str:
        some = ", ".join(map(str, self.places[:SHOWN])) + (", ..." if self.count > SHOWN else "")
        at = f" at {some}" if any(self.places) else ""
        return f"{self.what}, {self.count} {'place' if self.count == 1 else 'places'}{at}: {self.why}"


@dataclass
class GradReport:
    """A check that held.

    Attributes
    ----------
    order, seed : as they were asked for.
    counts : how many comparisons were made, by kind.
    power : the smallest errors that would have been seen; None where nothing was compared.
    not_judged : units and entries of which the check cannot say whether they are right; they do not fail it.
    covered : regions (the least and largest value of each input) and branches (how many elements were on each piece of
        an op that has pieces).
    notes : what else there is to know.
    """

    order: int
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    power: Power | None = None
    not_judged: list[NotJudged] = field(default_factory=list)
    covered: dict[str, dict[str, object]] = field(default_factory=lambda: {"regions": {}, "branches": {}})
    notes: list[str] = field(default_factory=list)

    @property
    def checks(self) -> int:
        """The number of comparisons made."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.counts.items())
        lines = [f"gradcheck: {self.checks} checks up to order {self.order} hold ({kinds})."]
        if self.power is not None:
            lines.append(f"They would have seen {self.power}.")
        regions = ", ".join(f"{name} from {low:.3g} to {high:.3g}" for name, (low, high) in self._regions())
        if regions:
            lines.append(f"Covered: {regions}.")
        lines += [f"  {name}: {counts}" for name, counts in self.covered["branches"].items()]
        if self.not_judged:
            lines.append("Not judged:")
            lines += [f"  {each}" for each in self.not_judged]
        return "\n".join([*lines, *self.notes])

    def _regions(self) -> list[tuple[str, tuple[float, float]]]:
        return list(self.covered["regions"].items())  # type: ignore[arg-type]

    def skip(self, what: str, why: str, places: Iterable[Iterable[int]], count: int | None = None) -> None:
        """Note what is not judged; units that stand there for the same reason are listed once."""
        found = [tuple(int(i) for i in place) for place in places]
        for each in self.not_judged:
            if (each.what, each.why) == (what, why):
                each.places += [place for place in found if place not in each.places]
                each.count = max(each.count, count or 0, len(each.places))
                return
        self.not_judged.append(NotJudged(what, why, count or len(found), found))

    def sharpen(self, tolerance: float, gradient: np.ndarray, along: float) -> None:
        """Note how small an error a comparison would have seen: of one entry, and of all."""
        typical = float(np.sqrt(np.mean(np.square(gradient)))) if gradient.size else 0.0
        absolute = 2.0 * tolerance  # no weight of a direction is below a half
        old = self.power or Power(np.inf, np.inf, 0.0)
        if typical and along and tolerance < typical * np.sqrt(gradient.size):  # else there is nothing to compare with
            entry, every = absolute / typical, tolerance / abs(along)
            old = Power(*[new if np.isinf(b) else max(b, new) for b, new in ((old.entry, entry), (old.all, every))])
            old.absolute = self.power.absolute if self.power else 0.0
        self.power = Power(old.entry, old.all, max(old.absolute, absolute))


@dataclass
class Failure:
    """One comparison that did not hold: the worst entry, and differences at several steps beside it."""

    order: int
    what: str  # was compared, as in "the gradient in input 0"
    analytic: float
    numeric: float
    tolerance: float
    seed: int
    place: str = ""  # what the worst entry belongs to, as "input 0"
    input: int | None = None  # its number
    index: tuple[int, ...] | None = None  # of the worst entry in that input
    output: tuple[int, ...] | None = None  # of the output entry, where the whole Jacobian was compared
    steps: list[tuple[float, float]] = field(default_factory=list)  # (step, central difference)
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"gradcheck: {self.what} is wrong at order {self.order}."]
        if self.index is not None:
            seen = f", output {self.output}" if self.output is not None else ""
            lines.append(f"  worst entry: {self.place}, index {self.index}{seen}")
        lines.append(
            f"  analytic {self.analytic:.10g}, numeric {self.numeric:.10g}, "
            f"difference {abs(self.analytic - self.numeric):.3g} (tolerance {self.tolerance:.2g})"
        )
        if self.steps:
            lines.append("  step     central difference   error")
            lines += [f"  {h:<7.0e}  {d:<19.12g}  {abs(d - self.analytic):.3g}" for h, d in self.steps]
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join([*lines, f"  seed {self.seed}"])


class GradcheckError(AssertionError):
    """A gradient does not hold; `report` is the `Failure`, or None where the function could not be checked at all."""

    def __init__(self, message: str | Failure) -> None:
        super().__init__(str(message))
        self.report = message if isinstance(message, Failure) else None
