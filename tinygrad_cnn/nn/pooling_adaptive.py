"""Layers that pool into a given number of windows, or everything."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import ops
from ..autodiff.kinds import Sizes
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import apart
from ..kernels import shapes
from .function import _Function

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "GlobalAvgPool1d", "GlobalAvgPool2d", "GlobalAvgPool3d", "GlobalMaxPool1d", "GlobalMaxPool2d",
    "GlobalMaxPool3d",
]  # fmt: skip


class _Adaptive(_Function):
    """Bins that cover the input, whatever its size."""

    axes: ClassVar[int] = 2
    kind: ClassVar[str] = "avg"

    def __init__(self, size: Sizes) -> None:
        sizes = shapes.each(type(self).__name__, "size", size, self.axes)
        self.size: Any = sizes if self.axes > 1 else sizes[0]

    def forward(self, x: Any) -> Any:
        return getattr(ops, f"adaptive_{self.kind}_pool{self.axes}d")(x, self.size)

    def extra_repr(self) -> str:
        return f"{self.size}"


class AdaptiveAvgPool2d(_Adaptive):
    """Means over H' x W' bins that cover the image, whatever its size: x (N,H,W,C) -> (N,H',W',C).

    `size` is (H', W'), or an int for both.
    """

    samples = [L((2,), x=(2, 5, 4, 3))]


class AdaptiveAvgPool1d(_Adaptive):
    """Means over `size` bins that cover the sequence, whatever its length: x (N,L,C) -> (N,size,C)."""

    axes = 1
    samples = [L((2,), x=(2, 5, 3))]


class AdaptiveAvgPool3d(_Adaptive):
    """Means over D' x H' x W' bins that cover the volume, whatever its size: x (N,D,H,W,C) -> (N,D',H',W',C).

    `size` is (D', H', W'), or an int for all three.
    """

    axes = 3
    samples = [L(((2, 1, 2),), x=(1, 3, 2, 4, 2))]


class AdaptiveMaxPool2d(_Adaptive):
    """The largest value in each of H' x W' bins that cover the image: x (N,H,W,C) -> (N,H',W',C).

    `size` is (H', W'), or an int for both.
    """

    kind = "max"
    samples = [L((2,), x=apart(2, 5, 4, 2))]


class AdaptiveMaxPool1d(_Adaptive):
    """The largest value in each of `size` bins that cover the sequence: x (N,L,C) -> (N,size,C)."""

    axes, kind = 1, "max"
    samples = [L((2,), x=apart(2, 5, 3))]


class AdaptiveMaxPool3d(_Adaptive):
    """The largest value in each of D' x H' x W' bins that cover the volume: x (N,D,H,W,C) -> (N,D',H',W',C).

    `size` is (D', H', W'), or an int for all three.
    """

    axes, kind = 3, "max"
    samples = [L(((2, 1, 2),), x=apart(1, 3, 2, 4, 2))]


class _Global(_Function):
    """One number for each channel."""

    axes: ClassVar[int] = 2
    kind: ClassVar[str] = "avg"

    def forward(self, x: Any) -> Any:
        return getattr(ops, f"global_{self.kind}_pool{self.axes}d")(x)


class GlobalAvgPool2d(_Global):
    """The mean of each channel over the image: x (N,H,W,C) -> (N,C)."""

    samples = [L(x=(2, 3, 4, 2))]


class GlobalAvgPool1d(_Global):
    """The mean of each channel over the sequence: x (N,L,C) -> (N,C)."""

    axes = 1
    samples = [L(x=(2, 3, 2))]


class GlobalAvgPool3d(_Global):
    """The mean of each channel over the volume: x (N,D,H,W,C) -> (N,C)."""

    axes = 3
    samples = [L(x=(2, 3, 1, 2, 2))]


class GlobalMaxPool2d(_Global):
    """The largest value of each channel in the image: x (N,H,W,C) -> (N,C)."""

    kind = "max"
    samples = [L(x=apart(2, 3, 2, 2))]


class GlobalMaxPool1d(_Global):
    """The largest value of each channel in the sequence: x (N,L,C) -> (N,C)."""

    axes, kind = 1, "max"
    samples = [L(x=apart(2, 3, 2))]


class GlobalMaxPool3d(_Global):
    """The largest value of each channel in the volume: x (N,D,H,W,C) -> (N,C)."""

    axes, kind = 3, "max"
    samples = [L(x=apart(2, 3, 1, 2, 2))]
