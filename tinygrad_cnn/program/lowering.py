"""Lower a program: calls of ops and rules become the kernels and NumPy functions that they call, where that is safe.

A call is lowered if tracing it on one batch shows where every array comes from, and if the lowered calls give the bits
of the whole call on the same batch and on the next, which holds other data.  Any other call stays whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.randomness import default_generator
from .comparing import equal
from .instructions import (
    AsTensor,
    Call,
    DefaultGenerator,
    Given,
    GradientOf,
    GroupOf,
    NodeOf,
    Program,
    Slot,
    atoms,
    slots_in,
)  # fmt: skip
from .replay import last_reads, tensor
from .tracing import Tracer, Tracing, tracing
from .watched import bare, watch


class Lowering:
    """A program on its way to kernels: for each call what stands in its place."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.parts: dict[int, tuple[list[Call], Any]] = {}  # by the number of a call: calls, and where its results are
        self.traced = False
        self.roots: dict[Slot, Slot] = {}  # of results that show the memory of an argument
        self.count = 1 + max([s.n for call in program.calls for s in (*call.reads(), *call.makes())], default=0)

    def run(self, given: list[Any]) -> Any:
        """Run the program call by call: the first time tracing each call, then comparing what was traced."""
        first, values = not self.traced, Values(self.program, given)
        self.traced, dead = True, last_reads(self.program, set())
        with tracing() as listening:
            for k, call in enumerate(self.program.calls):
                args, params = values.of(call.args), values.of(call.params)
                part = None
                if _is_pure(call) and (first or k in self.parts):
                    part = self._traced(call, args, params, listening) if first else self.parts[k]
                y = call.fn(*args, **params)
                results = y if isinstance(call.out, tuple) else (y,)
                if call.alone:
                    results = (np.asarray(results[0]), *results[1:])
                if part is not None and self._agrees(part, call, values, results):
                    self.parts[k] = part
                else:
                    self.parts.pop(k, None)
                values.put(call.out, results if isinstance(call.out, tuple) else results[0])
                self._note_views(call, values)
                for slot in dead.get(k, ()):
                    values.slots.pop(slot, None)
            return values.of(self.program.outputs)

    def _traced(self, call: Call, args: Any, params: Any, listening: Tracing) -> Any:
        """What a call does: calls of kernels and functions, and the slots of its results; None if that is unclear."""
        if any([isinstance(a, np.generic) for a in atoms((args, params))]):
            return None
        tracer = Tracer(self.count)
        slots = [*slots_in((call.args, call.params))]
        for slot, a in zip(slots, [a for a in atoms((args, params)) if isinstance(a, np.ndarray)], strict=False):
            tracer.arrays.put(a, slot)
        told = {name: tracer.told(params[name]) for name in (call.op.effects if call.kind == "op" else ())}
        listening.tracer = tracer
        try:
            y = bare(call.fn(*_watched(args), **{**_watched(params), **told}))
            outs = [tracer.arrays.get(a) for a in (y if isinstance(call.out, tuple) else (y,))]
        except Exception:  # unclear, or NumPy does something that these arrays do not: the whole call is right
            return None
        finally:
            listening.tracer = None
        if any([slot is None or slot.kind != "temp" for slot in outs]) or tracer.fresh:
            return None
        self.count = tracer.count
        return tracer.program.calls, outs

    def _agrees(self, part: Any, call: Call, values: Values, results: Any) -> bool:
        """Whether the lowered calls give the results of the whole one, on the values at hand."""
        calls, outs = part
        inner = values.copy()
        try:
            for one in calls:
                if one.kind != "effect":  # which the whole call has
                    inner.run(one)
                    self._note_views(one, inner)
        except Exception:  # what was traced is not all that is done, as where a flag of an array is set
            return False
        return all([equal(inner.slots[slot], y) for slot, y in zip(outs, results, strict=True)])

    def _note_views(self, call: Call, values: Values) -> None:
        """Note which results show memory of an argument."""
        if call.kind in ("kernel", "ufunc"):
            return
        reads = [s for s in call.reads() if isinstance(values.slots.get(s), np.ndarray)]
        for out in call.makes():
            y = values.slots.get(out)
            for slot in reads:
                if isinstance(y, np.ndarray) and np.may_share_memory(y, values.slots[slot]):
                    self.roots[out] = slot

    def root(self, slot: Slot) -> Slot:
        """The slot whose memory another one shows."""
        while slot in self.roots:
            slot = self.roots[slot]
        return slot

    def program_of(self) -> Program:
        """The lowered program."""
        old, same = self.program, dict[Slot, Slot]()
        made = Program(old.name, old.inputs, [], None, old.constants, old.modules)
        for k, call in enumerate(old.calls):
            if k in self.parts:
                calls, outs = self.parts[k]
                same |= zip(call.makes(), [same.get(out, out) for out in outs], strict=True)  # an argument, perhaps
            else:
                calls = [call]
            made.calls += [_renamed(one, same) for one in calls]
        made.outputs = _in_place_of(old.outputs, same)
        renamed = [(same.get(a, a), same.get(b, b)) for a, b in self.roots.items()]
        self.roots = {a: b for a, b in renamed if a is not b}
        return made


def _is_pure(call: Call) -> bool:
    """Whether a call may run twice: it draws nothing, and what it changes is left to a function that it is given."""
    if call.kind == "op":
        given = [call.params[name] for name in call.op.effects]
        return "rng" not in call.op.effects and all([one is None or callable(one) for one in given])
    return call.kind == "rule"


def _watched(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return watch(value)
    if type(value) in (list, tuple):
        return type(value)([_watched(v) for v in value])
    return {k: _watched(v) for k, v in value.items()} if type(value) is dict else value


def _in_place_of(value: Any, same: dict[Slot, Slot]) -> Any:
    """A nested value with slots renamed."""
    if isinstance(value, Slot):
        return same.get(value, value)
    if isinstance(value, AsTensor):
        return AsTensor(same.get(value.slot, value.slot))
    if type(value) in (list, tuple):
        return type(value)([_in_place_of(v, same) for v in value])
    return {k: _in_place_of(v, same) for k, v in value.items()} if type(value) is dict else value


def _renamed(call: Call, same: dict[Slot, Slot]) -> Call:
    args, params = _in_place_of(call.args, same), _in_place_of(call.params, same)
    return Call(call.kind, call.fn, call.name, args, params, call.out, call.site, call.path, call.op, call.alone)


class Values:
    """What slots hold while a program is run call by call."""

    def __init__(self, program: Program, given: list[Any]) -> None:
        self.given = given
        self.slots: dict[Slot, Any] = {slot: slot.value for slot in program.constants}
        self.slots |= {one: a for one, a in zip(program.inputs, given, strict=True) if isinstance(one, Slot)}

    def copy(self) -> Values:
        """The same values, to which others may be added."""
        other = object.__new__(Values)
        other.given, other.slots = self.given, dict(self.slots)
        return other

    def of(self, value: Any) -> Any:
        """What a specification stands for now."""
        if isinstance(value, Slot):
            return self.slots[value]
        if isinstance(value, AsTensor):
            return tensor(self.slots[value.slot])
        if isinstance(value, Given):
            return self.given[value.n]
        if isinstance(value, GradientOf):
            return self.of(value.owner).node.grad
        if isinstance(value, NodeOf):
            return self.of(value.owner).node
        if isinstance(value, GroupOf):
            return value.optimizer.param_groups[value.k]
        if isinstance(value, DefaultGenerator):
            return default_generator()
        if type(value) in (list, tuple):
            return type(value)([self.of(v) for v in value])
        if type(value) is dict:
            return {self.of(k) if isinstance(k, NodeOf) else k: self.of(v) for k, v in value.items()}
        return value

    def put(self, out: Any, y: Any) -> None:
        """Note results."""
        if isinstance(out, Slot):
            self.slots[out] = y
        elif isinstance(out, tuple):
            for one, value in zip(out, y, strict=True):
                self.put(one, value)

    def run(self, call: Call) -> None:
        """Run one lowered call."""
        if call.kind == "kernel":
            for slot in call.out:
                self.slots[slot] = np.empty(slot.shape, slot.dtype)
            call.fn(*self.of(call.args))
        else:
            y = call.fn(*self.of(call.args), **self.of(call.params))
            self.put(call.out, np.asarray(y) if call.alone else y)


