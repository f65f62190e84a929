"""Layers that shrink images, and what leads from images to rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autodiff.kinds import Padding, Size2d
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import apart
from ..kernels import shapes
from . import checks
from .function import _Function
from .module import Module

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "Flatten", "GlobalAvgPool2d", "MaxPool2d", "MaxUnpool2d"]


class _Pool(_Function):
    """What max and average pooling share: the window and where it goes."""

    def __init__(self, window: Size2d, stride: Size2d | None, **options: Any) -> None:
        self.window, self.stride = checks.plain(window), checks.plain(stride)
        self.options = {name: checks.plain(value) for name, value in options.items()}
        placed = {k: v for k, v in options.items() if k != "count_include_pad"}
        checks.window(type(self).__name__, window, pooling=True, stride=stride, **placed)

    def extra_repr(self) -> str:
        set_ = {"stride": self.stride, **self.options}
        usual = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "count_include_pad": True}
        return ", ".join([f"{self.window}"] + [f"{k}={v!r}" for k, v in set_.items() if v != usual[k]])


class MaxPool2d(_Pool):
    """The largest value in each window: x (N,H,W,C) -> (N,H',W',C).  `stride` defaults to the window.

    >>> nn.MaxPool2d(2)(np.zeros((8, 28, 28, 6))).shape
    (8, 14, 14, 6)
    """

    samples = [L((2,), x=apart(2, 4, 4, 2)), L((3,), {"stride": 2, "padding": 1}, x=apart(1, 5, 4, 2))]

    def __init__(
        self, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1, *,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(window, stride, padding=padding, dilation=dilation, ceil_mode=bool(ceil_mode))

    def forward(self, x: Any) -> Any:
        return ops.max_pool2d(x, self.window, stride=self.stride, **self.options)


class AvgPool2d(_Pool):
    """The mean of each window: x (N,H,W,C) -> (N,H',W',C).  `stride` defaults to the window.

    Padding counts as zeros unless ``count_include_pad=False``.
    """

    samples = [L((2,), x=(2, 4, 4, 3))]

    def __init__(
        self,
        window: Size2d,
        stride: Size2d | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            window, stride, padding=padding, ceil_mode=bool(ceil_mode), count_include_pad=bool(count_include_pad)
        )

    def forward(self, x: Any) -> Any:
        return ops.avg_pool2d(x, self.window, stride=self.stride, **self.options)


class GlobalAvgPool2d(_Function):
    """The mean of each channel over the image: x (N,H,W,C) -> (N,C)."""

    samples = [L(x=(2, 3, 4, 2))]

    def forward(self, x: Any) -> Any:
        return ops.global_avg_pool2d(x)


class AdaptiveAvgPool2d(_Function):
    """Means over H' x W' bins that cover the image, whatever its size: x (N,H,W,C) -> (N,H',W',C).

    `size` is (H', W'), or an int for both.
    """

    samples = [L((2,), x=(2, 5, 4, 3))]

    def __init__(self, size: Size2d) -> None:
        self.size = shapes.pair("AdaptiveAvgPool2d", "size", size)

    def forward(self, x: Any) -> Any:
        return ops.adaptive_avg_pool2d(x, self.size)

    def extra_repr(self) -> str:
        return f"{self.size}"


class MaxUnpool2d(Module):
    """Each value back at the pixel that max pooling took it from, zeros elsewhere: x (N,H',W',C) -> (N,H,W,C).

    Called as ``unpool(y, indices, size)`` with what ``tg.max_pool2d_with_indices`` returned; without `size` the result
    is `window` times as large as y.
    """

    samples = [L((2,), x=(1, 1, 2, 1), indices=np.array([[[[0], [3]]]]))]

    def __init__(self, window: Size2d) -> None:
        self.window = shapes.pair("MaxUnpool2d", "window", window)

    def forward(self, x: Any, indices: Any, size: Any = None) -> Any:
        if len(getattr(x, "shape", ())) != 4:
            raise checks.misfit("MaxUnpool2d", "images (N, H, W, C)", x)
        (h, w), (i, j) = x.shape[1:3], self.window
        return ops.max_unpool2d(x, indices, (h * i, w * j) if size is None else size)

    def extra_repr(self) -> str:
        return f"{self.window}"


class Flatten(_Function):
    """Everything but the first axis in one row: x (N,...) -> (N,M).

    >>> nn.Flatten()(np.zeros((8, 7, 7, 16))).shape
    (8, 784)
    """

    samples = [L(x=(2, 3, 4))]

    def forward(self, x: Any) -> Any:
        return ops.flatten(x, start=1)
