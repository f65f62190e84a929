"""Memory: flat over a thousand passes, nothing for the garbage collector, nothing alive that no rule names."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")


@pytest.fixture
def collector_off():
    """Only reference counts free memory; what is left at the end is a cycle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def network():
    rng = np.random.default_rng(0)
    shapes = [(3, 3, 1, 4), (4,), (4 * 3 * 3, 5)]
    return [tg.Tensor(rng.standard_normal(s).astype(np.float32) * 0.3, requires_grad=True) for s in shapes]


def loss_of(parameters, x, labels):
    w, b, dense = parameters
    x = tg.max_pool2d(tg.relu(tg.conv2d(x, w, b)), 2)
    return tg.softmax_cross_entropy(x.reshape(x.shape[0], -1) @ dense, labels)


X = np.random.default_rng(1).standard_normal((2, 8, 8, 1)).astype(np.float32)
LABELS = np.array([1, 4])


BOUND = 20_000  # bytes in 1000 passes: less than one Python object each


def growth(step):
    """Bytes by which 1000 calls grow what is allocated; what grows only while caches and free lists fill is none."""
    tracemalloc.start()
    try:
        for _ in range(4):
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(1000):
                step()
            grown = tracemalloc.get_traced_memory()[0] - before
            if grown < BOUND:
                break
        return grown
    finally:
        tracemalloc.stop()


def test_1000_forward_passes_stay_flat(collector_off):
    parameters = network()
    assert growth(lambda: loss_of(parameters, X, LABELS)) < BOUND
    assert gc.collect() == 0


@pytest.mark.level("thorough")
def test_1000_training_steps_stay_flat(collector_off):
    parameters = network()

    def step():
        loss_of(parameters, X, LABELS).backward()
        for p in parameters:
            p.assign(p.data - 0.01 * p.grad)
            p.grad = None

    assert growth(step) < BOUND
    assert gc.collect() == 0


def test_second_derivatives_and_checkpoints_leave_no_cycle(collector_off):
    parameters = network()

    def step():
        loss = tg.checkpoint(lambda x: loss_of(parameters, x, LABELS), tg.Tensor(X, requires_grad=True))
        grads = tg.grad(loss, parameters, create_graph=True)
        sum((g * g).sum() for g in grads).backward()
        for p in parameters:
            p.grad = None
        tg.hvp(lambda x: tg.exp(x).sum(), np.ones(3), np.ones(3))
        tg.jacobian(lambda x: x * x, np.ones(3))

    for _ in range(3):
        step()
    gc.collect()
    step()
    assert gc.collect() == 0


def test_forward_only_loop_leaves_no_node_alive(collector_off):
    parameters = network()
    nodes = []
    for _ in range(10):
        loss = loss_of(parameters, X, LABELS)
        nodes.append(weakref.ref(loss.node))
        nodes += [weakref.ref(edge) for edge in loss.node.inputs if edge is not None and edge.op is not None]
    del loss
    assert len(nodes) >= 20
    assert not [ref for ref in nodes if ref() is not None]


def test_long_chain_is_freed_without_recursion(collector_off):
    x = tg.Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = -y
    first = weakref.ref(y.node.inputs[0])
    del y
    assert first() is None


def test_what_no_rule_names_is_freed_at_once(collector_off):
    x = tg.Tensor(np.ones(1000), requires_grad=True)
    hidden = x * 2.0
    values = weakref.ref(hidden._data)
    y = hidden + 1.0  # add names nothing, mul by a number names only the number
    del hidden
    assert values() is None
    z = tg.exp(y)
    kept = weakref.ref(z._data)
    total = z.sum()
    del z
    assert kept() is not None  # exp names its output
    total.backward()
    assert kept() is None  # released by the backward
    assert np.allclose(x.grad, 2 * np.exp(3.0))


def test_gradients_on_the_way_are_freed(collector_off):
    n = 100_000
    x = tg.Tensor(np.ones(n), requires_grad=True)
    y = x
    for _ in range(50):
        y = -y
    tracemalloc.start()
    try:
        y.backward(np.ones(n))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * 8 * n  # a handful of buffers, not fifty


def test_no_grad_keeps_nothing(collector_off):
    x = tg.Tensor(np.ones(10), requires_grad=True)
    with tg.no_grad():
        hidden = tg.exp(x)
        values = weakref.ref(hidden._data)
        y = hidden * hidden
    del hidden
    assert values() is None
    assert y.shape == (10,)
