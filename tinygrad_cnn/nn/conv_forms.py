"""Convolutions in which few weights mix channels: depthwise and separable."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autodiff.kinds import ConvPadMode, Padding, Size2d, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..kernels import shapes
from ..ops.random import generator
from .conv import _Conv
from .init import Initialiser, Rng, draw
from .layouts import Layout
from .parameter import Parameter

__all__ = ["DepthwiseConv2d", "SeparableConv2d"]


def _grouped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Filters (I, J, C, M) as those of a convolution in C groups, (I, J, 1, C*M)."""
    i, j, c, m = shape
    return i, j, 1, c * m


def _one_pixel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A matrix (C, O) as filters (1, 1, C, O)."""
    return 1, 1, *shape


class DepthwiseConv2d(_Conv):
    """`multiplier` filters for each channel by itself: x (N,H,W,C) -> (N,H',W',C*multiplier).

    Arguments as in `Conv2d`.  Attributes: ``weight`` (I, J, C, multiplier), ``bias`` (C*multiplier,) or None.

    >>> nn.DepthwiseConv2d(16, 3, padding="same", rng=0).weight.shape
    (3, 3, 16, 1)
    """

    in_torch = {"weight": Layout(axes=(3, 2, 0, 1), shape=_grouped)}
    keras_name = "depthwise_conv2d"
    samples = [
        L((3, 3), {"padding": 1}, x=(2, 4, 5, 3)),
        L((2, 2), {"padding": 1, "padding_mode": "circular"}, x=(1, 3, 3, 2)),
    ]

    def __init__(
        self,
        channels: Whole,
        window: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        dilation: Size2d = 1,
        bias: bool = True,
        padding_mode: ConvPadMode = "zeros",
        *,
        multiplier: Whole = 1,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        self.multiplier = whole(who, "multiplier", multiplier)
        whole(who, "channels", channels)
        super().__init__(channels, channels * multiplier, 1, window, stride, padding, dilation, padding_mode)
        self.weight = Parameter(_depthwise(who, self._sizes, channels, multiplier, rng, init), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        x, options = self._bordered(x)
        return ops.depthwise_conv2d(x, self.weight, self.bias, **options)


class SeparableConv2d(_Conv):
    """A depthwise convolution, then a mix of channels at each pixel: x (N,H,W,in) -> (N,H',W',out).

    Arguments as in `Conv2d`; each channel gets `multiplier` filters of its own.

    Attributes: ``depthwise`` (I, J, in, multiplier), ``pointwise`` (in*multiplier, out), ``bias`` (out,) or None.
    """

    in_torch = {  # two layers
        "depthwise": Layout("depthwise.weight", axes=(3, 2, 0, 1), shape=_grouped),
        "pointwise": Layout("pointwise.weight", axes=(3, 2, 0, 1), shape=_one_pixel),
        "bias": Layout("pointwise.bias"),
    }
    in_keras = {"depthwise": Layout("depthwise_kernel"), "pointwise": Layout("pointwise_kernel", shape=_one_pixel)}
    keras_name = "separable_conv2d"
    samples = [
        L((2, 3, 3), x=(2, 5, 4, 2)),
        L((2, 2, 3), {"padding": "same", "padding_mode": "reflect"}, x=(1, 3, 4, 2)),
    ]

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        dilation: Size2d = 1,
        bias: bool = True,
        padding_mode: ConvPadMode = "zeros",
        *,
        multiplier: Whole = 1,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        super().__init__(in_channels, out_channels, 1, window, stride, padding, dilation, padding_mode)
        self.multiplier = whole(who, "multiplier", multiplier)
        rng = generator(rng, who)  # one for both, or an int would start both from the same numbers
        self.depthwise = Parameter(_depthwise(who, self._sizes, in_channels, multiplier, rng, init), copy=False)
        self.pointwise = Parameter(draw(who, init, (in_channels * multiplier, out_channels), rng), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        x, options = self._bordered(x)
        return ops.separable_conv2d(x, self.depthwise, self.pointwise, self.bias, **options)


def _depthwise(
    who: str, window: shapes.Sizes, channels: Whole, multiplier: Whole, rng: Rng, init: str | Initialiser
) -> np.ndarray:
    """Starting filters (I, J, C, M), drawn as grouped ones: each sees one channel."""
    return draw(who, init, (*window, 1, channels * multiplier), rng).reshape(*window, channels, multiplier)
