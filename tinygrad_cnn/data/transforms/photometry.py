"""Transforms that change values and leave everything in its place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...autodiff.calls import named
from ...autodiff.kinds import Rng
from ...autodiff.numbers import number
from .settings import Described, pair


@named
class Normalize(Described):
    """(x - mean) / std, with one number for all channels or one per channel.

    >>> x, rng = np.array([0.0, 0.5, 1.0]).reshape(1, 1, 3, 1), np.random.default_rng(0)
    >>> data.transforms.Normalize(0.5, 0.25)(x, rng).ravel()  # draws nothing, but all are given rng
    array([-2.,  0.,  2.])
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        if np.iscomplexobj(mean) or np.iscomplexobj(std):
            raise TypeError(f"Normalize: mean={mean!r} and std={std!r} must be real numbers.")
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.ndim > 1 or not np.isfinite(value).all():
                raise ValueError(f"Normalize: {name} must be a finite number or one per channel, got {value}.")
        if not (self.std > 0).all():
            raise ValueError(f"Normalize: std must be above 0, got {self.std}.")

    def __call__(self, x: np.ndarray, rng: Rng = None) -> np.ndarray:
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.ndim and value.shape != x.shape[-1:]:
                raise ValueError(f"Normalize: {name} has {len(value)} channels, the images {x.shape} {x.shape[-1]}.")
        return (x - self.mean) / self.std


@named
class Cutout(Described):
    """Zeros in a square of the given size around a random pixel; what lies outside the image is cut off."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = pair("Cutout", "size", size, 1)

    def __call__(self, x: np.ndarray, rng: Rng = None) -> np.ndarray:
        draw, hit = self.ready(x, rng), np.ones((1, 1), bool)
        for axis in (0, 1):
            first = draw.integers(x.shape[axis + 1], size=(len(x), 1)) - self.size[axis] // 2
            place = np.arange(x.shape[axis + 1])
            inside = (place >= first) & (place < first + self.size[axis])
            hit = hit & (inside[:, :, None] if axis == 0 else inside[:, None, :])
        return np.where(hit[..., None], np.float32(0), x)


@named
class ColorJitter(Described):
    """Scale brightness, contrast and saturation of each image by factors from 1 - v to 1 + v; clipped to [0, 1].

    Contrast is about the image's mean, saturation about each pixel's mean over the channels.  Use it before
    `Normalize`.
    """

    def __init__(self, brightness: float = 0, contrast: float = 0, saturation: float = 0) -> None:
        self.brightness = number("ColorJitter", "brightness", brightness, 0, 1)
        self.contrast = number("ColorJitter", "contrast", contrast, 0, 1)
        self.saturation = number("ColorJitter", "saturation", saturation, 0, 1)

    def __call__(self, x: np.ndarray, rng: Rng = None) -> np.ndarray:
        draw = self.ready(x, rng, axes=4)

        def factor(v: float) -> np.ndarray:
            return draw.uniform(1 - v, 1 + v, (len(x), 1, 1, 1)).astype(x.dtype)

        x = np.ascontiguousarray(x)  # means are rounded by the order of memory
        if self.brightness:
            x = x * factor(self.brightness)
        if self.contrast:
            mean = x.mean(axis=(1, 2, 3), keepdims=True)
            x = mean + (x - mean) * factor(self.contrast)
        if self.saturation:
            grey = x.mean(axis=3, keepdims=True)
            x = grey + (x - grey) * factor(self.saturation)
        return np.clip(x, 0, 1)
