"""The complete set of kernels in plain NumPy; it never declines.

Convolutions cut the batch (a large image: into bands of rows) so that the columns of one piece stay in the cache,
and leave the arithmetic to matmul.  Channels last makes a window row one run of memory, unless there are only a few
channels: then columns are laid out *planar*, one plane per tap and channel, so that the runs are image rows.

Only functions that NumPy dispatches by array type are used, and arrays are made like the ones given.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np

from . import slow
from .arithmetic import *
from .examples import kernel
from .gates import *
from .group_norms import *
from .passes import *
from .passes import only
from .reductions import *
from .rows import *
from .shapes import Count, Window
from .smooth import *

__all__ = [
    "avg_pool2d", "avg_pool2d_put", "conv2d", "conv2d_dw", "conv2d_dx", "conv2d_relu", "max_pool2d", "max_pool2d_put",
    "max_pool2d_take",
]  # fmt: skip

PIECE = 4 << 20  # bytes of columns in work at once: the best of 1/4 to 8 MiB for nearly every shape measured
FEW = 16  # fewer values side by side than this are too short a run to copy: planar is quicker

Contact = tuple[slice, slice]


def _zeros(like: np.ndarray, *shape: Count) -> np.ndarray:
    return np.zeros_like(like, shape=shape, order="C")


def _empty(like: np.ndarray, *shape: int) -> np.ndarray:
    return np.empty_like(like, shape=shape, order="C")


# -- where windows touch the image -------------------------------------------------------------------------------


def _contacts(win: Window, axis: int) -> list[Contact]:
    """For each tap along an axis: the places whose tap lies on the image, and the pixels that it meets there."""
    size, stride, before = win.size[axis], win.stride[axis], win.padding[axis][0]
    found = []
    for tap in range(win.window[axis]):
        start = tap * win.dilation[axis] - before
        first = max(0, -(start // stride))
        stop = min(win.out[axis], (size - 1 - start) // stride + 1)
        if first < stop:
            found.append((slice(first, stop), slice(start + first * stride, start + (stop - 1) * stride + 1, stride)))
        else:
            found.append((slice(0), slice(0)))
    return found


def _taps(win: Window) -> Iterator[tuple[int, int, Contact, Contact]]:
    """Each tap (i, j) with its contacts along rows and along columns."""
    columns = _contacts(win, 1)
    for i, rows in enumerate(_contacts(win, 0)):
        for j, column in enumerate(columns):
            yield i, j, rows, column


def _pieces(n: int, win: Window, place_bytes: int) -> Iterator[tuple[Contact, Contact, Window]]:
    """Cut a batch into pieces of about `PIECE` bytes: several images each, or a band of the rows of one.

    Yields where the piece lies in the output and in the image, both as (images, rows), and its own window.
    """
    rows, row_bytes = win.out[0], max(1, win.out[1] * place_bytes)
    band = max(1, min(rows, PIECE // row_bytes))
    images = max(1, PIECE // (row_bytes * rows))
    for start, p in product(range(0, n, images), range(0, rows, band)):
        batch, count = slice(start, min(start + images, n)), min(band, rows - p)
        first = p * win.stride[0] - win.padding[0][0]
        last = first + (count - 1) * win.stride[0] + win.reach[0]
        low, high = (min(max(edge, 0), win.size[0]) for edge in (first, last))
        part = win._replace(
            size=(high - low, win.size[1]),
            out=(count, win.out[1]),
            padding=((low - first, last - high), win.padding[1]),
        )
        yield (batch, slice(p, p + count)), (batch, slice(low, high)), part


# -- convolution -------------------------------------------------------------------------------------------------
# G groups, K = C/G input channels in each; a place is one (image, row, column) of the output.


def _planar(win: Window, k: int, groups: Count) -> bool:
    run = k * win.window[1] if groups == 1 and win.dilation[1] == 1 else k
    return run < FEW and win.window != (1, 1)


def _depthwise(w_shape: tuple[int, ...], groups: Count) -> bool:
    return bool(groups > 1 and w_shape[2] == 1)


def _grouped(y: np.ndarray, groups: Count) -> np.ndarray:
    """(..., O) as matrices (G, places, O/G); of a contiguous array, a view."""
    matrices: np.ndarray = y.reshape(prod(y.shape[:-1]), groups, y.shape[-1] // groups).swapaxes(0, 1)
    return matrices


def _padded(x: np.ndarray, win: Window, planar: bool) -> np.ndarray:
    """Images with their padding, in memory channel by channel if planar."""
    (top, bottom), (left, right) = win.padding
    if not (planar or top or bottom or left or right):
        return x
    n, (h, w), c = len(x), win.size, x.shape[3]
    shape = n, top + h + bottom, left + w + right, c
    full = _zeros(x, c, *shape[:3]).transpose(1, 2, 3, 0) if planar else _zeros(x, *shape)
    full[:, top : top + h, left : left + w] = x
    return full


def _columns(x: np.ndarray, win: Window, groups: Count) -> np.ndarray:
    """What the windows see, as matrices (G, places, I*J*K)."""
    k = x.shape[3] // groups
    planar = _planar(win, k, groups)
    (si, sj), (di, dj) = win.stride, win.dilation
    seen = np.lib.stride_tricks.sliding_window_view(_padded(x, win, planar), win.reach, (1, 2))
    seen = seen[:, ::si, ::sj, :, ::di, ::dj][:, : win.out[0], : win.out[1]]
    seen = seen.reshape(len(x), *win.out, groups, k, *win.window)  # only splits an axis: no copy yet
    places, depth = len(x) * prod(win.out), prod(win.window) * k
    columns: np.ndarray
    if planar:
        columns = seen.transpose(3, 5, 6, 4, 0, 1, 2).reshape(groups, depth, places).swapaxes(1, 2)
    else:
        columns = seen.transpose(3, 0, 1, 2, 5, 6, 4).reshape(groups, places, depth)
    return columns


def _place_bytes(x: np.ndarray, win: Window, channels: int) -> int:
    return prod(win.window) * channels * x.itemsize


@kernel(lambda e: [(c.x, c.w, b, c.win, c.groups) for c in e.convolutions() for b in (c.b, None)], slow.conv2d)
def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, win: Window, groups: Count) -> np.ndarray:
    """Cross-correlation.  x (N, H, W, C) · w (I, J, C/groups, O) · b (O,) or None -> (N, H', W', O)"""
    y = _empty(x, len(x), *win.out, w.shape[3])
    depthwise = _depthwise(w.shape, groups)
    filters = _tiled(w, win) if depthwise else _grouped(w, groups)
    bias = None if b is None else np.repeat(b[None], win.out[1], axis=0)  # one run per row, as in `_tiled`
    for place, pixel, part in _pieces(len(x), win, _place_bytes(x, win, x.shape[3])):
        out = y[place]
        if depthwise:
            _depthwise_conv2d(_spread(x[pixel], w), filters, part, out)
        else:
            np.matmul(_columns(x[pixel], part, groups), filters, out=_grouped(out, groups))
        if bias is not None:
            out += bias
    return y


@kernel(
    lambda e: [(c.x, c.w, c.b, c.win, c.groups) for c in e.convolutions()],
    lambda *args: np.maximum(slow.conv2d(*args), 0),
)
def conv2d_relu(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, win: Window, groups: Count) -> np.ndarray:
    """`conv2d`, clipped at 0.  x (N, H, W, C) · w (I, J, C/groups, O) · b (O,) or None -> (N, H', W', O)"""
    y = conv2d(x, w, b, win, groups)
    return np.maximum(y, 0, out=y)


@kernel(lambda e: [(c.g, c.w, c.win, c.groups) for c in e.convolutions()], slow.conv2d_dx)
def conv2d_dx(dy: np.ndarray, w: np.ndarray, win: Window, groups: Count) -> np.ndarray:
    """The adjoint of `conv2d` in x.  dy (N, H', W', O) · w (I, J, C/groups, O) -> (N, H, W, C)"""
    k = w.shape[2]
    c = k * groups
    dx = _zeros(dy, len(dy), *win.size, c)
    depthwise = _depthwise(w.shape, groups)
    filters = _tiled(w, win) if depthwise else _grouped(w, groups).swapaxes(1, 2)  # (G, O/G, I*J*K)
    for place, pixel, part in _pieces(len(dy), win, _place_bytes(dy, win, c)):
        if depthwise:
            _depthwise_dx(dy[place], filters, part, dx[pixel])
        elif _planar(win, k, groups):
            _planar_dx(dy[place], filters, part, dx[pixel])
        else:
            _dense_dx(dy[place], filters, part, dx[pixel])
    return dx


@kernel(lambda e: [(c.x, c.g, c.win, c.groups) for c in e.convolutions()], slow.conv2d_dw)
def conv2d_dw(x: np.ndarray, dy: np.ndarray, win: Window, groups: Count) -> np.ndarray:
    """The adjoint of `conv2d` in w.  x (N, H, W, C) · dy (N, H', W', O) -> (I, J, C/groups, O)"""
    k, o = x.shape[3] // groups, dy.shape[3]
    depthwise = _depthwise((*win.window, k, o), groups)
    dw = _zeros(x, *win.window, k, o) if depthwise else _zeros(x, groups, prod(win.window) * k, o // groups)
    for place, pixel, part in _pieces(len(x), win, _place_bytes(x, win, x.shape[3])):
        if depthwise:
            _depthwise_dw(_spread(x[pixel], dw), dy[place], part, dw)
        else:
            dw += _columns(x[pixel], part, groups).swapaxes(1, 2) @ _grouped(dy[place], groups)
    return dw if depthwise else dw.swapaxes(0, 1).reshape(*win.window, k, o)


def _dense_dx(dy: np.ndarray, filters: np.ndarray, win: Window, dx: np.ndarray) -> None:
    """Add to dx tap by tap: each product is as large as dy, not as the columns."""
    groups, k = len(filters), dx.shape[3] // len(filters)
    cotangent = _grouped(dy, groups)
    dx = dx.reshape(*dx.shape[:3], groups, k)
    for i, j, (p, h), (q, v) in _taps(win):
        at = (i * win.window[1] + j) * k
        share = np.matmul(cotangent, filters[:, :, at : at + k]).swapaxes(0, 1)
        dx[:, h, v] += share.reshape(*dy.shape[:3], groups, k)[:, p, q]


def _planar_dx(dy: np.ndarray, filters: np.ndarray, win: Window, dx: np.ndarray) -> None:
    """The same with all taps in one product, a plane per tap and channel."""
    groups, n, c = len(filters), len(dy), dx.shape[3]
    planes = filters.swapaxes(1, 2) @ _grouped(dy, groups).swapaxes(1, 2)
    planes = planes.reshape(groups, *win.window, c // groups, n, *win.out)
    total = _zeros(dy, groups, c // groups, n, *win.size)
    for i, j, (p, h), (q, v) in _taps(win):
        total[:, :, :, h, v] += planes[:, i, j, :, :, p, q]
    dx += total.reshape(c, n, *win.size).transpose(1, 2, 3, 0)


# Depthwise: a product of K = 1 is no work for matmul, so whole arrays are multiplied tap by tap.


def _spread(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Images with each channel repeated for the filters that read it."""
    times = w.shape[3] // x.shape[3]
    return x if times == 1 else np.repeat(x, times, axis=3)


def _tiled(w: np.ndarray, win: Window) -> np.ndarray:
    """Filters (I, J, W', O), written out along a row, so that a row is one run for the multiplication."""
    return np.repeat(w, win.out[1], axis=2)


def _depthwise_conv2d(x: np.ndarray, filters: np.ndarray, win: Window, y: np.ndarray) -> None:
    y[...] = 0
    for i, j, (p, h), (q, v) in _taps(win):
        y[:, p, q] += x[:, h, v] * filters[i, j, q]


def _depthwise_dx(dy: np.ndarray, filters: np.ndarray, win: Window, dx: np.ndarray) -> None:
    n, c, o = len(dy), dx.shape[3], dy.shape[3]
    total = dx if c == o else _zeros(dy, n, *win.size, o)
    for i, j, (p, h), (q, v) in _taps(win):
        total[:, h, v] += dy[:, p, q] * filters[i, j, q]
    if c != o:
        dx += total.reshape(n, *win.size, c, o // c).sum(axis=4)


def _depthwise_dw(x: np.ndarray, dy: np.ndarray, win: Window, dw: np.ndarray) -> None:
    for i, j, (p, h), (q, v) in _taps(win):
        dw[i, j, 0] += np.einsum("nhwo,nhwo->o", x[:, h, v], dy[:, p, q])


# -- pooling -----------------------------------------------------------------------------------------------------
# A window is a product of two intervals, so maxima and sums go along rows first, where runs are long, then along
# columns: I + J steps instead of I * J.  Masks are arithmetic: `where=` and np.where cost several times as much.


def _along(axis: int, at: slice) -> tuple[slice, ...]:
    return (slice(None),) * (axis + 1) + (at,)


def _maximum_along(
    axis: int, x: np.ndarray, taps: np.ndarray | None, win: Window, kind: type[np.unsignedinteger]
) -> tuple[np.ndarray, np.ndarray]:
    """The maximum along one axis, and the least tap number that attains it.

    `taps` are the winners so far, numbered along the axes done before; None at the first.
    """
    shape = [*x.shape]
    shape[axis + 1] = win.out[axis]
    y = _empty(x, *shape)
    y[...] = -np.inf
    contacts = [(_along(axis, p), _along(axis, h)) for p, h in _contacts(win, axis)]
    for p, h in contacts:
        np.maximum(y[p], x[h], out=y[p])  # hands on NaN
    number = np.empty_like(y, dtype=kind)
    number[...] = prod(win.window) - 1  # no winner has a greater one
    for tap, (p, h) in enumerate(contacts):
        rival = x[h]
        lost = (rival != y[p]) & (rival == rival)  # a NaN has not lost, and there y is NaN, too
        mine = kind(tap * win.window[1]) if taps is None else taps[h] + kind(tap)
        np.minimum(number[p], -lost.astype(kind) | mine, out=number[p])  # -1 has all bits set: never the least
    return y, number


@kernel(lambda e: [(c.x, c.win) for c in e.poolings()], slow.max_pool2d)
def max_pool2d(x: np.ndarray, win: Window) -> tuple[np.ndarray, np.ndarray]:
    """The maximum of each window, and its tap: the winner's number i*J + j, uint8 (int32 past 256 taps).

    x (N, H, W, C) -> (N, H', W', C), (N, H', W', C)
    """
    kind = np.uint8 if win.tap_dtype is np.uint8 else np.uint32
    rows, tap = _maximum_along(0, x, None, win, kind)
    y, tap = _maximum_along(1, rows, tap, win, kind)
    return y, tap.view(win.tap_dtype)


@kernel(lambda e: [(c.g, c.tap, c.win) for c in e.poolings()], slow.max_pool2d_put)
def max_pool2d_put(dy: np.ndarray, tap: np.ndarray, win: Window) -> np.ndarray:
    """Each dy added at its winner's pixel.  dy (N, H', W', C) · tap (N, H', W', C) -> (N, H, W, C)"""
    dx = _zeros(dy, len(dy), *win.size, dy.shape[3])
    for i, j, (p, h), (q, v) in _taps(win):
        dx[:, h, v] += only(dy[:, p, q], tap[:, p, q] == i * win.window[1] + j)
    return dx


@kernel(lambda e: [(c.x, c.tap, c.win) for c in e.poolings()], slow.max_pool2d_take)
def max_pool2d_take(x: np.ndarray, tap: np.ndarray, win: Window) -> np.ndarray:
    """The pixel of each winner.  x (N, H, W, C) · tap (N, H', W', C) -> (N, H', W', C)"""
    n, h, w, c = x.shape
    i, j = (np.arange(f) * d for f, d in zip(win.window, win.dilation, strict=True))
    shift = np.add.outer(i * w, j).reshape(-1) * c  # from a window's first pixel to that of each tap
    p, q = (
        np.arange(out) * stride - before
        for out, stride, (before, _) in zip(win.out, win.stride, win.padding, strict=True)
    )
    place = np.add.outer(np.add.outer(np.arange(n) * h, p) * w, q) * c
    at = np.add.outer(place, np.arange(c)) + shift[tap]
    y: np.ndarray = np.take(x.reshape(-1), at, mode="clip")  # clip: no range check; taps are in range
    return y


@kernel(lambda e: [(c.x, c.win, c.counts) for c in e.poolings()], slow.avg_pool2d)
def avg_pool2d(x: np.ndarray, win: Window, counts: np.ndarray) -> np.ndarray:
    """Window sums divided by counts.  x (N, H, W, C) · counts (H', W') -> (N, H', W', C)"""
    for axis in (0, 1):
        shape = [*x.shape]
        shape[axis + 1] = win.out[axis]
        total = _zeros(x, *shape)
        for p, h in _contacts(win, axis):
            total[_along(axis, p)] += x[_along(axis, h)]
        x = total
    x /= counts[:, :, None].astype(x.dtype)
    return x


@kernel(lambda e: [(c.g, c.win, c.counts) for c in e.poolings()], slow.avg_pool2d_put)
def avg_pool2d_put(dy: np.ndarray, win: Window, counts: np.ndarray) -> np.ndarray:
    """The adjoint of `avg_pool2d`.  dy (N, H', W', C) · counts (H', W') -> (N, H, W, C)"""
    dx: np.ndarray = dy / counts[:, :, None].astype(dy.dtype)
    for axis in (1, 0):
        shape = [*dx.shape]
        shape[axis + 1] = win.size[axis]
        total = _zeros(dx, *shape)
        for p, h in _contacts(win, axis):
            total[_along(axis, h)] += dx[_along(axis, p)]
        dx = total
    return dx
