"""Group norm and instance norm, in two passes over the places of each sample; each equals its composition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import positive
from ..core import op
from ._arguments import Input, promoted
from .normalization import affine, normalize
from .shape import reshape, swapaxes

__all__ = ["group_norm", "instance_norm"]


def _composed(x: Any, gamma: Any = None, beta: Any = None, *, groups: int, eps: Number = 1e-5) -> Any:
    """The same in terms of other ops; the numbers of a group are brought side by side."""
    shape, c = tuple(x.shape), x.shape[-1]
    n, places = math.prod(shape[:-1][:1]), math.prod(shape[1:-1])
    apart = swapaxes(reshape(x, (n, places, groups, c // groups)), 1, 2)
    y = normalize(reshape(apart, (n, groups, places * (c // groups))), axis=2, eps=eps)
    return affine(reshape(swapaxes(reshape(y, apart.shape), 1, 2), shape), gamma, beta)


def _ref(x: Any, gamma: Any = None, beta: Any = None, *, groups: int, eps: float = 1e-5) -> Any:
    rows = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    d = rows - rows.mean((1, 3), keepdims=True)
    y = (d / np.sqrt((d * d).mean((1, 3), keepdims=True) + eps)).reshape(x.shape)
    return y * (1 if gamma is None else gamma) + (0 if beta is None else beta)


@op(
    floating=["x", "gamma", "beta"],
    aux=["mean", "scale"],
    samples=[
        S(x=(2, 3, 2, 4), gamma=positive(4), beta=(4,), groups=2, eps=1e-2),
        S(x=(2, 3, 3), gamma=(3,), groups=3, eps=0.1),
        S(x=(3, 4), groups=1, eps=0.1),
    ],
    ref=_ref,
    composition=_composed,
    cost=lambda x_shape: 8 * math.prod(x_shape),
    stacks=first_axis("x"),
)  # fmt: skip
def group_norm_channels(x: Any, gamma: Any = None, beta: Any = None, *, groups: Whole, eps: Number = 1e-5) -> Any:
    """Normalise groups of channels over all places of a sample, then scale and shift.  x (N,...,C) -> (N,...,C)"""
    c = x.shape[-1] if x.ndim > 1 else 0
    if (
        not x.size
        or c % whole("group_norm", "groups", groups)
        or any(v is not None and v.shape != (c,) for v in (gamma, beta))
    ):
        raise ValueError(
            f"group_norm: x {x.shape} must be (N, ..., C) with elements, C a multiple of groups={groups}, and "
            f"gamma and beta of shape ({c},)."
        )
    x, gamma, beta = promoted(x, gamma, beta)
    return kernels.group_norm(x, int(groups), gamma, beta, float(eps))


group_norm_channels.vjp(
    g=lambda g, x, gamma, mean, scale, groups: kernels.group_norm_dx(g, x, int(groups), gamma, mean, scale),
    x=lambda g: g[0],
    gamma=lambda g: g[1],
    beta=lambda g: g[2],
)
group_norm_channels.formula(
    y="gamma * xhat + beta",
    x="(g * gamma - mean(g * gamma) - xhat * mean(g * gamma * xhat)) / sqrt(var(x) + eps)",
    gamma="sum_rows(g * xhat)",
    beta="sum_rows(g)",
)


def _fits(x: Any, gamma: Any, beta: Any) -> bool:
    """Has it elements, and one number per channel?"""
    shape = np.shape(x)
    return len(shape) > 1 and 0 not in shape and all(v is None or np.shape(v) == shape[-1:] for v in (gamma, beta))


@named
def group_norm(x: Input, groups: Whole, gamma: Input = None, beta: Input = None, eps: Number = 1e-5) -> Any:
    """Normalise each sample over place and the channels of each group.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

    Source: Wu and He (2018).
    """
    shape, c = tuple(x.shape), x.shape[-1]
    groups = whole("group_norm", "groups", groups)
    if c % groups:
        raise ValueError(f"group_norm: {c} channels of x {shape} do not divide into groups={groups}.")
    if _fits(x, gamma, beta):
        return group_norm_channels(x, gamma, beta, groups=groups, eps=eps)
    return _composed(x, gamma, beta, groups=groups, eps=eps)


@named
def instance_norm(x: Input, gamma: Input = None, beta: Input = None, *, eps: Number = 1e-5) -> Any:
    """Normalise each channel of each sample over place.  x (N,H,W,C) · gamma, beta (C,) -> (N,H,W,C)

    Source: Ulyanov, Vedaldi and Lempitsky (2016).
    """
    if _fits(x, gamma, beta) and len(x.shape) > 2:
        return group_norm_channels(x, gamma, beta, groups=x.shape[-1], eps=eps)
    return affine(normalize(x, axis=tuple(range(1, len(x.shape) - 1)), eps=eps), gamma, beta)
