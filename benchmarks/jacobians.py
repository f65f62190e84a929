"""Jacobians and Hessians with stacks of cotangents against those row by row: a table of times.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/jacobians.py

Both ways take turns in one process, and each goes first in every other turn.  Times are of the processor, which other
programs disturb less than times of the clock, and of one thread; the lower quartile of all turns is shown.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff import batching
from tinygrad_cnn.nn import functional_call

Case = Callable[[], Any]


def cases() -> dict[str, Case]:
    """What is timed, by what the table says of it; float32."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int, inputs: int = 1) -> np.ndarray:
        return (rng.standard_normal(shape) / math.sqrt(inputs)).astype(np.float32)

    square = [drawn(64, 64, inputs=64) for _ in range(2)]
    image, images, row, rows = drawn(1, 28, 28, 1), drawn(16, 28, 28, 1), drawn(64), drawn(8, 64)
    samples, labels, flat = drawn(32, 16), rng.integers(0, 10, 32), drawn(500, inputs=9)
    lenet, small = (tg.models.build(name, (28, 28, 1), 10, rng=0) for name in ("lenet", "mnistnet"))
    large, icon = (drawn(1, n, n, 3) for n in (32, 16))
    residual, more = (tg.models.build("resnet8", x.shape[1:], n, rng=0).eval() for x, n in ((large, 10), (icon, 100)))
    mixing = [drawn(16, 16, inputs=16) for _ in range(3)]
    filters, weights = drawn(150, inputs=25), drawn(864, 10, inputs=864)

    def mlp(x: Any) -> Any:
        return tg.tanh(tg.linear(tg.tanh(tg.linear(x, square[0])), square[1]))

    def loss(p: Any) -> Any:  # 17*18 + 19*10 = 496 weights, and 4 that are only decayed
        hidden = tg.tanh(tg.linear(samples, p[:288].reshape(16, 18), p[288:306]))
        logits = tg.linear(hidden, p[306:486].reshape(18, 10), p[486:496])
        return tg.softmax_cross_entropy(logits, labels) + 0.01 * (p * p).sum()

    def conv_net(x: Any) -> Any:
        h = tg.max_pool2d(tg.conv2d_relu(x, filters.reshape(5, 5, 1, 6)), 2)
        return tg.linear(tg.flatten(h, start=1), weights)

    def conv_loss(w: Any) -> Any:
        h = tg.max_pool2d(tg.tanh(tg.conv2d(images[:2], w.reshape(5, 5, 1, 6))), 2)
        return tg.softmax_cross_entropy(tg.linear(tg.flatten(h, start=1), weights), labels[:2])

    def attention(x: Any) -> Any:
        query, key, value = (tg.matmul(x, w) for w in mixing)
        return tg.matmul(tg.softmax(tg.matmul(query, tg.transpose(key)) / 4), value)

    def by_parameter() -> list[Any]:
        named = lenet.named_parameters()
        return [tg.jacobian(lambda v, k=k: functional_call(lenet, {k: v}, image), p.data) for k, p in named]

    return {
        "MLP 64-64-64, tanh: 64 outputs in the input": lambda: tg.jacobian(mlp, row),
        "the same for 8 rows: 512 outputs": lambda: tg.jacobian(mlp, rows),
        "Hessian of a two-layer MLP's loss in 500 parameters": lambda: tg.hessian(loss, flat),
        "conv net: 10 logits in a 28x28 image": lambda: tg.jacobian(conv_net, image),
        "LeNet-5: 10 logits in a 28x28 image": lambda: tg.jacobian(lenet, image),
        "LeNet-5: 10 logits in each of its parameters": by_parameter,
        "LeNet-5: 160 logits in 16 images": lambda: tg.jacobian(lenet, images),
        "mnistnet: 10 logits in a 28x28 image": lambda: tg.jacobian(small, image),
        "resnet8: 10 logits in a 32x32 image": lambda: tg.jacobian(residual, large),
        "resnet8: 100 logits in a 16x16 image": lambda: tg.jacobian(more, icon),
        "attention, 8 places of 16 channels": lambda: tg.jacobian(attention, rows[:, :16]),
        "Hessian of a conv net's loss in 150 filter weights": lambda: tg.hessian(conv_loss, filters),
        "6 outputs of sin": lambda: tg.jacobian(tg.sin, row[:6]),
        "8 outputs of sin": lambda: tg.jacobian(tg.sin, row[:8]),
        "200 outputs in 10 numbers": lambda: tg.jacobian(lambda x: tg.sin(tg.linear(x, weights.T[:, :200])), row[:10]),
    }


def timed(run: Case, stacked: bool) -> tuple[float, Any]:
    """Seconds of one run, and its result."""
    fewest = batching.FEWEST
    batching.FEWEST = fewest if stacked else sys.maxsize  # no number of rows is worth a record
    try:
        began = process_time()
        result = run()
        return process_time() - began, result
    finally:
        batching.FEWEST = fewest


def compare(run: Case, seconds: float) -> tuple[float, float, float]:
    """Seconds of the loop and of stacks, and the largest difference relative to the largest number."""
    (_, loop), (_, stacks) = timed(run, False), timed(run, True)
    pairs = list(zip(loop, stacks, strict=True)) if isinstance(loop, list) else [(loop, stacks)]
    error = max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)
    times: dict[bool, list[float]] = {False: [], True: []}
    began = process_time()
    while process_time() - began < seconds or len(times[True]) < 8:
        for stacked in (True, False) if len(times[True]) % 2 else (False, True):
            times[stacked].append(timed(run, stacked)[0])
    return float(np.quantile(times[False], 0.25)), float(np.quantile(times[True], 0.25)), error


def main(seconds: float = 3.0) -> None:
    """Print the table."""
    print("| what | row by row | stacks | times as fast | difference |\n|---|---|---|---|---|")
    for name, run in cases().items():
        loop, stacks, error = compare(run, seconds)
        times = f"{loop * 1e3:.2f} ms | {stacks * 1e3:.2f} ms | {loop / max(stacks, 1e-9):.2f}"
        print(f"| {name} | {times} | {error:.0e} |", flush=True)


if __name__ == "__main__":
    main()
