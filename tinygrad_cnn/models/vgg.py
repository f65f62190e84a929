"""A small network in the manner of VGG."""

from __future__ import annotations

from ..nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from ._parts import ImageShape, classifier, flat_size


def vgg_small(input_shape: ImageShape, classes: int, rng: Rng = None) -> Module:
    """Three stages of two 3x3 convolutions and a pooling, 32, 64, 128 channels; dense 128: (N,H,W,C) -> (N, classes).

    After Simonyan and Zisserman (2015), without batch norm and dropout.
    """
    rng = generator(rng, "vgg_small")
    features, channels = Sequential(), input_shape[2]
    for width in (32, 64, 128):
        for _ in range(2):
            features.append(Conv2d(channels, width, 3, padding="same", rng=rng)).append(ReLU())
            channels = width
        features.append(MaxPool2d(2))
    features.append(Flatten())
    width = flat_size(features, input_shape)
    head = Sequential(Linear(width, 128, rng=rng), ReLU(), classifier(128, classes, rng))
    return Sequential({"features": features, "head": head})
