"""Determinants, inverses and linear systems: ops on square matrices, in batches (..., N, N)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import last_axes
from ..core import op
from ._arguments import placed, promoted
from .algebra import sum_to
from .matrices import (
    by_matrix,
    by_minors,
    by_permutations,
    check_matrices,
    each,
    matrix_by_matrix,
    turned,
    wide,
)
from .products import matmul
from .reduce import sum
from .shape import expand_dims

_SINGULAR = "is singular"
_FEW = [S(a=(3, 3)), S(a=(2, 2, 2)), S(a=(1, 1))]


def _cube(a_shape: Any) -> Any:
    return 2 * math.prod(a_shape) * a_shape[-1]


@op(
    floating=["a"],
    samples=_FEW,
    ref=matrix_by_matrix(lambda a: by_minors(a).T / by_permutations(a)),
    cost=_cube,
    stacks=last_axes("a"),
)
def inv(a: Any) -> Any:
    """The inverse of each matrix.  a (..., N, N) -> (..., N, N)

    Raises ValueError if a matrix is singular, and says which of the batch.

    >>> tg.linalg.inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    check_matrices("inv", "a", a)
    remedy = "Use tg.linalg.pinv for the pseudo-inverse, or add a multiple of the identity."
    y = each("inv", "a", np.linalg.inv, wide(a), fault=f"{_SINGULAR}, so it has no inverse", remedy=remedy)
    return y.astype(a.dtype, copy=False)


inv.vjp(a=lambda g, y: -matmul(turned(y), matmul(g, turned(y))))
inv.formula(a="-(y.T @ g @ y.T)")


@op(
    name="solve",
    floating=["a", "b"],
    samples=[S(a=(3, 3), b=(3, 2)), S(a=(2, 1, 2, 2), b=(3, 2, 1)), S(a=(2, 2), b=(3, 2, 2))],
    ref=matrix_by_matrix(lambda a, b: by_minors(a).T @ b / by_permutations(a)),
    cost=lambda a_shape, y_shape: _cube(a_shape) // 3 + 2 * math.prod(y_shape) * a_shape[-1],
    stacks=by_matrix,
)
def solve_matrices(a: Any, b: Any) -> Any:
    """x with a @ x = b, for each matrix.  a (..., N, N) · b (..., N, K) -> (..., N, K)"""
    check_matrices("solve", "a", a)
    check_matrices("solve", "b", b, square=False)
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(
            f"{placed('solve')}: a {a.shape} has {a.shape[-1]} columns, but the right-hand sides b {b.shape} have "
            f"{b.shape[-2]} rows. Give b one row for each row of a, columns are right-hand sides."
        )
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{placed('solve')}: the batches of a {a.shape} and b {b.shape} do not broadcast; make the axes in front "
            "of the matrices equal, or 1."
        ) from None
    b = b.reshape((1,) * (len(lead) + 2 - b.ndim) + b.shape)  # or old versions of NumPy take it for vectors
    remedy = "Use tg.linalg.lstsq for a solution of least squares, or add a multiple of the identity."
    fault = f"{_SINGULAR}, so the system has no unique solution"
    y = each("solve", "a", np.linalg.solve, *wide(a, b), fault=fault, remedy=remedy)
    return y.astype(np.result_type(a, b), copy=False)


solve_matrices.vjp(
    a=lambda g, a, y, a_shape: sum_to(-matmul(solve_matrices(turned(a), g), turned(y)), shape=a_shape),
    b=lambda g, a, b_shape: sum_to(solve_matrices(turned(a), g), shape=b_shape),
)
solve_matrices.formula(a="sum_to(-(solve(a.T, g) @ y.T))", b="sum_to(solve(a.T, g))")


# -- determinants, whose derivatives need no inverse --------------------------------------------------------------


def _without_one(s: Any) -> Any:
    """For each element the product of all others in its row.  s (..., N) -> (..., N)"""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)[..., : s.shape[-1]]
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., : s.shape[-1]]
    return before * after[..., ::-1]


def _without_two(s: Any) -> Any:
    """For each pair of different elements the product of all others; 0 on the diagonal.  s (..., N) -> (..., N, N)"""
    n = s.shape[-1]
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)[..., :n]
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., :n][..., ::-1]
    later = np.triu(np.ones((n, n), bool), 1)
    between = np.cumprod(np.where(later, s[..., None, :], 1), axis=-1)  # of those after i, up to j
    between = np.concatenate([np.ones_like(between[..., :1]), between[..., :-1]], -1)[..., :n]
    upper = np.where(later, before[..., :, None] * between * after[..., None, :], 0)
    return upper + turned(upper)


def _taken_apart(a: Any) -> tuple[Any, Any, Any]:
    """U, s and V with a = U diag(s) V^T and det(U) = det(V), so that products of s are minors of U^T a V."""
    u, s, vt = np.linalg.svd(a)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt)).astype(a.dtype)
    s[..., -1:] *= sign[..., None]
    u[..., -1:] *= sign[..., None, None]
    return u, s, turned(vt)


@op(
    floating=["a"],
    samples=[S(a=(3, 3)), S(a=(2, 2, 2))],
    ref=matrix_by_matrix(by_minors),
    cost=_cube,
    stacks=last_axes("a"),
)
def cofactors(a: Any) -> Any:
    """The derivative of each determinant in the elements of its matrix: det(a) inv(a)^T where that exists.

    a (..., N, N) -> (..., N, N)
    """
    check_matrices("cofactors", "a", a)
    u, s, v = _taken_apart(wide(a))
    return matmul(u * _without_one(s)[..., None, :], turned(v)).astype(a.dtype, copy=False)


def _second_ref(t: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Cofactors are linear in each row: change one row of a to that of t, and add up."""
    found = np.zeros(a.shape)
    for k in range(len(a)):
        changed = a.copy()
        changed[k] = t[k]
        minors = by_minors(changed)
        minors[k] = 0  # which do not depend on row k
        found += minors
    return found


@op(
    floating=["t", "a"],
    samples=[S(t=(3, 3), a=(3, 3)), S(t=(2, 4, 4), a=(2, 4, 4))],
    ref=matrix_by_matrix(_second_ref),
    cost=lambda a_shape: 2 * _cube(a_shape),
    stacks=by_matrix,
)
def second_cofactors(t: Any, a: Any) -> Any:
    """The derivative of the cofactors of a along t, which is the gradient in a of sum(t * cofactors(a)).

    t (..., N, N) · a (..., N, N) -> (..., N, N)
    """
    check_matrices("second_cofactors", "a", a)
    t, wider = promoted(*wide(t, a))
    u, s, v = _taken_apart(wider)
    seen = matmul(turned(u), matmul(t, v))
    pairs = _without_two(s)
    diagonal = np.einsum("...ij,...jj->...i", pairs, seen)
    change = diagonal[..., None] * np.eye(a.shape[-1], dtype=wider.dtype) - pairs * turned(seen)
    return matmul(u, matmul(change, turned(v))).astype(np.result_type(t, a), copy=False)


def _third(g: Any, t: Any, a: Any) -> Any:
    """The third derivative of det, of matrices that have an inverse."""
    x = inv(a)
    xt, xg = matmul(x, t), matmul(x, g)
    p, q, r = trace(xt), trace(xg), trace(matmul(xt, xg))
    both = matmul(matmul(xt, xg), x) + matmul(matmul(xg, xt), x)
    return turned((p * q - r) * x - p * matmul(xg, x) - q * matmul(xt, x) + both) * expand_dims(det(a), (-2, -1))


def trace(x: Any) -> Any:
    """The sum of the diagonal of each matrix, with its axes kept.  x (..., N, N) -> (..., 1, 1)"""
    return sum(x * np.eye(x.shape[-1], dtype=x.dtype), axis=(-2, -1), keepdims=True)


cofactors.vjp(a=lambda g, a: second_cofactors(g, a))
second_cofactors.vjp(t=lambda g, a: second_cofactors(g, a), a=_third)
second_cofactors.formula(a="third(t, g)")


@op(
    floating=["a"],
    samples=[*_FEW, S(a=(2, 4, 4))],
    ref=matrix_by_matrix(by_permutations),
    cost=lambda a_shape: _cube(a_shape) // 3,
    stacks=last_axes("a"),
)
def det(a: Any) -> Any:
    """The determinant of each matrix, 1 of an empty one.  a (..., N, N) -> (...)

    Its gradient is the cofactors, from singular values, so it is right where a is singular; the second derivative too.
    Third derivatives need an inverse.

    >>> a = tg.Tensor(np.array([[1.0, 2.0], [2.0, 4.0]]), requires_grad=True)  # singular
    >>> tg.grad(tg.linalg.det(a), a).round(6) + 0.0
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    check_matrices("det", "a", a)
    return np.linalg.det(wide(a)).astype(a.dtype, copy=False)


det.vjp(a=lambda g, a: expand_dims(g, (-2, -1)) * cofactors(a))


@op(
    floating=["a"],
    samples=_FEW,
    ref=matrix_by_matrix(lambda a: math.log(abs(by_permutations(a)))),
    cost=lambda a_shape: _cube(a_shape) // 3,
    stacks=last_axes("a"),
)
def logabsdet(a: Any) -> Any:
    """log ``|det(a)|`` without overflow, minus infinity of a singular matrix.  a (..., N, N) -> (...)"""
    check_matrices("slogdet", "a", a)
    return np.linalg.slogdet(wide(a))[1].astype(a.dtype, copy=False)


logabsdet.vjp(a=lambda g, a: expand_dims(g, (-2, -1)) * turned(inv(a)))
logabsdet.formula(a="expand_dims(g, (-2, -1)) * inv(a).T")

@op(
    floating=["a"],
    selectors=["a"],
    samples=_FEW,
    ref=matrix_by_matrix(lambda a: np.sign(by_permutations(a))),
    cost=lambda a_shape: _cube(a_shape) // 3,
    stacks=last_axes("a"),
    branches=lambda y: y,
)
def det_sign(a: Any) -> Any:
    """1, 0 or -1, as det(a) is above, equal to or below 0; no gradient, as its slope is 0.  a (..., N, N) -> (...)"""
    check_matrices("slogdet", "a", a)
    return np.linalg.slogdet(wide(a))[0].astype(a.dtype, copy=False)
