"""Convolution of volumes, as one of images: the slices under a filter become channels of one image.

A filter (K, I, J, C, O) at a depth sees K slices (H, W, C) of a volume.  `unfold` along the depth puts them side by
side, (H, W, K*C), and ``conv2d`` with filters (I, J, K*C, O) is the rest.  Gradients take the same way back, by
``conv2d_dx`` or ``conv2d_dw`` and `fold`: all are registered ops with rules, so every order of derivative exists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.kinds import Padding, Size3d, Whole
from ..core import op
from ..kernels import shapes
from ._arguments import promoted
from .conv import bias_misfit, conv2d, conv2d_dw, conv2d_dx, cost_of_windows
from .reduce import sum
from .shape import reshape, transpose
from .windows import fold, unfold

__all__ = ["conv3d"]


def volume_window(x_shape: Any, w_shape: Any, who: str = "conv3d", **options: Any) -> shapes.Window:
    """The window of volumes (N, D, H, W, C) and filters (K, I, J, C/groups, O) that go together."""
    return shapes.conv_window(who, x_shape, w_shape, axes=3, **options)


def _depth(win: shapes.Window) -> dict[str, Any]:
    """The options of `unfold` along the depth of volumes that are seen as images of D x (H*W) pixels."""
    return {
        "window": (win.window[0], 1), "stride": (win.stride[0], 1), "padding": (win.padding[0], (0, 0)),
        "dilation": (win.dilation[0], 1),
    }  # fmt: skip


def _plane(win: shapes.Window, groups: Whole) -> dict[str, Any]:
    """The options of the convolution of images."""
    return {"stride": win.stride[1:], "padding": win.padding[1:], "dilation": win.dilation[1:], "groups": groups}


def _is_flat(win: shapes.Window) -> bool:
    """Whether each slice is convolved by itself."""
    return (win.window[0], win.stride[0], win.padding[0]) == (1, 1, (0, 0))


def _slices(x: Any, win: shapes.Window, groups: Whole) -> Any:
    """The slices under each depth of a filter, as channels, group by group.  x (N,D,H,W,C) -> (N*D',H,W,K*C)"""
    (n, d, h, w, c), (k, *_), (out, *_) = x.shape, win.window, win.out
    if not _is_flat(win):
        x = unfold(reshape(x, (n, d, h * w, c)), **_depth(win))
        if groups > 1:
            x = transpose(reshape(x, (n, out, h * w, k, groups, c // groups)), (0, 1, 2, 4, 3, 5))
    return reshape(x, (n * out, h, w, k * c))


def _volumes(y: Any, win: shapes.Window, groups: Whole, n: int) -> Any:
    """The adjoint: each slice added up from its places.  y (N*D',H,W,K*C) -> (N,D,H,W,C)"""
    (d, h, w), (k, *_), (out, *_) = win.size, win.window, win.out
    c = y.shape[3] // k
    if not _is_flat(win):
        y = reshape(y, (n, out, h * w, groups, k, c // groups))
        y = reshape(transpose(y, (0, 1, 2, 4, 3, 5)), (n, out, h * w, k, 1, c))
        y = fold(y, size=(d, h * w), **_depth(win))
    return reshape(y, (n, d, h, w, c))


def _filters(w: Any) -> Any:
    """Filters of volumes as those of images with K*C/groups channels.  w (K,I,J,C/groups,O) -> (I,J,K*C/groups,O)"""
    k, i, j, c, o = w.shape
    return reshape(transpose(w, (1, 2, 0, 3, 4)), (i, j, k * c, o))


def _convolved(x: Any, w: Any, b: Any, win: shapes.Window, groups: Whole) -> Any:
    y = conv2d(_slices(x, win, groups), _filters(w), b, **_plane(win, groups))
    return reshape(y, (x.shape[0], *win.out, w.shape[4]))


def conv3d_dx(dy: Any, w: Any, win: shapes.Window, groups: Whole) -> Any:
    """The gradient in the volumes.  dy (N,D',H',W',O) · w (K,I,J,C/groups,O) -> (N,D,H,W,C)"""
    n, out = dy.shape[0], win.out
    slices = conv2d_dx(
        reshape(dy, (n * out[0], *out[1:], dy.shape[4])), _filters(w), size=win.size[1:], **_plane(win, groups)
    )
    return _volumes(slices, win, groups, n)


def conv3d_dw(x: Any, dy: Any, win: shapes.Window, groups: Whole) -> Any:
    """The gradient in the filters.  x (N,D,H,W,C) · dy (N,D',H',W',O) -> (K,I,J,C/groups,O)"""
    (k, i, j), (n, *out, o), c = win.window, dy.shape, x.shape[4] // groups
    slices, dy = _slices(x, win, groups), reshape(dy, (n * out[0], *out[1:], o))
    dw = conv2d_dw(slices, dy, window=(i, j), **_plane(win, groups))
    return transpose(reshape(dw, (i, j, k, c, o)), (2, 0, 1, 3, 4))


def _ref(x: Any, w: Any, b: Any = None, *, groups: int = 1, **options: Any) -> Any:
    """Each place by itself: the sum over the pixels under the filters."""
    win = volume_window(x.shape, w.shape, groups=groups, **options)
    x = np.pad(x, ((0, 0), *win.padding, (0, 0)))
    y = np.zeros((len(x), *win.out, w.shape[4]), np.result_type(x, w))
    c, o = x.shape[4] // groups, w.shape[4] // groups
    for place in np.ndindex(*win.out):
        at = [slice(p * s, p * s + r, d) for p, s, r, d in zip(place, win.stride, win.reach, win.dilation)]  # noqa: B905
        for g in range(groups):
            mine, filters = slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o)
            here, seen = (slice(None), *place, filters), (slice(None), *at, mine)
            y[here] = np.tensordot(x[seen], w[..., filters], 4)
    return y if b is None else y + b


@op(
    linear=["x", "w", "b"],
    params=["stride", "padding", "dilation", "groups"],
    floating=["x", "w", "b"],
    samples=[
        S(x=(2, 4, 3, 5, 2), w=(3, 2, 3, 2, 3), b=(3,)), S(x=(1, 5, 4, 3, 2), w=(2, 3, 3, 2, 1), stride=2, padding=1),
        S(x=(1, 4, 4, 3, 4), w=(2, 1, 2, 2, 2), b=(2,), groups=2, padding="same", stride=(2, 1, 1)),
        S(x=(1, 5, 3, 4, 1), w=(2, 2, 2, 1, 2), dilation=(2, 1, 2), padding=((2, 0), (0, 1), (1, 1))),
        S(x=(2, 2, 3, 3, 2), w=(1, 2, 2, 2, 2), padding="valid"),
        S(x=(1, 3, 2, 2, 2), w=(1, 1, 1, 1, 2), stride=2, groups=2),
    ],
    ref=_ref,
    cost=cost_of_windows,
    stacks=first_axis("x"),
)  # fmt: skip
def conv3d(
    x: Any, w: Any, b: Any = None, stride: Size3d = 1, padding: Padding = 0, dilation: Size3d = 1, groups: Whole = 1
) -> Any:
    """Cross-correlate volumes with a bank of filters.  x (N,D,H,W,C) · w (K,I,J,C/groups,O) · b (O,) -> (N,D',H',W',O)

    Sizes as in `conv2d`, along the depth, too.

    Parameters
    ----------
    stride, dilation : int or three of them, along depth, height and width.
    padding : int, three of them, ((front, back), (top, bottom), (left, right)), "same" or "valid".
    groups : channels are cut into this many groups that do not mix.

    Raises
    ------
    ValueError : the channels do not match, or the window does not fit the volume.

    Examples
    --------
    >>> film = np.arange(4.0).reshape(1, 4, 1, 1, 1)  # four frames of one pixel
    >>> change = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1, 1)
    >>> tg.conv3d(film, change).ravel()
    array([1., 1., 1.])
    >>> tg.conv3d(np.zeros((2, 16, 28, 28, 3)), np.zeros((3, 3, 3, 3, 8)), padding="same").shape
    (2, 16, 28, 28, 8)
    """
    win = volume_window(x.shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if b is not None and b.shape != w.shape[4:]:
        raise bias_misfit("conv3d", b.shape, w.shape[4:])
    x, w, b = promoted(x, w, b)
    return _convolved(x, w, b, win, groups)


conv3d.vjp(
    x=lambda g, w, x_shape, groups, **p: conv3d_dx(
        g, w, volume_window(x_shape, w.shape, groups=groups, **p), groups),
    w=lambda g, x, w_shape, groups, **p: conv3d_dw(
        x, g, volume_window(x.shape, w_shape, groups=groups, **p), groups),
    b=lambda g: sum(g, axis=(0, 1, 2, 3)),
)  # fmt: skip
conv3d.formula(y="conv3d(x, w) + b", x="conv3d_dx(g, w)", w="conv3d_dw(x, g)")
