"""checkpoint: the same gradients as without it, at orders 1 and 2, with less kept alive."""

import gc
import weakref

import numpy as np
import pytest

import tinygrad_cnn as tg

X = np.random.default_rng(0).standard_normal((4, 3))
W = np.random.default_rng(1).standard_normal((3, 3))
U = np.random.default_rng(2).standard_normal((4, 3))


def block(x, w):
    return tg.tanh(tg.tanh(x @ w) @ w) * x


def both(run):
    """Results of `run` with block itself and with block under checkpoint."""
    return run(block), run(lambda *args: tg.checkpoint(block, *args))


def equal(direct, checkpointed):
    for a, b in zip(direct, checkpointed, strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b))


def leaves():
    return tg.Tensor(X, requires_grad=True), tg.Tensor(W, requires_grad=True)


def test_first_order_in_all_arguments():
    def run(f):
        x, w = leaves()
        y = f(x, w)
        y.backward(U)
        return y.data, x.grad, w.grad

    equal(*both(run))


def test_second_order():
    def run(f):
        x, w = leaves()
        first = tg.grad(f(x, w), [x, w], grad_outputs=U, create_graph=True)
        return [g.data for g in first] + tg.grad(first, [x, w], grad_outputs=[X, W])

    direct, checkpointed = both(run)
    for a, b in zip(direct, checkpointed, strict=True):
        assert np.allclose(a, b, rtol=1e-12)


def test_gradcheck_to_second_order():
    from tinygrad_cnn.testing import gradcheck

    assert gradcheck(lambda x, w: tg.checkpoint(block, x, w), [X, W], order=2).checks


def test_in_the_middle_of_a_graph_several_times():
    def run(f):
        x, w = leaves()
        y = f(f(x * 2.0, w) + x, w * 0.5)
        (y * y).sum().backward()
        return x.grad, w.grad

    direct, checkpointed = both(run)
    for a, b in zip(direct, checkpointed, strict=True):
        assert np.allclose(a, b, rtol=1e-12)


def test_parameters_captured_in_a_closure():
    def run(wrapped):
        x, w = leaves()
        scaled = w * 2.0  # a result, and the leaf that it came from, both used inside

        def inside(x):
            return tg.tanh(x @ w) @ scaled

        y = tg.checkpoint(inside, x) if wrapped else inside(x)
        y.backward(U)
        return x.grad, w.grad

    for a, b in zip(run(False), run(True), strict=True):
        assert np.allclose(a, b, rtol=1e-12)


def test_only_captured_parameters_require_gradients():
    w = tg.Tensor(W, requires_grad=True)
    tg.checkpoint(lambda x: tg.tanh(x @ w), tg.Tensor(X)).backward(U)
    g = w.grad
    w.grad = None
    tg.tanh(tg.Tensor(X) @ w).backward(U)
    assert np.array_equal(g, w.grad)


@pytest.mark.parametrize("order", [1, 2])
def test_random_draws_are_repeated_and_the_generator_goes_on(order):
    def run(wrapped):
        x = tg.Tensor(X, requires_grad=True)
        rng = np.random.default_rng(5)

        def inside(x):
            return tg.dropout(tg.dropout(x * x, 0.5, training=True, rng=rng), 0.3, training=True, rng=rng)

        y = tg.checkpoint(inside, x) if wrapped else inside(x)
        after = rng.random()
        g = tg.grad(y, x, grad_outputs=U, create_graph=order == 2)
        if order == 2:
            g = tg.grad(g, x, grad_outputs=X)
        return y.data, g, after, rng.random()

    equal(run(False), run(True))


def test_function_runs_once_forward_and_once_backward():
    calls = []

    def f(x):
        calls.append(x.requires_grad)
        return tg.exp(x) * x

    x = tg.Tensor(X, requires_grad=True)
    y = tg.checkpoint(f, x)
    assert len(calls) == 1
    y.backward(U)
    assert len(calls) == 2


def test_inner_results_are_not_kept_alive():
    alive = []

    def f(x):
        for _ in range(5):
            x = tg.exp(x * 0.1)
            alive.append(weakref.ref(x.node))
        return x

    x = tg.Tensor(X, requires_grad=True)
    kept = f(x)
    assert all(ref() is not None for ref in alive)
    alive.clear()
    y = tg.checkpoint(f, x)
    gc.collect()
    assert not any(ref() is not None for ref in alive)
    assert kept.shape == y.shape


def test_nested_checkpoints():
    def f(x):
        return tg.checkpoint(lambda t: tg.tanh(t * x), x) * x

    def plain(x):
        return tg.tanh(x * x) * x

    grads = []
    for g in (lambda x: tg.checkpoint(f, x), plain):
        x = tg.Tensor(X, requires_grad=True)
        g(x).backward(U)
        grads.append(x.grad)
    assert np.allclose(*grads, rtol=1e-12)


def test_nothing_is_recorded_under_no_grad_or_without_need():
    with tg.no_grad():
        assert not tg.checkpoint(block, *leaves()).requires_grad
    y = tg.checkpoint(block, tg.Tensor(X), tg.Tensor(W))
    assert not y.requires_grad


def test_retained_graph_can_be_walked_twice():
    x = tg.Tensor(X, requires_grad=True)
    y = tg.checkpoint(lambda x: x * x, x)
    y.backward(U, retain_graph=True)
    y.backward(U)
    assert np.allclose(x.grad, 4 * X * U)


def test_assigned_input_is_refused():
    x, w = leaves()
    y = tg.checkpoint(block, x, w)
    w.assign(W * 2)
    with pytest.raises(RuntimeError, match=r"checkpoint at .*checkpointing.py:\d+: input \d was assigned to at .*"):
        y.backward(U)


def test_must_return_one_tensor():
    with pytest.raises(TypeError, match="checkpoint: the function must return one Tensor, it returned tuple"):
        tg.checkpoint(lambda x: (x, x), tg.Tensor(X, requires_grad=True))


def test_argument_that_is_also_captured_or_given_twice():
    def run(wrapped):
        x, w = leaves()

        def inside(a, b):
            return tg.tanh(a @ w) * x + b

        y = tg.checkpoint(inside, x, x) if wrapped else inside(x, x)
        y.backward(U)
        return x.grad, w.grad

    for a, b in zip(run(False), run(True), strict=True):
        assert np.allclose(a, b, rtol=1e-12)


def test_captured_intermediate_that_is_also_an_argument():
    def run(wrapped):
        x, _ = leaves()
        middle = tg.exp(x)

        def inside(a):
            return a * middle

        y = tg.checkpoint(inside, middle) if wrapped else inside(middle)
        first = tg.grad(y, x, grad_outputs=U, create_graph=True)
        return first.data, tg.grad(first, x, grad_outputs=X)

    for a, b in zip(run(False), run(True), strict=True):
        assert np.allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 2])
def test_unseeded_draws_are_repeated_too(depth):
    def inside(x):
        return tg.dropout(tg.dropout(x, 0.5), 0.3)

    f = inside if depth == 1 else lambda x: tg.checkpoint(inside, tg.dropout(x, 0.2))
    x = tg.Tensor(np.ones(64), requires_grad=True)
    y = tg.checkpoint(f, x)
    np.testing.assert_array_equal(tg.grad(y.sum(), x), y.data)


def test_a_function_that_gives_another_result_when_run_again_is_refused():
    rng = np.random.default_rng(0)
    x = tg.Tensor(np.ones(64), requires_grad=True)
    y = tg.checkpoint(lambda x: x * rng.random(64), x)  # NumPy draws, so nobody can repeat it
    with pytest.raises(tg.GraphError, match=r"checkpoint at .*test_checkpointing.py:\d+: the function gave another"):
        tg.grad(y.sum(), x)
    nan = tg.checkpoint(lambda x: x * np.nan, x)
    assert np.isnan(tg.grad(nan.sum(), x)).all()  # not a number is the same as not a number
