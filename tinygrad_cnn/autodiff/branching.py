"""Branches: which smooth piece of an op each of its elements is on.

relu is x on one piece and 0 on another; which one, the sign of x decides.  An op that has pieces declares what decides,
``@op(branches=lambda x: x > 0)``; whole numbers and booleans that enter or leave an op (winners, masks, labels,
comparisons) decide too.  As long as all decisions stay the same, a function is smooth.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.modes import current
from ..core.operation import FACTS
from .observing import Call, observing

FACTS.update(branches=None, linear=())


class Decision(NamedTuple):
    """What one call decided: its op, with the module it ran in, which array it is, and the array."""

    who: str
    what: str
    values: np.ndarray


def decisions_of(op: Any, arrays: Sequence[Any], params: dict[str, Any], result: Any) -> dict[str, np.ndarray]:
    """Return everything that decides which piece each element of one call is on, by name."""
    y, *side = result if op.aux else (result,)
    inputs = {op.input(k) + str(k) * (op.variadic and k >= op.last): a for k, a in enumerate(arrays)}
    named = {**inputs, **dict(zip(op.aux, side, strict=True)), "y": y}
    found = {name: a for name, a in named.items() if getattr(a, "dtype", np.dtype("f")).kind in "biu"}
    if op.branches is not None:
        known = {**params, **named}
        declared = op.branches(**{name: known[name] for name in inspect.signature(op.branches).parameters})
        for k, a in enumerate(declared if isinstance(declared, tuple) else (declared,)):
            found[f"branch {k}"] = np.asarray(a)
    return found


@contextmanager
def deciding() -> Iterator[list[Decision]]:
    """A context that collects the decisions of the ops that this thread calls, in a list."""
    found: list[Decision] = []

    def note(call: Call) -> None:
        if call.op is not None and call.node is None:
            path = current().path
            who = f"{call.op.name} ({path})" if path else call.op.name
            decisions = decisions_of(call.op, call.arrays, call.params, call.result)
            found.extend([Decision(who, what, np.array(a)) for what, a in decisions.items()])

    with observing(note):
        yield found


def differing(one: Sequence[Decision], other: Sequence[Decision]) -> dict[tuple[str, str], np.ndarray]:
    """Return where two runs decided differently: for each decision, by op and name, the indices; {} if nowhere.

    Runs that called different ops differ everywhere: then the key is ("other ops", "").
    """
    if [d[:2] for d in one] != [d[:2] for d in other]:
        return {("other ops", ""): np.zeros((1, 0), int)}
    found: dict[tuple[str, str], np.ndarray] = {}
    for a, b in zip(one, other, strict=True):
        if a.values.shape != b.values.shape:
            return {("other ops", ""): np.zeros((1, 0), int)}
        if not np.array_equal(a.values, b.values):
            found[a.who, a.what] = np.argwhere(np.atleast_1d(a.values != b.values))
    return found
