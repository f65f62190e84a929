"""What was measured, as a picture says it: short lines in a box, a fill, warnings, a legend."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from statistics import median, median_low
from typing import Any, Literal, TypeAlias, get_args

from ..core.errors import describe, nearest
from ..insight.numbers import amount, brief, memory, percent, time_unit
from ..insight.stats import Stats
from . import scale
from .labels import WIDEST
from .measure import Measured

Show: TypeAlias = Literal["shapes", "values", "grads", "params", "cost", "time", "memory", "all"]
SHOWABLE = get_args(Show)[:-1]
FILLS = ("grads", "time", "memory", "cost")  # what a box is coloured by: the first of these that is asked for

# Fresh networks that are shown handwritten digits have up to a tenth of such units in a layer, and up to four tenths
# where they are shown noise, whose pictures are all alike.
DEAD = 0.5
# Gradients are compared with those near the output.  A layer whose gradient is a thousand times smaller moves a
# thousand times less in a step of the same size, and half precision loses it; one that much larger makes it jump.
VANISHING, EXPLODING = 1e-3, 1e3
NEAR_OUTPUT = 0.25  # the first quarter of the ops that the backward pass reaches


def asked(show: Any) -> frozenset[str]:
    """`show` as a set of words: one of `SHOWABLE`, several, or "all"."""
    words = [show] if isinstance(show, str) else list(show) if isinstance(show, Iterable) else [show]
    for word in words:
        if word not in (*SHOWABLE, "all"):
            hint = nearest(word, SHOWABLE) if isinstance(word, str) else ""
            raise ValueError(f"draw: show={describe(word)} is unknown.{hint} There are {', '.join(SHOWABLE)} and all.")
    return frozenset(SHOWABLE if "all" in words else words)


class Badges:
    """What is said of nodes beside their names; `nodes` is one for a box, and several for a module drawn as one.

    Attributes
    ----------
    legend : pairs of a colour and a text.
    notes : what is not known, why, and what to do about it.
    """

    def __init__(self, measured: Measured, show: Collection[str]) -> None:
        self._m, self._show = measured, show
        self._place = {node: k for k, node in enumerate(measured.order)}
        self._seconds = {
            node: measured.forward.get(node, 0.0) + measured.backward.get(node, 0.0)
            for node in {**measured.forward, **measured.backward}
        }
        self._total = sum(self._seconds.values()) or 1.0
        self._near = _near_output(measured)
        self._warnings = {node: self._warn(node) for node in measured.order}
        self._fill, self._scale = self._choose()
        self.legend = self._legend()
        self.notes = list(measured.notes)
        if "time" in show and measured.forward and measured.backward:
            self.notes.append("time is that of the forward pass + that of the backward pass, of one run")

    # -- what the drawing asks for ----------------------------------------------------------------------------

    def lines(self, nodes: Sequence[Any]) -> list[str]:
        """Lines for a box, none longer than WIDEST."""
        m, lines = self._m, list[str]()
        ops = [node for node in nodes if node.op is not None]
        if "values" in self._show and (value := self._last(m.values, nodes)) is not None:
            lines += _stats_lines(value)
        if "grads" in self._show:
            lines += self._gradient_lines(nodes, ops)
        if "params" in self._show and ops and (count := self._parameters(ops)):
            lines.append(f"{count:,} parameter{'s' if count != 1 else ''}")
        if "cost" in self._show and (flop := sum(m.costs[n].flop for n in ops if n in m.costs)):
            adds = sum(m.adds.get(n, 0) for n in ops)
            lines.append(f"{amount(adds)} multiply-adds" if 3 * adds > flop else f"{amount(flop)} FLOP")
        if "time" in self._show and any(n in self._seconds for n in ops):
            lines.append(self._time_line(ops))
        if "memory" in self._show and (kept := sum(m.memory.get(n, 0) for n in ops)):
            lines.append(f"{memory(kept)} kept")
        return lines

    def fill(self, nodes: Sequence[Any]) -> str | None:
        """The colour of a box; None for its usual one."""
        known = [self._fill[node] for node in nodes if node in self._fill]
        if self._scale is None or not known:
            return None
        if not self._scale.logarithmic:
            return self._scale.colour(sum(known))
        return self._scale.colour(median_low(known) if all(map(math.isfinite, known)) else math.nan)

    def warnings(self, nodes: Sequence[Any]) -> list[str]:
        """What is wrong, worst first; of a module, how often."""
        found = [warning for node in nodes for warning in self._warnings.get(node, ())]
        if len(nodes) == 1:
            return [text for _, text in sorted(found, key=lambda pair: _KINDS.index(pair[0]))]
        counts = [(kind, sum(k == kind for k, _ in found)) for kind in _KINDS]
        return [f"{count} × {kind}" for kind, count in counts if count]

    def details(self, nodes: Sequence[Any]) -> dict[str, Any]:
        """All that is known, as JSON can write it; of a module, its last value and gradient, and the sums."""
        m = self._m
        ops = [node for node in nodes if node.op is not None]
        values, gradient = self._last(m.values, nodes), self._last(m.gradients, nodes)
        costs = [m.costs[node] for node in ops if node in m.costs]
        seconds = [self._seconds[node] for node in ops if node in self._seconds]
        kept = [m.memory[node] for node in ops if node in m.memory]
        return {
            "values": values.to_json() if values else None,
            "gradient": gradient.to_json() if gradient else None,
            "cost": {"flop": sum(c.flop for c in costs), "bytes": sum(c.bytes for c in costs)} if costs else None,
            "seconds": sum(seconds) if seconds else None,
            "memory": sum(kept) if kept else None,
            "params": self._parameters(nodes) or None,
            "warnings": self.warnings(nodes),
        }

    # -- lines ------------------------------------------------------------------------------------------------

    def _last(self, known: dict[Any, Stats], nodes: Sequence[Any]) -> Stats | None:
        """What is known of the one node, or of the last op: what a module returns."""
        if len(nodes) == 1:
            return known.get(nodes[0])
        last = max((n for n in nodes if n.op is not None), key=lambda n: self._place.get(n, -1), default=None)
        return known.get(last)

    def _gradient_lines(self, nodes: Sequence[Any], ops: Sequence[Any]) -> list[str]:
        if len(nodes) == 1:
            g = self._m.gradients.get(nodes[0])
            return [f"grad norm {brief(g.norm)}", *_stats_lines(g)] if g is not None else []
        norms = [self._m.gradients[n].norm for n in ops if n in self._m.gradients]
        if not norms:
            return []
        low, high = brief(min(norms)), brief(max(norms))
        return [f"grad norm {low}" + (f" to {high}" if low != high else "")]

    def _parameters(self, nodes: Sequence[Any]) -> int:
        """How many numbers are trained in these nodes and the leaves that go into them, each once."""
        leaves = {edge for node in nodes for edge in (node, *node.inputs) if edge in self._m.parameters}
        return sum(self._m.parameters[leaf] for leaf in leaves)

    def _time_line(self, ops: Sequence[Any]) -> str:
        parts = [
            sum(known[n] for n in ops if n in known) if any(n in known for n in ops) else None
            for known in (self._m.forward, self._m.backward)
        ]
        share = percent(sum(self._seconds.get(n, 0.0) for n in ops) / self._total)
        largest = max(t for t in parts if t is not None)
        unit, size = time_unit(largest)
        forward, backward = (brief(round(t / size, 2)) if t is not None else None for t in parts)
        text = forward if backward is None else f"back {backward}" if forward is None else f"{forward} + {backward}"
        return f"{text} {unit} ({share})"

    # -- warnings ---------------------------------------------------------------------------------------------

    def _warn(self, node: Any) -> list[tuple[str, str]]:
        """Kinds and words of what is wrong with a node."""
        m, found = self._m, list[tuple[str, str]]()
        if any(n == 0 for n in node.shape):
            return [("no elements", "no elements")]
        value, g = m.values.get(node), m.gradients.get(node)
        if value is not None and not value.finite:
            before = [m.values[edge].finite for edge in node.inputs if edge in m.values]
            begins = node.op is not None and len(before) == sum(e is not None for e in node.inputs) and all(before)
            found += _broken(value, "values", " begins here" if begins else "")
        if g is not None and not g.finite:
            found += _broken(g, "gradient", "")
        silent = m.silent.get(node, 0.0)
        if silent > DEAD:
            found.append(("dead relu", f"dead relu: {percent(silent)} of {node.shape[-1]} units"))
        if g is not None and g.finite and g.norm == 0:
            found.append(("gradient is zero", "gradient is zero"))
        elif g is not None and g.finite and node.op is not None and self._near:
            ratio = g.norm / self._near
            if ratio < VANISHING:
                found.append(("vanishing gradient", f"vanishing gradient (x {brief(ratio)})"))
            elif ratio > EXPLODING:
                found.append(("exploding gradient", f"exploding gradient (x {brief(ratio)})"))
        return found

    # -- colours ----------------------------------------------------------------------------------------------

    def _choose(self) -> tuple[dict[Any, float], scale.Scale | None]:
        m = self._m
        known: dict[str, dict[Any, float]] = {
            "grads": {node: g.norm if g.finite else math.nan for node, g in m.gradients.items()},
            "time": self._seconds,
            "memory": {node: float(kept) for node, kept in m.memory.items()},
            "cost": {node: float(cost.flop) for node, cost in m.costs.items()},
        }
        self._by = next((word for word in FILLS if word in self._show and known[word]), "")
        values = known.get(self._by, {})
        return values, (scale.decades if self._by == "grads" else scale.shares)(values.values())

    def _legend(self) -> list[tuple[str, str]]:
        if self._scale is None:
            return []
        what, total = {"grads": "gradient norm", "time": "of the time", "memory": "of the memory kept",
                       "cost": "of the FLOP"}[self._by], self._scale.high  # fmt: skip
        unit, size = time_unit(total)
        write = {"time": lambda v: f"{brief(round(v / size, 3))} {unit}", "memory": lambda v: memory(int(v)),
                 "cost": amount}  # fmt: skip
        legend = []
        for k, value in enumerate(self._scale.steps()):
            if self._by == "grads":
                text = f"{what} {brief(value)}" if k == 0 else brief(value)
            else:
                text = f"{percent(value / total)} {what if k == 0 else ''}".strip() + f", {write[self._by](value)}"
            legend.append((self._scale.colour(value), text))
        if any(v == 0 for v in self._fill.values()) and self._scale.logarithmic:
            legend.append((scale.NOTHING, "zero"))
        if not all(map(math.isfinite, self._fill.values())):
            legend.append((scale.BROKEN, "NaN or Inf"))
        return legend


_KINDS = (
    "NaN in values", "Inf in values", "NaN in gradient", "Inf in gradient", "no elements", "exploding gradient",
    "gradient is zero", "vanishing gradient", "dead relu",
)  # fmt: skip


def _broken(s: Stats, where: str, begins: str) -> list[tuple[str, str]]:
    shares = (("NaN", s.nan), ("Inf", s.inf))
    return [
        (f"{word} in {where}", f"{word}{begins or f' in {where}'} ({percent(share)})")
        for word, share in shares if share
    ]  # fmt: skip


def _near_output(m: Measured) -> float:
    """The usual norm of a gradient near the outputs; 0 if there is none to compare with."""
    norms = [g.norm for node, g in m.gradients.items() if node.op is not None]
    first = norms[: max(3, math.ceil(len(norms) * NEAR_OUTPUT))]
    usual = [norm for norm in first if norm > 0 and math.isfinite(norm)]
    return median(usual) if usual else 0.0


def _stats_lines(s: Stats) -> list[str]:
    """Mean, deviation and range in one line; histogram and the share of zeros in another."""
    if s.mean is None or s.std is None or s.min is None or s.max is None:
        return []
    if s.min == s.max:
        return [f"= {brief(s.mean)}" if s.size == 1 else f"all {brief(s.mean)}"]
    mean = round(s.mean, 2 - math.floor(math.log10(s.std))) if 0 < s.std < 1e300 else s.mean  # no more digits
    middle, ends = f"{brief(mean)} ± {brief(s.std)}", f"[{brief(s.min)}, {brief(s.max)}]"
    lines = [f"{middle} {ends}"] if len(middle) + len(ends) < WIDEST else [middle, ends]
    return [*lines, s.spark + (f" {percent(s.zeros)} zero" if s.zeros else "")]
