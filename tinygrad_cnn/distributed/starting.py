"""Which ranks there are: found out when it is first asked, without MPI where no launcher started this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Number
from ..autodiff.numbers import number
from ..autodiff.world import ALONE, World, fill, world

SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS")  # which launchers set


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes a launcher says that it started; 1 if none did."""
    return max([int(environment[name]) for name in SIZES if environment.get(name, "").isdigit()], default=1)


@named
def start(*, stall_timeout: Number = 600.0, elastic: bool = False) -> World:
    """Join the ranks that ``mpiexec`` started, once; without it, the world is this process alone.

    `parallel`, `rank` and `size` call it.  Call it yourself before them for other settings, which `parallel` describes.
    """
    if world() is not ALONE:
        return world()
    stall_timeout = number("distributed.start", "stall_timeout", stall_timeout, 0)
    expected = launched()
    if expected == 1 and "mpi4py.MPI" not in sys.modules:
        return ALONE
    try:
        import mpi4py

        mpi4py.rc.finalize = not elastic  # which waits for lost ranks; `mpi` sees to it
        from . import mpi
    except ImportError as error:
        raise ImportError(
            f"distributed: {expected} processes were started, but mpi4py cannot be imported ({error}). "
            "Install it: pip install 'tinygrad-cnn[mpi]'"
        ) from error
    joined = mpi.join(expected, stall_timeout, elastic)
    fill(joined)
    return joined


def rank() -> int:
    """Return the number of this process among those that ``mpiexec`` started, from 0; 0 for one alone.

    >>> tg.distributed.rank()
    0
    """
    return start().rank


def size() -> int:
    """Return how many processes ``mpiexec`` started; 1 for one alone.

    >>> tg.distributed.size()
    1
    """
    return start().size


def refuse_separate(expected: int, found: Any) -> None:
    """Refuse a launcher of another MPI library, under which every process would train by itself."""
    if expected > 1 and found == 1:
        raise RuntimeError(
            f"distributed: the launcher started {expected} processes, but each of them is alone in MPI: the launcher "
            "and mpi4py use different MPI libraries. Use the mpiexec that was installed beside mpi4py: "
            f"{os.path.join(os.path.dirname(sys.executable), 'mpiexec')}"
        )
