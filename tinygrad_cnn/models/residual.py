"""The residual networks that He et al. (2016) trained on CIFAR-10."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..core import Tensor
from ..nn import BatchNorm2d, Conv2d, GlobalAvgPool2d, Module, ReLU, Sequential
from ..nn.init import Rng
from ..ops.fused import fused
from ..ops.random import generator
from ._heads import ImageShape, classifier, image_shape


class BasicBlock(Module):
    """relu(x + two 3x3 convolutions of x); a 1x1 convolution brings x to a new size or number of channels."""

    def __init__(self, channels: int, width: int, stride: int, rng: Rng = None) -> None:
        self.conv1 = Conv2d(channels, width, 3, stride=stride, padding=1, bias=False, rng=rng)
        self.norm1 = BatchNorm2d(width)
        self.conv2 = Conv2d(width, width, 3, padding=1, bias=False, rng=rng)
        self.norm2 = BatchNorm2d(width)
        self.shortcut: Module | None = None
        if stride != 1 or channels != width:
            project = Conv2d(channels, width, 1, stride=stride, bias=False, rng=rng)
            self.shortcut = Sequential(project, BatchNorm2d(width))

    def forward(self, x: Any) -> Tensor:
        y = self.norm1(self.conv1(x), relu=True)
        y = self.norm2(self.conv2(y))
        return fused(ops.add_relu)(y, x if self.shortcut is None else self.shortcut(x))


@named
def resnet(depth: int, input_shape: ImageShape, classes: Whole, rng: Rng = None) -> Sequential:
    """Three stages of (depth - 2) / 6 blocks, 16, 32, 64 channels: images (N, H, W, C) -> (N, classes)."""
    depth = whole("resnet", "depth", depth, 8, remedy="Depths are 6*n + 2: 8, 14, 20, 32, 44, 56, ...")
    if (depth - 2) % 6:
        raise ValueError(f"resnet: depth={depth} must be 6*n + 2, with n of at least 1: 8, 14, 20, 32, 44, 56, ...")
    input_shape = image_shape("resnet", input_shape)
    rng = generator(rng, "resnet")
    stem = Sequential(Conv2d(input_shape[2], 16, 3, padding=1, bias=False, rng=rng), BatchNorm2d(16), ReLU())
    net, channels = Sequential({"stem": stem}), 16
    for k, width in enumerate((16, 32, 64)):
        stage = Sequential()
        for n in range((depth - 2) // 6):
            stage.append(BasicBlock(channels, width, 2 if k and not n else 1, rng))
            channels = width
        setattr(net, f"stage{k + 1}", stage)
    net.pool = GlobalAvgPool2d()
    net.head = classifier(channels, classes, rng)
    return net
