"""Products and convolutions at medium precision beside float32: ``python -m benchmarks.precision``.

Prints GFLOP/s in float32 and at medium precision, forward and in both gradients, and the median of the ratios of
their times, which are taken in turn; one thread, time of the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels.precision import bf16_instructions, why_absent
from tinygrad_cnn.kernels.shapes import conv_window

CONVOLUTIONS = [  # images, filters, stride, padding
    ((64, 14, 14, 256), (1, 1, 256, 256), 1, 0), ((32, 28, 28, 128), (1, 1, 128, 128), 1, 0),
    ((64, 32, 32, 64), (3, 3, 64, 128), 2, 1), ((32, 14, 14, 128), (5, 5, 128, 128), 1, 2),
    ((48, 23, 23, 37), (3, 3, 37, 51), 2, 1), ((64, 16, 16, 64), (3, 3, 64, 64), 1, 1),
]  # fmt: skip
MATRICES = [(1024, 1024, 1024), (4096, 512, 512), (256, 4096, 1000), (128, 1152, 128), (512, 256, 64)]


def cases() -> dict[str, tuple[float, list[Callable[[], Any]]]]:
    """By name: floating-point operations, and the product with its two gradients."""
    rng = np.random.default_rng(0)
    found: dict[str, tuple[float, list[Callable[[], Any]]]] = {}

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(np.float32)

    for x_shape, w_shape, stride, padding in CONVOLUTIONS:
        win = conv_window("conv2d", x_shape, w_shape, stride=stride, padding=padding)
        x, w, g = draw(*x_shape), draw(*w_shape), draw(x_shape[0], *win.out, w_shape[3])
        size, window = "x".join(map(str, x_shape[1:])), "x".join(map(str, w_shape[:2]))
        name = f"{x_shape[0]} of {size}, {window} stride {stride}, {w_shape[3]}"
        found[name] = 2.0 * g.size * w[..., 0].size, [
            partial(kernels.conv2d, x, w, None, win, 1),
            partial(kernels.conv2d_dx, g, w, win, 1),
            partial(kernels.conv2d_dw, x, g, win, 1),
        ]
    for m, k, n in MATRICES:
        a, b, g = draw(m, k), draw(k, n), draw(m, n)
        found[f"matrices {m}x{k}, {k}x{n}"] = 2.0 * m * k * n, [
            partial(kernels.matmul, a, b),
            partial(kernels.matmul, g, b, False, True),
            partial(kernels.matmul, a, g, True, False),
        ]
    return found


def seconds(call: Callable[[], Any], precision: str, repeats: int) -> float:
    """One call's time of the processor."""
    with tg.set_float32_precision(precision):
        began = process_time()
        for _ in range(repeats):
            call()
        return (process_time() - began) / repeats


def compared(call: Callable[[], Any], operations: float, turns: int = 7) -> str:
    """GFLOP/s in float32, at medium precision, and the ratio."""
    repeats = max(1, int(0.02 / max(seconds(call, "highest", 1), seconds(call, "medium", 1), 1e-4)))
    pairs = [[seconds(call, precision, repeats) for precision in ("highest", "medium")] for _ in range(turns)]
    exact, medium = (operations / median(column) / 1e9 for column in zip(*pairs, strict=True))
    return f"{exact:.0f} / {medium:.0f}, {median(a / b for a, b in pairs):.2f}"


def main() -> None:
    """Print the table."""
    if not bf16_instructions():
        raise SystemExit(f"benchmarks.precision: medium precision would be float32: {why_absent()}")
    tg.set_num_threads(1)
    print("| | forward | gradient for x (or a) | gradient for w (or b) |\n|---|---|---|---|")
    for name, (operations, calls) in cases().items():
        print(f"| {name} | {' | '.join(compared(call, operations) for call in calls)} |", flush=True)


if __name__ == "__main__":
    main()
