"""Convolutions and their gradients: each is a Conv or a ConvTranspose of the same geometry.

The gradient in the filters is a convolution too, of x by dy with images and channels exchanged: its dilation is the
stride, its stride the dilation.  Groups of filters become groups of that convolution, whose images are those of every
group side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels import shapes
from ..table import exports
from ..writer import Value, Writer
from .shapes import cut


def filters(axes: int) -> tuple[int, ...]:
    """The order of filters (I, J, C/groups, O) in ONNX: (O, C/groups, I, J)."""
    return (axes + 1, axes, *range(axes))


def window_of(x_shape: Any, w_shape: Any, groups: int, **options: Any) -> shapes.Window:
    """The geometry of a convolution."""
    plain = tuple(int(n) for n in x_shape), tuple(int(n) for n in w_shape)
    return shapes.conv_window("conv", *plain, groups=groups, axes=len(w_shape) - 2, **options)


def pads_of(win: shapes.Window) -> list[int]:
    """What is added around, as ONNX lists it: all begins, then all ends."""
    return [before for before, _ in win.padding] + [after for _, after in win.padding]


def left_over(win: shapes.Window) -> list[int]:
    """How many pixels of each axis lie beyond the last window."""
    return [
        n - ((out - 1) * s + reach - before - after)
        for n, out, s, reach, (before, after) in zip(
            win.size, win.out, win.stride, win.reach, win.padding, strict=True)
    ]  # fmt: skip


def forward(w: Writer, x: Value, f: Value, b: Value | None, groups: int, **options: Any) -> Value:
    """A convolution."""
    win = window_of(x.shape, f.shape, groups, **options)
    dtype = w.outs[0][1]
    inputs = [w.first(w.as_type(x, dtype)), w.ordered(w.as_type(f, dtype), filters(len(win.size)))]
    inputs += [] if b is None else [w.plain(w.as_type(b, dtype))]
    name = w.node(
        "Conv", *inputs, kernel_shape=list(win.window), strides=list(win.stride), pads=pads_of(win),
        dilations=list(win.dilation), group=groups,
    )  # fmt: skip
    return w.turned(name)


def backward(w: Writer, dy: Value, f: Value, b: Value | None, shape: Any, groups: int, **options: Any) -> Value:
    """The adjoint of a convolution of images of a shape."""
    win = window_of(shape, f.shape, groups, **options)
    dtype = w.outs[0][1]
    more = left_over(win)
    inputs = [w.first(w.as_type(dy, dtype)), w.ordered(w.as_type(f, dtype), filters(len(win.size)))]
    inputs += [] if b is None else [w.plain(w.as_type(b, dtype))]
    name = w.node(
        "ConvTranspose", *inputs, kernel_shape=list(win.window), strides=list(win.stride), pads=pads_of(win),
        dilations=list(win.dilation), group=groups, output_padding=more,
    )  # fmt: skip
    return w.turned(name)


@exports("conv2d", "conv3d")
def conv(w: Writer, x: Value, f: Value, b: Value | None = None, *, groups: int, **options: Any) -> Value:
    return forward(w, x, f, b, groups, **options)


@exports("conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    w: Writer, x: Value, f: Value, b: Value | None = None, *, groups: int, output_padding: Any, **options: Any
) -> Value:
    return backward(w, x, f, b, w.outs[0][0], groups, **options)


@exports("conv2d_dx")
def conv2d_dx(w: Writer, dy: Value, f: Value, *, size: Any, groups: int, **options: Any) -> Value:
    return backward(w, dy, f, None, w.outs[0][0], groups, **options)


@exports("conv2d_dw")
def conv2d_dw(w: Writer, x: Value, dy: Value, *, window: Any, groups: int, **options: Any) -> Value:
    win = window_of(x.shape, w.outs[0][0], groups, **options)
    turned = (3, 0, 1, 2)  # images as channels, channels as images
    images = w.ordered(x, turned) if groups == 1 else _side_by_side(w, x, groups)
    name = w.node(
        "Conv", images, w.ordered(dy, turned), kernel_shape=list(win.out), strides=list(win.dilation),
        pads=pads_of(win), dilations=list(win.stride), group=groups,
    )  # fmt: skip
    for axis, n in enumerate(win.window, 2):
        name = cut(w, name, axis, 0, n)
    return w.result(name, (2, 3, 0, 1))


def _side_by_side(w: Writer, x: Value, groups: int) -> str:
    """Images (N, C, H, W) as (C/groups, groups*N, H, W)."""
    n, h, v, c = x.shape
    apart = w.reshaped(w.first(x), (n, groups, c // groups, h, v))
    turned = w.node("Transpose", apart, perm=[2, 1, 0, 3, 4])
    name: str = w.node("Reshape", turned, w.ints(c // groups, -1, h, v))
    return name


def stamped(w: Writer, dy: Value, shape: Any, win: shapes.Window) -> str:
    """Each dy at every pixel of its window, summed: images of a shape, channels first."""
    channels = int(shape[-1])
    ones = w.constant(np.ones((channels, 1, *win.window), dy.dtype))
    name: str = w.node(
        "ConvTranspose", w.first(dy), ones, kernel_shape=list(win.window), strides=list(win.stride), pads=pads_of(win),
        dilations=list(win.dilation), group=channels, output_padding=left_over(win),
    )  # fmt: skip
    return name
