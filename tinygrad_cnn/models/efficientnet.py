"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) with relu6 and without squeeze-and-excitation."""

from __future__ import annotations

from ..nn import Module
from ..nn.init import Rng
from ..ops.random import generator
from ._parts import ImageShape
from .mobilenet import Stage, inverted_residuals

STAGES: tuple[Stage, ...] = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


def efficientnet_lite0(input_shape: ImageShape, classes: int, rng: Rng = None) -> Module:
    """EfficientNet-Lite0: images (N,H,W,C) -> (N, classes); 4,652,008 parameters for 1000 classes.

    It is meant for 224x224x3, with pixels as (value - 127) / 128; padding is TensorFlow's "same" and the batch norms'
    eps 1e-3, as published weights expect.
    """
    rng = generator(rng, "efficientnet_lite0")
    return inverted_residuals(STAGES, input_shape, classes, rng, eps=1e-3, small=False)
