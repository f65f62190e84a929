"""Functions of single elements and of rows, beside PyTorch's.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/elementwise.py 1e6

Prints, for arrays of so many float32 numbers in rows of 100, our time forward and forward with backward, and what that
is of PyTorch's.  Times are of the processor; each is the least of several repetitions, the two sides in turn.  It needs
PyTorch in the same environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg

ROW = 100


def cases(torch: Any) -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """What is timed: our function and PyTorch's, by name."""
    f = torch.nn.functional
    ones, zeros = np.ones(ROW, np.float32), np.zeros(ROW, np.float32)
    names = ("exp", "sigmoid", "tanh", "erf", "abs")
    found = {name: (getattr(tg, name), getattr(torch, name)) for name in names}
    activations = ("relu", "gelu", "silu", "softplus", "elu", "selu", "mish", "leaky_relu", "hardtanh")
    found |= {name: (getattr(tg, name), getattr(f, name)) for name in activations if hasattr(tg, name)}
    return {
        **found,
        "x * x": (lambda x: x * x, lambda x: x * x),
        "x + x": (lambda x: x + x, lambda x: x + x),
        "x**3": (lambda x: x**3, lambda x: x**3),
        "sum of rows": (lambda x: x.sum(-1), lambda x: x.sum(-1)),
        "sum of columns": (lambda x: x.sum(0), lambda x: x.sum(0)),
        "softmax": (lambda x: tg.softmax(x, axis=-1), lambda x: f.softmax(x, -1)),
        "log_softmax": (lambda x: tg.log_softmax(x, axis=-1), lambda x: f.log_softmax(x, -1)),
        "layer_norm": (
            lambda x: tg.layer_norm(x, ones, zeros),
            lambda x: f.layer_norm(x, (ROW,), torch.from_numpy(ones), torch.from_numpy(zeros)),
        ),
    }


def least(*ways: Callable[[], Any], turns: int = 7) -> list[float]:
    """The least time of each way, which take turns."""
    times = [float("inf")] * len(ways)
    for _ in range(turns):
        for k, way in enumerate(ways):
            began = process_time()
            way()
            times[k] = min(times[k], process_time() - began)
    return times


def row(ours: Callable[[Any], Any], theirs: Callable[[Any], Any], values: np.ndarray, torch: Any) -> list[float]:
    """Our time forward, its ratio to theirs, and both with backward."""
    x, z = tg.Tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)

    def both() -> None:
        y = ours(x)
        y.backward(np.ones(y.shape, np.float32))
        x.grad = None

    def their_both() -> None:
        y = theirs(z)
        y.backward(torch.ones_like(y))
        z.grad = None

    a, b, c, d = least(lambda: ours(x), lambda: theirs(z), both, their_both)
    return [1e3 * a, a / b, 1e3 * c, c / d]


def main(size: float = 1e6) -> None:
    """Print the table."""
    import torch

    values = np.random.default_rng(0).normal(size=(int(size) // ROW, ROW)).astype(np.float32)
    print("| | forward, ms | of PyTorch's | with backward, ms | of PyTorch's |\n|---|--:|--:|--:|--:|")
    for name, (ours, theirs) in cases(torch).items():
        a, b, c, d = row(ours, theirs, values, torch)
        print(f"| {name} | {a:.2f} | {b:.2f} | {c:.2f} | {d:.2f} |")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
