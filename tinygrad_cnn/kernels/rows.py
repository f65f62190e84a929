"""Functions of rows in plain NumPy: softmax and the norms of layers, with their gradients.

The compiled forms, which read each row from memory once, are in native/rows.h.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .examples import Args, Array, Draw, kernel, vectors

__all__ = [
    "layer_norm", "layer_norm_dx", "log_softmax", "log_softmax_dx", "rms_norm", "rms_norm_dx", "softmax", "softmax_dx",
    "softmax_sums",
]  # fmt: skip


def _per_row(fn: Any, *arrays: Array) -> Array:
    """A function of lists of numbers that gives a list, applied to each row."""
    flat = [a.reshape(-1, arrays[0].shape[-1]).tolist() for a in arrays]
    return np.array([fn(*row) for row in zip(*flat, strict=True)], arrays[0].dtype).reshape(arrays[0].shape)


def _columns(fn: Any, x: Array) -> Array:
    """A function of rows, applied along the first axis."""
    return np.ascontiguousarray(np.moveaxis(_per_row(fn, np.ascontiguousarray(np.moveaxis(x, 0, -1))), -1, 0))


def _softmax(row: list[float]) -> list[float]:
    total = math.fsum(map(math.exp, row))
    return [math.exp(v) / total for v in row]


def _log_softmax(row: list[float]) -> list[float]:
    total = math.log(math.fsum(map(math.exp, row)))
    return [v - total for v in row]


def _with_axes(e: Draw) -> list[Args]:
    rows = [(x, -1) for (x,) in e.rows(1)]
    return rows if e.large else [*rows, *((x, 0) for x, _ in rows if x.size)]


@kernel(_with_axes, lambda x, axis: (_columns if axis == 0 else _per_row)(_softmax, x))
def softmax(x: Array, axis: int) -> Array:
    """exp(x) / sum(exp(x)) along an axis, without overflow.  x (...) -> (...)"""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True)) if x.size else x
    return e / np.sum(e, axis=axis, keepdims=True)


@kernel(_with_axes, lambda x, axis: (_columns if axis == 0 else _per_row)(_log_softmax, x))
def log_softmax(x: Array, axis: int) -> Array:
    """log(softmax(x)) along an axis, without overflow.  x (...) -> (...)"""
    if not x.size:
        return np.copy(x)
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def _sums_loop(x: Array) -> tuple[Array, Array, Array]:
    top = _per_row(lambda row: [max(row)] * len(row), x)
    total = _per_row(lambda row: [math.log(math.fsum(math.exp(v - max(row)) for v in row))] * len(row), x)
    return _per_row(_softmax, x), top[..., 0], total[..., 0]


@kernel(lambda e: [(x,) for (x,) in e.rows(1)], _sums_loop)
def softmax_sums(x: Array) -> tuple[Array, Array, Array]:
    """Softmax of rows, their largest number, and log(sum(exp(x - largest))).  x (..., C) -> (..., C), (...), (...)"""
    top = x.max(axis=-1, keepdims=True)
    p = np.exp(x - top)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    return p, top[..., 0], np.log(total)[..., 0]


def _softmax_dx_loop(g: Array, y: Array, axis: int) -> Array:
    def row(g: list[float], y: list[float]) -> list[float]:
        mean = math.fsum(a * b for a, b in zip(g, y, strict=True))
        return [b * (a - mean) for a, b in zip(g, y, strict=True)]

    return _per_row(row, g, y)


def _log_softmax_dx_loop(g: Array, y: Array, axis: int) -> Array:
    return _per_row(lambda g, y: [a - math.exp(b) * math.fsum(g) for a, b in zip(g, y, strict=True)], g, y)


def _gradients(e: Draw) -> list[Args]:
    return [(g, y, -1) for g, y in e.rows(2)]


@kernel(_gradients, _softmax_dx_loop)
def softmax_dx(g: Array, y: Array, axis: int) -> Array:
    """The gradient of softmax whose result is y: y * (g - sum(g * y)).  g (...) · y (...) -> (...)"""
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


@kernel(_gradients, _log_softmax_dx_loop)
def log_softmax_dx(g: Array, y: Array, axis: int) -> Array:
    """The gradient of log_softmax whose result is y: g - exp(y) * sum(g).  g (...) · y (...) -> (...)"""
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


# -- norms -----------------------------------------------------------------------------------------------------------

EPS = 1e-2  # of examples


def _scales(x: Array, eps: float) -> tuple[Array, Array]:
    """Mean and 1 / sqrt(variance + eps) of each row."""
    mean = x.mean(axis=-1)
    centred = x - mean[..., None]
    return mean, 1 / np.sqrt(np.mean(centred * centred, axis=-1) + x.dtype.type(eps))


def _norm_calls(e: Draw) -> list[Args]:
    calls: list[Args] = []
    for (x,) in e.rows(1):
        gamma, beta = vectors(x, 2)
        calls += [(x, gamma, beta, EPS), (x, gamma, None, EPS), (x, None, None, EPS)]
    return calls


def _affine(y: Array, gamma: Array | None, beta: Array | None) -> Array:
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def _layer_norm_loop(x: Array, gamma: Array | None, beta: Array | None, eps: float) -> tuple[Array, Array, Array]:
    def stats(row: list[float]) -> tuple[float, float]:
        mean = math.fsum(row) / len(row)
        return mean, (math.fsum((v - mean) ** 2 for v in row) / len(row) + eps) ** -0.5

    flat = x.reshape(-1, x.shape[-1])
    pairs = np.array([stats(row) for row in flat.tolist()]).reshape(*x.shape[:-1], 2)
    y = (x - pairs[..., :1]) * pairs[..., 1:]
    return _affine(y, gamma, beta).astype(x.dtype), pairs[..., 0].astype(x.dtype), pairs[..., 1].astype(x.dtype)


@kernel(_norm_calls, _layer_norm_loop)
def layer_norm(x: Array, gamma: Array | None, beta: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """Rows of mean 0 and variance 1, times gamma, plus beta; the mean of each row, and 1 / sqrt(variance + eps).

    x (..., C) · gamma (C,) or None · beta (C,) or None -> (..., C), (...), (...)
    """
    mean, scale = _scales(x, eps)
    y = x - mean[..., None]
    y *= scale[..., None]
    return _affine(y, gamma, beta), mean, scale


def _by_columns(a: Array) -> Array:
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def _norm_gradient(
    g: Array, x: Array, gamma: Array | None, mean: Array | None, scale: Array
) -> tuple[Array, Array, Array]:
    centred = x if mean is None else x - mean[..., None]
    y, h = centred * scale[..., None], g if gamma is None else g * gamma
    dx = h - y * np.mean(h * y, axis=-1, keepdims=True)
    if mean is not None:
        dx -= np.mean(h, axis=-1, keepdims=True)
    return dx * scale[..., None], _by_columns(g * y), _by_columns(g)


def _norm_dx_loop(g: Array, x: Array, gamma: Array | None, mean: Array, scale: Array) -> tuple[Array, Array, Array]:
    """The same in float64, by the matrix of derivatives of each row."""
    c = x.shape[-1]
    dx = np.empty(x.shape)
    for at in np.ndindex(x.shape[:-1]):
        d, s = x[at].astype(float) - float(mean[at]), float(scale[at])
        jacobian = s * (np.eye(c) - 1 / c) - s**3 / c * np.outer(d, d)
        dx[at] = (g[at] * (1 if gamma is None else gamma)) @ jacobian
    y = (x - mean[..., None]) * scale[..., None]
    return dx.astype(x.dtype), _by_columns(g * y), _by_columns(g)


def _norm_dx_calls(e: Draw) -> list[Args]:
    return [
        (g, x, gamma, *_scales(x, EPS))
        for g, x in e.rows(2)
        for gamma in (vectors(x, 1)[0], None)[: 1 if e.large else 2]
    ]


@kernel(_norm_dx_calls, _norm_dx_loop)
def layer_norm_dx(g: Array, x: Array, gamma: Array | None, mean: Array, scale: Array) -> tuple[Array, Array, Array]:
    """The gradients of `layer_norm` in x, gamma and beta; mean and scale are what it gave.

    g (..., C) · x (..., C) · gamma (C,) or None · mean (...) · scale (...) -> (..., C), (C,), (C,)
    """
    return _norm_gradient(g, x, gamma, mean, scale)


def _rms(x: Array, eps: float) -> Array:
    scale: Array = 1 / np.sqrt(np.mean(x * x, axis=-1) + x.dtype.type(eps))
    return scale


def _rms_norm_loop(x: Array, gamma: Array | None, eps: float) -> tuple[Array, Array]:
    rows = x.reshape(-1, x.shape[-1]).tolist()
    scale = np.array([(math.fsum(v * v for v in row) / len(row) + eps) ** -0.5 for row in rows])
    scale = scale.reshape(x.shape[:-1])
    return _affine(x * scale[..., None], gamma, None).astype(x.dtype), scale.astype(x.dtype)


@kernel(lambda e: [(x, gamma, eps) for x, gamma, beta, eps in _norm_calls(e) if beta is None], _rms_norm_loop)
def rms_norm(x: Array, gamma: Array | None, eps: float) -> tuple[Array, Array]:
    """x / sqrt(mean(x**2) + eps) of each row, times gamma; and the factor.

    x (..., C) · gamma (C,) or None -> (..., C), (...)
    """
    scale = _rms(x, eps)
    return _affine(x * scale[..., None], gamma, None), scale


def _rms_norm_dx_loop(g: Array, x: Array, gamma: Array | None, scale: Array) -> tuple[Array, Array]:
    c = x.shape[-1]
    dx = np.empty(x.shape)
    for at in np.ndindex(x.shape[:-1]):
        d, s = x[at].astype(float), float(scale[at])
        dx[at] = (g[at] * (1 if gamma is None else gamma)) @ (s * np.eye(c) - s**3 / c * np.outer(d, d))
    return dx.astype(x.dtype), _by_columns(g * x * scale[..., None])


@kernel(lambda e: [(g, x, gamma, _rms(x, EPS)) for g, x, gamma, *_ in _norm_dx_calls(e)], _rms_norm_dx_loop)
def rms_norm_dx(g: Array, x: Array, gamma: Array | None, scale: Array) -> tuple[Array, Array]:
    """The gradients of `rms_norm` in x and gamma; scale is what it gave.

    g (..., C) · x (..., C) · gamma (C,) or None · scale (...) -> (..., C), (C,)
    """
    return _norm_gradient(g, x, gamma, None, scale)[:2]
