"""Operators that take elements by their numbers, or write them there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...core import Tensor
from ..layouts import array, plain
from ..reading import Node, reads, room
from .elementwise import is_float


def _checked(node: Node, places: np.ndarray, n: int) -> np.ndarray:
    """Indices of n elements; others are refused."""
    if places.size and (places.min() < -n or places.max() >= n):
        raise node.refuse(f"an index lies outside of the {n} elements of its axis")
    return places


@reads("Gather", attributes="axis")
def gather(node: Node, x: Any, indices: Any) -> Any:
    y, axis = plain(x), node.get("axis", 0)
    return ops.take(y, _checked(node, array(indices), y.shape[axis]), axis)


@reads("GatherElements", attributes="axis")
def gather_elements(node: Node, x: Any, indices: Any) -> Any:
    y, axis = plain(x), node.get("axis", 0)
    return y[_along(node, y, array(indices), axis)]


def _along(node: Node, x: Any, indices: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """The key that takes one element for each index."""
    key: list[np.ndarray] = list(np.indices(indices.shape, sparse=True))
    key[axis] = _checked(node, indices, x.shape[axis])
    return tuple(key)


def _nested(node: Node, x: Any, indices: np.ndarray, batch: int = 0) -> tuple[np.ndarray, ...]:
    """The key of indices whose last axis counts through the axes of x."""
    depth = indices.shape[-1]
    if batch + depth > x.ndim:
        raise node.refuse(f"indices of {depth} numbers are too long for {x.ndim} axes")
    lead = [np.arange(n).reshape((-1,) + (1,) * (indices.ndim - 2 - k)) for k, n in enumerate(indices.shape[:batch])]
    return (*lead, *(_checked(node, indices[..., k], x.shape[batch + k]) for k in range(depth)))


@reads("GatherND", attributes="batch_dims")
def gather_nd(node: Node, x: Any, indices: Any) -> Any:
    y = plain(x)
    return y[_nested(node, y, array(indices), node.get("batch_dims", 0))]


@reads("ScatterElements", attributes="axis reduction")
def scatter_elements(node: Node, x: Any, indices: Any, updates: Any) -> Any:
    y = plain(x)
    return _written(node, y, _along(node, y, array(indices), node.get("axis", 0)), plain(updates))


@reads("ScatterND", attributes="reduction")
def scatter_nd(node: Node, x: Any, indices: Any, updates: Any) -> Any:
    y = plain(x)
    return _written(node, y, _nested(node, y, array(indices)), plain(updates))


def _written(node: Node, x: Any, key: tuple[np.ndarray, ...], updates: Any) -> Any:
    how = node.get("reduction", "none")
    if how == "none" and is_float(x):
        return ops.setitem(x, updates, key=key)
    if how == "add" and is_float(x):
        return x + ops.put(updates, key=key, shape=tuple(x.shape))
    if any(isinstance(v, Tensor) and v.requires_grad for v in (x, updates)):
        raise node.refuse(f"reduction={how!r} has no gradient here")
    y = array(x).copy()
    into = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    if how == "none":
        y[key] = array(updates)
    elif how in into:
        into[how].at(y, key, array(updates))
    else:
        raise node.refuse(f"reduction={how!r} is not supported")
    return y


@reads("OneHot", attributes="axis")
def one_hot(node: Node, indices: Any, depth: Any, choice: Any) -> Any:
    places, count, (off, on) = array(indices), int(array(depth).reshape(-1)[0]), array(choice)
    room(node, [*places.shape, count])
    inside = (places >= -count) & (places < count)
    rows = np.where(inside, places % max(count, 1), -1)[..., None] == np.arange(count)
    found = np.where(rows, on, off).astype(array(choice).dtype)
    axis = node.get("axis", -1)
    return np.moveaxis(found, -1, axis)
