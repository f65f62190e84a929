"""Arrays that are pictures, as small PNG images for a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import scale
from .png import png_uri

LARGEST = 256  # pixels along a side; larger pictures are thinned out
SIDES = (4, 8192)  # of what is taken for a picture
LONGEST = 4  # times the shorter side
FEW = 8  # pictures of a batch
BROKEN = tuple(bytes.fromhex(scale.BROKEN[1:]))  # where a value is NaN or Inf


@dataclass(frozen=True)
class Thumbnail:
    """One picture: its PNG as a data URI, and how large it really is, in pixels (width, height)."""

    uri: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Thumbnails:
    """The first pictures of an array; `low` is drawn black and `high` white; `left_out` pictures are not shown."""

    pictures: list[Thumbnail]
    low: float
    high: float
    left_out: int


def thumbnails(a: np.ndarray) -> Thumbnails | None:
    """Pictures in an array (H,W), (H,W,1|3) or (N,H,W,1|3); None if it does not look like any.

    Numbers within 0..1 (whole numbers: 0..255) keep their brightness; others are spread from the least to the most.
    """
    batch = _batch(a)
    if batch is None:
        return None
    shown = batch[:FEW]
    finite = shown[np.isfinite(shown)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    usual = 255.0 if a.dtype.kind in "iu" else 1.0
    if low >= 0 and high <= usual:
        low, high = 0.0, usual
    pictures = [_thumbnail(image, low, high) for image in shown]
    return Thumbnails(pictures, low, high, len(batch) - len(pictures))


def _batch(a: np.ndarray) -> np.ndarray | None:
    """The array as (N, H, W, C), if it looks like pictures."""
    if a.dtype.kind not in "biuf" or not a.size:
        return None
    if a.ndim == 2:
        a = a[None, :, :, None]
    elif a.ndim == 3:
        a = a[None]
    if a.ndim != 4 or a.shape[3] not in (1, 3):
        return None
    short, long = sorted(a.shape[1:3])
    return a if SIDES[0] <= short and long <= min(SIDES[1], LONGEST * short) else None


def _thumbnail(image: np.ndarray, low: float, high: float) -> Thumbnail:
    step = -(-max(image.shape[:2]) // LARGEST)
    small = image[::step, ::step].astype(np.float64)
    spread = high / 2 - low / 2  # halves, since the difference of two large numbers may overflow
    with np.errstate(invalid="ignore", over="ignore"):
        level = (small / 2 - low / 2) / spread if spread else np.full(small.shape, 0.5)
    finite = np.isfinite(small)
    pixels = np.rint(255 * np.where(finite, level, 0).clip(0, 1)).astype(np.uint8)
    if not finite.all():
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()
        pixels[~finite.all(axis=2)] = BROKEN
    return Thumbnail(png_uri(pixels), (image.shape[1], image.shape[0]))
