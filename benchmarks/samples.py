"""Gradients of each sample against a loop over samples: a table of times.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/samples.py

Ways take turns in one process.  Times are of the processor, which other programs disturb less than times of the clock,
and of one thread; the lower quartile of all turns is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn

Case = tuple[Any, np.ndarray, np.ndarray]


def cases() -> dict[str, Case]:
    """Models with batches and labels; float32."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    lenet = tg.models.build("lenet", (28, 28, 1), 10, rng=0)
    residual = tg.models.build("resnet8", (32, 32, 3), 10, rng=0).eval()
    dense = nn.Sequential(nn.Linear(256, 256, rng=0), nn.ReLU(), nn.Linear(256, 10, rng=1))
    return {
        "MLP 256-256-10, 64 rows": (dense, drawn(64, 256), rng.integers(0, 10, 64)),
        "LeNet-5, 64 images": (lenet, drawn(64, 28, 28, 1), rng.integers(0, 10, 64)),
        "resnet8 in eval mode, 32 images": (residual, drawn(32, 32, 32, 3), rng.integers(0, 10, 32)),
    }


def loop(model: Any, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """The same, one sample after another."""
    rows: dict[str, list[Any]] = {name: [] for name, _ in model.named_parameters()}
    for n in range(len(x)):
        model.zero_grad()
        tg.softmax_cross_entropy(model(x[n : n + 1]), y[n : n + 1]).backward()
        for name, p in model.named_parameters():
            rows[name].append(p.grad)
    model.zero_grad()
    return {name: np.stack(several) for name, several in rows.items()}


WAYS: dict[str, Callable[..., Any]] = {
    "loop": loop,
    "gradients": lambda *case: tg.per_sample_grad(tg.softmax_cross_entropy, *case),
    "lengths": lambda *case: tg.per_sample_grad_norm(tg.softmax_cross_entropy, *case),
}


def compare(case: Case, seconds: float) -> tuple[dict[str, float], float]:
    """Seconds of each way, and the largest difference of gradients relative to the largest number."""
    want, got = loop(*case), WAYS["gradients"](*case)
    error = max(float(np.abs(got[k] - w).max() / np.abs(w).max()) for k, w in want.items())
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    began = process_time()
    while process_time() - began < seconds or len(times["loop"]) < 8:
        for way, run in WAYS.items():
            start = process_time()
            run(*case)
            times[way].append(process_time() - start)
    return {way: float(np.quantile(several, 0.25)) for way, several in times.items()}, error


def main(seconds: float = 3.0) -> None:
    """Print the table."""
    print("| what | loop | gradients | times as fast | lengths | times as fast | difference |\n" + "|---" * 7 + "|")
    for name, case in cases().items():
        took, error = compare(case, seconds)
        shown = " | ".join(
            f"{took[way] * 1e3:.2f} ms | {took['loop'] / took[way]:.2f}" for way in ("gradients", "lengths")
        )
        print(f"| {name} | {took['loop'] * 1e3:.2f} ms | {shown} | {error:.0e} |", flush=True)


if __name__ == "__main__":
    main()
