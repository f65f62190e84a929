"""Graphs that nobody thought of: random ones, with shared results, broadcasting, cuts and checkpoints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.testing import gradcheck

pytestmark = pytest.mark.level("default")

SHAPES = [(), (3,), (2, 1), (1, 3), (2, 3)]  # any two of them broadcast
UNARY = [
    tg.tanh, tg.sin, tg.sigmoid, lambda x: tg.exp(x * 0.3), lambda x: x * 0.5 + 1.0, lambda x: -x,
    lambda x: x.sum(axis=-1, keepdims=True) if x.ndim else x, lambda x: tg.reshape(x, x.shape), lambda x: x.T.T,
    lambda x: tg.checkpoint(lambda t: tg.tanh(t * t), x), lambda x: tg.softplus(x).mean(),
    lambda x: x[..., :1] if x.ndim else x,
    lambda x: tg.stop_gradient(x) * 0.0 + x if isinstance(x, tg.Tensor) else x,
]  # fmt: skip
BINARY = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 2.0),
    lambda a, b: tg.where(np.array([True, False, True]), a, b), lambda a, b: a * b + a,
]  # fmt: skip

steps = st.lists(
    st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 50), st.integers(0, 50)),
    min_size=1, max_size=8,
)  # fmt: skip


def broadcastable(a, b):
    return all(x == y or 1 in (x, y) for x, y in zip(a.shape[::-1], b.shape[::-1], strict=False))


def run(program, leaves):
    """The sum of all results of a straight-line program; each step reads any results before it."""
    results = list(leaves)
    for which, i, j in program:
        a, b = results[i % len(results)], results[j % len(results)]
        if which < len(UNARY):
            results.append(UNARY[which](a))
        elif broadcastable(a, b):
            results.append(BINARY[which - len(UNARY)](a, b))
    return sum(r.sum() for r in results[len(leaves) :]) + leaves[0].sum() * 0.5


@settings(max_examples=30)
@given(program=steps, shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_random_graphs_have_right_first_and_second_gradients(program, shapes, seed):
    rng = np.random.default_rng(seed)
    leaves = [rng.uniform(-1, 1, s) for s in shapes]
    gradcheck(lambda *xs: run(program, xs), leaves, order=2, directions=1, seed=seed)


@settings(max_examples=60)
@given(program=steps, shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_all_ways_to_a_gradient_agree(program, shapes, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1, 1, s) for s in shapes]
    xs = [tg.Tensor(a, requires_grad=True) for a in arrays]
    run(program, xs).backward()
    by_grad = tg.grad(run(program, xs), xs, allow_unused=True)
    recorded = tg.grad(run(program, xs), xs, create_graph=True, allow_unused=True)
    _, by_vjp = tg.vjp(lambda *a: run(program, a), *arrays)
    for x, a, b, c in zip(xs, by_grad, recorded, by_vjp(np.ones(())), strict=True):
        assert (x.grad is None) == (a is None) == (b is None)
        if a is not None:
            assert np.array_equal(x.grad, a)
            assert np.array_equal(b.data, a)
            assert np.array_equal(c, a)
    vs = [rng.standard_normal(s) for s in shapes]
    tangent = tg.jvp(lambda *a: run(program, a), tuple(arrays), tuple(vs))[1]
    reverse = sum(np.vdot(g, v) for g, v in zip(by_grad, vs, strict=True) if g is not None)
    assert np.isclose(float(tangent), reverse, rtol=1e-10, atol=1e-12)
