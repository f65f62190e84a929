"""Weight decay of any optimiser: added to the gradient, or decoupled from it."""

import numpy as np
import pytest

from tinygrad_cnn import nn, optim


class Plain(optim.Optimizer):
    def __init__(self, params, lr, weight_decay):
        super().__init__(params, lr=lr, weight_decay=weight_decay)

    def change(self, parameter, gradient, state, settings):
        return -settings["lr"] * self.decayed(parameter, gradient, settings), state


class Decoupled(Plain):
    decoupled = True


@pytest.mark.parametrize("kind", [Plain, Decoupled])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_one_step(kind, decay):
    w = nn.Parameter(np.array([1.0, -2.0]))
    optimizer = kind([w], 0.25, decay)
    w.grad = np.array([4.0, 8.0])
    optimizer.step()
    start, g = np.array([1.0, -2.0]), np.array([4.0, 8.0])  # powers of two: both ways are exact, and agree for one step
    assert np.array_equal(w.data, start * (1 - 0.25 * decay) - 0.25 * g)
    assert np.array_equal(w.grad, g)


@pytest.mark.parametrize(("kind", "expected"), [(optim.Adam, False), (optim.AdamW, True), (optim.Lion, True)])
def test_decoupled_decay_goes_past_the_moments(kind, expected):
    w = nn.Parameter(np.array([1.0]))
    optimizer = kind([w], lr=0.5, weight_decay=0.5)
    w.grad = np.array([0.0])
    optimizer.step()
    assert (optimizer.state[w]["exp_avg"] == 0).all() == expected
    assert w.item() == 0.75 or not expected
