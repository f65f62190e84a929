"""Where the time goes: by op and by module, forward and backward apart."""

from __future__ import annotations

import csv
import json
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from ..autodiff.cost import Cost
from ..autodiff.numbers import whole
from ..autodiff.observing import Call, observing
from ..autodiff.reader import finds_all
from ..core.modes import current
from ..io.atomic import atomic_write
from .cost import backward_cost, forward_cost, fresh, outer
from .numbers import memory
from .table import table

MOST_EVENTS = 1_000_000  # kept for the trace; tables and CSV count all
SHOWN = 20  # rows of a printed table


@dataclass
class Line:
    """Calls of one kind: of an op in a module, of an op, or of a module."""

    phase: str  # "forward" or "backward"
    op: str  # "" in lines by module
    module: str  # path; "" outside of modules, and in lines by op
    calls: int = 0
    seconds: float = 0.0
    flop: int = 0
    bytes: int = 0  # read and written, from the shapes

    @property
    def gflops(self) -> float:
        """Achieved GFLOP per second."""
        return self.flop / self.seconds / 1e9 if self.seconds else 0.0


class Profile:
    """What `tg.profile` measured; readable after the block.

    Attributes
    ----------
    lines : one `Line` for each phase, op and module, slowest first; `by_op` and `by_module` add them up.
    seconds : of the whole block; what is not in any line is Python, data, optimiser and the profile itself.
    peak_bytes : the most that results of ops (activations, saved side results, gradients) took at one time, of those
        that were made inside the block: their arrays are watched until they are freed.  Parameters, inputs and what
        a kernel needs while it runs are not in it.
    """

    def __init__(self) -> None:
        self._stack: ExitStack | None = None
        self._began = 0.0
        self._seconds: float | None = None
        self._lines: dict[tuple[str, str, str], Line] = {}
        self._events: list[tuple[float, float, tuple[str, str, str], Cost]] = []
        self._parts: dict[Call, Cost] = {}  # of running calls, what their parts cost
        self._alive: dict[int, Any] = {}
        self._bytes = self._peak = self._left_out = self._thread = 0

    def __enter__(self) -> Profile:
        if self._stack is not None or self._seconds is not None:
            raise RuntimeError("profile: this one was used before. Write: with tg.profile() as p: ...")
        self._stack = ExitStack()
        self._stack.enter_context(observing(self._see))
        self._thread, self._began = threading.get_ident(), perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds = perf_counter() - self._began
        if self._stack is not None:
            self._stack.close()
        self._stack = None
        self._alive.clear()
        self._parts.clear()

    # -- measuring --------------------------------------------------------------------------------------------

    def _see(self, call: Call) -> None:
        parts = self._parts.pop(call, None)
        if call.node is None:
            cost = forward_cost(call)
        elif finds_all(call.op):
            cost = Cost(0, 0)  # what it repeats has been seen by itself
        else:
            cost = parts or backward_cost(call)
        self._hold(call)
        if (around := outer(call)) is not None:
            before = self._parts.get(around, Cost(0, 0))
            self._parts[around] = Cost(before.flop + cost.flop, before.bytes + cost.bytes)
            return
        back = call.node is not None or call.within is not None or current().recomputing
        key = ("backward" if back else "forward", call.op.name, current().path if call.node is None else call.node.path)
        line = self._lines.get(key) or self._lines.setdefault(key, Line(*key))
        line.calls += 1
        # parts of a rule count as the rule's; only a checkpoint has calls inside that are counted by themselves
        line.seconds += call.seconds - (call.inside if finds_all(call.op) else 0.0)
        line.flop += cost.flop
        line.bytes += cost.bytes
        if len(self._events) < MOST_EVENTS:
            self._events.append((call.began, call.seconds, key, cost))
        else:
            self._left_out += 1

    def _hold(self, call: Call) -> None:
        """Count the memory of a call's results until it is freed."""
        for array in fresh(call):
            if id(array) not in self._alive:
                self._alive[id(array)] = weakref.ref(array, partial(self._freed, id(array), array.nbytes))
                self._bytes += array.nbytes
        self._peak = max(self._peak, self._bytes)

    def _freed(self, key: int, size: int, _: object) -> None:
        if self._alive.pop(key, None) is not None:
            self._bytes -= size

    # -- reading ----------------------------------------------------------------------------------------------

    def _done(self) -> float:
        if self._seconds is None:
            raise RuntimeError("profile: it is not over yet; read it after the with block.")
        return self._seconds

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole block."""
        return self._done()

    @property
    def peak_bytes(self) -> int:
        """The most memory that results of ops took at one time."""
        self._done()
        return self._peak

    @property
    def lines(self) -> list[Line]:
        """Each phase, op and module, slowest first."""
        return self._sums(lambda line: (line.phase, line.op, line.module))

    def by_op(self) -> list[Line]:
        """Each phase and op, slowest first."""
        return self._sums(lambda line: (line.phase, line.op, ""))

    def by_module(self, depth: int | None = None) -> list[Line]:
        """Each phase and module, slowest first; with `depth`, modules are cut to that many names of their paths."""
        if depth is not None:
            depth = whole("by_module", "depth", depth, remedy="None keeps whole paths.")
        return self._sums(lambda line: (line.phase, "", ".".join(line.module.split(".")[:depth])))

    def _sums(self, key: Callable[[Line], tuple[str, str, str]]) -> list[Line]:
        self._done()
        sums: dict[tuple[str, str, str], Line] = {}
        for line in self._lines.values():
            total = sums.setdefault(key(line), Line(*key(line)))
            total.calls += line.calls
            total.seconds += line.seconds
            total.flop += line.flop
            total.bytes += line.bytes
        return sorted(sums.values(), key=lambda line: -line.seconds)

    def __repr__(self) -> str:
        return "<profile, not over yet>" if self._seconds is None else f"<profile of {self._seconds:.3f} s>"

    def __str__(self) -> str:
        if self._seconds is None:
            return repr(self)
        if not self._lines:
            return f"profile: {self._seconds:.3f} s, in which no op ran in this thread"
        spent = {p: sum(line.seconds for line in self.lines if line.phase == p) for p in ("forward", "backward")}
        parts = ", ".join(f"{phase} {seconds:.3f} s" for phase, seconds in spent.items())
        rest = max(0.0, self._seconds - sum(spent.values()))
        return "\n".join([
            f"profile: {self._seconds:.3f} s: {parts}, outside of ops {rest:.3f} s; "
            f"results of ops took at most {memory(self._peak)}",
            "", *self._table("op", self.by_op()), "", *self._table("module", self.by_module()),
        ])  # fmt: skip

    def _table(self, what: str, lines: list[Line]) -> list[str]:
        total = sum(line.seconds for line in lines) or 1.0
        head = (what, "phase", "calls", "ms", "share", "MFLOP", "GFLOP/s", "MB moved")
        rows = [
            (
                (line.op if what == "op" else line.module) or "(outside of modules)", line.phase, f"{line.calls:,}",
                f"{line.seconds * 1e3:,.2f}", f"{line.seconds / total:.1%}", f"{line.flop / 1e6:,.2f}",
                f"{line.gflops:.2f}", f"{line.bytes / 1e6:,.2f}",
            )
            for line in lines[:SHOWN]
        ]  # fmt: skip
        more = [f"... {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return table(head, rows, left=2) + more

    # -- files ------------------------------------------------------------------------------------------------

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write `lines` as comma-separated values; returns the path."""
        lines = self.lines
        with atomic_write(path, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(("phase", "op", "module", "calls", "seconds", "flop", "bytes", "gflops"))
            for line in lines:
                out.writerow((line.phase, line.op, line.module, line.calls, f"{line.seconds:.9f}", line.flop,
                              line.bytes, f"{line.gflops:.6g}"))  # fmt: skip
        return Path(path)

    def to_chrome_trace(self, path: str | os.PathLike[str]) -> Path:
        """Write every call, for chrome://tracing or Perfetto; returns the path.

        The first million calls are kept; ``otherData`` in the file says how many were left out.
        """
        self._done()
        where = {"pid": os.getpid(), "tid": self._thread}
        events = [
            {
                "name": f"{op} ({module})" if module else op, "cat": phase, "ph": "X", **where,
                "ts": (began - self._began) * 1e6, "dur": seconds * 1e6,
                "args": {"op": op, "module": module, "flop": cost.flop, "bytes": cost.bytes},
            }
            for began, seconds, (phase, op, module), cost in self._events
        ]  # fmt: skip
        content = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"left_out": self._left_out}}
        with atomic_write(path, "w") as file:
            json.dump(content, file)
        return Path(path)


def profile() -> Profile:
    """A context that measures the ops that this thread runs: ``with tg.profile() as p: ...``, then ``print(p)``.

    A step back counts under the op and module of the forward call, with the ops that its rules call as parts of it;
    what a checkpoint runs again counts as backward.  FLOP are those of the ops' cost functions; where rules call
    kernels directly, they are estimated from the forward call's.

    >>> with tg.profile() as p:
    ...     loss = tg.softmax_cross_entropy(model(images), labels)
    ...     loss.backward()
    >>> sorted({line.phase for line in p.lines}), p.peak_bytes > 0
    (['backward', 'forward'], True)
    """
    return Profile()
