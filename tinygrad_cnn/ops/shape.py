"""Shape: the same numbers elsewhere.  Every op here is linear, so its rule is another op of this family."""

from __future__ import annotations

import itertools
import math
from itertools import accumulate
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import all_stacked, by_parameters, later
from ..autodiff.calls import named
from ..autodiff.kinds import Axis, Counts, Shape, Whole, Wholes
from ..autodiff.numbers import is_whole, whole, wholes
from ..core import op
from ._arguments import Input, shape_of
from ._axes import along_axis, axes_of
from .indexing import INDEX, along, getitem, put

__all__ = [
    "concatenate", "expand_dims", "flatten", "flip", "moveaxis", "repeat", "reshape", "roll", "split", "squeeze",
    "stack", "swapaxes", "transpose",
]  # fmt: skip

LARGEST = np.iinfo(np.intp).max // 16  # elements that an array can have


def free() -> int:
    """No arithmetic."""
    return 0


def _by_place(place: Any) -> Any:
    """A reference that asks, for each element of the result, where in x it came from."""

    def ref(x: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        shape, source = place(x.shape, *args, **params)
        out = np.empty(shape, x.dtype)
        for p in itertools.product(*map(range, shape)):
            out[p] = x[source(p)]
        return out

    return ref


def _resolved(shape: tuple[int, ...], to: Any) -> tuple[int, ...]:
    """A new shape of an array of `shape` with its -1 worked out."""
    to = tuple(to) if isinstance(to, (tuple, list)) else (to,)
    known = math.prod(n for n in to if n >= 0)
    return tuple(n if n >= 0 else math.prod(shape) // max(known, 1) for n in to)


def _reshape_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x,) = inputs
    return op(x, (len(x), *_resolved(x.shape[1:], params["shape"])))


def _order(shape: tuple[int, ...], axes: Any) -> Any:
    return range(len(shape))[::-1] if axes is None else axes


def _single(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of length 1."""
    return tuple(k for k, n in enumerate(shape) if n == 1)


def _concatenate_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    axis, whole = params["axis"], all_stacked(inputs, stacked)
    if axis is None:
        axis, whole = 0, [x.reshape(len(x), -1) for x in whole]
    return op(*whole, axis=later(axis))


def _joined_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    return op(*all_stacked(inputs, stacked), axis=later(params["axis"]))


def _roll_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    return along_axis(op, inputs, stacked, params).reshape(inputs[0].shape)


def _reshape_ref(shape: tuple[int, ...], to: Any) -> Any:
    to = (to,) if isinstance(to, int) else tuple(to)
    full = tuple(n if n >= 0 else math.prod(shape) // -math.prod(to) for n in to)
    return full, lambda p: np.unravel_index(np.ravel_multi_index(p, full) if p else 0, shape)


@op(
    linear=["x"],
    params=["shape"],
    samples=[S(x=(2, 3, 4), shape=(6, -1)), S(x=(2, 3), shape=(3, 2)), S(x=(6,), shape=-1), S(x=(1,), shape=())],
    ref=_by_place(lambda s, shape: _reshape_ref(s, shape)),
    cost=free,
    numpy=[np.reshape],
    stacks=_reshape_stack,
)
def reshape(x: Any, shape: Shape) -> Any:
    """The same elements in another shape; one length may be -1.  x (...) -> shape

    >>> tg.reshape(np.arange(6), (2, -1))
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    return np.reshape(x, shape)


reshape.vjp(x=lambda g, x_shape: reshape(g, x_shape))


@op(
    linear=["x"],
    params=["axes"],
    samples=[S(x=(2, 3, 4), axes=(2, 0, 1)), S(x=(2, 3)), S(x=(2, 3, 4), axes=(0, -1, 1))],
    ref=_by_place(lambda s, axes=None: _transposed(s, axes)),
    cost=free,
    numpy=[np.transpose, np.permute_dims] if hasattr(np, "permute_dims") else [np.transpose],
    stacks=by_parameters(lambda s, axes: {"axes": (0, *[a % len(s) + 1 for a in _order(s, axes)])}),
)
def transpose(x: Any, axes: Wholes | None = None) -> Any:
    """Axes in another order, reversed if None.  x (...) -> (...)

    >>> tg.transpose(np.ones((8, 28, 28, 1)), (0, 3, 1, 2)).shape  # channels first
    (8, 1, 28, 28)
    """
    return np.transpose(x, axes)


def _inverse(axes: Any, ndim: int) -> Any:
    return None if axes is None else tuple(int(k) for k in np.argsort([a % ndim for a in axes]))


def _transposed(s: tuple[int, ...], axes: Any) -> Any:
    axes = tuple(range(len(s)))[::-1] if axes is None else tuple(a % len(s) for a in axes)
    return tuple(s[a] for a in axes), lambda p: tuple(p[axes.index(k)] for k in range(len(s)))


transpose.vjp(x=lambda g, axes, x_shape: transpose(g, _inverse(axes, len(x_shape))))
transpose.formula(x="transpose(g, inverse(axes))")


@op(
    linear=["x"],
    params=["axis1", "axis2"],
    samples=[S(x=(2, 3, 4), axis1=0, axis2=-1), S(x=(2, 3), axis1=1, axis2=0)],
    ref=lambda x, axis1, axis2: np.moveaxis(np.moveaxis(x, axis1, -1), axis2 if axis2 >= 0 else axis2 - 1, axis1)
    if x.ndim == 2 else x.transpose(2, 1, 0),
    cost=free,
    numpy=[np.swapaxes],
    stacks=by_parameters(lambda s, axis1, axis2: {"axis1": later(axis1), "axis2": later(axis2)}),
)  # fmt: skip
def swapaxes(x: Any, axis1: Whole, axis2: Whole) -> Any:
    """Two axes exchanged.  x (...) -> (...)"""
    return np.swapaxes(x, axis1, axis2)


swapaxes.vjp(x=lambda g, axis1, axis2: swapaxes(g, axis1, axis2))


@op(
    linear=["x"],
    params=["source", "destination"],
    samples=[S(x=(2, 3, 4), source=0, destination=-1), S(x=(2, 3, 4), source=(0, 2), destination=(1, 0))],
    ref=lambda x, source, destination: x.transpose(1, 2, 0) if source == 0 else x.transpose(2, 0, 1),
    cost=free,
    numpy=[np.moveaxis],
    stacks=by_parameters(lambda s, source, destination: {"source": later(source), "destination": later(destination)}),
)
def moveaxis(x: Any, source: Shape, destination: Shape) -> Any:
    """Axes moved to other places, the rest in order.  x (...) -> (...)"""
    return np.moveaxis(x, source, destination)


moveaxis.vjp(x=lambda g, source, destination: moveaxis(g, destination, source))


@op(
    linear=["x"],
    params=["axis"],
    samples=[S(x=(2, 3), axis=1), S(x=(2, 3), axis=(0, -1)), S(x=(), axis=0)],
    ref=lambda x, axis: x.reshape((2, 1, 3) if axis == 1 else (1, 2, 3, 1) if x.ndim else (1,)),
    cost=free,
    numpy=[np.expand_dims],
    stacks=by_parameters(lambda s, axis: {"axis": later(axis)}),
)
def expand_dims(x: Any, axis: Shape) -> Any:
    """New axes of length 1 at these places of the result.  x (...) -> (...)

    >>> tg.expand_dims(np.ones((28, 28)), (0, -1)).shape  # one grey image
    (1, 28, 28, 1)
    """
    return np.expand_dims(x, axis)


@op(
    linear=["x"],
    params=["axis"],
    samples=[S(x=(2, 1, 3, 1)), S(x=(2, 1, 3, 1), axis=1), S(x=(1, 3), axis=(0,))],
    ref=lambda x, axis=None: x.reshape({None: (2, 3), 1: (2, 3, 1), (0,): (3,)}[axis]),
    cost=free,
    numpy=[np.squeeze],
    stacks=by_parameters(lambda s, axis: {"axis": later(_single(s) if axis is None else axis)}),
)
def squeeze(x: Any, axis: Whole | tuple[Whole, ...] | None = None) -> Any:
    """Without these axes of length 1, without all of them if None.  x (...) -> (...)

    >>> x = np.ones((1, 28, 28, 1))
    >>> tg.squeeze(x).shape, tg.squeeze(x, axis=0).shape
    ((28, 28), (28, 28, 1))
    """
    return np.squeeze(x, axis)


@op(
    linear=["x"],
    params=["start"],
    samples=[S(x=(2, 3, 4), start=1), S(x=(2, 3)), S(x=())],
    ref=lambda x, start=0: x.reshape((2, 12) if start else (x.size,)),
    cost=free,
    stacks=by_parameters(lambda s, start: {"start": start + 1}),
)
def flatten(x: Any, start: Whole = 0) -> Any:
    """All axes from `start` on as one; start=1 keeps the batch.  x (...) -> (..., size)

    >>> tg.flatten(np.ones((8, 4, 4, 3)), start=1).shape
    (8, 48)
    """
    if type(start) is not int or not 0 <= start <= x.ndim:
        start = whole("flatten", "start", start, 0, x.ndim, remedy=f"x has shape {x.shape}.")
    return x.reshape(*x.shape[:start], math.prod(x.shape[start:]))


for _op in (expand_dims, squeeze, flatten):
    _op.vjp(x=lambda g, x_shape: reshape(g, x_shape))


@op(
    linear=["xs"],
    params=["axis"],
    samples=[S(xs=[(2, 3), (1, 3)]), S(xs=[(2, 3), (2, 1), (2, 2)], axis=-1), S(xs=[(2,)]),
             S(xs=[(2, 3), (2,)], axis=None)],
    ref=lambda *xs, axis=0: _concatenate_ref(xs, axis),
    cost=free,
    stacks=_concatenate_stack,
)  # fmt: skip
def concatenate(*xs: Any, axis: Whole | None = 0) -> Any:
    """Arrays joined along an axis that exists, flat if None; ``concatenate([a, b], axis=0)``.  xs (...), ... -> (...)

    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> tg.concatenate([a, b])
    array([[1., 2.],
           [3., 4.]])
    >>> tg.concatenate([a, b], axis=1)
    array([[1., 2., 3., 4.]])
    """
    return np.concatenate(xs, axis=axis)


def _concatenate_ref(xs: Any, axis: int | None) -> np.ndarray:
    if axis is None:
        return np.array([v for x in xs for v in x.ravel()])
    axis %= xs[0].ndim
    rows = [np.take(x, k, axis) for x in xs for k in range(x.shape[axis])]
    return np.moveaxis(np.array(rows), 0, axis)


def _with_ends(g: Any, xs_shape: Any, axis: int | None) -> Any:
    """The gradient and where each piece of it ends, added up once for all pieces."""
    return g, list(accumulate(math.prod(s) if axis is None else s[axis] for s in xs_shape))


def _piece(g: Any, xs_shape: Any, i: int, axis: int | None) -> Any:
    whole, ends = g
    if axis is None:  # joined flat
        return reshape(getitem(whole, key=slice(ends[i] - math.prod(xs_shape[i]), ends[i])), xs_shape[i])
    pieces = (slice(None),) * (axis % len(xs_shape[i])) + (slice(ends[i] - xs_shape[i][axis], ends[i]),)
    return getitem(whole, key=pieces)


concatenate.vjp(g=_with_ends, xs=_piece)
concatenate.formula(xs="split(g)[i]")


@op(
    linear=["xs"],
    params=["axis"],
    samples=[S(xs=[(2, 3), (2, 3)]), S(xs=[(2, 3), (2, 3), (2, 3)], axis=-1), S(xs=[(), ()])],
    ref=lambda *xs, axis=0: np.moveaxis(np.array([x.tolist() for x in xs]), 0, axis),
    cost=free,
    numpy=[np.stack],
    stacks=_joined_stack,
)
def stack(*xs: Any, axis: Whole = 0) -> Any:
    """Arrays of one shape side by side along a new axis; ``stack([a, b], axis=0)``.  xs (...), ... -> (...)

    >>> tg.stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    return np.stack(xs, axis=axis)


stack.vjp(xs=lambda g, i, axis: getitem(g, key=(slice(None),) * (axis % g.ndim) + (i,)))
stack.formula(xs="take(g, i)")


@named
def split(x: Input, sections: Counts, axis: Whole = 0) -> list[Any]:
    """Cut along an axis into equal parts (an int), or before each of a list of indices, as ``np.split`` does.

    >>> [part.shape for part in tg.split(np.ones((6, 2)), 3)]
    [(2, 2), (2, 2), (2, 2)]
    """
    shape = shape_of("split", x)
    n = shape[axis]
    if is_whole(sections):
        sections = whole("split", "sections", sections)
        if n % sections:
            raise ValueError(f"split: {n} along axis {axis} does not divide into {sections} equal parts.")
        cuts = [k * (n // sections) for k in range(1, sections)]
    else:
        listed = sections.tolist() if isinstance(sections, np.ndarray) else sections
        cuts = list(wholes("split", "sections", listed, None, form="a number of parts or a list of places to cut at"))
    lead = (slice(None),) * (axis % len(shape))
    return [getitem(x, key=(*lead, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n], strict=True)]


@op(
    linear=["x"],
    params=["axis"],
    samples=[S(x=(2, 3)), S(x=(2, 3), axis=1), S(x=(2, 3, 2), axis=(0, -1))],
    ref=_by_place(lambda s, axis=None: (s, lambda p: tuple(
        n - 1 - k if a in axes_of("flip", axis, len(s)) else k for a, (k, n) in enumerate(zip(p, s, strict=True))))),
    cost=free,
    numpy=[np.flip],
    stacks=by_parameters(lambda s, axis: {"axis": later(axes_of("flip", axis, len(s)))}),
)  # fmt: skip
def flip(x: Any, axis: Axis = None) -> Any:
    """The order along axes reversed, along all of them if None.  x (...) -> (...)

    >>> tg.flip(np.arange(4)), tg.flip(np.arange(4).reshape(2, 2), axis=1)
    (array([3, 2, 1, 0]), array([[1, 0],
           [3, 2]]))
    """
    return np.flip(x, axis)  # type: ignore[arg-type]  # NumPy's stubs lack its own integers


flip.vjp(x=lambda g, axis: flip(g, axis))


@op(
    linear=["x"],
    params=["shift", "axis"],
    samples=[S(x=(2, 3), shift=1), S(x=(2, 3), shift=-4, axis=1), S(x=(3, 3), shift=(1, 2), axis=(0, 1))],
    ref=lambda x, shift, axis=None: np.concatenate([x.ravel()[-1:], x.ravel()[:-1]]).reshape(x.shape)
    if axis is None else x[:, [1, 2, 0]] if axis == 1 else x[[2, 0, 1]][:, [1, 2, 0]],
    cost=free,
    numpy=[np.roll],
    stacks=_roll_stack,
)  # fmt: skip
def roll(x: Any, shift: Shape, axis: Axis = None) -> Any:
    """Elements moved along axes, round the end.  x (...) -> (...)

    >>> tg.roll(np.arange(5), 2)
    array([3, 4, 0, 1, 2])
    """
    return np.roll(x, shift, axis)


def _negative(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


roll.vjp(x=lambda g, shift, axis: roll(g, _negative(shift), axis))
roll.formula(x="roll(g, -shift, axis)")


@op(
    linear=["x"],
    params=["repeats", "axis"],
    samples=[S(x=(2, 3), repeats=2, axis=1), S(x=(2, 2), repeats=3), S(x=(2, 3), repeats=(1, 2), axis=0)],
    ref=lambda x, repeats, axis=None: np.array(
        [[v for v in row for _ in range(2)] for row in x] if axis == 1
        else [v for v in x.ravel() for _ in range(3)] if axis is None else [x[0], x[1], x[1]]),
    cost=free,
    numpy=[np.repeat],
    stacks=along_axis,
)  # fmt: skip
def repeat(x: Any, repeats: Counts, axis: Whole | None = None) -> Any:
    """Each element (or slice along an axis) several times in a row.  x (...) -> (...)

    >>> tg.repeat(np.array([1, 2]), 3)
    array([1, 1, 1, 2, 2, 2])
    """
    most = max(repeats, default=0) if isinstance(repeats, (tuple, list)) else repeats
    if is_whole(most) and most * x.size > LARGEST:  # NumPy would overflow, and kill the process
        raise ValueError(f"repeat: {most} times the {x.size} elements of x {x.shape} are more than NumPy can count.")
    return np.repeat(x, repeats, axis)  # type: ignore[arg-type]  # NumPy's stubs lack its own integers


def _repeat_x(g: Any, x_shape: Any, repeats: Any, axis: Any) -> Any:
    n = math.prod(x_shape) if axis is None else x_shape[axis]
    places = np.repeat(np.arange(n), repeats)
    if axis is None:
        return reshape(put(g, places, key=INDEX, shape=(n,)), x_shape)
    return put(g, places, key=along(axis, len(x_shape)), shape=x_shape)


repeat.vjp(x=_repeat_x)
repeat.formula(x="sum_of_copies(g)")
