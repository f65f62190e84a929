"""Diagonals and triangles of matrices.  Every op here is linear, and its rule is another op of this family."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import by_parameters, last_axes, later
from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..core import Op, op
from ._arguments import Input, shape_of
from .reduce import sum

__all__ = ["diag", "diagonal", "place_diagonal", "trace", "tril", "triu"]


def _free() -> int:
    """No arithmetic."""
    return 0


def _diagonal_ref(x: np.ndarray, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements whose column is their row plus the offset."""
    x = np.moveaxis(x, (axis1, axis2), (-2, -1))
    rows = [i for i in range(x.shape[-2]) if 0 <= i + offset < x.shape[-1]]
    return x[..., np.array(rows, int), np.array(rows, int) + offset]


@op(
    linear=["x"],
    params=["offset", "axis1", "axis2"],
    samples=[S(x=(3, 3)), S(x=(2, 3), offset=1), S(x=(3, 2, 4), offset=-1, axis1=0, axis2=-1)],
    ref=_diagonal_ref,
    cost=_free,
    numpy=[np.diagonal],
    stacks=by_parameters(lambda s, offset, axis1, axis2: {"axis1": later(axis1), "axis2": later(axis2)}),
)
def diagonal(x: Any, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Any:
    """The diagonal of the matrices that two axes form, `offset` places to the right; as the last axis of the result.

    x (..., N, M) -> (..., K)

    >>> tg.diagonal(np.arange(6).reshape(2, 3)), tg.diagonal(np.arange(6).reshape(2, 3), 1)
    (array([0, 4]), array([1, 5]))
    """
    return np.ascontiguousarray(np.diagonal(x, offset, axis1, axis2))


def _place_ref(x: np.ndarray, *, shape: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    places = _diagonal_ref(np.arange(math.prod(shape)).reshape(shape), offset, axis1, axis2)
    out = np.zeros(math.prod(shape))
    for p, v in zip(places.ravel(), x.ravel(), strict=True):
        out[p] = v
    return out.reshape(shape)


def _place_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x,) = inputs
    axes = {name: later(params[name]) for name in ("axis1", "axis2")}
    return op(x, **{**params, **axes, "shape": (len(x), *params["shape"])})


@op(
    linear=["x"],
    samples=[S(x=(3,), shape=(3, 3)), S(x=(2,), shape=(2, 3), offset=1),
             S(x=(2, 2), shape=(3, 2, 4), offset=-1, axis1=0, axis2=-1)],
    ref=_place_ref,
    cost=_free,
    stacks=_place_stack,
)  # fmt: skip
def place_diagonal(x: Any, *, shape: tuple[int, ...], offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Any:
    """Zeros of a shape with x on the diagonal of two axes; the adjoint of diagonal.  x (..., K) -> shape

    >>> tg.place_diagonal(np.array([1.0, 2.0]), shape=(2, 3), offset=1)
    array([[0., 1., 0.],
           [0., 0., 2.]])
    """
    out = np.zeros_like(x, shape=shape)
    line = np.diagonal(out, offset, axis1, axis2)
    if line.shape != x.shape:
        raise ValueError(
            f"place_diagonal: x has shape {x.shape}, but the diagonal {offset} of axes {axis1} and {axis2} of "
            f"{tuple(shape)} has {line.shape}."
        )
    line.flags.writeable = True  # a view of an array of our own, which NumPy locks
    line[...] = x
    return out


diagonal.vjp(
    x=lambda g, x_shape, offset, axis1, axis2: place_diagonal(g, shape=x_shape, offset=offset, axis1=axis1, axis2=axis2)
)
diagonal.formula(x="place_diagonal(g)")
place_diagonal.vjp(x=lambda g, offset, axis1, axis2: diagonal(g, offset, axis1, axis2))
place_diagonal.formula(y="place_diagonal(x)", x="diagonal(g)")


@named
def diag(x: Input, k: Whole = 0) -> Any:
    """Of a matrix its diagonal, of a row (N,) the matrix that has it on the diagonal, `k` places to the right.

    >>> tg.diag(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    >>> tg.diag(np.array([[1.0, 2.0], [3.0, 4.0]]), -1)
    array([3.])
    """
    k, shape = whole("diag", "k", k, None), shape_of("diag", x)
    if len(shape) == 2:
        return diagonal(x, k)
    if len(shape) != 1:
        raise ValueError(f"diag: x has shape {shape}; it must be a row (N,) or a matrix (N, M).")
    n = shape[0] + abs(k)
    return place_diagonal(x, shape=(n, n), offset=k)


@named
def trace(x: Input, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Any:
    """The sum of the diagonal of the matrices that two axes form, `offset` places to the right.

    >>> x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> tg.trace(x).item(), tg.grad(tg.trace(x), x)
    (5.0, array([[1., 0.],
           [0., 1.]], dtype=float32))
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


def _triangle(kept: Callable[[int, int, int], bool], means: Any) -> Callable[..., Op]:
    """A decorator: an op that keeps elements where ``kept(row, column, k)`` holds; `means` is the NumPy function."""

    def ref(x: np.ndarray, k: int = 0) -> np.ndarray:
        out: np.ndarray = x.copy()
        for p in np.ndindex(*x.shape):
            out[p] = x[p] if kept(p[-2], p[-1], k) else 0
        return out

    made: Callable[..., Op] = op(
        linear=["x"], params=["k"], samples=[S(x=(3, 3)), S(x=(2, 3, 4), k=1), S(x=(4, 2), k=-1)], ref=ref, cost=_free,
        numpy=[means], stacks=last_axes("x"),
    )  # fmt: skip
    return made


def _check_matrix(who: str, x: Any) -> None:
    if x.ndim < 2:
        raise ValueError(f"{who}: x has shape {x.shape}; it must have at least two axes, as of a matrix (N, M).")


@_triangle(lambda i, j, k: j <= i + k, np.tril)
def tril(x: Any, k: Whole = 0) -> Any:
    """The lower triangle of the last two axes, zeros above diagonal number k.  x (..., N, M) -> (..., N, M)

    >>> tg.tril(np.ones((2, 3)))
    array([[1., 0., 0.],
           [1., 1., 0.]])
    """
    _check_matrix("tril", x)
    return np.tril(x, k)  # type: ignore[arg-type]  # NumPy's own integers


@_triangle(lambda i, j, k: j >= i + k, np.triu)
def triu(x: Any, k: Whole = 0) -> Any:
    """The upper triangle of the last two axes, zeros below diagonal number k.  x (..., N, M) -> (..., N, M)

    >>> tg.triu(np.ones((2, 3)), 1)
    array([[0., 1., 1.],
           [0., 0., 1.]])
    """
    _check_matrix("triu", x)
    return np.triu(x, k)  # type: ignore[arg-type]  # NumPy's own integers


tril.vjp(x=lambda g, k: tril(g, k))
triu.vjp(x=lambda g, k: triu(g, k))
