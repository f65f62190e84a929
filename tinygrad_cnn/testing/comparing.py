"""Gradients beside differences: along random directions, on one branch, with tolerances that follow from rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arguments import Subject
from .gradient_report import Failure, GradcheckError, GradReport
from .level import Level, Line, Rounding, unit, weights
from .narrow import compare_narrow
from .numeric import EPS, NOTHING, Estimate, complex_step, estimates, kink, slope, steps_from
from .rounding import SAFETY

MOVES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # how far a point is moved to get it off a kink, in units of its size, or 1


class Comparison:
    """One run of the check: what it is about, its settings, and the report that it fills."""

    def __init__(
        self, subject: Subject, report: GradReport, directions: int, rtol: float, largest: float,
        domains: list[tuple[float, float]],
    ) -> None:  # fmt: skip
        self.subject, self.report, self.directions, self.rtol = subject, report, directions, rtol
        self.largest, self.domains = largest, domains
        self.blocked: set[tuple[Level, int]] = set()  # where no step was free
        self.rng = np.random.default_rng(report.seed)
        self.moved: dict[Level, list[Level | None]] = {}  # the same level at points that were moved a little

    def run(self, full: bool) -> None:
        points = self.subject.points
        for n in range(1, self.report.order + 1):
            level = self._level(n, points)
            if n == 1:
                self._cover(level)
            for k, point in enumerate(level.points):
                if level.surrogate[k]:
                    self.report.skip(level.place(k), "a surrogate gradient passes here, on purpose", [], point.size)
                    continue
                for _ in range(self.directions if point.size > 1 else point.size):
                    self._direction(level, k)
            if n == 1:
                self._dot_product(level)
                compare_narrow(self.subject, level, self.report)
            if full:
                self._entry_by_entry(level)
            points = [*level.points, *level.cotangents]
        reasons = [each for each in self.report.not_judged if "on purpose" not in each.why]
        if reasons and not self.report.counts["differences"]:
            raise GradcheckError("gradcheck: nothing of f can be judged:\n" + "\n".join(f"  {r}" for r in reasons))

    def _level(self, order: int, points: list[np.ndarray]) -> Level:
        return Level(self.subject, order, points, self.rng, self.report.seed)

    def _cover(self, level: Level) -> None:
        """Note which regions of the inputs and which branches of f the check is about."""
        for name, point in zip(self.subject.names, level.points, strict=True):
            if point.size:
                self.report.covered["regions"][name] = (float(point.min()), float(point.max()))
        branches: dict[str, dict[int, int]] = {}
        for who, what, values in level.decisions:
            kinds, counts = np.unique(values, return_counts=True)
            if kinds.size <= 16:
                seen = branches.setdefault(who if what == "branch 0" else f"{who}, {what}", {})
                for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
                    seen[kind] = seen.get(kind, 0) + count
        self.report.covered["branches"].update(branches)

    # -- along a direction ------------------------------------------------------------------------------------

    def _direction(self, level: Level, k: int) -> None:
        """Compare the gradient in input k with differences along a random direction."""
        v = weights(self.rng, level.points[k].shape)
        while np.any(v):  # every round but the last leaves out an entry at which nothing can be judged
            if not self._leave_out(level, k, v, self._try(level, k, v)):
                return

    def _leave_out(self, level: Level, k: int, v: np.ndarray, entries: dict[tuple[int, ...], str]) -> bool:
        for index, why in entries.items():
            self.report.skip(level.place(k), why, [index])
            v[index] = 0.0
        return bool(entries)

    def _try(self, level: Level, k: int, v: np.ndarray) -> dict[tuple[int, ...], str]:
        """Judge one direction, at moved points if need be; return entries to leave out, each with the reason."""
        fixed = self._at_the_edge(level, k, v)
        if fixed:
            return dict.fromkeys(fixed, "at the edge of the domain")
        line = level.line(k, v)
        if (level, k) not in self.blocked:
            if (out := self._judge(level, k, line)) is not None:
                return out
            self.blocked.add((level, k))
            for (who, _), places in line.flips.items():
                self.report.skip(who, "nearer to a kink than any step", places)
        for n in range(len(MOVES)):
            other = self._moved_level(level, n)
            if other is not None and (out := self._judge(other, k, other.line(k, v))) is not None:
                return out
        self.report.skip(level.place(k), "no step is free of kinks, even at points moved a little", [], v.size)
        return {}

    def _moved_level(self, level: Level, n: int) -> Level | None:
        """The same level at points moved by the n-th distance; None where f has no values."""
        made = self.moved.setdefault(level, [])
        while len(made) <= n:
            points = []
            for k, p in enumerate(level.points):
                moved = p + MOVES[len(made)] * steps_from(1.0, p)[0] * weights(self.rng, p.shape)
                points.append(np.clip(moved, *self._domain(k)))
            try:
                made.append(self._level(level.order, points))
            except (GradcheckError, ValueError):  # beyond the domain of f
                made.append(None)
        found = made[n]
        return found if found is not None and np.all(np.isfinite(found.value)) else None

    def _domain(self, k: int) -> tuple[float, float]:
        return self.domains[k] if k < len(self.domains) else (-np.inf, np.inf)

    def _steps(self, level: Level, k: int, v: np.ndarray) -> list[float]:
        """The steps along v that stay in the domain."""
        (low, high), p = self._domain(k), level.points[k]
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.min(np.where(v != 0, np.minimum(p - low, high - p) / np.abs(v), np.inf), initial=np.inf)
        return [h for h in steps_from(self.largest, p) if h <= room] or [float(room)]

    def _at_the_edge(self, level: Level, k: int, v: np.ndarray) -> list[tuple[int, ...]]:
        """Entries that cannot move both ways: at an end of the domain, or where f is not finite on one side."""
        (low, high), p = self._domain(k), level.points[k]
        edge = (v != 0) & ((p <= low) | (p >= high))
        if edge.any():
            return [tuple(int(i) for i in index) for index in np.argwhere(edge)]
        h = min(self._steps(level, k, v))
        if _finite(level.line(k, v), h):
            return []
        found: list[tuple[int, ...]] = []
        groups = [np.flatnonzero(v)]
        while groups and len(found) < 64:
            group = groups.pop()
            part = np.zeros(v.size)
            part[group] = v.ravel()[group]
            if _finite(level.line(k, part.reshape(v.shape)), h):
                continue
            if group.size == 1:
                found.append(tuple(int(i) for i in np.unravel_index(group[0], v.shape)))
            else:
                groups += np.array_split(group, 2)
        return found

    def _judge(self, level: Level, k: int, line: Line) -> dict[tuple[int, ...], str] | None:
        """Compare along one line; None where every step leaves the branch, else entries to leave out."""
        v, gradient = line.v, level.gradients[k]
        analytic, spread = float(np.vdot(gradient, v)), float(np.linalg.norm(gradient * v))
        scale = max(abs(analytic), spread)
        steps = self._steps(level, k, v)

        def tolerance(e: Estimate) -> float:
            return float(self.rtol * max(scale, abs(e.value)) + e.error + _blur(level.rounding, k, v))

        placing = level.placing(k, v)
        found = slope(line, level.rounding.total + placing, steps, level.total, 0.1 * self.rtol * scale)
        if found is NOTHING:
            return None
        if found.step < steps[0] and not _finite(line, steps[0]):
            used = f"{found.step:.0e} was used."
            self._note(f"A step of {steps[0]:.0e} in {level.place(k)} leaves the domain of f; {used}")
        off, sharp = abs(found.value - analytic), tolerance(found)
        if off <= sharp:
            self._held(level, k, v, found, analytic, sharp)
            return {}
        doubtful = sharp + SAFETY * level.doubt.total / found.step + _blur(level.doubt, k, v)
        others = estimates(line, level.rounding.total + placing, steps, level.total)
        if off <= doubtful:
            self.report.counts["differences"] += 1
            self._hidden(level, k)
            return {}
        agreeing = [e for e in others if abs(e.value - analytic) <= tolerance(e) < 0.1 * off]
        if agreeing and agreeing[-1].step < found.step:  # f bends within the larger step, which cannot see its slope
            self._held(level, k, v, agreeing[-1], analytic, tolerance(agreeing[-1]))
        elif agreeing:
            self.report.skip(level.place(k), "differences at several steps contradict each other", [], v.size)
        else:
            return self._locate(level, k, line, found, analytic, doubtful)
        return {}

    def _held(self, level: Level, k: int, v: np.ndarray, found: Estimate, analytic: float, sharp: float) -> None:
        """Note a difference that agrees with the gradient, within `sharp`."""
        gradient = level.gradients[k]
        scale = max(abs(analytic), float(np.linalg.norm(gradient * v)))
        self.report.counts["differences"] += 1
        if level.order == 1:
            sharp = self._complex(level, k, v, found, analytic, sharp, self.rtol * scale)
            self.report.sharpen(sharp, gradient, analytic)
        if sharp > scale > 0:
            self._hidden(level, k)

    def _hidden(self, level: Level, k: int) -> None:
        self.report.skip(level.place(k), "rounding hides its slope", [], level.points[k].size)

    def _note(self, text: str) -> None:
        if text not in self.report.notes:
            self.report.notes.append(text)

    def _complex(
        self, level: Level, k: int, v: np.ndarray, found: Estimate, analytic: float, loose: float, tight: float
    ) -> float:
        """Hold the gradient against a complex step too, and return the smaller tolerance that this allows.

        One that contradicts the differences, or whose real part is not f, is not of an analytic function: ignored.
        """
        both = complex_step(level.f, level.points, k, v)
        if both is None or both[0].size != level.weights.size:
            return loose
        exact, real = both
        value = float(level.weights @ exact)
        size = float(np.abs(level.weights) @ np.abs(exact))
        if not abs(value - found.value) <= loose or np.any(
            np.abs(real - level.value) > SAFETY * level.rounding.noise
        ):
            return loose
        tolerance = 1e-3 * tight + 1e3 * EPS * size + _blur(level.rounding, k, v)
        if abs(value - analytic) > tolerance:
            if abs(value - analytic) <= tolerance + _blur(level.doubt, k, v):
                return loose
            goal = 0.1 * abs(value - analytic)
            noise = level.rounding.total + level.placing(k, v)
            better = slope(level.line(k, v), noise, self._steps(level, k, v), level.total, goal)
            if better.error <= goal and abs(better.value - analytic) < abs(better.value - value):
                return loose
            what = f"{level.name(k)} (along a random direction, by complex step)"
            raise GradcheckError(Failure(1, what, analytic, value, tolerance, level.seed, level.place(k), k))
        self.report.counts["complex steps"] += 1
        return min(tolerance, loose)

    def _locate(
        self, level: Level, k: int, line: Line, found: Estimate, analytic: float, tolerance: float
    ) -> dict[tuple[int, ...], str]:
        """Find the worst entry behind a difference along a line: halve it, follow the half that is further off.

        Raises with it if it is wrong; returns it if it stands on a kink that no op declared.
        """
        gradient, v = level.gradients[k].ravel(), line.v

        def off(entries: np.ndarray) -> float:
            part = np.zeros(v.size)
            part[entries] = v.ravel()[entries]
            other = level.line(k, part.reshape(v.shape))
            value = (other.anywhere(found.step) - other.anywhere(-found.step)) / (2 * found.step)
            return abs(value - float(gradient @ part)) if np.isfinite(value) else np.inf

        entries = np.flatnonzero(v)
        while entries.size > 32:
            entries = max(np.array_split(entries, 2), key=off)
        worst = int(max(entries, key=lambda e: off(np.array([e]))))
        index = tuple(int(i) for i in np.unravel_index(worst, v.shape))
        alone = level.line(k, unit(worst, v.shape))
        steps = self._steps(level, k, alone.v)
        here = slope(alone, level.doubt.total + level.placing(k, alone.v), steps, level.total, 0.0)
        size = max(abs(gradient[worst]), abs(here.value)) if here is not NOTHING else abs(gradient[worst])
        if kink(alone.anywhere, level.rounding.total, size, here.step or steps[0]):
            return {index: f"there is a kink or a jump near {level.points[k][index]:.6g}"}
        bound = self.rtol * size + float(here.error) + SAFETY * float(level.doubt.blur[k][index])
        failure = Failure(
            level.order, level.name(k), float(gradient[worst]), float(here.value), bound, level.seed, level.place(k), k,
            index, steps=_table(alone, steps), hint=level.hint(k),
        )  # fmt: skip
        if not abs(here.value - gradient[worst]) > bound:  # all entries are a little off, none by much
            what = f"{level.name(k)}, along a random direction,"
            table = _table(line, steps)
            hint = level.hint(k) or "No entry alone is off by more than rounding allows; many are, by a little."
            failure = Failure(level.order, what, analytic, float(found.value), tolerance, level.seed, level.place(k), k,
                              steps=table, hint=hint)  # fmt: skip
        raise GradcheckError(failure)

    # -- without steps, and entry by entry --------------------------------------------------------------------

    def _dot_product(self, level: Level) -> None:
        """<u, J v> = <J^T u, v>: both sides exact, so a rule that is not linear in its cotangent cannot pass."""
        vs = [weights(self.rng, p.shape) for p in level.points]
        try:
            tangent = level.tangent(vs)
        except (TypeError, NotImplementedError) as error:
            self._note(f"gradcheck: no Jacobian-vector product, a rule works on plain arrays only: {error}")
            return
        forward = float(level.weights @ tangent)
        products = [g * v for g, v in zip(level.gradients, vs, strict=True)]
        reverse = float(sum(p.sum() for p in products))
        blur = sum(_blur(level.doubt, k, v) for k, v in enumerate(vs))
        parts = [*products, level.weights * tangent]
        tolerance = 1e-10 * max(float(np.linalg.norm(part)) for part in parts) + blur
        if not abs(forward - reverse) <= tolerance:
            what = "the dot product <J^T u, v>, which must equal <u, J v>,"
            hint = "A rule is not linear in its cotangent g, or its own gradient in g is wrong."
            if level.cut:
                hint = (
                    f"A rule computed {level.cut} with NumPy, from plain arrays, so it has no history and no gradient "
                    "of its own. Compute with tg's functions on what the rule is given."
                )
            raise GradcheckError(Failure(1, what, reverse, forward, tolerance, level.seed, hint=hint))
        self.report.counts["dot products"] += 1

    def _entry_by_entry(self, level: Level) -> None:
        """Compare the whole Jacobian of all outputs in all points; raise with the entry that is furthest off."""
        worst: tuple[float, Failure | None] = (0.0, None)
        for k, (point, jacobian) in enumerate(zip(level.points, level.jacobians(), strict=True)):
            for e in range(point.size) if not level.surrogate[k] else ():
                found = self._column(level, k, e, jacobian[:, e])
                worst = max(worst, found, key=lambda pair: pair[0])
        if worst[1] is not None:
            raise GradcheckError(worst[1])

    def _column(self, level: Level, k: int, e: int, column: np.ndarray) -> tuple[float, Failure | None]:
        """Compare the derivatives of all outputs in one element; by how much the worst is off, and what to say."""
        index = tuple(int(i) for i in np.unravel_index(e, level.points[k].shape))
        line = level.line(k, unit(e, level.points[k].shape))
        scale = np.max(np.abs(column), initial=0.0)
        if any(index in each.places for each in self.report.not_judged if each.what == level.place(k)):
            return 0.0, None
        steps = self._steps(level, k, line.v)
        noise = level.rounding.noise + 0.5 * EPS * abs(float(level.points[k][index])) * np.abs(column)
        found = slope(line, noise, steps, lambda d: d, 0.1 * self.rtol * scale)
        if found is NOTHING:
            self.report.skip(level.place(k), "no step is free of kinks", [index])
            return 0.0, None
        tolerance = self.rtol * max(scale, np.max(np.abs(found.value), initial=0.0)) + found.error
        excess = np.abs(found.value - column) - tolerance
        if excess.size and excess.max() > 0:
            tolerance = tolerance + SAFETY * (level.doubt.noise / found.step + float(level.doubt.blur[k][index]))
            excess = np.abs(found.value - column) - tolerance
        self.report.counts["Jacobian entries"] += column.size
        row = int(excess.argmax()) if excess.size else 0
        if not excess.size or excess[row] <= 0:
            return 0.0, None
        shape = level.outputs[0].shape
        output = tuple(int(i) for i in np.unravel_index(row, shape)) if len(level.outputs) == 1 else (row,)
        return float(excess[row]), Failure(
            level.order, level.name(k), float(column[row]), float(found.value[row]), float(tolerance[row]), level.seed,
            level.place(k), k, index, output, hint=level.hint(k),
        )  # fmt: skip


def _finite(line: Line, h: float) -> bool:
    return all(np.all(np.isfinite(line.level.values(line.at(t)))) for t in (h, -h))


def _table(line: Line, steps: Sequence[float]) -> list[tuple[float, float]]:
    return [(h, (line.anywhere(h) - line.anywhere(-h)) / (2 * h)) for h in steps[:4]]


def _blur(rounding: Rounding, k: int, v: np.ndarray) -> float:
    """What rounding may do to the gradient in input k, along v."""
    return SAFETY * float(np.linalg.norm(rounding.blur[k] * v))
