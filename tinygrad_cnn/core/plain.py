"""What the classes of the engine store, in Python alone: `compiled` takes these, or their twins in C.

The twins have the same names, fields and order of arguments.  What else a Tensor, a leaf, a node, an op or the clock
can do is written once, in the classes on top of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .register import registry
from .site import Site


class ClockBase:
    """Holds a count."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0

    def tick(self) -> int:
        """Return the time after one more assignment."""
        self.now += 1
        return self.now


class LeafBase:
    """Holds what a leaf knows."""

    __slots__ = (
        "shape", "dtype", "requires_grad", "name", "grad", "retains_grad", "version", "assigned", "assigned_at", "path",
        "note", "site", "why", "source", "given", "part", "mark", "__weakref__",
    )  # fmt: skip

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], given: bool = False) -> None:
        self.shape, self.dtype = shape, dtype
        self.given = given  # whether a user made it, as a Tensor
        self.requires_grad = self.retains_grad = False
        self.part = False  # whether t[1:3] made it, as a view of what t holds
        self.name: str | None = None
        self.grad: Any = None
        self.version = self.assigned = 0  # how often it was assigned to; the clock at the last time
        self.assigned_at: Site | None = None
        self.path = ""
        self.note: Any = None  # its hooks, if it has any
        self.mark: tuple[Any, Any] | None = None  # a weak reference to a large plain array, and what it held
        self.why: str | None = None
        self.site: Site | None = None
        self.source: Any = None  # a weak reference to a node or leaf


class NodeBase:
    """Holds what a node knows."""

    __slots__ = (
        "op", "inputs", "params", "plan", "saved", "shape", "dtype", "clock", "path", "site", "note", "marked",
        "__weakref__",
    )  # fmt: skip

    def __init__(self, *fields: Any) -> None:
        """Of the first ten slots: op, inputs, params, plan, saved, shape, dtype, clock, path, site.

        `saved` are the values that ``plan.items`` names, or a Released.
        """
        (
            self.op, self.inputs, self.params, self.plan, self.saved,
            self.shape, self.dtype, self.clock, self.path, self.site,
        ) = fields  # fmt: skip
        self.note: Any = None
        self.marked = False  # whether an input has a mark


def _binary(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """An operator and its reflection, as calls of the op `name`, which need not exist yet."""
    return (lambda a, b: registry[name](a, b)), (lambda a, b: registry[name](b, a))


class TensorBase:
    """Holds an array and a node; its operators are ops."""

    __slots__ = ("_data", "node", "__weakref__")

    _data: np.ndarray
    node: Any  # a Node or a Leaf

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("sub")
    __mul__, __rmul__ = _binary("mul")
    __truediv__, __rtruediv__ = _binary("div")
    __pow__, __rpow__ = _binary("pow")
    __matmul__, __rmatmul__ = _binary("matmul")


class OpBase:
    """Holds nothing: the twin keeps what it has to know of an op to call it."""

    own_pull_back: Callable[..., Any] | None = None  # stands in for all rules at once, as in checkpoint
