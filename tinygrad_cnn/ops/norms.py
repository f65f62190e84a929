"""Norms of vectors and matrices of every order that NumPy has, and condition numbers; derivatives at 0 are 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Axis
from ..autodiff.numbers import is_number
from . import reduce
from ._arguments import Input, placed
from ._axes import axes_of, kept
from .algebra import cast, floats
from .arithmetic import where
from .decompositions import above_rounding, singular_rows
from .elementwise import abs
from .matrices import check_matrices
from .shape import moveaxis, reshape
from .systems import inv


@named
def vector_norm(x: Input, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """``sum(|x| ** ord) ** (1 / ord)`` over axes; the largest and the smallest size for inf and -inf.  x (...) -> (...)

    Order 0 counts what is not 0, and has no gradient.  The derivative at 0 is 0, for every order.

    >>> float(tg.linalg.vector_norm(np.array([3.0, -4.0]))), float(tg.linalg.vector_norm(np.array([3.0, -4.0]), ord=1))
    (5.0, 7.0)
    """
    (x,) = floats("vector_norm", x)
    if not is_number(ord) or math.isnan(ord):
        raise ValueError(f"{placed('norm')}: ord={ord!r} is not an order of vectors; give a number, inf or -inf.")
    ord = float(ord)
    if ord == 2:
        return reduce.norm(x, axis=axis, keepdims=keepdims)
    if math.isinf(ord):
        return (reduce.max if ord > 0 else reduce.min)(abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return reduce.sum(cast(x != 0, dtype=x.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return reduce.sum(abs(x), axis=axis, keepdims=keepdims)
    held = x != 0
    powers = where(held, where(held, abs(x), 1) ** ord, 0.0 if ord > 0 else math.inf)
    total = reduce.sum(powers, axis=axis, keepdims=keepdims)
    held = total != 0
    return where(held, where(held, total, 1) ** (1 / ord), 0.0 if ord > 0 else math.inf)


def _singular_values(x: Any) -> Any:
    """Singular values, those within rounding as 0 without a gradient.  x (..., M, N) -> (..., 1, min(M, N))"""
    m = x.shape[-2]
    s = singular_rows(x)[..., m : m + 1, :]
    return where(above_rounding(s, s[..., 0, :]), s, 0)


@named
def matrix_norm(x: Input, *, axis: Axis = (-2, -1), keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices that two axes hold.  x (..., M, N) -> (...)

    `ord`: "fro", the root of the sum of squares; "nuc", the sum of singular values; 2 and -2, the largest and the
    smallest of them; 1 and -1, the largest and the smallest sum of sizes in a column; inf and -inf, in a row.

    >>> float(tg.linalg.matrix_norm(np.array([[3.0, 0.0], [0.0, -4.0]]), ord="nuc"))
    7.0
    """
    (x,) = floats("matrix_norm", x)
    axes = axes_of("norm", axis, len(x.shape))
    if len(axes) != 2:
        raise ValueError(f"{placed('norm')}: axis={axis!r} of shape {x.shape} must name the two axes of a matrix.")
    if (isinstance(ord, str) and ord == "fro") or ord is None:
        return reduce.norm(x, axis=axes, keepdims=keepdims)
    ends = {1: (reduce.max, 0), -1: (reduce.min, 0), math.inf: (reduce.max, 1), -math.inf: (reduce.min, 1)}
    of_values = {2: reduce.max, -2: reduce.min, "nuc": reduce.sum}
    try:
        known = ord in ends or ord in of_values
    except TypeError:  # a list, say
        known = False
    if not known:
        raise ValueError(
            f"{placed('norm')}: ord={ord!r} is not an order of matrices; there are 'fro', 'nuc', 1, -1, 2, -2, inf and "
            "-inf."
        )
    if ord in of_values:
        y = of_values[ord](_singular_values(moveaxis(x, axes, (-2, -1))), axis=(-2, -1))
        return reshape(y, kept(x.shape, axes)) if keepdims else y
    end, inner = ends[ord]
    sums = reduce.sum(abs(x), axis=axes[inner], keepdims=True)
    y = end(sums, axis=axes[1 - inner], keepdims=True)
    return y if keepdims else reshape(y, tuple(n for k, n in enumerate(x.shape) if k not in axes))


@named
def norm(x: Input, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The norm of vectors along one axis, or of matrices in two, as `np.linalg.norm` has it.  x (...) -> (...)

    Without `ord` it is the root of the sum of squares over any axes.  Orders are those of `vector_norm` and
    `matrix_norm`.  The derivative at 0 is 0, for every order.

    >>> x = np.array([[3.0, 0.0], [0.0, -4.0]])
    >>> float(tg.linalg.norm(x)), float(tg.linalg.norm(x, 2)), tg.linalg.norm(x, 1, axis=1)
    (5.0, 4.0, array([3., 4.]))
    """
    (x,) = floats("norm", x)
    if ord is None:
        return reduce.norm(x, axis=axis, keepdims=keepdims)
    axes = axes_of("norm", axis, len(x.shape))
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise ValueError(
            f"{placed('norm')}: ord={ord!r} needs one axis (vectors) or two (matrices), but axis={axis!r} of shape "
            f"{x.shape} names {len(axes)}. Give axis=."
        )
    return matrix_norm(x, axis=axes, keepdims=keepdims, ord=ord)


@named
def cond(x: Input, p: Any = None) -> Any:
    """The condition number: the largest singular value over the smallest, or norm(x, p) * norm(inv(x), p).

    x (..., M, N) -> (...); infinite for singular matrices.

    >>> float(tg.linalg.cond(np.array([[3.0, 0.0], [0.0, -4.0]])).round(6))
    1.333333
    """
    (x,) = floats("cond", x)
    check_matrices("cond", "x", x, square=p not in (None, 2, -2))
    if p not in (None, 2, -2):
        return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)
    s = singular_rows(x)[..., x.shape[-2], :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
