"""U-Net: a class for every pixel (Ronneberger, Fischer and Brox 2015)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..core import Tensor
from ..nn import BatchNorm2d, Conv2d, MaxPool2d, Module, ModuleList, ReLU, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from ._heads import ImageShape, image_shape


def _twice(channels: int, width: int, rng: Rng) -> Sequential:
    """Two 3x3 convolutions with batch norm and relu."""
    row = Sequential()
    for inside in (channels, width):
        row.extend([Conv2d(inside, width, 3, padding="same", bias=False, rng=rng), BatchNorm2d(width), ReLU()])
    return row


class UNet(Module):
    """Down by pooling and up again, and at each level what was there on the way down is put beside it.

    On the way up each pixel becomes four (nearest), and a 2x2 convolution halves the channels.  Unlike the paper's, its
    convolutions pad and have batch norm: images of any size above 2**(depth - 1) go in and come out as large.
    """

    def __init__(self, channels: int, classes: Whole, rng: Rng = None, *, width: int = 64, depth: int = 4) -> None:
        width, depth = whole("UNet", "width", width), whole("UNet", "depth", depth, 1, 12)
        widths = [width * 2**k for k in range(depth + 1)]
        self.down = ModuleList(_twice(c, w, rng) for c, w in zip([channels, *widths], widths, strict=False))
        self.pool = MaxPool2d(2, ceil_mode=True)
        self.halve = ModuleList(Conv2d(2 * w, w, 2, padding="same", rng=rng) for w in reversed(widths[:-1]))
        self.up = ModuleList(_twice(2 * w, w, rng) for w in reversed(widths[:-1]))
        self.head = Conv2d(width, classes, 1, rng=rng)

    def forward(self, x: Any) -> Tensor:
        beside = []
        for k, down in enumerate(self.down):
            x = down(x if k == 0 else self.pool(x))
            beside.append(x)
        beside.pop()
        for halve, up in zip(self.halve, self.up, strict=True):
            left = beside.pop()
            x = halve(ops.resize(x, left.shape[1:3], mode="nearest"))
            x = up(ops.concatenate([left, x], axis=-1))
        return self.head(x)


@named
def unet(input_shape: ImageShape, classes: Whole, rng: Rng = None, *, width: int = 64, depth: int = 4) -> UNet:
    """A U-Net: images (N,H,W,C) -> logits (N,H,W,classes); its loss takes labels (N,H,W).

    31,036,546 parameters for images of 1 channel and 2 classes; `width` channels at the top, doubled at each level.
    """
    return UNet(image_shape("unet", input_shape)[2], classes, generator(rng, "unet"), width=width, depth=depth)
