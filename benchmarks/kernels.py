"""Time every kernel in every backend, on the large call that it is registered with: ``python -m benchmarks.kernels``.

Names of kernels choose some: ``python -m benchmarks.kernels relu conv2d``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter

import numpy as np

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels.examples import EXAMPLES, Draw


def best(name: str, backend: str, rounds: int = 7) -> float:
    """The shortest time of one call, in seconds, of some; the first warms up."""
    args = EXAMPLES[name].calls(Draw(np.float32, large=True))[0]
    run = getattr(kernels, name)
    times = []
    with kernels.use_kernels(backend):
        for _ in range(rounds + 1):
            start = perf_counter()
            run(*args)
            times.append(perf_counter() - start)
    return min(times[1:])


def table(names: Sequence[str], rounds: int = 7) -> str:
    """A row for each kernel: milliseconds in NumPy and compiled, and their ratio."""
    unknown = [name for name in names if name not in EXAMPLES]
    if unknown:
        raise SystemExit(f"benchmarks.kernels: unknown kernel {', '.join(unknown)}. Choose from {', '.join(EXAMPLES)}.")
    compiled = not kernels.backends()["native"].startswith("absent")
    lines = [f"{'kernel':16} {'NumPy ms':>9} {'native ms':>9} {'ratio':>6}"]
    for name in names or sorted(EXAMPLES):
        numpy = best(name, "numpy", rounds) * 1e3
        native = best(name, "native", rounds) * 1e3 if compiled else float("nan")
        lines.append(f"{name:16} {numpy:9.3f} {native:9.3f} {numpy / native:6.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(sys.argv[1:]))
