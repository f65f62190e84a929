"""Transposed convolutions of sequences, images and volumes: what enlarges where a convolution shrinks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autodiff.kinds import Padding, Sizes, Whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..kernels import shapes
from . import checks
from .conv import _Conv, turned
from .init import Initialiser, Rng, draw
from .parameter import Parameter

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _Transposed(_Conv):
    """A transposed convolution with a bank of filters, whatever the number of axes."""

    def __init__(
        self,
        in_channels: Whole,
        out_channels: Whole,
        window: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        output_padding: Sizes = 0,
        groups: Whole = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        super().__init__(in_channels, out_channels, groups, window, stride, padding, dilation)
        self.output_padding = checks.plain(output_padding)
        more = shapes.each(who, "output_padding", output_padding, self.axes, 0)
        steps = shapes.each(who, "stride", stride, self.axes)
        if any(m >= s for m, s in zip(more, steps, strict=True)) or (padding == "same" and any(more)):
            at_most = 'be 0 with padding="same"' if padding == "same" else f"be smaller than stride={stride!r}"
            raise ValueError(f"{who}: output_padding={output_padding!r} must {at_most}.")
        per_in, per_out = in_channels // groups, out_channels // groups
        # drawn as those of a convolution, so that the fans are right
        filters = draw(who, init, (*self._sizes, per_in, out_channels), rng)
        grouped = np.moveaxis(filters.reshape(*self._sizes, per_in, groups, per_out), -3, -1).swapaxes(-3, -2)
        self.weight = Parameter(np.ascontiguousarray(grouped).reshape(*self._sizes, per_out, in_channels), copy=False)
        self.bias = self._start(bias)

    def forward(self, x: Any) -> Tensor:
        y: Tensor = getattr(ops, f"conv_transpose{self.axes}d")(
            x, self.weight, self.bias, output_padding=self.output_padding, groups=self.groups, **self._options()
        )
        return y


class ConvTranspose2d(_Transposed):
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


class ConvTranspose1d(_Transposed):
    """Stamp filters on a longer sequence: x (N,L,in) -> (N,L',out), L' about L*stride.

    Sizes and arguments as in `ConvTranspose2d`, of one axis; `padding` as in `Conv1d`.

    Attributes: ``weight`` (window, out/groups, in), ``bias`` (out,) or None.
    """

    axes = 1
    in_torch = turned(1)
    keras_name = "conv1d_transpose"
    samples = [L((2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}, x=(2, 4, 2))]


class ConvTranspose3d(_Transposed):
    """Stamp filters on a larger volume: x (N,D,H,W,in) -> (N,D',H',W',out), D' about D*stride.

    Sizes and arguments as in `ConvTranspose2d`, along the depth, too; `padding` as in `Conv3d`.

    Attributes: ``weight`` (K, I, J, out/groups, in), ``bias`` (out,) or None.
    """

    axes = 3
    in_torch = turned(3)
    keras_name = "conv3d_transpose"
    samples = [L((2, 2, (2, 1, 2)), {"stride": 2, "groups": 2}, x=(1, 2, 2, 3, 2))]
