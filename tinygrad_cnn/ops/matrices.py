"""Matrices as LAPACK takes them, in batches (..., M, N): checked, in a dtype that it knows, worded when it fails."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.batching import lengthened
from ._arguments import placed
from .shape import swapaxes


def turned(x: Any) -> Any:
    """The transpose of each matrix.  x (..., M, N) -> (..., N, M)"""
    return swapaxes(x, -1, -2)


def check_matrices(who: str, name: str, a: Any, *, square: bool = True) -> None:
    """Refuse what is not a matrix or a batch of them, and complex numbers."""
    if len(a.shape) < 2:
        raise ValueError(f"{placed(who)}: {name} has shape {a.shape}; it must be a matrix (M, N) or a batch of them.")
    if square and a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"{placed(who)}: {name} has shape {a.shape}; its matrices must be square, but they are "
            f"{a.shape[-2]} by {a.shape[-1]}. For others there are tg.linalg.lstsq, pinv, svd and qr."
        )
    if a.dtype.kind == "c":
        raise TypeError(f"{placed(who)}: {name} has dtype {a.dtype}, expected real numbers.")


def wide(*arrays: Any) -> Any:
    """The arrays in a dtype that LAPACK knows: float16 as float32."""
    found = [a.astype(np.float32) if a.dtype == np.float16 else a for a in arrays]
    return found[0] if len(found) == 1 else found


def each(who: str, name: str, fn: Callable[..., Any], a: Any, *others: Any, fault: str, remedy: str) -> Any:
    """``fn(a, *others)``; where LAPACK refuses, the error names the matrix of the batch that has the fault."""
    try:
        return fn(a, *others)
    except np.linalg.LinAlgError:
        place = next((p for p in np.ndindex(a.shape[:-2]) if _fails(fn, a[p], others)), ())
        which = f"{name}[{', '.join(map(str, place))}]" if place else name
        raise ValueError(f"{placed(who)}: {name} has shape {a.shape}, and {which} {fault}. {remedy}") from None


def _fails(fn: Callable[..., Any], matrix: Any, others: tuple[Any, ...]) -> bool:
    """Whether one matrix is refused, with the identity in the place of right-hand sides."""
    try:
        fn(matrix, *[np.eye(len(matrix), dtype=matrix.dtype) for _ in others])
    except np.linalg.LinAlgError:
        return True
    return False


def signs_of(v: Any) -> Any:
    """1 or -1 for each column of v, so that its element of largest size becomes positive.  v (..., N, K) -> (..., 1, K)

    LAPACK leaves the signs open, and so they differ between its versions.
    """
    if not v.shape[-2]:
        return np.ones((*v.shape[:-2], 1, v.shape[-1]), v.dtype)
    largest = np.take_along_axis(v, leading(v), -2)
    return np.where(largest < 0, -1, 1).astype(v.dtype)


def leading(v: Any) -> Any:
    """Where the element of largest size of each column is, the first of equals.  v (..., N, K) -> (..., 1, K)"""
    return np.argmax(np.abs(v), axis=-2, keepdims=True)


def by_matrix(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """How an op on batches of matrices that broadcast treats stacks: as one more axis of the batch."""
    rank = max([x.ndim - s for x, s in zip(inputs, stacked, strict=True)])
    return op(*[lengthened(x, rank) if s else x for x, s in zip(inputs, stacked, strict=True)], **params)


def matrix_by_matrix(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A reference of batches by one of a single matrix (and others of the same batch)."""

    def ref(*arrays: Any, **params: Any) -> Any:
        lead = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
        full = [np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in arrays]
        found = [fn(*[a[p] for a in full], **params) for p in np.ndindex(lead)]
        return np.reshape(found, (*lead, *np.shape(found[0])))

    return ref


def by_permutations(a: np.ndarray) -> float:
    """The determinant as its definition has it: a sum over all permutations."""
    n = len(a)
    terms = []
    for p in itertools.permutations(range(n)):
        swaps = sum([p[i] > p[j] for i in range(n) for j in range(i + 1, n)])
        terms.append((-1) ** swaps * math.prod(float(a[i, p[i]]) for i in range(n)))
    return math.fsum(terms)


def by_minors(a: np.ndarray) -> np.ndarray:
    """The cofactors as their definition has them: determinants without one row and one column."""
    n = len(a)
    found = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        found[i, j] = (-1) ** (i + j) * by_permutations(np.delete(np.delete(a, i, 0), j, 1))
    return found
