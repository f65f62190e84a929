"""How programs are made, kept and chosen; what is run eagerly; what verification finds."""

import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.autodiff.observing import observing
from tinygrad_cnn.program import Program

from . import steps

RNG = np.random.default_rng(0)


def x_of(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def counted(fn):
    """A function that says how often Python ran it."""

    def counting(*args):
        counting.runs.append(None)
        return fn(*args)

    counting.runs = _Runs()
    return counting


class _Runs:
    """Counts, in a way that is not a change of the function's own state."""

    def __init__(self):
        self.count = 0

    def append(self, _):
        self.count += 1


def test_python_runs_while_a_program_is_verified_and_then_no_more():
    fn = counted(lambda x: tg.relu(tg.Tensor(x)).sum())
    fast = tg.compile(fn)
    for k in range(10):
        fast(x_of(3, 4))
        assert fn.runs.count == min(k + 1, 6)  # to begin, to record, and beside each of four replays
    assert isinstance(fast.programs[0], Program)


def test_without_verification_python_runs_three_times():
    fn = counted(lambda x: tg.relu(tg.Tensor(x)).sum())
    fast = tg.compile(fn, verify=False)
    for _ in range(10):
        fast(x_of(3, 4))
    assert fn.runs.count == 3


def test_new_data_after_many_equal_ones_are_verified():
    fn, x = counted(lambda x: tg.relu(tg.Tensor(x)).sum()), x_of(3)
    fast = tg.compile(fn)
    for _ in range(20):
        fast(x)
    assert fn.runs.count == 6
    for _ in range(6):
        fast(x_of(3))
    assert fn.runs.count == 8


def test_shapes_dtypes_modes_and_plain_arguments_have_programs_of_their_own():
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Dropout(0.5, rng=0))
    fast = tg.compile(lambda x, scale=1.0: net(x) * scale)
    for _ in range(4):
        for x in (x_of(2, 4), x_of(3, 4), x_of(2, 4).astype(np.float64)):
            fast(x)
        fast(x_of(2, 4), scale=2.0)
        with tg.no_grad():
            fast(x_of(2, 4))
    assert len(fast.programs) == 5
    net.eval()
    for _ in range(4):
        fast(x_of(2, 4))
    assert len(fast.programs) == 6


def test_numbers_that_change_are_run_eagerly_and_fill_no_memory():
    fast = tg.compile(lambda x, scale: (tg.Tensor(x) * scale).sum())
    for k in range(40):
        x = x_of(3)
        assert fast(x, float(k)).item() == (tg.Tensor(x) * float(k)).sum().item()
    assert fast.programs == [] and len(fast._forms) <= 8


def test_a_decorator_with_and_without_brackets():
    @tg.compile
    def one(x):
        """Doc."""
        return tg.Tensor(x) * 2

    @tg.compile(verify=False)
    def two(x):
        return tg.Tensor(x) * 3

    assert one.__doc__ == "Doc." and one.__name__ == "one" and tg.compile(one) is one
    for _ in range(4):
        x = x_of(3)
        assert np.array_equal(one(x).data, x * 2) and np.array_equal(two(x).data, x * 3)
    assert len(one.programs) == len(two.programs) == 1


def test_a_method_is_compiled_for_each_object():
    class Scaled:
        def __init__(self, factor):
            self.factor = tg.Tensor(np.float32(factor))

        @tg.compile
        def times(self, x):
            return self.factor * x

    two, three = Scaled(2), Scaled(3)
    for _ in range(5):
        x = x_of(3)
        assert np.array_equal(two.times(x).data, x * 2) and np.array_equal(three.times(x).data, x * 3)
    assert len(two.times.programs) == 1


@pytest.mark.parametrize("wrong", [None, 3, "step", nn.Linear])
def test_what_is_not_a_function_is_refused(wrong):
    if wrong is None:
        assert callable(tg.compile(wrong))
        return
    with pytest.raises(TypeError, match=r"compile: needs a function or a module"):
        tg.compile(wrong)


def test_observers_and_hooks_see_everything():
    net = nn.Linear(3, 2, rng=0)

    def step(x):
        loss = (net(x) * net(x)).sum()
        loss.backward()
        return loss

    fast, seen = tg.compile(step), []
    for _ in range(5):
        fast(x_of(2, 3))
    with observing(lambda call: seen.append(call)):
        fast(x_of(2, 3))
    assert seen
    handle = net.weight.register_hook(lambda g: seen.append("hook"))
    seen.clear()
    fast(x_of(2, 3))
    assert seen == ["hook"]
    handle.remove()
    handle = net.register_forward_hook(lambda module, args, y: seen.append("module"))
    fast(x_of(2, 3))
    assert seen == ["hook", "module", "module"]
    handle.remove()


def test_inside_of_a_graph_it_is_the_function():
    fast = tg.compile(lambda x: (x * x).sum())
    for _ in range(5):
        fast(tg.Tensor(x_of(3)))
    w = tg.Tensor(x_of(3), requires_grad=True)
    fast(w * 2).backward()
    assert np.array_equal(w.grad, 8 * w.data)


def test_a_compiled_function_inside_another_is_part_of_it():
    inner = tg.compile(lambda x: tg.relu(x) * 2)
    outer = tg.compile(lambda x: inner(tg.Tensor(x)).sum())
    for _ in range(6):
        x = x_of(5)
        assert outer(x).item() == (tg.relu(tg.Tensor(x)) * 2).sum().item()
    assert len(outer.programs) == 1
    assert [call.name for call in outer.programs[0].calls] == ["array", "relu", "mul", "sum"]


def test_the_result_says_why_it_has_no_gradient():
    net = nn.Linear(3, 2, rng=0)
    fast = tg.compile(net)
    for _ in range(5):
        y = fast(x_of(2, 3))
    assert not y.requires_grad and "compile" in tg.explain_grad(y)
    with pytest.raises(tg.GraphError, match="compile"):
        y.sum().backward()


def test_an_error_names_the_call_and_leaves_the_program():
    net = nn.Linear(3, 2, rng=0)
    fast = tg.compile(lambda x, y: tg.softmax_cross_entropy(net(x), y))
    for _ in range(5):
        fast(x_of(2, 3), np.array([0, 1]))
    with pytest.raises(ValueError, match="7 is not a valid class") as caught:
        fast(x_of(2, 3), np.array([0, 7]))
    if hasattr(caught.value, "__notes__"):
        assert "softmax_cross_entropy" in caught.value.__notes__[-1] and __file__ in caught.value.__notes__[-1]
    x = x_of(2, 3)
    assert fast(x, np.array([1, 0])).item() == tg.softmax_cross_entropy(net(x), np.array([1, 0])).item()


def test_an_error_while_recording_is_the_functions_own():
    def wrong(x):
        if fail:
            raise KeyError("mine")
        return tg.Tensor(x) * 2

    fail, fast = False, tg.compile(wrong)
    fast(x_of(3))
    fail = True
    with pytest.raises(KeyError, match="mine"):
        fast(x_of(3))
    assert tg.Tensor([1.0]).item() == 1.0  # nothing listens any more


def test_another_thread_is_not_recorded():
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait()
        w = tg.Tensor(x_of(3), requires_grad=True)
        (w * w).sum().backward()
        w.assign(w.data * 2)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    def fn(x):
        go.set()
        done.wait()
        return tg.Tensor(x) * 2

    fast = tg.compile(fn)
    for _ in range(4):
        fast(x_of(3))
    thread.join()
    assert [call.name for call in fast.programs[0].calls] == ["array", "mul"]


def test_verification_finds_what_no_reader_sees():
    hidden = np.zeros(3, np.float32)

    def sly(x):
        memoryview(hidden)[0] = 1.0
        hidden.flat = list(memoryview(x.reshape(-1)))  # NumPy's functions are not asked
        return tg.Tensor(x) * hidden

    fast = tg.compile(sly)
    with pytest.raises(tg.CompileError, match="a replay differs from the function in what it returns"):
        for _ in range(6):
            fast(x_of(3))


def test_the_result_is_the_users_own():
    fast, kept = tg.compile(lambda x: tg.Tensor(x) * 2), []
    for _ in range(8):
        x = x_of(3)
        kept.append((x * 2, fast(x)))
    assert all(np.array_equal(a, b.data) for a, b in kept)


def test_a_model_that_changes_its_dtype_is_recorded_anew():
    net = nn.Linear(3, 2, rng=0)
    fast = tg.compile(lambda x: net(x))
    for k in range(10):
        if k == 5:
            net.to(np.float64)
        x = x_of(2, 3)
        assert fast(x).dtype == net(x).dtype and np.array_equal(fast(x).data, net(x).data)
    assert len(fast.programs) == 2


def test_lbfgs_is_refused():
    net = nn.Linear(3, 1, rng=0)
    lbfgs = optim.LBFGS(net.parameters())

    def step(x):
        def closure():
            lbfgs.zero_grad()
            loss = (net(x) * net(x)).sum()
            loss.backward()
            return loss

        return lbfgs.step(closure)

    fast = tg.compile(step)
    with pytest.raises(tg.CompileError):
        for _ in range(4):
            fast(x_of(4, 3))


def test_the_modes_of_a_program_are_kept():
    step = steps.compare(steps.Net, steps.sgd, steps.plain)
    (program,) = step.programs
    assert all(program.modules.values()) and len(program.state()) == 14


def test_an_op_whose_rule_is_replaced_is_recorded_anew():
    @tg.op(name="fuzzed_cube")
    def cube(x):
        """x cubed.  x (...) -> (...)"""
        return x * x * x

    try:
        cube.vjp(x=lambda g, x: 3 * g * x * x)
        fast = tg.compile(lambda x: tg.grad(cube(x).sum(), x))
        for k in range(16):
            if k == 8:
                cube.vjp(x=lambda g, x: 5 * g)
            x = tg.Tensor(x_of(3), requires_grad=True)
            assert np.array_equal(fast(x), 5 * np.ones(3) if k >= 8 else 3 * x.data * x.data)
    finally:
        tg.registry.pop("fuzzed_cube")
    assert len(fast.programs) == 2


def test_a_lowered_program_says_the_same_as_a_whole_one():
    step = steps.compare(steps.Net, steps.sgd, steps.plain, count=12)
    text = step.explain()
    assert "program 1 of 1 of step" in text and "ready" in text and repr(text) == text
    assert "conv2d" in text and "steps.py:" in text
