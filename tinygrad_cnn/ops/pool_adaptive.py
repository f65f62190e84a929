"""Pooling into a given number of windows, and of everything: as pooling of images, axis by axis.

Where two numbers are equal the first in order of depth, row, column wins, for the last axis is pooled first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Size2d, Size3d, Whole
from ..core.tensor import as_array
from ..kernels import shapes
from ._arguments import Input, check_floating, placed, shape_of, values
from .indexing import take
from .pool import global_avg_pool2d, max_pool2d
from .pool_forms import as_planes
from .resample import adaptive_avg_pool2d
from .shape import reshape

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "global_avg_pool1d", "global_avg_pool3d", "global_max_pool1d", "global_max_pool2d", "global_max_pool3d",
]  # fmt: skip


def _along(x: Any, axis: int = 1) -> Any:
    """What lies along one axis as the first axis of images.  x (...,n,...,C) -> (M,n,P,C)"""
    shape = np.shape(x)
    return reshape(x, (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 : -1]), shape[-1]))


def _adaptive(name: str, x: Any, size: Any, axes: int) -> tuple[str, shapes.Sizes]:
    """The name of the function as messages have it and the sizes of the result, once both arguments are checked."""
    who = placed(name)
    shape = shape_of(who, x)
    shapes.batch(who, "x", shape, axes)
    sizes = shapes.each(who, "size", size, axes)
    _check_not_empty(who, shape)
    return who, sizes


def _check_not_empty(who: str, shape: tuple[int, ...]) -> None:
    if not math.prod(shape[1:-1]):
        thing = shapes.THINGS[len(shape) - 2][0]
        raise ValueError(f"{who}: x has shape {shape}: {thing}s without elements have no maximum and no mean.")


def _mean_of_bins(name: str, x: Any, size: Any, axes: int) -> Any:
    _, sizes = _adaptive(name, x, size, axes)
    n, first, *_, c = np.shape(x)
    plane = sizes[1:]
    if plane:
        x = reshape(adaptive_avg_pool2d(as_planes(x), plane), (n, first, math.prod(plane), c))
    return reshape(adaptive_avg_pool2d(_along(x), (sizes[0], math.prod(plane))), (n, *sizes, c))


def _max_of_bins(name: str, x: Any, size: Any, axes: int) -> Any:
    """Axis by axis, the last first: bins of different lengths repeat their last place, which changes no maximum."""
    who, sizes = _adaptive(name, x, size, axes)
    check_floating(who, as_array(values(x), who))
    for axis in range(axes, 0, -1):
        shape = np.shape(x)
        n, m = shape[axis], sizes[axis - 1]
        images, longest = _along(x, axis), n // m
        if n % m:
            start, end = np.arange(m) * n // m, -(-np.arange(1, m + 1) * n // m)
            longest = int((end - start).max())
            places = np.minimum(start[:, None] + np.arange(longest), end[:, None] - 1)
            images = take(images, places.ravel(), axis=1)
        if longest > 1:
            images = max_pool2d(images, (longest, 1))
        x = reshape(images, (*shape[:axis], m, *shape[axis + 1 :]))
    return x


@named
def adaptive_avg_pool1d(x: Input, size: Whole) -> Any:
    """Means over `size` bins that cover the sequence, whatever its length.  x (N,L,C) -> (N,L',C)

    Bins as in `adaptive_avg_pool2d`.

    >>> tg.adaptive_avg_pool1d(np.arange(5.0).reshape(1, 5, 1), 2).ravel()  # places 0 to 2, and 2 to 4
    array([1., 3.])
    """
    return _mean_of_bins("adaptive_avg_pool1d", x, size, 1)


@named
def adaptive_avg_pool3d(x: Input, size: Size3d) -> Any:
    """Means over D' x H' x W' bins that cover the volume, whatever its size.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Bins as in `adaptive_avg_pool2d`.

    >>> tg.adaptive_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), (2, 1, 1)).ravel()
    array([1.5, 5.5])
    """
    return _mean_of_bins("adaptive_avg_pool3d", x, size, 3)


@named
def adaptive_max_pool1d(x: Input, size: Whole) -> Any:
    """The largest number in each of `size` bins that cover the sequence, whatever its length.  x (N,L,C) -> (N,L',C)

    Bins as in `adaptive_avg_pool2d`; ties as in `max_pool2d`.

    >>> tg.adaptive_max_pool1d(np.arange(5.0).reshape(1, 5, 1), 2).ravel()
    array([2., 4.])
    """
    return _max_of_bins("adaptive_max_pool1d", x, size, 1)


@named
def adaptive_max_pool2d(x: Input, size: Size2d) -> Any:
    """The largest pixel in each of H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)

    Bins as in `adaptive_avg_pool2d`; ties as in `max_pool2d`.

    >>> tg.adaptive_max_pool2d(np.arange(12.0).reshape(1, 3, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [ 9., 11.]])
    """
    return _max_of_bins("adaptive_max_pool2d", x, size, 2)


@named
def adaptive_max_pool3d(x: Input, size: Size3d) -> Any:
    """The largest voxel in each of D' x H' x W' bins that cover the volume.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Bins as in `adaptive_avg_pool2d`; ties as in `max_pool3d`.

    >>> tg.adaptive_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), (2, 1, 1)).ravel()
    array([3., 7.])
    """
    return _max_of_bins("adaptive_max_pool3d", x, size, 3)


# -- everything -------------------------------------------------------------------------------------------------


def _whole(name: str, x: Any, axes: int) -> Any:
    """Sequences, images or volumes as images with the same pixels in the same order, checked to hold some."""
    who = placed(name)
    shape = shape_of(who, x)
    shapes.batch(who, "x", shape, axes)
    _check_not_empty(who, shape)
    return _along(x)


def _max_of_all(name: str, x: Any, axes: int) -> Any:
    images = _whole(name, x, axes)
    check_floating(placed(name), as_array(values(x)))
    n, h, w, c = np.shape(images)
    return reshape(max_pool2d(images, (h, w)), (n, c))


@named
def global_avg_pool1d(x: Input) -> Any:
    """The mean of each channel over the whole sequence.  x (N,L,C) -> (N,C)

    >>> tg.global_avg_pool1d(np.arange(4.0).reshape(1, 2, 2))
    array([[1., 2.]])
    """
    return global_avg_pool2d(_whole("global_avg_pool1d", x, 1))


@named
def global_avg_pool3d(x: Input) -> Any:
    """The mean of each channel over the whole volume.  x (N,D,H,W,C) -> (N,C)

    >>> tg.global_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 1, 2))
    array([[3., 4.]])
    """
    return global_avg_pool2d(_whole("global_avg_pool3d", x, 3))


@named
def global_max_pool1d(x: Input) -> Any:
    """The largest number of each channel in the whole sequence; the first of equals.  x (N,L,C) -> (N,C)

    >>> tg.global_max_pool1d(np.arange(4.0).reshape(1, 2, 2))
    array([[2., 3.]])
    """
    return _max_of_all("global_max_pool1d", x, 1)


@named
def global_max_pool2d(x: Input) -> Any:
    """The largest pixel of each channel in the whole image; the first of equals.  x (N,H,W,C) -> (N,C)

    >>> tg.global_max_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]])
    """
    return _max_of_all("global_max_pool2d", x, 2)


@named
def global_max_pool3d(x: Input) -> Any:
    """The largest voxel of each channel in the whole volume; the first of equals.  x (N,D,H,W,C) -> (N,C)

    >>> tg.global_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 1, 2))
    array([[6., 7.]])
    """
    return _max_of_all("global_max_pool3d", x, 3)
