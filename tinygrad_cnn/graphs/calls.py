"""A forward pass, watched: what each call of an op made, how long it took, and which node it left behind."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff.cost import Cost
from ..autodiff.observing import Call, observing
from ..autodiff.reader import finds_all
from ..core import Tensor
from ..core.graph import clock
from ..core.modes import current
from ..insight.cost import forward_cost, values
from ..insight.stats import Stats, stats

EXAMPLES = 16  # the fewest places that a unit must be looked at before it may be called silent


@dataclass
class Seen:
    """One call of an op in a watched forward pass."""

    op: Any
    seconds: float
    cost: Cost
    value: Stats | None
    silent: float | None
    arrays: dict[int, Stats]  # of inputs that no op made and no Tensor holds, by number
    group: int  # which checkpoint it ran in, if any


class Watched:
    """The calls of a forward pass, each found by the node that it left behind."""

    def __init__(self) -> None:
        self.leaves: dict[Any, Stats] = {}
        self._calls: list[Seen | None] = []
        self._times: list[int] = []
        self._groups: dict[int, Any] = {}

    def note(self, seen: Seen | None) -> None:
        """Remember a call, or that other nodes follow.

        The node that is made of the call next bears the clock that is set here, and no other node does.  The clock
        counts assignments, and all that matters of them is which were earlier and which later.
        """
        clock.tick()
        self._calls.append(seen)
        self._times.append(clock.now)

    def group(self) -> int:
        """The checkpoint that runs now: each has a dict of generators of its own, which is kept so that its id is."""
        generators = current().generators
        self._groups[id(generators)] = generators
        return id(generators)

    def of(self, node: Any) -> Seen | None:
        """The call that made a node; for a checkpoint its last call, with the time and cost of them all."""
        last = bisect_right(self._times, node.clock) - 1
        seen = self._calls[last] if last >= 0 else None
        if seen is None or seen.op is node.op:
            return seen
        if not finds_all(node.op):
            return None
        parts = [call for call in self._calls[: last + 1] if call is not None and call.group == seen.group]
        cost = Cost(sum(call.cost.flop for call in parts), sum(call.cost.bytes for call in parts))
        return Seen(node.op, sum(call.seconds for call in parts), cost, seen.value, None, {}, seen.group)


@contextmanager
def watching(*, with_values: bool = True) -> Iterator[Watched]:
    """A context in which this thread's calls of ops are measured; statistics are taken at once, arrays are let go.

    NumPy's warnings of overflow, division by zero and invalid values are off inside, since the picture shows them.
    """
    watched = Watched()

    def see(call: Call) -> None:
        if call.node is not None or (call.within is not None and call.within.node is None):
            return  # a step back, or a part of an op; what a recorded step back calls leaves nodes like any other
        arrays: dict[int, Stats] = {}
        made = values(call)[0] if with_values else None
        for k, (given, array) in enumerate(zip(call.args, call.arrays, strict=True) if with_values else ()):
            if not isinstance(given, Tensor):
                if isinstance(array, np.ndarray):
                    arrays[k] = stats(array)
            elif given.node.op is None and given.node not in watched.leaves:
                watched.leaves[given.node] = stats(array)
        value, silent = (None, None) if made is None else (stats(made), silent_share(call.op, made))
        watched.note(Seen(call.op, call.seconds, forward_cost(call), value, silent, arrays, watched.group()))

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"), observing(see):
        try:
            yield watched
        finally:
            watched.note(None)


def rectifies(op: Any) -> bool:
    """Whether an op ends in a relu, by itself or fused."""
    return op.name in ("relu", "relu6") or (op.composition is not None and op.name.endswith("_relu"))


def silent_share(op: Any, y: np.ndarray) -> float | None:
    """The share of a relu's units (last axis) that are zero for every example and place; None if too few were seen."""
    if finds_all(op) or not rectifies(op) or y.ndim < 2 or not y.size:
        return None
    units = y.shape[-1]
    if y.size // units < EXAMPLES:
        return None
    return float(1 - np.any(y, axis=tuple(range(y.ndim - 1))).sum() / units)
