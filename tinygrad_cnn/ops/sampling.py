"""Images read between their pixels: `grid_sample` at given places, `affine_grid` for the places of an affine map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Beyond, SampleMode, Size2d
from ..core.tensor import as_array
from ..kernels import shapes
from ._arguments import Input, placed, shape_of, values
from .activation import clip
from .algebra import cast
from .arithmetic import where
from .elementwise import abs as absolute
from .indexing import take
from .products import matmul
from .rounding import floor, remainder
from .rounding import round as nearest
from .shape import expand_dims, reshape, transpose

__all__ = ["affine_grid", "grid_sample"]

Tap: TypeAlias = tuple[Any, Any]  # the pixel's number along one axis, as a float, and its weight
_MODES, _BORDERS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


@named
def grid_sample(
    x: Input, grid: Input, *, mode: SampleMode = "bilinear", padding_mode: Beyond = "zeros",
    align_corners: bool = False,
) -> Any:  # fmt: skip
    """Images read at the places that `grid` names.  x (N,H,W,C) · grid (N,H',W',2) -> (N,H',W',C)

    A place is (along the width, along the height), as fractions from -1 to 1 of the whole image; it may lie outside.
    Differentiable in the images and, but for "nearest", in the places.  Source: Jaderberg et al. (2015).

    Parameters
    ----------
    mode : "bilinear", "nearest" (halves to the even pixel) or "bicubic".
    padding_mode : what lies outside: "zeros", the pixel at the "border", or the "reflection" of the image.
    align_corners : whether -1 and 1 are the centres of the corner pixels, instead of their outer edges.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0]).reshape(1, 1, 4, 1)
    >>> grid = np.array([[-0.75, 0], [0, 0], [0.75, 0]]).reshape(1, 1, 3, 2)
    >>> tg.grid_sample(x, grid).ravel()
    array([0. , 1.5, 3. ])
    """
    who = placed("grid_sample")
    shape, places = shape_of(who, x), shape_of(who, grid)
    if len(shape) != 4 or len(places) != 4 or places[3] != 2 or places[0] != shape[0]:
        raise ValueError(
            f"{who}: x must be images (N, H, W, C) and grid places (N, H', W', 2) in them, "
            f"but x has shape {shape} and grid {places}."
        )
    if mode not in _MODES or padding_mode not in _BORDERS:
        raise ValueError(
            f"{who}: mode={mode!r} must be one of {', '.join(_MODES)}, and padding_mode={padding_mode!r} one of "
            f"{', '.join(_BORDERS)}."
        )
    n, h, w, c = shape
    if not h * w:
        raise ValueError(f"{who}: x has shape {shape}: images without pixels cannot be read.")
    grid = grid if hasattr(grid, "shape") else as_array(grid)
    across, down = (
        _taps(_pixels(grid[..., axis], size, align_corners), size, mode, padding_mode, align_corners)
        for axis, size in ((0, w), (1, h))
    )
    rows = reshape(x, (n * h * w, c))
    first = (np.arange(n) * (h * w)).reshape(n, 1, 1)
    total: Any = 0
    for i, down_weight in down:
        for j, across_weight in across:
            weight = down_weight * across_weight
            if padding_mode == "zeros":
                inside = (i >= 0) & (i < h) & (j >= 0) & (j < w)
                i_in, j_in = clip(i, 0, h - 1), clip(j, 0, w - 1)
                weight = where(inside, weight, 0.0)
            else:
                i_in, j_in = i, j
            number = cast(i_in, dtype=np.int64) * w + cast(j_in, dtype=np.int64) + first
            total = total + expand_dims(weight, -1) * take(rows, number, axis=0)
    return total


def _pixels(place: Any, size: int, align_corners: bool) -> Any:
    """Places from -1 to 1 as numbers of pixels, whose centres are whole numbers."""
    return (place + 1) * ((size - 1) / 2) if align_corners else ((place + 1) * size - 1) / 2


def _taps(at: Any, size: int, mode: str, border: str, align_corners: bool) -> list[Tap]:
    """The pixels along one axis that a value is made of, and their weights."""

    def inside(number: Any) -> Any:
        return _kept_inside(number, size, border, align_corners)

    if mode != "bicubic":
        at = inside(at)
    if mode == "nearest":
        return [(nearest(at), 1.0)]
    low = floor(at)
    share = at - low
    if mode == "bilinear":
        high = low + 1
        return [(low, 1 - share), (clip(high, 0, size - 1) if border != "zeros" else high, share)]
    weights: list[Callable[[Any], Any]] = [lambda t: _far(1 + t), _near, lambda t: _near(1 - t), lambda t: _far(2 - t)]
    return [(inside(low + k), weight(share)) for k, weight in zip((-1, 0, 1, 2), weights, strict=True)]


def _near(d: Any) -> Any:
    """Keys' weight of a pixel at a distance of 0 to 1, with a = -3/4 as in `resize`."""
    return (d * 1.25 - 2.25) * d * d + 1


def _far(d: Any) -> Any:
    """Keys' weight of a pixel at a distance of 1 to 2."""
    return (((d - 5) * d + 8) * d - 4) * -0.75


def _kept_inside(at: Any, size: int, border: str, align_corners: bool) -> Any:
    """Where on the image a place outside of it is read."""
    if border == "zeros":
        return at
    if border == "reflection":
        low, span = (0.0, float(size - 1)) if align_corners else (-0.5, float(size))
        if not span:
            return at * 0
        beyond = absolute(at - low)
        rest = remainder(beyond, 2 * span)
        at = where(rest > span, 2 * span - rest, rest) + low
    return clip(at, 0, size - 1)


@named
def affine_grid(theta: Input, size: Size2d, *, align_corners: bool = False) -> Any:
    """The places that affine maps give to the pixels of an image of `size` (H, W).  theta (N,2,3) -> (N,H,W,2)

    Pixel centres (x, y), from -1 to 1, go to ``theta @ (x, y, 1)``: what `grid_sample` takes.

    >>> turn = np.array([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])  # by a quarter
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> tg.grid_sample(x, tg.affine_grid(turn, (2, 2)))[0, :, :, 0]
    array([[2., 4.],
           [1., 3.]])
    """
    who = placed("affine_grid")
    shape = shape_of(who, theta)
    if len(shape) != 3 or shape[1:] != (2, 3):
        raise ValueError(f"{who}: theta must be affine maps (N, 2, 3), but has shape {shape}.")
    h, w = shapes.pair(who, "size", size)
    dtype = as_array(values(theta)).dtype
    down, across = (_centres(length, align_corners) for length in (h, w))
    points = np.stack([*np.meshgrid(across, down), np.ones((h, w))], axis=-1).reshape(h * w, 3)
    points = points.astype(dtype if dtype.kind == "f" else np.float32)
    return reshape(matmul(points, transpose(theta, (0, 2, 1))), (shape[0], h, w, 2))


def _centres(size: int, align_corners: bool) -> np.ndarray:
    """The centres of pixels along one axis, from -1 to 1."""
    if align_corners:
        return np.linspace(-1, 1, size) if size > 1 else np.zeros(1)
    return (2 * np.arange(size) + 1) / size - 1
