"""Convolutions of sequences, images and volumes: one class, with the number of axes as an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .. import ops
from ..autodiff.kinds import ConvPadMode, Padding, Sizes, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..kernels import shapes
from ..ops.border import BORDER_NAMES
from ..ops.fused import fused
from . import checks
from .init import Initialiser, Rng, draw, zeros
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d"]


def turned(axes: int) -> Mapping[str, Layout]:
    """Filters (I, J, C/groups, O) as PyTorch has them, (O, C/groups, I, J), and so for any number of axes."""
    return {"weight": Layout(axes=(axes + 1, axes, *range(axes)))}


class _Conv(Module):
    """What they share: where the window goes, a bias per output channel, the border, and how that is shown."""

    window: Any
    bias: Any
    axes: ClassVar[int] = 2
    padding_mode: str = "zeros"  # also of layers that were pickled before it could be set
    in_torch: Mapping[str, Layout] = turned(2)
    in_keras: Mapping[str, Layout] = {"weight": Layout("kernel")}

    def __init__(
        self, in_channels: Whole, out_channels: Whole, groups: Whole, window: Sizes, stride: Sizes, padding: Padding,
        dilation: Sizes, padding_mode: ConvPadMode = "zeros",
    ) -> None:  # fmt: skip
        who = type(self).__name__
        self.in_channels = whole(who, "in_channels", in_channels)
        self.out_channels = whole(who, "out_channels", out_channels)
        self.groups = whole(who, "groups", groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{who}: {name}={channels} must be divisible by groups={groups}.")
        self.stride, self.padding, self.dilation = map(checks.plain, (stride, padding, dilation))
        sizes = checks.window(who, window, axes=self.axes, **self._options())
        self.window = sizes if self.axes > 1 else sizes[0]
        if padding_mode not in BORDER_NAMES:
            known = ", ".join(map(repr, BORDER_NAMES))
            kind = ValueError if isinstance(padding_mode, str) else TypeError
            raise kind(f"{who}: padding_mode={padding_mode!r} must be one of {known}.")
        self.padding_mode = padding_mode

    def _start(self, bias: bool) -> Parameter | None:
        """The bias at its start; layers set it after their weights, so that parameters are listed in this order."""
        return Parameter(zeros((self.out_channels,)), copy=False) if bias else None

    @property
    def _sizes(self) -> shapes.Sizes:
        """The window along each axis."""
        sizes: shapes.Sizes = self.window if self.axes > 1 else (self.window,)
        return sizes

    def _options(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def _bordered(self, x: Any) -> tuple[Any, dict[str, Any]]:
        """x with the border that `padding_mode` asks for, and the options with which it is convolved."""
        options = self._options()
        if self.padding_mode == "zeros":
            return x, options
        who = type(self).__name__
        if len(getattr(x, "shape", ())) != self.axes + 2:
            thing, form = shapes.THINGS[self.axes]
            raise checks.misfit(who, f"{thing}s {form}", x)
        widths = shapes.resolve(who, tuple(x.shape[1:-1]), self.window, **options).padding
        border = ((0, 0), *widths, (0, 0))
        if any(map(any, widths)):
            x = ops.pad(x, border, BORDER_NAMES[self.padding_mode])
        return x, {**options, "padding": 0}

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, window={self.window}"
        usual = {
            "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0, "multiplier": 1,
            "padding_mode": "zeros",
        }  # fmt: skip
        for name, default in usual.items():
            if getattr(self, name, default) != default:
                text += f", {name}={getattr(self, name)!r}"
        return text + ("" if self.bias is not None else ", bias=False")


class _Filters(_Conv):
    """A convolution with a bank of filters, whatever the number of axes."""

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: Whole = 1,
        bias: bool = True,
        padding_mode: ConvPadMode = "zeros",
        *,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        super().__init__(in_channels, out_channels, groups, window, stride, padding, dilation, padding_mode)
        shape = (*self._sizes, in_channels // groups, out_channels)
        self.weight = Parameter(draw(type(self).__name__, init, shape, rng), copy=False)
        self.bias = self._start(bias)


class Conv2d(_Filters):
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
    padding_mode : what the border is made of: "zeros", the image mirrored in its last pixel ("reflect"), its last pixel
        ("replicate"), or its other end ("circular").
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
        L((1, 2, 3), {"padding": (2, 1), "padding_mode": "reflect"}, x=(1, 4, 3, 1)),
    ]

    def forward(self, x: Any, relu: bool = False) -> Tensor:
        op = fused(ops.conv2d_relu) if relu else ops.conv2d
        x, options = self._bordered(x)
        y: Tensor = op(x, self.weight, self.bias, groups=self.groups, **options)
        return y


class Conv1d(_Filters):
    """Cross-correlate sequences with a bank of filters: x (N,L,in) -> (N,L',out).

    Parameters
    ----------
    window, stride, dilation : int, in places of the sequence.
    padding : int, (before, after), "same" or "valid".
    groups, bias, padding_mode, rng, init : as in `Conv2d`.

    Attributes: ``weight`` (window, in/groups, out), ``bias`` (out,) or None.
    """

    axes = 1
    in_torch = turned(1)
    keras_name = "conv1d"
    samples = [L((2, 3, 3), x=(2, 7, 2)), L((2, 2, 2), {"padding": "same", "padding_mode": "circular"}, x=(1, 5, 2))]

    def forward(self, x: Any) -> Tensor:
        x, options = self._bordered(x)
        return ops.conv1d(x, self.weight, self.bias, groups=self.groups, **options)


class Conv3d(_Filters):
    """Cross-correlate volumes with a bank of filters: x (N,D,H,W,in) -> (N,D',H',W',out).

    Parameters
    ----------
    window, stride, dilation : int, or three of them along depth, height and width.
    padding : int, three of them, ((front, back), (top, bottom), (left, right)), "same" or "valid".
    groups, bias, padding_mode, rng, init : as in `Conv2d`.

    Attributes: ``weight`` (K, I, J, in/groups, out), ``bias`` (out,) or None.

    >>> nn.Conv3d(3, 8, (3, 5, 5), padding="same", rng=0)(np.zeros((2, 8, 16, 16, 3), np.float32)).shape
    (2, 8, 16, 16, 8)
    """

    axes = 3
    in_torch = turned(3)
    keras_name = "conv3d"
    samples = [
        L((2, 3, 2), x=(2, 3, 2, 4, 2)),
        L((2, 2, (3, 1, 2)), {"padding": 1, "groups": 2, "padding_mode": "replicate"}, x=(1, 3, 2, 3, 2)),
    ]

    def forward(self, x: Any) -> Tensor:
        x, options = self._bordered(x)
        y: Tensor = ops.conv3d(x, self.weight, self.bias, groups=self.groups, **options)
        return y
