"""Parameters that are computed: what is trained in their place, when buffers move, and that all of it can be undone."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 6, 6, 2)).astype(np.float32)


class Doubled(nn.Module):
    calls = 0

    def forward(self, x):
        type(self).calls += 1
        return x * 2.0

    def right_inverse(self, value):
        return value / 2


class Shifted(nn.Module):
    def forward(self, x):
        return x + 1.0

    def right_inverse(self, value):
        return value - 1


class Twice(nn.Module):
    """Reads its weight two times."""

    def __init__(self):
        self.weight = nn.Parameter(np.ones(3, np.float32))

    def forward(self, x):
        return x * self.weight + self.weight


def net():
    return nn.Sequential(
        nn.spectral_norm(nn.Conv2d(2, 3, 3, rng=0), rng=1), nn.ReLU(), nn.Flatten(),
        nn.weight_norm(nn.Linear(48, 3, rng=2)),
    )  # fmt: skip


def test_a_value_is_computed_once_in_a_call_and_keeps_its_value_at_first():
    layer = nn.parametrize(Twice(), "weight", Doubled())
    Doubled.calls = 0
    np.testing.assert_array_equal(layer(np.ones(3, np.float32)).data, [2, 2, 2])
    assert Doubled.calls == 1
    layer(np.ones(3, np.float32)).sum().backward()
    np.testing.assert_array_equal(layer.parametrizations.weight.original.grad, [4, 4, 4])


def test_several_go_one_after_another_and_assignment_writes_the_original():
    layer = nn.parametrize(nn.parametrize(Twice(), "weight", Doubled()), "weight", Shifted())
    np.testing.assert_array_equal(layer.weight.data, [1, 1, 1])
    np.testing.assert_array_equal(layer.parametrizations.weight.original.data, [0, 0, 0])
    layer.weight = np.full(3, 5, np.float32)
    np.testing.assert_array_equal(layer.weight.data, [5, 5, 5])
    assert [name for name, _ in layer.named_parameters()] == ["parametrizations.weight.original"]


def test_the_parameter_stays_the_same_object_for_optimisers_and_comes_back_in_its_place():
    layer = nn.Linear(3, 2, rng=0)
    weight = layer.weight
    before = [name for name, _ in layer.named_parameters()]
    nn.spectral_norm(layer, rng=1)
    assert layer.parametrizations.weight.original is weight
    value = layer.weight.data.copy()
    nn.remove_parametrization(layer)
    assert layer.weight is weight and [name for name, _ in layer.named_parameters()] == before
    np.testing.assert_array_equal(layer.weight.data, value)
    assert layer._hooks is None and "parametrizations" not in vars(layer)
    nn.spectral_norm(layer, rng=1)
    original = weight.data.copy()
    nn.remove_parametrization(layer, keep_value=False)
    np.testing.assert_array_equal(layer.weight.data, original)


def test_vectors_of_the_power_iteration_move_in_training_calls_alone():
    model = net()
    layer = model[0]

    def moved(act):
        before = layer.state_dict()
        act()
        return any((before[k] != v).any() for k, v in layer.state_dict().items() if "_u" in k or "_v" in k)

    assert moved(lambda: model(X))
    assert not moved(lambda: layer.weight)
    assert not moved(lambda: tg.summary(model, (6, 6, 2)))
    assert not moved(lambda: tg.draw(model, X))
    assert not moved(lambda: model.eval()(X))
    model.train()
    assert not moved(lambda: tg.functional_call(model, {}, X))
    model.freeze()
    assert not moved(lambda: model(X))
    model.unfreeze()
    assert moved(lambda: model(X))


def test_two_calls_before_one_backward():
    model = net()
    (model(X).sum() + model(-X).sum()).backward()
    assert all(np.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies(how):
    model = net().eval()
    other = how(model)
    np.testing.assert_array_equal(other(X).data, model(X).data)
    for p in other.parameters():
        p.assign(p.data + 1)
    assert (other(X).data != model(X).data).any()
    np.testing.assert_array_equal(net().eval()(X).data, model(X).data)


def test_state_goes_round():
    one, other = net(), net()
    optimiser = optim.SGD(one.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        optimiser.zero_grad()
        (one(X) ** 2.0).mean().backward()
        optimiser.step()
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(other.eval()(X).data, one.eval()(X).data)
    assert set(one.state_dict()) == {
        "0.bias", "0.parametrizations.weight.original", "0.parametrizations.weight.0._u",
        "0.parametrizations.weight.0._v", "3.bias", "3.parametrizations.weight.original0",
        "3.parametrizations.weight.original1",
    }  # fmt: skip


def test_functional_call_computes_of_what_is_given():
    model = net()
    given = {"3.parametrizations.weight.original0": tg.Tensor(np.zeros((1, 3)), requires_grad=True)}
    y = tg.functional_call(model, given, X)
    np.testing.assert_allclose(y.data, np.broadcast_to(model[3].bias.data, y.shape), atol=1e-7)
    y.sum().backward()
    assert given["3.parametrizations.weight.original0"].grad.shape == (1, 3)


@pytest.mark.parametrize(("layer", "shape"), [
    (lambda: nn.Linear(4, 3, rng=0), (1, 3)), (lambda: nn.Conv2d(2, 3, 3, rng=0), (1, 1, 1, 3)),
    (lambda: nn.DepthwiseConv2d(2, 3, multiplier=2, rng=0), (1, 1, 2, 2)), (lambda: nn.Embedding(5, 3, rng=0), (5, 1)),
    (lambda: nn.ConvTranspose2d(2, 3, 2, rng=0), (1, 1, 1, 2)),
])  # fmt: skip
def test_lengths_are_of_pytorchs_first_axis(layer, shape):
    assert nn.weight_norm(layer()).parametrizations.weight.original0.shape == shape


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.parametrize(nn.Linear(2, 2), "weights", nn.ReLU()), ValueError, "no parameter 'weights' of its own"),
    (lambda: nn.parametrize(nn.Linear(2, 2), "weight", np.abs), TypeError, r"must be a Module.*nn.Lambda"),
    (lambda: nn.parametrize(nn.Linear(2, 4), "weight", nn.GLU()), ValueError, "shape and dtype must stay"),
    (lambda: nn.parametrize(np.ones(2), "weight", nn.ReLU()), TypeError, "needs a layer first"),
    (lambda: nn.spectral_norm(nn.ReLU()), ValueError, "ReLU has no parameter 'weight'"),
    (lambda: nn.weight_norm(nn.Linear(2, 2), axis=2), ValueError, "weight_norm: axis=2"),
    (lambda: nn.remove_parametrization(nn.Linear(2, 2)), ValueError, "'weight' of Linear is not computed"),
    (lambda: nn.remove_parametrization(nn.weight_norm(nn.Linear(2, 2)), keep_value=False), ValueError, "2 originals"),
])  # fmt: skip
def test_mistakes_are_worded(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_a_module_lacks_is_an_attribute_error_that_names_it():
    layer = nn.weight_norm(nn.Linear(2, 2, rng=0))
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        layer.wieght  # noqa: B018
    assert not hasattr(layer, "momentum")
