"""A program that was changed does not pass verification: each call, its order and its arguments matter."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.program import candidates
from tinygrad_cnn.program.instructions import Call, Slot

from . import steps


def verdict(change, step_of=steps.full):
    """Compile a step whose program is changed before it is replayed; the message of the refusal, or None."""

    class Changed(candidates.Replay):
        def __init__(self, program, memory=None):
            kept = list(program.calls)
            if memory is None:  # the program of whole calls
                change(program.calls)
            super().__init__(program, memory)
            program.calls[:] = kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "Replay", Changed)
        tg.manual_seed(7)
        net = steps.Net()
        step = tg.compile(step_of(net, steps.adamw(net), {}))
        try:
            for x, y in steps.batches(5):
                step(x, y)
        except tg.CompileError as error:
            return str(error)
    return None


def recorded(step_of=steps.full):
    """The calls of the program that nobody changed."""
    found = []
    assert verdict(lambda calls: found.extend(calls), step_of) is None
    return found


CALLS = recorded()
EFFECTS = [k for k, call in enumerate(CALLS) if call.kind == "effect"]


@pytest.mark.parametrize("k", range(len(CALLS)), ids=lambda k: f"{k}-{CALLS[k].name.rpartition('.')[2]}")
def test_a_call_that_is_left_out_is_found(k):
    assert verdict(lambda calls: calls.pop(k)) is not None


@pytest.mark.parametrize("k", [e for e in EFFECTS if e + 1 in EFFECTS and CALLS[e].name != CALLS[e + 1].name])
def test_two_effects_that_change_places_are_found(k):
    def swap(calls):
        calls[k], calls[k + 1] = calls[k + 1], calls[k]

    apart = {CALLS[k].name.rpartition(".")[2], CALLS[k + 1].name.rpartition(".")[2]}
    assert (verdict(swap) is not None) or apart == {"update", "step"}  # the average and the schedule do not meet


def frozen(k, n):
    """A change that puts an array of its own in the place of argument n of call k."""

    def change(calls):
        old = calls[k]
        slot = old.args[n]
        value = np.zeros(slot.shape, slot.dtype)
        constant = Slot(10**6, "constant", slot.shape, slot.dtype, value=value)
        args = [constant if j == n else a for j, a in enumerate(old.args)]
        calls[k] = Call(old.kind, old.fn, old.name, args, old.params, old.out, old.site, old.path, old.op, old.alone)

    return change


OPS = [(k, n) for k, call in enumerate(CALLS) if call.kind in ("op", "rule")
       for n, a in enumerate(call.args) if isinstance(a, Slot)]  # fmt: skip


@pytest.mark.parametrize(("k", "n"), OPS[:: max(1, len(OPS) // 20)])
def test_an_argument_that_is_frozen_is_found(k, n):
    assert verdict(frozen(k, n)) is not None


def test_a_constant_that_is_changed_is_found():
    k = next(k for k, call in enumerate(CALLS) if call.name == "dropout")

    def change(calls):
        old = calls[k]
        params = {**old.params, "rate": old.params["rate"] / 2} if "rate" in old.params else old.params
        calls[k] = Call(old.kind, old.fn, old.name, old.args, params, old.out, old.site, old.path, old.op, old.alone)

    assert verdict(change) is not None
