"""Order: sorting, the places of elements in order, the largest few, and where a number would stand.

Which element goes where is the result of an op without gradient, such as `argsort`, and a whole-number input of
`take_along_axis`, so that a graph shows the choice and a replay makes it anew.  Equal elements stay in the order in
which they stand; NaN counts as larger than every number, as in NumPy.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.calls import named
from ..autodiff.kinds import Side, Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import apart, integers, these
from ..core import op
from ._arguments import Input, shape_of
from ._axes import along_axis, axes_of
from .along_axis import add_along_axis, take_along_axis, take_along_ref

__all__ = ["argrank", "argsort", "argtopk", "searchsorted", "sort", "topk"]

_ORDERED = [
    S(x=apart(3, 4)), S(x=apart(3, 4), axis=0), S(x=apart(2, 3), axis=None), S(x=apart(2, 4), descending=True),
    S(x=integers(3, 7)), S(x=integers(3, 2, 6), axis=1, descending=True),
]  # fmt: skip


def _argsort(x: Any, axis: Any, descending: bool) -> Any:
    """Equal elements stay in order, whichever comes first."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


def _argsort_ref(x: np.ndarray, axis: int | None = -1, *, descending: bool = False) -> np.ndarray:
    def order(row: np.ndarray) -> np.ndarray:
        return np.array(sorted(range(len(row)), key=lambda k: -row[k] if descending else row[k]))

    return np.apply_along_axis(order, 0 if axis is None else axis, x.ravel() if axis is None else x)


@op(params=["axis"], samples=_ORDERED, ref=_argsort_ref, stacks=along_axis)
def argsort(x: Any, axis: Whole | None = -1, *, descending: bool = False) -> Any:
    """The places of the elements in order along an axis, of the flattened array if None; no gradient.

    Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...) int64

    >>> tg.argsort(np.array([3.0, 1.0, 2.0, 1.0])), tg.argsort(np.array([3.0, 1.0, 2.0, 1.0]), descending=True)
    (array([1, 3, 2, 0]), array([0, 2, 1, 3]))
    """
    return _argsort(x.reshape(-1) if axis is None else x, 0 if axis is None else axis, descending)


@op(
    linear=["x"],
    params=["axis"],
    aux=["order"],
    samples=_ORDERED,
    ref=lambda x, axis=-1, *, descending=False: take_along_ref(x, _argsort_ref(x, axis, descending=descending), axis),
    stacks=along_axis,
)
def sort(x: Any, axis: Whole | None = -1, *, descending: bool = False) -> Any:
    """The elements in order along an axis, of the flattened array if None; a new array, also as ``t.sort()``.

    Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...)

    >>> x = tg.Tensor([3.0, 1.0, 2.0], requires_grad=True)
    >>> tg.sort(x).data, tg.grad(tg.sort(x)[0], x)  # the smallest
    (array([1., 2., 3.], dtype=float32), array([0., 1., 0.], dtype=float32))
    """
    rows, along = (x.reshape(-1), 0) if axis is None else (x, index(axis))
    order = _argsort(rows, along, descending)
    return np.take_along_axis(rows, order, along), order


sort.vjp(x=lambda g, order, x_shape, axis: add_along_axis(g, order, axis=axis, shape=x_shape))
sort.formula(x="add_along_axis(g, order)")


def _argtopk_ref(x: np.ndarray, *, k: int, axis: int, largest: bool) -> np.ndarray:
    return np.take(_argsort_ref(x, axis, descending=largest), range(k), axis)


@op(
    samples=[S(x=apart(7), k=3, axis=0, largest=True), S(x=integers(3, 2, 8), k=5, axis=-1, largest=True),
             S(x=integers(3, 8, 2), k=3, axis=0, largest=False), S(x=apart(2, 3), k=3, axis=1, largest=False)],
    ref=_argtopk_ref,
)  # fmt: skip
def argtopk(x: Any, *, k: Whole, axis: Whole = -1, largest: bool = True) -> Any:
    """The places of the k largest (or smallest) elements along an axis, the most extreme first; no gradient.

    Of equal elements the first are taken.  x (..., N, ...) -> (..., k, ...) int64
    """
    rows = np.moveaxis(x, axis, -1)
    n = rows.shape[-1]
    k = whole("argtopk", "k", k, 0, n, remedy=f"x has shape {x.shape}, and axis={axis}.")
    if k in (0, n) or (rows.dtype.kind == "f" and np.isnan(rows).any()):
        return np.moveaxis(_argsort(rows, -1, largest)[..., :k], -1, axis)
    at = n - k if largest else k - 1
    last = np.partition(rows, at, -1)[..., at : at + 1]  # the least extreme of those that are taken
    beyond, level = (rows > last if largest else rows < last), rows == last
    beyond |= level & (np.cumsum(level, axis=-1) <= k - beyond.sum(axis=-1, keepdims=True))
    places = np.nonzero(beyond)[-1].reshape(*rows.shape[:-1], k)
    order = _argsort(np.take_along_axis(rows, places, -1), -1, largest)
    return np.moveaxis(np.take_along_axis(places, order, -1), -1, axis)


@named
def topk(x: Input, k: Whole, axis: Whole = -1, *, largest: bool = True) -> tuple[Any, Any]:
    """The k largest (or smallest) elements along an axis, the most extreme first, and their places.

    Of equal elements the first are taken, and get the gradient; NaN is the largest.

    >>> x = tg.Tensor([1.0, 7.0, 5.0, 7.0], requires_grad=True)
    >>> values, places = tg.topk(x, 2)
    >>> values.data, places.tolist(), tg.grad(values[0], x)
    (array([7., 7.], dtype=float32), [1, 3], array([0., 1., 0., 0.], dtype=float32))
    """
    shape = shape_of("topk", x)
    (along,) = axes_of("topk", whole("topk", "axis", axis, None), len(shape)) or (None,)
    if along is None:
        raise ValueError("topk: x has shape (); it needs an axis to choose along.")
    k = whole("topk", "k", k, 0, shape[along], remedy=f"x has shape {shape}, and axis={axis}.")
    places = argtopk(x, k=k, axis=axis, largest=largest)
    return take_along_axis(x, places, axis), places


# -- ranks --------------------------------------------------------------------------------------------------------

FEW = 8  # ranks at once that are looked for one by one, without sorting the rest


def _argrank_ref(x: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    return take_along_ref(_argsort_ref(x, 0), np.broadcast_to(ranks, (len(ranks), *x.shape[1:])), 0)


@op(
    samples=[S(x=apart(7), ranks=np.array([3, 0])), S(x=integers(4, 9, 3), ranks=np.array([[4], [5], [8]])),
             S(x=apart(4, 2), ranks=np.array([[0, 3], [2, 1]]))],
    ref=_argrank_ref,
)  # fmt: skip
def argrank(x: Any, ranks: Any) -> Any:
    """The places along the first axis of the elements of some ranks, 0 for the smallest; no gradient.

    It is ``argsort(x, 0)`` at the ranks, without sorting all if they are few.

    x (N, ...) · ranks (K, ...) int -> (K, ...) int64

    >>> tg.argrank(np.array([5.0, 1.0, 5.0, 3.0]), np.array([1, 2]))  # 3 and the first 5
    array([3, 0])
    """
    equal = ranks.size == len(ranks)  # the same ones for all columns
    if not equal or ranks.size > FEW or (x.dtype.kind == "f" and np.isnan(x).any()):
        return np.take_along_axis(np.argsort(x, 0, kind="stable"), ranks, 0)
    parted = np.partition(x, np.unique(ranks), 0)
    return np.stack([_first_of_rank(x, parted[rank], rank) for rank in ranks.ravel()])


def _first_of_rank(x: Any, value: Any, rank: int) -> Any:
    """Where the element of a rank stands, whose value is known: the first such, unless several ranks share it."""
    level = x == value
    number = rank - (x < value).sum(axis=0)  # of the equals
    return np.argmax(level if not np.any(number) else np.cumsum(level, axis=0) == number + 1, axis=0)


@op(
    params=["side"],
    samples=[S(x=these(0, 0.5, 0.5, 2), v=(2, 3)), S(x=np.array([0, 1, 1, 2]), v=integers(4, 5), side="right")],
    ref=lambda x, v, side="left": np.vectorize(lambda e: int(np.sum(x < e if side == "left" else x <= e)))(v),
)  # fmt: skip
def searchsorted(x: Any, v: Any, side: Side = "left") -> Any:
    """Where each element of v would be put into the sorted row x, before its equals or after ("right"); no gradient.

    x (N,) · v (...) -> (...) int64

    >>> tg.searchsorted(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 9.0])), tg.searchsorted([1, 2, 2, 3], 2, "right")
    (array([1, 4]), array(3))
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side={side!r} must be 'left' or 'right'.")
    return np.asarray(np.searchsorted(x, v, side))
