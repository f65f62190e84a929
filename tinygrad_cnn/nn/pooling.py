"""Layers that shrink sequences, images and volumes by windows, and what leads from images to rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..autodiff.kinds import ConvPadMode, Padding, Size2d, Sizes, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import apart
from ..kernels import shapes
from ..ops.border import BORDER_NAMES
from . import checks
from .function import _Function
from .module import Module

__all__ = [
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "BlurPool2d", "Flatten", "MaxBlurPool2d", "MaxPool1d", "MaxPool2d",
    "MaxPool3d", "MaxUnpool2d",
]  # fmt: skip


class _Pool(_Function):
    """What max and average pooling share: the window and where it goes."""

    axes: ClassVar[int] = 2

    def __init__(self, window: Sizes, stride: Sizes | None, **options: Any) -> None:
        self.window, self.stride = checks.plain(window), checks.plain(stride)
        self.options = {name: checks.plain(value) for name, value in options.items()}
        placed = {k: v for k, v in options.items() if k != "count_include_pad"}
        checks.window(type(self).__name__, window, pooling=True, axes=self.axes, stride=stride, **placed)

    def extra_repr(self) -> str:
        set_ = {"stride": self.stride, **self.options}
        usual = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "count_include_pad": True}
        return ", ".join([f"{self.window}"] + [f"{k}={v!r}" for k, v in set_.items() if v != usual[k]])


class _MaxPool(_Pool):
    """Max pooling, whatever the number of axes."""

    def __init__(
        self, window: Sizes, stride: Sizes | None = None, padding: Padding = 0, dilation: Sizes = 1, *,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(window, stride, padding=padding, dilation=dilation, ceil_mode=bool(ceil_mode))

    def forward(self, x: Any) -> Any:
        return getattr(ops, f"max_pool{self.axes}d")(x, self.window, stride=self.stride, **self.options)


class MaxPool2d(_MaxPool):
    """The largest value in each window: x (N,H,W,C) -> (N,H',W',C).  `stride` defaults to the window.

    >>> nn.MaxPool2d(2)(np.zeros((8, 28, 28, 6))).shape
    (8, 14, 14, 6)
    """

    samples = [L((2,), x=apart(2, 4, 4, 2)), L((3,), {"stride": 2, "padding": 1}, x=apart(1, 5, 4, 2))]


class MaxPool1d(_MaxPool):
    """The largest value in each window: x (N,L,C) -> (N,L',C).  `stride` defaults to the window.

    Arguments are ints; `padding` is an int, (before, after), "same" or "valid".
    """

    axes = 1
    samples = [L((2,), x=apart(2, 5, 2)), L((3,), {"stride": 2, "padding": 1}, x=apart(1, 5, 2))]


class MaxPool3d(_MaxPool):
    """The largest value in each window: x (N,D,H,W,C) -> (N,D',H',W',C).  `stride` defaults to the window.

    Arguments are ints, or three of them along depth, height and width; `padding` as in `Conv3d`.
    """

    axes = 3
    samples = [L((2,), x=apart(1, 2, 4, 3, 2)), L(((3, 2, 1),), {"stride": 1, "padding": (1, 1, 0)},
                                                  x=apart(1, 3, 2, 2, 1))]  # fmt: skip


class _AvgPool(_Pool):
    """Average pooling, whatever the number of axes."""

    def __init__(
        self,
        window: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            window, stride, padding=padding, ceil_mode=bool(ceil_mode), count_include_pad=bool(count_include_pad)
        )

    def forward(self, x: Any) -> Any:
        return getattr(ops, f"avg_pool{self.axes}d")(x, self.window, stride=self.stride, **self.options)


class AvgPool2d(_AvgPool):
    """The mean of each window: x (N,H,W,C) -> (N,H',W',C).  `stride` defaults to the window.

    Padding counts as zeros unless ``count_include_pad=False``.
    """

    samples = [L((2,), x=(2, 4, 4, 3))]


class AvgPool1d(_AvgPool):
    """The mean of each window: x (N,L,C) -> (N,L',C).  `stride` defaults to the window.

    Arguments as in `MaxPool1d` and `AvgPool2d`.
    """

    axes = 1
    samples = [L((2,), x=(2, 5, 2)), L((3,), {"padding": 1, "count_include_pad": False}, x=(1, 5, 1))]


class AvgPool3d(_AvgPool):
    """The mean of each window: x (N,D,H,W,C) -> (N,D',H',W',C).  `stride` defaults to the window.

    Arguments as in `MaxPool3d` and `AvgPool2d`.
    """

    axes = 3
    samples = [L((2,), x=(1, 2, 4, 3, 2)), L(((3, 2, 1),), {"stride": 1, "padding": (1, 0, 0)}, x=(1, 3, 2, 2, 1))]


class BlurPool2d(_Function):
    """Blur each channel by a fixed filter, then take each `stride`-th pixel: x (N,H,W,C) -> (N,H',W',C).

    Where a network would take a pixel in two, as a convolution of stride 2 does, this keeps its result for a shifted
    image a shifted one: ``Conv2d(...), ReLU(), BlurPool2d()`` in the place of ``Conv2d(..., stride=2), ReLU()``.
    Source: Zhang (2019).

    Parameters
    ----------
    window : side of the binomial filter: 3 for 1 2 1, 4 for 1 3 3 1, 5 for 1 4 6 4 1.
    stride : int or pair, in pixels.
    padding_mode : the border: "reflect", "replicate", "circular" or "zeros", as in `Conv2d`.

    >>> nn.BlurPool2d()(np.zeros((8, 28, 28, 6))).shape
    (8, 14, 14, 6)
    """

    samples = [L(x=(1, 5, 4, 2)), L((3,), {"stride": (1, 2), "padding_mode": "zeros"}, x=(2, 3, 4, 1))]

    def __init__(self, window: Whole = 4, stride: Size2d = 2, padding_mode: ConvPadMode = "reflect") -> None:
        who = type(self).__name__
        self.window = whole(who, "window", window)
        self.stride = checks.plain(stride)
        shapes.pair(who, "stride", stride)
        if padding_mode not in BORDER_NAMES:
            raise ValueError(f"{who}: padding_mode={padding_mode!r} must be one of {', '.join(BORDER_NAMES)}.")
        self.padding_mode: ConvPadMode = padding_mode

    def forward(self, x: Any) -> Any:
        return ops.blur_pool2d(x, self.window, self.stride, self.padding_mode)

    def extra_repr(self) -> str:
        return f"{self.window}, stride={self.stride}, padding_mode={self.padding_mode!r}"


class MaxBlurPool2d(BlurPool2d):
    """`MaxPool2d` at every pixel, then `BlurPool2d`: max pooling that moves with the image.  x (N,H,W,C) -> (N,H',W',C)

    Parameters
    ----------
    window : int or pair, of the maximum.
    stride : int or pair, in pixels.
    blur : side of the binomial filter, the `window` of `BlurPool2d`.
    padding_mode : as in `BlurPool2d`.
    """

    samples = [
        L((2,), x=apart(1, 5, 4, 2)),
        L(((1, 2),), {"blur": 3, "padding_mode": "replicate"}, x=apart(1, 2, 4, 1)),
    ]

    def __init__(
        self, window: Size2d, stride: Size2d = 2, blur: Whole = 4, padding_mode: ConvPadMode = "reflect"
    ) -> None:
        super().__init__(whole(type(self).__name__, "blur", blur), stride, padding_mode)
        self.largest = checks.window(type(self).__name__, window)

    def forward(self, x: Any) -> Any:
        return super().forward(ops.max_pool2d(x, self.largest, stride=1))

    def extra_repr(self) -> str:
        return f"{self.largest}, stride={self.stride}, blur={self.window}, padding_mode={self.padding_mode!r}"


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
