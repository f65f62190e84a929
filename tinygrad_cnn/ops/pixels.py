"""Channels as pixels and back: no number changes, only its place."""

from __future__ import annotations

from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ._arguments import Input, placed, shape_of
from .shape import reshape, transpose

__all__ = ["pixel_shuffle", "pixel_unshuffle"]


@named
def pixel_shuffle(x: Input, factor: Whole) -> Any:
    """Every `factor` ** 2 channels become a square of pixels.  x (N,H,W,C*r*r) -> (N,H*r,W*r,C)

    Channel c*r*r + i*r + j becomes pixel (i, j) of channel c, as in PyTorch; TensorFlow's depth_to_space counts
    i*r*C + j*C + c.  Source: Shi et al. (2016).

    >>> tg.pixel_shuffle(np.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0]
    array([[0., 1.],
           [2., 3.]])
    """
    who, r = placed("pixel_shuffle"), whole("pixel_shuffle", "factor", factor)
    shape = shape_of(who, x)
    if len(shape) != 4 or shape[3] % (r * r):
        raise ValueError(f"{who}: factor={r} needs images (N, H, W, C) with C a multiple of {r * r}, got {shape}.")
    n, h, w, c = shape
    squares = transpose(reshape(x, (n, h, w, c // (r * r), r, r)), (0, 1, 4, 2, 5, 3))
    return reshape(squares, (n, h * r, w * r, c // (r * r)))


@named
def pixel_unshuffle(x: Input, factor: Whole) -> Any:
    """Every square of `factor` x `factor` pixels becomes channels: undoes `pixel_shuffle`.

    x (N,H*r,W*r,C) -> (N,H,W,C*r*r)

    >>> tg.pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel()
    array([0., 1., 2., 3.])
    """
    who, r = placed("pixel_unshuffle"), whole("pixel_unshuffle", "factor", factor)
    shape = shape_of(who, x)
    if len(shape) != 4 or shape[1] % r or shape[2] % r:
        raise ValueError(f"{who}: factor={r} must divide the height and width of images (N, H, W, C), got {shape}.")
    n, h, w, c = shape[0], shape[1] // r, shape[2] // r, shape[3]
    squares = transpose(reshape(x, (n, h, r, w, r, c)), (0, 1, 3, 5, 2, 4))
    return reshape(squares, (n, h, w, c * r * r))
