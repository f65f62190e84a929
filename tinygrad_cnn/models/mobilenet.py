"""MobileNetV2: inverted residuals of depthwise convolutions (Sandler et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..autodiff.kinds import Whole
from ..core import Tensor
from ..nn import BatchNorm2d, Conv2d, Dropout, GlobalAvgPool2d, Module, ReLU6, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from ._heads import ImageShape, classifier, image_shape

Stage = tuple[int, int, int, int, int]  # repeat, window, stride, expand, out

STAGES: tuple[Stage, ...] = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (3, 3, 2, 6, 32), (4, 3, 2, 6, 64), (3, 3, 1, 6, 96), (3, 3, 2, 6, 160),
    (1, 3, 1, 6, 320),
)  # fmt: skip
SMALL = 64  # pixels: below, the first two reductions are left out, or little would be left of the image


def unit(channels: int, out: int, window: int, rng: Rng, *, eps: float = 1e-5, **options: Any) -> Sequential:
    """Convolution with "same" padding, batch norm, relu6."""
    conv = Conv2d(channels, out, window, padding="same", bias=False, rng=rng, **options)
    return Sequential(conv, BatchNorm2d(out, eps=eps), ReLU6())


class InvertedResidual(Module):
    """1x1 to `expand` times the channels, depthwise window, 1x1 to `out`; plus x, where the shapes are the same."""

    def __init__(
        self, channels: int, out: int, window: int, stride: int, expand: int, rng: Rng = None, *, eps: float = 1e-5
    ) -> None:
        wide = channels * expand
        self.expand: Module | None = unit(channels, wide, 1, rng, eps=eps) if expand != 1 else None
        self.depthwise = unit(wide, wide, window, rng, eps=eps, stride=stride, groups=wide)
        self.project = Sequential(Conv2d(wide, out, 1, bias=False, rng=rng), BatchNorm2d(out, eps=eps))
        self.residual = stride == 1 and channels == out

    def forward(self, x: Any) -> Tensor:
        y = self.project(self.depthwise(x if self.expand is None else self.expand(x)))
        return x + y if self.residual else y


def inverted_residuals(
    stages: Iterable[Stage], input_shape: ImageShape, classes: Whole, rng: Rng, *, eps: float, small: bool
) -> Sequential:
    """Stem of 32 channels, stages, 1x1 to 1280, global average, dropout, dense: (N,H,W,C) -> (N, classes)."""
    stem, channels, body = unit(input_shape[2], 32, 3, rng, eps=eps, stride=1 if small else 2), 32, Sequential()
    for k, (repeat, window, stride, expand, out) in enumerate(stages):
        for n in range(repeat):
            step = 1 if n or (small and k == 1) else stride
            body.append(InvertedResidual(channels, out, window, step, expand, rng, eps=eps))
            channels = out
    return Sequential({
        "stem": stem, "body": body, "top": unit(channels, 1280, 1, rng, eps=eps), "pool": GlobalAvgPool2d(),
        "drop": Dropout(0.2, rng=rng), "head": classifier(1280, classes, rng),
    })  # fmt: skip


def mobilenet_v2(input_shape: ImageShape, classes: Whole, rng: Rng = None) -> Sequential:
    """MobileNetV2 of width 1: images (N,H,W,C) -> (N, classes); 3,504,872 parameters for 1000 classes.

    Images below 64 pixels are halved three times instead of five, as is usual for CIFAR.
    """
    input_shape = image_shape("mobilenet_v2", input_shape)
    rng = generator(rng, "mobilenet_v2")
    small = min(input_shape[:2]) < SMALL
    return inverted_residuals(STAGES, input_shape, classes, rng, eps=1e-5, small=small)
