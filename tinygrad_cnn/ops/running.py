"""Sums and products of all elements up to each along an axis, and the recurrence that their gradients are made of."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import all_stacked, later
from ..autodiff.kinds import Whole
from ..autodiff.sample import these
from ..core import op
from ._axes import along_axis
from .indexing import getitem
from .shape import concatenate, flip, reshape, roll

__all__ = ["cumprod", "cumsum"]

_ROWS = [S(x=(2, 3), axis=0), S(x=(2, 3), axis=-1), S(x=(2, 3))]
LOOP = 256  # steps that are taken one after another; longer axes are cut into blocks, whose steps are taken together


def _by_rows(each: Any) -> Any:
    """A reference: what `each` gives of the elements up to each, for one row after another."""

    def ref(x: np.ndarray, axis: int | None = None) -> np.ndarray:
        rows, axis = (x.ravel(), 0) if axis is None else (x, axis)
        return np.apply_along_axis(lambda r: np.array([each(r[: k + 1]) for k in range(len(r))]), axis, rows)

    return ref


@op(linear=["x"], params=["axis"], samples=_ROWS, ref=_by_rows(math.fsum), stacks=along_axis)
def cumsum(x: Any, axis: Whole | None = None) -> Any:
    """Running sums along an axis, of the flattened array if None.  x (...) -> (...), or (size,) for axis=None

    >>> tg.cumsum(np.array([1, 2, 3, 4]))
    array([ 1,  3,  6, 10])
    """
    return np.cumsum(x, axis=axis)


def _cumsum_x(g: Any, x_shape: Any, axis: Any) -> Any:
    along = 0 if axis is None else axis
    return reshape(flip(cumsum(flip(g, axis=along), axis=along), axis=along), x_shape)


cumsum.vjp(x=_cumsum_x)
cumsum.formula(x="reshape(flip(cumsum(flip(g))), x_shape)")


@op(
    params=["axis"],
    samples=[*_ROWS, S(x=these(2, 0, 3, -1)), S(x=these(2, 0, 3, 0, 5), axis=0)],
    ref=_by_rows(math.prod),
    stacks=along_axis,
)
def cumprod(x: Any, axis: Whole | None = None) -> Any:
    """Running products along an axis, of the flattened array if None; the gradient is right at zeros too.

    x (...) -> (...), or (size,) for axis=None

    >>> x = tg.Tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> y = tg.cumprod(x)
    >>> y.data, tg.grad(y.sum(), x)
    (array([2., 0., 0.], dtype=float32), array([1., 8., 0.], dtype=float32))
    """
    return np.cumprod(x, axis=axis)


def before(y: Any, axis: int, first: float) -> Any:
    """Each element's forerunner along an axis, and for the first ones a number."""
    if not y.shape[axis]:
        return y
    lead = (slice(None),) * (axis % y.ndim)
    shape = tuple(1 if k == axis % y.ndim else n for k, n in enumerate(y.shape))
    return concatenate([np.full(shape, first, y.dtype), getitem(y, key=(*lead, slice(0, -1)))], axis=axis)


def _cumprod_x(g: Any, x: Any, y: Any, x_shape: Any, axis: Any) -> Any:
    """What stands before each element times a sum over what comes after, which divides by no element."""
    x, axis = (reshape(x, (-1,)), 0) if axis is None else (x, axis)
    after = recurrence(roll(x, -1, axis), g, axis=axis, reverse=True)
    return reshape(before(y, axis, 1) * after, x_shape)


cumprod.vjp(x=_cumprod_x)
cumprod.formula(x="prod_before(x) * sum_after(g, x)")


def _recurrence_ref(a: np.ndarray, b: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
    """One step after another, in Python numbers."""
    step = -1 if reverse else 1
    a, b = (np.moveaxis(v, axis, 0)[::step] for v in (a, b))
    y = np.array(list(itertools.accumulate(range(1, len(b)), lambda s, k: a[k] * s + b[k], initial=b[0])))
    return np.moveaxis(y[::step], 0, axis)


def _recurrence_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    return op(*all_stacked(inputs, stacked), **{**params, "axis": later(params["axis"])})


@op(
    linear=["b"],
    samples=[
        S(a=(4, 3), b=(4, 3), axis=0, reverse=False), S(a=(2, 5), b=(2, 5), axis=-1, reverse=True),
        S(a=(1,), b=(1,), axis=0, reverse=True),
    ],
    ref=_recurrence_ref,
    cost=lambda y_shape: 2 * math.prod(y_shape),
    stacks=_recurrence_stack,
)  # fmt: skip
def recurrence(a: Any, b: Any, *, axis: Whole = 0, reverse: bool = False) -> Any:
    """y[k] = a[k] * y[k - 1] + b[k] along an axis, y[0] = b[0]; from the end if `reverse`.

    a (...) · b (...) -> (...)
    """
    if a.shape != b.shape:
        raise ValueError(f"recurrence: a {a.shape} and b {b.shape} must have one shape; broadcast them first.")
    step = -1 if reverse else 1
    y = _recurrence(*(np.moveaxis(v, axis, 0)[::step] for v in (a, b)))
    return np.ascontiguousarray(np.moveaxis(y[::step], 0, axis))


def _recurrence(a: Any, b: Any) -> Any:
    """Along axis 0: short ones step by step, long ones in blocks, to which what was before is added at the end."""
    n, rest = len(b), b.shape[1:]
    if n <= LOOP:
        y = b * np.ones((), a.dtype)
        for k in range(1, n):
            y[k] += a[k] * y[k - 1]
        return y
    length = math.isqrt(n)
    count = -(-n // length)

    def blocks(v: Any) -> Any:
        padded = np.zeros((count * length, *rest), v.dtype)
        padded[:n] = v
        return padded.reshape(count, length, *rest).swapaxes(0, 1).copy()  # step k of all blocks side by side

    with np.errstate(over="ignore", invalid="ignore"):  # of products that nothing is multiplied by
        a, y = blocks(a), blocks(b * np.ones((), a.dtype))
        for k in range(1, length):
            y[k] += a[k] * y[k - 1]
            a[k] *= a[k - 1]
        carried = _recurrence(a[-1], y[-1])[:-1]
        y[:, 1:] += np.where(carried == 0, 0, a[:, 1:] * carried)
    return y.swapaxes(0, 1).reshape(count * length, *rest)[:n]


def _back(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    """The gradient in b, by the recurrence in the other direction, where each step multiplies by the a behind it."""
    return recurrence(roll(a, 1 if reverse else -1, axis), g, axis=axis, reverse=not reverse)


def _recurrence_a(g: Any, y: Any, axis: int, reverse: bool) -> Any:
    return g * (flip(before(flip(y, axis), axis, 0), axis) if reverse else before(y, axis, 0))


recurrence.vjp(g=_back, a=_recurrence_a, b=lambda g: g)
recurrence.formula(g="g", a="sum_after(g, a) * before(y)", b="sum_after(g, a)")
