"""Convolutions of other shapes, as conv2d of reshaped arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Padding, Size2d, Whole
from ..kernels import shapes
from ._arguments import Input, placed, shape_of
from .conv import bias_misfit, conv2d
from .shape import reshape

__all__ = ["conv1d", "depthwise_conv2d", "separable_conv2d"]


def as_rows(x: Any) -> Any:
    """Sequences as images one pixel high.  x (N,L,C) -> (N,1,L,C)"""
    n, length, c = np.shape(x)
    return reshape(x, (n, 1, length, c))


def in_one_row(win: shapes.Window) -> dict[str, Any]:
    """The options of a window over sequences, for images one pixel high."""
    return {
        "stride": (1, win.stride[0]), "padding": ((0, 0), win.sides[0]), "dilation": (1, win.dilation[0]),
    }  # fmt: skip


@named
def conv1d(
    x: Input, w: Input, b: Input = None, stride: Whole = 1, padding: Padding = 0, dilation: Whole = 1,
    groups: Whole = 1,
) -> Any:  # fmt: skip
    """Cross-correlate sequences with a bank of filters.  x (N,L,C) · w (K,C/groups,O) · b (O,) -> (N,L',O)

    L' = floor((L + before + after - dilation*(K - 1) - 1) / stride) + 1.  Options as in `conv2d`, of one axis;
    `padding` is an int, (before, after), "same" or "valid".

    >>> x, w = np.arange(5.0).reshape(1, 5, 1), np.array([1.0, -1.0]).reshape(2, 1, 1)
    >>> tg.conv1d(x, w).ravel()
    array([-1., -1., -1., -1.])
    """
    who = placed("conv1d")
    x_shape, w_shape = shape_of(who, x), shape_of(who, w)
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
    win = shapes.conv_window(who, x_shape, w_shape, groups=groups, axes=1, **options)
    if b is not None and shape_of(who, b) != w_shape[2:]:
        raise bias_misfit(who, shape_of(who, b), w_shape[2:])
    y = conv2d(as_rows(x), reshape(w, (1, *w_shape)), b, groups=groups, **in_one_row(win))
    return reshape(y, (x_shape[0], *win.out, w_shape[2]))


@named
def depthwise_conv2d(
    x: Input, w: Input, b: Input = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1
) -> Any:
    """M filters for each channel by itself.  x (N,H,W,C) · w (I,J,C,M) · b (C*M,) -> (N,H',W',C*M)

    Channel c of x gives channels c*M to (c + 1)*M of the result.  Options as in `conv2d`.

    >>> x, w = tg.randn(1, 8, 8, 3, rng=0), tg.randn(3, 3, 3, 2, rng=1)
    >>> tg.depthwise_conv2d(x, w, padding="same").shape  # two filters a channel
    (1, 8, 8, 6)
    """
    who = placed("depthwise_conv2d")
    x_shape, w_shape = shape_of(who, x), shape_of(who, w)
    if len(w_shape) != 4 or x_shape[3:] != w_shape[2:3]:
        raise ValueError(
            f"{who}: filters (I, J, C, M) of images (N, H, W, C) have as many channels, "
            f"but w has shape {w_shape} and x {x_shape}."
        )
    i, j, c, m = w_shape
    if not c:
        raise ValueError(f"{who}: x has shape {x_shape}; it must have at least one channel.")
    filters = reshape(w, (i, j, 1, c * m))
    return conv2d(x, filters, b, stride=stride, padding=padding, dilation=dilation, groups=c)


@named
def separable_conv2d(
    x: Input,
    depthwise: Input,
    pointwise: Input,
    b: Input = None,
    stride: Size2d = 1,
    padding: Padding = 0,
    dilation: Size2d = 1,
) -> Any:
    """`depthwise_conv2d`, then a mix of channels.  x (N,H,W,C) · (I,J,C,M) · (C*M,O) · b (O,) -> (N,H',W',O)

    >>> depthwise, pointwise = np.ones((3, 3, 3, 1)), np.ones((3, 16))
    >>> tg.separable_conv2d(np.ones((1, 8, 8, 3)), depthwise, pointwise).shape
    (1, 6, 6, 16)
    >>> depthwise.size + pointwise.size, 3 * 3 * 3 * 16  # weights, against conv2d's
    (75, 432)
    """
    who = placed("separable_conv2d")
    shape, outputs = shape_of(who, pointwise), shape_of(who, depthwise)[2:]
    if len(shape) != 2 or len(outputs) != 2 or shape[0] != outputs[0] * outputs[1]:
        raise ValueError(
            f"{who}: depthwise filters (I, J, C, M) go with pointwise (C*M, O), "
            f"but they have shapes {np.shape(depthwise)} and {shape}."
        )
    y = depthwise_conv2d(x, depthwise, stride=stride, padding=padding, dilation=dilation)
    return conv2d(y, reshape(pointwise, (1, 1, *shape)), b)
