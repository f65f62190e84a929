"""The ranks that train one model together: one process alone until `tg.distributed` puts others beside it.

Loaders, layers, ops and the training loop ask `world()` and call its methods; none of them knows how ranks exchange
arrays.  Every method but `rank` and `size` is collective: all ranks call it, in the same order, or all of them wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

__all__ = ["ALONE", "World", "fill", "using", "world"]


class World:
    """One process alone; the base of worlds of several ranks."""

    @property
    def rank(self) -> int:
        """The number of this rank, from 0."""
        return 0

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return 1

    def all_reduce(self, array: np.ndarray) -> None:
        """Replace a contiguous float array by its sum over all ranks, in place; the same bits on every rank."""

    def all_gather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in the order of ranks: arrays, numbers, words, and structures of them."""
        return [value]

    def same(self, value: Any) -> Any:
        """Return the value that rank 0 gave."""
        return self.all_gather(value)[0]

    def twin(self) -> World:
        """Return another channel between the same ranks, for the use of another thread."""
        return self


ALONE = World()


class _Process:
    world: World = ALONE


_thread: ContextVar[World | None] = ContextVar("tinygrad_cnn world", default=None)


def world() -> World:
    """Return the ranks that this thread belongs to."""
    return _thread.get() or _Process.world


def fill(new: World) -> None:
    """Make `new` the world of this process."""
    _Process.world = new


@contextmanager
def using(new: World) -> Iterator[None]:
    """Make `new` the world of this thread inside a ``with`` block."""
    token = _thread.set(new)
    try:
        yield
    finally:
        _thread.reset(token)
