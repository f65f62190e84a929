"""Softmax and its logarithm, along one axis or over all elements, stable whatever the size of the numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import all_stacked, later
from ..autodiff.kinds import Whole
from ..core import op
from ._arguments import promoted
from .elementwise import exp
from .reduce import sum

__all__ = ["log_softmax", "softmax"]

_ROWS = [S(x=(2, 3)), S(x=(2, 3, 2), axis=1), S(x=(4,)), S(x=(2, 3), axis=None)]
_GRADIENTS = [S(dy=(2, 3), p=(2, 3)), S(dy=(2, 3, 2), p=(2, 3, 2), axis=1), S(dy=(2, 3), p=(2, 3), axis=None)]


def _stacked_on_axis(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """The same axis of the stack; over all elements, those of each member in one row."""
    arrays, axis = all_stacked(inputs, stacked), params["axis"]
    if axis is not None:
        return op(*arrays, axis=later(axis))
    return op(*[a.reshape(len(a), -1) for a in arrays], axis=-1).reshape(arrays[0].shape)


def _along(kernel: Any, axis: Any, *arrays: Any) -> Any:
    """A kernel of rows along an axis, or of all elements as one row if it is None."""
    if axis is not None:
        return kernel(*arrays, axis)
    return kernel(*[a.reshape(-1) for a in arrays], -1).reshape(arrays[0].shape)


def _softmax_ref(x: np.ndarray, *, axis: int | None = -1, log: bool = False) -> np.ndarray:
    def row(r: np.ndarray) -> np.ndarray:
        total = math.fsum(math.exp(v) for v in r)
        return np.array([v - math.log(total) if log else math.exp(v) / total for v in r])

    return row(x.ravel()).reshape(x.shape) if axis is None else np.apply_along_axis(row, axis, x)


@op(
    floating=["x"],
    stacks=_stacked_on_axis,
    params=["axis"],
    samples=_ROWS,
    ref=_softmax_ref,
    cost=lambda x_shape: 4 * math.prod(x_shape),
)
def softmax(x: Any, axis: Whole | None = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis, over all elements if None.  x (..., C) -> (..., C)

    >>> tg.softmax(np.log([[1.0, 2.0, 5.0]])).round(3)
    array([[0.125, 0.25 , 0.625]])
    """
    return _along(kernels.softmax, axis, x)


@op(
    floating=["dy", "p"],
    params=["axis"],
    samples=_GRADIENTS,
    ref=lambda dy, p, axis=-1: p * (dy - (dy * p).sum(axis, keepdims=True)),
    stacks=_stacked_on_axis,
)
def softmax_dx(dy: Any, p: Any, axis: Whole | None = -1) -> Any:
    """The gradient of softmax whose result is p: p * (dy - sum(dy * p)).  dy (...) · p (...) -> (...)"""
    return _along(kernels.softmax_dx, axis, *promoted(dy, p))


def _softmax_dx_p(g: Any, dy: Any, p: Any, axis: Any) -> Any:
    return g * (dy - sum(dy * p, axis=axis, keepdims=True)) - dy * sum(g * p, axis=axis, keepdims=True)


softmax.vjp(x=lambda g, y, axis: softmax_dx(g, y, axis))
softmax_dx.vjp(dy=lambda g, p, axis: softmax_dx(g, p, axis), p=_softmax_dx_p)
softmax_dx.formula(y="p * (dy - sum(dy * p))")
softmax.formula(y="exp(x) / sum(exp(x))")


@op(
    floating=["x"],
    params=["axis"],
    samples=_ROWS,
    ref=lambda x, axis=-1: _softmax_ref(x, axis=axis, log=True),
    cost=lambda x_shape: 4 * math.prod(x_shape),
    stacks=_stacked_on_axis,
)
def log_softmax(x: Any, axis: Whole | None = -1) -> Any:
    """log(softmax(x)) along an axis, over all elements if None, without overflow.  x (..., C) -> (..., C)

    >>> tg.log_softmax(np.array([0.0, 1000.0]))  # log(softmax(x)) gives -inf
    array([-1000.,     0.])
    """
    return _along(kernels.log_softmax, axis, x)


@op(
    floating=["dy", "logp"],
    params=["axis"],
    samples=[S(dy=(2, 3), logp=(2, 3)), S(dy=(2, 3, 2), logp=(2, 3, 2), axis=1), S(dy=(3,), logp=(3,), axis=None)],
    ref=lambda dy, logp, axis=-1: dy - np.exp(logp) * dy.sum(axis, keepdims=True),
    stacks=_stacked_on_axis,
)
def log_softmax_dx(dy: Any, logp: Any, axis: Whole | None = -1) -> Any:
    """The gradient of log_softmax whose result is logp: dy - exp(logp) * sum(dy).  dy (...) · logp (...) -> (...)"""
    return _along(kernels.log_softmax_dx, axis, *promoted(dy, logp))


log_softmax.vjp(x=lambda g, y, axis: log_softmax_dx(g, y, axis))
log_softmax_dx.vjp(
    dy=lambda g, logp, axis: g - sum(g * exp(logp), axis=axis, keepdims=True),
    logp=lambda g, dy, logp, axis: -g * exp(logp) * sum(dy, axis=axis, keepdims=True),
)
log_softmax_dx.formula(y="dy - exp(logp) * sum(dy)")
log_softmax.formula(y="x - log(sum(exp(x)))")
