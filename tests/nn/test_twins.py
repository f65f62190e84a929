"""Sequential warns of layers that start with the same random weights, and of nothing else."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn


def linear(rng=0, **settings):
    return nn.Linear(3, 3, rng=rng, **settings)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.Sequential(linear(), nn.ReLU(), linear()), "0.weight and 2.weight"),
        (lambda: nn.Sequential({"a": linear(), "b": linear()}), "a.weight and b.weight"),
        (lambda: nn.Sequential(nn.Sequential(linear(1), linear()), linear()), "0.1.weight and 1.weight"),
        (lambda: nn.Sequential(linear()).append(linear()), "0.weight and 1.weight"),
        (lambda: nn.Sequential(linear()).extend([nn.ReLU(), linear()]), "0.weight and 2.weight"),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3, rng=5), nn.Conv2d(1, 2, 3, rng=5)), "0.weight and 1.weight"),
        (lambda: nn.Sequential(*[copy.deepcopy(layer) for layer in [linear()] * 2]), "0.weight and 1.weight"),
    ],
)
def test_equal_starts_are_told_with_a_remedy(make, names):
    with pytest.warns(UserWarning, match="have the same random values") as caught:
        made = make()
    assert len(caught) == 1 and caught[0].filename == __file__
    text = str(caught[0].message)
    assert text.startswith(f"Sequential: {names} ") and "np.random.default_rng(0), or tg.manual_seed(0)" in text
    with warnings.catch_warnings():  # nor for what is made of it
        warnings.simplefilter("error")
        copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made[:1]


def test_other_layers_are_fine():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rng, shared = np.random.default_rng(0), linear()
        nn.Sequential(linear(rng), linear(rng), linear(1), linear(2))
        nn.Sequential(shared, nn.ReLU(), shared)  # on purpose
        for init in ("zeros", "ones", lambda shape, rng: np.eye(*shape, dtype=np.float32)):
            nn.Sequential(linear(init=init), linear(init=init))
        nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.PReLU(1), nn.PReLU(1))
        nn.Sequential(nn.Linear(4, 9, rng=0), nn.Linear(9, 4, rng=0))  # another shape
        near = linear()
        near.weight.assign(near.weight.data + np.eye(3, dtype=np.float32) * (np.arange(3) == 2))
        nn.Sequential(linear(), near)
        tied = linear()
        tied.weight = shared.weight
        nn.Sequential(shared, tied)
        with tg.fork_rng(0):
            nn.Sequential(linear(None), linear(None))
