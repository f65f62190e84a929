"""Nodes: what an op leaves behind.  They point at nodes, never at Tensors: no cycles, nothing to collect."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from .modes import Site, here, line_of

if TYPE_CHECKING:
    from .operation import Op, Plan

Shape = tuple[int, ...]


class Clock:
    """Counts assignments to tensors, everywhere: a node knows by it whether a leaf is newer than itself."""

    now = 0


class Leaf:
    """A value that no recorded op made: a parameter, data, or what came out while nothing was recorded.

    `why` says, for the last kind, why there is no history; `source` remembers, without keeping it alive,
    the node that a `stop_gradient`, or an op whose result is of integers, cut off.
    """

    op: Op | None = None
    inputs: tuple[()] = ()
    requires_grad = False
    name: str | None = None
    grad: Any = None
    retains_grad = False
    version = 0
    assigned = 0  # the clock at the last assign
    assigned_at: Site | None = None
    path = ""
    note: Note | None = None  # its hooks, if it has any
    site: Site | None = None
    why: str | None = None
    source: weakref.ref[Node | Leaf] | None = None

    def __init__(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype


def constant(y: Any, edges: list[Any], unrecorded: bool) -> Leaf:
    """The leaf of a result without history, which remembers why it has none."""
    leaf = Leaf(y.shape, y.dtype)
    if unrecorded:
        leaf.why, leaf.site = "no_grad", here()
    else:  # what a cut value turns into is cut at the same place
        for e in edges:
            if e is not None and not e.requires_grad and e.why:
                leaf.why, leaf.site, leaf.source = e.why, e.site, e.source
            elif e is not None and e.requires_grad:  # recording, and yet no node: the result is of integers
                leaf.why, leaf.site, leaf.source = "integer", here(), weakref.ref(e)
    return leaf


class Node:
    """One call of an op: the op, its inputs, its parameters, and the arrays that its rules name."""

    __slots__ = (
        "op", "inputs", "params", "plan", "saved", "shape", "dtype", "clock", "path", "site", "note", "__weakref__",
    )  # fmt: skip
    requires_grad = True
    version = 0

    def __init__(
        self,
        op: Op,
        inputs: list[Edge],
        params: dict[str, Any],
        plan: Plan,
        saved: Any,
        shape: Shape,
        dtype: np.dtype[Any],
        clock: int,
        path: str,
        site: Site,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.plan = plan
        self.saved = saved  # tuples of values named as plan.names says, or Released
        self.shape = shape
        self.dtype = dtype
        self.clock = clock
        self.path = path
        self.site = site
        self.note: Note | None = None

    @property
    def label(self) -> str:
        """Op and module path, as error messages name them."""
        return f"{self.op.name} ({self.path})" if self.path else self.op.name

    @property
    def name(self) -> str | None:
        return self.note.name if self.note else None

    @property
    def grad(self) -> Any:
        return self.note.grad if self.note else None

    def kept(self) -> dict[str, Any]:
        """The values that this node keeps alive for its rules, by name."""
        if isinstance(self.saved, Released):
            return {}
        kept = {
            name: value
            for names, values in zip(self.plan.names, self.saved, strict=True)
            for name, value in zip(names, values, strict=True)
        }
        return {name: value for name, value in kept.items() if holds_array(value)}


def holds_array(value: Any) -> bool:
    """Whether a saved value is an array, or all inputs of an op of any number of them."""
    return type(value) is np.ndarray or (type(value) is tuple and any([type(v) is np.ndarray for v in value]))


class Note:
    """What few results have: a name, a gradient to keep, hooks that want to see it."""

    __slots__ = ("name", "grad", "retains_grad", "hooks")

    def __init__(self) -> None:
        self.name: str | None = None
        self.grad: Any = None
        self.retains_grad = False
        self.hooks: dict[int, Any] = {}


class Released:
    """Stands where saved arrays were, and remembers which backward released them."""

    __slots__ = ("site",)

    def __init__(self, site: Site) -> None:
        self.site = site

    def __str__(self) -> str:
        return line_of(self.site)


Edge = Node | Leaf | None  # None: a Python scalar, or an input left out
