"""Keeping gradients within bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.effects import effect
from ..core import Tensor
from .settings import check

__all__ = ["clip_grad_norm", "clip_grad_value"]


def _with_grad(who: str, params: Any) -> list[Tensor]:
    items: Iterable[Any] = [params] if isinstance(params, Tensor) else params
    found = []
    for p in {id(p): p for p in items}.values():
        if not isinstance(p, Tensor):
            raise TypeError(f"{who}: parameters must be Tensors, got {type(p).__name__}. Pass model.parameters().")
        if p.grad is not None:
            found.append(p)
    return found


@effect
@named
def clip_grad_norm(params: Any, max_norm: float, *, error_if_nonfinite: bool = True) -> float:
    """Scale all gradients by one factor, in place, if the norm of all of them together exceeds `max_norm`.

    Returns the norm before.  As in PyTorch the factor is max_norm / (norm + 1e-6); unlike there, a NaN or infinite
    gradient is an error unless told otherwise, since the scaling would spread it over all parameters.  An infinite
    `max_norm` only measures.

    >>> w = nn.Parameter([0.0, 0.0])
    >>> (w * [30.0, 40.0]).sum().backward()
    >>> optim.clip_grad_norm([w], 5.0), w.grad
    (50.0, array([3., 4.], dtype=float32))
    """
    limit = math.inf if max_norm == math.inf else check("clip_grad_norm", "max_norm", max_norm)
    given = _with_grad("clip_grad_norm", params)
    norms = [_norm(p.grad) for p in given]
    total = math.hypot(*norms)
    if not math.isfinite(total) and error_if_nonfinite:
        bad = next((k for k, n in enumerate(norms) if not math.isfinite(n)), None)
        who = "all parameters together" if bad is None else given[bad].name or f"parameter {bad}"
        raise ValueError(f"clip_grad_norm: the gradient of {who} has norm {total}. Nothing was scaled.")
    factor = limit / (total + 1e-6)
    if not factor >= 1.0 and limit < math.inf:  # smaller, or NaN
        with np.errstate(invalid="ignore"):  # 0 * inf, if the caller wants that
            scale_grad(given, factor)
    return total


@effect
def scale_grad(params: Iterable[Tensor], factor: float) -> None:
    """Multiply all gradients by one number, in place."""
    for p in params:
        if (grad := p.grad) is not None:
            np.multiply(grad, factor, out=grad)


def _norm(grad: Any) -> float:
    flat = grad.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        square = float(np.vdot(flat, flat))
    if math.isfinite(square) and (square > 1e-30 or not square):
        return math.sqrt(square)
    return float(np.linalg.norm(flat.astype(np.float64)))  # too large or small for the square of a float32


@effect
@named
def clip_grad_value(params: Any, max_value: float) -> None:
    """Cut every element of every gradient to [-max_value, max_value], in place.

    >>> w = nn.Parameter([0.0, 0.0])
    >>> (w * [30.0, 0.5]).sum().backward()
    >>> optim.clip_grad_value([w], 1.0)
    >>> w.grad
    array([1. , 0.5], dtype=float32)
    """
    limit = check("clip_grad_value", "max_value", max_value)
    for p in _with_grad("clip_grad_value", params):
        grad: Any = p.grad
        np.clip(grad, -limit, limit, out=grad)
