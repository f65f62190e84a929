"""Ported programs beside their originals: a table of agreement and of time, for docs/ports.md.

    TINYGRAD_CNN_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.ports --into docs/ports.md

Needs PyTorch in the same environment.  Agreement is that of the losses in float64.  Time is that of a step in float32,
and of the processor, which other programs disturb less than the clock: both sides take their steps in turn in one
process, each goes first in every other step, and the medians are compared.  The first step of each run, in which
networks are made and memory is fetched, is left out.
"""

from __future__ import annotations

import platform
import statistics
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.io import atomic_write

from .machine import cpu

BEGIN, END = "<!-- ports: begin (printed by python -m benchmarks.ports) -->", "<!-- ports: end -->"
FEWEST = 40  # steps that are timed, of each side
porting: Any = import_module("tests.ports.porting")


def _step(side: Iterator[Any]) -> float | None:
    """Seconds of one step; None after the last."""
    began = process_time()
    try:
        next(side)
    except StopIteration:
        return None
    return process_time() - began


def timed(name: str) -> tuple[float, float]:
    """Median seconds of a step in float32, of ours and of theirs."""
    times: tuple[list[float], list[float]] = ([], [])
    turn = 0
    while len(times[0]) < FEWEST:
        sides = porting.pair(name, np.float32)
        for side in sides:
            next(side)
        more = True
        while more:
            for k in (0, 1) if turn % 2 else (1, 0):
                seconds = _step(sides[k])
                more = seconds is not None
                if seconds is not None:
                    times[k].append(seconds)
            turn += 1
    return statistics.median(times[0]), statistics.median(times[1])


def row(name: str) -> tuple[str, float, float]:
    """The line of a program, the difference of its losses, and the ratio of times."""
    ours, theirs = map(porting.losses, porting.pair(name, np.float64))
    here, there = timed(name)
    apart, ratio = porting.difference(ours, theirs), here / there
    moved = f"{np.ravel(theirs[0])[-1]:.4g} → {np.ravel(theirs[-1])[-1]:.4g}"
    times = f"{here * 1e3:.2f} | {there * 1e3:.2f} | {ratio:.2f}"
    return f"| {name} | {porting.title(name)} | {len(theirs)} | {moved} | {apart:.0e} | {times} |", apart, ratio


def table(names: list[str]) -> str:
    """The machine and the table, in Markdown."""
    import torch

    lines = [
        f"{cpu()}; Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}; threads: "
        f"{tg.get_num_threads()} here, {torch.get_num_threads()} in PyTorch.",
        "",
        "| program | what it is | steps | loss | difference | ms here | ms PyTorch | ratio |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    found = []
    for name in names:
        found.append(row(name))
        print(found[-1][0], flush=True)
    lines += [line for line, _, _ in found]
    middle = statistics.geometric_mean([ratio for _, _, ratio in found])
    lines += ["", f"{len(found)} programs; the largest difference is {max(apart for _, apart, _ in found):.0e}, the "
              f"geometric mean of the ratios {middle:.2f}."]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Measure the programs named, or all, and print the table or put it into a page."""
    parser = ArgumentParser(prog="python -m benchmarks.ports", description="Ported programs beside their originals.")
    parser.add_argument("names", nargs="*", help="programs, by default all")
    parser.add_argument("--into", type=Path, help="put the table between the marks of this page")
    settings = parser.parse_args()
    for name in settings.names:
        if name not in porting.NAMES:
            parser.error(f"the program {name} is not known; known are {', '.join(porting.NAMES)}.")
    text = table(settings.names or porting.NAMES)
    if settings.into:
        before, _, rest = settings.into.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        if not rest:
            parser.error(f"{settings.into} lacks the line {BEGIN}")
        with atomic_write(settings.into, "w") as file:
            file.write(f"{before}{BEGIN}\n{text}\n{END}{after}")
    else:
        print(text)


if __name__ == "__main__":
    main()
