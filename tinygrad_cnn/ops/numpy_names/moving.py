"""NumPy's functions that put the same elements elsewhere: shapes, turns, diagonals, copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..algebra import broadcast_to
from ..arithmetic import where
from ..border import pad
from ..diagonals import diag, diagonal, tril, triu
from ..grids import meshgrid, rot90, tile
from ..indexing import getitem
from ..shape import expand_dims, flip, repeat, reshape, squeeze, swapaxes, transpose
from .given import array, by_place, flat, moved, only, plain


def _reshape(a: Any, /, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    a = array(a)
    if order == "F":
        whole = np.empty(a.shape, bool).reshape(shape).shape  # with the length that -1 stands for
        return transpose(reshape(transpose(a), whole[::-1]))
    if order not in ("C", "A"):
        raise ValueError(f"np.reshape: order={order!r} is not known; there are 'C' and 'F'.")
    return reshape(a, shape)


def _ravel(a: Any, order: str = "C") -> Any:
    return _reshape(a, (-1,), "C" if order == "K" else order)


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0, **settings: Any) -> Any:
    """Of a border of constants, what `pad` cannot say (a value for each side) is written by `where`."""
    if not isinstance(mode, str) or settings:
        known = "mode 'constant' with constant_values=, 'edge', 'reflect', 'symmetric' and 'wrap'"
        raise ValueError(f"np.pad: mode={mode!r} with {sorted(settings)} has no op; there are {known}.")
    if isinstance(pad_width, dict):
        pad_width = [_pair(pad_width.get(k, pad_width.get(k - array.ndim, 0))) for k in range(array.ndim)]
    width = np.broadcast_to(plain(pad_width), (array.ndim, 2)).tolist()
    if mode != "constant":
        return pad(array, width, mode)
    values = plain(constant_values)
    if not values.ndim:
        return pad(array, width, value=values.item())
    inside = np.pad(np.ones(array.shape, bool), width)
    border = np.pad(np.zeros(array.shape, plain(array).dtype), width, constant_values=values)
    return where(inside, pad(array, width), border)


def _pair(width: Any) -> Any:
    return (width, width) if isinstance(width, int) else width


def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    counts = plain(repeats)
    a = array(a)
    if counts.ndim and counts.size == 1:
        counts = counts.reshape(())
    if counts.ndim:
        return moved(lambda places: np.repeat(places, counts, axis), a)
    return repeat(a, int(counts), axis)


def _at_least(ndim: int) -> Any:
    def at_least(*arys: Any) -> Any:
        found = tuple(_with_axes(array(a), ndim) for a in arys)
        return found[0] if len(found) == 1 else found

    return at_least


def _with_axes(a: Any, ndim: int) -> Any:
    if a.ndim >= ndim:
        return a
    if ndim < 3:
        return reshape(a, (1,) * (ndim - a.ndim) + a.shape)
    return reshape(a, {0: (1, 1, 1), 1: (1, *a.shape, 1), 2: (*a.shape, 1)}[a.ndim])


def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    arrays = [array(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(a if a.shape == shape else broadcast_to(a, shape) for a in arrays)


def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return broadcast_to(array, (shape,) if isinstance(shape, int) else tuple(shape))


def _triangle(op: Any) -> Any:
    def triangle(m: Any, k: int = 0) -> Any:
        return op(m if m.ndim > 1 else broadcast_to(m, m.shape * 2), k)  # of a row, the matrix of its copies

    return triangle


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    return np.sum(diagonal(array(a), offset, axis1, axis2), axis=-1, dtype=dtype)


def _resize(a: Any, new_shape: Any) -> Any:
    a = array(a)
    if not a.size:
        return np.resize(plain(a), new_shape)
    return by_place(np.resize)(a, new_shape)


def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    if axis is not None:
        only("trim_zeros", axis=(axis, None))
    filt, held = array(filt), np.flatnonzero(plain(filt))
    if filt.ndim != 1:
        raise ValueError(f"np.trim_zeros: filt has shape {filt.shape}; it must be a row (N,).")
    if not len(held):
        return getitem(filt, key=slice(0, 0))
    front, back = "f" in trim.lower(), "b" in trim.lower()
    return getitem(filt, key=slice(int(held[0]) if front else 0, int(held[-1]) + 1 if back else None))


GRADIENT: dict[str, Any] = {
    "reshape": _reshape,
    "ravel": _ravel,
    "squeeze": lambda a, axis=None: squeeze(a, axis=axis),
    "expand_dims": lambda a, axis: expand_dims(a, axis=tuple(axis) if isinstance(axis, list) else axis),
    "matrix_transpose": lambda x, /: swapaxes(x, -1, -2),
    "linalg.matrix_transpose": lambda x, /: swapaxes(x, -1, -2),
    "flip": lambda m, axis=None: flip(m, axis=axis),
    "flipud": lambda m: flip(m, axis=0),
    "fliplr": lambda m: flip(m, axis=1),
    "rot90": lambda m, k=1, axes=(0, 1): rot90(m, k, axes),
    "rollaxis": by_place(np.rollaxis),
    "fft.fftshift": by_place(np.fft.fftshift),
    "fft.ifftshift": by_place(np.fft.ifftshift),
    "lib.stride_tricks.sliding_window_view": by_place(np.lib.stride_tricks.sliding_window_view),
    "pad": _pad,
    "tile": lambda A, reps: tile(A, int(reps) if np.ndim(reps) == 0 else tuple(map(int, reps))),
    "repeat": _repeat,
    "resize": _resize,
    "broadcast_to": _broadcast_to,
    "broadcast_arrays": _broadcast_arrays,
    "meshgrid": lambda *xi, copy=True, sparse=False, indexing="xy": meshgrid(
        *map(array, xi), indexing=indexing, sparse=sparse
    ),
    "atleast_1d": _at_least(1),
    "atleast_2d": _at_least(2),
    "atleast_3d": _at_least(3),
    "triu": _triangle(triu),
    "tril": _triangle(tril),
    "diag": lambda v, k=0: diag(v, k),
    "diagflat": lambda v, k=0: diag(flat(array(v)), k),
    "diagonal": lambda a, offset=0, axis1=0, axis2=1: diagonal(a, offset, axis1, axis2),
    "linalg.diagonal": lambda x, /, *, offset=0: diagonal(x, offset, -2, -1),
    "trace": _trace,
    "linalg.trace": lambda x, /, *, offset=0, dtype=None: _trace(x, offset, -2, -1, dtype),
    "trim_zeros": _trim_zeros,
}
