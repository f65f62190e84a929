"""Observers: who wants to see every call of an op and every step back through a node, or every change of state.

There are none as a rule, so that an op or an effect pays for the test of an empty list.  An observer sees what its own
thread does, after it is done, and effects before they begin too; calls inside of others (the ops that a rule calls, the
draw of a dropout) say what they are `within`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from ..core.engine import pull_back
from ..core.register import hooks, observers
from ..core.tensor import Tensor, as_array
from .effects import effect_observers


class Call:
    """One call of an op, or (with a `node`) one step back through a recorded call, or (without an op) of an effect.

    Forward, `args` are the op's inputs as they were given, `arrays` their values, `params` its parameters, `result`
    what it returned, side results included.  Backward, `args` holds the cotangent and `result` the pairs of an input's
    node and its gradient.  `inside` are seconds of `seconds` that calls within took.

    Of an effect, `effect` is the name, `args` and `params` are what the function was given (a method's object first),
    `around` is the effect that it is part of; `within` is known while ops are observed too.  It is not timed.
    """

    began = seconds = inside = 0.0
    effect = ""
    over = False  # whether the effect has run
    around: Call | None = None
    result: Any = None
    within: Call | None = None

    def __init__(self, op: Any, args: Any, arrays: Any, params: dict[str, Any], node: Any = None) -> None:
        self.op, self.args, self.arrays, self.params, self.node = op, args, arrays, params, node


Observer = Callable[[Call], None]


class _Running(threading.local):
    call: Call | None = None
    effect: Call | None = None
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


@contextmanager
def observing_effects(observer: Observer) -> Iterator[None]:
    """A context that calls `observer` twice for each effect of this thread: before it begins, and when it is over.

    `autodiff.effects.effects` lists them all.  Their calls have ``call.over``; an effect that raises is never over.

    >>> from tinygrad_cnn.autodiff.observing import observing_effects
    >>> w, seen = tg.Tensor([1.0]), []
    >>> with observing_effects(lambda call: seen.append((call.effect, call.over, call.args[0].item()))):
    ...     w = w.assign([2.0])
    >>> for effect, over, value in seen:
    ...     print(effect, over, value)
    tinygrad_cnn.autodiff.writing.put False 1.0
    tinygrad_cnn.autodiff.writing.put True 2.0
    """
    entry = threading.get_ident(), observer
    effect_observers.append(entry)
    try:
        yield
    finally:
        effect_observers.remove(entry)


def observed(call: Call, run: Callable[[], Any]) -> Any:
    """run(), told to this thread's observers."""
    mine = _of_this_thread(observers)
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
    _tell(mine, call)
    return call.result


def _of_this_thread(entries: list[tuple[int, Observer]]) -> list[Observer]:
    return [observer for thread, observer in entries if thread == threading.get_ident()]


def _tell(mine: list[Observer], call: Call) -> None:
    """Show a call to observers; the time that they take is charged to nobody."""
    began = perf_counter()
    for observer in mine:
        observer(call)
    running.lost += perf_counter() - began


def _op(op: Any, args: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
    def run() -> Any:
        y = op.fn(*arrays, **params)
        scalar = isinstance(y, np.generic) and any(isinstance(a, Tensor) for a in args)
        return np.asarray(y) if scalar else y  # the array that the Tensor will hold, not one like it

    return observed(Call(op, args, arrays, params), run)


def _step(node: Any, g: Any, create_graph: bool, within: set[Any] | None) -> Any:
    call = Call(node.op, (g,), (as_array(g),), node.params, node)
    return observed(call, lambda: pull_back(node, g, create_graph, within))


def _effect(name: str, fn: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    mine = _of_this_thread(effect_observers)
    if not mine:
        return fn(*args, **named)
    call = Call(None, args, (), named)
    call.effect, call.within, call.around = name, running.call, running.effect
    _tell(mine, call)
    running.effect = call
    try:
        call.result = fn(*args, **named)
    finally:
        running.effect = call.around
    call.over = True
    _tell(mine, call)
    return call.result


hooks.update(observed=_op, observed_step=_step, effect=_effect)
