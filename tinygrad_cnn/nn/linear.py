"""Layers with weights: convolution and dense."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..ops.fused import fused
from . import checks
from .init import Initialiser, Rng, draw, zeros
from .module import Module
from .parameter import Parameter


class Conv2d(Module):
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

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        window: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        self.in_channels = checks.whole(who, "in_channels", in_channels)
        self.out_channels = checks.whole(who, "out_channels", out_channels)
        self.groups = checks.whole(who, "groups", groups)
        self.window = checks.window(who, window, stride=stride, padding=padding, dilation=dilation)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{who}: {name}={channels} must be divisible by groups={groups}.")
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.weight = _weight(who, (*self.window, in_channels // groups, out_channels), rng, init)
        self.bias = Parameter(zeros((out_channels,)), copy=False) if bias else None

    def forward(self, x: Any, relu: bool = False) -> Any:
        op = fused(ops.conv2d_relu) if relu else ops.conv2d
        return op(
            x, self.weight, self.bias, stride=self.stride, padding=self.padding, dilation=self.dilation,
            groups=self.groups,
        )  # fmt: skip

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, window={self.window}"
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)!r}"
        return text + ("" if self.bias is not None else ", bias=False")


class Linear(Module):
    """A dense layer, x @ weight + bias: x (..., in) -> (..., out).

    Weights start He-uniform and biases at zero, as in `Conv2d`.

    Attributes: ``weight`` (in, out), ``bias`` (out,) or None.

    >>> layer = nn.Linear(3, 2, rng=0)
    >>> weight = layer.weight.assign([[1, 0], [0, 1], [1, 1]])
    >>> layer(np.array([1.0, 2.0, 10.0], np.float32)).data  # x @ weight + bias
    array([11., 12.], dtype=float32)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        self.in_features = checks.whole(who, "in_features", in_features)
        self.out_features = checks.whole(who, "out_features", out_features)
        self.weight = _weight(who, (in_features, out_features), rng, init)
        self.bias = Parameter(zeros((out_features,)), copy=False) if bias else None

    def forward(self, x: Any, relu: bool = False) -> Any:
        shape = getattr(x, "shape", None)
        if not shape or shape[-1] != self.in_features:
            remedy = " Put nn.Flatten() before a dense layer." if shape and len(shape) > 2 else ""
            raise checks.misfit("Linear", f"rows (..., {self.in_features})", x, remedy)
        return fused(ops.linear_relu if relu else ops.linear)(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


def _weight(who: str, shape: tuple[int, ...], rng: Rng, init: str | Initialiser) -> Parameter:
    return Parameter(draw(who, init, shape, rng), copy=False)
