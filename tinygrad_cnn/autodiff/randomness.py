"""The default generators of random numbers: one in each thread, used wherever nobody passes ``rng=``.

They belong to threads, not to asyncio tasks: notebooks run each cell in a task of its own, and a seed set in one cell
must hold in the next.  A task that needs draws of its own runs in `fork_rng`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from zlib import crc32

import numpy as np

from .calls import named
from .effects import effect
from .kinds import Whole
from .numbers import whole

__all__ = ["fork_rng", "get_rng_state", "manual_seed", "set_rng_state"]


class _Source:
    """The default generator of a thread or of a `fork_rng` block; None before anybody sets a seed."""

    def __init__(self, state: Any = None) -> None:
        self.thread = threading.current_thread()
        self.seed: int | None = None
        self.rng: np.random.Generator | None = None
        self.set(state)

    def seeded(self, seed: int) -> None:
        self.seed, self.rng = seed, np.random.default_rng(seed)

    def set(self, state: Any) -> None:
        """Take a state that `get` gave."""
        if state is None:
            self.seed = self.rng = None
            return
        rng = np.random.Generator(np.random.PCG64(0))
        rng.bit_generator.state = state["generator"]
        self.seed, self.rng = state["seed"], rng

    def get(self) -> dict[str, Any] | None:
        return None if self.rng is None else {"seed": self.seed, "generator": dict(self.rng.bit_generator.state)}


class _Process:
    """The seed of the main thread, from which threads that set no seed get their streams."""

    lock = threading.Lock()
    seed: int | None = None
    threads: dict[str, int] = {}

    @classmethod
    def follow(cls, source: _Source) -> None:
        """Note the seed of the main thread."""
        with cls.lock:
            cls.seed, cls.threads = source.seed, {}

    @classmethod
    def stream(cls, name: str) -> np.random.Generator | None:
        """The stream of the next thread of this name; None while the main thread has no seed."""
        with cls.lock:
            if cls.seed is None:
                return None
            number = cls.threads[name] = cls.threads.get(name, -1) + 1
            key = (crc32(name.encode()), number)
            return np.random.default_rng(np.random.SeedSequence(cls.seed, spawn_key=key))


class _Local(threading.local):
    def __init__(self) -> None:
        self.source = _Source()


_local = _Local()
_forked: ContextVar[_Source | None] = ContextVar("tinygrad_cnn forked generator", default=None)


def _source() -> _Source:
    forked = _forked.get()  # a context may have been copied into another thread, which must not share its draws
    return forked if forked is not None and forked.thread is threading.current_thread() else _local.source


def default_generator() -> np.random.Generator | None:
    """The generator of this thread or `fork_rng` block; None if nobody set a seed for it."""
    source = _source()
    if source.rng is None and source is _local.source and source.thread is not threading.main_thread():
        source.rng = _Process.stream(source.thread.name)
    return source.rng


def is_forked() -> bool:
    """Whether the default generator is that of a `fork_rng` block, or of a checkpoint that repeats its function."""
    return _source() is not _local.source


def _changed(source: _Source) -> None:
    if source is _local.source and source.thread is threading.main_thread():
        _Process.follow(source)


@effect
@named
def manual_seed(seed: Whole) -> None:
    """Seed the default generator of this thread, from which everything draws that is given no `rng`.

    From here on weights, dropout, orders of loaders and `tg.randn` follow from `seed`.  Threads that set no seed
    themselves get independent streams, which follow from the seed of the main thread and the thread's name.

    Raises
    ------
    TypeError, ValueError : `seed` is not a whole number of at least 0.

    Examples
    --------
    >>> tg.manual_seed(7)
    >>> x = tg.randn(3)
    >>> tg.manual_seed(7)
    >>> bool((tg.randn(3) == x).all())
    True
    """
    source = _source()
    source.seeded(whole("manual_seed", "seed", seed, 0))
    _changed(source)


@named
def get_rng_state() -> dict[str, Any] | None:
    """The state of this thread's default generator as plain values, which JSON can write; None if nobody seeded it.

    >>> tg.manual_seed(0)
    >>> state = tg.get_rng_state()
    >>> x = tg.rand(2)
    >>> tg.set_rng_state(state)
    >>> bool((tg.rand(2) == x).all())
    True
    """
    default_generator()  # a thread may get its stream only now
    return _source().get()


@effect
@named
def set_rng_state(state: Mapping[str, Any] | None) -> None:
    """Set this thread's default generator to a state that `get_rng_state` gave; None makes it unseeded again.

    Raises
    ------
    TypeError, ValueError : `state` is something else; the generator stays as it was.
    """
    _check(state)
    source = _source()
    source.set(state)
    _changed(source)


def _check(state: Any) -> None:
    remedy = "Pass what get_rng_state() returned."
    if state is None:
        return
    if not isinstance(state, Mapping):
        raise TypeError(f"set_rng_state: state must be a dict or None, got {type(state).__name__}. {remedy}")
    if set(state) != {"seed", "generator"}:
        got = ", ".join(map(str, state)) or "none"
        raise ValueError(f"set_rng_state: state must have the entries seed and generator, got {got}. {remedy}")
    if state["seed"] is not None:
        whole("set_rng_state", "state['seed']", state["seed"], 0)
    try:
        np.random.PCG64(0).state = state["generator"]
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise ValueError(f"set_rng_state: this is not the state of a PCG64 generator ({error}). {remedy}") from None


@named
def fork_rng(seed: Whole | None = None) -> Any:
    """A context whose draws leave the default generator as it was before.

    Inside, the default generator starts at `seed`; without one, where it stands now.  `manual_seed` and
    `set_rng_state` inside hold until the end of the block.  An asyncio task in such a block has draws of its own.

    >>> tg.manual_seed(0)
    >>> with tg.fork_rng():
    ...     x = tg.rand(2)
    >>> bool((tg.rand(2) == x).all())
    True
    """
    if seed is None:
        return forked(get_rng_state())
    source = _Source()
    source.seeded(whole("fork_rng", "seed", seed, 0))
    return forked(source.get())


@contextmanager
def forked(state: Any) -> Iterator[None]:
    """A context whose default generator starts at a state that `get_rng_state` gave."""
    before = _forked.get()
    _forked.set(_Source(state))
    try:
        yield
    finally:
        _forked.set(before)
