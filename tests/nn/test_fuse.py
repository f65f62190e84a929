"""Fused rows of layers give what the layers give one by one, forward and backward, at any order."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn.fuse import steps

X = np.random.default_rng(0).standard_normal((4, 8, 8, 3))


def network():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same", rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, rng=1), nn.ReLU(),
        nn.Conv2d(6, 6, 1, bias=False, rng=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(24, 5, rng=3),
        nn.ReLU(), nn.Linear(5, 2, rng=4),
    )  # fmt: skip
    return net.to(np.float64)


def one_by_one(net, x):
    for layer in net:
        x = layer(x)
    return x


def ops_of(y):
    found, stack = [], [y.node]
    while stack:
        node = stack.pop()
        if node.op is not None:
            found.append(node.op.name)
            stack += [e for e in node.inputs if e is not None]
    return found


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_equal_to_the_layers_one_by_one(mode):
    found = []
    for run in (lambda net: net(X), lambda net: one_by_one(net, X)):
        net = network().train(mode == "train")
        y = run(net)
        (y * y).sum().backward()
        found.append([y.data, *(p.grad for p in net.parameters()), *(b.data for b in net.buffers())])
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_second_order_goes_through_the_compositions():
    found = []
    for run in (lambda net: net(X), lambda net: one_by_one(net, X)):
        net = network()
        parameters = list(net.parameters())
        first = tg.grad((run(net) ** 2).sum(), parameters, create_graph=True)
        found.append(tg.grad(sum((g * g).sum() for g in first), parameters, allow_unused=True))
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)


def test_what_is_fused():
    names = ops_of(network()(X))
    assert names.count("relu") == 1  # the one that went behind the pooling
    for name in ("conv2d_relu", "batch_norm_relu", "linear_relu"):
        assert name in names


def test_a_subclass_is_left_alone():
    class Mine(nn.ReLU):
        pass

    layers = [nn.Conv2d(1, 1, 3), Mine()]
    assert steps(layers) == layers


def test_the_environment_switches_it_off():
    code = (
        "import numpy as np, tinygrad_cnn.nn as nn\n"
        "y = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())(np.ones((1, 4, 4, 1), np.float32))\n"
        "print(y.node.op.name)"
    )
    for value, name in (("0", "relu"), ("1", "conv2d_relu")):
        env = {**os.environ, "TINYGRAD_CNN_FUSE": value}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == name
