"""`functional_call`: other values for parameters, gradients of every order, and a model that stays as it was."""

import pickle
import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
X2, T2 = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))


def network():
    return nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1)).to(np.float64)


def test_given_values_take_the_place_of_parameters():
    net, other = network(), network()
    for p in other.parameters():
        p.assign(p.data + 0.5)
    np.testing.assert_array_equal(tg.functional_call(net, other.state_dict(), X).data, other(X).data)
    part = {"2.bias": np.array([1.0, 2.0])}
    np.testing.assert_allclose(tg.functional_call(net, part, X).data, net(X).data + [1, 2])
    np.testing.assert_array_equal(tg.functional_call(net, {}, X).data, net(X).data)


def test_gradients_reach_what_was_given_and_not_the_model():
    net = network()
    w = tg.Tensor(net[0].weight.data, requires_grad=True)
    tg.functional_call(net, {"0.weight": 2 * w}, X).sum().backward()
    before = [net[0].weight.grad, net[2].weight.grad is not None]
    assert before == [None, True]
    net.zero_grad()
    net[0].weight.assign(2 * w.data)
    net(X).sum().backward()
    np.testing.assert_allclose(w.grad, 2 * net[0].weight.grad)


def after_a_step(net, weights, rate=0.3):
    """The loss on new data after one step of gradient descent on old data."""
    inner = tg.mse_loss(tg.functional_call(net, weights, X), T)
    slopes = tg.grad(inner, list(weights.values()), create_graph=True)
    fast = {name: w - rate * g for (name, w), g in zip(weights.items(), slopes, strict=True)}
    return tg.mse_loss(tg.functional_call(net, fast, X2), T2)


def test_the_gradient_through_a_step_is_that_of_differences():
    net = network()
    weights = dict(net.named_parameters())
    after_a_step(net, weights).backward()
    for name, w in weights.items():
        for index in list(np.ndindex(w.shape))[:4]:
            losses = []
            for h in (1e-5, -1e-5):
                moved = w.data.copy()
                moved[index] += h
                values = {**weights, name: tg.Tensor(moved, requires_grad=True)}
                losses.append(after_a_step(net, values).item())
            np.testing.assert_allclose(w.grad[index], (losses[0] - losses[1]) / 2e-5, rtol=1e-5, atol=1e-9)


def test_gradients_of_single_samples_and_hessians():
    net = network()
    w = net[2].weight.data

    def losses(w):
        return ((tg.functional_call(net, {"2.weight": w}, X) - T) ** 2).sum(axis=1)

    each = tg.jacobian(losses, w)
    for k in range(len(X)):
        net.zero_grad()
        ((net(X[k : k + 1]) - T[k : k + 1]) ** 2).sum().backward()
        np.testing.assert_allclose(each[k], net[2].weight.grad)
    hidden = np.tanh(X @ net[0].weight.data + net[0].bias.data)
    expected = np.einsum("na,nb,cd->acbd", hidden, hidden, np.eye(2)) * 2
    np.testing.assert_allclose(tg.hessian(lambda w: losses(w).sum(), w), expected, atol=1e-12)


def state(net):
    return pickle.dumps((net.state_dict(), net.training, sorted(vars(net)), [p.grad for p in net.parameters()]))


def test_the_model_stays_as_it_was_also_after_an_error():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm2d(4), nn.Linear(4, 2, rng=1))
    x = X.astype(np.float32).reshape(6, 1, 1, 3)
    net(x)
    before, version = state(net), [b.version for b in net.buffers()]
    weights = {name: p.data * 2 for name, p in net.named_parameters()}
    tg.functional_call(net, weights, x)
    with pytest.raises(ValueError, match=r"Linear \(0\): expects rows"):
        tg.functional_call(net, weights, x[..., :2])
    assert state(net) == before and [b.version for b in net.buffers()] == version


def test_a_buffer_that_is_given_is_the_one_that_moves():
    net = nn.BatchNorm2d(3)
    mean = tg.zeros(3)
    tg.functional_call(net, {"running_mean": mean}, X.astype(np.float32).reshape(6, 1, 1, 3) + 10)
    assert mean.data.any() and not net.running_mean.data.any()


class Tied(nn.Module):
    def __init__(self):
        self.a = nn.Linear(3, 3, rng=0)
        self.b = nn.Linear(3, 3, rng=1)
        self.b.weight = self.a.weight
        self._order = [self.a, (self.b,), {"again": self.a}]
        self.last = nn.Lambda(self.double)

    def double(self, x):
        return x @ self.a.weight

    def forward(self, x):
        return self.last(self._order[2]["again"](self._order[1][0](self._order[0](x))))


@pytest.mark.parametrize("name", ["a.weight", "b.weight"])
def test_a_shared_parameter_changes_wherever_it_stands(name):
    net, other = Tied(), Tied()
    new = np.eye(3, dtype=np.float32) * 2
    other.a.weight.assign(new)
    x = X.astype(np.float32)
    np.testing.assert_array_equal(tg.functional_call(net, {name: new}, x).data, other(x).data)
    tg.functional_call(net, {"a.weight": new, "b.weight": new}, x)
    with pytest.raises(ValueError, match=r"'a.weight' and 'b.weight' are one parameter"):
        tg.functional_call(net, {"a.weight": new, "b.weight": new * 2}, x)


def test_nodes_have_the_paths_of_the_model():
    net = network()
    y = tg.functional_call(net, {"0.bias": np.ones(4)}, X)
    assert y.node.path == net(X).node.path == "2"


def test_threads_do_not_disturb_each_other():
    net, found, start = network(), {}, threading.Barrier(5)

    def work(k):
        start.wait()
        rows = [tg.functional_call(net, {"2.bias": np.full(2, float(k))}, X).data for _ in range(30)]
        found[k] = rows if k else [net(X).data for _ in range(30)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, rows in found.items():
        for row in rows:
            np.testing.assert_allclose(row, net(X).data + k)


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ({"0.wieght": 1}, KeyError, "Sequential has no parameter '0.wieght'. Did you mean 0.weight"),
        ({3: 1}, KeyError, "has no parameter 3"),
        ({"0.bias": np.ones(3)}, ValueError, r"'0.bias' has shape \(4,\), got \(3,\)"),
        ({"0.bias": None}, TypeError, "'0.bias' is None; leave it out"),
        ({"0.bias": np.ones(4, int)}, TypeError, "'0.bias' has dtype int64, which carries no gradient"),
        ([np.ones(4)], TypeError, "must be a dict name -> array, got"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(values, kind, words):
    with pytest.raises(kind, match=words):
        tg.functional_call(network(), values, X)


def test_what_is_not_a_module_is_refused():
    with pytest.raises(TypeError, match="needs a Module first, got function"):
        tg.functional_call(lambda x: x, {}, X)
