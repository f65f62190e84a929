"""Normalisation: one op, `normalize`, and the layers' formulas around it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import by_parameters, later
from ..autodiff.calls import named
from ..autodiff.kinds import Axis, Number, Whole
from ..autodiff.numbers import number, whole
from ..core import op
from ._arguments import Input, placed, shape_of
from ._axes import axes_of
from .algebra import floats
from .arithmetic import pow
from .pool import avg_pool2d
from .reduce import mean, var
from .shape import reshape

__all__ = ["local_response_norm", "normalize"]


@op(
    floating=["x"],
    samples=[S(x=(4, 3), axis=0, eps=1e-3), S(x=(2, 3, 2, 2), axis=(0, 1, 2), eps=1e-2), S(x=(2, 5), axis=-1, eps=0.1)],
    ref=lambda x, *, axis, eps=1e-5: (x - x.mean(axis, keepdims=True)) / np.sqrt(
        ((x - x.mean(axis, keepdims=True)) ** 2).mean(axis, keepdims=True) + eps),
    cost=lambda x_shape: 6 * math.prod(x_shape),
    stacks=by_parameters(lambda shape, axis, eps: {"axis": later(axis)}),
)  # fmt: skip
def normalize(x: Any, *, axis: Axis, eps: Number = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + eps) over axes: mean 0, variance 1.  x (...) -> (...)

    What PyTorch calls normalize, rows of length 1, is ``x / tg.norm(x, axis=1, keepdims=True)``.
    """
    axes = axes_of("normalize", axis, x.ndim)
    if not math.prod(x.shape[k] for k in axes):
        raise ValueError(f"normalize: axis={axis!r} of shape {x.shape} holds no elements.")
    centred = x - np.mean(x, axis=axes, keepdims=True)
    scale = 1 / np.sqrt(np.mean(centred * centred, axis=axes, keepdims=True) + eps)
    return centred * scale


def _normalize_x(g: Any, x: Any, y: Any, axis: Any, eps: float) -> Any:
    scale = pow(var(x, axis=axis, keepdims=True) + eps, -0.5)
    return (g - mean(g, axis=axis, keepdims=True) - y * mean(g * y, axis=axis, keepdims=True)) * scale


normalize.vjp(x=_normalize_x)
normalize.formula(y="(x - mean(x)) / sqrt(var(x) + eps)",
                  x="(g - mean(g) - y * mean(g * y)) / sqrt(var(x) + eps)")  # fmt: skip


def affine(y: Any, gamma: Any, beta: Any) -> Any:
    """y * gamma + beta, either left out if None."""
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


@named
def local_response_norm(
    x: Input, size: Whole, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0
) -> Any:  # fmt: skip
    """x / (k + alpha * m)**beta, with m the mean square of `size` channels around each.  x (N,...,C) -> (N,...,C)

    Channels beyond the first and last count as zeros.  As in PyTorch, alpha multiplies the mean; in the paper it
    multiplies the sum, and is `size` times as small.  Source: Krizhevsky, Sutskever and Hinton (2012).

    >>> tg.local_response_norm(np.array([[1.0, 1.0, 1.0]]), 3, alpha=3.0, beta=1.0, k=0.0)
    array([[0.5       , 0.33333333, 0.5       ]])
    """
    who = placed("local_response_norm")
    n, shape = whole(who, "size", size), shape_of(who, x)
    alpha, beta, k = (number(who, name, v) for name, v in (("alpha", alpha), ("beta", beta), ("k", k)))
    if len(shape) < 2 or not shape[-1]:
        raise ValueError(f"{who}: x must be (N, ..., C) with channels, but has shape {shape}.")
    (x,) = floats(who, x)
    squares = reshape(x * x, (math.prod(shape[:-1]), 1, shape[-1], 1))
    means = avg_pool2d(squares, (1, n), stride=1, padding=((0, 0), (n // 2, (n - 1) // 2)))
    return x * pow(reshape(means, shape) * alpha + k, -beta)
