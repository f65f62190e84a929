"""Convolution: three faces of one trilinear form <dy, conv2d(x, w)>, each the rule of the others.

Fix two of x, w and dy, and the form is linear in the third: ``conv2d`` is its gradient in dy, ``conv2d_dx`` in x,
``conv2d_dw`` in w.  So six one-call rules give every order of derivative.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from .. import kernels
from ..core import Sample as S
from ..core import op
from ..kernels import shapes, slow
from ._help import promoted
from .reduce import sum

_window = lru_cache(1024)(shapes.conv_window)


def geometry(x_shape: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> shapes.Window:
    """The window of a convolution, worked out once for each set of shapes and options."""
    try:
        return _window("conv2d", x_shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    except TypeError:  # a list among the options cannot be looked up; the check words what is really wrong
        return shapes.conv_window(
            "conv2d", x_shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
        )


def filters_window(x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> shapes.Window:
    """The window of images, filters and bias that go together."""
    win = geometry(x.shape, w.shape, stride, padding, dilation, groups)
    if b is not None and b.shape != w.shape[3:]:
        raise ValueError(f"conv2d: the bias has shape {b.shape}, expected {w.shape[3:]}: one number per filter.")
    return win


def _cost(y_shape: Any, w_shape: Any) -> int:
    return 2 * math.prod(y_shape) * math.prod(w_shape[:3])


def _slow_window(x_shape: Any, w_shape: Any, **options: Any) -> shapes.Window:
    return shapes.conv_window("conv2d", x_shape, w_shape, **options)


def _conv2d_ref(x: Any, w: Any, b: Any = None, *, groups: int = 1, **options: Any) -> Any:
    return slow.conv2d(x, w, b, _slow_window(x.shape, w.shape, groups=groups, **options), groups)


_SAMPLES = [
    S(x=(2, 5, 6, 2), w=(3, 3, 2, 3), b=(3,)), S(x=(2, 5, 4, 3), w=(2, 3, 3, 2), stride=2, padding=1),
    S(x=(1, 6, 6, 1), w=(4, 3, 1, 2), b=(2,), padding="same", stride=(2, 1)),
    S(x=(2, 6, 5, 2), w=(3, 2, 2, 2), dilation=(2, 1), padding=((2, 0), (1, 1))),
    S(x=(2, 4, 4, 4), w=(3, 3, 2, 6), b=(6,), groups=2, padding="valid"),
    S(x=(2, 4, 5, 3), w=(3, 3, 1, 6), groups=3, padding="same", dilation=1), S(x=(3, 2, 2, 4), w=(1, 1, 4, 2), b=(2,)),
    S(x=(2, 6, 6, 1), w=(3, 3, 1, 1), stride=2),
]  # fmt: skip


@op(samples=_SAMPLES, ref=_conv2d_ref, cost=_cost)
def conv2d(
    x: Any, w: Any, b: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)

    H' = floor((H + top + bottom - dilation*(I - 1) - 1) / stride) + 1, and W' alike.

    Parameters
    ----------
    stride, dilation : int or pair, in pixels.
    padding : int, pair, ((top, bottom), (left, right)), "same" (TensorFlow's rule) or "valid".
    groups : channels are cut into this many groups that do not mix; C for a depthwise convolution.

    Raises
    ------
    ValueError : the channels do not match, or the window does not fit the image.
    """
    return kernels.conv2d(*promoted(x, w, b), filters_window(x, w, b, stride, padding, dilation, groups), groups)


@op(
    samples=[
        S(dy=(2, 3, 4, 3), w=(3, 3, 2, 3), size=(5, 6)),
        S(dy=(2, 3, 3, 2), w=(2, 3, 3, 2), size=(5, 5), stride=2, padding=1),
        S(dy=(2, 2, 3, 6), w=(3, 3, 2, 6), size=(4, 5), groups=2), S(dy=(1, 3, 3, 2), w=(3, 3, 2, 2), size=(6, 6),
        stride=2, padding="same"), S(dy=(2, 4, 4, 3), w=(3, 3, 1, 3), size=(4, 4), groups=3, padding=1),
    ],
    ref=lambda dy, w, *, size, groups=1, **options: slow.conv2d_dx(
        dy, w, _slow_window((len(dy), *size, w.shape[2] * groups), w.shape, groups=groups, **options), groups),
    cost=lambda dy_shape, w_shape: _cost(dy_shape, w_shape),
)  # fmt: skip
def conv2d_dx(
    dy: Any, w: Any, *, size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The gradient of conv2d in its images of `size` (H, W).  dy (N,H',W',O) · w (I,J,C/groups,O) -> (N,H,W,C)"""
    x_shape = (dy.shape[0], *size, w.shape[2] * groups)
    win = geometry(x_shape, w.shape, stride, padding, dilation, groups)
    _check_dy("conv2d_dx", dy.shape, (dy.shape[0], *win.out, w.shape[3]))
    return kernels.conv2d_dx(*promoted(dy, w), win, groups)


def _check_dy(who: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise ValueError(f"{who}: dy has shape {got}, but these images and filters give outputs of {expected}.")


@op(
    samples=[
        S(x=(2, 5, 6, 2), dy=(2, 3, 4, 3), window=(3, 3)),
        S(x=(2, 5, 5, 3), dy=(2, 3, 3, 2), window=(2, 3), stride=2, padding=1),
        S(x=(2, 4, 5, 4), dy=(2, 2, 3, 6), window=(3, 3), groups=2), S(x=(1, 6, 6, 2), dy=(1, 3, 3, 2), window=(3, 3),
        stride=2, padding="same"), S(x=(2, 4, 4, 3), dy=(2, 4, 4, 3), window=(3, 3), groups=3, padding=1),
    ],
    ref=lambda x, dy, *, window, groups=1, **options: slow.conv2d_dw(
        x, dy, _slow_window(x.shape, (*window, x.shape[3] // groups, dy.shape[3]), groups=groups, **options), groups),
    cost=lambda x_shape, dy_shape, window, groups: _cost(dy_shape, (*window, x_shape[3] // groups)),
)  # fmt: skip
def conv2d_dw(
    x: Any, dy: Any, *, window: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The gradient of conv2d in its filters of `window` (I, J).  x (N,H,W,C) · dy (N,H',W',O) -> (I,J,C/groups,O)"""
    w_shape = (*window, x.shape[3] // groups, dy.shape[3])
    win = geometry(x.shape, w_shape, stride, padding, dilation, groups)
    _check_dy("conv2d_dw", dy.shape, (x.shape[0], *win.out, dy.shape[3]))
    return kernels.conv2d_dw(*promoted(x, dy), win, groups)


conv2d.vjp(
    x=lambda g, w, x_shape, **p: conv2d_dx(g, w, size=x_shape[1:3], **p),
    w=lambda g, x, w_shape, **p: conv2d_dw(x, g, window=w_shape[:2], **p),
    b=lambda g: sum(g, axis=(0, 1, 2)),
)
conv2d_dx.vjp(
    dy=lambda g, w, stride, padding, dilation, groups: conv2d(
        g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, dy, w_shape, stride, padding, dilation, groups: conv2d_dw(
        g, dy, window=w_shape[:2], stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
conv2d_dw.vjp(
    x=lambda g, dy, x_shape, stride, padding, dilation, groups: conv2d_dx(
        dy, g, size=x_shape[1:3], stride=stride, padding=padding, dilation=dilation, groups=groups),
    dy=lambda g, x, stride, padding, dilation, groups: conv2d(
        x, g, stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
