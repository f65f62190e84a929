"""Profiles: who is charged for what, what is written, and wrong use."""

import csv
import gc
import json
import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff import observing as observe
from tinygrad_cnn.insight import profiler


def by(lines, *names):
    return {tuple(getattr(line, n) for n in names): line for line in lines}


@pytest.fixture(scope="module")
def net():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, rng=0), nn.Tanh(), nn.Conv2d(3, 4, 3, rng=1), nn.Flatten(),
        nn.Linear(64, 5, rng=2),
    )  # fmt: skip


X = np.random.default_rng(0).standard_normal((2, 6, 6, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def step(net):
    with tg.profile() as p:
        tg.softmax_cross_entropy(net(X), [1, 3]).backward()
        net.zero_grad()
    return p


def test_forward_and_backward_stand_apart_by_module(step):
    lines = by(step.lines, "phase", "op", "module")
    assert {key[1:] for key in lines if key[0] == "forward"} == {
        ("conv2d", "0"), ("tanh", "1"), ("conv2d", "2"), ("flatten", "3"), ("linear", "4"),
        ("softmax_cross_entropy", ""),
    }  # fmt: skip
    assert {key[1:] for key in lines} == {key[1:] for key in lines if key[0] == "backward"}
    assert all(line.calls == 1 and line.seconds > 0 for line in step.lines)


def test_flop_by_hand(step):
    lines = by(step.lines, "phase", "module")
    first, second, dense = 2 * 2 * 36 * 3 * 9 * 2, 2 * 2 * 16 * 4 * 9 * 3, 2 * 2 * 64 * 5
    assert lines["forward", "0"].flop == first and lines["forward", "2"].flop == second
    assert lines["forward", "4"].flop == dense
    bias = 2 * 36 * 3
    assert lines["backward", "0"].flop == first + bias  # the images need no gradient
    assert lines["backward", "2"].flop == 2 * second + 2 * 16 * 4
    assert lines["backward", "4"].flop == 2 * dense + 2 * 5  # an estimate: its rules call kernels, not ops
    assert lines["forward", "2"].bytes == 4 * (2 * 36 * 3 + 27 * 4 + 4 + 2 * 16 * 4)
    assert lines["forward", "2"].gflops == pytest.approx(second / lines["forward", "2"].seconds / 1e9)


def test_sums_agree(step):
    for lines in (step.by_op(), step.by_module(), step.by_module(depth=1)):
        for what in ("calls", "flop", "bytes"):
            assert sum(getattr(line, what) for line in lines) == sum(getattr(line, what) for line in step.lines)
        assert [line.seconds for line in lines] == sorted((line.seconds for line in lines), reverse=True)
    assert by(step.by_op(), "phase", "op")["forward", "conv2d"].calls == 2
    assert sum(line.seconds for line in step.lines) <= step.seconds


def test_depth_cuts_paths():
    net = tg.models.build("resnet8", (8, 8, 1), 3, rng=0)
    with tg.profile() as p, tg.no_grad():
        net(np.zeros((2, 8, 8, 1), np.float32))
    assert {line.module for line in p.by_module(depth=1)} == {"stem", "stage1", "stage2", "stage3", "pool", "head"}
    for depth in (0, -1, 1.5, True):
        with pytest.raises((TypeError, ValueError), match=f"by_module: depth={depth} must be"):
            p.by_module(depth=depth)


def test_what_a_rule_calls_is_charged_to_its_op_once(monkeypatch):
    now = 0.0  # a clock that only the slow op moves
    for module in (observe, profiler):
        monkeypatch.setattr(module, "perf_counter", lambda: now)

    @tg.op(name="test_profile_slow", cost=lambda: 1000)
    def slow(x):
        nonlocal now
        now += 1.0
        return x * 1.0

    @tg.op(name="test_profile_outer")
    def outer(x):
        return x * 1.0

    outer.vjp(x=lambda g: slow(slow(g)))
    try:
        with tg.profile() as p, tg.scope("here"):
            outer(tg.Tensor(np.ones(3), requires_grad=True)).sum().backward()
    finally:
        for name in ("test_profile_slow", "test_profile_outer"):
            tg.registry.pop(name)
    lines = by(p.lines, "phase", "op", "module")
    assert ("backward", "test_profile_slow", "here") not in lines and ("forward", "test_profile_slow", "") not in lines
    back = lines["backward", "test_profile_outer", "here"]
    assert back.calls == 1 and back.flop == 2000 and back.seconds == 2
    assert sum(line.seconds for line in p.lines) == p.seconds == 2


@pytest.mark.parametrize("create_graph", [False, True])
def test_higher_orders_are_charged_too(create_graph):
    x = tg.Tensor(np.ones((1, 4, 4, 2), np.float32), requires_grad=True)
    w = tg.Tensor(np.ones((3, 3, 2, 2), np.float32), requires_grad=True)
    with tg.profile() as p:
        y = tg.conv2d_relu(x, w).sum()
        tg.grad(y, [x, w], create_graph=create_graph)
    back = by(p.by_op(), "phase", "op")["backward", "conv2d_relu"]
    assert back.calls == 1 and back.flop >= 2 * 2 * 4 * 2 * 18
    assert sum(line.seconds for line in p.lines) <= p.seconds


def test_a_checkpoint_repeats_its_ops_in_the_backward_phase():
    x = tg.Tensor(np.ones(100), requires_grad=True)
    with tg.profile() as p:
        tg.checkpoint(lambda v: tg.tanh(tg.exp(v)), x).sum().backward()
    lines = by(p.by_op(), "phase", "op")
    assert lines["forward", "tanh"].calls == 1
    assert lines["backward", "tanh"].calls == 2  # run again, and stepped back through
    assert lines["backward", "checkpoint"].flop == 0
    assert sum(line.seconds for line in p.lines) <= p.seconds


def test_peak_memory_follows_what_is_alive():
    mb = 2**20
    x = np.zeros(mb // 4, np.float32)
    with tg.profile() as chain, tg.no_grad():
        y = tg.Tensor(x)
        for _ in range(10):
            y = y + 1.0
    assert 1 * mb <= chain.peak_bytes <= 3 * mb
    with tg.profile() as kept:
        results = [tg.exp(x) for _ in range(10)]
        views = [r.reshape(2, -1) for r in map(tg.Tensor, results)]
    assert 10 * mb <= kept.peak_bytes <= 21 * mb and len(views) == 10
    with tg.profile() as free:
        tg.reshape(x, (4, -1))
    assert free.peak_bytes == 0


def test_a_profile_keeps_no_array_alive():
    import weakref

    with tg.profile() as p:
        y = tg.exp(np.zeros(1000))
        seen = weakref.ref(y)
        del y
        gc.collect()
        assert seen() is None
    assert p.by_op()[0].calls == 1


def test_the_printed_table(step):
    text = str(step)
    assert text.startswith("profile: ") and "forward 0." in text and "results of ops took at most" in text
    assert "GFLOP/s" in text and "conv2d" in text and "(outside of modules)" in text
    assert len({len(line) for line in text.splitlines() if line.startswith(("op ", "conv2d "))}) <= 2
    with tg.profile() as empty:
        pass
    assert "no op ran" in str(empty) and empty.lines == []
    with tg.profile() as many:
        for k in range(30):
            with tg.scope(f"s{k}"):
                tg.exp(np.zeros(2))
    assert "... 10 more" in str(many)


def test_csv_has_every_line(step, tmp_path):
    path = step.to_csv(tmp_path / "p.csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["op"] for row in rows] == [line.op for line in step.lines]
    assert [int(row["flop"]) for row in rows] == [line.flop for line in step.lines]
    assert list(rows[0]) == ["phase", "op", "module", "calls", "seconds", "flop", "bytes", "gflops"]
    assert list(tmp_path.iterdir()) == [path]


def test_chrome_trace_is_what_the_viewer_loads(step, tmp_path):
    trace = json.loads(step.to_chrome_trace(tmp_path / "t.json").read_text(encoding="utf-8"))
    events = trace["traceEvents"]
    assert len(events) == sum(line.calls for line in step.lines) and trace["otherData"] == {"left_out": 0}
    for event in events:
        assert event["ph"] == "X" and event["ts"] >= 0 and event["dur"] >= 0 and {"pid", "tid", "cat"} <= event.keys()
    assert {"conv2d (0)", "softmax_cross_entropy"} <= {event["name"] for event in events}
    ends = [event["ts"] + event["dur"] for event in events]
    assert max(ends) <= step.seconds * 1e6


def test_a_long_trace_says_what_it_left_out(monkeypatch, tmp_path):
    from tinygrad_cnn.insight import profiler

    monkeypatch.setattr(profiler, "MOST_EVENTS", 3)
    with tg.profile() as p:
        for _ in range(5):
            tg.exp(np.zeros(2))
    trace = json.loads(p.to_chrome_trace(tmp_path / "t.json").read_text(encoding="utf-8"))
    assert len(trace["traceEvents"]) == 3 and trace["otherData"]["left_out"] == 2 and p.lines[0].calls == 5


def test_a_folder_that_is_not_there_is_named(step, tmp_path):
    for write in (step.to_csv, step.to_chrome_trace):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            write(tmp_path / "nowhere" / "p")


def test_reading_before_the_end_is_refused(tmp_path):
    p = tg.profile()
    with p:
        tg.exp(np.zeros(2))
        for read in (lambda: p.lines, p.by_op, p.by_module, lambda: p.seconds, lambda: p.peak_bytes,
                     lambda: p.to_csv(tmp_path / "p"), lambda: p.to_chrome_trace(tmp_path / "p")):  # fmt: skip
            with pytest.raises(RuntimeError, match="not over yet"):
                read()
        assert "not over yet" in str(p) and "not over yet" in repr(p)
        with pytest.raises(RuntimeError, match="used before"), p:
            pass
    assert p.by_op()[0].op == "exp" and "profile of" in repr(p)
    with pytest.raises(RuntimeError, match="used before"), p:
        pass


def test_an_exception_ends_it_and_leaves_what_was_measured():
    with pytest.raises(ValueError, match="mine"), tg.profile() as p:
        tg.exp(np.zeros(2))
        raise ValueError("mine")
    tg.tanh(np.zeros(2))
    assert [line.op for line in p.lines] == ["exp"]
    with pytest.raises(ValueError, match="matmul"), tg.profile() as p:
        tg.matmul(np.ones((2, 3)), np.ones((2, 3)))
    assert p.lines == []


def test_nested_profiles_each_see_their_part():
    with tg.profile() as whole:
        tg.exp(np.zeros(2))
        with tg.profile() as part:
            tg.tanh(np.zeros(2))
        tg.exp(np.zeros(2))
    assert by(whole.lines, "op")[("exp",)].calls == 2 and [line.op for line in part.lines] == ["tanh"]
    assert by(whole.lines, "op")[("tanh",)].calls == 1


def test_threads_are_measured_apart():
    def other():
        with tg.profile() as mine:
            tg.tanh(np.zeros(2))
        found.append(mine)

    found = []
    with tg.profile() as p:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        tg.exp(np.zeros(2))
    assert [line.op for line in p.lines] == ["exp"] and [line.op for line in found[0].lines] == ["tanh"]


@pytest.mark.parametrize("name", sorted(tg.registry))
def test_every_op_can_be_profiled(name):
    op = tg.registry[name]
    for sample in op.samples[:2]:
        inputs, params = sample.draw(op, dtype=np.float32)
        tensors = [
            tg.Tensor(v, requires_grad=True) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for v in inputs
        ]
        with tg.profile() as p:
            y = op(*tensors, **params)
            if isinstance(y, tg.Tensor) and y.requires_grad:
                y.backward(np.ones(y.shape, y.dtype))
        assert any(line.op == name and line.phase == "forward" for line in p.lines)
        assert all(line.flop >= 0 and line.bytes >= 0 for line in p.lines)
