"""A result that nobody else can see may be overwritten by what is computed from it; what somebody can see is not."""

import functools
import weakref

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.core.compiled import core

compiled = pytest.mark.skipif(core is None, reason="only the compiled core overwrites")


def address(t):
    return t._data.__array_interface__["data"][0]


def values(h):
    return h.data if isinstance(h, tg.Tensor) else h


@pytest.fixture
def fresh():
    """An op whose results are arrays of their own, and where the last of them lay."""
    with_address = []

    @tg.op(name="fresh_for_test")
    def op(x):
        y = x - 0.5
        with_address[:] = [y.__array_interface__["data"][0]]
        return y

    op.vjp(x=lambda g: g)
    yield op, with_address
    tg.registry.pop("fresh_for_test")


def leaf(n=6, dtype=np.float32):
    return tg.Tensor(np.linspace(-2, 3, n).astype(dtype), requires_grad=True)


@compiled
@pytest.mark.parametrize("n", [1, 6, 100_000])
def test_a_temporary_is_overwritten(fresh, n):
    op, at = fresh
    x = leaf(n)
    y = tg.relu(op(x))
    assert address(y) == at[0]
    np.testing.assert_array_equal(y.data, np.maximum(x.data - np.float32(0.5), 0))
    y.backward(np.ones(n, np.float32))
    np.testing.assert_array_equal(x.grad, (x.data > 0.5).astype(np.float32))


@compiled
def test_it_is_overwritten_without_a_gradient_too(fresh):
    op, at = fresh
    with tg.no_grad():
        y = tg.relu(op(leaf()))
    assert address(y) == at[0]
    y = tg.relu(op(leaf().detach()))
    assert address(y) == at[0]


def keep(t):
    return t


def held_by_a_name(op, x):
    h = op(x)
    return tg.relu(h), h


def held_by_arguments(op, x):
    def call(*args):
        return tg.relu(*args), args[0]

    return call(op(x))


def held_by_a_partial(op, x):
    call = functools.partial(tg.relu, op(x))
    return call(), call.args[0]


def held_by_keywords(op, x):
    named = {"x": op(x)}
    return tg.relu(**named), named["x"]


def held_by_a_list(op, x):
    values = [op(x)]
    return tg.relu(values[0]), values[0]


def held_by_map(op, x):
    values = [op(x)]
    return next(map(tg.relu, values)), values[0]


def sorted_by_it(op, x):
    values = sorted((op(x) for _ in range(1)), key=tg.relu)  # a list that sorted makes, and keeps
    return tg.relu(values[0]), values[0]


def filtered_by_it(op, x):
    (value,) = filter(tg.relu, (op(x[5:]) for _ in range(1)))
    return tg.relu(value), value


def held_by_an_attribute(op, x):
    @functools.cache
    def made():
        return op(x)

    return tg.relu(made()), made()


def held_by_a_view(op, x):
    views = []

    def viewed(t):
        views.append(t.data)
        return t

    return tg.relu(viewed(op(x))), views[0]


def held_by_an_array(op, x):
    arrays = []

    def seen(t):
        arrays.append(t._data)
        return t

    return tg.relu(seen(op(x))), arrays[0]


def held_by_detach(op, x):
    h = op(x)
    return tg.relu(keep(h.detach())), h


def held_by_a_weak_reference(op, x):
    found = []

    def seen(t):
        found.append(weakref.ref(t._data, lambda dead: found.clear()))
        return t

    y = tg.relu(seen(op(x)))
    assert not found  # it died, so y lies elsewhere
    return y, x.data - np.float32(0.5)


def of_an_array_that_is_shared(op, x):
    array = op(x).data.copy()
    return tg.relu(tg.Tensor(array, copy=False)), array


def of_a_part(op, x):
    h = op(x)
    return tg.relu(h[0:]), h


def of_another_shape(op, x):
    h = op(x)
    return tg.relu(tg.reshape(h, (-1, 1))).reshape(-1), h


def in_a_generator(op, x):
    def rows():
        h = op(x)
        yield tg.relu(h)
        yield h

    y, h = rows()
    return y, h


SEEN = [
    held_by_a_name, held_by_arguments, held_by_a_partial, held_by_keywords, held_by_a_list, held_by_map, sorted_by_it,
    filtered_by_it, held_by_an_attribute, held_by_a_view, held_by_an_array, held_by_detach, held_by_a_weak_reference,
    of_an_array_that_is_shared, of_a_part, of_another_shape, in_a_generator,
]  # fmt: skip


@pytest.mark.parametrize("see", SEEN, ids=lambda see: see.__name__)
@pytest.mark.parametrize("recording", [True, False])
def test_what_somebody_sees_stays(fresh, see, recording):
    op, _ = fresh
    x = leaf()
    with tg.enable_grad() if recording else tg.no_grad():
        y, h = see(op, x)
    expected = (x.data - np.float32(0.5))[-values(h).size :]
    np.testing.assert_array_equal(values(h), expected)
    np.testing.assert_array_equal(y.data, np.maximum(expected, 0))


def test_what_the_op_before_saved_stays():
    x = leaf()
    for make in (tg.sigmoid, tg.relu, tg.exp, lambda x: x * x):
        x.grad = None
        tg.relu(make(x)).backward(np.ones(6, np.float32))
        h = make(x)
        named, x.grad = x.grad, None
        tg.relu(h).backward(np.ones(6, np.float32))
        np.testing.assert_array_equal(named, x.grad)


def test_what_a_rule_of_its_own_reads_stays(fresh):
    op, _ = fresh

    @tg.op(name="over_for_test", over=lambda x: np.multiply(x, 2, out=x))
    def double(x):
        return x * 2

    double.vjp(x=lambda g, x: g * x)  # wrong on purpose, to see what it reads
    try:
        x = leaf()
        double(op(x)).backward(np.ones(6, np.float32))
        np.testing.assert_array_equal(x.grad, x.data - np.float32(0.5))
    finally:
        tg.registry.pop("over_for_test")


def test_hooks_keep_what_was_computed():
    x = leaf()
    seen = []
    layer = tg.nn.Sequential(tg.nn.Linear(6, 4, rng=0))
    layer.register_forward_hook(lambda module, args, y: seen.append(y))
    y = tg.relu(layer(x.reshape(1, 6)))
    np.testing.assert_array_equal(y.data, np.maximum(seen[0].data, 0))
    assert (seen[0].data < 0).any()


@pytest.mark.parametrize("again", ["retain_graph", "create_graph", "checkpoint"])
def test_gradients_are_those_of_named_results(again):
    rng = np.random.default_rng(0)
    x = tg.Tensor(rng.normal(size=(2, 5, 5, 3)).astype(np.float32), requires_grad=True)
    w = tg.Tensor(rng.normal(size=(3, 3, 3, 4)).astype(np.float32), requires_grad=True)

    def temporaries(x):
        return (tg.relu(tg.conv2d(x, w)) * 3).sum()

    def named(x):
        h = tg.conv2d(x, w)
        y = tg.relu(h)
        z = y * 3
        return z.sum()

    def gradients(f):
        if again == "checkpoint":
            return tg.grad(tg.checkpoint(f, x), [x, w])
        if again == "create_graph":
            first = tg.grad(f(x), [x, w], create_graph=True)
            return tg.grad((first[0] ** 2).sum() + (first[1] ** 3).sum(), [x, w])
        loss = f(x)
        first = tg.grad(loss, [x, w], retain_graph=True)
        return [*first, *tg.grad(loss, [x, w])]

    for ours, theirs in zip(gradients(temporaries), gradients(named), strict=True):
        np.testing.assert_array_equal(ours, theirs)
