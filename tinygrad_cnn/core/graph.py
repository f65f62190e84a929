"""Nodes: what an op leaves behind.  They point at nodes, never at Tensors: no cycles, nothing to collect."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable
from typing import Any

from .compiled import ClockBase, LeafBase, NodeBase, lend
from .register import hooks
from .site import Site, here, line_of


class Clock(ClockBase):
    """Counts assignments to tensors, everywhere: a node knows by it whether a leaf is newer than itself."""

    __slots__ = ()


clock = Clock()


class Leaf(LeafBase):
    """A value that no recorded op made: a parameter, data, or what came out while nothing was recorded.

    A leaf of the last kind knows why its history is missing (`why`: "no_grad", "stop_gradient", "integer", "selected")
    and where it was lost (`site`); `source` is a weak reference to the node that a `stop_gradient`, or an op through
    which no gradient flows, cut off.
    """

    __slots__ = ()
    op = None
    inputs: tuple[()] = ()


def constant(y: Any, edges: Iterable[Edge], unrecorded: bool) -> Leaf:
    """Return the leaf of a result without history, which remembers why it has none."""
    leaf = Leaf(y.shape, y.dtype if y.dtype.num < 14 else hooks["result"](None, y, True).dtype)
    if unrecorded:
        leaf.why, leaf.site = "no_grad", here()
    else:  # what a cut value turns into is cut at the same place
        for e in edges:
            if isinstance(e, Leaf) and not e.requires_grad and e.why:
                leaf.why, leaf.site, leaf.source = e.why, e.site, e.source
            elif e is not None and e.requires_grad:  # recording, and yet no node
                leaf.why = "selected" if y.dtype.kind == "f" else "integer"
                leaf.site, leaf.source = here(), weakref.ref(e)
    return leaf


class Node(NodeBase):
    """One call of an op: the op, its inputs, its parameters, and the arrays that its rules name."""

    __slots__ = ()
    requires_grad = True
    version = 0

    @property
    def label(self) -> str:
        """Op and module path, as error messages name them."""
        return f"{self.op.name} ({self.path})" if self.path else str(self.op.name)

    @property
    def name(self) -> str | None:
        return self.note.name if self.note else None

    @property
    def grad(self) -> Any:
        return self.note.grad if self.note else None


Edge = Node | Leaf | None  # None: a Python scalar, or an input left out


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


# -- the one traversal ----------------------------------------------------------------------------------------


def walk(roots: Iterable[Any], edges: Callable[[Any], Iterable[Any]], stop: Collection[Any] = ()) -> list[Any]:
    """Return every node behind the roots once, inputs before consumers, in linear time and without recursion.

    `edges` gives the inputs of a node that are followed; those of nodes in `stop` are not.

    Why sort at all?  In ``b = a + a; c = b * b`` the two uses of b must both have reported before b passes its
    gradient on, or a hears from b twice, the first time with half the truth.  Walking path by path instead is
    exponential: 60 doublings have 2**60 paths, and 60 nodes.
    """
    order: list[Any] = []
    finished: dict[Any, bool] = {}  # False: opened, its inputs are being walked; True: in the order
    stack = list(roots)
    while stack:
        node = stack[-1]
        if node in finished:
            stack.pop()
            if not finished[node]:
                finished[node] = True
                order.append(node)
            continue
        finished[node] = False
        if node not in stop:
            for edge in edges(node):
                if edge is not None and edge not in finished:
                    stack.append(edge)
    return order


def differentiable(node: Any) -> Iterable[Any]:
    """The inputs of a node that its gradient flows to."""
    if node.op is None:
        return ()
    inputs, wrt = node.inputs, node.plan.wrt
    return (inputs[wrt[0]],) if len(wrt) == 1 else [inputs[k] for k in wrt]


def all_inputs(node: Any) -> Iterable[Any]:
    """All inputs of a node, in the order that makes `walk` visit the first one first."""
    edges: Iterable[Any] = reversed(node.inputs)
    return edges


lend(Leaf=Leaf, Node=Node, Released=Released, clock=clock, constant=constant)
