"""What passes over memory once, in plain NumPy: activations, sums over rows, batch norm, steps of optimisers.

Matrix products are here too, with the bias and the relu that may follow.

"Rows" are all axes but the last; a vector (C,) goes with the last axis.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def only(values: Array, mask: Array) -> Array:
    """The values where the mask holds, else 0, by their bits: an infinity or a NaN masked out leaves 0, too."""
    bits = {2: np.uint16, 4: np.uint32, 8: np.uint64}.get(values.itemsize)
    if bits is None:
        return np.where(mask, values, values.dtype.type(0))
    return (values.view(bits) & -mask.astype(bits)).view(values.dtype)


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def relu_dx(dy: Array, y: Array) -> Array:
    return only(dy, y > 0)


def add_(a: Array, b: Array) -> Array:
    return np.add(a, b, out=a)


def add_relu(a: Array, b: Array) -> Array:
    y = a + b
    return np.maximum(y, 0, out=y)


def matmul(
    a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False, bias: Array | None = None,
    relu: bool = False,
) -> Array:  # fmt: skip
    y = np.matmul(a.T if transpose_a else a, b.T if transpose_b else b)
    if bias is not None:
        y += bias
    return np.maximum(y, 0, out=y) if relu else y


def column_sum(x: Array) -> Array:
    rows = x.reshape(-1, x.shape[-1])
    return rows.sum(axis=0)


def norm_stats(x: Array) -> tuple[Array, Array]:
    rows = x.reshape(-1, x.shape[-1])
    return rows.mean(axis=0), rows.var(axis=0)


def norm_apply(x: Array, scale: Array, shift: Array, relu: bool = False) -> Array:
    y = x * scale
    y += shift
    return np.maximum(y, 0, out=y) if relu else y


def norm_sums(dy: Array, x: Array, mean: Array, y: Array | None = None) -> tuple[Array, Array]:
    if y is not None:
        dy = relu_dx(dy, y)
    c = x.shape[-1]
    rows = dy.reshape(-1, c)
    return rows.sum(axis=0), np.einsum("rc,rc->c", rows, (x - mean).reshape(-1, c))


def norm_dx(dy: Array, x: Array, mean: Array, a: Array, b: Array, c: Array, y: Array | None = None) -> Array:
    dx = (dy if y is None else relu_dx(dy, y)) * a
    dx += (x - mean) * b
    dx += c
    return dx


def sgd_(
    p: Array, g: Array, buf: Array | None, lr: float, momentum: float = 0.0, dampening: float = 0.0,
    weight_decay: float = 0.0, nesterov: bool = False,
) -> Array:  # fmt: skip
    if weight_decay:
        g = g + p * weight_decay
    if buf is not None:
        buf *= momentum
        buf += g * (1 - dampening) if dampening else g
        g = g + buf * momentum if nesterov else buf
    p -= g * lr
    return p


def adam_(
    p: Array, g: Array, m: Array, v: Array, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool, step: int,
) -> Array:  # fmt: skip
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
