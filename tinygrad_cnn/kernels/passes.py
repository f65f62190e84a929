"""What passes over memory once, in plain NumPy: activations, sums over rows, batch norm, steps of optimisers.

Matrix products are here too, with the bias and the relu that may follow.

"Rows" are all axes but the last; a vector (C,) goes with the last axis.
"""

from __future__ import annotations

import operator

import numpy as np

from .examples import Args, Draw, average, each, kernel, per_column, vectors
from .shapes import rows_of

__all__ = [
    "adam_", "add_", "add_relu", "chosen", "column_sum", "leaky_relu", "leaky_relu_dx", "matmul", "norm_apply",
    "norm_dx", "norm_stats", "norm_sums", "relu", "relu_", "relu_dx", "sgd_",
]  # fmt: skip

Array = np.ndarray


def only(values: Array, mask: Array) -> Array:
    """The values where the mask holds, else 0, by their bits: an infinity or a NaN masked out leaves 0, too."""
    bits = {2: np.uint16, 4: np.uint32, 8: np.uint64}.get(values.itemsize)
    if bits is None:
        return np.where(mask, values, values.dtype.type(0))
    return (values.view(bits) & -mask.astype(bits)).view(values.dtype)


@kernel(
    lambda e: [(x > 0, a, b) for x, a, b in e.rows(3)] + [(x > 0, x, 2.5) for (x,) in e.rows(1)],
    lambda mask, a, b: np.array(
        [p if m else q for m, p, q in zip(mask.flat, a.flat, np.broadcast_to(b, a.shape).flat, strict=True)], a.dtype
    ).reshape(a.shape),
)
def chosen(mask: Array, a: Array | float, b: Array | float) -> Array:
    """a where the mask holds, else b; numbers are weak.  mask (...) · a (...) · b (...) -> (...)

    Where a mask has no pattern, a choice by bits takes a fraction of the time of `np.where`, whose branches are guessed
    wrong.  It needs floats of one dtype, and pays for a few thousand elements or more.
    """
    arrays = [v for v in (a, b) if isinstance(v, np.ndarray)]
    dtype = arrays[0].dtype if arrays else np.dtype(float)
    bits = {"f": np.uint32, "d": np.uint64}.get(dtype.char) if arrays and dtype.isnative else None
    if (
        bits is None or not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.size < 1 << 12
        or not all(isinstance(v, (bool, int, float)) or (v.dtype == dtype and v.ndim <= mask.ndim) for v in (a, b))
        or any(v.shape != mask.shape[mask.ndim - v.ndim :] for v in arrays)
    ):  # fmt: skip
        return np.where(mask, a, b)
    first, second = (np.ascontiguousarray(v, dtype).view(bits) for v in (a, b))
    y = np.bitwise_xor(first, second)
    y = y & -mask.astype(bits)
    y ^= second
    return y.view(dtype)


@kernel(lambda e: [(x,) for (x,) in e.rows(1)], lambda x: each(lambda v: max(v, 0.0), x))
def relu(x: Array) -> Array:
    """max(x, 0).  x (...) -> (...)"""
    return np.maximum(x, 0)


@kernel(lambda e: [(x,) for (x,) in e.rows(1)], lambda x: (each(lambda v: max(v, 0.0), x),), writes=(0,))
def relu_(x: Array) -> Array:
    """x = max(x, 0) in place; returns x.  x (...) -> (...)"""
    return np.maximum(x, 0, out=x)


@kernel(lambda e: [(dy, y) for dy, y in e.rows(2)], lambda dy, y: each(lambda g, v: g if v > 0 else 0.0, dy, y))
def relu_dx(dy: Array, y: Array) -> Array:
    """dy where y > 0, else 0.  dy (...) · y (...) -> (...)"""
    return only(dy, y > 0)


@kernel(lambda e: [(x, 0.1) for (x,) in e.rows(1)], lambda x, slope: each(lambda v: v if v > 0 else slope * v, x))
def leaky_relu(x: Array, slope: float) -> Array:
    """x where positive, slope * x elsewhere.  x (...) -> (...)"""
    return chosen(x > 0, x, x * slope)


@kernel(
    lambda e: [(g, x, 0.1) for g, x in e.rows(2)],
    lambda g, x, slope: each(lambda g, v: g if v > 0 else slope * g, g, x),
)
def leaky_relu_dx(g: Array, x: Array, slope: float) -> Array:
    """g where x is positive, slope * g elsewhere.  g (...) · x (...) -> (...)"""
    return chosen(x > 0, g, g * slope)


@kernel(
    lambda e: [(a, b) for a, b in e.rows(2)],
    lambda a, b: (each(lambda a, b: a + b, a, b),),
    writes=(0,),
)
def add_(a: Array, b: Array) -> Array:
    """a += b in place; returns a.  a (...) · b (...) -> (...)"""
    return np.add(a, b, out=a)


@kernel(lambda e: [(a, b) for a, b in e.rows(2)], lambda a, b: each(lambda a, b: max(a + b, 0.0), a, b))
def add_relu(a: Array, b: Array) -> Array:
    """max(a + b, 0).  a (...) · b (...) -> (...)"""
    y = a + b
    return np.maximum(y, 0, out=y)


def _matmul_loop(a: Array, b: Array, ta: bool, tb: bool, bias: Array | None, relu: bool) -> Array:
    a, b = (a.T if ta else a), (b.T if tb else b)
    y = np.array([[sum(map(operator.mul, row.tolist(), column.tolist())) for column in b.T] for row in a], a.dtype)
    y = y if bias is None else y + bias
    return np.maximum(y, 0) if relu else y


def _matmul_calls(e: Draw) -> list[Args]:
    a, b, bias = e.matrices()
    return [
        (a, b.T.copy() if tb else b, False, tb, vector, relu)
        for tb in (False, True) for vector in (None, bias) for relu in (False, True)
    ]  # fmt: skip


@kernel(_matmul_calls, _matmul_loop)
def matmul(
    a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False, bias: Array | None = None,
    relu: bool = False,
) -> Array:  # fmt: skip
    """The product of matrices, either one transposed first; plus a bias, clipped at 0 if asked.

    a (M, K) · b (K, O) · bias (O,) or None -> (M, O)
    """
    y = np.matmul(a.T if transpose_a else a, b.T if transpose_b else b)
    if bias is not None:
        y += bias
    return np.maximum(y, 0, out=y) if relu else y


@kernel(lambda e: [(x,) for (x,) in e.rows(1)], lambda x: per_column(sum, x))
def column_sum(x: Array) -> Array:
    """The sum over rows.  x (..., C) -> (C,)"""
    rows = rows_of(x)
    return rows.sum(axis=0)


@kernel(
    lambda e: [(x,) for (x,) in e.rows(1) if x.size],
    lambda x: (per_column(average, x), per_column(lambda c: average([(v - average(c)) ** 2 for v in c]), x)),
)
def norm_stats(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance over rows.  x (..., C) -> (C,), (C,)"""
    rows = rows_of(x)
    return rows.mean(axis=0), rows.var(axis=0)


@kernel(
    lambda e: [(x, *vectors(x, 2), relu) for (x,) in e.rows(1) for relu in (False, True)],
    lambda x, scale, shift, relu: each(lambda v, a, b: max(v * a + b, 0.0) if relu else v * a + b, x, scale, shift),
)
def norm_apply(x: Array, scale: Array, shift: Array, relu: bool = False) -> Array:
    """x*scale + shift, clipped at 0 if asked.  x (..., C) · scale (C,) · shift (C,) -> (..., C)"""
    y = x * scale
    y += shift
    return np.maximum(y, 0, out=y) if relu else y


def _norm_sums_loop(dy: Array, x: Array, mean: Array, y: Array | None = None) -> tuple[Array, Array]:
    dy = dy if y is None else each(lambda g, v: g if v > 0 else 0.0, dy, y)
    moved = each(lambda g, v, m: g * (v - m), dy, x, mean)
    return per_column(sum, dy), per_column(sum, moved)


@kernel(lambda e: [(dy, x, *vectors(x, 1), *more) for dy, x in e.rows(2) for more in ((), (x,))], _norm_sums_loop)
def norm_sums(dy: Array, x: Array, mean: Array, y: Array | None = None) -> tuple[Array, Array]:
    """Sums over rows of dy and of dy*(x - mean); with y, only where y > 0.

    dy (..., C) · x (..., C) · mean (C,) · y (..., C) or None -> (C,), (C,)
    """
    if y is not None:
        dy = relu_dx(dy, y)
    rows = rows_of(dy)
    return rows.sum(axis=0), np.einsum("rc,rc->c", rows, rows_of(x - mean))


def _norm_dx_loop(dy: Array, x: Array, mean: Array, a: Array, b: Array, c: Array, y: Array | None = None) -> Array:
    dy = dy if y is None else each(lambda g, v: g if v > 0 else 0.0, dy, y)
    return each(lambda g, v, m, a, b, c: g * a + (v - m) * b + c, dy, x, mean, a, b, c)


@kernel(lambda e: [(dy, x, *vectors(x, 4), *more) for dy, x in e.rows(2) for more in ((), (x,))], _norm_dx_loop)
def norm_dx(dy: Array, x: Array, mean: Array, a: Array, b: Array, c: Array, y: Array | None = None) -> Array:
    """dy*a + (x - mean)*b + c; with y, dy counts only where y > 0.

    dy (..., C) · x (..., C) · mean (C,) · a (C,) · b (C,) · c (C,) · y (..., C) or None -> (..., C)
    """
    dx = (dy if y is None else relu_dx(dy, y)) * a
    dx += (x - mean) * b
    dx += c
    return dx


def _sgd_loop(
    p: Array, g: Array, buf: Array | None, lr: float, momentum: float, dampening: float, decay: float, nesterov: bool
) -> tuple[Array, Array | None]:
    g = each(lambda p, g: g + decay * p, p, g)
    moved = None if buf is None else each(lambda m, g: momentum * m + (1 - dampening) * g, buf, g)
    step = g if moved is None else each(lambda g, m: g + momentum * m if nesterov else m, g, moved)
    return each(lambda p, s: p - lr * s, p, step), moved


@kernel(
    lambda e: [
        (p, g, buf, 0.1, 0.9 if buf is not None else 0.0, 0.2, 0.01, nesterov)
        for p, g, m in e.rows(3) for buf, nesterov in ((m, False), (m, True), (None, False))
    ],
    _sgd_loop,
    writes=(0, 2),
)  # fmt: skip
def sgd_(
    p: Array, g: Array, buf: Array | None, lr: float, momentum: float = 0.0, dampening: float = 0.0,
    weight_decay: float = 0.0, nesterov: bool = False,
) -> Array:  # fmt: skip
    """One step of SGD in place; `buf` is the momentum.  p (...) · g (...) · buf (...) or None -> p"""
    if weight_decay:
        g = g + p * weight_decay
    if buf is not None:
        buf *= momentum
        buf += g * (1 - dampening) if dampening else g
        g = g + buf * momentum if nesterov else buf
    p -= g * lr
    return p


def _adam_loop(
    p: Array, g: Array, m: Array, v: Array, lr: float, b1: float, b2: float, eps: float, decay: float, decoupled: bool,
    step: int,
) -> tuple[Array, Array, Array]:  # fmt: skip
    g = g if decoupled else each(lambda p, g: g + decay * p, p, g)
    p = each(lambda p: p * (1 - lr * decay), p) if decoupled else p
    m = each(lambda m, g: b1 * m + (1 - b1) * g, m, g)
    v = each(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)
    scale = each(lambda v: (v / (1 - b2**step)) ** 0.5 + eps, v)
    return each(lambda p, m, s: p - lr / (1 - b1**step) * m / s, p, m, scale), m, v


@kernel(
    lambda e: [
        (p, g, m, v * v, 0.01, 0.9, 0.99, 1e-8, 0.1, decoupled, 3)
        for p, g, m, v in e.rows(4) for decoupled in (False, True)
    ],
    _adam_loop,
    writes=(0, 2, 3),
)  # fmt: skip
def adam_(
    p: Array, g: Array, m: Array, v: Array, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool, step: int,
) -> Array:  # fmt: skip
    """One step of Adam in place, of AdamW if decoupled; `step` counts from 1.  p, g, m, v (...) -> p"""
    if weight_decay and decoupled:
        p *= 1 - lr * weight_decay
    elif weight_decay:
        g = g + p * weight_decay
    m *= beta1
    m += g * (1 - beta1)
    v *= beta2
    v += g * g * (1 - beta2)
    scale = np.sqrt(v)
    scale *= 1 / (1 - beta2**step) ** 0.5
    scale += eps
    p -= m / scale * (lr / (1 - beta1**step))
    return p
