"""Copies and pickles of Tensors and graphs: the same values, gradients and call sites, without recursion."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.core.graph import Released, clock
from tinygrad_cnn.core.site import line_of


def pickled(value):
    return pickle.loads(pickle.dumps(value))


both = pytest.mark.parametrize("way", [pickled, copy.deepcopy], ids=["pickle", "deepcopy"])


@both
def test_a_leaf_keeps_all_that_was_set(way):
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    (w * w).sum().backward()
    w.assign([3.0, 4.0])
    twin = way(w)
    assert type(twin) is tg.Tensor and (twin.name, twin.requires_grad, twin.version) == ("w", True, 1)
    np.testing.assert_array_equal(twin.data, [3, 4])
    np.testing.assert_array_equal(twin.grad, [2, 4])
    assert line_of(twin.node.assigned_at) == line_of(w.node.assigned_at)
    (twin * twin).sum().backward()
    np.testing.assert_array_equal(twin.grad, [8, 12])
    np.testing.assert_array_equal(w.grad, [2, 4])


@both
def test_a_result_keeps_its_graph(way):
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = tg.clip(tg.sin(x) * np.array([2.0, 3.0], np.float32), 0, 2.9)
    y.name = "y"
    x2, y2 = way((x, y))
    assert repr(y2) == repr(y) and y2.node.op is y.node.op
    assert [line_of(n.site) for n in (y2.node, y2.node.inputs[0])] == [line_of(y.node.site)] * 2
    assert __file__ in line_of(y2.node.site)
    np.testing.assert_array_equal(tg.grad(y2.sum(), x2), tg.grad(y.sum(), x))
    assert "sin" in tg.draw(y2).source


@both
def test_higher_orders_go_through_a_copy(way):
    x = tg.Tensor(0.5, requires_grad=True)
    x2, y2 = way((x, x**3))
    slope = tg.grad(y2, x2, create_graph=True)
    np.testing.assert_allclose(tg.grad(slope, x2), 3)


@both
@pytest.mark.parametrize("ops", [10_000])
def test_a_long_graph_is_copied_without_recursion(way, ops):
    x = tg.Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(ops):
        y = y + 1.0
    x2, y2 = way((x, y))
    y2.backward()
    np.testing.assert_array_equal(x2.grad, [1])
    assert x.grad is None


@both
def test_nodes_and_leaves_stay_shared(way):
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    h = tg.sin(x)
    a, b, h2, x2 = way((h * 2, h * 3, h, x))
    assert a.node.inputs[0] is b.node.inputs[0] is h2.node and h2.node.inputs[0] is x2.node
    assert h2.node.plan.watch and h2.node.saved[0] is x2._data  # memory is shared as it was


@both
def test_a_graph_that_was_released_or_is_stale_stays_so(way):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = (x * x).sum()
    y.backward()
    twin = way(y)
    assert isinstance(twin.node.inputs[0].saved, Released)
    with pytest.raises(tg.GraphError, match=r"test_pickling.py:\d+"):
        twin.backward()
    y = tg.sin(x)
    x.assign([0.0, 0.0])
    with pytest.raises(tg.GraphError, match=r"'x', which was assigned to afterwards at .*test_pickling.py:\d+"):
        way(y).sum().backward()
    buffer = np.ones(5000)
    y = tg.Tensor(2.0, requires_grad=True) * buffer
    buffer[:] = 2
    with pytest.raises(tg.GraphError, match="written to afterwards"):
        way(y)


def test_a_pickle_from_an_older_process_is_not_stale():
    """Assignments are counted in each process for itself."""
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    x.assign([2.0, 3.0])
    data, before = pickle.dumps(x), clock.now
    try:
        clock.now = 0
        twin = pickle.loads(data)
        tg.sin(twin).sum().backward()
        np.testing.assert_allclose(twin.grad, np.cos([2, 3]), rtol=1e-6)
    finally:
        clock.now = before


@both
def test_hooks_and_kept_gradients_go_along(way):
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = tg.sin(x).retain_grad()
    y.register_hook(np.negative)
    x2, y2 = way((x, y))
    y2.sum().backward()
    np.testing.assert_array_equal(y2.grad, [-1, -1])
    np.testing.assert_allclose(x2.grad, -np.cos([1, 2]), rtol=1e-6)
    assert y.grad is None


def squares(x):
    return tg.sin(x * x)


@both
def test_a_checkpoint_is_copied_with_the_function_it_repeats(way):
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    x2, y2 = way((x, tg.checkpoint(squares, x)))
    np.testing.assert_array_equal(tg.grad(y2.sum(), x2), tg.grad(squares(x).sum(), x))


def test_rules_that_changed_are_noticed(register):
    op = register(lambda x: x * x, name="squared_here")
    op.vjp(x=lambda g, x: 2 * g * x)
    data = pickle.dumps(op(tg.Tensor([1.0], requires_grad=True)))
    op.vjp(x=lambda g, x_shape: g)
    with pytest.raises(ValueError, match="squared_here: this graph saved x for .*, which need x_shape"):
        pickle.loads(data)


class Named(tg.Tensor):
    __slots__ = ("extra",)


@both
def test_a_subclass_keeps_its_slots(way):
    t = Named([1.0])
    t.extra = {"self": t}
    twin = way(t)
    assert type(twin) is Named and twin.extra["self"] is twin


@both
def test_a_trained_model_is_a_model_of_its_own(way):
    net = nn.Sequential(nn.Linear(3, 3, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.Lambda(tg.abs), nn.Dropout(0.5))
    net.append(nn.Linear(3, 3, rng=1))[5].weight = net[0].weight
    x = np.random.default_rng(0).normal(size=(5, 2, 2, 3)).astype(np.float32)
    net(x).sum().backward()
    net.eval()
    before = net(x).data.copy()
    twin = way(net)
    assert "_steps" not in vars(twin) and "_mapped" not in vars(twin)
    np.testing.assert_array_equal(twin(x).data, before)
    assert twin[5].weight is twin[0].weight and repr(twin) == repr(net)
    for (name, p), q in zip(net.named_parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(q.grad, p.grad, err_msg=name)
        q.assign(q.data * 0)
    np.testing.assert_array_equal(net(x).data, before)
    twin.train()
    assert twin.append(nn.Linear(3, 2, rng=0))(x).shape == (5, 2, 2, 2)


def test_another_process_goes_on_from_a_pickle(tmp_path):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = tg.sin(x).sum()
    (tmp_path / "pickle").write_bytes(pickle.dumps((x, y)))
    code = (
        "import pickle, sys; x, y = pickle.load(open(sys.argv[1], 'rb')); y.backward(); "
        "from tinygrad_cnn.core.site import line_of; print(x.grad.tolist(), line_of(y.node.site))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "pickle"], capture_output=True, text=True, check=True, cwd="/"
    )
    y.backward()
    assert done.stdout == f"{x.grad.tolist()} {line_of(y.node.site)}\n"
