"""Observers: who wants to see every call of an op and every step back through a node.

There are none as a rule, so that an op pays for the test of an empty list.  An observer sees what its own thread
does, after it is done; calls inside of others (the ops that a rule calls) say what they are `within`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from ..core.engine import pull_back
from ..core.register import hooks, observers
from ..core.tensor import as_array


class Call:
    """One call of an op, or (with a `node`) one step back through a recorded call.

    Forward, `args` are the op's inputs as they were given, `arrays` their values, `params` its parameters, `result`
    what it returned, side results included.  Backward, `args` holds the cotangent and `result` the pairs of an input's
    node and its gradient.  `inside` are seconds of `seconds` that calls within took.
    """

    began = seconds = inside = 0.0
    result: Any = None
    within: Call | None = None

    def __init__(self, op: Any, args: Any, arrays: Any, params: dict[str, Any], node: Any = None) -> None:
        self.op, self.args, self.arrays, self.params, self.node = op, args, arrays, params, node


Observer = Callable[[Call], None]


class _Running(threading.local):
    call: Call | None = None
    lost = 0.0  # seconds that observers took so far, which no call is charged for


running = _Running()


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """A context in which `observer` is told of what this thread does."""
    entry = threading.get_ident(), observer
    observers.append(entry)
    try:
        yield
    finally:  # an exception must not leave an observer behind
        observers.remove(entry)


def observed(call: Call, run: Callable[[], Any]) -> Any:
    """run(), told to this thread's observers."""
    mine = [observer for thread, observer in observers if thread == threading.get_ident()]
    if not mine:
        return run()
    call.within, running.call = running.call, call
    call.began, lost = perf_counter(), running.lost
    try:
        call.result = run()
    finally:
        ended = perf_counter()
        call.seconds = ended - call.began - (running.lost - lost)
        running.call = call.within
        if call.within is not None:
            call.within.inside += call.seconds
    for observer in mine:
        observer(call)
    running.lost += perf_counter() - ended
    return call.result


def _op(op: Any, args: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
    return observed(Call(op, args, arrays, params), lambda: op.fn(*arrays, **params))


def _step(node: Any, g: Any, create_graph: bool, within: set[Any] | None) -> Any:
    call = Call(node.op, (g,), (as_array(g),), node.params, node)
    return observed(call, lambda: pull_back(node, g, create_graph, within))


hooks.update(observed=_op, observed_step=_step)
