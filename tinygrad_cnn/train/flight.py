"""The flight record of a run: 32 bytes of each step in ``flight.bin``, by which a replay shows that it is the same.

The samples of a step follow from the order of its epoch and the number of the batch, so the record holds the numbers of
both and a checksum of the order.  A checksum of the states of the random generators is in the first step of each epoch
and in every 32nd; it is 0 in the others, whose losses depend on these states too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from ..autodiff.randomness import default_generator
from ..io.atomic import open_part
from ..kernels.native import squares

FILE = "flight.bin"
STEP = np.dtype([
    ("epoch", "<u4"), ("batch", "<u4"), ("loss", "<f8"), ("norm", "<f4"), ("lr", "<f4"), ("samples", "<u4"),
    ("generators", "<u4"),
])  # fmt: skip
HEAD = b"tinygrad_cnn flight record 1".ljust(STEP.itemsize, b"\n")
SELDOM = 32  # steps between two checksums of generators
HELD = 512  # steps that wait in memory; a checkpoint writes them too


class Flight:
    """The flight record in a folder.

    >>> flight = tg.Run.create("flown").flight
    >>> flight.add(1, epoch=1, batch=1, loss=2.5, norm=0.5, lr=0.1, samples=7, generators=0)
    >>> flight.flush()
    >>> float(flight.read()[0]["loss"]), float(flight.at(1)["norm"]), flight.at(2)
    (2.5, 0.5, None)
    """

    def __init__(self, run: Path) -> None:
        self.path = run / FILE
        self._held: list[tuple[Any, ...]] = []  # the steps that wait

    def add(
        self, step: int, epoch: int, batch: int, loss: float, norm: float, lr: float, samples: int, generators: int
    ) -> None:
        """Record a step; steps are counted from 1 and come in order."""
        self._held.append((step, epoch, batch, loss, norm, lr, samples, generators))
        if len(self._held) == HELD:
            self.flush()

    def flush(self) -> None:
        """Write what waits; steps of a future that did not come are cut off."""
        held, self._held = self._held, []
        if not held:
            return
        first = held[0][0]
        records = np.zeros(held[-1][0] - first + 1, STEP)
        for step, *values in held:
            records[step - first] = tuple(values)
        if self.path.is_symlink():  # of somebody else: replaced, as all files of a run are
            self.path.unlink()
        begun = self.path.is_file() and self.path.stat().st_size >= len(HEAD)
        with open_part(self.path, len(HEAD) if begun else 0) as file:
            if not begun:
                file.write(HEAD)
            file.seek(first * STEP.itemsize)
            file.write(records.tobytes())
            file.truncate()

    def drop(self) -> None:
        """Forget what waits, of a training that ended before it was written."""
        self._held = []

    def read(self) -> np.ndarray:
        """All steps, as an array of `STEP`; those that were not recorded have epoch 0.

        Raises
        ------
        ValueError : the file is not a flight record.
        """
        if not self.path.is_file():
            return np.zeros(0, STEP)
        data = self.path.read_bytes()
        if data[: len(HEAD)] != HEAD:
            raise ValueError(f"{self.path} is not a flight record, or is damaged.")
        return np.frombuffer(data, STEP, (len(data) - len(HEAD)) // STEP.itemsize, len(HEAD))

    def at(self, step: int) -> Any:
        """The record of a step, None if there is none."""
        found = self.read()
        return found[step - 1] if 0 < step <= len(found) and found[step - 1]["epoch"] else None


def checksum(order: np.ndarray) -> int:
    """Of the numbers of samples in the order of an epoch."""
    return crc32(np.ascontiguousarray(order).data)


def generators_of(generators: Iterable[np.random.Generator]) -> int:
    """A checksum of the states of the default generator and of those that layers keep; 0 if there are none."""
    found, default = 0, default_generator()
    for rng in (*generators, *(() if default is None else (default,))):
        state = rng.bit_generator.state
        found = crc32(repr(state["state"]).encode() if "state" in state else repr(state).encode(), found)
    return found


def norm_of(parameters: Iterable[Any]) -> float:
    """The norm of all gradients together."""
    gradients = [p.grad for p in parameters]
    total = squares(gradients)
    if total is None:
        total = sum([float(np.vdot(g, g)) for g in gradients if g is not None])
    return float(total**0.5)
