"""One op on one sample, called in every way that a contract needs; and how results are compared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autodiff.sample import Sample
from ..core.engine import grad
from ..core.graph import Node
from ..core.operation import Op
from ..core.tensor import Tensor

SEED = 0


def require(holds: Any, otherwise: str) -> None:
    """As assert, which python -O would skip: then every contract would seem to hold."""
    if not holds:
        raise AssertionError(otherwise)


class Case:
    """One op on one sample."""

    def __init__(self, op: Op, sample: Sample, order: int) -> None:
        self.op, self.order, self.sample = op, order, sample
        self.inputs, self.params = sample.draw(op, SEED)
        floating = [k for k, a in enumerate(self.inputs) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        self.moving = [k for k in floating if op.input(k) not in op.selectors]
        self.rng = np.random.default_rng(SEED)
        self.kept: dict[str, Any] = {}
        self.wraps = False  # whether integer results went round, beyond the largest number

    def __call__(self, inputs: Sequence[Any], fn: Callable[..., Any] | None = None) -> Any:
        """The op, or another function of the same arguments; generators start afresh each time."""
        params = {k: copy.deepcopy(v) if isinstance(v, np.random.Generator) else v for k, v in self.params.items()}
        return (fn or self.op)(*inputs, **params)

    def run(
        self, inputs: Sequence[Any], g: np.ndarray | None = None, *, create_graph: bool = False
    ) -> tuple[np.ndarray, dict[int, Any]]:
        """The op's result on recorded Tensors, and the gradients of its floating inputs for the cotangent g."""
        tensors = [
            Tensor(a, requires_grad=a.dtype.kind == "f", copy=False) if isinstance(a, np.ndarray) else a for a in inputs
        ]
        y = self(tensors)
        require(isinstance(y, Tensor), f"on Tensors it returned {type(y).__name__}, expected a Tensor.")
        if y.dtype.kind != "f" or not self.moving:
            return y.data, {}
        require(isinstance(y.node, Node), "on recorded Tensors it left no node.")
        g = cotangent(y) if g is None else g
        xs = [tensors[k] for k in self.moving]
        found = grad(y, xs, grad_outputs=g, create_graph=create_graph, allow_unused=True)
        return y.data, dict(zip(self.moving, found, strict=True))

    def replaced(self, **changes: Any) -> list[Any]:
        """The inputs, those at _0, _1, ... replaced."""
        return [changes.get(f"_{k}", a) for k, a in enumerate(self.inputs)]

    def of_moving(self, *moving: Any) -> Any:
        """The op as a function of its floating inputs alone."""
        return self(self.replaced(**{f"_{k}": t for k, t in zip(self.moving, moving, strict=True)}))

    def arrays(self, change: Callable[[np.ndarray], np.ndarray]) -> list[Any]:
        """The inputs with a change made to each array."""
        return [np.asarray(change(a)) if isinstance(a, np.ndarray) else a for a in self.inputs]


def cotangent(y: Any) -> np.ndarray:
    """A random cotangent, the same for the same shape, of y's dtype."""
    return np.asarray(np.random.default_rng(SEED + 1).standard_normal(y.shape), y.dtype)


def same(got: Any, want: Any, what: str, rtol: float = 0.0) -> None:
    """Equal in shape, and in value up to rtol times the largest; bit for bit and in dtype if rtol is 0."""
    got, want = np.asarray(got), np.asarray(want)
    require(got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}.")
    if rtol == 0 or got.dtype.kind != "f":
        equal = np.array_equal(got, want, equal_nan=got.dtype.kind == "f") and (rtol > 0 or got.dtype == want.dtype)
        if not equal:
            raise AssertionError(f"{what}: {got!r} {got.dtype}, expected {want!r} {want.dtype}, bit for bit.")
        return
    finite = np.abs(want[np.isfinite(want)])
    close = np.isclose(got, want, rtol=rtol, atol=rtol * np.max(finite, initial=0.0), equal_nan=True)
    if not close.all():
        where = tuple(int(i) for i in np.argwhere(~close)[0])
        raise AssertionError(f"{what}: at index {where} it is {got[where]!r}, expected {want[where]!r}.")


def same_gradients(got: dict[int, Any], want: dict[int, Any], what: str, rtol: float = 0.0) -> None:
    for k, g in want.items():
        require(
            (g is None) == (got[k] is None),
            f"{what}: input {k} has a gradient in one way and none in the other.",
        )
        if g is not None:
            same(got[k], g, f"{what}, gradient in input {k}", rtol)
