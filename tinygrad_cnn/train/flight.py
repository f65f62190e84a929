"""The flight record of a run: 32 bytes of each step in ``flight.bin``, by which a replay shows that it is the same.

The samples of a step follow from the order of its epoch and the number of the batch, so the record holds the numbers of
both and a checksum of the order.  A checksum of the states of the random generators is in the first step of each epoch
and in every 32nd; it is 0 in the others, whose losses depend on these states too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from ..autodiff.randomness import default_generator
from ..io.atomic import open_part

FILE = "flight.bin"
STEP = np.dtype([
    ("epoch", "<u4"), ("batch", "<u4"), ("loss", "<f8"), ("norm", "<f4"), ("lr", "<f4"), ("samples", "<u4"),
    ("generators", "<u4"),
])  # fmt: skip
HEAD = b"tinygrad_cnn flight record 1".ljust(STEP.itemsize, b"\n")
SELDOM = 32  # steps between two checksums of generators
HELD = 512  # steps that wait in memory; a checkpoint writes them too

_pack = struct.Struct("<IIdffII").pack_into


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
        self._held = bytearray(HELD * STEP.itemsize)
        self._first, self._count = 1, 0  # the steps that wait

    def add(
        self, step: int, epoch: int, batch: int, loss: float, norm: float, lr: float, samples: int, generators: int
    ) -> None:
        """Record a step; steps are counted from 1 and come in order."""
        if step != self._first + self._count or self._count == HELD:
            self.flush()
            self._first = step
        _pack(self._held, self._count * STEP.itemsize, epoch, batch, loss, norm, lr, samples, generators)
        self._count += 1

    def flush(self) -> None:
        """Write what waits; steps of a future that did not come are cut off."""
        if not self._count:
            return
        first, count = self._first, self._count
        self._first, self._count = first + count, 0
        begun = self.path.is_file() and self.path.stat().st_size >= len(HEAD) and not self.path.is_symlink()
        if self.path.is_symlink():  # of somebody else: replaced, as all files of a run are
            self.path.unlink()
        with open_part(self.path, 0 if not begun else 1) as file:
            if not begun:
                file.write(HEAD)
            file.seek(first * STEP.itemsize)
            file.write(memoryview(self._held)[: count * STEP.itemsize])
            file.truncate()

    def cut(self, step: int) -> None:
        """Forget what came after a step, from which a training goes on."""
        self._first, self._count = step + 1, 0

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
    """The norm of all gradients together, summed as they lie in memory."""
    total = 0.0
    for p in parameters:
        g = p.grad
        if g is not None:
            g = g.ravel()
            total += float(np.dot(g, g)) if len(g) <= PIECE else _in_pieces(g)
    return float(total**0.5)


PIECE = 8192  # longer vectors a BLAS spreads over threads, which takes longer for these


def _in_pieces(g: np.ndarray) -> float:
    dot = np.dot
    return sum([float(dot(part, part)) for part in (g[k : k + PIECE] for k in range(0, len(g), PIECE))])
