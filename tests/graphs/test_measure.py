"""What is measured of a graph is right, complete or excused, and leaves no trace."""

import tracemalloc

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff.observing import observers
from tinygrad_cnn.core.graph import clock
from tinygrad_cnn.graphs.calls import watching
from tinygrad_cnn.graphs.measure import measure

ALL = {"values", "grads", "time", "memory"}
X = np.random.default_rng(0).standard_normal((4, 8, 8, 2)).astype(np.float32)


class Net(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(2, 6, 3, padding=1, rng=0)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.5, rng=1)
        self.out = nn.Linear(6, 3, rng=2)

    def forward(self, x):
        h = self.drop(tg.relu(self.norm(self.conv(x))))
        return self.out(tg.global_avg_pool2d(h))


def recorded(run):
    """run(), and what was seen of it."""
    with watching() as watched:
        y = run()
    return y, watched


def test_each_watched_value_is_that_of_its_op():
    x = tg.Tensor(X, requires_grad=True)
    steps = []
    with watching() as watched:
        h = x
        for fn in (tg.sin, tg.exp, tg.sin, lambda t: t * 0.5, lambda t: t * 2.0, tg.relu):
            h = fn(h)
            steps.append(h)
    found = measure([h], {"values"}, watched=watched)
    for t in steps:
        assert found.values[t.node].mean == pytest.approx(t.data.mean(dtype=np.float64), rel=1e-6)
        assert found.forward == {} and found.values[t.node].shape == t.shape
    assert found.values[x.node].max == X.max()
    assert not found.notes


def test_calls_that_leave_no_node_or_one_outside_the_graph_do_not_confuse():
    x = tg.Tensor(X, requires_grad=True)
    with watching() as watched:
        with tg.no_grad():
            tg.sin(x)
        tg.sin(x) * 3.0  # a branch that leads nowhere
        a = x * np.float32(2)
        b = x * np.full(X.shape, 5, np.float32)
        tg.sin(X)
        y = a + b
    found = measure([y], {"values"}, watched=watched)
    for t in (a, b, y):
        assert found.values[t.node].max == pytest.approx(float(t.data.max()))
    (five,) = [n for n in found.order if n.op is None and n is not x.node]
    assert found.values[five].min == found.values[five].max == 5.0


def test_what_is_recorded_after_the_watch_is_not_taken_for_its_last_call():
    x = tg.Tensor(X, requires_grad=True)
    before = tg.sin(x)
    with watching() as watched:
        inside = tg.sin(before)
    after = tg.sin(tg.sin(inside))
    found = measure([after], {"values", "time"}, watched=watched)
    assert set(found.forward) == {inside.node}


def test_a_whole_model_is_seen_and_nothing_moves():
    model, labels = Net(), np.array([0, 1, 2, 0])
    y, watched = recorded(lambda: tg.softmax_cross_entropy(model(X), labels))
    for p in model.parameters():
        p.grad = np.full(p.shape, 7, np.float32)
    state = model.state_dict()
    draws = [rng.bit_generator.state for rng in model.generators()]
    found = measure([y], ALL, watched=watched)
    ops = [n for n in found.order if n.op is not None]
    for known in (found.values, found.gradients, found.forward, found.backward, found.costs, found.memory):
        assert set(ops) <= known.keys()
    assert not found.notes
    assert all((p.grad == 7).all() for p in model.parameters())
    assert all((state[name] == value).all() for name, value in model.state_dict().items())
    assert draws == [rng.bit_generator.state for rng in model.generators()]
    model.zero_grad()
    y.backward()  # the graph was not released
    for p in model.parameters():
        assert found.gradients[p.node].norm == pytest.approx(float(np.linalg.norm(p.grad.astype(float))), rel=1e-5)
        assert found.parameters[p.node] == p.size
    assert not observers


def test_gradients_are_those_of_retain_grad():
    x = tg.Tensor(X, requires_grad=True)
    a = tg.tanh(x).retain_grad()
    b = (a * a).retain_grad()
    y = (b + a).sum()
    found = measure([y], {"grads"})
    assert a.grad is None and b.grad is None and x.grad is None
    y.backward()
    for t in (a, b, x):
        assert found.gradients[t.node].norm == pytest.approx(float(np.linalg.norm(t.grad)), rel=1e-5)
    order = [n.op.name for n in found.gradients if n.op is not None]
    assert order[0] == "sum" and order[-1] == "tanh"  # as the backward pass reaches them


def test_an_output_of_many_numbers_is_weighed_and_says_so():
    w = tg.Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    y = tg.matmul(X[0, 0], w)
    found = measure([y], {"grads"})
    (note,) = found.notes
    assert "standard normal" in note and "seed 0" in note
    assert found.gradients[y.node].std == pytest.approx(1, abs=0.4)
    assert found.gradients == measure([y], {"grads"}).gradients
    own = measure([y], {"grads"}, cotangents=[np.full(y.shape, 2.0, np.float32)])
    assert own.gradients[y.node].min == own.gradients[y.node].max == 2.0 and not own.notes
    with pytest.raises(ValueError, match="1 outputs need as many cotangents, got 2"):
        measure([y], {"grads"}, cotangents=[None, None])
    with pytest.raises(ValueError, match=r"the cotangent is \(3,\) float32, the output \(8, 3\) float32"):
        measure([y], {"grads"}, cotangents=[np.ones(3, np.float32)])


def test_of_an_older_graph_what_it_kept_is_known_and_the_rest_is_excused():
    x = tg.Tensor(X, requires_grad=True)
    kept, lost = tg.exp(x), tg.reshape(x, (-1,))
    y = kept.sum() + (lost * 3.0).sum()
    found = measure([y], ALL)
    assert found.values[kept.node].max == pytest.approx(float(kept.data.max()))
    assert lost.node not in found.values and y.node in found.values
    values, time = found.notes
    assert values.startswith("values of 4 of 6 results were not kept") and "tg.draw(model, x" in values
    assert "forward pass is not known" in time
    assert found.gradients[lost.node].norm == pytest.approx(3 * X.size**0.5)


def test_of_a_released_graph_the_notes_say_by_whom():
    w = tg.Tensor(X, requires_grad=True)
    y = (tg.exp(w) * tg.sin(w)).sum()
    y.backward()
    found = measure([y], ALL)
    text = "\n".join(found.notes)
    assert text.count("released") >= 2 and text.count("test_measure.py:") >= 3 and "/" not in text
    assert found.gradients[w.node].norm == pytest.approx(float(np.linalg.norm(w.grad)), rel=1e-5)
    assert found.values.keys() == {y.node}


def test_a_rule_that_fails_ends_the_gradient_and_no_more():
    @tg.op(name="fails_backward_here")
    def fails(x):
        return x

    fails.vjp(x=lambda g: 1 / 0)
    try:
        x = tg.Tensor(X, requires_grad=True)
        y = tg.sin(fails(tg.cos(x))).sum()
        found = measure([y], {"grads"})
    finally:
        tg.registry.pop("fails_backward_here")
    assert sorted(n.op.name for n in found.gradients) == ["sin", "sum"]
    assert "as far as the backward pass came: division by zero" in found.notes[0]


def test_without_a_gradient_nothing_is_sent():
    y = tg.Tensor(X) * 2.0
    found = measure([y], ALL)
    assert not found.gradients and any("nothing here requires one" in note for note in found.notes)


def test_a_checkpoint_has_the_value_time_and_cost_of_what_it_ran():
    w = tg.Tensor(np.eye(2, dtype=np.float32), requires_grad=True)

    def block(t):
        return tg.relu(tg.matmul(t, w))

    x = tg.Tensor(X, requires_grad=True)
    with watching() as watched:
        before = tg.sin(x)
        h = tg.checkpoint(block, before)
        y = tg.exp(h)
    found = measure([y], ALL, watched=watched)
    assert found.values[h.node].max == float(h.data.max())
    assert found.costs[h.node].flop == 2 * X.size * 2 + X.size  # a product and a relu
    assert found.forward[h.node] > 0 and found.backward[h.node] > 0
    assert {h.node, y.node, before.node, w.node, x.node} <= found.gradients.keys()
    assert found.memory[before.node] == X.nbytes  # it keeps its input, and nothing of its own
    assert found.memory[h.node] == 0 and found.memory[y.node] == X.nbytes


def test_recorded_gradients_are_measured_like_any_op():
    x = tg.Tensor(X, requires_grad=True)
    with watching() as watched:
        y = tg.exp(tg.sin(x)).sum()
        g = tg.grad(y, x, create_graph=True)
        z = (g * g).sum()
    found = measure([z], ALL, watched=watched)
    ops = [n for n in found.order if n.op is not None]
    assert set(ops) <= found.values.keys() and set(ops) <= found.gradients.keys()
    assert found.values[g.node].max == pytest.approx(float(g.data.max()))
    (cosine,) = [n for n in ops if n.op.name == "cos"]
    assert found.values[cosine].min == pytest.approx(float(np.cos(X).min()))
    assert not found.notes


def test_memory_is_what_lives_on_and_counts_once():
    x = tg.Tensor(X, requires_grad=True)
    a = tg.exp(x)  # names its output
    b = tg.reshape(a, (4, -1))  # a view of it
    c = tg.tanh(b * b)  # the product names b
    y = c.sum()
    memory = measure([y], {"memory"}).memory
    assert memory[a.node] + memory[b.node] == X.nbytes and memory[c.node] == X.nbytes and memory[y.node] == 0
    assert sum(memory.values()) == 2 * X.nbytes  # x itself belongs to the user


def test_silent_units_of_a_relu():
    h = np.abs(X) + 1
    h[..., 1] = -1
    for op in (lambda t: tg.relu(t), lambda t: tg.relu6(t), lambda t: tg.add_relu(t, np.float32(0) * X)):
        y = op(tg.Tensor(h, requires_grad=True))
        assert measure([y], {"values"}).silent == {y.node: 0.5}
        with watching() as watched:
            y = op(tg.Tensor(h, requires_grad=True))
        assert measure([y], {"values"}, watched=watched).silent == {y.node: 0.5}
    few = tg.relu(tg.Tensor(h[0, 0], requires_grad=True))  # 8 places are too few to tell
    assert not measure([few], {"values"}).silent
    other = tg.leaky_relu(tg.Tensor(h, requires_grad=True))
    assert not measure([other], {"values"}).silent


def test_arrays_are_let_go():

    x = tg.Tensor(np.zeros((100, 1000), np.float32))
    with watching():
        tg.sin(x)
    tracemalloc.start()
    try:
        with watching() as watched:
            h = x
            for _ in range(50):
                h = tg.neg(h)
            del h
            now = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(watched.leaves) > 1 and now < x.data.nbytes  # of fifty results none


def test_a_failing_forward_pass_leaves_no_observer_and_what_was_seen():
    x = tg.Tensor(X, requires_grad=True)
    with pytest.raises(ValueError), watching() as watched:
        h = tg.sin(x)
        tg.matmul(h, np.ones((5, 5), np.float32))
    assert not observers
    assert measure([h], {"values"}, watched=watched).values[h.node].max == pytest.approx(float(np.sin(X).max()))


def test_watching_disturbs_no_backward():
    """The watch moves the clock that tells stale leaves from fresh ones."""
    w = tg.Tensor(np.ones(3, np.float32), requires_grad=True)
    now = clock.now
    with watching():
        y = (w * w).sum()
        z = (w * w).sum()
    assert clock.now > now
    y.backward()
    assert w.grad.tolist() == [2, 2, 2]
    w.assign(np.zeros(3, np.float32))
    with pytest.raises(tg.GraphError, match="assigned to afterwards"):
        z.backward()


def test_empty_and_broken_values_are_measured():
    x = tg.Tensor(np.zeros((0, 3), np.float32), requires_grad=True)
    y = (tg.exp(x) * 2.0).sum()
    found = measure([y], ALL)
    assert found.gradients[x.node].shape == (0, 3)
    w = tg.Tensor([1.0, 0.0], requires_grad=True)
    with watching() as watched:
        z = tg.log(w).sum()
    found = measure([z], ALL, watched=watched)
    (log,) = [n for n in found.order if n.op is not None and n.op.name == "log"]
    assert found.values[log].inf == 0.5 and found.gradients[w.node].inf == 0.5
