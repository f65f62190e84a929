"""One program on its way: recorded, confirmed, lowered while it is verified, and then run."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from .. import kernels
from .arena import buffers, size_of
from .guards import Guards
from .instructions import Program, Slot
from .lowering import Lowering
from .replay import Replay
from .watching import one_at_a_time

STAGES = ("recorded", "whole", "traced", "compared", "lowered", "ready")


class Candidate:
    """A program and the stage that it has reached.

    "recorded" once; "whole" after a second recording that says the same: calls are replayed whole; then its calls are
    "traced" on one batch and "compared" on the next, and the "lowered" program is run; "ready" is what passed all.
    """

    def __init__(self, program: Program, guards: Guards, seen: int) -> None:
        self.program, self.guards = program, guards
        self.seen, self.proved = seen, False  # a digest of the last data; whether lowered calls were compared on others
        self.stage = STAGES[0]
        self.replay: Replay | None = None
        self.lowered: Replay | None = None
        self._lowering = Lowering(program)
        self._kernels: Any = None
        self.buffers: dict[Slot, np.ndarray] = {}  # memory for results, and how many bytes it has in all
        self.memory = 0
        self._running = threading.Lock()

    @property
    def kept(self) -> int:
        """How many calls are lowered."""
        return len(self._lowering.parts) if self.lowered is not None else 0

    def lowered_calls(self) -> set[int]:
        """The numbers of the calls that are lowered."""
        return set(self._lowering.parts) if self.lowered is not None else set()

    def place_of(self, k: int) -> str | None:
        """Where in planned memory the result of call number k is, as text; None if it is elsewhere."""
        if k not in self.lowered_calls():
            return None
        slots = [self._lowering.root(slot) for slot in self._lowering.parts[k][1]]
        found = [self.buffers[slot] for slot in slots if slot in self.buffers]
        return f"{found[0].__array_interface__['data'][0]:x}" if found else None

    @property
    def confirmed(self) -> bool:
        """Whether a second recording said the same."""
        return self.replay is not None

    def confirm(self) -> None:
        """Note that a second recording said the same."""
        self.replay, self.stage = Replay(self.program), "whole"

    def run(self, given: list[Any]) -> Any:
        """Run the program in the form that it has at this stage."""
        assert self.replay is not None
        if self.stage in ("traced", "compared"):
            with one_at_a_time:
                return self._lowering.run(given)
        if self.lowered is None or self._kernels is not kernels.in_use() or not self._running.acquire(blocking=False):
            return self.replay(*given)  # which needs no memory of its own, so several threads may run it
        try:
            return self.lowered(*given)
        finally:
            self._running.release()

    def waits(self, now: int) -> bool:
        """Whether nothing is to be found out on these data, which were there before: now a digest of them.

        Where an array could be a constant or could follow the data, nothing is confirmed until they change.
        """
        if self.stage == "ready":
            if now == self.seen:
                return True
            self.stage = "compared"
        return not self.confirmed and now == self.seen and any([s.ours for s in self.program.constants])

    def advance(self, now: int) -> None:
        """Go on to the next stage, after a run."""
        if self.stage == "compared":
            self.proved = self.proved or now != self.seen
            made = self._lowering.program_of()
            kernels.native.empty_cache()  # of what whole calls used, which the planned memory takes the place of
            memory = buffers(made, self._lowering.roots)
            self.buffers, self.memory = memory, size_of(memory)
            self.lowered, self._kernels = Replay(made, memory), kernels.in_use()
        self.seen = now
        if self.stage != "ready":
            self.stage = STAGES[STAGES.index(self.stage) + 1]

    def stay_whole(self) -> None:
        """Give the lowered form up."""
        self.lowered, self.stage, self.proved = None, "ready", True
