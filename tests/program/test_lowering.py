"""Lowered programs: what is lowered, that planned memory holds nothing from before, and how much of it there is."""

import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.program.arena import bound, buffers, size_of
from tinygrad_cnn.program.instructions import Call, Program, Slot

from . import steps

NATIVE = pytest.mark.skipif("native" not in kernels._present, reason="needs compiled kernels")


def candidate_of(step):
    (candidates,) = step._forms.values()
    return candidates[-1]


@NATIVE
def test_calls_that_read_values_or_draw_stay_whole():
    one = candidate_of(steps.train(steps.Net, steps.sgd, steps.plain, compiled=True)[1])
    whole = {call.name for k, call in enumerate(one.program.calls)
             if call.kind in ("op", "rule") and k not in one.lowered_calls()}  # fmt: skip
    assert whole == {"dropout", "softmax_cross_entropy", "softmax_cross_entropy.logits"}
    assert "conv2d(v" in one.lowered.source and "batch_norm" not in one.lowered.source


@NATIVE
@pytest.mark.parametrize("step_of", [steps.plain, steps.penalised, steps.accumulated])
def test_planned_memory_holds_nothing_that_the_next_run_needs(step_of):
    def poison(k, net, optimizer):
        for candidates in held["step"]._forms.values() if "step" in held else ():
            for one in candidates:
                for array in one.buffers.values():
                    array.view(np.uint8)[...] = 255

    held, compile = {}, tg.compile

    def kept(fn, **settings):
        held["step"] = compile(fn, **settings)
        return held["step"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tg, "compile", kept, raising=False)
        steps.compare(steps.Net, steps.adamw, step_of, between=poison, count=14)
    assert candidate_of(held["step"]).buffers


def test_the_result_and_gradients_are_new_at_each_run():
    step = steps.train(steps.Net, steps.sgd, steps.plain, compiled=True)[1]
    one = candidate_of(step)
    kept = [step(x, y) for x, y in steps.batches(2)]
    assert kept[0].data.tobytes() != kept[1].data.tobytes()
    gradients = [p.grad for p in one.program.leaves().values() if p.grad is not None]
    assert gradients
    for array in [*gradients, *(loss._data for loss in kept)]:
        assert not any(np.shares_memory(array, buffer) for buffer in one.buffers.values())


def random_program(seed):
    """Calls that read what is there and make new arrays, some of which are views."""
    rng = np.random.default_rng(seed)
    first = Slot(0, "input", (4,), np.dtype(np.float32))
    program, alive, roots = Program("random", [first]), [first], {}
    for n in range(1, 40):
        shape = (int(rng.integers(1, 300)),)
        reads = list(rng.choice(alive, min(2, len(alive)), replace=False))
        if rng.random() < 0.2 and reads[0].kind == "temp":
            made = Slot(n, "temp", reads[0].shape, reads[0].dtype)
            program.calls.append(Call("numpy", np.reshape, "view", reads[:1], {}, made))
            roots[made] = reads[0]
        else:
            made = Slot(n, "temp", shape, np.dtype(rng.choice(["f4", "f8", "u1"])))
            program.calls.append(Call("kernel", np.add, "add", [*reads, made], {}, (made,)))
        alive.append(made)
    program.outputs = alive[-1]
    return program, roots


@pytest.mark.parametrize("seed", range(20))
def test_arrays_that_live_at_one_time_do_not_share_memory(seed):
    program, roots = random_program(seed)
    memory = buffers(program, roots)
    owner = {}  # which slot a byte belongs to, by its number
    start = next(iter(memory.values())).base.__array_interface__["data"][0] if memory else 0

    def places(slot):
        while slot in roots:
            slot = roots[slot]
        a = memory.get(slot)
        return () if a is None else (slot, a.__array_interface__["data"][0] - start, a.nbytes)

    for call in program.calls:
        for slot in (s for s in call.reads() if s not in set(call.makes())):
            if found := places(slot):
                root, at, size = found
                assert all(owner.get(k) is root for k in range(at, at + size)), "a read of what was overwritten"
        for slot in call.makes():
            if slot in memory and (found := places(slot)):
                root, at, size = found
                owner.update(dict.fromkeys(range(at, at + size), root))
    assert size_of(memory) <= 1.3 * bound(program, roots) + 64


def test_another_thread_and_other_kernels_run_whole_calls():
    step = tg.compile(lambda x: tg.relu(tg.conv2d(x, w)).sum())
    w = tg.Tensor(np.random.default_rng(0).standard_normal((3, 3, 1, 4)).astype(np.float32))
    rng = np.random.default_rng(1)
    for _ in range(8):
        step(rng.standard_normal((2, 6, 6, 1)).astype(np.float32))
    x = rng.standard_normal((2, 6, 6, 1)).astype(np.float32)
    with tg.use_kernels("numpy"):
        assert step(x).item() == tg.relu(tg.conv2d(x, w)).sum().item()
    one, found = candidate_of(step), []
    with one._running:  # as if it ran
        thread = threading.Thread(target=lambda: found.append(step(x).item()))
        thread.start()
        thread.join()
    assert found == [tg.relu(tg.conv2d(x, w)).sum().item()]
