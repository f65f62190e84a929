"""Notices that this rank waits for one that is silent, or that has left the program, and ends the job saying which."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mpi4py import MPI

STALLED, LEFT = 1, 2  # tags of messages
PATIENCE, GRACE = 1.0, 2.0  # seconds of waiting before messages are looked for; in which others say that they wait too


class Watch:
    """A thread that looks on while this rank waits for others.

    Parameters
    ----------
    comm : a communicator for its messages alone.
    timeout : after how many seconds of waiting the job is ended; 0 for never.
    elastic : ranks may be lost, so one that leaves is not missed.
    """

    def __init__(self, comm: Any, timeout: float, elastic: bool) -> None:
        self._comm, self._timeout, self._elastic = comm, timeout, elastic
        self._waits: dict[int, tuple[float, str]] = {}  # by thread: since when, and for what
        self._left: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="tinygrad_cnn watch", daemon=True)
        self._thread.start()

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Note that this thread waits for all ranks inside the block."""
        me = threading.get_ident()
        self._waits[me] = (time.monotonic(), what)
        try:
            yield
        finally:
            self._waits.pop(me, None)

    def leave(self) -> None:
        """Tell the others that this rank needs them no more, and wait until none needs this one, without computing."""
        self._stop.set()
        self._thread.join()
        if self._elastic or self._comm.size == 1:
            return
        sent = [self._comm.isend(None, rank, LEFT) for rank in self._others()]
        over = self._comm.Ibarrier()
        while not over.Test():
            time.sleep(0.02)
        while len(self._left) < self._comm.size - 1:
            self._receive()
        MPI.Request.Waitall(sent)

    def _others(self) -> list[int]:
        return [rank for rank in range(self._comm.size) if rank != self._comm.rank]

    def _look(self) -> None:
        tick = min(0.5, self._timeout / 4 or 0.5)
        while not self._stop.wait(tick):
            oldest = min(self._waits.values(), default=None)
            waited = 0.0 if oldest is None else time.monotonic() - oldest[0]
            if oldest is None or waited < min(PATIENCE, self._timeout or PATIENCE):
                continue
            stalled = self._receive()
            if self._left:
                self._end(f"waits in {oldest[1]} for rank {_listed(self._left)}, which has left the program")
            elif self._timeout and (waited > self._timeout or stalled):
                self._end_of_patience(oldest[1], waited, stalled)

    def _end_of_patience(self, what: str, waited: float, stalled: set[int]) -> None:
        """Ask who waits too; whoever does not is silent."""
        for rank in self._others():
            self._comm.isend(None, rank, STALLED)
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            stalled |= self._receive()
            time.sleep(0.05)
        silent = {*self._others()} - stalled
        who = f"rank {_listed(silent)}, which is silent" if silent else "others that wait too: ranks differ in order"
        self._end(f"has waited {waited:.0f} s in {what} for {who} (stall_timeout is {self._timeout:g} s)")

    def _receive(self) -> set[int]:
        """Take the messages that have come; the ranks that wait in vain."""
        stalled: set[int] = set()
        status = MPI.Status()
        try:
            while self._comm.iprobe(MPI.ANY_SOURCE, MPI.ANY_TAG, status):
                source, tag = status.Get_source(), status.Get_tag()
                self._comm.recv(source=source, tag=tag)
                (stalled if tag == STALLED else self._left).add(source)
        except MPI.Exception:  # of a rank that is lost
            if not self._elastic:
                raise
        return stalled

    def _end(self, why: str) -> None:
        print(f"distributed: rank {self._comm.rank} of {self._comm.size} {why}", file=sys.stderr, flush=True)
        time.sleep(GRACE / 4)  # until the launcher has passed the line on
        self._comm.Abort(1)


def _listed(ranks: set[int]) -> str:
    return ", ".join(map(str, sorted(ranks)))
