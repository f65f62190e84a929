"""Pooling of sequences and volumes, as pooling of images.

A window is a product of intervals, so the maximum or the mean over it is that over a plane of it, then that over its
depth.  Where two voxels are equal the first in order of depth, row, column wins, for the depth comes last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Padding, Size3d, Whole
from ..core.tensor import as_array
from ..kernels import shapes
from ._arguments import Input, check_floating, placed, shape_of, values
from .pool import avg_pool2d, max_pool2d
from .shape import reshape

__all__ = ["avg_pool1d", "avg_pool3d", "max_pool1d", "max_pool3d"]

Pool = Callable[..., Any]


def as_planes(x: Any) -> Any:
    """Volumes as images, one for each depth.  x (N,D,H,W,C) -> (N*D,H,W,C)"""
    n, d, *plane = np.shape(x)
    return reshape(x, (n * d, *plane))


def _pooled(pool: Pool, who: str, x: Any, window: Any, axes: int, ceil_mode: bool, options: Any, more: Any) -> Any:
    """Sequences or volumes pooled by a function that pools images; `more` are options without an axis."""
    win = shapes.pool_window(who, shape_of(who, x), window, ceil_mode=ceil_mode, axes=axes, **options)
    (n, first, *_, c), (out, *plane) = np.shape(x), win.out

    def along(images: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        spread = {"dilation": dilation} if "dilation" in options else {}  # which averages have not
        return pool(images, window, stride=stride, padding=padding, ceil_mode=ceil_mode, **spread, **more)

    if axes == 3:
        x = along(as_planes(x), win.window[1:], win.stride[1:], win.sides[1:], win.dilation[1:])
    x = reshape(x, (n, first, math.prod(plane), c))
    y = along(x, (win.window[0], 1), (win.stride[0], 1), (win.sides[0], (0, 0)), (win.dilation[0], 1))
    return reshape(y, (n, out, *plane, c))


def _max_pooled(name: str, x: Any, window: Any, axes: int, ceil_mode: bool, **options: Any) -> Any:
    who = placed(name)
    check_floating(who, as_array(values(x), who))
    return _pooled(max_pool2d, who, x, window, axes, ceil_mode, options, {})


@named
def max_pool1d(
    x: Input, window: Whole, stride: Whole | None = None, padding: Padding = 0, dilation: Whole = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest number of each window.  x (N,L,C) -> (N,L',C)

    Options as in `max_pool2d`, of one axis; `padding` is an int, (before, after), "same" or "valid".

    >>> tg.max_pool1d(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1), 2).ravel()
    array([4., 3.])
    """
    return _max_pooled("max_pool1d", x, window, 1, ceil_mode, stride=stride, padding=padding, dilation=dilation)


@named
def max_pool3d(
    x: Input, window: Size3d, stride: Size3d | None = None, padding: Padding = 0, dilation: Size3d = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest voxel of each window.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Options as in `max_pool2d`: an int, or three of them along depth, height and width; `padding` as in `conv3d`.  A tie
    goes to the first voxel in order of depth, row and column, and NaN wins.

    >>> tg.max_pool3d(np.arange(16.0).reshape(1, 2, 2, 4, 1), 2).ravel()
    array([13., 15.])
    """
    return _max_pooled("max_pool3d", x, window, 3, ceil_mode, stride=stride, padding=padding, dilation=dilation)


@named
def avg_pool1d(
    x: Input, window: Whole, stride: Whole | None = None, padding: Padding = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """The mean of each window.  x (N,L,C) -> (N,L',C)

    Options as in `avg_pool2d`, of one axis; `padding` is an int, (before, after), "same" or "valid".

    >>> tg.avg_pool1d(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1), 2).ravel()
    array([2.5, 2.5])
    """
    who, options = placed("avg_pool1d"), {"stride": stride, "padding": padding}
    return _pooled(avg_pool2d, who, x, window, 1, ceil_mode, options, {"count_include_pad": count_include_pad})


@named
def avg_pool3d(
    x: Input, window: Size3d, stride: Size3d | None = None, padding: Padding = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """The mean of each window.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Options as in `avg_pool2d`: an int, or three of them along depth, height and width; `padding` as in `conv3d`.

    >>> tg.avg_pool3d(np.arange(16.0).reshape(1, 2, 2, 4, 1), 2).ravel()
    array([6.5, 8.5])
    """
    who, options = placed("avg_pool3d"), {"stride": stride, "padding": padding}
    return _pooled(avg_pool2d, who, x, window, 3, ceil_mode, options, {"count_include_pad": count_include_pad})
