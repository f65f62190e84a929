"""A drawing or a photograph as a data set has its own pictures: size, channels, bright on black, centred and scaled.

A network has learnt from pictures of one make.  What it is shown later must be made alike, or it is asked about
something that it has never seen: a digit in a corner, or ink on paper where it knows light on black.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

FAINT = 0.25  # of full ink: less is paper
FILLED = 0.85  # of a side: then somebody has cut the picture out already
FINE, FINEST = 4, 1024  # places in a row that are looked at: for each pixel at least, and in all at most
STEP = 1e-4  # of full ink: values that are closer than this count as equal, since rounding differs between machines
EDGE = 1e-6  # of a pixel: a place that lies this close before a pixel's edge belongs to that pixel, for the same reason


@dataclass(frozen=True)
class Prepared:
    """What a network is shown, and where in the picture it was found.

    Attributes
    ----------
    x : (H,W,C) float32 in [0, 1].
    frame : (2, 3) numbers: a place (row, column) of x maps to ``frame @ (row, column, 1)`` in the picture, both
        counted in heights and widths: (0, 0) is the top left corner and (1, 1) the bottom right one.
    """

    x: np.ndarray
    frame: np.ndarray


def prepare(picture: Any, shape: tuple[int, ...], data: str | None = None, *, paper: bool | None = None) -> Prepared:
    """Make a picture like those of a data set.

    Parameters
    ----------
    picture : (H,W,C) floating, finite, in [0, 1]; of any size, with the channels that `shape` has.
    shape : (H,W,C) of the network's input.
    data : the data set's name.  For ``digits``, ``mnist`` and ``fashion_mnist`` the picture is turned bright on black,
        cut out and scaled as theirs are, unless it has the very size of the input; for others it is resized.
    paper : whether the picture is dark ink on bright paper, drawn anywhere on it; None: nobody knows.  Then it is
        paper if its border is brighter than half, and was cut out before if its ink goes almost from edge to edge.

    Raises
    ------
    ValueError : the picture has another form, or values that are not finite or outside of [0, 1].
    """
    h, w, channels = shape
    picture, whole = _checked(picture, channels), np.array([[1.0, 0, 0], [0, 1, 0]])
    fits = picture.shape == (h, w, channels)
    if data not in STYLES:
        return Prepared(picture if fits else _sampled(picture, whole, (h, w)), whole)
    bright = 1 - picture if (_is_paper(picture) if paper is None else paper) else picture
    if fits:
        return Prepared(bright, whole)
    ink = _ink(bright)
    if not (ink > FAINT).any():
        return Prepared(np.zeros((h, w, channels), np.float32), whole)
    top, bottom, left, right = _box(ink)
    if paper is None and (bottom - top >= FILLED * ink.shape[0] or right - left >= FILLED * ink.shape[1]):
        return Prepared(_sampled(bright, whole, (h, w)), whole)
    x, frame = STYLES[data](ink, h, w)
    return Prepared(np.repeat(x[..., None], channels, axis=2).astype(np.float32), frame)


def _border(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[0], x[-1], x[1:-1, 0], x[1:-1, -1]])


def _is_paper(picture: np.ndarray) -> bool:
    return bool(_border(picture).mean() > 0.5)


def _checked(picture: Any, channels: int) -> np.ndarray:
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[2] != channels or not array.size or array.dtype.kind != "f":
        raise ValueError(f"prepare: a picture is (H,W,{channels}) floating, got {array.dtype} {array.shape}.")
    if not np.isfinite(array).all():
        at = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise ValueError(f"prepare: the picture holds {array[at]} at (row, column, channel) {at}.")
    if array.min() < 0 or array.max() > 1:
        raise ValueError(f"prepare: the picture's values go from {array.min()} to {array.max()}; scale them to 0..1.")
    return array.astype(np.float32, copy=False)


def _ink(bright: np.ndarray) -> np.ndarray:
    """Paper as 0 and ink as 1: (H,W).  The border is paper, though a photograph's is never quite black."""
    grey = bright.mean(axis=2)
    ground = np.median(_border(grey))
    top = np.quantile(grey, 0.999) if grey.size > 4096 else grey.max()
    if top - ground < 0.1:  # nothing but paper
        return np.zeros_like(grey)
    return np.clip((grey - ground) / (top - ground), 0, 1)


# -- how each data set was made -------------------------------------------------------------------------------


def _digits(ink: np.ndarray, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """As the digits in the package: as high as the picture, about 20 of 32 columns wide, evenly inked.

    They were counted in blocks of 4x4 from bitmaps of 32x32.  In all of them ink reaches the first and the last row,
    and covers about 312 of the 1,024 places, thin and thick pens alike: programs had made strokes even.  18 columns
    become 20 as strokes get thicker.  The widths that a one keeps, and the quarter of the slant that is undone, were
    found by trial: lines drawn in many ways, six networks.
    """
    fine_h, fine_w = 4 * h, 4 * w
    slant = _slant(ink) / 4
    top, bottom, left, right = _box(ink, slant)
    scale = (bottom - top) / fine_h  # pixels of the drawing to one of the bitmap
    natural = (right - left) / scale
    columns = float(np.clip(18 / 32 * fine_w, natural / 1.5, natural * 1.5))  # a one stays slim
    across = (right - left) / columns
    frame = _frame(ink, ((top + bottom) / 2, (left + right) / 2), (bottom - top, across * fine_w), slant)
    soft = _blurred(_sampled(ink[..., None], frame, (fine_h, fine_w))[..., 0])
    bitmap = _most_inked(soft, int(312 / 1024 * fine_h * fine_w))  # so thick strokes get thinner, thin ones thicker
    return bitmap.reshape(h, 4, w, 4).mean(axis=(1, 3)), frame


def _most_inked(soft: np.ndarray, count: int) -> np.ndarray:
    """The `count` places with the most ink, as a boolean picture; places with almost no ink never belong to them.

    Within a broad stroke `soft` is constant but for rounding, which depends on the BLAS.  Such places count as equal,
    and those nearest to the middle of the picture come first.  So the choice is the same everywhere, and a shape
    that is too broad keeps its centre rather than its top rows.
    """
    h, w = soft.shape
    rows, columns = np.mgrid[:h, :w]
    distance = (2 * rows - (h - 1)) ** 2 + (2 * columns - (w - 1)) ** 2  # squared, in half places: whole numbers
    level = np.rint(soft / STEP).astype(int)
    order = np.lexsort((distance.ravel(), -level.ravel()))[:count]  # stable: the first row wins a tie of both
    chosen = np.zeros(soft.size, bool)
    chosen[order] = True
    return chosen.reshape(h, w) & (level > round(0.02 / STEP))


def _mnist(ink: np.ndarray, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """As MNIST: the longer side 20 of 28 pixels, the centre of mass in the middle."""
    top, bottom, left, right = _box(ink)
    side = max(bottom - top, right - left) * 28 / 20
    frame = _frame(ink, _centre(ink), (side, side * w / h))
    return _sampled(ink[..., None], frame, (h, w))[..., 0], frame


def _fashion(ink: np.ndarray, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """As Fashion-MNIST: the longer side fills the picture, the other one is centred."""
    top, bottom, left, right = _box(ink)
    side = max(bottom - top, right - left)
    frame = _frame(ink, ((top + bottom) / 2, (left + right) / 2), (side, side * w / h))
    return _sampled(ink[..., None], frame, (h, w))[..., 0], frame


STYLES: dict[Any, Callable[[np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]] = {
    "digits": _digits,
    "mnist": _mnist,
    "fashion_mnist": _fashion,
}


def _box(ink: np.ndarray, slant: float = 0.0) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of the ink, in pixels; left and right once its slant is undone."""
    rows, columns = np.nonzero(ink > FAINT)
    upright = columns - slant * (rows - _centre(ink)[0])
    return float(rows.min()), float(rows.max() + 1), float(upright.min()), float(upright.max() + 1)


def _centre(ink: np.ndarray) -> tuple[float, float]:
    """The centre of mass, in pixels from the top and from the left."""
    total = ink.sum()
    rows, columns = np.arange(ink.shape[0]) + 0.5, np.arange(ink.shape[1]) + 0.5
    return float(ink.sum(axis=1) @ rows / total), float(ink.sum(axis=0) @ columns / total)


def _slant(ink: np.ndarray) -> float:
    """How far strokes lean: columns to the right for each row down, by the moments of the ink; at most 0.5.

    Ink within a single row does not lean, though rounding leaves it a spread that is not quite zero.
    """
    middle, centre = _centre(ink)
    rows, columns = np.arange(ink.shape[0]) + 0.5 - middle, np.arange(ink.shape[1]) + 0.5 - centre
    spread = ink.sum(axis=1) @ rows**2
    return float(np.clip(rows @ ink @ columns / spread, -0.5, 0.5)) if spread > 1e-6 * ink.sum() else 0.0


def _frame(ink: np.ndarray, centre: tuple[float, float], size: tuple[float, float], slant: float = 0.0) -> np.ndarray:
    """The frame that shows `size` pixels (height, width) about a centre."""
    h, w = ink.shape
    drift = slant * size[0]  # columns from the top of the frame to its bottom
    middle = slant * (centre[0] - _centre(ink)[0]) if slant else 0.0
    left = centre[1] + middle - size[1] / 2 - drift / 2
    return np.array([[size[0] / h, 0, (centre[0] - size[0] / 2) / h], [drift / w, size[1] / w, left / w]])


# -- pixels ---------------------------------------------------------------------------------------------------


def _sampled(picture: np.ndarray, frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What lies in a frame as (h, w, C): each pixel the mean of places in it, 0 outside of the picture."""
    h, w = size
    n = [max(FINE, min(FINEST // m, int(np.ceil(2 * side * np.abs(row[:2]).max() / m - EDGE))))
         for side, row, m in zip(picture.shape, frame, size, strict=False)]  # fmt: skip
    rows, columns = (np.arange(h * n[0]) + 0.5) / (h * n[0]), (np.arange(w * n[1]) + 0.5) / (w * n[1])
    down = (frame[0, 0] * rows[:, None] + frame[0, 1] * columns + frame[0, 2]) * picture.shape[0]
    across = (frame[1, 0] * rows[:, None] + frame[1, 1] * columns + frame[1, 2]) * picture.shape[1]
    r, c = np.floor(down + EDGE).astype(int), np.floor(across + EDGE).astype(int)
    inside = (r >= 0) & (r < picture.shape[0]) & (c >= 0) & (c < picture.shape[1])
    found = picture[np.where(inside, r, 0), np.where(inside, c, 0)] * inside[..., None]
    return found.reshape(h, n[0], w, n[1], -1).mean(axis=(1, 3), dtype=np.float32)


def _blurred(x: np.ndarray) -> np.ndarray:
    """A bitmap with soft strokes, whose height falls off from their middle."""
    for axis in (0, 1):
        places = np.arange(x.shape[axis])
        weights = np.exp(-0.5 * ((places[:, None] - places) / 1.5) ** 2)
        weights /= weights.sum(axis=1, keepdims=True)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x
