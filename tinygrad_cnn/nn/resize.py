"""Layers that change the size of images and compute nothing else: upsampling, resizing, borders."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.kinds import PadMode, ResizeMode, Sides, Size2d, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..kernels import shapes
from ..ops.resample import check_resize_mode
from . import checks
from .function import _Function

__all__ = [
    "CircularPad2d", "PixelShuffle", "PixelUnshuffle", "ReflectionPad2d", "ReplicationPad2d", "Resize", "Upsample",
    "ZeroPad2d",
]  # fmt: skip


class Resize(_Function):
    """Images of another size: x (N,H,W,C) -> (N,H',W',C).

    Parameters
    ----------
    size : (H', W'), or an int for both.
    mode : "nearest", "bilinear", "bicubic" or "area", as in `tg.resize`.
    align_corners : the centres of the corner pixels stay where they are; for "bilinear" and "bicubic" only.
    """

    samples = [L((4,), x=(2, 3, 2, 2)), L(((5, 4),), {"mode": "bilinear"}, x=(1, 3, 2, 2)),
               L((2,), {"mode": "area"}, x=(1, 3, 3, 1)), L((4,), {"mode": "bicubic"}, x=(1, 3, 2, 1))]

    def __init__(self, size: Size2d, *, mode: ResizeMode = "nearest", align_corners: bool = False) -> None:
        who = type(self).__name__
        self.size = shapes.pair(who, "size", size)
        self.mode: ResizeMode = mode
        self.align_corners = bool(align_corners)
        check_resize_mode(who, mode, self.align_corners)

    def forward(self, x: Any) -> Any:
        return ops.resize(x, self.size, mode=self.mode, align_corners=self.align_corners)

    def extra_repr(self) -> str:
        corners = ", align_corners=True" if self.align_corners else ""
        return f"{self.size}" + (f", mode={self.mode!r}" if self.mode != "nearest" else "") + corners


class Upsample(Resize):
    """Images `scale` times as large, an int or a pair: x (N,H,W,C) -> (N,H*scale,W*scale,C).

    Options as in `Resize`, which serves factors that are not whole numbers.
    """

    samples = [L((2,), x=(1, 3, 2, 2))]

    def __init__(self, scale: Size2d, *, mode: ResizeMode = "nearest", align_corners: bool = False) -> None:
        super().__init__(shapes.pair("Upsample", "scale", scale), mode=mode, align_corners=align_corners)

    def forward(self, x: Any) -> Any:
        if len(getattr(x, "shape", ())) != 4:
            raise checks.misfit("Upsample", "images (N, H, W, C)", x)
        size = x.shape[1] * self.size[0], x.shape[2] * self.size[1]
        return ops.resize(x, size, mode=self.mode, align_corners=self.align_corners)


class PixelShuffle(_Function):
    """Channels as pixels, as `tg.pixel_shuffle`: x (N,H,W,C*r*r) -> (N,H*r,W*r,C)."""

    samples = [L((2,), x=(1, 2, 3, 8))]

    def __init__(self, factor: Whole) -> None:
        self.factor = whole(type(self).__name__, "factor", factor)

    def forward(self, x: Any) -> Any:
        return ops.pixel_shuffle(x, self.factor)

    def extra_repr(self) -> str:
        return f"{self.factor}"


class PixelUnshuffle(PixelShuffle):
    """Pixels as channels, as `tg.pixel_unshuffle`: x (N,H*r,W*r,C) -> (N,H,W,C*r*r)."""

    samples = [L((2,), x=(1, 4, 2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.pixel_unshuffle(x, self.factor)


class ZeroPad2d(_Function):
    """A border of zeros: x (N,H,W,C) -> (N,H+top+bottom,W+left+right,C).

    `padding` is an int, a pair (rows, columns), or ((top, bottom), (left, right)).
    """

    samples = [L((1,), x=(1, 3, 3, 2))]

    mode: PadMode = "constant"

    def __init__(self, padding: Sides) -> None:
        who = type(self).__name__
        if isinstance(padding, str):
            raise ValueError(f"{who}: padding={padding!r} must be an int, a pair or ((top, bottom), (left, right)).")
        self.padding = shapes.resolve(who, (1, 1), 1, padding=padding).padding

    def forward(self, x: Any) -> Any:
        if len(getattr(x, "shape", ())) != 4:
            raise checks.misfit(type(self).__name__, "images (N, H, W, C)", x)
        return ops.pad(x, ((0, 0), *self.padding, (0, 0)), self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad2d(ZeroPad2d):
    """A border that mirrors the image in its outermost pixels, narrower than it.  `padding` as in `ZeroPad2d`."""

    mode: PadMode = "reflect"


class ReplicationPad2d(ZeroPad2d):
    """A border that repeats the outermost pixels.  `padding` as in `ZeroPad2d`."""

    mode: PadMode = "edge"


class CircularPad2d(ZeroPad2d):
    """A border from the other side of the image, as on a torus.  `padding` as in `ZeroPad2d`."""

    mode: PadMode = "wrap"
