"""Changes of whole batches of images, for augmentation and scaling.

A transform is any callable ``t(x, rng) -> x``: x (B,H,W,C) float32, `rng` a `numpy.random.Generator` to draw from.
It does not write to its input.  Those here treat every image of a batch on its own, except `Mixup`.

One that says ``changes_labels = True`` is called ``t(x, y, rng) -> (x, y)``, with labels y (B,) int64; it may return
them as rows of probabilities (B, classes) float32, which `tg.softmax_cross_entropy` takes as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import number, whole, wholes

if TYPE_CHECKING:
    from numpy.random import Generator

Transform = Callable[..., Any]


class _Described:
    """Shows its settings, for messages and run records."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


@named
class Compose(_Described):
    """One transform after the other; each is checked, so that the one at fault is named.

    >>> t = data.transforms
    >>> augment = t.Compose([t.RandomCrop(8, padding=1), t.Normalize(0.5, 0.5)])
    >>> augment(images, np.random.default_rng(0)).shape
    (16, 8, 8, 1)
    >>> loader = data.DataLoader(train, 32, shuffle=True, transform=augment)
    """

    __name__ = "Compose"  # in messages, where the parts would be too much

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)
        for t in self.transforms:
            if not callable(t):
                raise TypeError(f"Compose: needs callables t(x, rng), got {type(t).__name__}.")

    @property
    def changes_labels(self) -> bool:
        """Whether one of them does; then it is called ``t(x, y, rng) -> (x, y)``, too."""
        return any(getattr(t, "changes_labels", False) for t in self.transforms)

    def __call__(self, x: np.ndarray, *y_and_rng: Any) -> Any:
        from .batch_checks import apply_transform

        *labels, rng = y_and_rng
        y = labels[0] if labels else None
        if self.changes_labels and not labels:
            raise TypeError("Compose: one of its transforms changes labels, so call it as t(x, y, rng).")
        for t in self.transforms:
            x, y = apply_transform(t, x, y, rng)
        return (x, y) if labels else x


@named
class Normalize(_Described):
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

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.ndim and value.shape != x.shape[-1:]:
                raise ValueError(f"Normalize: {name} has {len(value)} channels, the images {x.shape} {x.shape[-1]}.")
        return (x - self.mean) / self.std


@named
class RandomCrop(_Described):
    """A window of the given size, (height, width) or a number for both, anywhere in the image padded with zeros."""

    def __init__(self, size: int | tuple[int, int], padding: int = 0) -> None:
        self.size, self.padding = _pair("RandomCrop", "size", size, 1), _pair("RandomCrop", "padding", padding, 0)

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        (h, w), (p, q) = self.size, self.padding
        padded = np.pad(x, ((0, 0), (p, p), (q, q), (0, 0)))
        rows, columns = _room("RandomCrop", padded, self.size)
        top, left = rng.integers(rows + 1, size=len(x)), rng.integers(columns + 1, size=len(x))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(1, 2))
        return np.ascontiguousarray(windows[np.arange(len(x)), top, left].transpose(0, 2, 3, 1))


@named
class CenterCrop(_Described):
    """The window in the middle; an odd pixel is left out at the bottom and right.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> data.transforms.CenterCrop(2)(x, np.random.default_rng(0))[0, :, :, 0]
    array([[ 5.,  6.],
           [ 9., 10.]])
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = _pair("CenterCrop", "size", size, 1)

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        rows, columns = _room("CenterCrop", x, self.size)
        top, left = rows // 2, columns // 2
        return x[:, top : top + self.size[0], left : left + self.size[1]].copy()


@named
class RandomFlip(_Described):
    """Mirror each image with probability `p`: left and right, and (if asked) top and bottom, independently.

    >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> data.transforms.RandomFlip(p=1)(x, np.random.default_rng(0)).ravel()
    array([2., 1., 0.])
    """

    def __init__(self, horizontal: bool = True, vertical: bool = False, p: float = 0.5) -> None:
        self.horizontal, self.vertical, self.p = bool(horizontal), bool(vertical), number("RandomFlip", "p", p, 0, 1)

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        for wanted, axis in ((self.vertical, 1), (self.horizontal, 2)):
            if wanted:
                chosen = rng.random(len(x)) < self.p
                x = np.where(chosen[:, None, None, None], np.flip(x, axis), x)
        return x


@named
class Cutout(_Described):
    """Zeros in a square of the given size around a random pixel; what lies outside the image is cut off."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = _pair("Cutout", "size", size, 1)

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        hit: Any = True
        for axis in (0, 1):
            first = rng.integers(x.shape[axis + 1], size=(len(x), 1)) - self.size[axis] // 2
            place = np.arange(x.shape[axis + 1])
            inside = (place >= first) & (place < first + self.size[axis])
            hit = hit & (inside[:, :, None] if axis == 0 else inside[:, None, :])
        return np.where(hit[..., None], np.float32(0), x)


@named
class RandomRotate(_Described):
    """Turn each image about its centre by up to `degrees` either way, bilinearly; zeros come in at the corners."""

    def __init__(self, degrees: float) -> None:
        self.degrees = number("RandomRotate", "degrees", degrees, 0, 180)

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        _, h, w, _ = x.shape
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees, (len(x), 1, 1)))
        rows, columns = np.arange(h)[:, None] - (h - 1) / 2, np.arange(w) - (w - 1) / 2
        # where each target pixel comes from, in an image with a border of one zero
        r = np.clip(np.cos(angle) * rows - np.sin(angle) * columns + (h - 1) / 2, -1, h) + 1
        c = np.clip(np.sin(angle) * rows + np.cos(angle) * columns + (w - 1) / 2, -1, w) + 1
        r0, c0 = np.minimum(r.astype(int), h), np.minimum(c.astype(int), w)
        dr, dc = (np.float32(r - r0)[..., None], np.float32(c - c0)[..., None])
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        image = np.arange(len(x))[:, None, None]
        upper = padded[image, r0, c0] * (1 - dc) + padded[image, r0, c0 + 1] * dc
        lower = padded[image, r0 + 1, c0] * (1 - dc) + padded[image, r0 + 1, c0 + 1] * dc
        return upper * (1 - dr) + lower * dr


@named
class ColorJitter(_Described):
    """Scale brightness, contrast and saturation of each image by factors from 1 - v to 1 + v; clipped to [0, 1].

    Contrast is about the image's mean, saturation about each pixel's mean over the channels.  Use it before
    `Normalize`.
    """

    def __init__(self, brightness: float = 0, contrast: float = 0, saturation: float = 0) -> None:
        self.brightness = number("ColorJitter", "brightness", brightness, 0, 1)
        self.contrast = number("ColorJitter", "contrast", contrast, 0, 1)
        self.saturation = number("ColorJitter", "saturation", saturation, 0, 1)

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        def factor(v: float) -> np.ndarray:
            return rng.uniform(1 - v, 1 + v, (len(x), 1, 1, 1)).astype(x.dtype)

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


@named
class Mixup(_Described):
    """Mix pairs of images, and their labels alike: t*x + (1 - t)*x', t from Beta(alpha, alpha), for each image anew.

    The partners are the batch in a random order.  x (B,H,W,C), y (B,) class indices or (B, classes) probabilities ->
    x (B,H,W,C), y (B, classes) float32.  Source: Zhang et al. (2018), who draw one t for a whole batch.
    """

    changes_labels = True

    def __init__(self, alpha: float, classes: int) -> None:
        self.alpha = number("Mixup", "alpha", alpha, 1e-3, 1e3)
        self.classes = whole("Mixup", "classes", classes)

    def __call__(self, x: np.ndarray, y: np.ndarray, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        if y.ndim == 1:
            if y.size and (y.min() < 0 or y.max() >= self.classes):
                raise ValueError(f"Mixup: labels go from {y.min()} to {y.max()}, but classes={self.classes}.")
            rows = np.eye(self.classes, dtype=np.float32)[y]
        elif y.shape[1] == self.classes:
            rows = y
        else:
            raise ValueError(f"Mixup: labels {y.shape} are rows of {y.shape[1]} classes, but classes={self.classes}.")
        other = rng.permutation(len(x))
        share = rng.beta(self.alpha, self.alpha, len(x)).astype(np.float32)
        t = share[:, None, None, None]
        mixed = np.ascontiguousarray(x) * t + x[other] * (1 - t)
        return mixed, rows * share[:, None] + rows[other] * (1 - share[:, None])


def _room(who: str, x: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """How far a window can move down and right."""
    h, w = x.shape[1:3]
    if size[0] > h or size[1] > w:
        raise ValueError(f"{who}: a {size[0]}x{size[1]} window does not fit a {h}x{w} image (padding included).")
    return h - size[0], w - size[1]


def _pair(who: str, name: str, value: Any, least: int) -> tuple[int, int]:
    height, width = wholes(who, name, value, least, count=2, form="(height, width)", equal=True)
    return height, width
