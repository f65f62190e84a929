"""Pooling.  Max pooling is linear once the winners are chosen: its rule puts, whose rule takes, whose rule puts."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.kinds import Padding, Size2d
from ..autodiff.sample import apart, integers
from ..core import op
from ..kernels import shapes, slow
from ._arguments import check_floating
from ._axes import spread

__all__ = ["avg_pool2d", "global_avg_pool2d", "max_pool2d"]


@lru_cache(1024, typed=True)  # typed, since True and 1.0 equal 1 but are refused
def _window(
    op_name: str, x_shape: Any, window: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> shapes.Window:
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return shapes.pool_window(op_name, x_shape, window, ceil_mode=ceil_mode, **options)


def geometry(
    op_name: str, x_shape: Any, window: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> shapes.Window:
    """The window of a pooling, worked out once for each set of shapes and options."""
    try:
        return _window(op_name, x_shape, window, stride, padding, dilation, ceil_mode)
    except TypeError:  # a list cannot be looked up
        return _window.__wrapped__(op_name, x_shape, window, stride, padding, dilation, ceil_mode)


def _taps(y_shape: tuple[int, ...], window: Any) -> int:
    return math.prod(y_shape) * math.prod(shapes.pair("pool", "window", window))


def _cost(y_shape: Any, window: Any) -> int:
    return _taps(y_shape, window)


def _ref(kernel: Any, op_name: str) -> Any:
    """A reference for an op on images (of `size`, if it is given gradients instead) by the slow kernel."""

    def ref(first: Any, *more: Any, window: Any, size: Any = None, **options: Any) -> Any:
        size = first.shape[1:3] if size is None else size
        include = options.pop("count_include_pad", None)
        win = shapes.pool_window(op_name, (first.shape[0], *size, first.shape[3]), window, **options)
        counts = () if include is None else (shapes.tap_counts(win, include),)
        return kernel(first, *more, win, *counts)

    return ref


@op(
    linear=["x"],
    params=["window", "stride", "padding", "dilation", "ceil_mode"],
    aux=["tap"],
    samples=[
        S(x=apart(2, 4, 6, 2), window=2), S(x=apart(1, 5, 5, 2), window=3, stride=2, padding=1),
        S(x=apart(1, 6, 5, 1), window=(2, 3), stride=1, dilation=(2, 1)),
        S(x=apart(1, 5, 6, 2), window=2, ceil_mode=True),
        S(x=apart(1, 5, 5, 1), window=3, stride=2, padding="same"),
    ],
    ref=lambda x, window, **options: _ref(slow.max_pool2d, "max_pool2d")(x, window=window, **options)[0],
    cost=_cost,
    stacks=first_axis("x"),
)  # fmt: skip
def max_pool2d(
    x: Any, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest pixel of each window.  x (N,H,W,C) -> (N,H',W',C)

    Padding is minus infinity: it never wins.  A tie goes to the first pixel in row order, NaN wins.

    Parameters
    ----------
    window : int or pair.  stride : int or pair, the window if None.  dilation : int or pair.
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid".
    ceil_mode : whether a last window that sticks out counts, if it starts on the image.

    Raises
    ------
    ValueError : the window does not fit, or a window could lie on padding alone.
    TypeError : x holds no floats.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 0.0, 6.0]]).reshape(1, 2, 4, 1)
    >>> tg.max_pool2d(x, 2).ravel()
    array([4., 6.])
    >>> tg.max_pool2d(x, 2, stride=1).ravel()
    array([4., 5., 6.])
    """
    check_floating("max_pool2d", x)
    return kernels.max_pool2d(x, geometry("max_pool2d", x.shape, window, stride, padding, dilation, ceil_mode))


@op(
    linear=["dy"],
    floating=["dy"],
    samples=[
        S(dy=(2, 2, 3, 2), tap=integers(4, 2, 2, 3, 2), size=(4, 6), window=2),
        S(dy=(1, 3, 3, 2), tap=integers(1, 1, 3, 3, 2), size=(3, 3), window=3, stride=1, padding=((0, 2), (0, 2))),
        S(dy=(1, 2, 2, 2), tap=integers(4, 1, 2, 2, 2), size=(3, 3), window=2, stride=1),
    ],
    ref=_ref(slow.max_pool2d_put, "max_pool2d"),
    stacks=first_axis("dy", "tap"),
)  # fmt: skip
def max_pool2d_put(
    dy: Any, tap: Any, *, size: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """Add each dy at the pixel of its window's winner.  dy (N,H',W',C) · tap (N,H',W',C) int -> (N,H,W,C)"""
    x_shape = (dy.shape[0], *size, dy.shape[3])
    return kernels.max_pool2d_put(
        dy, tap, geometry("max_pool2d", x_shape, window, stride, padding, dilation, ceil_mode)
    )


@op(
    linear=["x"],
    samples=[
        S(x=(2, 4, 6, 2), tap=integers(4, 2, 2, 3, 2), window=2),
        S(x=(1, 3, 3, 2), tap=integers(1, 1, 3, 3, 2), window=3, stride=1, padding=((0, 2), (0, 2))),
        S(x=(1, 3, 3, 2), tap=integers(4, 1, 2, 2, 2), window=2, stride=1),
    ],
    ref=_ref(slow.max_pool2d_take, "max_pool2d"),
    stacks=first_axis("x", "tap"),
)  # fmt: skip
def max_pool2d_take(
    x: Any, tap: Any, *, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The pixel of each window's winner, chosen before.  x (N,H,W,C) · tap (N,H',W',C) int -> (N,H',W',C)"""
    return kernels.max_pool2d_take(
        x, tap, geometry("max_pool2d", x.shape, window, stride, padding, dilation, ceil_mode)
    )


max_pool2d.vjp(x=lambda g, tap, x_shape, **p: max_pool2d_put(g, tap, size=x_shape[1:3], **p))
max_pool2d_put.vjp(dy=lambda g, tap, window, stride, padding, dilation, ceil_mode: max_pool2d_take(
    g, tap, window=window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode))  # fmt: skip
max_pool2d_take.vjp(x=lambda g, tap, x_shape, **p: max_pool2d_put(g, tap, size=x_shape[1:3], **p))


@op(
    linear=["x"],
    floating=["x"],
    params=["window", "stride", "padding", "ceil_mode", "count_include_pad"],
    samples=[
        S(x=(2, 4, 6, 2), window=2), S(x=(1, 5, 5, 2), window=3, stride=2, padding=1),
        S(x=(1, 5, 5, 2), window=3, stride=2, padding=1, count_include_pad=False),
        S(x=(1, 5, 6, 1), window=2, ceil_mode=True),
        S(x=(1, 5, 5, 1), window=2, padding="same", count_include_pad=False),
    ],
    ref=lambda x, window, count_include_pad=True, **options: _ref(slow.avg_pool2d, "avg_pool2d")(
        x, window=window, count_include_pad=count_include_pad, **options),
    cost=_cost,
    stacks=first_axis("x"),
)  # fmt: skip
def avg_pool2d(
    x: Any,
    window: Size2d,
    stride: Size2d | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window.  x (N,H,W,C) -> (N,H',W',C)

    Options as in `max_pool2d`; `count_include_pad` says whether padding counts in the mean (as zeros).

    >>> x = np.array([[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 1.0, 6.0]]).reshape(1, 2, 4, 1)
    >>> tg.avg_pool2d(x, 2).ravel()
    array([2.5, 3. ])
    """
    win = geometry("avg_pool2d", x.shape, window, stride, padding, 1, ceil_mode)
    return kernels.avg_pool2d(x, win, shapes.tap_counts(win, count_include_pad))


@op(
    linear=["dy"],
    floating=["dy"],
    samples=[
        S(dy=(2, 2, 3, 2), size=(4, 6), window=2),
        S(dy=(1, 3, 3, 2), size=(5, 5), window=3, stride=2, padding=1, count_include_pad=False),
        S(dy=(1, 3, 3, 1), size=(5, 6), window=2, ceil_mode=True),
    ],
    ref=lambda dy, count_include_pad=True, **options: _ref(slow.avg_pool2d_put, "avg_pool2d")(
        dy, count_include_pad=count_include_pad, **options),
    stacks=first_axis("dy"),
)  # fmt: skip
def avg_pool2d_put(
    dy: Any, *, size: Any, window: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """Each dy in equal parts over the pixels of its window.  dy (N,H',W',C) -> (N,H,W,C)"""
    x_shape = (dy.shape[0], *size, dy.shape[3])
    win = geometry("avg_pool2d", x_shape, window, stride, padding, 1, ceil_mode)
    return kernels.avg_pool2d_put(dy, win, shapes.tap_counts(win, count_include_pad))


avg_pool2d.vjp(x=lambda g, x_shape, **p: avg_pool2d_put(g, size=x_shape[1:3], **p))
avg_pool2d_put.vjp(dy=lambda g, window, stride, padding, ceil_mode, count_include_pad: avg_pool2d(
    g, window, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad))  # fmt: skip


@op(
    linear=["x"],
    floating=["x"],
    samples=[S(x=(2, 3, 4, 2)), S(x=(1, 1, 1, 3))],
    ref=lambda x: np.array([[image[..., c].sum() / image[..., c].size for c in range(x.shape[3])] for image in x]),
    cost=lambda x_shape: math.prod(x_shape),
    stacks=first_axis("x"),
)
def global_avg_pool2d(x: Any) -> Any:
    """The mean of each channel over the whole image.  x (N,H,W,C) -> (N,C)

    >>> tg.global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]])
    """
    shapes.image("global_avg_pool2d", "x", x.shape)
    if not x.shape[1] * x.shape[2]:
        raise ValueError(f"global_avg_pool2d: x has shape {x.shape}: images without pixels have no mean.")
    n, h, w, c = x.shape
    whole = shapes.Window((h, w), (h, w), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1))
    return kernels.avg_pool2d(x, whole, np.full((1, 1), h * w)).reshape(n, c)


global_avg_pool2d.vjp(x=lambda g, x_shape: spread(g * (1 / (x_shape[1] * x_shape[2])), x_shape, (1, 2)))
global_avg_pool2d.formula(x="spread(g / count)")
