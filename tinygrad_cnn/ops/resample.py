"""Images of another size: `resize`, and averages over uneven bins.  Linear, one axis at a time, with adjoints."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.kinds import ResizeMode, Size2d
from ..core import op
from ..kernels import shapes
from ._taps import Taps, gather, taps

__all__ = ["adaptive_avg_pool2d", "resize"]

MODES = ("nearest", "bilinear", "bicubic", "area")
ALIGNED = ("bilinear", "bicubic")  # modes for which align_corners has a meaning


_PER_PIXEL = {"nearest": 0, "bilinear": 6, "bicubic": 14, "area": 2}  # operations, one axis after the other


def _entries(kind: str, n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of n pixels each of m pixels is made of, with weights: (rows, sources, weights).

    Places are worked out in whole numbers, as a quotient and a remainder, so none is rounded to the wrong pixel.
    """
    k = np.arange(m)
    if kind == "nearest":  # the pixel in which the centre (k + 1/2) * n/m lies
        return k, (2 * k + 1) * n // (2 * m), np.ones(m)
    if kind == "adaptive":  # bins from floor(k * n/m) to ceil((k + 1) * n/m)
        start, end = k * n // m, -(-(k + 1) * n // m)
        rows = np.repeat(k, end - start)
        within = np.arange(len(rows)) - np.searchsorted(rows, rows)
        return rows, start[rows] + within, 1 / (end - start)[rows]
    place, parts = (k * (n - 1), max(m - 1, 1)) if kind.endswith("aligned") else ((2 * k + 1) * n - m, 2 * m)
    if kind.startswith("bicubic"):
        low, share = place // parts, place % parts / parts
        beside = [low - 1, low, low + 1, low + 2]
        weights = [_cubic(1 + share), _cubic(share), _cubic(1 - share), _cubic(2 - share)]
        return np.tile(k, 4), np.clip(np.concatenate(beside), 0, n - 1), np.concatenate(weights)
    place = np.maximum(place, 0)
    low, share = place // parts, place % parts / parts
    share[low == n - 1] = 0.0  # there is no pixel beyond the last
    rows = np.concatenate([k, k])
    return rows, np.concatenate([low, np.minimum(low + 1, n - 1)]), np.concatenate([1 - share, share])


def _cubic(d: Any) -> Any:
    """The weight of a pixel at a distance of 0 to 2: Keys (1981) with a = -3/4, as PyTorch, Pillow's is -1/2."""
    near, far = (1.25 * d - 2.25) * d * d + 1, -0.75 * (((d - 5) * d + 8) * d - 4)
    return np.where(d <= 1, near, far)


@lru_cache(256)
def _matrix(kind: str, n: int, m: int, adjoint: bool) -> Taps:
    rows, sources, weights = _entries(kind, n, m)
    return taps(n, sources, rows, weights) if adjoint else taps(m, rows, sources, weights)


def _resample(who: str, name: str, x: Any, size: Any, kind: str, adjoint: bool) -> Any:
    """Both axes, in the order that keeps what lies between small."""
    shapes.image(who, name, x.shape)
    to = shapes.pair(who, "size", size)
    if not x.shape[1] * x.shape[2]:
        raise ValueError(f"{who}: {name} has shape {x.shape}: images without pixels have no other size.")
    if x.dtype.kind != "f" and kind != "nearest":
        raise TypeError(f"{who}: {name} is {x.dtype}, whose weighted sums would be cut off. Convert it to a float.")
    for axis in (1, 2) if to[0] < x.shape[1] else (2, 1):
        n, m = x.shape[axis], to[axis - 1]
        x = gather(x, axis, _matrix(kind, m, n, True) if adjoint else _matrix(kind, n, m, False))
    return x


def check_resize_mode(who: str, mode: str, align_corners: bool) -> None:
    """Check the settings of `resize`.

    Raises
    ------
    ValueError : the mode is unknown, or has no use for `align_corners`.
    """
    if mode not in MODES:
        raise ValueError(f'{who}: mode={mode!r} must be {", ".join(map(repr, MODES[:-1]))} or {MODES[-1]!r}.')
    if align_corners and mode not in ALIGNED:
        raise ValueError(f'{who}: align_corners=True has no meaning with mode="{mode}"; use mode="bilinear".')


def _kind(who: str, mode: str, align_corners: bool) -> str:
    check_resize_mode(who, mode, align_corners)
    if mode == "area":
        return "adaptive"
    return f"{mode} aligned" if align_corners else mode


def _adjoint_ref(ref: Any) -> Any:
    """The reference of an adjoint: its k-th number is what the forward of the k-th unit image has in common with dy."""

    def adjoint(dy: np.ndarray, *, size: Any, **options: Any) -> np.ndarray:
        (h, w), out = size, np.zeros((len(dy), *size, dy.shape[3]), dy.dtype)
        for i in range(h):
            for j in range(w):
                unit = np.zeros((1, h, w, 1))
                unit[0, i, j] = 1.0
                out[:, i, j] = (ref(unit, dy.shape[1:3], **options) * dy).sum((1, 2))
        return out

    return adjoint


def _cubic_ref(d: float, a: float = -0.75) -> float:
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def _resize_ref(x: np.ndarray, size: Any, mode: str = "nearest", align_corners: bool = False) -> np.ndarray:
    """Pixel by pixel, where it lies in the old image."""
    if mode == "area":
        return _adaptive_ref(x, size)
    (n, h, w, c), (h2, w2) = x.shape, size if isinstance(size, tuple) else (size, size)
    out = np.zeros((n, h2, w2, c), x.dtype)
    for i in range(h2):
        for j in range(w2):
            if mode == "nearest":
                out[:, i, j] = x[:, math.floor((i + 0.5) * h / h2), math.floor((j + 0.5) * w / w2)]
                continue
            if align_corners:
                a, b = i * (h - 1) / max(h2 - 1, 1), j * (w - 1) / max(w2 - 1, 1)
            else:
                a, b = max((i + 0.5) * h / h2 - 0.5, 0), max((j + 0.5) * w / w2 - 0.5, 0)
            if mode == "bicubic":  # Keys (1981), on a frame whose border pixels go on outside
                if not align_corners:
                    a, b = (i + 0.5) * h / h2 - 0.5, (j + 0.5) * w / w2 - 0.5
                for k in range(math.floor(a) - 1, math.floor(a) + 3):
                    for m in range(math.floor(b) - 1, math.floor(b) + 3):
                        weight = _cubic_ref(abs(a - k)) * _cubic_ref(abs(b - m))
                        out[:, i, j] += weight * x[:, min(max(k, 0), h - 1), min(max(m, 0), w - 1)]
                continue
            for k in range(h):
                for m in range(w):  # how near, in a frame whose border pixels go on outside
                    near = max(0, 1 - abs(min(a, h - 1) - k)) * max(0, 1 - abs(min(b, w - 1) - m))
                    out[:, i, j] += near * x[:, k, m]
    return out


@op(
    params=["size"],
    samples=[
        S(x=(2, 3, 4, 2), size=(6, 8)), S(x=(1, 5, 4, 1), size=(3, 7)), S(x=(1, 3, 4, 2), size=6, mode="bilinear"),
        S(x=(2, 5, 3, 1), size=(2, 4), mode="bilinear"), S(x=(1, 3, 4, 2), size=(5, 2), mode="bilinear",
        align_corners=True), S(x=(1, 2, 1, 2), size=(1, 3), mode="bilinear", align_corners=True),
        S(x=(1, 3, 4, 2), size=(5, 3), mode="bicubic"), S(x=(1, 4, 3, 1), size=(3, 5), mode="bicubic",
        align_corners=True), S(x=(1, 5, 4, 2), size=(3, 6), mode="area"),
    ],
    ref=_resize_ref,
    cost=lambda y_shape, mode: math.prod(y_shape) * _PER_PIXEL[mode],
    stacks=first_axis("x"),
)  # fmt: skip
def resize(x: Any, size: Size2d, *, mode: ResizeMode = "nearest", align_corners: bool = False) -> Any:
    """Images of another size.  x (N,H,W,C) -> (N,H',W',C)

    Pixels are areas, whose centres lie at k + 1/2: what PyTorch calls "nearest-exact" and ``align_corners=False``.
    An image that shrinks is smoothed by "area" only.

    Parameters
    ----------
    size : (H', W'), or an int for both.
    mode : "nearest" (any dtype, so label maps too), "bilinear", "bicubic" (which can overshoot) or "area" (means over
        the bins of `adaptive_avg_pool2d`).
    align_corners : the centres of the corner pixels stay where they are; for "bilinear" and "bicubic" only.

    Raises
    ------
    ValueError : a mode or size that is none, or images without pixels.

    Examples
    --------
    >>> x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
    >>> tg.resize(x, (1, 4)).ravel()
    array([0., 0., 4., 4.])
    >>> tg.resize(x, (1, 4), mode="bilinear").ravel()
    array([0., 1., 3., 4.])
    """
    return _resample("resize", "x", x, size, _kind("resize", mode, align_corners), False)


@op(
    floating=["dy"],
    samples=[
        S(dy=(2, 6, 8, 2), size=(3, 4)), S(dy=(1, 3, 2, 1), size=(5, 4)), S(dy=(1, 6, 5, 2), size=(3, 4),
        mode="bilinear"), S(dy=(1, 2, 5, 1), size=(5, 2), mode="bilinear", align_corners=True),
        S(dy=(1, 4, 3, 1), size=(3, 4), mode="bicubic"), S(dy=(1, 3, 2, 1), size=(4, 3), mode="area"),
    ],
    ref=_adjoint_ref(_resize_ref),
    cost=lambda dy_shape, mode: math.prod(dy_shape) * _PER_PIXEL[mode],
    stacks=first_axis("dy"),
)  # fmt: skip
def resize_put(dy: Any, *, size: Any, mode: str = "nearest", align_corners: bool = False) -> Any:
    """Each dy shared among the pixels that it was made of: the adjoint of resize.  dy (N,H',W',C) -> (N,H,W,C)"""
    return _resample("resize_put", "dy", dy, size, _kind("resize_put", mode, align_corners), True)


resize.vjp(x=lambda g, x_shape, mode, align_corners: resize_put(
    g, size=x_shape[1:3], mode=mode, align_corners=align_corners))  # fmt: skip
resize_put.vjp(dy=lambda g, dy_shape, mode, align_corners: resize(
    g, dy_shape[1:3], mode=mode, align_corners=align_corners))  # fmt: skip


def _adaptive_ref(x: np.ndarray, size: Any) -> np.ndarray:
    (n, h, w, c), (h2, w2) = x.shape, size if isinstance(size, tuple) else (size, size)
    out = np.empty((n, h2, w2, c), x.dtype)
    for i in range(h2):
        for j in range(w2):
            rows = slice(math.floor(i * h / h2), math.ceil((i + 1) * h / h2))
            out[:, i, j] = x[:, rows, math.floor(j * w / w2) : math.ceil((j + 1) * w / w2)].mean((1, 2))
    return out


@op(
    linear=["x"],
    floating=["x"],
    params=["size"],
    samples=[S(x=(2, 5, 6, 2), size=(2, 4)), S(x=(1, 4, 6, 1), size=2), S(x=(2, 2, 3, 1), size=(3, 5)),
             S(x=(1, 3, 4, 2), size=1)],
    ref=_adaptive_ref,
    cost=lambda x_shape: 2 * math.prod(x_shape),
    stacks=first_axis("x"),
)  # fmt: skip
def adaptive_avg_pool2d(x: Any, size: Size2d) -> Any:
    """Means over H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)

    Bin k holds rows floor(k * H/H') to ceil((k + 1) * H/H') (excluded), columns alike: PyTorch's bins, which overlap
    where H' does not divide H.  `size` is (H', W'), or an int for both.

    >>> x = np.arange(5.0).reshape(1, 1, 5, 1)
    >>> tg.adaptive_avg_pool2d(x, (1, 2)).ravel()  # of 0, 1, 2 and of 2, 3, 4
    array([1., 3.])
    """
    return _resample("adaptive_avg_pool2d", "x", x, size, "adaptive", False)


@op(
    linear=["dy"],
    floating=["dy"],
    samples=[S(dy=(2, 2, 4, 2), size=(5, 6)), S(dy=(1, 3, 5, 1), size=(2, 3))],
    ref=_adjoint_ref(_adaptive_ref),
    cost=lambda y_shape: 2 * math.prod(y_shape),
    stacks=first_axis("dy"),
)
def adaptive_avg_pool2d_put(dy: Any, *, size: Any) -> Any:
    """Each dy in equal parts over the pixels of its bin: the adjoint.  dy (N,H',W',C) -> (N,H,W,C)"""
    return _resample("adaptive_avg_pool2d_put", "dy", dy, size, "adaptive", True)


adaptive_avg_pool2d.vjp(x=lambda g, x_shape: adaptive_avg_pool2d_put(g, size=x_shape[1:3]))
adaptive_avg_pool2d_put.vjp(dy=lambda g, dy_shape: adaptive_avg_pool2d(g, dy_shape[1:3]))
