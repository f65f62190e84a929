"""For each kernel: calls to try it with, and a loop over single numbers that says what must come out.

A new kernel needs an entry in both dicts; `test_contracts.py` says so if one is missing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import shapes, slow

from . import cases

Array = np.ndarray
Args = tuple[Any, ...]


def _conv(dtype: Any) -> list[Args]:
    return [cases.conv(name, dtype) for name in ("plain", "stride", "groups", "depthwise", "batch of none")]


def _pool(dtype: Any) -> list[tuple[Array, Array, shapes.Window, Array, Array]]:
    """x, a cotangent, the window, the winners, and how many taps are inside, for some cases."""
    made = []
    for name in ("plain", "overlap", "batch of none"):
        x, g, win = cases.pool(name, dtype)
        counts = np.maximum(shapes.tap_counts(win, True), 1).astype(dtype)
        made.append((x, g, win, slow.max_pool2d(x, win)[1], counts))
    return made


def _rows(dtype: Any, count: int) -> list[list[Array]]:
    """So many arrays of rows of one shape, for shapes with and without a remainder for vector units."""
    rng = np.random.default_rng(count)
    shapes = (4, 3, 3, 5), (7, 16), (0, 4), (33,)
    return [[rng.standard_normal(shape).astype(dtype) for _ in range(count)] for shape in shapes]


def _vectors(a: Array, count: int) -> list[Array]:
    rng = np.random.default_rng(a.size)
    return [rng.standard_normal(a.shape[-1]).astype(a.dtype) for _ in range(count)]


def _norms(dtype: Any, y: bool) -> list[Args]:
    return [(dy, x, _vectors(x, 1)[0], *([x] if y else [])) for dy, x in _rows(dtype, 2)]


CALLS: dict[str, Callable[[Any], list[Args]]] = {
    "conv2d": lambda t: [(x, w, bias, win, n) for x, w, b, _, win, n in _conv(t) for bias in (b, None)],
    "conv2d_relu": lambda t: [(x, w, b, win, n) for x, w, b, _, win, n in _conv(t)],
    "conv2d_dx": lambda t: [(g, w, win, n) for _, w, _, g, win, n in _conv(t)],
    "conv2d_dw": lambda t: [(x, g, win, n) for x, _, _, g, win, n in _conv(t)],
    "max_pool2d": lambda t: [(x, win) for x, _, win, _, _ in _pool(t)],
    "max_pool2d_put": lambda t: [(g, tap, win) for _, g, win, tap, _ in _pool(t)],
    "max_pool2d_take": lambda t: [(x, tap, win) for x, _, win, tap, _ in _pool(t)],
    "avg_pool2d": lambda t: [(x, win, counts) for x, _, win, _, counts in _pool(t)],
    "avg_pool2d_put": lambda t: [(g, win, counts) for _, g, win, _, counts in _pool(t)],
    "matmul": lambda t: [
        (a, b.T.copy() if tb else b, False, tb, bias, relu)
        for a, b, bias in [[np.random.default_rng(1).standard_normal(s).astype(t) for s in ((5, 7), (7, 3), (3,))]]
        for tb in (False, True) for bias in (None, bias) for relu in (False, True)
    ],
    "relu": lambda t: [(x,) for (x,) in _rows(t, 1)],
    "relu_dx": lambda t: [(dy, y) for dy, y in _rows(t, 2)],
    "add_relu": lambda t: [(a, b) for a, b in _rows(t, 2)],
    "add_": lambda t: [(a, b) for a, b in _rows(t, 2)],
    "column_sum": lambda t: [(x,) for (x,) in _rows(t, 1)],
    "norm_stats": lambda t: [(x,) for (x,) in _rows(t, 1) if x.size],
    "norm_apply": lambda t: [(x, *_vectors(x, 2), relu) for (x,) in _rows(t, 1) for relu in (False, True)],
    "norm_sums": lambda t: [*_norms(t, False), *_norms(t, True)],
    "norm_dx": lambda t: [
        (dy, x, *_vectors(x, 4), *more) for dy, x in _rows(t, 2) for more in ((), (x,))
    ],
    "sgd_": lambda t: [
        (p, g, buf, 0.1, 0.9 if buf is not None else 0.0, 0.2, 0.01, nesterov)
        for p, g, m in _rows(t, 3) for buf, nesterov in ((m, False), (m, True), (None, False))
    ],
    "adam_": lambda t: [
        (p, g, m, v * v, 0.01, 0.9, 0.99, 1e-8, 0.1, decoupled, 3)
        for p, g, m, v in _rows(t, 4) for decoupled in (False, True)
    ],
}  # fmt: skip


def each(fn: Callable[..., float], *arrays: Array) -> Array:
    """A function of numbers, applied element by element; vectors go along the last axis."""
    shape = arrays[0].shape
    whole = [np.broadcast_to(a, shape) for a in arrays]
    return np.array([fn(*[float(a[p]) for a in whole]) for p in np.ndindex(*shape)], arrays[0].dtype).reshape(shape)


def per_column(fn: Callable[..., float], *arrays: Array) -> Array:
    """A function of lists of numbers, applied to each column."""
    columns = [[float(v) for v in a.reshape(-1, a.shape[-1])[:, k]] for k in range(arrays[0].shape[-1]) for a in arrays]
    n = len(arrays)
    return np.array([fn(*columns[k : k + n]) for k in range(0, len(columns), n)], arrays[0].dtype)


def _matmul(a: Array, b: Array, ta: bool, tb: bool, bias: Array | None, relu: bool) -> Array:
    a, b = (a.T if ta else a), (b.T if tb else b)
    y = np.array([[sum(map(operator.mul, row.tolist(), column.tolist())) for column in b.T] for row in a], a.dtype)
    y = y if bias is None else y + bias
    return np.maximum(y, 0) if relu else y


def _norm_sums(dy: Array, x: Array, mean: Array, y: Array | None = None) -> tuple[Array, Array]:
    dy = dy if y is None else each(lambda g, v: g if v > 0 else 0.0, dy, y)
    moved = each(lambda g, v, m: g * (v - m), dy, x, mean)
    return per_column(sum, dy), per_column(sum, moved)


def _norm_dx(dy: Array, x: Array, mean: Array, a: Array, b: Array, c: Array, y: Array | None = None) -> Array:
    dy = dy if y is None else each(lambda g, v: g if v > 0 else 0.0, dy, y)
    return each(lambda g, v, m, a, b, c: g * a + (v - m) * b + c, dy, x, mean, a, b, c)


def _sgd(
    p: Array, g: Array, buf: Array | None, lr: float, momentum: float, dampening: float, decay: float, nesterov: bool
) -> tuple[Array, Array | None]:
    g = each(lambda p, g: g + decay * p, p, g)
    moved = None if buf is None else each(lambda m, g: momentum * m + (1 - dampening) * g, buf, g)
    step = g if moved is None else each(lambda g, m: g + momentum * m if nesterov else m, g, moved)
    return each(lambda p, s: p - lr * s, p, step), moved


def _adam(
    p: Array, g: Array, m: Array, v: Array, lr: float, b1: float, b2: float, eps: float, decay: float, decoupled: bool,
    step: int,
) -> tuple[Array, Array, Array]:  # fmt: skip
    g = g if decoupled else each(lambda p, g: g + decay * p, p, g)
    p = each(lambda p: p * (1 - lr * decay), p) if decoupled else p
    m = each(lambda m, g: b1 * m + (1 - b1) * g, m, g)
    v = each(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)
    scale = each(lambda v: (v / (1 - b2**step)) ** 0.5 + eps, v)
    return each(lambda p, m, s: p - lr / (1 - b1**step) * m / s, p, m, scale), m, v


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _relu(y: Array) -> Array:
    return np.maximum(y, 0)


LOOPS: dict[str, Callable[..., Any]] = {  # of in-place kernels: the arrays that are written, in their order
    **{name: getattr(slow, name) for name in (
        "conv2d", "conv2d_dx", "conv2d_dw", "max_pool2d", "max_pool2d_put", "max_pool2d_take", "avg_pool2d",
        "avg_pool2d_put")},
    "conv2d_relu": lambda *args: _relu(slow.conv2d(*args)),
    "matmul": _matmul,
    "relu": lambda x: each(lambda v: max(v, 0.0), x),
    "relu_dx": lambda dy, y: each(lambda g, v: g if v > 0 else 0.0, dy, y),
    "add_relu": lambda a, b: each(lambda a, b: max(a + b, 0.0), a, b),
    "add_": lambda a, b: (each(lambda a, b: a + b, a, b),),
    "column_sum": lambda x: per_column(sum, x),
    "norm_stats": lambda x: (per_column(mean, x), per_column(lambda c: mean([(v - mean(c)) ** 2 for v in c]), x)),
    "norm_apply": lambda x, scale, shift, relu: each(
        lambda v, a, b: max(v * a + b, 0.0) if relu else v * a + b, x, scale, shift),
    "norm_sums": _norm_sums,
    "norm_dx": _norm_dx,
    "sgd_": _sgd,
    "adam_": _adam,
}  # fmt: skip
WRITTEN = {"add_": (0,), "sgd_": (0, 2), "adam_": (0, 2, 3)}  # which arguments kernels in place write to
