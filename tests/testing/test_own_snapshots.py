"""Snapshots of the package's own: whole networks and losses, whose structure and gradients are not to change unnoticed.

After a change that is intended, run ``pytest --update-snapshots tests/testing/test_own_snapshots.py``.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn


def numbers(shape, seed=0):
    """Numbers between -1 and 1 that no generator and no library of mathematics can change."""
    k = np.arange(np.prod(shape)) + 1 + 7919 * seed
    return (2 * ((k * 7919) % 10007) / 10007 - 1).reshape(shape)


def filled(model):
    """The model in float64, with weights of `numbers`."""
    model.to(np.float64)
    for k, p in enumerate(model.parameters()):
        p.assign(numbers(p.shape, k) / np.sqrt(max(1, p.size / p.shape[-1])))
    return model


def test_loss_of_lenet(gradient_snapshot):
    model = filled(tg.models.build("lenet", (28, 28, 1), 10, rng=0))
    loss = tg.softmax_cross_entropy(model(numbers((2, 28, 28, 1), 50)), np.array([3, 8]))
    gradient_snapshot(loss)


def test_fused_block(gradient_snapshot):
    block = filled(
        nn.Sequential(nn.Conv2d(2, 3, 3, padding="same", bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2))
    )
    gradient_snapshot(block, tg.Tensor(numbers((2, 6, 6, 2), 50), requires_grad=True, name="x"))


def test_style_loss(gradient_snapshot):
    def gram(maps):
        features = maps.reshape(-1, maps.shape[-1])
        return features.T @ features / features.shape[0]

    x = tg.Tensor(numbers((1, 6, 6, 3)), requires_grad=True, name="picture")
    filters = tg.Tensor(numbers((3, 3, 3, 4), 1), name="filters")
    maps = tg.tanh(tg.conv2d(x, filters))
    difference = gram(maps) - gram(np.tanh(numbers((1, 4, 4, 4), 2)))
    gradient_snapshot({"style": (difference * difference).mean(), "maps": maps})
