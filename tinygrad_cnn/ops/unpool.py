"""Pixels by their number within an image: max pooling that says where its winners were, and what puts them back.

A pixel's number is row*W + column, PyTorch's convention, whatever window found it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.calls import named
from ..autodiff.kinds import Padding, Size2d
from ..autodiff.sample import integers
from ..core import op
from ..core.tensor import as_array
from ..kernels import shapes
from ._arguments import Input, check_floating, placed, values
from .pool import geometry, max_pool2d_take

__all__ = ["max_pool2d_with_indices", "max_unpool2d"]


@named
def max_pool2d_with_indices(
    x: Input, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1,
    ceil_mode: bool = False,
) -> tuple[Any, np.ndarray]:  # fmt: skip
    """`max_pool2d`, and the number row*W + column of each winner.  x (N,H,W,C) -> (N,H',W',C), (N,H',W',C) int

    The numbers are a plain array, to be given to `max_unpool2d`.
    """
    who = placed("max_pool2d_with_indices")
    shape, plain = np.shape(x), as_array(values(x), who)
    win = geometry(who, shape, window, stride, padding, dilation, ceil_mode)
    check_floating(who, plain)
    _, tap = kernels.max_pool2d(plain, win)
    (_, j), (si, sj), ((top, _), (left, _)), (di, dj) = win.window, win.stride, win.padding, win.dilation
    tap = tap.astype(np.intp)
    rows = np.arange(win.out[0])[:, None, None] * si - top + tap // j * di
    columns = np.arange(win.out[1])[:, None] * sj - left + tap % j * dj
    options = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    return max_pool2d_take(x, tap, window=window, **options), rows * shape[2] + columns


def _check(who: str, shape: Any, indices: Any, pixels: int) -> None:
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{who}: indices have dtype {indices.dtype}; they must be whole numbers.")
    if indices.shape != shape:
        raise ValueError(f"{who}: indices have shape {indices.shape}, expected {shape}: one for each value.")
    if indices.size and (indices.min() < 0 or indices.max() >= pixels):
        raise ValueError(
            f"{who}: indices go from {indices.min()} to {indices.max()}, but the images have {pixels} pixels, "
            f"numbered 0 to {pixels - 1}."
        )


def _unpool_ref(x: np.ndarray, indices: np.ndarray, size: Any) -> np.ndarray:
    h, w = size if isinstance(size, tuple) else (size, size)
    out = np.zeros((x.shape[0], h, w, x.shape[3]), x.dtype)
    for n, i, j, c in np.ndindex(x.shape):
        row, column = divmod(int(indices[n, i, j, c]), w)
        out[n, row, column, c] += x[n, i, j, c]
    return out


@op(
    linear=["x"],
    floating=["x"],
    params=["size"],
    samples=[S(x=(2, 2, 3, 2), indices=integers(24, 2, 2, 3, 2), size=(4, 6)),
             S(x=(1, 2, 2, 1), indices=integers(9, 1, 2, 2, 1), size=3)],
    ref=_unpool_ref,
    cost=lambda x_shape: math.prod(x_shape),
    stacks=first_axis("x", "indices"),
)  # fmt: skip
def max_unpool2d(x: Any, indices: Any, size: Size2d) -> Any:
    """Zeros, with each value of x at its pixel.  x (N,H',W',C) · indices (N,H',W',C) int -> (N,H,W,C)

    Undoes what max pooling did, as far as that can be: ``y, k = max_pool2d_with_indices(x, 2)``, then
    ``max_unpool2d(y, k, x.shape[1:3])``.  Values that share a pixel, as those of windows that overlap may, add up.

    Parameters
    ----------
    indices : the number row*W + column of each value's pixel in an image of `size`.
    size : (H, W) of the result, or an int for both.

    Raises
    ------
    ValueError : an index lies outside of the image.

    Examples
    --------
    >>> x = np.array([1.0, 3.0, 4.0, 2.0]).reshape(1, 1, 4, 1)
    >>> y, indices = tg.max_pool2d_with_indices(x, (1, 2))
    >>> tg.max_unpool2d(y, indices, (1, 4)).ravel()
    array([0., 3., 4., 0.])
    """
    who = "max_unpool2d"
    shapes.image(who, "x", x.shape)
    (n, _, _, c), (h, w) = x.shape, shapes.pair(who, "size", size)
    _check(who, x.shape, indices, h * w)
    places = (np.arange(n)[:, None, None, None] * (h * w) + indices) * c + np.arange(c)
    return np.bincount(places.ravel(), x.ravel(), n * h * w * c).astype(x.dtype).reshape(n, h, w, c)


@op(
    linear=["x"],
    samples=[S(x=(2, 4, 6, 2), indices=integers(24, 2, 2, 3, 2)), S(x=(1, 3, 3, 1), indices=integers(9, 1, 2, 2, 1))],
    ref=lambda x, indices: np.array([
        [[[image[divmod(int(k), x.shape[2])][c] for c, k in enumerate(pixel)] for pixel in row] for row in places]
        for image, places in zip(x, indices, strict=True)]),
    cost=lambda: 0,
    stacks=first_axis("x", "indices"),
)  # fmt: skip
def max_unpool2d_take(x: Any, indices: Any) -> Any:
    """The pixels with these numbers: the adjoint of max_unpool2d.  x (N,H,W,C) · indices (N,H',W',C) -> (N,H',W',C)"""
    shapes.image("max_unpool2d_take", "x", x.shape)
    n, h, w, c = x.shape
    _check("max_unpool2d_take", (n, *indices.shape[1:3], c), indices, h * w)
    places = indices.reshape(n, math.prod(indices.shape[1:3]), c)
    return np.take_along_axis(x.reshape(n, h * w, c), places, axis=1).reshape(indices.shape)


max_unpool2d.vjp(x=lambda g, indices: max_unpool2d_take(g, indices))
max_unpool2d_take.vjp(x=lambda g, indices, x_shape: max_unpool2d(g, indices, x_shape[1:3]))
