"""Pooling that blurs before it steps, so that a shifted image gives a shifted result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import ConvPadMode, Size2d, Whole
from ..autodiff.numbers import whole
from ..core.tensor import as_array
from ..kernels import shapes
from ._arguments import Input, placed, shape_of, values
from .border import BORDER_NAMES, pad
from .conv_forms import depthwise_conv2d

__all__ = ["blur_pool2d"]


def _binomial(n: int) -> np.ndarray:
    """Row n of Pascal's triangle as weights that add up to 1, which n - 1 means of two neighbours give.  -> (n,)"""
    row = np.ones(1)
    for _ in range(n - 1):
        row = np.convolve(row, [0.5, 0.5])
    return row


@named
def blur_pool2d(x: Input, window: Whole = 4, stride: Size2d = 2, padding_mode: ConvPadMode = "reflect") -> Any:
    """Blur each channel by a binomial filter, then take each `stride`-th pixel.  x (N,H,W,C) -> (N,H',W',C)

    H' = ceil(H / stride), for the border is as wide as the filter needs: window - 1 pixels, the odd one at the bottom
    and right.  Source: Zhang (2019), "Making convolutional networks shift-invariant again".

    Parameters
    ----------
    window : side of the filter: 1 for none, 2 for means, 3 for 1 2 1, 4 for 1 3 3 1 ...
    stride : int or pair, in pixels.
    padding_mode : the border: "zeros", "reflect", "replicate" or "circular", as in `nn.Conv2d`.

    Examples
    --------
    >>> x = np.array([0.0, 0.0, 4.0, 0.0, 0.0]).reshape(1, 1, 5, 1)
    >>> tg.blur_pool2d(x, 3, stride=(1, 2), padding_mode="replicate").ravel()
    array([0., 2., 0.])
    """
    who = placed("blur_pool2d")
    shape, n = shape_of(who, x), whole(who, "window", window)
    shapes.image(who, "x", shape)
    shapes.pair(who, "stride", stride)
    width = (n - 1) // 2, n // 2
    if padding_mode not in BORDER_NAMES:
        raise ValueError(f"{who}: padding_mode={padding_mode!r} must be one of {', '.join(map(repr, BORDER_NAMES))}.")
    dtype = as_array(values(x)).dtype
    weights = np.multiply.outer(_binomial(n), _binomial(n)).astype(dtype if dtype.kind == "f" else np.float32)
    if n > 1:
        x = pad(x, ((0, 0), width, width, (0, 0)), BORDER_NAMES[padding_mode])
    filters = np.broadcast_to(weights[:, :, None, None], (n, n, shape[3], 1))
    return depthwise_conv2d(x, np.ascontiguousarray(filters), stride=stride)
