"""Recompute instead of keep: a stretch of the graph that remembers its inputs only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.engine import in_order, sweep
from ..core.errors import GraphError
from ..core.graph import Leaf, Node, clock, differentiable, walk
from ..core.modes import current, enable_grad, no_grad, switched
from ..core.operation import Op
from ..core.rules import Plan
from ..core.site import here, line_of
from ..core.tensor import Tensor, wrap
from .calls import named
from .effects import effect
from .randomness import default_generator, forked, get_rng_state


class Unseeded:
    """Makes the generators that nobody seeded, and makes the same ones again when a checkpoint repeats its function."""

    def __init__(self, outer: Callable[[], Any] | None, again: Iterable[Any] = ()) -> None:
        self.outer, self.again = outer, iter(again)  # of the checkpoint around this one; those to repeat
        self.made: list[tuple[Any, Any]] = []  # with their states

    def __call__(self) -> Any:
        rng = next(self.again, None) or (self.outer or np.random.default_rng)()
        self.made.append((rng, rng.bit_generator.state))
        return rng


@effect
def set_generators(states: Iterable[tuple[Any, Any]]) -> None:
    """Set random generators to states that they had before, so that they draw the same numbers again."""
    for rng, then in states:
        rng.bit_generator.state = then


class Recompute:
    """The op of one checkpoint: a function, what it was called with, and what it gave."""

    name = "checkpoint"
    variadic = True
    broadcasts = False
    inputs, last = ("args",), 0
    input = Op.input
    effects = ()

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], result: Any, default: Any, seeded: list[Any],
        unseeded: list[Any],
    ) -> None:  # fmt: skip
        self.f, self.args, self.result = f, args, result
        self.default = default  # the state of the default generator before the first run
        self.generators = [*seeded, *unseeded]  # with their states
        self.unseeded = [rng for rng, _ in unseeded]
        now = current()
        self.place = {"path": now.path, "prefix": now.prefix, "below": now.below or {}}  # a copy can hold a plain dict

    def again(self, args: list[Any]) -> Tensor:
        """Run the function a second time, recorded, drawing the same random numbers, in the module it ran in."""
        now = [(rng, rng.bit_generator.state) for rng, _ in self.generators]
        try:
            set_generators(self.generators)
            repeat = Unseeded(None, self.unseeded)
            modes = switched(recomputing=True, generators=None, unseeded=repeat, **self.place)
            with enable_grad(), forked(self.default), modes:  # backward may run in another thread
                y: Tensor = self.f(*args)
                return y
        finally:
            set_generators(now)

    def own_pull_back(self, node: Node, g: Any, create_graph: bool, within: Any) -> list[tuple[Any, Any]]:
        for k, edge in enumerate(node.inputs):
            if isinstance(edge, Leaf) and edge.assigned > node.clock:
                raise GraphError(
                    f"checkpoint at {line_of(node.site)}: input {k} was assigned to at {line_of(edge.assigned_at)}, "
                    "so the recomputed values would differ. Call backward before assign."
                )
        fresh = [wrap(a._data, a.node) if create_graph else _leaf(a) for a in self.args]
        y = self.again(fresh)
        if not np.array_equal(y._data, self.result, equal_nan=True):
            raise GraphError(
                f"checkpoint at {line_of(node.site)}: the function gave another result when it was run again, so this "
                "would be the gradient of another function. It draws random numbers that cannot be repeated, or uses "
                "something that changed. Draw from a np.random.Generator that is passed to the package's ops (rng=...)."
            )
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


@named
def checkpoint(f: Callable[..., Tensor], *args: Any) -> Tensor:
    """``f(*args)``, keeping only its inputs for the gradient; backward runs f again.

    f must return one Tensor and give the same result when run again, which backward checks; what the package's ops
    draw is repeated exactly, seeded or not.  What f uses from outside (parameters, say) gets its gradient too.

    >>> x = tg.randn(2, 8, 8, 1, rng=0, requires_grad=True)
    >>> y = tg.checkpoint(lambda x: tg.relu(tg.sin(x)).sum(), x)
    >>> bool((tg.grad(y, x) == tg.grad(tg.relu(tg.sin(x)).sum(), x)).all())
    True
    """
    if not current().recording:
        return f(*args)
    start = clock.tick()  # so that nodes made inside can be told from those outside
    unseeded, default, state = Unseeded(current().unseeded), default_generator(), get_rng_state()
    with switched(generators={}, unseeded=unseeded):
        y = f(*args)
        generators = [pair for pair in (current().generators or {}).values() if pair[0] is not default]
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
    op: Any = Recompute(f, args, y._data, state, generators, unseeded.made)
    wrt = tuple(range(len(inputs)))
    plan = Plan((), None, wrt)
    node = Node(op, inputs, {}, plan, (), y.shape, y.dtype, clock.now, current().path, here())
    return wrap(y._data, node)
