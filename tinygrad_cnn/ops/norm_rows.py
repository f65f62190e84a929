"""Layer norm and RMS norm; of rows in one pass over memory, which equals the composition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import last_axes
from ..autodiff.calls import named
from ..autodiff.kinds import Axis, Number
from ..autodiff.numbers import number
from ..autodiff.sample import positive
from ..core import op
from ._arguments import Input, promoted
from .algebra import floats
from .arithmetic import pow
from .normalization import affine, normalize
from .reduce import mean

__all__ = ["layer_norm", "rms_norm"]

_SAMPLES = [
    S(x=(4, 3), gamma=positive(3), beta=(3,), eps=1e-2),
    S(x=(2, 2, 4), gamma=(4,), eps=0.1),
    S(x=(3,), eps=0.1),
]
_SCALED = [S(x=(4, 3), gamma=positive(3), eps=1e-2), S(x=(2, 2, 4), eps=0.1)]


def _checked(who: str, x: Any, gamma: Any, beta: Any) -> Any:
    if not x.ndim or not x.shape[-1] or any(v is not None and v.shape != x.shape[-1:] for v in (gamma, beta)):
        shapes = " and ".join(str(v.shape) for v in (gamma, beta) if v is not None)
        raise ValueError(f"{who}: rows {x.shape} need gamma and beta of shape {x.shape[-1:]}, got {shapes or 'none'}.")
    return promoted(x, gamma, beta)


def _composed(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Any:
    return affine(normalize(x, axis=-1, eps=eps), gamma, beta)


def _scaled(x: Any, gamma: Any = None, *, eps: float = 1e-5) -> Any:
    return affine(x * pow(mean(x * x, axis=-1, keepdims=True) + eps, -0.5), gamma, None)


def _ref(x: Any, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5, centred: bool = True) -> Any:
    d = x - (x.mean(-1, keepdims=True) if centred else 0)
    y = d / np.sqrt((d * d).mean(-1, keepdims=True) + eps)
    return y * (1 if gamma is None else gamma) + (0 if beta is None else beta)


@op(
    floating=["x", "gamma", "beta"],
    aux=["mean", "scale"],
    samples=_SAMPLES,
    ref=_ref,
    composition=_composed,
    cost=lambda x_shape: 8 * math.prod(x_shape),
    stacks=last_axes("x"),
)
def layer_norm_rows(x: Any, gamma: Any = None, beta: Any = None, *, eps: Number = 1e-5) -> Any:
    """Normalise rows to mean 0 and variance 1, then scale and shift.  x (...,C) · gamma, beta (C,) -> (...,C)"""
    x, gamma, beta = _checked("layer_norm", x, gamma, beta)
    return kernels.layer_norm(x, gamma, beta, float(eps))


layer_norm_rows.vjp(
    g=lambda g, x, gamma, mean, scale: kernels.layer_norm_dx(g, x, gamma, mean, scale),
    x=lambda g: g[0],
    gamma=lambda g: g[1],
    beta=lambda g: g[2],
)
layer_norm_rows.formula(
    y="gamma * xhat + beta",
    x="(g * gamma - mean(g * gamma) - xhat * mean(g * gamma * xhat)) / sqrt(var(x) + eps)",
    gamma="sum_rows(g * xhat)",
    beta="sum_rows(g)",
)


@op(
    floating=["x", "gamma"],
    aux=["scale"],
    samples=_SCALED,
    ref=lambda x, gamma=None, *, eps=1e-5: _ref(x, gamma, eps=eps, centred=False),
    composition=_scaled,
    cost=lambda x_shape: 5 * math.prod(x_shape),
    stacks=last_axes("x"),
)
def rms_norm_rows(x: Any, gamma: Any = None, *, eps: Number = 1e-5) -> Any:
    """Divide rows by their root mean square, then scale.  x (...,C) · gamma (C,) -> (...,C)"""
    x, gamma, _ = _checked("rms_norm", x, gamma, None)
    return kernels.rms_norm(x, gamma, float(eps))


rms_norm_rows.vjp(
    g=lambda g, x, gamma, scale: kernels.rms_norm_dx(g, x, gamma, scale),
    x=lambda g: g[0],
    gamma=lambda g: g[1],
)
rms_norm_rows.formula(
    y="gamma * xhat",
    x="(g * gamma - xhat * mean(g * gamma * xhat)) / sqrt(mean(x**2) + eps)",
    gamma="sum_rows(g * xhat)",
)


def _fits(x: Any, gamma: Any, beta: Any, axis: Any) -> bool:
    """Is it a norm of rows, with one number per column?"""
    shape = np.shape(x)
    return (
        axis in (-1, len(shape) - 1)
        and shape[-1:] > (0,)
        and all(v is None or np.shape(v) == shape[-1:] for v in (gamma, beta))
    )


@named
def layer_norm(x: Input, gamma: Input = None, beta: Input = None, *, axis: Axis = -1, eps: Number = 1e-5) -> Any:
    """Normalise each sample over `axis`, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

    Source: Ba, Kiros and Hinton (2016).

    >>> x = np.array([[1.0, 3.0], [10.0, 30.0]])
    >>> tg.layer_norm(x, eps=1e-12).round(3)  # each row for itself
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    if _fits(x, gamma, beta, axis):
        return layer_norm_rows(x, gamma, beta, eps=eps)
    return affine(normalize(x, axis=axis, eps=eps), gamma, beta)


@named
def rms_norm(x: Input, gamma: Input = None, *, axis: Axis = -1, eps: Number = 1e-5) -> Any:
    """x / sqrt(mean(x**2) + eps) over `axis`, then scale.  x (N,...,C) · gamma (C,) -> (N,...,C)

    Source: Zhang and Sennrich (2019).
    """
    eps = number("rms_norm", "eps", eps, 0)
    (x,) = floats("rms_norm", x)
    if _fits(x, gamma, None, axis):
        return rms_norm_rows(x, gamma, eps=eps)
    return affine(x * pow(mean(x * x, axis=axis, keepdims=True) + eps, -0.5), gamma, None)
