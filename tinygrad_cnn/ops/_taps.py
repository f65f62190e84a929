"""Weighted gathering along one axis: what resizing, uneven pooling and mirrored borders have in common.

Each place of the result is a weighted sum of few places of the source.  That is a sparse matrix, kept as columns of
one tap per place: gathering a column at a time needs no loop over pixels, and the transposed matrix is of the same
kind, so the adjoint gathers too and nothing is ever scattered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Tap(NamedTuple):
    """For each of `rows` of the result (None: for all) a place of the source, and its weight (None: 1)."""

    rows: np.ndarray | None
    source: np.ndarray
    weight: np.ndarray | None


class Taps(NamedTuple):
    """A sparse matrix of `size` rows."""

    size: int
    taps: tuple[Tap, ...]


def taps(size: int, rows: np.ndarray, sources: np.ndarray, weights: np.ndarray) -> Taps:
    """The matrix of `size` rows with these entries.  rows, sources, weights (K,); the transpose swaps the first two."""
    used = weights != 0  # a tap of weight 0 would turn an infinite pixel into NaN elsewhere
    order = np.argsort(rows[used], kind="stable")
    rows, sources, weights = (a[used][order] for a in (rows, sources, weights))
    number = np.arange(len(rows)) - np.searchsorted(rows, rows)  # of each entry within its row
    columns = []
    for k in range(int(number.max(initial=-1)) + 1):
        at = number == k
        r, w = rows[at], weights[at]
        columns.append(Tap(None if len(r) == size else r, sources[at], None if (w == 1).all() else w))
    return Taps(size, tuple(columns))


def gather(x: Any, axis: int, matrix: Taps) -> Any:
    """The matrix times x, along one axis.  x (..., n, ...) -> (..., size, ...)"""
    shape = (*x.shape[:axis], matrix.size, *x.shape[axis + 1 :])
    total = None
    for rows, source, weight in matrix.taps:
        part = np.take(x, source, axis=axis)
        if weight is not None:
            part *= weight.astype(x.dtype).reshape(-1, *[1] * (x.ndim - axis - 1))
        if total is None and rows is None:
            total = part
            continue
        if total is None:
            total = np.zeros_like(x, shape=shape)
        total[(slice(None),) * axis + (slice(None) if rows is None else rows,)] += part
    return np.zeros_like(x, shape=shape) if total is None else total
