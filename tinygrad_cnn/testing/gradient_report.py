"""What a gradient check says: how many comparisons held, or which entry is wrong and by how much."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class GradReport:
    """A check that held: the number of comparisons by kind, and what could not be tried."""

    order: int
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def checks(self) -> int:
        """The number of comparisons made."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.counts.items())
        return "\n".join([f"gradcheck: {self.checks} checks up to order {self.order} hold ({kinds})", *self.notes])


@dataclass
class Failure:
    """One comparison that did not hold: the worst entry, and differences at several steps beside it."""

    order: int
    what: str  # was compared, as in "the gradient in input 0"
    analytic: float
    numeric: float
    tolerance: float
    seed: int
    input: int | None = None  # number of the input that the worst entry belongs to
    index: tuple[int, ...] | None = None  # of the worst entry in that input
    output: tuple[int, ...] | None = None  # of the output entry, where the whole Jacobian was compared
    steps: list[tuple[float, float]] = field(default_factory=list)  # (step, central difference)
    kink: str = ""
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"gradcheck: {self.what} is wrong at order {self.order}."]
        if self.kink:
            lines = [f"gradcheck: {self.what} cannot be judged at order {self.order}: {self.kink}"]
        if self.index is not None:
            seen = f", output {self.output}" if self.output is not None else ""
            lines.append(f"  worst entry: input {self.input}, index {self.index}{seen}")
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
