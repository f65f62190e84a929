"""Hooks of modules: what they see, what they may change, and that fused rows leave hooked layers alone."""

import copy

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn.hooks import looking_on

X = np.random.default_rng(0).standard_normal((2, 6, 6, 3))


def network():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2, rng=1))
    return net.to(np.float64)


def test_forward_hooks_see_arguments_and_output_in_order():
    net, seen = network(), []
    net[4].register_forward_pre_hook(lambda m, args: seen.append(("in", m, args)))
    net[4].register_forward_hook(lambda m, args, y: seen.append(("out", m, args, y)))
    net.register_forward_hook(lambda m, args, y: seen.append(("net", y)))
    y = net(X)
    (a, m, (given,)), (b, _, (again,), out), (c, last) = seen
    assert (a, b, c) == ("in", "out", "net")
    assert m is net[4]
    assert given is again
    assert out is last is y
    np.testing.assert_allclose(out.data, given.data @ m.weight.data + m.bias.data, rtol=1e-12)


def test_what_they_return_takes_its_place():
    net = network()
    plain = net(X).data
    double = net.register_forward_pre_hook(lambda m, args: args[0] * 2.0)
    np.testing.assert_array_equal(net(X).data, network()(X * 2.0).data)
    double.remove()
    with net.register_forward_pre_hook(lambda m, args: (args[0] * 2.0,)):
        np.testing.assert_array_equal(net(X).data, network()(X * 2.0).data)
    with net[4].register_forward_hook(lambda m, args, y: -y), net.register_forward_hook(lambda m, args, y: y + 1.0):
        np.testing.assert_array_equal(net(X).data, 1.0 - plain)
    np.testing.assert_array_equal(net(X).data, plain)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_hook_sees_its_own_layer_though_rows_are_fused(place):
    net = network()
    plain = net(X).data  # the row is laid out now
    expected = X
    for layer in list(net)[: place + 1]:
        expected = layer(expected)
    seen = []
    handle = net[place].register_forward_hook(lambda m, args, y: seen.append(y))
    np.testing.assert_allclose(net(X).data, plain, rtol=1e-12)
    np.testing.assert_allclose(seen[0].data, expected.data, rtol=1e-12)
    handle.remove()
    net(X)
    assert len(seen) == 1


def test_removal_fuses_again():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, rng=0), nn.ReLU())
    handle = net[1].register_backward_hook(lambda m, g: None)
    assert net(X).node.op.name == "alias"
    handle.remove()
    assert net(X).node.op.name == "conv2d_relu"


def test_a_backward_hook_sees_what_passes_its_module_only():
    first, second, seen = nn.Identity(), nn.Identity(), []
    first.register_backward_hook(lambda m, g: seen.append(("first", g.copy())))
    second.register_backward_hook(lambda m, g: seen.append(("second", g.copy())))
    x = tg.Tensor(X, requires_grad=True)
    (first(x) * 2.0 + second(x) * 3.0 + x).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(X.shape, 6.0))
    assert {name: g.ravel()[0] for name, g in seen} == {"first": 2.0, "second": 3.0}


def test_a_backward_hook_can_change_the_gradient_and_runs_for_each_output():
    layer, count = nn.Linear(3, 3, rng=0), []
    layer.to(np.float64).register_backward_hook(lambda m, g: count.append(m) or g * 0.5)
    layer(layer(X)).sum().backward()
    assert count == [layer, layer]
    halved = layer.weight.grad
    plain = nn.Linear(3, 3, rng=0).to(np.float64)
    inner = plain(X)
    outer = plain(inner)
    (tg.stop_gradient(inner) @ plain.weight).sum().backward()
    last = plain.weight.grad.copy()
    plain.zero_grad()
    outer.sum().backward()
    np.testing.assert_allclose(halved, last / 2 + (plain.weight.grad - last) / 4, rtol=1e-12)


def test_gradients_of_gradients_go_through_hooked_modules():
    net = network()
    handles = [layer.register_backward_hook(lambda m, g: g * 1.0) for layer in net]
    weights = list(net.parameters())

    def second(net):
        first = tg.grad((net(X) ** 2).sum(), weights, create_graph=True)
        return tg.grad(sum((g * g).sum() for g in first), weights)

    hooked = second(net)
    for handle in handles:
        handle.remove()
    for a, b in zip(hooked, second(net), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_checkpoint_runs_hooks_again_with_what_it_recomputes():
    net, seen = network(), []
    net[0].register_backward_hook(lambda m, g: seen.append(g.shape))
    tg.checkpoint(net, tg.Tensor(X, requires_grad=True)).sum().backward()
    assert seen == [(2, 4, 4, 4)]


def test_hooks_of_parameters_stay_through_a_change_of_dtype():
    layer = nn.Linear(3, 2, rng=0)
    handle = layer.weight.register_hook(lambda g: g * 0)
    layer.to(np.float64)(X).sum().backward()
    assert not layer.weight.grad.any()
    handle.remove()
    layer(X).sum().backward()
    assert layer.weight.grad.any()


def test_arrays_through_a_frozen_network_have_no_gradient_to_show():
    net = network().requires_grad_(False)
    net.register_backward_hook(lambda m, g: pytest.fail("there is no gradient"))
    net(X)


def test_a_copy_keeps_the_hooks_it_was_made_with():
    net, seen = network(), []
    net.register_forward_hook(lambda m, args, y: seen.append(m))
    other = copy.deepcopy(net)
    other(X)
    net(X)
    assert [m is net for m in seen] == [False, True]


def named(value):
    def my_hook(*args):
        return value

    return my_hook


WRONG = [
    ("register_forward_pre_hook", [X], r"Linear \(4\): hook .*my_hook returned list of 1 for argument 0, expected"),
    ("register_forward_pre_hook", (X, X), r"returned tuple of 2, expected None or a tuple of 1 arguments"),
    ("register_forward_pre_hook", ("x",), r"returned 'x' for argument 0, expected an array or a Tensor"),
    ("register_forward_hook", 3, r"my_hook returned 3, expected None or an output of \(2, 2\) float64"),
    ("register_forward_hook", np.zeros((2, 3)), r"returned \(2, 3\) float64, expected None or an output of \(2, 2\)"),
    ("register_forward_hook", np.zeros((2, 2)), r"returned a plain array, which would cut the gradient in silence"),
    ("register_backward_hook", np.zeros(2), r"my_hook on alias \(4\): returned \(2,\) float64, expected None or"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "message"), WRONG)
def test_wrong_answers_are_refused_in_words_and_training_goes_on(kind, value, message):
    net = network()
    handle = getattr(net[4], kind)(named(value))
    with pytest.raises(TypeError, match=message):
        net(X).sum().backward()
    assert all(p.grad is None for p in net.parameters())
    handle.remove()
    net(X).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_gradient_may_end_on_purpose():
    net = network()
    net[3].register_forward_hook(lambda m, args, y: tg.Tensor(y.data))
    net(X).sum().backward()
    assert net[0].weight.grad is None
    assert net[4].weight.grad is not None


class Two(nn.Module):
    def forward(self, x):
        return x, x


def test_modules_with_several_outputs():
    two = Two()
    with two.register_forward_hook(lambda m, args, y: y[::-1]):
        assert len(two(X)) == 2
    with (
        two.register_forward_hook(lambda m, args, y: list(y)),
        pytest.raises(TypeError, match="Two: hook .* returned list of 2, expected None or a tuple like the output"),
    ):
        two(X)
    two.register_backward_hook(named(None))
    with pytest.raises(TypeError, match=r"Two: hook .*my_hook needs a module that returns one Tensor, not tuple"):
        two(tg.Tensor(X, requires_grad=True))


def test_no_function():
    with pytest.raises(TypeError, match="a hook must be a function, got 'print'"):
        nn.ReLU().register_forward_hook("print")


def test_onlookers_see_layers_as_they_are_fused_and_are_gone_afterwards():
    net, seen = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1)), []
    x = np.ones((1, 3), np.float32)
    plain = net(x)
    assert "_hooks" not in vars(net[0])
    with looking_on(net.modules(), lambda m, args, kwargs, y: seen.append((m, len(args), kwargs, y.shape))):
        y = net(x)
    assert seen == [(net[0], 1, {"relu": True}, (1, 4)), (net[2], 1, {}, (1, 2)), (net, 1, {}, (1, 2))]
    assert y.node.inputs[0].op is plain.node.inputs[0].op and np.array_equal(y.data, plain.data)
    assert not any("_hooks" in vars(m) for m in net.modules())
    with pytest.raises(ValueError), looking_on(net.modules(), lambda *_: None):
        net(np.ones((1, 5), np.float32))
    assert not any("_hooks" in vars(m) for m in net.modules())


def test_a_module_is_as_before_when_its_last_hook_is_gone():
    net = network()
    first = net[0].register_forward_hook(lambda m, args, y: None)
    second = net[0].register_backward_hook(lambda m, g: None)
    with looking_on([net[0]], lambda *_: None):
        first.remove()
        net(X)
    assert "_hooks" in vars(net[0])
    second.remove()
    second.remove()
    assert "_hooks" not in vars(net[0])
    third = net[0].register_forward_hook(lambda m, args, y: seen.append(y.shape))
    seen = []
    first.remove()
    net(X)
    assert seen == [(2, 4, 4, 4)]
    third.remove()


def test_a_hook_may_remove_itself():
    net, seen = network(), []

    def once(module, args, y):
        seen.append(y.shape)
        handle.remove()

    handle = net[0].register_forward_hook(once)
    net(X)
    net(X)
    assert seen == [(2, 4, 4, 4)] and "_hooks" not in vars(net[0])
