"""Functions with gradients that are wrong by a known factor, in one entry or in all: who sees it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cases import Function, cnn, cnn_inputs

SEEDS = 20
FACTORS = (100.0, 10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 0.0)  # the last is the control


@dataclass(frozen=True)
class Row:
    """One experiment: the gradient of f in input `k` is 1 + d times what it should be, in one entry or in all."""

    name: str
    n: int
    wrong: str  # "one entry" or "all"
    size: float = 1.0  # of the numbers in x

    def __str__(self) -> str:
        of = f" of {self.n:,}" if self.wrong == "one entry" else f", {self.n:,}"
        return f"{self.name}: {self.wrong}{of}"


ROWS = (
    *(Row(name, n, "one entry") for name in ("x * x", "x * abs(x)") for n in (100, 1000, 100_000)),
    Row("CNN, dense weights", 360, "one entry"),
    Row("CNN, filters", 36, "one entry"),
    *(Row(name, 1000, "all") for name in ("x * x", "x * abs(x)")),
    Row("CNN, dense weights", 360, "all"),
    Row("x * x at 1e-6", 1000, "all", 1e-6),
)


@dataclass(frozen=True)
class Trial:
    """A function, its inputs, and the seed for the checker."""

    f: Function
    inputs: tuple[np.ndarray, ...]
    seed: int


def trial(row: Row, d: float, seed: int) -> Trial:
    """One trial of an experiment: other numbers, another entry and another seed of the checker each time."""
    rng = np.random.default_rng([seed, row.n])

    def factor(shape: tuple[int, ...]) -> np.ndarray:
        if row.wrong == "all":
            return np.full(shape, 1.0 + d)
        made = np.ones(int(np.prod(shape)))
        made[rng.integers(made.size)] += d
        return made.reshape(shape)

    if row.name.startswith("CNN"):
        k = 1 if row.name.endswith("filters") else 2
        labels, inputs = cnn_inputs(rng, 8, 8, 4)
        wrong = factor(inputs[k].shape)

        def net(op: Any, weights: Any) -> Any:
            given = [op.constant(a) for a in inputs]
            given[k] = op.spoil(weights, wrong)
            return cnn(op, labels, *given)

        return Trial(net, (inputs[k],), seed)
    x, wrong = row.size * rng.standard_normal(row.n), factor((row.n,))

    def product(op: Any, x: Any) -> Any:
        x = op.spoil(x, wrong)
        return x * (op.abs(x) if "abs" in row.name else x)

    return Trial(product, (x,), seed)


def every() -> Iterator[tuple[int, int, int]]:
    """Row, factor and seed of all trials, by their numbers."""
    for r in range(len(ROWS)):
        for d in range(len(FACTORS)):
            for seed in range(SEEDS):
                yield r, d, seed
