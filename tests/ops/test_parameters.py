"""What nodes keep of a call's parameters: plain values only, for drawings, costs, rules and whoever replays a graph.

A function or a generator that an op calls while it runs is declared as its effect, and is not kept.
"""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff.observing import observing
from tinygrad_cnn.core.graph import all_inputs, walk
from tinygrad_cnn.testing.contracts import is_plain


def forbidden(nodes):
    """op.parameter of every parameter that a node may not keep."""
    return sorted({
        f"{node.op.name}.{name}"
        for node in nodes if node.op is not None for name, value in node.params.items() if not is_plain(value)
    })  # fmt: skip


def graphs(f, xs, g=None):
    """The nodes behind f(*xs), behind its gradients, and behind theirs."""
    y = f(*xs)
    roots = [y]
    for _ in range(2):
        if not (isinstance(y, tg.Tensor) and y.requires_grad):
            break
        g = tg.Tensor(np.ones(y.shape, y.dtype), requires_grad=True)
        found = [d for d in tg.grad(y, xs, grad_outputs=g, create_graph=True, allow_unused=True) if d is not None]
        roots += found
        y = sum(((d * d).sum() for d in found), tg.Tensor(0.0))
    return walk([t.node for t in roots if isinstance(t, tg.Tensor)], all_inputs)


def test_no_node_of_a_network_in_training_keeps_one():
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, rng=rng), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1, rng=rng), nn.BatchNorm2d(4),
        nn.Dropout(0.5, rng=rng), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 3, rng=rng),
    )  # fmt: skip
    x = tg.randn(3, 4, 4, 2, rng=1, requires_grad=True)
    nodes = graphs(lambda x, *_: net(x), [x, *net.parameters()])
    assert {"batch_norm", "batch_norm_relu", "dropout", "normalize"} <= {n.op.name for n in nodes if n.op is not None}
    assert forbidden(nodes) == []


def test_the_check_sees_what_is_not_declared(register):
    def called(x, *, each=None, options=None):
        return x * 1.0

    called_op = register(called).vjp(x=lambda g: g)
    x = tg.Tensor(np.ones(2), requires_grad=True)
    y = called_op(x, options=(np.random.default_rng(0),))
    assert forbidden([y.node]) == ["called.options"]
    for value, kind in ((np.sqrt, "ufunc"), (np.random.default_rng(0), "Generator"), (len, "builtin_function")):
        with pytest.raises(TypeError, match=rf"called: each is a {kind}.*@tg.op\(effects=\['each'\]\)"):
            called_op(x, each=value)


def test_an_effect_reaches_the_function_and_observers_and_nobody_else(register):
    told, seen = [], []

    def shouted(x, *, times=2, tell=None):
        if tell is not None:
            tell(x.sum())
        return x * times

    def again(x, **params):
        seen.append(params)
        return x * params["times"]

    def pull(g, **params):
        seen.append(params)
        return g * params["times"]

    loud = register(shouted, effects=["tell"], composition=again).vjp(x=pull)
    assert loud.effects == ("tell",) and loud.lasting == ("times",)
    x = tg.Tensor(np.ones(2), requires_grad=True)
    calls = []
    with observing(calls.append):
        y = loud(x, times=3, tell=told.append)
    assert calls[0].params == {"times": 3, "tell": told.append}
    assert y.node.params == {"times": 3} and told == [2.0]
    tg.grad(y.sum(), x, retain_graph=True)
    tg.grad(y.sum(), x, create_graph=True)
    assert seen == [{"times": 3}] * 2 and told == [2.0]
    assert loud(np.ones(2)).tolist() == [2.0, 2.0] and loud(x).node.params == {"times": 2}


def test_mistakes_are_refused_at_registration(register):
    def noisy(x, *, rng=None):
        return x

    with pytest.raises(ValueError, match=r"op noisy: effects=\['seed'\] must be names of its parameters"):
        register(noisy, effects=["seed"])
    with pytest.raises(ValueError, match=r"effects=\['x'\]"):
        register(noisy, effects=["x"])
    op = register(noisy, effects=["rng"])
    with pytest.raises(TypeError, match="noisy: the rule for x names 'rng'; the names it can have are g, y, x, x"):
        op.vjp(x=lambda g, rng: g)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("op", ["fused", "composition"])
def test_batch_norm_calls_observe_once_at_any_order(op, relu):
    fused = tg.batch_norm_relu if relu else tg.batch_norm
    f = fused if op == "fused" else fused.composition
    seen = []
    rng = np.random.default_rng(0)
    x, gamma, beta = (tg.Tensor(rng.standard_normal(s), requires_grad=True) for s in ((5, 3), (3,), (3,)))
    y = f(x, gamma, beta, observe=lambda mean, var: seen.append((mean, var)))
    first = tg.grad((y * y).sum(), [x, gamma], create_graph=True)
    tg.grad(sum((g * g).sum() for g in first), [x, gamma])
    ((mean, var),) = seen
    np.testing.assert_allclose(mean, x.data.mean(0), rtol=1e-12)
    np.testing.assert_allclose(var, x.data.var(0), rtol=1e-12)


@pytest.mark.parametrize("join", [tg.concatenate, tg.stack])
@pytest.mark.parametrize("kind", [np.array, tg.Tensor])
def test_the_axis_may_follow_a_list_by_position(join, kind):
    xs = [kind([[1.0, 2.0]]), np.array([[3.0, 4.0]])]
    assert np.array_equal(join(xs, 1), join(*xs, axis=1))
    assert np.array_equal(join(tuple(xs), axis=1), join(xs, 1))
    with pytest.raises(TypeError, match="takes 2 positional arguments, got 3"):
        join(xs, 1, 2)
    with pytest.raises(TypeError, match="axis was given twice"):
        join(xs, 1, axis=1)
