"""The networks of Simonyan and Zisserman (2015), and a small one in their manner."""

from __future__ import annotations

from collections.abc import Sequence

from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import is_whole
from ..nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from ._heads import ImageShape, classifier, flat_size, image_shape

WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


@named
def vgg(depth: int, input_shape: ImageShape, classes: Whole, rng: Rng = None, *, hidden: int = 4096) -> Sequential:
    """Five stages of 3x3 convolutions and a pooling, two dense layers of `hidden`: (N,H,W,C) -> (N, classes).

    Depth 11, 13, 16 or 19 counts the layers with weights.  For 224x224x3 and 1000 classes it is the network of the
    paper: 132,863,336, 133,047,848, 138,357,544 or 143,667,240 parameters.  Pooling keeps odd borders, so that images
    from 17 pixels up go in.
    """
    if not is_whole(depth) or depth not in CONVOLUTIONS:
        raise ValueError(f"vgg: depth={depth!r} must be {', '.join(map(str, CONVOLUTIONS))}.")
    input_shape = image_shape("vgg", input_shape)
    rng = generator(rng, "vgg")
    features = _stages(input_shape[2], WIDTHS, CONVOLUTIONS[depth], rng, ceil_mode=True)
    head = Sequential()
    width = flat_size(features, input_shape)
    for _ in range(2):
        head.extend([Linear(width, hidden, rng=rng), ReLU(), Dropout(0.5, rng=rng)])
        width = hidden
    head.append(classifier(hidden, classes, rng))
    return Sequential({"features": features, "head": head})


@named
def vgg_small(input_shape: ImageShape, classes: Whole, rng: Rng = None) -> Sequential:
    """Three stages of two 3x3 convolutions and a pooling, 32, 64, 128 channels; dense 128: (N,H,W,C) -> (N, classes).

    After Simonyan and Zisserman (2015), without batch norm and dropout.
    """
    input_shape = image_shape("vgg_small", input_shape)
    rng = generator(rng, "vgg_small")
    features = _stages(input_shape[2], (32, 64, 128), (2, 2, 2), rng)
    width = flat_size(features, input_shape)
    head = Sequential(Linear(width, 128, rng=rng), ReLU(), classifier(128, classes, rng))
    return Sequential({"features": features, "head": head})


def _stages(
    channels: int, widths: Sequence[int], convolutions: Sequence[int], rng: Rng, ceil_mode: bool = False
) -> Sequential:
    """Stages of 3x3 convolutions, each with relu, that end with 2x2 max pooling; flattened."""
    features = Sequential()
    for width, count in zip(widths, convolutions, strict=True):
        for _ in range(count):
            features.append(Conv2d(channels, width, 3, padding="same", rng=rng)).append(ReLU())
            channels = width
        features.append(MaxPool2d(2, ceil_mode=ceil_mode))
    features.append(Flatten())
    return features
