"""LeNet-5, and its like for smaller images."""

from __future__ import annotations

from itertools import pairwise

from ..nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from ..nn.init import Rng
from ._shape import Shape, flat_size


def lenet(input_shape: Shape, classes: int, rng: Rng = None) -> Module:
    """Two convolutions, each with relu and 2x2 max pooling, then dense layers: images (N, H, W, C) -> (N, classes).

    From 20 pixels up it is LeNet-5 (LeCun et al. 1998) with relu and max pooling: 5x5 windows, 6 and 16 channels,
    dense 120 and 84; 61,706 parameters for 28x28x1 and 10 classes.  Below, 5x5 windows would see nothing but border:
    3x3 windows, 16 and 32 channels, dense 64; 13,706 parameters for 8x8x1 and 10 classes.
    """
    small = min(input_shape[:2]) < 20
    window, (first, second), dense = (3, (16, 32), [64]) if small else (5, (6, 16), [120, 84])
    features = Sequential(
        Conv2d(input_shape[2], first, window, padding="same", rng=rng),
        ReLU(),
        MaxPool2d(2, ceil_mode=small),
        Conv2d(first, second, window, padding="same" if small else 0, rng=rng),
        ReLU(),
        MaxPool2d(2, ceil_mode=small),
        Flatten(),
    )
    widths = [flat_size(features, input_shape), *dense]
    head = Sequential()
    for a, b in pairwise(widths):
        head.append(Linear(a, b, rng=rng)).append(ReLU())
    return Sequential({"features": features, "head": head.append(Linear(widths[-1], classes, rng=rng))})
