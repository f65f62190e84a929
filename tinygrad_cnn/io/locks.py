"""Locks on files and folders that end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_held: set[int] = set()  # descriptors of folders, which a forked child must not keep


def take(file: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder until it is closed; return False if another holder has it.

    Where the system or its network folders know no locks, the answer is True.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


@contextmanager
def holding(folder: str | os.PathLike[str], *, wait: bool = False) -> Iterator[bool]:
    """A context that locks a folder; its value is False if another holder has it and `wait` is False.

    The lock belongs to this process alone: children that it forks do not keep it alive.
    """
    if fcntl is None:
        yield True
        return
    file = os.open(folder, os.O_RDONLY)
    _held.add(file)
    try:
        yield take(file, wait=wait)
    finally:
        if file in _held:  # not in a forked child, which has closed its copy
            _held.discard(file)
            os.close(file)


def _let_go() -> None:
    """Close the copies that a fork made, so that the lock is its parent's alone."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
