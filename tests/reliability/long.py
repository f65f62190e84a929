"""Long trainings: whether memory and the time of a step stay what they were."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import ArrayDataset

PARTS = 20  # of a training, each measured


def resident() -> int:
    """Bytes of this process that are in memory; Linux only."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Gauge(tg.train.Callback):
    """Measures at the end of each of some parts of a training."""

    def __init__(self, steps: int) -> None:
        self.every = steps // PARTS
        self.memory: list[int] = []
        self.times = [perf_counter()]

    def on_step(self, training: Any) -> None:
        """Measure if a part is over."""
        if training.step % self.every == 0:
            gc.collect()
            self.memory.append(resident())
            self.times.append(perf_counter())


def tiny() -> tuple[Any, ArrayDataset, int, str]:
    """A network of two small dense layers: a step is almost nothing but Python."""
    x = np.random.default_rng(0).standard_normal((4000, 4)).astype(np.float32)
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 1, rng=1))
    return model, ArrayDataset(x, x[:, :1] * 2), 4, "mse"


def lenet() -> tuple[Any, ArrayDataset, int, str]:
    """A LeNet on noise of the size of MNIST."""
    x = np.random.default_rng(0).random((3200, 28, 28, 1), dtype=np.float32)
    return tg.models.build("lenet", (28, 28, 1), 10, rng=0), ArrayDataset(x, np.arange(3200) % 10), 64, "cross_entropy"


def measured(make: Callable[[], tuple[Any, ArrayDataset, int, str]], steps: int) -> Gauge:
    """Train so many steps in a run folder, with its record and checkpoints."""
    model, data, batch, loss = make()
    epochs = -(-steps // -(-len(data) // batch))
    gauge = Gauge(steps)
    with tempfile.TemporaryDirectory() as folder:
        run = tg.Run.create(Path(folder) / "run")
        keeper = tg.train.Checkpoint(run, every=max(1, epochs // 10))
        tg.fit(model, data, epochs=epochs, batch_size=batch, loss=loss, lr=1e-4, seed=0, progress=False,
               callbacks=[gauge, keeper])  # fmt: skip
    return gauge


def rows(steps: tuple[int, int] = (1_000_000, 10_000)) -> list[str]:
    """Train for long, and return the lines of a table."""
    lines = ["| network | steps | MiB after a quarter | MiB at the end | us a step, 2nd quarter | us a step, last |",
             "| --- | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for name, make, count in (("tiny, batch 4", tiny, steps[0]), ("LeNet, batch 64", lenet, steps[1])):
        found = measured(make, count)
        quarter = PARTS // 4
        each = np.diff(found.times)[:PARTS] / found.every * 1e6
        before, after = median(each[quarter : 2 * quarter]), median(each[-quarter:])
        lines.append(
            f"| {name} | {count:,} | {found.memory[quarter - 1] / 2**20:.1f} | {found.memory[PARTS - 1] / 2**20:.1f} | "
            f"{before:.0f} | {after:.0f} |"
        )
        print(lines[-1], flush=True)
    return lines
