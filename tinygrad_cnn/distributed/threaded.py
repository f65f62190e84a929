"""Ranks as threads of one process: to test and to debug a program of several ranks without MPI."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from ..autodiff.numbers import whole
from ..autodiff.world import World, using

MOST = 256


class _Table:
    """What the threads share: a place for each rank's contribution, and a barrier."""

    def __init__(self, size: int) -> None:
        self.values: list[Any] = [None] * size
        self.barrier = threading.Barrier(size)


class ThreadWorld(World):
    """One rank among threads.  Sums are added in the order of ranks."""

    def __init__(self, rank: int, tables: list[_Table]) -> None:
        self._rank, self._tables, self._channel = rank, tables, 0

    @property
    def rank(self) -> int:
        return self._rank

    @property
    def size(self) -> int:
        return len(self._tables[0].values)

    def all_gather(self, value: Any) -> list[Any]:
        return deepcopy(self._exchanged(value))  # each rank has objects of its own, as in processes

    def _exchanged(self, value: Any) -> list[Any]:
        table = self._tables[self._channel]
        table.values[self._rank] = value
        table.barrier.wait()
        values = [*table.values]
        table.barrier.wait()  # nobody writes anew before everybody has read
        return values

    def all_reduce(self, array: np.ndarray) -> None:
        first, *others = self._exchanged(array.copy())
        array[...] = first
        for other in others:
            array += other

    def twin(self) -> World:
        twin = ThreadWorld(self._rank, self._tables)
        if self._rank == 0:
            self._tables.append(_Table(self.size))
        self._exchanged(None)
        twin._channel = len(self._tables) - 1
        return twin


def run_threads(size: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Call ``function(*args)`` on each of `size` ranks, which are threads of this process; what each returned.

    Parameters
    ----------
    size : how many ranks.
    function : the program of one rank, which asks `rank` and `size` and calls `parallel` as under MPI.

    Raises
    ------
    The error of the first rank that ended in one; the others are ended too, when they next exchange something.

    Examples
    --------
    >>> tg.distributed.run_threads(3, lambda: (tg.distributed.rank(), tg.distributed.size()))
    [(0, 3), (1, 3), (2, 3)]
    """
    size = whole("run_threads", "size", size)
    if size > MOST:
        raise ValueError(f"run_threads: size={size} threads are too many; at most {MOST}.")
    if not callable(function):
        raise TypeError(f"run_threads: function must be a function, got {type(function).__name__}.")
    tables = [_Table(size)]
    results: list[Any] = [None] * size
    errors: list[tuple[int, BaseException]] = []

    def program(rank: int) -> None:
        try:
            with using(ThreadWorld(rank, tables)):
                results[rank] = function(*args)
        except BaseException as error:
            errors.append((rank, error))
            for table in tables:
                table.barrier.abort()

    threads = [threading.Thread(target=program, args=(rank,), name=f"rank {rank}") for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        rank, error = errors[0]
        if hasattr(error, "add_note"):  # since Python 3.11
            error.add_note(f"on rank {rank} of {size}")
        raise error
    return results
