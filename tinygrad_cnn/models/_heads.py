"""What several networks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autodiff.kinds import Whole
from ..autodiff.numbers import wholes
from ..core import no_grad
from ..nn import Linear, Module
from ..nn.init import Rng, Shape, normal

ImageShape = Sequence[int]  # H, W, C


def image_shape(who: str, input_shape: Any) -> ImageShape:
    """The shape of the images that a network is built for, as three ints."""
    h, w, c = wholes(who, "input_shape", input_shape, count=3, form="(H, W, C), as in (28, 28, 1)")
    return h, w, c


def flat_size(features: Module, input_shape: ImageShape) -> int:
    """How many numbers `features` makes of one image: found by running it, so no formula stands here twice."""
    with no_grad():
        return int(np.prod(features(np.zeros((1, *input_shape), np.float32)).shape[1:]))


def classifier(width: int, classes: Whole, rng: Rng) -> Linear:
    """The last layer: weights of size 0.01, so that at first all classes are alike and the loss is log(classes)."""

    def small(shape: Shape, *, rng: Rng) -> np.ndarray:
        return normal(shape, std=0.01, rng=rng)

    return Linear(width, classes, rng=rng, init=small)
