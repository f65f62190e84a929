"""Every window of an image as numbers in a row, and back: `unfold` (im2col) and `fold`, each the other's rule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.kinds import Padding, Size2d
from ..core import op
from ..kernels import shapes

__all__ = ["fold", "unfold"]


def _window(who: str, x_shape: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> shapes.Window:
    shapes.image(who, "x", x_shape)
    return shapes.resolve(who, x_shape[1:3], window, stride=stride, padding=padding, dilation=dilation)


def _padded(win: shapes.Window) -> tuple[int, int]:
    return win.size[0] + sum(win.padding[0]), win.size[1] + sum(win.padding[1])


def _taps(win: shapes.Window) -> Iterator[tuple[Any, Any]]:
    """For each tap its place in a window, and where all windows meet it on the padded image."""
    (si, sj), (di, dj), (h, w) = win.stride, win.dilation, win.out
    for i, j in np.ndindex(win.window):
        rows, columns = slice(i * di, i * di + si * (h - 1) + 1, si), slice(j * dj, j * dj + sj * (w - 1) + 1, sj)
        yield (i, j), (slice(None), rows, columns)


def _unfold_ref(x: np.ndarray, window: Any, **options: Any) -> np.ndarray:
    win = _window("unfold", x.shape, window, *(options.get(k, v) for k, v in _DEFAULTS.items()))
    out = np.zeros((len(x), *win.out, *win.window, x.shape[3]), x.dtype)
    for h, w, i, j in np.ndindex(*win.out, *win.window):
        row = h * win.stride[0] + i * win.dilation[0] - win.padding[0][0]
        column = w * win.stride[1] + j * win.dilation[1] - win.padding[1][0]
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            out[:, h, w, i, j] = x[:, row, column]
    return out


def _fold_ref(cols: np.ndarray, *, size: Any, window: Any, **options: Any) -> np.ndarray:
    out = np.zeros((len(cols), *size, cols.shape[-1]), cols.dtype)
    for i, j in np.ndindex(*size):
        unit = np.zeros((1, *size, 1))
        unit[0, i, j] = 1.0
        out[:, i, j] = (_unfold_ref(unit, window, **options) * cols).sum((1, 2, 3, 4))
    return out


_DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1}


@op(
    linear=["x"],
    params=["window"],
    samples=[
        S(x=(2, 4, 5, 2), window=(2, 3)), S(x=(1, 5, 5, 2), window=3, stride=2, padding=1),
        S(x=(1, 5, 4, 1), window=2, dilation=(2, 1), padding=((1, 0), (0, 2))),
        S(x=(1, 3, 4, 1), window=2, stride=2, padding="same"),
    ],
    ref=_unfold_ref,
    cost=lambda: 0,
    stacks=first_axis("x"),
)  # fmt: skip
def unfold(x: Any, window: Size2d, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Any:
    """The pixels under each place of a window; padding is zeros.  x (N,H,W,C) -> (N,H',W',I,J,C)

    Options as in `conv2d`, which is ``tensordot(unfold(x, (I, J)), w, 3)``.

    >>> x = np.arange(4.0).reshape(1, 1, 4, 1)
    >>> tg.unfold(x, (1, 3)).reshape(2, 3)  # a row for each place of the window
    array([[0., 1., 2.],
           [1., 2., 3.]])
    """
    win = _window("unfold", x.shape, window, stride, padding, dilation)
    if win.padding != ((0, 0), (0, 0)):
        x = np.pad(x, ((0, 0), *win.padding, (0, 0)))
    out = np.empty_like(x, shape=(x.shape[0], *win.out, *win.window, x.shape[3]))
    for (i, j), where in _taps(win):
        out[:, :, :, i, j] = x[where]
    return out


@op(
    linear=["cols"],
    floating=["cols"],
    samples=[
        S(cols=(2, 3, 3, 2, 3, 2), size=(4, 5), window=(2, 3)),
        S(cols=(1, 3, 3, 3, 3, 2), size=(5, 5), window=3, stride=2, padding=1),
        S(cols=(1, 4, 5, 2, 2, 1), size=(5, 4), window=2, dilation=(2, 1), padding=((1, 0), (0, 2))),
    ],
    ref=_fold_ref,
    cost=lambda cols_shape: math.prod(cols_shape),
    stacks=first_axis("cols"),
)  # fmt: skip
def fold(
    cols: Any, *, size: Size2d, window: Size2d, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1
) -> Any:
    """Windows added up at their places on images of `size` (H, W).  cols (N,H',W',I,J,C) -> (N,H,W,C)

    The adjoint of `unfold`: a pixel under k windows is the sum of k numbers.

    >>> cols = tg.unfold(np.ones((1, 1, 4, 1)), (1, 3))
    >>> tg.fold(cols, size=(1, 4), window=(1, 3)).ravel()  # how many windows use each pixel
    array([1., 2., 2., 1.])
    """
    n, c = cols.shape[0] if cols.ndim else 0, cols.shape[-1] if cols.ndim else 0
    win = _window("fold", (n, *shapes.pair("fold", "size", size), c), window, stride, padding, dilation)
    if cols.shape != (expected := (n, *win.out, *win.window, c)):
        raise ValueError(f"fold: cols has shape {cols.shape}, expected {expected} for images of {win.size}.")
    out = np.zeros_like(cols, shape=(n, *_padded(win), c))
    for (i, j), where in _taps(win):
        out[where] += cols[:, :, :, i, j]
    (top, _), (left, _) = win.padding
    return out[:, top : top + win.size[0], left : left + win.size[1]]


unfold.vjp(x=lambda g, x_shape, **p: fold(g, size=x_shape[1:3], **p))
fold.vjp(cols=lambda g, window, stride, padding, dilation: unfold(
    g, window, stride=stride, padding=padding, dilation=dilation))  # fmt: skip
