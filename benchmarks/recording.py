"""What the flight record of a run costs: the time in it as a share of a step of `fit`.

    python benchmarks/recording.py

A LeNet is trained on pictures of noise in batches of 64, with a run folder, and the clock is read before and after each
record, so that it is measured where it happens: between two steps, with caches as these leave them.  What is shown are
medians over groups of 32 steps, in which what is done seldom has its share.
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.train.recorder import Recorder

STEPS, BATCH, SKIPPED, GROUP = 400, 64, 19, 32


class Clock:
    """Reads the time around each record."""

    def __init__(self) -> None:
        self.records: list[float] = []
        self.ends: list[float] = []
        self._plain = Recorder.on_step

    def __enter__(self) -> Clock:
        def timed(recorder: Recorder, training: Any) -> None:
            began = perf_counter()
            self._plain(recorder, training)
            ended = perf_counter()
            self.records.append(ended - began)
            self.ends.append(ended)

        Recorder.on_step = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        Recorder.on_step = self._plain  # type: ignore[method-assign]


def measure(side: int) -> tuple[float, float]:
    """Seconds of a step and of its record, for pictures of `side` x `side`."""
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * 50, side, side, 1), dtype=np.float32)
    data = tg.data.ArrayDataset(x, np.arange(len(x)) % 10)
    model = tg.models.build("lenet", (side, side, 1), 10, rng=0)
    tg.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, Clock() as clock:
        run = tg.Run.create(Path(folder) / "run")
        tg.fit(model, data, epochs=STEPS // 50, batch_size=BATCH, lr=1e-4, seed=0, run=run, progress=False)
    ends, records = clock.ends[SKIPPED :: GROUP], clock.records[SKIPPED + 1 :]
    groups = [sum(records[k : k + GROUP]) / GROUP for k in range(0, len(records) - GROUP, GROUP)]
    return median(b - a for a, b in pairwise(ends)) / GROUP, median(groups)


def main() -> None:
    """Measure and print."""
    print("| network | step, ms | record, us | share |")
    print("| --- | ---: | ---: | ---: |")
    for side in (28, 8):
        step, record = measure(side)
        name = f"LeNet, {side}x{side}x1, batch {BATCH}"
        print(f"| {name} | {step * 1e3:.2f} | {record * 1e6:.1f} | {record / step:.2%} |")


if __name__ == "__main__":
    main()
