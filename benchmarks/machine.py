"""The machine that the figures belong to: what it is, and what it can do at best."""

from __future__ import annotations

import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import numpy as np

from .contest import Absent, Worker

COPY = 128 << 20  # bytes, far more than any cache


def cpu() -> str:
    """The processor's name, as the operating system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe(threads: int) -> dict[str, Any]:
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load": load(),
    }


def load() -> float | None:
    """How many processes wanted a core during the last minute, our own included."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def copy_bandwidth(threads: int, repetitions: int = 7) -> float:
    """Bytes per second, read and written, of np.copyto between arrays too large for the caches."""
    source = np.ones(COPY, np.uint8)
    target = np.zeros_like(source)
    pieces = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repetitions):
            start = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(*pair), pieces))
            best = min(best, time.perf_counter() - start)
    return 2 * COPY / best


def peak(workers: list[Worker], seconds: float) -> dict[str, float]:
    """FLOP per second of each side's best square matrix product: the highest is taken for the machine's peak."""
    found = {}
    for worker in workers:
        rates = []
        for n in (256, 512, 1024):
            try:
                worker.ask("prepare", task={"kind": "op", "op": "matmul", "shape": [n, n]}, seconds=seconds)
                for _ in range(3):
                    rates.append(2 * n**3 / min(worker.ask("block", seconds=seconds)["times"]))
            except Absent:
                break
        if rates:
            found[worker.name] = max(rates)
    return found
