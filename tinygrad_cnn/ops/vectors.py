"""Products of vectors, and of matrices block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import lengthened
from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..core import op
from ._arguments import Input, shape_of
from .algebra import sum_to
from .arithmetic import mul
from .products import matmul, tensordot
from .shape import moveaxis, reshape

__all__ = ["cross", "dot", "kron"]


def _cross_ref(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    (a1, a2, a3), (b1, b2, b3) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)
    return np.stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], axis=-1)


def _cross_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    rank = max(x.ndim - s for x, s in zip(inputs, stacked, strict=True))
    return op(*[lengthened(x, rank) if s else x for x, s in zip(inputs, stacked, strict=True)])


@op(
    name="cross",
    linear=["a", "b"],
    samples=[S(a=(2, 3), b=(2, 3)), S(a=(2, 1, 3), b=(4, 3)), S(a=(3,), b=(3,))],
    ref=_cross_ref,
    cost=lambda y_shape: 3 * int(np.prod(y_shape)),
    stacks=_cross_stack,
)
def _cross(a: Any, b: Any) -> Any:
    """The vectors at right angles to those along the last axes of a and b.  a (..., 3) · b (..., 3) -> (..., 3)"""
    if a.shape[-1:] != (3,) or b.shape[-1:] != (3,):
        raise ValueError(f"cross: a {a.shape} and b {b.shape} must hold vectors of 3 elements along the axis.")
    after, last = np.array([1, 2, 0]), np.array([2, 0, 1])
    return a[..., after] * b[..., last] - a[..., last] * b[..., after]


_cross.vjp(
    a=lambda g, b, a_shape: sum_to(_cross(b, g), shape=a_shape),
    b=lambda g, a, b_shape: sum_to(_cross(g, a), shape=b_shape),
)
_cross.formula(y="cross(a, b)", a="sum_to(cross(b, g))", b="sum_to(cross(g, a))")


@named
def cross(a: Input, b: Input, axis: Whole = -1) -> Any:
    """The vector products of the vectors of 3 elements along an axis; the other axes broadcast.

    >>> tg.cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    if axis in (-1, len(shape_of("cross", a)) - 1) and axis in (-1, len(shape_of("cross", b)) - 1):
        return _cross(a, b)
    return moveaxis(_cross(moveaxis(a, axis, -1), moveaxis(b, axis, -1)), -1, axis)


@named
def dot(a: Input, b: Input) -> Any:
    """Sums of products over the last axis of a and the last but one of b, as ``np.dot`` has them; also as ``t.dot(b)``.

    Of rows (N,) it is their inner product, of matrices their product; with a number, each element is multiplied.

    >>> float(tg.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    ranks = len(shape_of("dot", a)), len(shape_of("dot", b))
    if 0 in ranks:
        return mul(a, b)
    return matmul(a, b) if ranks[1] <= 2 else tensordot(a, b, ((ranks[0] - 1,), (ranks[1] - 2,)))


@named
def kron(a: Input, b: Input) -> Any:
    """The product of Kronecker: a with each element replaced by its product with b.

    >>> tg.kron(np.array([1.0, 10.0]), np.array([[1.0, 2.0]]))
    array([[ 1.,  2., 10., 20.]])
    """
    p, q = shape_of("kron", a), shape_of("kron", b)
    rank = max(len(p), len(q))
    p, q = ((1,) * (rank - len(s)) + s for s in (p, q))
    blocks = reshape(a, tuple(m for n in p for m in (n, 1))) * reshape(b, tuple(m for n in q for m in (1, n)))
    return reshape(blocks, tuple(n * m for n, m in zip(p, q, strict=True)))
