"""Random generators of a program, and the states to which checkpoints rewind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.randomness import default_generator, is_forked
from ..core.modes import current
from .instructions import DEFAULT, Slot


def state_of(rng: np.random.Generator) -> Any:
    """The state of a generator, as plain values."""
    return rng.bit_generator.state


def generator_at(state: Any) -> np.random.Generator:
    """A new generator that starts at a state."""
    rng = np.random.Generator(np.random.PCG64(0))
    rng.bit_generator.state = state
    return rng


class Generators:
    """What a recorder knows of generators."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.states: list[tuple[Any, Any, Slot]] = []  # a generator (or DEFAULT), a state that it had, its slot
        self.forks: list[tuple[Any, Slot]] = []  # default generators of fork_rng blocks and of repeated checkpoints
        self.seen: set[tuple[int, int]] = set()
        self.kept: list[Any] = []

    def spec(self, rng: np.random.Generator) -> Any:
        """What stands for a generator: itself, the default one whichever that is, or the slot of a fork's."""
        if rng is not default_generator():
            return rng
        if not is_forked():
            return DEFAULT
        for other, slot in self.forks:
            if other is rng:
                return slot
        state = state_of(rng)
        known = [slot for of, then, slot in self.states if of is DEFAULT and then == state]
        slot = self._call("generator", generator_at, [known[-1] if known else state])
        self.forks.append((rng, slot))
        return slot

    def of_op(self, params: dict[str, Any]) -> Any:
        """What stands for the parameter `rng` of an op that draws."""
        rng = params["rng"]
        if rng is None:
            rng = default_generator()
            if rng is None:
                if current().generators is not None and params.get("training", True) and params.get("rate", 1):
                    self.recorder.refuse(
                        "a checkpoint that draws from a generator that nobody seeded",
                        "Call tg.manual_seed first, or pass rng=.",
                    )
                return None
            found = self.spec(rng)
            return None if found is DEFAULT else found
        return self.spec(rng) if isinstance(rng, np.random.Generator) else rng

    def noted(self, start: int) -> None:
        """After a draw inside a checkpoint: the state before it is a slot, taken by a call at `start`."""
        inside = current().generators
        for rng, state in (inside or {}).values():
            if (key := (id(inside), id(rng))) not in self.seen:
                self.seen.add(key)
                self.kept += [inside, state]
                self._taken(self.spec(rng), state, start)

    def _taken(self, spec: Any, state: Any, start: int) -> Slot:
        slot = self._call("state", state_of, [spec], start)
        self.states.append((spec, state, slot))
        return slot

    def _call(self, name: str, fn: Any, args: list[Any], at: int | None = None) -> Slot:
        calls = self.recorder.program.calls
        call = self.recorder.emit("glue", fn, name, args, {}, None)
        call.out = slot = self.recorder.slot("object")
        if at is not None:
            calls.insert(at, calls.pop())
        return slot

    def set_states(self, fn: Any, states: Any) -> None:
        """A checkpoint sets generators to states that they had before."""
        wanted = [(self.spec(rng), state) for rng, state in states]
        specs = [[spec, self._known(spec, state)] for spec, state in wanted]
        for (spec, _), (rng, _) in zip(wanted, states, strict=True):
            self._taken(spec, state_of(rng), len(self.recorder.program.calls))
        self.recorder.inside(fn, states)
        if specs:
            self.recorder.emit("effect", fn, "autodiff.checkpointing.set_generators", [specs], {}, None)

    def _known(self, spec: Any, state: Any) -> Any:
        for of, then, slot in reversed(self.states):
            if of is spec and (then is state or then == state):
                return slot
        self.recorder.refuse("a generator is set to a state from outside", "Draw inside of the function only.")
        return None
