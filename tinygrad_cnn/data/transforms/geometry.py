"""Transforms that move pixels, and masks and boxes along with them in a `Joint`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autodiff.calls import named
from ...autodiff.numbers import number
from ...ops import resize
from .moves import Geometric, Move, scale_of, shifted
from .settings import pair

if TYPE_CHECKING:
    from numpy.random import Generator


@named
class RandomCrop(Geometric):
    """A window of the given size, (height, width) or a number for both, anywhere in the image padded with zeros."""

    def __init__(self, size: int | tuple[int, int], padding: int = 0) -> None:
        self.size, self.padding = pair("RandomCrop", "size", size, 1), pair("RandomCrop", "padding", padding, 0)

    def draw(self, shape: tuple[int, ...], rng: Generator) -> Move:
        """Draw where the window of each image (B,H,W,C) lies."""
        (h, w), (p, q), height = self.size, self.padding, shape[1]
        rows, columns = _room("RandomCrop", (height + 2 * p, shape[2] + 2 * q), self.size)
        top, left = rng.integers(rows + 1, size=shape[0]), rng.integers(columns + 1, size=shape[0])

        def image(x: np.ndarray) -> np.ndarray:
            s = scale_of(x, height)
            padded = np.pad(x, ((0, 0), (s * p, s * p), (s * q, s * q), *((0, 0),) * (x.ndim - 3)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (s * h, s * w), axis=(1, 2))
            chosen = windows[np.arange(len(x)), s * top, s * left]
            return np.ascontiguousarray(np.moveaxis(chosen, (-2, -1), (1, 2)))

        return Move(image, boxes=lambda boxes: shifted(boxes, left - q, top - p))


@named
class CenterCrop(Geometric):
    """The window in the middle; an odd pixel is left out at the bottom and right.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> data.transforms.CenterCrop(2)(x, np.random.default_rng(0))[0, :, :, 0]
    array([[ 5.,  6.],
           [ 9., 10.]])
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = pair("CenterCrop", "size", size, 1)

    def draw(self, shape: tuple[int, ...], rng: Generator) -> Move:
        """Find where the window of images (B,H,W,C) lies; this draws nothing."""
        (h, w), height = self.size, shape[1]
        rows, columns = _room("CenterCrop", shape[1:3], self.size)
        top, left = rows // 2, columns // 2

        def image(x: np.ndarray) -> np.ndarray:
            s = scale_of(x, height)
            return x[:, s * top : s * (top + h), s * left : s * (left + w)].copy()

        return Move(image, boxes=lambda boxes: shifted(boxes, left, top))


@named
class RandomFlip(Geometric):
    """Mirror each image with probability `p`: left and right, and (if asked) top and bottom, independently.

    >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> data.transforms.RandomFlip(p=1)(x, np.random.default_rng(0)).ravel()
    array([2., 1., 0.])
    """

    def __init__(self, horizontal: bool = True, vertical: bool = False, p: float = 0.5) -> None:
        self.horizontal, self.vertical, self.p = bool(horizontal), bool(vertical), number("RandomFlip", "p", p, 0, 1)

    def draw(self, shape: tuple[int, ...], rng: Generator) -> Move:
        """Draw which of the images (B,H,W,C) are mirrored, and how."""
        wanted = [axis for axis, w in ((1, self.vertical), (2, self.horizontal)) if w]
        chosen = {axis: rng.random(shape[0]) < self.p for axis in wanted}

        def image(x: np.ndarray) -> np.ndarray:
            for axis, which in chosen.items():
                x = np.where(which.reshape(-1, *(1,) * (x.ndim - 1)), np.flip(x, axis), x)
            return x

        def boxes(given: list[np.ndarray]) -> list[np.ndarray]:
            for axis, which in chosen.items():
                given = [_mirrored(b, axis, shape[axis]) if w else b for b, w in zip(given, which, strict=True)]
            return given

        return Move(image, boxes=boxes)


@named
class RandomRotate(Geometric):
    """Turn each image about its centre by up to `degrees` either way, bilinearly; zeros come in at the corners.

    Boxes become the upright ones around their turned corners, which are larger.
    """

    def __init__(self, degrees: float) -> None:
        self.degrees = number("RandomRotate", "degrees", degrees, 0, 180)

    def draw(self, shape: tuple[int, ...], rng: Generator) -> Move:
        """Draw an angle for each of the images (B,H,W,C)."""
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees, (shape[0], 1, 1)))
        turns = [(float(np.cos(a)), float(np.sin(a))) for a in angle.ravel()]

        def boxes(given: list[np.ndarray]) -> list[np.ndarray]:
            return [_turned_boxes(b, turn, shape[1:3]) for b, turn in zip(given, turns, strict=True)]

        return Move(lambda x: _turned(x, angle), lambda mask: _turned_mask(mask, angle), boxes)


@named
class Resize(Geometric):
    """Images of another size, (height, width) or one number for both: bilinear, as `tg.resize` does it; masks nearest.

    >>> x = np.array([0.0, 4.0], np.float32).reshape(1, 1, 2, 1)
    >>> data.transforms.Resize((1, 4))(x, np.random.default_rng(0)).ravel()  # draws nothing
    array([0., 1., 3., 4.], dtype=float32)
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = pair("Resize", "size", size, 1)

    def draw(self, shape: tuple[int, ...], rng: Generator) -> Move:
        """Resize images (B,H,W,C); this draws nothing."""
        (h, w), (height, width) = self.size, shape[1:3]

        def size_of(x: np.ndarray) -> tuple[int, int]:
            s = scale_of(x, height)
            return s * h, s * w

        def boxes(given: list[np.ndarray]) -> list[np.ndarray]:
            factor = np.array([w / width, h / height] * 2, np.float32)
            return [b * factor for b in given]

        return Move(
            lambda x: resize(x, size_of(x), mode="bilinear"),
            lambda mask: resize(mask[..., None], size_of(mask))[..., 0],
            boxes,
        )


def _room(who: str, size: Any, window: tuple[int, int]) -> tuple[int, int]:
    """How far a window can move down and right."""
    h, w = size
    if window[0] > h or window[1] > w:
        raise ValueError(f"{who}: a {window[0]}x{window[1]} window does not fit a {h}x{w} image (padding included).")
    return h - window[0], w - window[1]


def _mirrored(boxes: np.ndarray, axis: int, side: int) -> np.ndarray:
    first, last = (1, 3) if axis == 1 else (0, 2)
    made = boxes.copy()
    made[:, first], made[:, last] = side - boxes[:, last], side - boxes[:, first]
    return made


def _places(shape: tuple[int, ...], angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row and column that each pixel of turned images comes from."""
    h, w = shape[1:3]
    rows, columns = np.arange(h)[:, None] - (h - 1) / 2, np.arange(w) - (w - 1) / 2
    r = np.cos(angle) * rows - np.sin(angle) * columns + (h - 1) / 2
    return r, np.sin(angle) * rows + np.cos(angle) * columns + (w - 1) / 2


def _turned(x: np.ndarray, angle: np.ndarray) -> np.ndarray:
    h, w = x.shape[1:3]
    r, c = _places(x.shape, angle)
    r, c = np.clip(r, -1, h) + 1, np.clip(c, -1, w) + 1  # in an image with a border of one zero
    r0, c0 = np.minimum(r.astype(int), h), np.minimum(c.astype(int), w)
    dr, dc = (np.float32(r - r0)[..., None], np.float32(c - c0)[..., None])
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    image = np.arange(len(x))[:, None, None]
    upper = padded[image, r0, c0] * (1 - dc) + padded[image, r0, c0 + 1] * dc
    lower = padded[image, r0 + 1, c0] * (1 - dc) + padded[image, r0 + 1, c0 + 1] * dc
    return upper * (1 - dr) + lower * dr


def _turned_mask(mask: np.ndarray, angle: np.ndarray) -> np.ndarray:
    h, w = mask.shape[1:3]
    r, c = (np.rint(place).astype(int) for place in _places(mask.shape, angle))
    inside = (r >= 0) & (r < h) & (c >= 0) & (c < w)
    image = np.arange(len(mask))[:, None, None]
    return np.where(inside, mask[image, np.where(inside, r, 0), np.where(inside, c, 0)], 0)


def _turned_boxes(boxes: np.ndarray, turn: tuple[float, float], size: Any) -> np.ndarray:
    cos, sin = turn
    h, w = size
    x, y = boxes[:, [0, 2, 0, 2]] - w / 2, boxes[:, [1, 1, 3, 3]] - h / 2
    across, down = cos * x - sin * y + w / 2, sin * x + cos * y + h / 2
    return np.stack([across.min(1), down.min(1), across.max(1), down.max(1)], axis=1).astype(np.float32)
