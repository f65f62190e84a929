"""What a training says of itself when it goes wrong."""

import warnings

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.train import fit
from tinygrad_cnn.train.signs import BATCHES

pytestmark = pytest.mark.level("default")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((32, 4)).astype(np.float32)
Y = RNG.standard_normal((32, 2)).astype(np.float32)


class Parts(nn.Module):
    """A used layer, one that nothing uses, and a frozen one."""

    def __init__(self):
        self.used, self.unused, self.fixed = (nn.Linear(4, 2, rng=k) for k in range(3))
        self.fixed.freeze()

    def forward(self, x):
        return self.used(x) + self.fixed(x)


class Cut(nn.Module):
    """A relu that is 0 everywhere, so that what lies before it learns nothing."""

    def __init__(self):
        self.first, self.last = nn.Linear(4, 3, rng=0), nn.Linear(3, 2, rng=1)

    def forward(self, x):
        return self.last(tg.relu(self.first(x) - 1000.0))


class Started(nn.Module):
    """A branch behind a factor that is 0 at the start, as residual networks have it."""

    def __init__(self):
        self.skip, self.branch = nn.Linear(4, 2, rng=0), nn.Linear(4, 2, rng=1)
        self.scale = nn.Parameter([0.0])

    def forward(self, x):
        return self.skip(x) + self.branch(x) * self.scale


def told(model, **settings):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        settings = {"epochs": 4, "batch_size": 16, "loss": "mse", "progress": False, **settings}
        fit(model, (X, Y), **settings)
    assert all(one.filename == __file__ for one in found)
    return [str(one.message) for one in found]


@pytest.mark.parametrize("settings", [{}, {"epochs": 1}, {"accumulate": 2}])
def test_parameters_without_a_gradient_are_named_in_one_line(settings):
    (line,) = told(Parts(), **settings)
    assert ": unused.weight, unused.bias. The loss does not depend on them" in line and "\n" not in line


def test_weights_behind_a_dead_relu_are_named():
    (line,) = told(Cut())
    assert "only zeros as gradient in the first 4 updates: first.weight, last.weight. A relu behind them" in line


def test_a_branch_that_begins_at_zero_is_not_named():
    assert told(Started()) == []
    assert told(nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 2, rng=1))) == []


def test_a_loss_that_stays_far_above_its_start_is_told_once():
    model = nn.Linear(4, 2, rng=0)
    steps = iter(range(10**6))

    def rising(outputs, targets):
        return tg.mse_loss(outputs, targets) * 0.0 + (1.0 if next(steps) < 5 else 10.0)

    (line,) = [one for one in told(model, loss=rising, epochs=2 * BATCHES) if "diverges" in one]
    assert f"above 4 times its start (1) for {BATCHES} batches; it is 10 at step {BATCHES + 5}" in line
    assert "Try a tenth of the lr (0.001)" in line

    def falls_again(outputs, targets):
        step = next(steps)
        return tg.mse_loss(outputs, targets) * 0.0 + (10.0 if step % BATCHES else 1.0)

    steps = iter(range(10**6))
    assert not [one for one in told(model, loss=falls_again, epochs=BATCHES) if "diverges" in one]


class Hungry(nn.Module):
    """A layer for whose result there is not enough memory."""

    def forward(self, x):
        raise MemoryError("Unable to allocate 7.45 TiB for an array")


def test_too_little_memory_names_the_layer_and_a_smaller_batch():
    model = nn.Sequential(nn.Linear(4, 2, rng=0), Hungry())
    with pytest.raises(MemoryError, match=r"not enough memory for a batch of 16 in 1: Unable to allocate 7.45 TiB.*"
                       r"Try batch_size=8 with accumulate=2"):  # fmt: skip
        told(model)


def test_too_little_memory_in_the_backward_pass_names_the_layer():
    def fails(*_):
        raise MemoryError("Unable to allocate 1 TiB")

    model = nn.Sequential(nn.Linear(4, 4, rng=1), nn.Linear(4, 2, rng=0))
    model[1].register_backward_hook(fails)
    with pytest.raises(MemoryError, match="a batch of 16 in 1: Unable to allocate 1 TiB"):
        told(model)
