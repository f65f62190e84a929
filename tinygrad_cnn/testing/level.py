"""The function under test at one order of derivative, as arrays in and arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..autodiff.branching import Decision, deciding, differing
from ..autodiff.explaining import explain_grad
from ..core.engine import grad
from ..core.graph import all_inputs, walk
from ..core.modes import enable_grad, no_grad
from ..core.tensor import Tensor, plain
from .arguments import Subject
from .gradient_report import Failure, GradcheckError
from .numeric import EPS
from .rounding import DRAWS, MANY, in_float64, perturbed


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of both signs, none near zero and no two alike, so that no entry's error can hide or cancel."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def unit(entry: int, shape: tuple[int, ...]) -> np.ndarray:
    """One at a flat index, zero elsewhere."""
    flat = np.zeros(int(np.prod(shape)))
    flat[entry] = 1.0
    return flat.reshape(shape)


class Rounding(NamedTuple):
    """What rounding does to the outputs and gradients of a level."""

    noise: np.ndarray  # to each output
    total: float  # to the weighted sum of outputs
    blur: list[np.ndarray]  # to each entry of each gradient


class Level:
    """One order of derivative as a function of arrays.

    At order 1 that is f.  At order n + 1 it is the pullback of order n: its points are those of order n and the
    cotangents given to it, its outputs the gradients that came back.

    Attributes
    ----------
    gradients : of the outputs, weighted with the cotangents, in each point.
    decisions : what decides which branch f is on at the points.
    rounding : what rounding does at least; `doubt` is what it may do where ops are less exact than they could be.
    surrogate : whether each point's gradient passes through a rule that is not a derivative, on purpose.
    """

    def __init__(self, f: Subject, order: int, points: list[np.ndarray], rng: np.random.Generator, seed: int) -> None:
        self.f, self.inputs, self.order, self.points, self.seed = f, len(f.points), order, points, seed
        self.cut = ""  # which gradient has no history
        self.narrowed: list[Any] = []  # casts to fewer bits, which were not made
        decided: list[list[Decision]] = []
        self.value = self.values(points, decided)
        self.decisions = decided[0]
        self.tensors = [Tensor(p, requires_grad=True) for p in points]
        with deciding() as self._recorded_decisions:
            self.outputs = self._recorded(self.tensors)
        self.cotangents = [weights(rng, y.shape) for y in self.outputs]
        self.weights = _flat(self.cotangents)
        given = [c.copy() for c in self.cotangents]
        self.gradients = [self._checked(k, g) for k, g in enumerate(self.pull(given))]
        if not all(map(np.array_equal, given, self.cotangents)):
            raise GradcheckError("gradcheck: a rule changed its cotangent g in place. Return a new array instead.")
        self.surrogate = self._through_surrogates()
        self.rounding = self._measure(inner=False)

    def _recorded(self, tensors: Sequence[Tensor]) -> list[Any]:
        with enable_grad(), in_float64(self.narrowed):
            return self._evaluate(self.order, tensors, True)

    def _evaluate(self, order: int, points: Sequence[Tensor], record: bool) -> list[Any]:
        if order == 1:
            return self.f(points)
        count, produced = self.inputs, self.f.results  # points of the order below, and its outputs
        for _ in range(order - 2):
            count, produced = count + produced, count
        ys = self._evaluate(order - 1, points[:count], True)
        back = list(points[count:])
        found = grad(ys, points[:count], grad_outputs=back, create_graph=record, allow_unused=True)
        return [Tensor(np.zeros(p.shape)) if g is None else g for p, g in zip(points, found, strict=False)]

    def values(self, points: Sequence[np.ndarray], decided: list[list[Decision]] | None = None) -> np.ndarray:
        """All outputs at other points, as one flat array; what decides their branch is appended to `decided`."""
        with ExitStack() as stack:
            stack.enter_context(np.errstate(all="ignore"))
            stack.enter_context(enable_grad() if self.order > 1 else no_grad())
            stack.enter_context(in_float64(self.narrowed))
            if decided is not None:
                decided.append(stack.enter_context(deciding()))
            tensors = [Tensor(p, requires_grad=self.order > 1, copy=False) for p in points]
            return _flat(self._evaluate(self.order, tensors, False))

    @cached_property
    def doubt(self) -> Rounding:
        return self._measure(inner=True)

    def pull(self, cotangents: list[np.ndarray]) -> list[Any]:
        return self._pulled(self.outputs, self.tensors, cotangents)

    def _pulled(self, outputs: Any, tensors: Any, cotangents: Any) -> list[Any]:
        return list(grad(outputs, tensors, grad_outputs=cotangents, retain_graph=True, allow_unused=True))

    def total(self, values: np.ndarray) -> float:
        """Values of all outputs, weighted with the cotangents and added up."""
        return float(self.weights @ values)

    def tangent(self, vs: Sequence[np.ndarray]) -> np.ndarray:
        """The derivative of all outputs along vs, one in each point, as one flat array; no step is needed.

        The pullback is linear in its cotangents u, so its own gradient in u, along vs, is that derivative.
        """
        us = [Tensor(np.zeros(c.shape), requires_grad=True) for c in self.cotangents]
        live = [(y, u) for y, u in zip(self.outputs, us, strict=True) if y.requires_grad]
        if not live:
            return np.zeros(self.weights.size)
        ys, back = zip(*live, strict=True)
        pulled = grad(list(ys), self.tensors, grad_outputs=list(back), create_graph=True, allow_unused=True)
        self.cut = next((self.name(k) for k, g in enumerate(pulled) if g is not None and not g.requires_grad), "")
        parts = [(g, v) for g, v in zip(pulled, vs, strict=True) if g is not None and g.requires_grad]
        if not parts:
            return np.zeros(self.weights.size)
        gs, along = zip(*parts, strict=True)
        found = grad(list(gs), us, grad_outputs=list(along), retain_graph=True, allow_unused=True)
        return _flat([np.zeros(u.shape) if t is None else t for t, u in zip(found, us, strict=True)])

    def _measure(self, inner: bool) -> Rounding:
        """Find out what rounding may do: evaluate again, with every result changed in its last bit.

        A change of many bits must have that much more effect.  If it has not, the effect is a jump, as where a rule
        decides by a comparison, and is cut down to what the larger change allows.
        """
        noise, total, blur = self._largest(inner, 1.0)
        noise_of_many, total_of_many, blur_of_many = self._largest(inner, MANY)
        noise = _cut(noise, noise_of_many, self.value)
        total = min(total, 8 * total_of_many / MANY) if total_of_many else total
        blur = [_cut(*three) for three in zip(blur, blur_of_many, self.gradients, strict=True)]
        return Rounding(noise, max(total, float(np.linalg.norm(self.weights * noise))), blur)

    def _largest(self, inner: bool, bits: float) -> Rounding:
        """The largest effect of some runs: the same runs for any number of bits, so that effects can be compared."""
        noise, total, blur = np.zeros(self.value.shape), 0.0, [np.zeros(g.shape) for g in self.gradients]
        for draw in range(DRAWS):
            values, gradients = self._noisy(draw, inner, bits)
            noise, total = np.maximum(noise, np.abs(values)), max(total, abs(self.total(values)))
            blur = [np.maximum(b, np.abs(g)) for b, g in zip(blur, gradients, strict=True)]
        return Rounding(noise, total, blur)

    def _noisy(self, draw: int, inner: bool, bits: float) -> tuple[np.ndarray, list[np.ndarray]]:
        """How far values and gradients move if results change by so many last bits; zeros where nothing can be said."""
        values, gradients = np.zeros(self.value.shape), [np.zeros(g.shape) for g in self.gradients]
        with np.errstate(all="ignore"), perturbed(self.seed + draw, inner, bits), deciding() as decisions:
            tensors = [Tensor(p, requires_grad=True) for p in self.points]
            try:
                outputs = self._recorded(tensors)
                if differing(self._recorded_decisions, decisions):  # another branch, which says nothing of this one
                    return values, gradients
                found = self._pulled(outputs, tensors, self.cotangents)
            except (ValueError, IndexError):  # where a tie decides shapes, as in np.unique
                return values, gradients
        moved = _flat(outputs) - self.value
        values = moved if np.all(np.isfinite(moved)) else values
        for k, g in enumerate(found):
            if g is not None and np.all(np.isfinite(g)):
                gradients[k] = g - self.gradients[k]
        return values, gradients

    def _through_surrogates(self) -> list[bool]:
        behind: set[Any] = set()
        for node in walk([y.node for y in self.outputs], all_inputs):
            surrogates: Any = getattr(node.op, "surrogates", None)
            if surrogates:
                names = [node.op.input(k) for k in range(len(node.inputs))]
                edges = [e for name, e in zip(names, node.inputs, strict=True) if name in surrogates]
                behind.update(walk([e for e in edges if e is not None], all_inputs))
        return [t.node in behind for t in self.tensors]

    def jacobians(self) -> list[np.ndarray]:
        """For each point, the derivatives of all outputs in its elements: (outputs, elements), both flat."""
        shapes = [c.shape for c in self.cotangents]
        cuts = np.cumsum([c.size for c in self.cotangents])[:-1]
        rows = []
        for flat in np.eye(self.weights.size):
            rows.append(self.pull([part.reshape(s) for part, s in zip(np.split(flat, cuts), shapes, strict=True)]))
        jacobians = []
        for k, p in enumerate(self.points):
            filled = [np.zeros(p.size) if row[k] is None else np.ravel(row[k]) for row in rows]
            jacobians.append(np.array(filled).reshape(len(rows), p.size))
        return jacobians

    def _checked(self, k: int, g: Any) -> np.ndarray:
        """A gradient as a finite array of the point's shape."""
        p = self.points[k]
        if g is None:
            return np.zeros(p.shape)
        if g.shape != p.shape:
            raise GradcheckError(f"gradcheck: {self.name(k)} has shape {g.shape}, the input {p.shape}.")
        if not np.all(np.isfinite(g)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
            raise GradcheckError(
                Failure(self.order, self.name(k), g[where], np.nan, 0.0, self.seed, self.place(k), k, where)
            )
        return np.asarray(g)

    def place(self, k: int) -> str:
        return self.f.names[k] if k < self.inputs else f"cotangent {k - self.inputs}"

    def name(self, k: int) -> str:
        return f"the gradient in {self.place(k)}"

    def hint(self, k: int) -> str:
        """Why an input has no gradient at all, if so."""
        if self.order > 1 or (any(out.requires_grad for out in self.outputs) and np.any(self.gradients[k])):
            return ""
        why = explain_grad(self.tensors[k], self.outputs[0])
        return "" if "on a path to the loss:" in why else f"No gradient reaches it: {why}."

    def placing(self, k: int, v: np.ndarray) -> float:
        """What the rounding of input k, which is moved along v, does to the weighted sum of outputs."""
        return 0.5 * EPS * float(np.linalg.norm((self.gradients[k] * self.points[k])[v != 0]))

    def line(self, k: int, v: np.ndarray) -> Line:
        return Line(self, k, v)


class Line:
    """The outputs along v from the point in input k, by the distance; None where f is on another branch.

    `flips` holds what decided differently at the last point that was on another branch.
    """

    def __init__(self, level: Level, k: int, v: np.ndarray) -> None:
        self.level, self.k, self.v = level, k, v
        self.flips: dict[tuple[str, str], np.ndarray] = {}

    def at(self, t: float) -> list[np.ndarray]:
        moved = list(self.level.points)
        moved[self.k] = self.level.points[self.k] + t * self.v
        return moved

    def __call__(self, t: float) -> Any:
        decided: list[list[Decision]] = []
        values = self.level.values(self.at(t), decided)
        flips = differing(self.level.decisions, decided[0])
        if flips:
            self.flips = flips
            return None
        return values

    def anywhere(self, t: float) -> float:
        """The weighted sum of the outputs, whatever branch they are on."""
        return float(self.level.weights @ self.level.values(self.at(t)))


def _cut(effect: np.ndarray, of_many: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """The effect of one last bit, no larger in all than that of many bits allows, nor smaller than its own rounding."""
    size, allowed = float(np.linalg.norm(effect)), 8 * float(np.linalg.norm(of_many)) / MANY
    cut = effect * (allowed / size) if allowed and size > allowed else effect
    return np.asarray(np.maximum(cut, EPS * np.abs(exact)))


def _flat(ys: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(plain(y)) for y in ys])
