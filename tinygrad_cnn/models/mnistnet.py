"""The small network that tutorials train on MNIST."""

from __future__ import annotations

from ..nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from ._parts import ImageShape, classifier, flat_size


def mnistnet(input_shape: ImageShape, classes: int, rng: Rng = None) -> Module:
    """Convolutions 3x3 of 32 and 64 channels, one 2x2 max pooling, dense 128: (N, H, W, C) -> (N, classes)."""
    rng = generator(rng, "mnistnet")
    features = Sequential(
        Conv2d(input_shape[2], 32, 3, rng=rng),
        ReLU(),
        Conv2d(32, 64, 3, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
    )
    width = flat_size(features, input_shape)
    head = Sequential(Linear(width, 128, rng=rng), ReLU(), classifier(128, classes, rng))
    return Sequential({"features": features, "head": head})
