"""Recompute instead of keep: a stretch of the graph that remembers its inputs only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.engine import in_order, sweep
from ..core.errors import GraphError
from ..core.graph import Leaf, Node, clock, differentiable, walk
from ..core.modes import current, enable_grad, no_grad, switched
from ..core.rules import Plan
from ..core.site import here, line_of
from ..core.tensor import Tensor, wrap


class Recompute:
    """The op of one checkpoint: a function and what it was called with."""

    name = "checkpoint"
    variadic = True
    broadcasts = False
    inputs = ("args",)

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], generators: list[tuple[Any, Any]]) -> None:
        self.f, self.args, self.generators = f, args, generators
        now = current()
        self.place = {"path": now.path, "prefix": now.prefix, "below": now.below}

    def again(self, args: list[Any]) -> Tensor:
        """Run the function a second time, recorded, drawing the same random numbers, in the module it ran in."""
        now = [rng.bit_generator.state for rng, _ in self.generators]
        try:
            for rng, then in self.generators:
                rng.bit_generator.state = then
            with enable_grad(), switched(recomputing=True, generators=None, **self.place):
                y: Tensor = self.f(*args)
                return y
        finally:
            for (rng, _), current in zip(self.generators, now, strict=True):
                rng.bit_generator.state = current

    def own_pull_back(self, node: Node, g: Any, create_graph: bool, within: Any) -> list[tuple[Any, Any]]:
        for k, edge in enumerate(node.inputs):
            if isinstance(edge, Leaf) and edge.assigned > node.clock:
                raise GraphError(
                    f"checkpoint at {line_of(node.site)}: input {k} was assigned to at {line_of(edge.assigned_at)}, "
                    "so the recomputed values would differ. Call backward before assign."
                )
        fresh = [wrap(a._data, a.node) if create_graph else _leaf(a) for a in self.args]
        y = self.again(fresh)
        # a gradient of an input arrives at the input itself, where f used it from outside, and at each fresh argument
        places: dict[Any, list[Any]] = {edge: [edge] for edge in node.inputs}
        for a, b in zip(self.args, fresh, strict=True):
            if isinstance(a, Tensor) and a.node in places and b.node is not a.node:
                places[a.node].append(b.node)
        stop = {place for each in places.values() for place in each}  # beyond them the outer walk goes on by itself
        order = in_order([y.node], stop)
        site = None if create_graph else here()
        with enable_grad() if create_graph else no_grad():
            found = sweep({y.node: g}, order, stop, create_graph=create_graph, site=site, partial=True, stop=stop)
        return [
            (edge, found[place])
            for edge in node.inputs
            for place in places[edge]
            if place in found and (within is None or edge in within)
        ]


def _leaf(a: Any) -> Any:
    if not isinstance(a, Tensor):
        return a
    leaf = Leaf(a.shape, a.dtype)
    leaf.requires_grad = a.requires_grad
    return wrap(a._data, leaf)


def checkpoint(f: Callable[..., Any], *args: Any) -> Any:
    """``f(*args)``, keeping only its inputs for the gradient; backward runs f again.

    f must return one Tensor and give the same result when run again; draws from generators given to the
    package's ops are repeated exactly.  What f uses from outside (parameters, say) gets its gradient too.

    >>> x = tg.randn(2, 8, 8, 1, rng=0, requires_grad=True)
    >>> y = tg.checkpoint(lambda x: tg.relu(tg.sin(x)).sum(), x)
    >>> bool((tg.grad(y, x) == tg.grad(tg.relu(tg.sin(x)).sum(), x)).all())
    True
    """
    if not current().recording:
        return f(*args)
    start = clock.tick()  # so that nodes made inside can be told from those outside
    with switched(generators={}):
        y = f(*args)
        generators = list((current().generators or {}).values())
    if not isinstance(y, Tensor):
        raise TypeError(f"checkpoint: the function must return one Tensor, it returned {type(y).__name__}.")
    if not isinstance(y.node, Node) or y.node.clock < start:
        return y
    given = {a.node for a in args if isinstance(a, Tensor) and a.requires_grad}

    def inside(node: Any) -> Any:
        return () if outside(node) else differentiable(node)

    def outside(node: Any) -> bool:
        return node is not y.node and (node in given or node.op is None or node.clock < start)

    inputs = tuple(node for node in walk([y.node], inside) if outside(node))
    op: Any = Recompute(f, args, generators)
    wrt = tuple(range(len(inputs)))
    plan = Plan((), None, (), wrt, (), (), (), ())
    node = Node(op, inputs, {}, plan, (), y.shape, y.dtype, clock.now, current().path, here())
    return wrap(y._data, node)
