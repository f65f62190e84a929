"""What a stretch of layers makes of a shape."""

from __future__ import annotations

import numpy as np

from ..core import no_grad
from ..nn import Module

Shape = tuple[int, int, int]  # of one image: H, W, C


def flat_size(features: Module, input_shape: Shape) -> int:
    """How many numbers `features` makes of one image: found by running it, so no formula stands here twice."""
    with no_grad():
        return int(np.prod(features(np.zeros((1, *input_shape), np.float32)).shape[1:]))
