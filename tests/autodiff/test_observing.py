"""Observers see every call and every step back of their thread, and leave nothing behind."""

import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff import observing as observe
from tinygrad_cnn.autodiff.effects import effect, effect_observers, effects
from tinygrad_cnn.autodiff.observing import observers, observing, observing_effects, running
from tinygrad_cnn.optim import SGD


def test_calls_and_steps_back_are_seen_in_order():
    x = tg.Tensor(np.array([0.5, 2.0]), requires_grad=True)
    seen = []
    with observing(seen.append):
        y = tg.clip(x * x, 0.0, 3.0).sum()
        y.backward()
    tops = [(call.op.name, call.node is not None) for call in seen if call.within is None]
    assert tops == [("mul", False), ("clip", False), ("sum", False), ("sum", True), ("clip", True), ("mul", True)]
    mul = seen[0]
    assert mul.args == (x, x) and mul.arrays[0] is x._data and np.array_equal(mul.result, [0.25, 4.0])
    back = seen[-1]
    assert [edge is x.node for edge, _ in back.result] == [True, True]
    assert all(call.seconds > 0 and call.inside <= call.seconds for call in seen)
    assert x.grad.tolist() == [1.0, 0.0]


def test_ops_called_by_a_rule_are_within_its_step():
    x = tg.Tensor(np.ones((1, 4, 4, 1)), requires_grad=True)
    y = tg.conv2d(x, np.ones((2, 2, 1, 1))).sum()
    seen = []
    with observing(seen.append):
        y.backward()
    inner = [call for call in seen if call.within is not None]
    assert any(call.op.name == "conv2d_dx" and call.within.op.name == "conv2d" for call in inner)


@pytest.mark.parametrize("where", ["op", "observer", "rule"])
def test_an_exception_leaves_nothing_behind(where):
    def see(call):
        if where == "observer":
            raise KeyError("mine")

    @tg.op(name="test_observe_breaks")
    def breaks(x):
        if where == "op":
            raise KeyError("mine")
        return x * 1.0

    def rule(g):
        raise KeyError("mine")

    breaks.vjp(x=rule)
    try:
        with pytest.raises(KeyError, match="mine"), observing(see):
            breaks(tg.Tensor(np.ones(2), requires_grad=True)).sum().backward()
    finally:
        tg.registry.pop("test_observe_breaks")
    assert observers == [] and running.call is None and running.effect is None


def test_nobody_is_charged_for_the_time_of_observers(monkeypatch):
    now = 0.0  # a clock that only the observer moves
    monkeypatch.setattr(observe, "perf_counter", lambda: now)
    x = tg.Tensor(np.ones((1, 4, 4, 1)), requires_grad=True)
    y = tg.conv2d(x, np.ones((2, 2, 1, 1))).sum()
    seen = []

    def dawdle(call):
        nonlocal now
        now += 1.0
        seen.append(call)

    with observing(dawdle):
        y.backward()
    assert len(seen) > 2 and all(call.seconds == 0 for call in seen)


def test_other_threads_are_not_seen():
    seen, other = [], []
    with observing(lambda call: seen.append(call.op.name)):
        thread = threading.Thread(target=lambda: other.append(tg.exp(np.zeros(3))))
        thread.start()
        thread.join()
        tg.tanh(np.zeros(3))
    assert seen == ["tanh"] and other[0].tolist() == [1, 1, 1]


def test_observed_values_and_gradients_are_the_same_bits():
    rng = np.random.default_rng(0)
    arrays = rng.standard_normal((2, 6, 6, 3)), rng.standard_normal((3, 3, 3, 4)), rng.standard_normal(4)

    def run():
        x, w, b = (tg.Tensor(a, requires_grad=True) for a in arrays)
        y = tg.max_pool2d(tg.relu(tg.conv2d(x, w, b, padding="same")), 2)
        (first,) = tg.grad((y * y).sum(), [w], create_graph=True)
        (first * first).sum().backward()
        return y.numpy(), first.numpy(), x.grad, w.grad, b.grad

    plain = run()
    with observing(lambda call: None):
        watched = run()
    assert all(np.array_equal(a, b) for a, b in zip(plain, watched, strict=True))


# -- effects --------------------------------------------------------------------------------------------------


def test_an_effect_inside_an_effect_knows_which(monkeypatch):
    monkeypatch.setattr("tinygrad_cnn.autodiff.effects.effects", dict(effects))
    halve = effect(lambda w: w.assign(w.data / 2))
    w, seen = tg.Tensor(np.ones(2)), []
    with observing_effects(lambda call: seen.append((call, call.over, w.version))):
        halve(w)
    assert [(over, version) for _, over, version in seen] == [(False, 0), (False, 0), (True, 1), (True, 1)]
    assert seen[2][0].around is seen[3][0] and seen[2][0].effect.endswith(".put") and seen[3][0].around is None


def test_effects_are_seen_before_and_after():
    w = tg.Tensor(np.ones(2), requires_grad=True)
    w.grad, seen = np.ones(2), []
    with observing_effects(lambda call: seen.append((call, call.over, w.version))):
        SGD([w], lr=0.5).step()
    assert [(c.effect.rpartition(".")[2], over, version) for c, over, version in seen][-2:] == [
        ("_update", False, 0), ("_update", True, 1)
    ]  # fmt: skip
    outer = seen[-1][0]
    assert outer.around is None and outer.within is None
    assert outer.effect == "tinygrad_cnn.optim.optimizer.Optimizer._update" and effects[outer.effect] is SGD._update
    assert outer.args[1] is w and outer.op is None
    assert effect_observers == [] and running.call is None and running.effect is None


def test_observers_of_ops_are_told_of_no_effects_and_find_none_around_an_op():
    @effect
    def draws_and_doubles(x):
        return tg.dropout(tg.mul(x, 2.0), 0.5, rng=0)

    assert effects.pop(f"{__name__}.{draws_and_doubles.__qualname__}") is draws_and_doubles
    calls, changes = [], []
    with observing(calls.append), observing_effects(lambda call: changes.append(call) if call.over else None):
        draws_and_doubles(np.ones(3))
    assert [(call.op.name, call.within, call.effect) for call in calls] == [("mul", None, ""), ("dropout", None, "")]
    draw, around = changes
    assert draw.within is calls[1] and draw.around is around and draw.effect.endswith(".draw_from")
    assert [call.inside for call in calls] == [0.0, 0.0]


def test_an_effect_that_raises_leaves_nothing_behind_and_is_never_over():
    w, seen = tg.Tensor(np.ones(2)), []
    with pytest.raises(ZeroDivisionError), observing_effects(lambda call: seen.append(call.over)):
        w.update(lambda own: 1 / 0)
    assert seen == [False] and effect_observers == [] and running.call is None and running.effect is None


def test_effects_of_other_threads_are_not_seen():
    w, seen = tg.Tensor(np.ones(2)), []
    with observing_effects(seen.append):
        thread = threading.Thread(target=lambda: w.assign(np.zeros(2)))
        thread.start()
        thread.join()
    assert seen == [] and w.data.tolist() == [0.0, 0.0]


def test_a_result_of_one_number_is_the_array_that_the_tensor_holds():
    calls = []
    with observing(calls.append):
        y = tg.sum(tg.Tensor([1.0, 2.0]))
    assert calls[0].result is y._data
