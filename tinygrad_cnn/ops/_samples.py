"""What each of N samples contributes to the gradient of a parameter: see `autodiff.by_sample`.

g is the cotangent of a result, (N, K, ...); arrays that the op was given have N*K in their first axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.by_sample import squared


def _rows(g: Any, x: Any) -> tuple[Any, Any]:
    """The cotangent and the input as rows for each sample.  -> (N, R, O), (N, R, C)"""
    return g.reshape(len(g), -1, g.shape[-1]), x.reshape(len(g), -1, x.shape[-1])


def dense(g: Any, x: Any) -> Any:
    """Of the weights of a dense layer.  x (..., C) -> (N, C, O)"""
    if x.ndim < 2:
        return NotImplemented
    g, x = _rows(g, x)
    x = x.transpose(0, 2, 1)
    return x * g if g.shape[1] == 1 else np.matmul(x, g)


def dense_squares(g: Any, x: Any) -> Any:
    """The sum of squares of that: products of all pairs of rows, if these are fewer than weights.  -> (N,)"""
    if x.ndim < 2:
        return NotImplemented
    g, x = _rows(g, x)
    (_, r, o), c = g.shape, x.shape[2]
    if r == 1:
        return squared(g) * squared(x)
    if r * (c + o) > c * o:
        return squared(dense(g, x))
    pairs = np.matmul(g, g.transpose(0, 2, 1)).astype(np.float64) * np.matmul(x, x.transpose(0, 2, 1))
    return np.maximum(pairs.sum((1, 2)), 0)  # not below 0 by rounding


def bias(g: Any) -> Any:
    """Of what is added to the last axis.  -> (N, O)"""
    return g.reshape(len(g), -1, g.shape[-1]).sum(1)


def scale(g: Any, x: Any) -> Any:
    """Of what the last axis is multiplied by.  x (..., C) -> (N, C)"""
    return (g * x.reshape(g.shape)).reshape(len(g), -1, g.shape[-1]).sum(1)


def _taken(g: Any, x_shape: Any, indices: Any, axis: Any) -> Any:
    """Numbers of rows and their cotangents for each sample, (N, R) and (N, R, E); None if x is not taken by rows."""
    if axis is None or axis % len(x_shape) or not indices.ndim:
        return None
    chosen = indices.reshape(len(g), -1) % x_shape[0]
    return chosen, g.reshape(*chosen.shape, *x_shape[1:])


def rows(g: Any, x_shape: Any, indices: Any, axis: Any) -> Any:
    """Of a table from which rows were taken.  -> (N, *x.shape)"""
    if (found := _taken(g, x_shape, indices, axis)) is None:
        return NotImplemented
    table = np.zeros((len(g), *x_shape), g.dtype)
    np.add.at(table, (np.arange(len(g))[:, None], found[0]), found[1])
    return table


def rows_squares(g: Any, x_shape: Any, indices: Any, axis: Any) -> Any:
    """The sum of squares of that, from pairs of equal rows.  -> (N,)"""
    if (found := _taken(g, x_shape, indices, axis)) is None:
        return NotImplemented
    chosen, dy = found[0], found[1].reshape(*found[0].shape, -1)
    pairs = np.matmul(dy, dy.transpose(0, 2, 1)).astype(np.float64)
    return np.maximum((pairs * (chosen[:, :, None] == chosen[:, None])).sum((1, 2)), 0)
