"""Attention: values averaged by how well their keys fit a query."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Rng
from ..autodiff.numbers import number
from ..core.tensor import as_array
from ._arguments import Input, placed, shape_of, values
from .arithmetic import where
from .products import matmul
from .random import dropout as dropped
from .shape import swapaxes
from .softmax_rows import softmax

__all__ = ["scaled_dot_product_attention"]


@named
def scaled_dot_product_attention(
    q: Input, k: Input, v: Input, mask: Input = None, *, causal: bool = False, scale: Number | None = None,
    dropout: Number = 0.0, training: bool = True, rng: Rng = None,
) -> Any:  # fmt: skip
    """softmax(q @ k^T * scale) @ v over the keys.  q (..., L, E) · k (..., S, E) · v (..., S, F) -> (..., L, F)

    Source: Vaswani et al. (2017).

    Parameters
    ----------
    mask : boolean, True where a query may look at a key; or floats that are added to the scaled products.  Broadcast to
        (..., L, S).  A query that may look at nothing gets zeros.
    causal : query i may look at keys 0 to i only.
    scale : default 1 / sqrt(E).
    dropout, training, rng : the share of weights that `dropout` sets to zero in training.

    Examples
    --------
    >>> k = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> v = np.array([[1.0], [2.0]])
    >>> tg.scaled_dot_product_attention(k * 100, k, v).ravel()  # each query finds its key
    array([1., 2.])
    >>> tg.scaled_dot_product_attention(0 * k, k, v, causal=True).ravel()  # the mean of what came before
    array([1. , 1.5])
    """
    who = placed("scaled_dot_product_attention")
    shapes = [shape_of(who, x) for x in (q, k, v)]
    (*_, e), (*_, s, e_k) = shapes[0], shapes[1] if len(shapes[1]) > 1 else (0, -1)
    if min(map(len, shapes)) < 2 or e != e_k or shapes[2][-2] != s:
        raise ValueError(
            f"{who}: queries (..., L, E), keys (..., S, E) and values (..., S, F) go together, "
            f"but q has shape {shapes[0]}, k {shapes[1]} and v {shapes[2]}."
        )
    scale = 1 / math.sqrt(max(e, 1)) if scale is None else number(who, "scale", scale)
    fit = matmul(q * scale if hasattr(q, "shape") else as_array(q) * scale, swapaxes(k, -1, -2))
    allowed: Any = None
    if mask is not None:
        mask = mask if hasattr(mask, "shape") else as_array(mask)
        if values(mask).dtype == bool:
            allowed = mask
        else:
            fit = fit + mask
    if causal:
        before = np.tri(*fit.shape[-2:]) > 0
        allowed = before if allowed is None else allowed & before
    if allowed is not None:  # minus infinity would give NaN where a query may look at nothing
        fit = where(allowed, fit, float(np.finfo(fit.dtype).min) / 2)
    weights = softmax(fit)
    if allowed is not None:
        weights = where(allowed, weights, 0.0)
    if dropout:
        weights = dropped(weights, dropout, training=training, rng=rng)
    return matmul(weights, v)
