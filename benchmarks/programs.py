"""Training steps and inference as they are against compiled ones: a table of times, and what building them costs.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.programs [NAME ...]

Both take turns in one process.  Times are of the processor, of one thread; medians of all turns are shown.  The ratio
is the median of the turns' own ratios.  `TINYGRAD_CNN_CORE=python` compares with the core in Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import optim

from . import nets
from .sides import ours

Case = tuple[str, int, bool]  # network, batch, whether it is trained
CASES: dict[str, Case] = {
    "lenet5 [1]": ("lenet5", 1, True), "lenet5 [64]": ("lenet5", 64, True), "resnet20 [1]": ("resnet20", 1, True),
    "resnet20 [128]": ("resnet20", 128, True), "mobile [1]": ("mobile", 1, True), "mobile [32]": ("mobile", 32, True),
    "lenet5 [1], inference": ("lenet5", 1, False), "resnet20 [1], inference": ("resnet20", 1, False),
    "mobile [1], inference": ("mobile", 1, False),
}  # fmt: skip
BATCHES = 4


def made(case: Case) -> tuple[Callable[..., Any], list[Any]]:
    """A step or a network, and batches for it."""
    name, count, trained = case
    net = nets.NETS[name]
    model, rng = ours.layered(net), np.random.default_rng(0)
    shape = (count, *net.shape)
    pairs = [(rng.standard_normal(shape).astype(np.float32), rng.integers(0, 10, count)) for _ in range(BATCHES)]
    if not trained:
        model.eval()
        return model, [(x,) for x, _ in pairs]
    sgd = optim.SGD(model.parameters(), lr=nets.LR, momentum=nets.MOMENTUM)

    def step(x: Any, y: Any) -> Any:
        loss = tg.softmax_cross_entropy(model(x), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        return loss

    return step, pairs


def timed(run: Callable[..., Any], batches: list[Any], times: int) -> float:
    """Seconds of one call, over `times` of them."""
    began = process_time()
    for k in range(times):
        run(*batches[k % BATCHES])
    return (process_time() - began) / times


def compare(case: Case, seconds: float) -> tuple[float, float, float, float]:
    """Seconds of an eager and of a compiled call, their ratio, and how many eager calls building cost."""
    (plain, batches), (again, _) = made(case), made(case)
    compiled = tg.compile(again)
    timed(plain, batches, BATCHES)
    building = timed(compiled, batches, 8) * 8
    one = max(timed(plain, batches, 2), 1e-6)
    times, pairs = max(1, int(seconds / 20 / one)), list[tuple[float, float]]()
    for turn in range(9):
        first, second = (plain, compiled) if turn % 2 else (compiled, plain)
        found = {first: timed(first, batches, times), second: timed(second, batches, times)}
        pairs.append((found[plain], found[compiled]))
    eager, fast = (median([pair[k] for pair in pairs]) for k in (0, 1))
    return eager, fast, median([a / max(b, 1e-9) for a, b in pairs]), building / one - 8


def main(names: list[str], seconds: float = 3.0) -> None:
    """Print the table."""
    if odd := set(names) - CASES.keys():
        raise SystemExit(f"unknown case {min(odd)}. Choose from {', '.join(CASES)}.")
    print("| what | eager | compiled | times as fast | building, in steps |\n|---|--:|--:|--:|--:|")
    for name in names or CASES:
        eager, fast, ratio, building = compare(CASES[name], seconds)
        print(f"| {name} | {eager * 1e3:.2f} ms | {fast * 1e3:.2f} ms | {ratio:.2f} | {building:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
