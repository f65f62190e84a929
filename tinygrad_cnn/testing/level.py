"""The function under test at one order of derivative, as arrays in and arrays out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autodiff.explaining import explain_grad
from ..core.engine import grad
from ..core.modes import enable_grad, no_grad
from ..core.tensor import Tensor, plain
from .gradient_report import Failure, GradcheckError
from .numeric import Path

Function = Callable[..., Any]


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of both signs, none near zero and no two alike, so that no entry's error can hide or cancel."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def unit(entry: int, shape: tuple[int, ...]) -> np.ndarray:
    """One at a flat index, zero elsewhere."""
    flat = np.zeros(int(np.prod(shape)))
    flat[entry] = 1.0
    return flat.reshape(shape)


class Level:
    """One order of derivative as a function of arrays.

    At order 1 that is f.  At order n + 1 it is the pullback of order n: its points are those of order n and the
    cotangents given to it, its outputs the gradients that came back.
    """

    def __init__(
        self, f: Function, inputs: int, order: int, points: list[np.ndarray], rng: np.random.Generator, seed: int
    ) -> None:
        self.f, self.inputs, self.order, self.points, self.seed = f, inputs, order, points, seed
        self.tensors = [Tensor(p, requires_grad=True) for p in points]
        with enable_grad():
            self.outputs = self._evaluate(order, self.tensors, True)
        self.cotangents = [weights(rng, y.shape) for y in self.outputs]
        self.weights = np.concatenate([c.ravel() for c in self.cotangents])
        self.size = float(np.abs(self.weights) @ np.abs(self.values(points)))
        given = [c.copy() for c in self.cotangents]
        self.gradients = [self._checked(k, g) for k, g in enumerate(self.pull(given))]
        if not all(map(np.array_equal, given, self.cotangents)):
            raise GradcheckError("gradcheck: a rule changed its cotangent g in place. Return a new array instead.")

    def _evaluate(self, order: int, points: Sequence[Tensor], record: bool) -> list[Any]:
        if order == 1:
            return [self.f(*points)]
        count, produced = self.inputs, 1  # points of the order below, and its outputs
        for _ in range(order - 2):
            count, produced = count + produced, count
        ys = self._evaluate(order - 1, points[:count], True)
        back = list(points[count:])
        found = grad(ys, points[:count], grad_outputs=back, create_graph=record, allow_unused=True)
        return [Tensor(np.zeros(p.shape)) if g is None else g for p, g in zip(points, found, strict=False)]

    def values(self, points: Sequence[np.ndarray]) -> np.ndarray:
        """All outputs at other points, as one flat array."""
        with np.errstate(all="ignore"), enable_grad() if self.order > 1 else no_grad():
            tensors = [Tensor(p, requires_grad=self.order > 1, copy=False) for p in points]
            ys = self._evaluate(self.order, tensors, False)
        return np.concatenate([np.ravel(plain(y)) for y in ys])

    def pull(self, cotangents: list[np.ndarray]) -> list[Any]:
        back = grad(self.outputs, self.tensors, grad_outputs=cotangents, retain_graph=True, allow_unused=True)
        return list(back)

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
        """A gradient as a finite array."""
        p = self.points[k]
        if g is None:
            return np.zeros(p.shape)
        if not np.all(np.isfinite(g)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
            raise GradcheckError(Failure(self.order, self.name(k), g[where], np.nan, 0.0, self.seed, k, where))
        return np.asarray(g)

    def name(self, k: int) -> str:
        return f"the gradient in input {k}" if k < self.inputs else f"the gradient in cotangent {k - self.inputs}"

    def hint(self, k: int) -> str:
        """Why an input has no gradient at all, if so."""
        if self.order > 1 or (any(out.requires_grad for out in self.outputs) and np.any(self.gradients[k])):
            return ""
        why = explain_grad(self.tensors[k], self.outputs[0])
        return "" if "on a path to the loss:" in why else f"No gradient reaches it: {why}."

    def line(self, k: int, v: np.ndarray, each: bool = False) -> Path:
        """Values along v from the point in input k: added up with the cotangents, or each by itself."""

        def path(t: float) -> Any:
            moved = list(self.points)
            moved[k] = self.points[k] + t * v
            values = self.values(moved)
            return values if each else float(self.weights @ values)

        return path
