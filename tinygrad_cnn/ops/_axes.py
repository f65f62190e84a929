"""Axes of reductions: checked, kept as ones, and spread out again."""

from __future__ import annotations

from operator import index
from typing import Any

from ..autodiff.batching import by_parameters, later
from ..autodiff.numbers import is_whole
from ..core.register import registry
from .algebra import broadcast_to


def axes_of(who: str, axis: Any, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """`axis` (None, a whole number or a tuple, NumPy's meaning) as a tuple of distinct axes counted from the front.

    `name` is what messages call it.
    """
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int and -ndim <= axis < ndim:  # the most frequent, so the quickest
        return (axis % ndim,)
    if not ndim and type(axis) is int and -1 <= axis <= 0:  # of an array without axes, as NumPy has it
        return ()
    items = axis if isinstance(axis, (tuple, list)) else (axis,)
    if not all(map(is_whole, items)):
        raise TypeError(f"{who}: {name}={axis!r} must be None, a whole number or a tuple of whole numbers.")
    given = tuple(map(index, items))
    if any(not -ndim <= a < ndim for a in given):
        raise ValueError(f"{who}: {name}={axis!r} is out of range for {ndim} axes (from {-ndim} to {ndim - 1}).")
    axes = tuple(a % ndim for a in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{who}: {name}={axis!r} names an axis twice.")
    return axes


def kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that reducing over `axes` with keepdims would leave."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


over_axes = by_parameters(lambda shape, axis, **p: {"axis": later(axes_of("sum", axis, len(shape)))})


def along_axis(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """How ops along one axis, of the flattened x if it is None, treat a stack of x."""
    x, axis = inputs[0], params["axis"]
    if any(stacked[1:]):
        return NotImplemented
    x, axis = (x.reshape(len(x), -1), 1) if axis is None else (x, later(axis))
    return op(x, *inputs[1:], **{**params, "axis": axis})


def spread(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Copy a reduced value back over the axes that a reduction of `shape` summed away; differentiable."""
    return broadcast_to(registry["reshape"](g, kept(shape, axes_of("spread", axis, len(shape)))), shape)
