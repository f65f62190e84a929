"""The program of a rank: how long an update takes, and how much of it is waiting for others."""

from __future__ import annotations

import json
import sys
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import models, optim


class Timed:
    """Adds up the time in a world's exchanges."""

    def __init__(self, world: Any) -> None:
        self.seconds, self._reduce = 0.0, world.all_reduce
        world.all_reduce = self.all_reduce

    def all_reduce(self, array: np.ndarray) -> None:
        """Exchange, and note how long it took."""
        began = perf_counter()
        self._reduce(array)
        self.seconds += perf_counter() - began


def update_times(*, batch: int, model: str, updates: int) -> dict[str, Any]:
    """Milliseconds of an update with `batch` images on each rank, and of its exchanges: medians of the fastest quarter.

    Other programs on a machine with as many ranks as cores stretch the rest.
    """
    tg.set_num_threads(1)
    rng = np.random.default_rng(tg.distributed.rank())
    shape = (28, 28, 1) if model == "lenet" else (32, 32, 3)
    x, y = rng.random((batch, *shape), dtype=np.float32), rng.integers(10, size=batch)
    net = models.build(model, shape, 10, 0)
    net, optimizer = tg.distributed.parallel(net, optim.SGD(net.parameters(), lr=1e-3))
    timed, times = Timed(optimizer.world), []
    for _ in range(updates):
        began, before = perf_counter(), timed.seconds
        optimizer.zero_grad()
        tg.softmax_cross_entropy(net(x), y).backward()
        optimizer.step()
        times.append((perf_counter() - began, timed.seconds - before))
    numbers = sum(p.size for p in net.parameters())
    whole, waits = zip(*sorted(times)[: updates // 4], strict=True)
    return {"update": 1e3 * median(whole), "exchange": 1e3 * median(waits), "parameters": numbers}


def constants(*, large: int = 2**22, repeats: int = 50) -> dict[str, float]:
    """Seconds of an exchange of one number, and bytes a second in one of `large` bytes, between these ranks."""
    world = tg.distributed.start()
    times = {}
    for size in (1, large // 4):
        array, found = np.ones(size, np.float32), []
        for _ in range(repeats):
            world.all_reduce(np.ones(1, np.float32))  # so that all begin together
            began = perf_counter()
            world.all_reduce(array)
            found.append(perf_counter() - began)
        times[size] = median(found)
    small, long = times[1], times[large // 4]
    return {"latency": small, "bandwidth": large / (long - small)}


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    found = constants() if settings == {} else update_times(**settings)
    if not tg.distributed.rank():
        print(json.dumps(found))
