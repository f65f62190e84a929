"""Training steps of networks written with functions beside the same made of layers, which fuse: time and peak memory.

    python -m benchmarks.functional [NETWORK ...] [--batch N] [--threads N] [--seconds S] [--infer]

Times are of one process, in turn; peaks are of a process each.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from time import perf_counter
from typing import Any

from . import nets
from .sides.ours import Side

FORMS = ("functional", "layered")


def step_of(name: str, form: str, batch: int, train: bool, threads: int) -> Any:
    task = {"kind": "net", "net": name, "batch": batch, "train": train}
    return Side("" if form == "functional" else form, threads).prepare(task)


def compare(name: str, batch: int, train: bool, threads: int, seconds: float) -> tuple[float, float]:
    """Milliseconds of the functional form, and the median of its pairwise ratios to the layered one."""
    steps = [step_of(name, form, batch, train, threads) for form in FORMS]
    for step in steps * 3:
        step()
    pairs: list[list[float]] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(pairs) < 3:
        pair = [0.0, 0.0]
        for k in (0, 1) if len(pairs) % 2 else (1, 0):
            before = perf_counter()
            steps[k]()
            pair[k] = perf_counter() - before
        pairs.append(pair)
    return 1e3 * statistics.median(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)


def peak(name: str, form: str, batch: int, train: bool, threads: int) -> int:
    """Bytes of the largest resident set of a process that does a few steps."""
    code = (
        "from benchmarks.functional import step_of; from benchmarks.worker import peak_memory; "
        f"step = step_of({name!r}, {form!r}, {batch}, {train}, {threads}); [step() for _ in range(4)]; "
        "print(peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("networks", nargs="*", default=list(nets.SIX))
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--infer", action="store_true")
    given = parser.parse_args()
    print(f"{'':18}     ms   time   peak MB   peak")
    for name in given.networks:
        batch = given.batch or nets.NETS[name].batch
        ms, ratio = compare(name, batch, not given.infer, given.threads, given.seconds)
        ours, theirs = (peak(name, form, batch, not given.infer, given.threads) for form in FORMS)
        print(f"{f'{name} [{batch}]':18}{ms:7.1f}  {ratio:5.3f}  {ours / 1e6:8.0f}  {ours / theirs:5.3f}", flush=True)


if __name__ == "__main__":
    main()
