"""Pictures of several digits with a class for each pixel, made from the digits in the package.

All arithmetic is on whole numbers, and randomness is the raw output of a bit generator, which NumPy keeps the same: a
seed gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Size2d, Whole
from ..autodiff.numbers import whole, wholes
from .arrays import ArrayDataset
from .digits8x8 import ATTRIBUTION, INK, SIDE, read_digits

CLASSES = ("background", *"0123456789")
SMALLEST, LARGEST = 12, 18  # sides of a digit in pixels
PIXELS_EACH = 300  # of a scene for each digit, at most
VISIBLE = 85  # so much of INK * 255 / 16 counts as the digit's: a third of full ink
FIFTH = 5  # every fifth digit belongs to the test


@named
def digit_scenes(
    count: Sequence[Whole] = (1000, 200), size: Size2d = (32, 32), seed: Whole = 0, *, boxes: bool = False
) -> tuple[ArrayDataset, ArrayDataset]:
    """Scenes for segmentation: digits of several sizes on a noisy background, and the class of each pixel.

    A scene of 32x32 pixels holds one to three digits, which may overlap a little; the later one lies on top.  No digit
    of the training scenes occurs in the test scenes, whatever the seed.

    Parameters
    ----------
    count : numbers of scenes, (train, test).
    size : (height, width) or one number for both, at least 18.
    seed : the same seed gives the same bytes; a longer data set begins with the scenes of a shorter one.
    boxes : give the boxes of the digits as well.

    Returns
    -------
    (train, test), two `ArrayDataset` of images (N,H,W,1) and masks (N,H,W), 0 for the background and d + 1 for digit d;
    with `boxes` the targets are {"mask": (N,H,W), "boxes": N arrays (n, 4), "labels": N rows (n,) of classes}, where
    boxes are x0, y0, x1, y1 in pixels around what is visible of a digit.

    Examples
    --------
    >>> train, test = data.digit_scenes((20, 5))
    >>> train
    <ArrayDataset digit scenes train: 20 samples, 11 classes, targets int64 (32, 32)>
    >>> image, mask = train[0]
    >>> image.shape, image.dtype, mask.shape, mask.dtype
    ((32, 32, 1), dtype('float32'), (32, 32), dtype('int64'))
    """
    counts = wholes("digit_scenes", "count", count, count=2, form="(train, test)")
    height, width = wholes("digit_scenes", "size", size, LARGEST, count=2, form="(height, width)", equal=True)
    seed = whole("digit_scenes", "seed", seed, 0)
    images, labels = read_digits()
    ink = np.rint(images[..., 0] * INK).astype(np.int64)
    in_test = np.arange(len(ink)) % FIFTH == 0
    train, test = (
        _scenes(name, counts[part], (height, width), (seed, part), (ink[which], labels[which]), bool(boxes))
        for part, (name, which) in enumerate((("train", ~in_test), ("test", in_test)))
    )
    return train, test


def _scenes(
    name: str, count: int, size: tuple[int, int], key: tuple[int, int], digits: Any, boxes: bool
) -> ArrayDataset:
    images, masks = np.empty((count, *size, 1), np.uint8), np.empty((count, *size), np.uint8)
    found = []
    for k in range(count):
        images[k, ..., 0], masks[k], around = _scene(size, _Draws(*key, k), *digits)
        found.append(around)
    targets: Any = masks
    if boxes:
        targets = {"mask": masks, "boxes": [b[:, :4] for b in found], "labels": [b[:, 4] for b in found]}
    name = f"digit scenes {name}"
    return ArrayDataset(images, targets, classes=CLASSES, name=name, attribution=ATTRIBUTION)


class _Draws:
    """Whole numbers at random, the same with every NumPy."""

    def __init__(self, seed: int, part: int, number: int) -> None:
        self.bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(part, number)))

    def within(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        return low + int(self.bits.random_raw()) % (high - low + 1)

    def bytes(self, count: int) -> np.ndarray:
        return self.bits.random_raw(-(-count // 8)).astype("<u8").view(np.uint8)[:count].astype(np.int64)


def _scene(size: tuple[int, int], draws: _Draws, ink: np.ndarray, labels: np.ndarray) -> tuple[Any, Any, Any]:
    """An image and a mask, bytes (H,W), and rows (x0, y0, x1, y1, class) of the digits that can be seen."""
    height, width = size
    ground = draws.within(0, 70)
    image, owner = np.full(size, ground), np.zeros(size, np.int64)
    kinds = [0]  # of the ground, then of each digit
    for _ in range(draws.within(1, max(1, height * width // PIXELS_EACH))):
        number, side = draws.within(0, len(ink) - 1), draws.within(SMALLEST, LARGEST)
        digit = _enlarged(ink[number], side)
        top, left, bright = draws.within(0, height - side), draws.within(0, width - side), draws.within(60, 100)
        place = (slice(top, top + side), slice(left, left + side))
        seen = digit > VISIBLE
        if 4 * np.count_nonzero(seen & (owner[place] > 0)) > np.count_nonzero(seen):
            continue  # it would lie on another digit by more than a quarter
        below = np.where(seen & (owner[place] > 0), 0, image[place])  # ink covers ink, and shines through on the ground
        image[place] = np.maximum(below, digit * bright // 100)
        owner[place] = np.where(seen, len(kinds), owner[place])
        kinds.append(int(labels[number]) + 1)
    noise = draws.bytes(2 * image.size).reshape(2, *size).sum(axis=0) - 255  # a triangle from -255 to 255
    image = np.clip(image + noise * draws.within(5, 25) // 100, 0, 255)
    around = [(*_around(owner == k), kind) for k, kind in enumerate(kinds) if k and (owner == k).any()]
    return image, np.array(kinds)[owner], np.array(around, np.int64).reshape(-1, 5)


def _enlarged(ink: np.ndarray, side: int) -> np.ndarray:
    """A digit (8, 8) from 0 to 16 as (side, side) from 0 to 255, bilinear between the pixels' centres."""
    at = (2 * np.arange(side) + 1) * SIDE - side  # places of the centres, in 1 / (2 side) of a digit's pixel
    first, part = at // (2 * side), at % (2 * side)
    weights = np.zeros((side, SIDE), np.int64)
    for offset, weight in ((0, 2 * side - part), (1, part)):
        np.add.at(weights, (np.arange(side), np.clip(first + offset, 0, SIDE - 1)), weight)
    return weights @ ink @ weights.T * 255 // (INK * (2 * side) ** 2)


def _around(seen: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
