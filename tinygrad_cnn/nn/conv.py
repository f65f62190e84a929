"""Convolutions: plain, transposed, depthwise, separable, of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import ops
from ..autodiff.kinds import Padding, Size2d, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..kernels import shapes
from ..ops.fused import fused
from ..ops.random import generator
from . import checks
from .init import Initialiser, Rng, draw, zeros
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d", "DepthwiseConv2d", "SeparableConv2d"]


def _grouped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Filters (I, J, C, M) as those of a convolution in C groups, (I, J, 1, C*M)."""
    i, j, c, m = shape
    return i, j, 1, c * m


def _one_pixel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A matrix (C, O) as filters (1, 1, C, O)."""
    return 1, 1, *shape


class _Conv(Module):
    """What they share: where the window goes, a bias per output channel, and how that is shown."""

    window: Any
    bias: Any
    in_torch: Mapping[str, Layout] = {"weight": Layout(axes=(3, 2, 0, 1))}  # (O, C/groups, I, J)
    in_keras: Mapping[str, Layout] = {"weight": Layout("kernel")}

    def __init__(
        self, in_channels: Whole, out_channels: Whole, groups: Whole, stride: Size2d, padding: Padding, dilation: Size2d
    ) -> None:
        who = type(self).__name__
        self.in_channels = whole(who, "in_channels", in_channels)
        self.out_channels = whole(who, "out_channels", out_channels)
        self.groups = whole(who, "groups", groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{who}: {name}={channels} must be divisible by groups={groups}.")
        self.stride, self.padding, self.dilation = map(checks.plain, (stride, padding, dilation))

    def _start(self, bias: bool) -> Parameter | None:
        """The bias at its start; layers set it after their weights, so that parameters are listed in this order."""
        return Parameter(zeros((self.out_channels,)), copy=False) if bias else None

    def _options(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, window={self.window}"
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0, "multiplier": 1}
        for name, default in usual.items():
            if getattr(self, name, default) != default:
                text += f", {name}={getattr(self, name)!r}"
        return text + ("" if self.bias is not None else ", bias=False")


class Conv2d(_Conv):
    """Cross-correlate images with a bank of filters: x (N,H,W,in) -> (N,H',W',out).

    Weights start He-uniform, within ±sqrt(6 / fan_in): with relu behind, signals neither fade nor grow with depth.
    Biases start at zero, so that no channel begins switched on or off.

    Parameters
    ----------
    in_channels, out_channels : C and O.
    window : int or pair (I, J), in pixels.
    stride, dilation : int or pair.
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid".
    groups : channels in this many groups that do not mix; `in_channels` for a depthwise convolution.
    bias : whether to add a number per output channel.
    rng : Generator or int seed of the starting weights.
    init : name in `nn.init`, or a function of (shape, rng=...).

    Attributes: ``weight`` (I, J, in/groups, out), ``bias`` (out,) or None.

    Examples
    --------
    >>> layer = nn.Conv2d(3, 16, 5, stride=2, padding="same", rng=0)
    >>> layer(np.zeros((8, 32, 32, 3), np.float32)).shape
    (8, 16, 16, 16)
    >>> layer.weight.shape, layer.bias.shape
    ((5, 5, 3, 16), (16,))
    """

    keras_name = "conv2d"
    samples = [
        L((2, 3, 3), x=(2, 5, 6, 2)),
        L((2, 4, 3), {"stride": 2, "padding": "same", "groups": 2, "bias": False}, x=(1, 5, 6, 2)),
    ]

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        dilation: Size2d = 1,
        groups: Whole = 1,
        bias: bool = True,
        *,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        super().__init__(in_channels, out_channels, groups, stride, padding, dilation)
        self.window = checks.window(who, window, **self._options())
        self.weight = Parameter(draw(who, init, (*self.window, in_channels // groups, out_channels), rng), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any, relu: bool = False) -> Tensor:
        op = fused(ops.conv2d_relu) if relu else ops.conv2d
        y: Tensor = op(x, self.weight, self.bias, groups=self.groups, **self._options())
        return y


class ConvTranspose2d(_Conv):
    """Stamp filters on a larger image: x (N,H,W,in) -> (N,H',W',out), H' about H*stride.

    H' = (H - 1)*stride - pads + dilation*(I - 1) + 1 + output_padding; with ``padding="same"``, H*stride.
    Arguments as in `Conv2d`, whose gradient this is.

    Parameters
    ----------
    output_padding : int or pair, smaller than the stride: rows and columns more at the bottom and right.

    Attributes: ``weight`` (I, J, out/groups, in), ``bias`` (out,) or None.

    Examples
    --------
    >>> layer = nn.ConvTranspose2d(16, 3, 2, stride=2, rng=0)
    >>> layer(np.zeros((8, 14, 14, 16), np.float32)).shape
    (8, 28, 28, 3)
    """

    keras_name = "conv2d_transpose"
    samples = [L((2, 3, 2), {"stride": 2}, x=(2, 3, 4, 2))]

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        output_padding: Size2d = 0,
        groups: Whole = 1,
        bias: bool = True,
        dilation: Size2d = 1,
        *,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        super().__init__(in_channels, out_channels, groups, stride, padding, dilation)
        self.window = checks.window(who, window, stride=stride, padding=padding, dilation=dilation)
        self.output_padding = checks.plain(output_padding)
        more, steps = shapes.pair(who, "output_padding", output_padding, 0), shapes.pair(who, "stride", stride)
        if more[0] >= steps[0] or more[1] >= steps[1] or (padding == "same" and more != (0, 0)):
            at_most = 'be 0 with padding="same"' if padding == "same" else f"be smaller than stride={stride!r}"
            raise ValueError(f"{who}: output_padding={output_padding!r} must {at_most}.")
        i, j = self.window
        per_in, per_out = in_channels // groups, out_channels // groups
        filters = draw(who, init, (i, j, per_in, out_channels), rng)  # as those of a Conv2d, so that the fans are right
        grouped = filters.reshape(i, j, per_in, groups, per_out).transpose(0, 1, 4, 3, 2)
        self.weight = Parameter(np.ascontiguousarray(grouped).reshape(i, j, per_out, in_channels), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        return ops.conv_transpose2d(
            x, self.weight, self.bias, output_padding=self.output_padding, groups=self.groups, **self._options()
        )


class DepthwiseConv2d(_Conv):
    """`multiplier` filters for each channel by itself: x (N,H,W,C) -> (N,H',W',C*multiplier).

    Arguments as in `Conv2d`.  Attributes: ``weight`` (I, J, C, multiplier), ``bias`` (C*multiplier,) or None.

    >>> nn.DepthwiseConv2d(16, 3, padding="same", rng=0).weight.shape
    (3, 3, 16, 1)
    """

    in_torch = {"weight": Layout(axes=(3, 2, 0, 1), shape=_grouped)}
    keras_name = "depthwise_conv2d"
    samples = [L((3, 3), {"padding": 1}, x=(2, 4, 5, 3))]

    def __init__(
        self,
        channels: Whole,
        window: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        dilation: Size2d = 1,
        bias: bool = True,
        *,
        multiplier: Whole = 1,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        self.multiplier = whole(who, "multiplier", multiplier)
        whole(who, "channels", channels)
        super().__init__(channels, channels * multiplier, 1, stride, padding, dilation)
        self.window = checks.window(who, window, **self._options())
        self.weight = Parameter(_depthwise(who, self.window, channels, multiplier, rng, init), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        return ops.depthwise_conv2d(x, self.weight, self.bias, **self._options())


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
    samples = [L((2, 3, 3), x=(2, 5, 4, 2))]

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Size2d,
        stride: Size2d = 1,
        padding: Padding = 0,
        dilation: Size2d = 1,
        bias: bool = True,
        *,
        multiplier: Whole = 1,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        super().__init__(in_channels, out_channels, 1, stride, padding, dilation)
        self.multiplier = whole(who, "multiplier", multiplier)
        self.window = checks.window(who, window, **self._options())
        rng = generator(rng, who)  # one for both, or an int would start both from the same numbers
        self.depthwise = Parameter(_depthwise(who, self.window, in_channels, multiplier, rng, init), copy=False)
        self.pointwise = Parameter(draw(who, init, (in_channels * multiplier, out_channels), rng), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        return ops.separable_conv2d(x, self.depthwise, self.pointwise, self.bias, **self._options())


def _depthwise(
    who: str, window: shapes.Pair, channels: Whole, multiplier: Whole, rng: Rng, init: str | Initialiser
) -> np.ndarray:
    """Starting filters (I, J, C, M), drawn as grouped ones: each sees one channel."""
    return draw(who, init, (*window, 1, channels * multiplier), rng).reshape(*window, channels, multiplier)


class Conv1d(_Conv):
    """Cross-correlate sequences with a bank of filters: x (N,L,in) -> (N,L',out).

    Parameters
    ----------
    window, stride, dilation : int, in places of the sequence.
    padding : int, (before, after), "same" or "valid".
    groups, bias, rng, init : as in `Conv2d`.

    Attributes: ``weight`` (window, in/groups, out), ``bias`` (out,) or None.
    """

    in_torch = {"weight": Layout(axes=(2, 1, 0))}  # (O, C/groups, K)
    keras_name = "conv1d"
    samples = [L((2, 3, 3), x=(2, 7, 2))]

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Whole,
        stride: Whole = 1,
        padding: Padding = 0,
        dilation: Whole = 1,
        groups: Whole = 1,
        bias: bool = True,
        *,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        super().__init__(in_channels, out_channels, groups, stride, padding, dilation)
        self.window = whole(who, "window", window)
        whole(who, "stride", stride)
        whole(who, "dilation", dilation)
        sides = ((0, 0), tuple(padding)) if isinstance(padding, (tuple, list)) else padding
        checks.window(who, (1, window), stride=stride, padding=sides, dilation=dilation)
        self.weight = Parameter(draw(who, init, (window, in_channels // groups, out_channels), rng), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        return ops.conv1d(x, self.weight, self.bias, groups=self.groups, **self._options())
