"""Small networks for images of digits: LeNet-5, its like for smaller images, and the network of tutorials."""

from __future__ import annotations

from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from ._heads import ImageShape, classifier, flat_size, image_shape

SMALL = 20  # pixels: below, LeNet-5's two 5x5 windows would see little but border


@named
def lenet(input_shape: ImageShape, classes: Whole, rng: Rng = None) -> Sequential:
    """Two convolutions, each with relu and 2x2 max pooling, then dense layers: images (N, H, W, C) -> (N, classes).

    From 20 pixels up it is LeNet-5 (LeCun et al. 1998) with relu and max pooling; 61,706 parameters for 28x28x1
    and 10 classes.  Below, it has 3x3 windows, more channels and dropout; 35,914 parameters for 8x8x1.
    """
    input_shape, rng = image_shape("lenet", input_shape), generator(rng, "lenet")
    return (_small if min(input_shape[:2]) < SMALL else _lenet5)(input_shape, classes, rng)


def _lenet5(input_shape: ImageShape, classes: Whole, rng: Rng) -> Sequential:
    features = Sequential(
        Conv2d(input_shape[2], 6, 5, padding="same", rng=rng),
        ReLU(),
        MaxPool2d(2),
        Conv2d(6, 16, 5, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
    )
    size = flat_size(features, input_shape)
    head = Sequential(
        Linear(size, 120, rng=rng), ReLU(), Linear(120, 84, rng=rng), ReLU(), classifier(84, classes, rng)
    )  # fmt: skip
    return Sequential({"features": features, "head": head})


def _small(input_shape: ImageShape, classes: Whole, rng: Rng) -> Sequential:
    features = Sequential(
        Conv2d(input_shape[2], 32, 3, padding="same", rng=rng),
        ReLU(),
        MaxPool2d(2, ceil_mode=True),
        Conv2d(32, 64, 3, padding="same", rng=rng),
        ReLU(),
        MaxPool2d(2, ceil_mode=True),
        Flatten(),
    )
    head = Sequential(
        Dropout(0.4, rng=rng),
        Linear(flat_size(features, input_shape), 64, rng=rng),
        ReLU(),
        Dropout(0.4, rng=rng),
        classifier(64, classes, rng),
    )
    return Sequential({"features": features, "head": head})


@named
def mnistnet(input_shape: ImageShape, classes: Whole, rng: Rng = None) -> Sequential:
    """Convolutions 3x3 of 32 and 64 channels, one 2x2 max pooling, dense 128: (N, H, W, C) -> (N, classes)."""
    input_shape, rng = image_shape("mnistnet", input_shape), generator(rng, "mnistnet")
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
