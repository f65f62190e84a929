"""The reference: every kernel that slides a window over images, as the loops of its definition.

These are slow and plainly right; other backends are tested against them.  Sums are taken in float64 at least, one
product at a time, and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from .shapes import Pair, Window

Index = tuple[int, int, int, int]


def _contacts(win: Window) -> Iterator[tuple[Pair, Pair, Pair]]:
    """Each (output place, tap, pixel) that meet; taps over padding meet no pixel and are left out."""
    (height, width), (top, _), (left, _) = win.size, *win.padding
    for p, q in product(*map(range, win.out)):
        for i, j in product(*map(range, win.window)):
            h = p * win.stride[0] + i * win.dilation[0] - top
            v = q * win.stride[1] + j * win.dilation[1] - left
            if 0 <= h < height and 0 <= v < width:
                yield (p, q), (i, j), (h, v)


def _terms(n: int, w_shape: tuple[int, ...], win: Window, groups: int) -> Iterator[tuple[Index, Index, Index]]:
    """Where to read y, x and w for each term of the one trilinear form: sum of y * x * w = <y, conv2d(x, w)>."""
    per_in, per_out = w_shape[2], w_shape[3] // groups
    for (p, q), (i, j), (h, v) in _contacts(win):
        for m, o, k in product(range(n), range(w_shape[3]), range(per_in)):
            c = o // per_out * per_in + k
            yield (m, p, q, o), (m, h, v, c), (i, j, k, o)


def _zeros(shape: tuple[int, ...], *like: np.ndarray) -> np.ndarray:
    return np.zeros(shape, np.result_type(*like, np.float64))


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, win: Window, groups: int) -> np.ndarray:
    y = _zeros((len(x), *win.out, w.shape[3]), x, w)
    for at_y, at_x, at_w in _terms(len(x), w.shape, win, groups):
        y[at_y] += x[at_x] * y.dtype.type(w[at_w])
    if b is not None:
        y += b
    return y.astype(np.result_type(x, w))


def conv2d_dx(dy: np.ndarray, w: np.ndarray, win: Window, groups: int) -> np.ndarray:
    dx = _zeros((len(dy), *win.size, w.shape[2] * groups), dy, w)
    for at_y, at_x, at_w in _terms(len(dy), w.shape, win, groups):
        dx[at_x] += dy[at_y] * dx.dtype.type(w[at_w])
    return dx.astype(np.result_type(dy, w))


def conv2d_dw(x: np.ndarray, dy: np.ndarray, win: Window, groups: int) -> np.ndarray:
    dw = _zeros((*win.window, x.shape[3] // groups, dy.shape[3]), x, dy)
    for at_y, at_x, at_w in _terms(len(x), dw.shape, win, groups):
        dw[at_w] += x[at_x] * dw.dtype.type(dy[at_y])
    return dw.astype(np.result_type(x, dy))


def max_pool2d(x: np.ndarray, win: Window) -> tuple[np.ndarray, np.ndarray]:
    taps = win.window[0] * win.window[1]
    y = np.full((len(x), *win.out, x.shape[3]), -np.inf, x.dtype)
    tap = np.full(y.shape, taps, np.int64)  # `taps`: none yet
    for (p, q), (i, j), (h, v) in _contacts(win):
        for n, c in product(range(len(x)), range(x.shape[3])):
            rival, best, first = x[n, h, v, c], y[n, p, q, c], tap[n, p, q, c] == taps
            if first or rival > best or (np.isnan(rival) and not np.isnan(best)):
                y[n, p, q, c], tap[n, p, q, c] = rival, i * win.window[1] + j
    return y, np.minimum(tap, taps - 1).astype(win.tap_dtype)


def max_pool2d_put(dy: np.ndarray, tap: np.ndarray, win: Window) -> np.ndarray:
    dx = _zeros((len(dy), *win.size, dy.shape[3]), dy)
    for (p, q), (i, j), (h, v) in _contacts(win):
        for n, c in product(range(len(dy)), range(dy.shape[3])):
            if tap[n, p, q, c] == i * win.window[1] + j:
                dx[n, h, v, c] += dy[n, p, q, c]
    return dx.astype(dy.dtype)


def max_pool2d_take(x: np.ndarray, tap: np.ndarray, win: Window) -> np.ndarray:
    y = np.zeros(tap.shape, x.dtype)
    for (p, q), (i, j), (h, v) in _contacts(win):
        for n, c in product(range(len(x)), range(x.shape[3])):
            if tap[n, p, q, c] == i * win.window[1] + j:
                y[n, p, q, c] = x[n, h, v, c]
    return y


def avg_pool2d(x: np.ndarray, win: Window, counts: np.ndarray) -> np.ndarray:
    y = _zeros((len(x), *win.out, x.shape[3]), x)
    for (p, q), _, (h, v) in _contacts(win):
        for n, c in product(range(len(x)), range(x.shape[3])):
            y[n, p, q, c] += x[n, h, v, c] / y.dtype.type(counts[p, q])
    return y.astype(x.dtype)


def avg_pool2d_put(dy: np.ndarray, win: Window, counts: np.ndarray) -> np.ndarray:
    dx = _zeros((len(dy), *win.size, dy.shape[3]), dy)
    for (p, q), _, (h, v) in _contacts(win):
        for n, c in product(range(len(dy)), range(dy.shape[3])):
            dx[n, h, v, c] += dy[n, p, q, c] / dx.dtype.type(counts[p, q])
    return dx.astype(dy.dtype)
