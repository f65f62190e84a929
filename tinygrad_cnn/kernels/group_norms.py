"""Group norm and its gradient, in plain NumPy.  The compiled forms are in native/group_norm.h."""

from __future__ import annotations

from math import prod

import numpy as np

from .examples import Args, Array, Draw, kernel, vectors

__all__ = ["group_norm", "group_norm_dx"]

EPS = 1e-2  # of examples


def _grouped(x: Array, groups: int) -> Array:
    """x (N, ..., C) as (N, places, groups, C/groups)."""
    return x.reshape(len(x), prod(x.shape[1:-1]), groups, x.shape[-1] // groups)


def _moments(x: Array, groups: int, eps: float) -> tuple[Array, Array]:
    """Mean and 1 / sqrt(variance + eps) of each group of each sample."""
    grouped = _grouped(x, groups)
    mean = grouped.mean(axis=(1, 3))
    centred = grouped - mean[:, None, :, None]
    return mean, 1 / np.sqrt(np.mean(centred * centred, axis=(1, 3)) + x.dtype.type(eps))


def _examples(e: Draw) -> list[tuple[Array, Array, int]]:
    """Two arrays of samples and a number of groups, for several shapes."""
    found = []
    for g, x in e.rows(2):
        if x.ndim > 1 and x.size:
            channels = x.shape[-1]
            found += [(g, x, groups) for groups in {1, channels, channels // 2 if channels % 2 == 0 else 1}]
    return found


def _calls(e: Draw) -> list[Args]:
    found: list[Args] = []
    for _, x, groups in _examples(e):
        gamma, beta = vectors(x, 2)
        found += [(x, groups, gamma, beta, EPS), (x, groups, None, None, EPS)]
    return found


def _loop(x: Array, groups: int, gamma: Array | None, beta: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """Group by group, in float64."""
    width = x.shape[-1] // groups
    y, mean, scale = np.empty(x.shape), np.empty((len(x), groups)), np.empty((len(x), groups))
    for n, k in np.ndindex(len(x), groups):
        own = (n, ..., slice(k * width, (k + 1) * width))
        part = x[own].astype(float)
        mean[n, k], scale[n, k] = part.mean(), (part.var() + eps) ** -0.5
        y[own] = (part - mean[n, k]) * scale[n, k]
    y = y * (1 if gamma is None else gamma) + (0 if beta is None else beta)
    return y.astype(x.dtype), mean.astype(x.dtype), scale.astype(x.dtype)


@kernel(_calls, _loop)
def group_norm(
    x: Array, groups: int, gamma: Array | None, beta: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Groups of channels with mean 0 and variance 1 over the places of a sample, times gamma, plus beta.

    Further results are the mean of each group, and 1 / sqrt(variance + eps).

    x (N, ..., C) · gamma (C,) or None · beta (C,) or None -> (N, ..., C), (N, groups), (N, groups)
    """
    mean, scale = _moments(x, groups, eps)
    y = ((_grouped(x, groups) - mean[:, None, :, None]) * scale[:, None, :, None]).reshape(x.shape)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta, mean, scale


def _dx_loop(
    g: Array, x: Array, groups: int, gamma: Array | None, mean: Array, scale: Array
) -> tuple[Array, Array, Array]:
    """By the matrix of derivatives of each group, in float64."""
    width = x.shape[-1] // groups
    dx, y = np.empty(x.shape), np.empty(x.shape)
    for n, k in np.ndindex(len(x), groups):
        own = (n, ..., slice(k * width, (k + 1) * width))
        d, s = x[own].astype(float) - float(mean[n, k]), float(scale[n, k])
        y[own] = d * s
        h = (g[own] * (1 if gamma is None else gamma[own[2]])).ravel()
        jacobian = s * (np.eye(d.size) - 1 / d.size) - s**3 / d.size * np.outer(d, d)
        dx[own] = (h @ jacobian).reshape(d.shape)
    rows = (-1, x.shape[-1])
    return dx.astype(x.dtype), (g * y).reshape(rows).sum(0).astype(x.dtype), g.reshape(rows).sum(0)


@kernel(
    lambda e: [
        (g, x, groups, gamma, *_moments(x, groups, EPS))
        for g, x, groups in _examples(e) for gamma in (vectors(x, 1)[0], None)
    ],
    _dx_loop,
)  # fmt: skip
def group_norm_dx(
    g: Array, x: Array, groups: int, gamma: Array | None, mean: Array, scale: Array
) -> tuple[Array, Array, Array]:
    """The gradients of `group_norm` in x, gamma and beta; mean and scale are what it gave.

    g (N, ..., C) · x (N, ..., C) · gamma (C,) or None · mean (N, groups) · scale (N, groups) -> (N, ..., C), (C,), (C,)
    """
    y = (_grouped(x, groups) - mean[:, None, :, None]) * scale[:, None, :, None]
    h = _grouped(g if gamma is None else g * gamma, groups)
    dx = h - np.mean(h, axis=(1, 3), keepdims=True) - y * np.mean(h * y, axis=(1, 3), keepdims=True)
    dx *= scale[:, None, :, None]
    rows = (-1, x.shape[-1])
    return dx.reshape(x.shape), (g * y.reshape(x.shape)).reshape(rows).sum(axis=0), g.reshape(rows).sum(axis=0)
