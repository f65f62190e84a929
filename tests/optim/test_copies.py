"""Copies and pickled copies of optimisers, schedules and averages go on to the same bits, each by itself."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

X = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
HOW = {"deepcopy": copy.deepcopy, "pickle": lambda value: pickle.loads(pickle.dumps(value))}


class Training:
    """A model and all that moves with it."""

    def __init__(self):
        self.model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 1, rng=1))
        weights = [p for p in self.model.parameters() if p.ndim > 1]
        biases = [p for p in self.model.parameters() if p.ndim == 1]
        self.adam = optim.Adam([{"params": weights}, {"params": biases, "lr": 0.02}], lr=0.05, amsgrad=True)
        self.rates = optim.WarmupLR(optim.CosineLR(self.adam, 10), 3)
        self.ema = optim.EMA(self.model, 0.9)

    def run(self, steps):
        for _ in range(steps):
            self.adam.zero_grad()
            (self.model(X) ** 2).mean().backward()
            self.adam.step()
            self.rates.step()
            self.ema.update()
        return self

    def state(self):
        holders = (self.model, self.adam, self.rates, self.ema)
        return {f"{k}.{name}": np.copy(v) for k, h in enumerate(holders) for name, v in h.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("how", HOW)
def test_a_whole_training_goes_on_by_itself_and_to_the_same_bits(how):
    training = Training().run(4)
    before = training.state()
    other = HOW[how](training)
    assert same(other.state(), before)
    other.run(5)
    assert same(training.state(), before)
    assert same(training.run(5).state(), other.state())
    assert {id(p) for p in other.adam.state} == {id(p) for p in other.model.parameters()}


@pytest.mark.parametrize("how", HOW)
def test_a_copied_optimiser_has_parameters_of_its_own(how):
    training = Training().run(2)
    other = HOW[how](training.adam)
    before = training.state()
    for group in other.param_groups:
        for p in group["params"]:
            p.grad = np.ones(p.shape, np.float32)
    other.step()
    other.param_groups[0]["lr"] = 7.0
    assert same(training.state(), before)
    with pytest.raises(ValueError, match="Adam: lr=-1"):
        other.param_groups[0]["lr"] = -1


def test_a_shallow_copy_moves_the_same_parameters_with_a_state_of_its_own():
    training = Training().run(2)
    adam, other = training.adam, copy.copy(training.adam)
    before = adam.state_dict()
    assert other.param_groups[0]["params"][0] is adam.param_groups[0]["params"][0]
    other.step()
    other.param_groups[0]["lr"] = 7.0
    other.add_param_group({"params": [nn.Parameter([1.0])]})
    assert same(adam.state_dict(), before)
    assert other.state_dict()["state.0.step"] == 3


@pytest.mark.parametrize("kind", [copy.copy, *HOW.values()])
def test_copies_of_schedules_and_averages_count_by_themselves(kind):
    training = Training().run(2)
    schedule, ema = kind(training.rates), kind(training.ema)
    before = training.ema.state_dict()
    schedule.step()
    ema.model[0].bias.assign(np.full(4, 9.0))
    ema.update()
    assert (training.rates.t, schedule.t) == (2, 3)
    assert same(training.ema.state_dict(), before)


def test_the_scratch_memory_is_left_out():
    nadam = optim.NAdam([p := nn.Parameter(np.ones(100_000))])
    p.grad = np.ones(100_000)
    nadam.step()
    assert len(pickle.dumps(nadam)) < 4.2 * 800_000  # values, gradient and two means


def test_lbfgs_and_plateau():
    model = nn.Linear(3, 1, rng=0)
    search = optim.LBFGS(model.parameters(), max_iter=2)

    def loss(model, search):
        def closure():
            search.zero_grad()
            value = tg.mse_loss(model(X), X[:, :1])
            value.backward()
            return value

        return closure

    search.step(loss(model, search))
    copied, again = copy.deepcopy((model, search))
    assert again.step(loss(copied, again)) == search.step(loss(model, search))
    plateau = optim.ReduceLROnPlateau(optim.SGD(model.parameters(), lr=1.0), patience=0)
    plateau.step(1.0)
    other = copy.deepcopy(plateau)
    other.step(2.0)
    assert (plateau.lrs, other.lrs) == ([1.0], [0.1])
