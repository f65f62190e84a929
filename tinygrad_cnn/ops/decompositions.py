"""Matrices taken apart: Cholesky, QR, eigenvalues and singular values, and the pseudo-inverse.

An op has one result, so those with several give them one below the other in one array, which `ops/linalg.py` cuts.
Vectors of equal eigenvalues or singular values can be chosen at will; that choice counts as constant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import last_axes
from ..autodiff.kinds import Number
from ..autodiff.numbers import number
from ..core import op
from .arithmetic import where
from .elementwise import abs
from .matrices import check_matrices, each, leading, matrix_by_matrix, signs_of, turned, wide
from .products import matmul
from .reduce import sum
from .systems import inv, solve_matrices

_SQUARE = [S(a=(3, 3)), S(a=(2, 2, 2)), S(a=(1, 1))]


def _cube(a_shape: Any) -> Any:
    return 8 * math.prod(a_shape) * min(a_shape[-2:])


def _identity(like: Any) -> Any:
    return np.eye(like.shape[-1], dtype=like.dtype)


def _one_over(x: Any, held: Any) -> Any:
    """1 / x where a mask holds, and 0 elsewhere, with derivatives of 0."""
    return where(held, 1 / where(held, x, 1), 0)


def above_rounding(x: Any, scale: Any) -> Any:
    """Where differences of the values `scale` are more than rounding makes of them.  x (..., M, N) · scale (..., N)"""
    count = max(scale.shape[-1], 1)
    return abs(x) > sum(abs(scale), axis=-1, keepdims=True)[..., None] * (count * float(np.finfo(scale.dtype).eps))


# -- Cholesky -----------------------------------------------------------------------------------------------------


def _definite(*shape: int) -> Any:
    """A sample of symmetric matrices whose eigenvalues are at least 1."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        half = rng.standard_normal(shape)
        return np.asarray(half @ half.swapaxes(-1, -2) + np.eye(shape[-1]), dtype)

    return draw


def _cholesky_ref(a: np.ndarray) -> np.ndarray:
    a, y = (a + a.T) / 2, np.zeros(a.shape)
    for i in range(len(a)):
        for j in range(i + 1):
            rest = a[i, j] - math.fsum(y[i, :j] * y[j, :j])
            y[i, j] = math.sqrt(rest) if i == j else rest / y[j, j]
    return y


@op(
    name="cholesky",
    floating=["a"],
    samples=[S(a=_definite(3, 3)), S(a=_definite(2, 2, 2))],
    ref=matrix_by_matrix(_cholesky_ref),
    cost=lambda a_shape: math.prod(a_shape) * a_shape[-1] // 3,
    stacks=last_axes("a"),
)
def lower_factor(a: Any) -> Any:
    """L, 0 above its diagonal, with L @ L.T the symmetric part of a.  a (..., N, N) -> (..., N, N)"""
    check_matrices("cholesky", "a", a)
    wider = wide(a)
    symmetric = (wider + turned(wider)) / 2
    fault, remedy = "is not positive definite", "Add a multiple of the identity, as in a + 1e-6 * np.eye(n)."
    return each("cholesky", "a", np.linalg.cholesky, symmetric, fault=fault, remedy=remedy).astype(a.dtype, copy=False)


def _cholesky_a(g: Any, y: Any) -> Any:
    n = y.shape[-1]
    half = np.tril(np.ones((n, n), y.dtype)) - np.eye(n, dtype=y.dtype) / 2
    left = solve_matrices(turned(y), matmul(turned(y), g) * half)
    both = solve_matrices(turned(y), turned(left))
    return (both + turned(both)) / 2


lower_factor.vjp(a=_cholesky_a)
lower_factor.formula(a="sym(inv(y).T @ lower(y.T @ g) @ inv(y))")


# -- QR -----------------------------------------------------------------------------------------------------------


def _qr_ref(a: np.ndarray) -> np.ndarray:
    """Gram and Schmidt's way, with the signs of LAPACK's."""
    signs = np.sign(np.diag(np.linalg.qr(a)[1]))
    q, r = np.zeros(a.shape), np.zeros((a.shape[1],) * 2)
    for k in range(a.shape[1]):
        rest = a[:, k] - q @ (q.T @ a[:, k])
        rest -= q @ (q.T @ rest)
        q[:, k] = signs[k] * rest / math.sqrt(rest @ rest)
    r = np.triu(q.T @ a)
    return np.concatenate([q, r])


@op(
    name="qr",
    floating=["a"],
    samples=[S(a=(3, 3)), S(a=(2, 4, 2))],
    ref=matrix_by_matrix(_qr_ref),
    cost=_cube,
    stacks=last_axes("a"),
    branches=lambda a, y: np.sign(np.diagonal(y[..., a.shape[-2] :, :], axis1=-2, axis2=-1)),
)
def tall_qr(a: Any) -> Any:
    """Q with orthonormal columns above R, which is 0 below its diagonal: a = Q @ R.  a (..., M, N) -> (..., M+N, N)"""
    check_matrices("qr", "a", a, square=False)
    q, r = np.linalg.qr(wide(a))
    return np.concatenate([q, r], axis=-2).astype(a.dtype, copy=False)


def _qr_a(g: Any, y: Any, a_shape: Any) -> Any:
    m, n = a_shape[-2:]
    q, r, gq, gr = y[..., :m, :], y[..., m:, :], g[..., :m, :], g[..., m:, :]
    inner = matmul(r, turned(gr)) - matmul(turned(gq), q)
    lower = np.tril(np.ones((n, n), y.dtype))
    symmetric = inner * lower + turned(inner * np.tril(lower, -1))
    return turned(solve_matrices(r, turned(gq + matmul(q, symmetric))))


tall_qr.vjp(a=_qr_a)
tall_qr.formula(a="(gQ + Q @ (2 * sym(lower(R @ gR.T - gQ.T @ Q)))) @ inv(R).T")


def _beyond(q: np.ndarray) -> Any:
    """What is left of the unit vectors beside the span of q, where that is one direction."""
    rest = np.eye(len(q)) - q @ np.linalg.inv(q.T @ q) @ q.T
    column = rest[:, [np.argmax(np.diag(rest))]]
    column = column / np.sqrt(np.sum(column * column))
    return column * signs_of(column)


@op(
    floating=["q"],
    samples=[S(q=(3, 2)), S(q=(2, 2, 1))],
    ref=matrix_by_matrix(_beyond),
    cost=lambda q_shape: _cube(q_shape),
    stacks=last_axes("q"),
    branches=lambda y: leading(y),
)
def complement(q: Any) -> Any:
    """Orthonormal columns that are orthogonal to those of q.  q (..., M, K) of rank K -> (..., M, M-K)

    Any rotation of them would do as well; their derivative is the one without a rotation among themselves.
    """
    check_matrices("complement", "q", q, square=False)
    if q.shape[-2] < q.shape[-1]:
        raise ValueError(f"complement: q has shape {q.shape}: it cannot have more columns than rows.")
    y = np.linalg.qr(wide(q), mode="complete")[0][..., q.shape[-1] :]
    return (y * signs_of(y)).astype(q.dtype, copy=False)


complement.vjp(q=lambda g, q, y: -matmul(y, matmul(matmul(turned(g), q), inv(matmul(turned(q), q)))))
complement.formula(q="-(y @ (g.T @ q) @ inv(q.T @ q))")


# -- eigenvalues --------------------------------------------------------------------------------------------------


def _eigh_ref(a: np.ndarray) -> np.ndarray:
    """By the algorithm for matrices that are not symmetric."""
    w, v = np.linalg.eig((a + a.T) / 2)
    v = v[:, np.argsort(w)]
    return np.concatenate([np.sort(w)[None], v * signs_of(v)])


@op(
    name="eigh",
    floating=["a"],
    samples=_SQUARE,
    ref=matrix_by_matrix(_eigh_ref),
    cost=_cube,
    stacks=last_axes("a"),
    branches=lambda y: leading(y[..., 1:, :]),
)
def eigen_rows(a: Any) -> Any:
    """Eigenvalues of the symmetric part of a, ascending, above the columns of eigenvectors.

    a (..., N, N) -> (..., 1+N, N)
    """
    check_matrices("eigh", "a", a)
    wider = wide(a)
    fault, remedy = "has no eigenvalues that were found", "Look for NaN and infinity in it."
    w, v = each("eigh", "a", np.linalg.eigh, (wider + turned(wider)) / 2, fault=fault, remedy=remedy)
    return np.concatenate([w[..., None, :], v * signs_of(v)], axis=-2).astype(a.dtype, copy=False)


def _eigh_a(g: Any, y: Any) -> Any:
    w, v, gw, gv = y[..., 0, :], y[..., 1:, :], g[..., :1, :], g[..., 1:, :]
    gaps = w[..., None, :] - w[..., :, None]
    turns = matmul(turned(v), gv) * _one_over(gaps, above_rounding(gaps, w))
    found = matmul(matmul(v, turns + gw * _identity(w)), turned(v))
    return (found + turned(found)) / 2


eigen_rows.vjp(a=_eigh_a)
eigen_rows.formula(a="sym(V @ (V.T @ gV * F + diag(gw)) @ V.T)")


# -- singular values ----------------------------------------------------------------------------------------------


def _svd_ref(a: np.ndarray) -> np.ndarray:
    """By the eigenvalues of a.T @ a, or of a @ a.T."""
    if a.shape[0] < a.shape[1]:
        turned_rows = _svd_ref(a.T)
        n = a.shape[1]
        v, s, u = turned_rows[:n], turned_rows[n], turned_rows[n + 1 :]
    else:
        w, v = np.linalg.eig(a.T @ a)
        v = v[:, np.argsort(-w)]
        s = np.sqrt(-np.sort(-w))
        u = np.divide(a @ v, s, out=np.zeros(a.shape), where=s > 1e-9)
    return np.concatenate([u * signs_of(u), s[None], v * signs_of(u)])


def _svd_branches(a: Any, y: Any) -> tuple[Any, ...]:
    """Where the largest elements are, which decide on signs; where a singular value goes through 0, V turns round."""
    m = a.shape[-2]
    u, v = y[..., :m, :], y[..., m + 1 :, :]
    return leading(u), leading(v), signs_of(v)


@op(
    name="svd",
    floating=["a"],
    samples=[S(a=(3, 3)), S(a=(2, 3, 2)), S(a=(2, 4)), S(a=(1, 1))],
    ref=matrix_by_matrix(_svd_ref),
    cost=_cube,
    stacks=last_axes("a"),
    branches=_svd_branches,
)
def singular_rows(a: Any) -> Any:
    """The columns of U above the singular values, descending, above the columns of V: a = U @ diag(s) @ V.T.

    a (..., M, N) -> (..., M+1+N, min(M, N))
    """
    check_matrices("svd", "a", a, square=False)
    fault, remedy = "has no singular values that were found", "Look for NaN and infinity in it."
    u, s, vt = each(
        "svd", "a", lambda m: np.linalg.svd(m, full_matrices=False), wide(a), fault=fault, remedy=remedy
    )  # fmt: skip
    signs = signs_of(u)
    return np.concatenate([u * signs, s[..., None, :], turned(vt) * signs], axis=-2).astype(a.dtype, copy=False)


def _svd_a(g: Any, y: Any, a_shape: Any) -> Any:
    m, n = a_shape[-2:]
    u, s, v = y[..., :m, :], y[..., m, :], y[..., m + 1 :, :]
    gu, gs, gv = g[..., :m, :], g[..., m : m + 1, :], g[..., m + 1 :, :]
    row, column = s[..., None, :], s[..., :, None]
    inverse = _one_over((row - column) * (row + column), above_rounding(row - column, s))
    of_u, of_v = matmul(turned(u), gu), matmul(turned(v), gv)
    turns = (of_u - turned(of_u)) * inverse * row + column * ((of_v - turned(of_v)) * inverse)
    found = matmul(matmul(u, turns + gs * _identity(s)), turned(v))
    over = _one_over(row, above_rounding(row, s))
    if m > n:  # columns of U also turn towards what is orthogonal to all of them
        found = found + matmul((gu - matmul(u, of_u)) * over, turned(v))
    if n > m:
        found = found + matmul(u, turned((gv - matmul(v, of_v)) * over))
    return found


singular_rows.vjp(a=_svd_a)
singular_rows.formula(a="U @ (F * (skew(U.T @ gU) @ S + S @ skew(V.T @ gV)) + diag(gw)) @ V.T + beyond")


def _pinv_ref(a: np.ndarray, *, rtol: float) -> Any:
    return np.linalg.inv(a.T @ a) @ a.T if a.shape[0] >= a.shape[1] else a.T @ np.linalg.inv(a @ a.T)


@op(
    name="pinv",
    floating=["a"],
    samples=[S(a=(3, 3), rtol=1e-15), S(a=(2, 3, 2), rtol=1e-15), S(a=(2, 4), rtol=1e-15)],
    ref=matrix_by_matrix(_pinv_ref),
    cost=_cube,
    stacks=last_axes("a"),
)
def pseudo_inverse(a: Any, *, rtol: Number) -> Any:
    """The pseudo-inverse, singular values of at most rtol times the largest as 0.  a (..., M, N) -> (..., N, M)"""
    check_matrices("pinv", "a", a, square=False)
    rtol = number("pinv", "rtol", rtol, 0)
    fault, remedy = "has no singular values that were found", "Look for NaN and infinity in it."
    y = each("pinv", "a", lambda m: np.linalg.pinv(m, rtol), wide(a), fault=fault, remedy=remedy)
    return y.astype(a.dtype, copy=False)


def _pinv_a(g: Any, a: Any, y: Any) -> Any:
    """Golub and Pereyra's derivative (1973), of matrices whose rank stays as it is."""
    p, gt = turned(y), turned(g)
    left, right = matmul(gt, matmul(y, p)), matmul(matmul(p, y), gt)
    beside = left - matmul(a, matmul(y, left)) + right - matmul(matmul(right, y), a)
    return beside - matmul(p, matmul(g, p))


pseudo_inverse.vjp(a=_pinv_a)
pseudo_inverse.formula(a="(g.T - a @ y @ g.T) @ y @ y.T + y.T @ y @ (g.T - g.T @ y @ a) - y.T @ g @ y.T")


@op(
    name="matrix_rank",
    floating=["a"],
    selectors=["a"],
    samples=[S(a=(3, 2), rtol=1e-9), S(a=np.ones((2, 3, 3)), rtol=1e-9)],
    ref=lambda a, *, rtol: np.array([np.sum(np.linalg.eigvalsh(m @ m.T) > 1e-8) for m in a.reshape(-1, *a.shape[-2:])])
    .reshape(a.shape[:-2]),
    cost=_cube,
    stacks=last_axes("a"),
)  # fmt: skip
def rank_of(a: Any, *, rtol: Number) -> Any:
    """How many singular values are above rtol times the largest; no gradient.  a (..., M, N) -> (...) int"""
    check_matrices("matrix_rank", "a", a, square=False)
    s = np.linalg.svd(wide(a), compute_uv=False)
    return np.sum(s > rtol * np.max(s, axis=-1, keepdims=True, initial=0), axis=-1)
