"""Linear algebra as `numpy.linalg` spells it: ``tg.linalg``.

Every function takes a matrix or a batch of them, (..., M, N), and has derivatives of every order but where it says
otherwise.  docs/conventions.md has what holds for singular matrices and for equal eigenvalues.
"""

from __future__ import annotations

from functools import reduce as fold
from typing import Any, NamedTuple

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.modes import current
from ..core.tensor import Tensor, as_array
from ._arguments import Input, values
from .algebra import floats
from .arithmetic import where
from .decompositions import complement, eigen_rows, lower_factor, pseudo_inverse, rank_of, singular_rows, tall_qr
from .matrices import check_matrices, turned
from .norms import cond, matrix_norm, norm, vector_norm
from .products import matmul
from .reduce import sum
from .shape import concatenate, expand_dims, moveaxis, reshape
from .systems import det, det_sign, inv, logabsdet, solve_matrices

__all__ = [
    "EighResult", "LstsqResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "det", "eigh",
    "eigvalsh", "inv", "lstsq", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals", "tensorinv", "tensorsolve", "vector_norm",
]  # fmt: skip


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Any
    logabsdet: Any


class EighResult(NamedTuple):
    """Eigenvalues (..., N), ascending, and eigenvectors (..., N, N), one in each column."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """U (..., M, K), singular values (..., K), descending, and V transposed (..., K, N)."""

    U: Any
    S: Any
    Vh: Any


class QRResult(NamedTuple):
    """Q (..., M, K) with orthonormal columns, and R (..., K, N), 0 below its diagonal."""

    Q: Any
    R: Any


class LstsqResult(NamedTuple):
    """A solution of least squares, the sums of its squared residuals, and the rank and singular values of a."""

    x: Any
    residuals: Any
    rank: Any
    singular_values: Any


def _matrix(who: str, name: str, a: Any, *, square: bool = False) -> Any:
    """An argument as matrices of floats, a Tensor with its graph."""
    (a,) = floats(who, a)
    check_matrices(who, name, a, square=square)
    return a


def _tolerance(who: str, name: str, value: Any, a: Any) -> float:
    """Below which share of the largest singular value another counts as 0; by default as far as rounding reaches."""
    if value is None:
        return float(max(*a.shape[-2:], 1) * np.finfo(a.dtype).eps)
    return number(who, name, value, 0)


@named
def solve(a: Input, b: Input) -> Any:
    """x with a @ x = b.  a (..., N, N) · b (N,) or (..., N, K) -> (..., N) or (..., N, K)

    Raises ValueError if a matrix is singular, and says which of the batch.

    >>> tg.linalg.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([1.0, 1.0]))
    array([0.5 , 0.25])
    """
    a, b = floats("solve", a, b)
    if len(b.shape) != 1:
        return solve_matrices(a, b)
    return solve_matrices(a, expand_dims(b, -1))[..., 0]


@named
def slogdet(a: Input) -> SlogdetResult:
    """The sign of the determinant and log ``|det|``, where det itself would overflow.  a (..., N, N) -> (...), (...)

    Of a singular matrix they are 0 and minus infinity, which has no gradient: the inverse in it raises ValueError.

    >>> sign, size = tg.linalg.slogdet(-1e-200 * np.eye(3))
    >>> float(sign), round(float(size), 3)
    (-1.0, -1381.551)
    """
    a = _matrix("slogdet", "a", a, square=True)
    return SlogdetResult(det_sign(a), logabsdet(a))


@named
def cholesky(a: Input, *, upper: bool = False) -> Any:
    """L, 0 above its diagonal, with L @ L.T = a; its transpose if `upper`.  a (..., N, N) -> (..., N, N)

    What counts is the symmetric part, (a + a.T) / 2, and so the gradient is symmetric.
    Raises ValueError if a matrix is not positive definite, and says which of the batch.

    >>> tg.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[2., 0.],
           [1., 2.]])
    """
    y = lower_factor(a)
    return turned(y) if upper else y


@named
def eigh(a: Input, UPLO: Any = None) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors of symmetric matrices.  a (..., N, N) -> (..., N), (..., N, N)

    What counts is the symmetric part, (a + a.T) / 2; with `UPLO`, "L" or "U", one triangle, as in NumPy.  The element
    of largest size of each eigenvector is positive.  What gradients are at equal eigenvalues: see docs/conventions.md.

    >>> w, v = tg.linalg.eigh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> w.round(6), v.round(3)
    (array([1., 3.]), array([[ 0.707,  0.707],
           [-0.707,  0.707]]))
    """
    if UPLO is not None:
        a = _from_triangle(_matrix("eigh", "a", a, square=True), UPLO)
    y = eigen_rows(a)
    return EighResult(y[..., 0, :], y[..., 1:, :])


def _from_triangle(a: Any, uplo: Any) -> Any:
    if uplo not in ("L", "U", "l", "u"):
        raise ValueError(f'eigh: UPLO={uplo!r} must be "L", "U" or None, for the symmetric part.')
    ones = np.ones(a.shape[-2:], bool)
    low = a if uplo in "Ll" else turned(a)
    return where(np.tril(ones), low, turned(low))


@named
def eigvalsh(a: Input, UPLO: Any = None) -> Any:
    """Eigenvalues of symmetric matrices, ascending, as in `eigh`.  a (..., N, N) -> (..., N)

    >>> tg.linalg.eigvalsh(np.array([[2.0, 1.0], [1.0, 2.0]])).round(6)
    array([1., 3.])
    """
    return eigh(a, UPLO).eigenvalues


@named
def svd(a: Input, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U, s and V^T with a = U @ diag(s) @ V^T.  a (..., M, N) -> (..., M, M), (..., K), (..., N, N), K = min(M, N)

    With ``full_matrices=False`` U and V^T have only K columns and rows; ``compute_uv=False`` gives s alone.
    The element of largest size of each column of U is positive.  ``hermitian=True`` changes nothing here.

    >>> u, s, vt = tg.linalg.svd(np.array([[3.0, 0.0], [0.0, -4.0]]))
    >>> s, vt + 0.0
    (array([4., 3.]), array([[ 0., -1.],
           [ 1.,  0.]]))
    """
    a = _matrix("svd", "a", a)
    y, m = singular_rows(a), a.shape[-2]
    u, s, v = y[..., :m, :], y[..., m, :], y[..., m + 1 :, :]
    if not compute_uv:
        return s
    if full_matrices:
        u, v = (x if x.shape[-1] == x.shape[-2] else concatenate([x, complement(x)], axis=-1) for x in (u, v))
    return SVDResult(u, s, turned(v))


@named
def svdvals(x: Input) -> Any:
    """The singular values, descending.  x (..., M, N) -> (..., min(M, N))

    >>> tg.linalg.svdvals(np.array([[3.0, 0.0], [0.0, -4.0]]))
    array([4., 3.])
    """
    return svd(x, compute_uv=False)


@named
def qr(a: Input, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and R, 0 below its diagonal, with a = Q @ R.

    a (..., M, N) -> (..., M, K), (..., K, N) with K = min(M, N), M for ``mode="complete"``; ``mode="r"`` gives R alone.
    The first K columns of a must be independent, or the gradient raises ValueError.

    >>> q, r = tg.linalg.qr(np.array([[0.0, 2.0], [3.0, 1.0]]))
    >>> (q @ r).round(6) + 0.0
    array([[0., 2.],
           [3., 1.]])
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'qr: mode={mode!r} must be "reduced", "complete" or "r".')
    a = _matrix("qr", "a", a)
    m, n = a.shape[-2:]
    y = tall_qr(a[..., :, :m] if n > m else a)
    q, r = y[..., :m, :], y[..., m:, :]
    if n > m:
        r = concatenate([r, matmul(turned(q), a[..., :, m:])], axis=-1)
    if mode == "complete" and m > n:
        q = concatenate([q, complement(q)], axis=-1)
        r = concatenate([r, np.zeros((*r.shape[:-2], m - n, n), r.dtype)], axis=-2)
    return r if mode == "r" else QRResult(q, r)


@named
def pinv(a: Input, rcond: Number | None = None, hermitian: bool = False, *, rtol: Number | None = None) -> Any:
    """The pseudo-inverse of Moore and Penrose.  a (..., M, N) -> (..., N, M)

    Singular values of at most `rtol` (or `rcond`) times the largest count as 0; by default that is max(M, N) times the
    machine epsilon.  Its gradient is that of matrices whose rank stays as it is.

    >>> tg.linalg.pinv(np.array([[2.0, 0.0], [0.0, 0.0]]))
    array([[0.5, 0. ],
           [0. , 0. ]])
    """
    a = _matrix("pinv", "a", a)
    name, given = ("rcond", rcond) if rtol is None else ("rtol", rtol)
    return pseudo_inverse(a, rtol=_tolerance("pinv", name, given, a))


@named
def matrix_rank(a: Input, tol: Number | None = None, hermitian: bool = False, *, rtol: Number | None = None) -> Any:
    """How many singular values are above `rtol` times the largest; no gradient.  a (..., M, N) -> (...) int

    `tol` is the bound itself; by default `rtol` is max(M, N) times the machine epsilon.

    >>> int(tg.linalg.matrix_rank(np.ones((3, 3))))
    1
    """
    a = _matrix("matrix_rank", "a", a)
    if tol is not None:
        above = values(svdvals(a)) > number("matrix_rank", "tol", tol, 0)
        return above.sum(axis=-1)
    return rank_of(a, rtol=_tolerance("matrix_rank", "rtol", rtol, a))


@named
def lstsq(a: Input, b: Input, rcond: Number | None = None) -> LstsqResult:
    """The x of least ``|a @ x - b|``, and of these the smallest.  a (..., M, N) · b (M,) or (..., M, K) -> (..., N, K)

    Returns x, the sums of squared residuals (of shape (0,) unless M > N = rank), the rank and the singular values.
    Singular values of at most `rcond` times the largest count as 0; by default max(M, N) times the machine epsilon.

    Raises
    ------
    ValueError : a requires a gradient and lacks full rank: x then jumps at a, and has no derivative.

    Examples
    --------
    >>> x, residuals, rank, _ = tg.linalg.lstsq(np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 2.0, 6.0]))
    >>> x.round(6), residuals.round(6), int(rank)  # the mean
    (array([3.]), array([14.]), 1)
    """
    a, b = floats("lstsq", _matrix("lstsq", "a", a), b)
    flat = len(b.shape) == 1
    columns = expand_dims(b, -1) if flat else b
    if columns.shape[-2:-1] != a.shape[-2:-1]:
        raise ValueError(
            f"lstsq: a {a.shape} has {a.shape[-2]} rows, but the right-hand sides b {b.shape} have another number. "
            "Give b one row for each row of a."
        )
    rtol = _tolerance("lstsq", "rcond", rcond, a)
    rank = values(rank_of(a, rtol=rtol))
    full = rank == min(a.shape[-2:])
    if isinstance(a, Tensor) and a.requires_grad and current().recording and not np.all(full):
        place = np.argwhere(~full)[0]
        which = f"a[{', '.join(map(str, place))}]" if len(place) else "a"
        raise ValueError(
            f"lstsq: a has shape {a.shape}, and {which} has rank {rank[tuple(place)]}, less than {min(a.shape[-2:])}: "
            "the solution has no derivative in a. Give a.detach(), or add rows 1e-3 * np.eye(n) to a and zeros to b."
        )
    x = matmul(pseudo_inverse(a, rtol=rtol), columns)
    if a.shape[-2] > a.shape[-1] and np.all(full):
        residuals = sum((matmul(a, x) - columns) ** 2, axis=-2)
    else:
        residuals = np.zeros(0, x.dtype)
    return LstsqResult(x[..., 0] if flat else x, residuals, int(rank) if not rank.ndim else rank, svdvals(a))


@named
def matrix_power(a: Input, n: Whole) -> Any:
    """a multiplied with itself n times, the inverse if n is negative.  a (..., N, N) -> (..., N, N)

    >>> tg.linalg.matrix_power(np.array([[1, 1], [0, 1]]), 5)  # whole numbers stay whole
    array([[1, 5],
           [0, 1]])
    """
    n = whole("matrix_power", "n", n, None)
    a = a if isinstance(a, Tensor) else as_array(a, "matrix_power")
    check_matrices("matrix_power", "a", a)
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        return a * 0 + np.eye(a.shape[-1], dtype=a.dtype)
    half = matrix_power(a, n // 2) if n > 1 else None
    return a if half is None else matmul(matmul(half, half), a) if n % 2 else matmul(half, half)


@named
def multi_dot(arrays: Any) -> Any:
    """The product of several matrices, from left to right; the first and the last may be vectors.

    >>> tg.linalg.multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones(4)])
    array([12., 12.])
    """
    if len(arrays) < 2:
        raise ValueError(f"multi_dot: {len(arrays)} arrays were given; it takes at least two.")
    return fold(matmul, arrays)


@named
def tensorsolve(a: Input, b: Input, axes: Any = None) -> Any:
    """x with tensordot(a, x, x.ndim) = b.  a (b.shape + x.shape) · b (...) -> x (...), a.size = b.size**2

    Axes of a that are named in `axes` are moved to its end first.

    >>> tg.linalg.tensorsolve(2 * np.eye(6).reshape(2, 3, 6), np.ones((2, 3)))
    array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    """
    a, b = floats("tensorsolve", a, b)
    if axes is not None:
        a = moveaxis(a, tuple(axes), tuple(range(len(a.shape) - len(axes), len(a.shape))))
    rest, n = a.shape[len(b.shape) :], int(np.prod(b.shape))
    if a.shape[: len(b.shape)] != b.shape or int(np.prod(rest)) != n:
        raise ValueError(
            f"tensorsolve: a {a.shape} must have the axes of b {b.shape} first, and then axes that multiply to {n} too."
        )
    return reshape(solve_matrices(reshape(a, (n, n)), reshape(b, (n, 1))), rest)


@named
def tensorinv(a: Input, ind: Whole = 2) -> Any:
    """The inverse for tensordot(inverse, b, ind).  a (...) -> its axes from `ind` on, then its first `ind` axes

    >>> tg.linalg.tensorinv(2 * np.eye(6).reshape(6, 2, 3), 1).shape
    (2, 3, 6)
    """
    ind = whole("tensorinv", "ind", ind, 1)
    (a,) = floats("tensorinv", a)
    first, last = a.shape[:ind], a.shape[ind:]
    if np.prod(first) != np.prod(last):
        raise ValueError(f"tensorinv: the first {ind} axes of a {a.shape} must multiply to the same as the others.")
    return reshape(inv(reshape(a, (int(np.prod(first)), -1))), (*last, *first))
