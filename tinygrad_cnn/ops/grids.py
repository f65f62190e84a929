"""Copies of an array side by side, turns by right angles, and the coordinates of a grid."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import lengthened
from ..autodiff.calls import named
from ..autodiff.kinds import GridOrder, Shape, Whole, Wholes
from ..autodiff.numbers import whole, wholes
from ..core import op
from ._arguments import Input, shape_of
from ._axes import axes_of
from .algebra import broadcast_to
from .reduce import sum
from .shape import LARGEST, flip, free, reshape, swapaxes

__all__ = ["meshgrid", "rot90", "tile"]


def _aligned(shape: tuple[int, ...], reps: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape and the counts of copies, both with as many axes as the longer."""
    one = None if isinstance(reps, (tuple, list)) else 1
    counts = wholes("tile", "reps", reps, 0, count=one, form="a tuple of them", equal=True)
    rank = max(len(shape), len(counts))
    return (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(counts)) + counts


def _tile_ref(x: np.ndarray, reps: Any) -> np.ndarray:
    shape, counts = _aligned(x.shape, reps)
    x = x.reshape(shape)
    out = np.empty([n * r for n, r in zip(shape, counts, strict=True)])
    for p in itertools.product(*map(range, out.shape)):
        out[p] = x[tuple(k % n for k, n in zip(p, shape, strict=True))]
    return out


def _tile_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x,) = inputs
    shape, counts = _aligned(x.shape[1:], params["reps"])
    return op(lengthened(x, len(shape)), (1, *counts))


@op(
    linear=["x"],
    params=["reps"],
    samples=[S(x=(2, 3), reps=2), S(x=(2, 3), reps=(2, 1, 3)), S(x=(2, 1, 2), reps=(3, 2)), S(x=(), reps=(2, 2))],
    ref=_tile_ref,
    cost=free,
    stacks=_tile_stack,
)
def tile(x: Any, reps: Shape) -> Any:
    """Copies of x side by side: how many along each of the last axes.  x (...) -> (...)

    >>> tg.tile(np.array([1, 2]), 3), tg.tile(np.array([1, 2]), (2, 1))
    (array([1, 2, 1, 2, 1, 2]), array([[1, 2],
           [1, 2]]))
    """
    _, counts = _aligned(x.shape, reps)
    if math.prod(counts) * x.size > LARGEST:
        raise ValueError(f"tile: {counts} times the {x.size} elements of x {x.shape} are more than NumPy can count.")
    return np.tile(x, counts)


def _tile_x(g: Any, x_shape: Any, reps: Any) -> Any:
    shape, counts = _aligned(x_shape, reps)
    copies = reshape(g, tuple(n for pair in zip(counts, shape, strict=True) for n in pair))
    return reshape(sum(copies, axis=tuple(range(0, 2 * len(shape), 2))), x_shape)


tile.vjp(x=_tile_x)
tile.formula(x="sum_of_copies(g)")


@named
def rot90(x: Input, k: Whole = 1, axes: Wholes = (0, 1)) -> Any:
    """x turned k times by 90 degrees, from the first of two axes towards the second.

    >>> tg.rot90(np.array([[1, 2], [3, 4]]))
    array([[2, 4],
           [1, 3]])
    """
    pair = wholes("rot90", "axes", tuple(axes) if isinstance(axes, np.ndarray) else axes, None, count=2)
    first, second = axes_of("rot90", pair, len(shape_of("rot90", x)))
    turns = whole("rot90", "k", k, None) % 4
    if turns % 2 == 0:
        return flip(x, axis=(first, second) if turns else ())
    if turns == 1:
        return swapaxes(flip(x, axis=second), first, second)
    return flip(swapaxes(x, first, second), axis=second)


@named
def meshgrid(*xs: Input, indexing: GridOrder = "xy", sparse: bool = False) -> tuple[Any, ...]:
    """The coordinates of a grid whose points along each axis are given as rows (N,): one array for each axis.

    With indexing="xy" the first row runs along the second axis, as x does in an image; with "ij" along the first.
    If `sparse`, the arrays have length 1 along all axes but their own.

    >>> across, down = tg.meshgrid(np.array([1, 2, 3]), np.array([10, 20]))
    >>> across, down
    (array([[1, 2, 3],
           [1, 2, 3]]), array([[10, 10, 10],
           [20, 20, 20]]))
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing={indexing!r} is not known; there are 'xy' and 'ij'.")
    sizes = [math.prod(shape_of("meshgrid", x)) for x in xs]
    if any(len(shape_of("meshgrid", x)) > 1 for x in xs):
        raise ValueError(f"meshgrid: the arrays have shapes {[shape_of('meshgrid', x) for x in xs]}; give rows (N,).")
    places = [1, 0, *range(2, len(xs))] if indexing == "xy" and len(xs) > 1 else list(range(len(xs)))
    grids = [
        reshape(x, tuple(n if k == place else 1 for k in range(len(xs))))
        for x, n, place in zip(xs, sizes, places, strict=True)
    ]
    whole_shape = tuple(sizes[place] for place in places)
    return tuple(grids) if sparse else tuple(broadcast_to(grid, whole_shape) for grid in grids)
