"""Fused ops: several ops in fewer passes over memory.  Each equals its composition, which gives higher orders.

``TINYGRAD_CNN_FUSE=0`` in the environment makes layers call the compositions instead, to compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from os import environ
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import elementwise, first_axis, last_axes
from ..autodiff.kinds import Number, Padding, Size2d, Whole
from ..autodiff.sample import apart, positive
from ..core import op
from ..kernels.shapes import rows_of
from . import _samples, normalization
from ._arguments import promoted, values
from ._reference import scalarwise
from .activation import relu, relu_dx
from .conv import (
    _SAMPLES,
    _conv2d_ref,
    conv2d,
    conv2d_dw,
    conv2d_dx,
    cost_of_windows,
    filters_by_sample,
    filters_window,
)
from .products import matmul

__all__ = [
    "add_relu", "batch_norm", "batch_norm_relu", "conv2d_relu", "linear", "linear_relu", "scale_shift",
    "scale_shift_relu",
]  # fmt: skip

FUSE = environ.get("TINYGRAD_CNN_FUSE", "1") != "0"


def fused(op: Any) -> Any:
    """A fused op, or its composition if the environment says so."""
    return op if FUSE else op.composition


def _conv_relu(x: Any, w: Any, b: Any = None, **options: Any) -> Any:
    return relu(conv2d(x, w, b, **options))


@op(
    linear=["x", "w", "b"],
    floating=["x", "w", "b"],
    branches=lambda y: y > 0,
    samples=_SAMPLES[:5],
    ref=lambda x, w, b=None, **options: np.maximum(_conv2d_ref(x, w, b, **options), 0),
    composition=_conv_relu,
    cost=cost_of_windows,
    stacks=first_axis("x"),
    per_sample={"w": filters_by_sample, "b": _samples.bias},
)
def conv2d_relu(
    x: Any, w: Any, b: Any = None, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1
) -> Any:
    """relu(conv2d(x, w, b)) in one pass.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""
    x, w, b = promoted(x, w, b)
    return kernels.conv2d_relu(x, w, b, filters_window(x, w, b, stride, padding, dilation, groups), groups)


conv2d_relu.vjp(
    g=lambda g, y: relu_dx(g, y),
    x=lambda g, w, x_shape, **p: conv2d_dx(g, w, size=x_shape[1:3], **p),
    w=lambda g, x, w_shape, **p: conv2d_dw(x, g, window=w_shape[:2], **p),
    b=lambda g: kernels.column_sum(g),
)
conv2d_relu.formula(y="maximum(conv2d(x, w) + b, 0)")


def _linear(x: Any, w: Any, b: Any = None) -> Any:
    y = matmul(x, w)
    return y if b is None else y + b


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else rows_of(x)


def _dense(who: str, x: Any, w: Any, b: Any, relu: bool) -> Any:
    if not x.ndim or w.ndim != 2 or x.shape[-1] != w.shape[0]:
        turned = x.ndim and w.ndim == 2 and x.shape[-1] == w.shape[1]
        raise ValueError(
            f"{who}: weights {w.shape} expect rows of {w.shape[0] if w.ndim else 0} numbers, x is {x.shape}."
            + (" Weights are (in, out), PyTorch's and those of an embedding (out, in): pass w.T." if turned else "")
        )
    if b is not None and b.shape != w.shape[1:]:
        raise ValueError(f"{who}: the bias has shape {b.shape}, expected {w.shape[1:]}: one number per output.")
    x, w, b = promoted(x, w, b)
    return kernels.matmul(_rows(x), w, False, False, b, relu).reshape(*x.shape[:-1], w.shape[1])


def _linear_cost(y_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> int:
    return 2 * math.prod(y_shape) * w_shape[0]


_DENSE = [S(x=(4, 3), w=(3, 5), b=(5,)), S(x=(4, 3), w=(3, 2)), S(x=(2, 2, 3), w=(3, 2), b=(2,))]


def _linear_ref(x: Any, w: Any, b: Any = None) -> Any:
    out = np.array([[math.fsum(row * column) for column in w.T] for row in rows_of(x)])
    return out.reshape(*x.shape[:-1], w.shape[1]) + (0 if b is None else b)


@op(
    linear=["x", "w", "b"],
    floating=["x", "w", "b"],
    samples=_DENSE,
    ref=_linear_ref,
    composition=_linear,
    cost=_linear_cost,
    stacks=last_axes("x"),
    per_sample={"w": _samples.dense, "b": _samples.bias},
    per_sample_squares={"w": _samples.dense_squares},
)
def linear(x: Any, w: Any, b: Any = None) -> Any:
    """x @ w + b, a dense layer.  x (..., C) · w (C, O) · b (O,) -> (..., O)

    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    >>> tg.linear(x, w, np.array([0.0, 0.0, 10.0]))
    array([[ 1.,  2., 13.]])
    """
    return _dense("linear", x, w, b, relu=False)


@op(
    linear=["x", "w", "b"],
    floating=["x", "w", "b"],
    branches=lambda y: y > 0,
    samples=_DENSE,
    ref=lambda x, w, b=None: np.maximum(_linear_ref(x, w, b), 0),
    composition=lambda x, w, b=None: relu(_linear(x, w, b)),
    cost=_linear_cost,
    stacks=last_axes("x"),
    per_sample={"w": _samples.dense, "b": _samples.bias},
    per_sample_squares={"w": _samples.dense_squares},
)
def linear_relu(x: Any, w: Any, b: Any = None) -> Any:
    """relu(x @ w + b) in one pass.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""
    return _dense("linear_relu", x, w, b, relu=True)


for _op in (linear, linear_relu):
    _op.vjp(
        x=lambda g, w, x_shape: kernels.matmul(_rows(g), w, False, True, None, False).reshape(x_shape),
        w=lambda g, x: kernels.matmul(_rows(x), _rows(g), True, False, None, False),
        b=lambda g: kernels.column_sum(g),
    )
linear_relu.vjp(g=lambda g, y: relu_dx(g, y))
for _op in (linear, linear_relu):
    _op.formula(x="g @ w.T", w="x.T @ g")
linear.formula(y="x @ w + b")
linear_relu.formula(y="maximum(x @ w + b, 0)")


@op(
    linear=["a", "b"],
    floating=["a", "b"],
    branches=lambda y: y > 0,
    samples=[S(a=(2, 3), b=apart(2, 3)), S(a=(2, 2, 2, 3), b=apart(2, 2, 2, 3))],
    ref=scalarwise(lambda a, b: max(a + b, 0.0)),
    composition=lambda a, b: relu(a + b),
    cost=lambda y_shape: 2 * math.prod(y_shape),
    stacks=elementwise,
)
def add_relu(a: Any, b: Any) -> Any:
    """relu(a + b) in one pass; one shape, no broadcasting.  a (...) · b (...) -> (...)"""
    if a.shape != b.shape:
        raise ValueError(f"add_relu: a {a.shape} and b {b.shape} must have one shape; use relu(a + b) to broadcast.")
    return kernels.add_relu(*promoted(a, b))


add_relu.vjp(g=lambda g, y: relu_dx(g, y), a=lambda g: g, b=lambda g: g)
add_relu.formula(y="maximum(a + b, 0)")


def _norm_forward(x: Any, gamma: Any, beta: Any, eps: Number, observe: Any, relu: bool) -> Any:
    """y, and the statistics that the first-order rule shares."""
    who = "batch_norm_relu" if relu else "batch_norm"
    if x.ndim < 2 or gamma.shape != x.shape[-1:] or beta.shape != x.shape[-1:]:
        raise ValueError(
            f"{who}: x {x.shape} needs gamma and beta of shape {x.shape[-1:]}, got {gamma.shape}, {beta.shape}."
        )
    if not x.size:
        raise ValueError(f"{who}: x has shape {x.shape}; an empty batch has no mean.")
    x, gamma, beta = promoted(x, gamma, beta)
    mean, var = kernels.norm_stats(x)
    if observe is not None:
        observe(mean, var)
    scale = gamma / np.sqrt(var + eps)
    return kernels.norm_apply(x, scale, beta - mean * scale, relu), mean, var


def _norm_common(g: Any, x: Any, mean: Any, y: Any = None) -> Any:
    """The cotangent, and its two sums over rows that every rule of batch norm needs."""
    return g, *kernels.norm_sums(g, x, mean, y)


def _norm_x(g: Any, x: Any, gamma: Any, mean: Any, var: Any, eps: float, y: Any = None) -> Any:
    g, s0, s1 = g
    count = math.prod(x.shape[:-1])
    scale = gamma / np.sqrt(var + eps)
    return kernels.norm_dx(g, x, mean, scale, -scale * s1 / (count * (var + eps)), -scale * s0 / count, y)


def _norm_ref(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5, observe: Any = None) -> Any:
    rows = rows_of(x)
    deviation = np.sqrt([math.fsum((c - math.fsum(c) / len(c)) ** 2) / len(c) + eps for c in rows.T])
    return (x - rows.mean(0)) / deviation * gamma + beta


def _scale_shift(x: Any, scale: Any, shift: Any) -> Any:
    return x * scale + shift


def _per_channel(x: Any, scale: Any, shift: Any, relu: bool) -> Any:
    if not x.ndim or scale.shape != x.shape[-1:] or shift.shape != x.shape[-1:]:
        got = f"got {scale.shape} and {shift.shape}"
        who = "scale_shift_relu" if relu else "scale_shift"
        raise ValueError(f"{who}: x {x.shape} needs scale and shift of shape {x.shape[-1:]}, {got}.")
    x, scale, shift = promoted(x, scale, shift)
    return kernels.norm_apply(x, scale, shift, relu)


_SCALED = [S(x=(2, 2, 2, 3), scale=(3,), shift=(3,)), S(x=(4, 2), scale=(2,), shift=(2,))]


@op(
    linear=["x", "scale", "shift"],
    floating=["x", "scale", "shift"],
    samples=_SCALED,
    ref=scalarwise(lambda x, scale, shift: x * scale + shift),
    composition=_scale_shift,
    stacks=last_axes("x"),
    per_sample={"scale": _samples.scale, "shift": _samples.bias},
)
def scale_shift(x: Any, scale: Any, shift: Any) -> Any:
    """x * scale + shift, per channel: batch norm with fixed statistics.  x (...,C) · scale, shift (C,) -> (...,C)"""
    return _per_channel(x, scale, shift, relu=False)


@op(
    linear=["x", "scale", "shift"],
    floating=["x", "scale", "shift"],
    branches=lambda y: y > 0,
    samples=_SCALED,
    ref=scalarwise(lambda x, scale, shift: max(x * scale + shift, 0.0)),
    composition=lambda x, scale, shift: relu(_scale_shift(x, scale, shift)),
    stacks=last_axes("x"),
    per_sample={"scale": _samples.scale, "shift": _samples.bias},
)
def scale_shift_relu(x: Any, scale: Any, shift: Any) -> Any:
    """relu(x * scale + shift), per channel, in one pass.  x (...,C) · scale, shift (C,) -> (...,C)"""
    return _per_channel(x, scale, shift, relu=True)


scale_shift_relu.vjp(g=lambda g, y: relu_dx(g, y))
for _op in (scale_shift, scale_shift_relu):
    _op.vjp(
        x=lambda g, scale: g * scale,
        scale=lambda g, x: kernels.column_sum(g * x),
        shift=lambda g: kernels.column_sum(g),
    )
scale_shift.formula(y="x * scale + shift")
scale_shift_relu.formula(y="maximum(x * scale + shift, 0)")


def _compose(x: Any, gamma: Any, beta: Any, *, eps: float = 1e-5, observe: Any = None) -> Any:
    if observe is not None:
        observe(*kernels.norm_stats(values(x)))
    return normalization.affine(normalization.normalize(x, axis=tuple(range(len(x.shape) - 1)), eps=eps), gamma, beta)


_NORMS = [S(x=(2, 3, 2, 2), gamma=positive(2), beta=(2,), eps=1e-2), S(x=(5, 3), gamma=(3,), beta=(3,), eps=0.1)]


@op(
    floating=["x", "gamma", "beta"],
    samples=_NORMS,
    aux=["mean", "var"],
    ref=_norm_ref,
    composition=_compose,
    cost=lambda x_shape: 8 * math.prod(x_shape),
    effects=["observe"],
)
def batch_norm(
    x: Any, gamma: Any, beta: Any, *, eps: Number = 1e-5, observe: Callable[[Any, Any], Any] | None = None
) -> Any:
    """Normalise each channel over all other axes, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

    Training statistics.  `observe` is called with the batch's mean and (biased) variance, (C,) each: a layer moves
    its running averages by them.  Source: Ioffe and Szegedy (2015).

    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])  # two samples of two channels
    >>> tg.batch_norm(x, np.ones(2), np.zeros(2), eps=1e-12).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    return _norm_forward(x, gamma, beta, eps, observe, relu=False)


@op(
    floating=["x", "gamma", "beta"],
    branches=lambda y: y > 0,
    samples=_NORMS,
    aux=["mean", "var"],
    ref=lambda *a, **p: np.maximum(_norm_ref(*a, **p), 0),
    composition=lambda *a, **p: relu(_compose(*a, **p)),
    cost=lambda x_shape: 9 * math.prod(x_shape),
    effects=["observe"],
)
def batch_norm_relu(
    x: Any, gamma: Any, beta: Any, *, eps: Number = 1e-5, observe: Callable[[Any, Any], Any] | None = None
) -> Any:
    """relu(batch_norm(x, gamma, beta)) in fewer passes.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
    return _norm_forward(x, gamma, beta, eps, observe, relu=True)


batch_norm.vjp(
    g=lambda g, x, mean: _norm_common(g, x, mean),
    x=lambda g, x, gamma, mean, var, eps: _norm_x(g, x, gamma, mean, var, eps),
)
batch_norm_relu.vjp(
    g=lambda g, x, mean, y: _norm_common(g, x, mean, y),
    x=lambda g, x, gamma, mean, var, eps, y: _norm_x(g, x, gamma, mean, var, eps, y),
)
for _op in (batch_norm, batch_norm_relu):
    _op.vjp(gamma=lambda g, var, eps: g[2] / np.sqrt(var + eps), beta=lambda g: g[1])
    _op.formula(
        x="gamma / sqrt(var + eps) * (g - mean_rows(g) - xhat * mean_rows(g * xhat))",
        gamma="sum_rows(g * xhat)",
        beta="sum_rows(g)",
    )
batch_norm.formula(y="gamma * xhat + beta")
batch_norm_relu.formula(
    y="maximum(gamma * xhat + beta, 0)",
    g="g * (y > 0)",
    x="gamma / sqrt(var + eps) * (h - mean_rows(h) - xhat * mean_rows(h * xhat))",
)
