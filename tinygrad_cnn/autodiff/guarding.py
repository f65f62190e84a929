"""Notice writes to what an op saved for its gradient: to leaves, and to plain arrays of the user's."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.compiled import lend
from ..core.errors import GraphError
from ..core.graph import Node
from ..core.register import hooks
from ..core.site import line_of
from .calls import named

SMALL = 4096  # bytes of an array that is copied when it is saved
PLACES = 64  # that are compared in a larger one
checks = {"arrays": False}  # whether all of a larger one is compared


def held(a: np.ndarray) -> Any:
    """What an array holds, at some of its places: enough to notice that a buffer was filled anew."""
    return a.copy() if checks["arrays"] else a.flat[:: max(1, a.size // PLACES)]


def guard(watch: Sequence[int], args: Sequence[Any], arrays: list[Any], edges: list[Any]) -> bool:
    """Guard the saved arrays of the user's, who may write to them before backward: copy small ones, mark large ones.

    Returns whether any was marked, so that backward looks.
    """
    marked = False
    for k in watch:
        a = arrays[k]
        if a is args[k] and isinstance(a, np.ndarray) and _can_change(a):
            if a.nbytes <= SMALL:
                arrays[k] = a.copy()
            else:
                edges[k].mark, marked = (weakref.ref(a), held(a)), True
    return marked


def _can_change(a: np.ndarray) -> bool:
    """Whether somebody may write to what an array shows: a read-only view, as of np.broadcast_to, follows its base."""
    return a.flags.writeable or (isinstance(a.base, np.ndarray) and a.base.flags.writeable)


def unchanged(node: Any) -> None:
    """Refuse to use a saved leaf that was assigned to, or a plain array that was written to, after it was saved."""
    for k in node.plan.watch:
        leaf = node.inputs[k]
        if leaf is None or leaf.op is not None:
            continue
        if leaf.version and leaf.assigned > node.clock:
            raise GraphError(_stale(node, k))
        array = leaf.mark[0]() if leaf.mark else None
        if array is not None and not np.array_equal(held(array), leaf.mark[1], equal_nan=leaf.dtype.kind == "f"):
            raise GraphError(
                f"backward: {node.label} at {line_of(node.site)} saved the array {leaf.shape} {leaf.dtype} given as "
                f"{node.op.input(k)}, which was written to afterwards. Call backward before, or give the op a copy."
            )


def _stale(node: Node, k: int) -> str:
    leaf: Any = node.inputs[k]
    name = f"tensor {leaf.name!r}" if leaf.name else f"a tensor of shape {leaf.shape}"
    return (
        f"backward: {node.label} at {line_of(node.site)} saved {name}, which was assigned to afterwards at "
        f"{line_of(leaf.assigned_at)} (now version {leaf.version}). Call backward before assign."
    )


@named
def debug(*, check_arrays: bool) -> None:
    """Compare whole arrays, or some of their elements, before a gradient uses them; for this process.

    A plain array that an op saved for its gradient must not change before backward.  Small ones are copied.  Of those
    above 4 KB, 64 elements are compared, which notices that a buffer was filled anew, but not every single write;
    ``check_arrays=True`` compares all, which costs a copy and a comparison of each.

    >>> x, w = np.ones(10_000, np.float32), tg.Tensor(2.0, requires_grad=True)
    >>> tg.debug(check_arrays=True)
    >>> y = (w * x).sum()
    >>> x[7] = 3
    >>> y.backward()
    Traceback (most recent call last):
        ...
    tinygrad_cnn.core.errors.GraphError: backward: mul at ... which was written to afterwards. ...
    >>> tg.debug(check_arrays=False)
    """
    checks["arrays"] = bool(check_arrays)


lend(unchanged=unchanged)
hooks.update(guard=guard, unchanged=unchanged)
