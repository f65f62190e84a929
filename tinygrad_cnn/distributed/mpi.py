"""The ranks under MPI; the only file that imports mpi4py."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from mpi4py import MPI

from ..autodiff.world import World
from .starting import refuse_separate
from .watching import Watch

WITH_FT = "OMPI_MCA_mpi_ft_enable"  # is set to 1 by mpiexec --with-ft ulfm


class MpiWorld(World):
    """The ranks of a communicator of MPI.

    With `elastic` an exchange in which a rank is lost is repeated among those that are left: every exchange ends with
    an agreement, so that it counts for all of them or for none.
    """

    def __init__(self, comm: Any, watch: Watch, elastic: bool = False) -> None:
        self._comm, self._watch, self.elastic = comm, watch, elastic
        self._lost = False  # whether any rank was
        if elastic:
            comm.Set_errhandler(MPI.ERRORS_RETURN)

    @property
    def rank(self) -> int:
        return int(self._comm.rank)

    @property
    def size(self) -> int:
        return int(self._comm.size)

    def all_reduce(self, array: np.ndarray) -> None:
        flat = array.reshape(-1)
        if not self.elastic:
            self._once("all_reduce", lambda: self._comm.Allreduce(MPI.IN_PLACE, flat))
            return
        own = flat.copy()
        self._repeated("all_reduce", lambda: self._comm.Allreduce(own, flat))

    def all_gather(self, value: Any) -> list[Any]:
        if not self.elastic:
            return list(self._once("all_gather", lambda: self._comm.allgather(value)))
        return list(self._repeated("all_gather", lambda: self._comm.allgather(value)))

    def same(self, value: Any) -> Any:
        if self.elastic:
            return super().same(value)
        return self._once("broadcast", lambda: self._comm.bcast(value))

    def twin(self) -> World:
        return MpiWorld(self._comm.Dup(), self._watch, self.elastic)

    def leave(self) -> None:
        """End the use of MPI when no rank needs this one any more; MPI's own end would wait for lost ranks."""
        self._watch.leave()
        if self.elastic:
            self._repeated("the end", lambda: None)
            if not self._lost:
                MPI.Finalize()

    def _once(self, what: str, exchange: Callable[[], Any]) -> Any:
        """Exchange; an error names the ranks that are lost, if this MPI knows them."""
        with self._watch.waiting(what):
            try:
                return exchange()
            except MPI.Exception as error:
                if os.environ.get(WITH_FT) != "1":
                    raise
                lost = sorted(self._comm.Get_failed().Translate_ranks(None, self._comm.group))
                named = f"rank {', '.join(map(str, lost))}" if lost else "a rank"
                raise ConnectionError(f"lost {named} while this rank waited in {what}: {error}") from error

    def _repeated(self, what: str, exchange: Callable[[], Any]) -> Any:
        """Exchange until it has succeeded on all ranks, without those that are lost."""
        while True:
            fine, result = 1, None
            with self._watch.waiting(what):
                try:
                    result = exchange()
                except MPI.Exception:
                    fine = 0
                    self._comm.Revoke()  # those that still wait for a lost rank are told
                try:
                    agreed = self._comm.Agree(fine)
                except MPI.Exception:
                    agreed = 0
                if agreed:
                    return result
                self._go_on_without_the_lost()

    def _go_on_without_the_lost(self) -> None:
        before = self._comm
        before.Revoke()
        self._comm = before.Shrink()
        self._comm.Set_errhandler(MPI.ERRORS_RETURN)
        self._lost = True
        left = {*self._comm.group.Translate_ranks(None, before.group)}
        lost = [rank for rank in range(before.size) if rank not in left]
        if lost and self._comm.rank == 0:
            print(
                f"distributed: rank {', '.join(map(str, lost))} of {before.size} was lost; {self._comm.size} go on, "
                "numbered anew",
                file=sys.stderr, flush=True,
            )  # fmt: skip


def join(expected: int, stall_timeout: float, elastic: bool) -> World:
    """Return the world of all ranks, watched over; an error of one rank ends all of them, unless it is elastic."""
    comm = MPI.COMM_WORLD
    refuse_separate(expected, comm.size)
    if elastic and os.environ.get(WITH_FT) != "1":
        raise RuntimeError("distributed: elastic=True needs Open MPI 5 started with: mpiexec --with-ft ulfm")
    watch = Watch(comm.Dup(), stall_timeout, elastic)
    joined = MpiWorld(comm.Dup(), watch, elastic)
    sys.excepthook = _ending_all(comm)
    atexit.register(joined.leave)  # before the end of MPI, which mpi4py registered earlier
    return joined


def _ending_all(comm: Any) -> Callable[..., None]:
    """A hook for errors that nobody catches: it names the rank and ends the job, or leaves the others to notice."""

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        print(f"distributed: rank {comm.rank} of {comm.size} ended with {kind.__name__}: {error}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        if os.environ.get(WITH_FT) == "1":  # the others notice, and go on or end too
            os.kill(os.getpid(), signal.SIGKILL)
        comm.Abort(1)

    return end
