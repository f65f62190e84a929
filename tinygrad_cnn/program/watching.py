"""What a recorder listens to while one thread records: ops, rules, glue, effects, and reads of values by Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autodiff.effects import effect_observers
from ..core import Tensor
from ..core.register import glue, hooks, observers
from ..nn import Module
from . import watched
from .recorder import Recorder
from .reports import READS, Reports

one_at_a_time = threading.RLock()  # recordings and tracings, which put themselves into tables of the process


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """A context in which `recorder` is told of what this thread does."""
    thread = threading.get_ident()

    def mine() -> bool:
        return threading.get_ident() == thread and recorder.active

    with one_at_a_time:
        entry = thread, lambda call: None
        observers.append(entry)
        effect_observers.append(entry)
        undo = [*_hooked(recorder, mine), *_patched(recorder, mine)]
        watched.recorder_here = lambda: recorder if mine() and not recorder.depth else None
        try:
            yield
        finally:
            recorder.active = False
            watched.recorder_here = watched.nobody
            for back in undo:
                back()
            observers.remove(entry)
            effect_observers.remove(entry)


def _hooked(recorder: Recorder, mine: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Put the recorder into the engine's tables; gives what takes it out again."""
    before = {name: hooks[name] for name in ("observed", "observed_step", "effect", "whole", "guard")}
    work = dict(glue)

    def guard(watch: Any, args: Any, arrays: Any, edges: Any) -> Any:
        given = [*arrays]
        marked = before["guard"](watch, args, arrays, edges)
        if mine():
            recorder.guarded(given, arrays)
        return marked

    def on(name: str, told: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: told(*args) if mine() else before[name](*args)

    def glued(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: recorder.glue(name, fn, *arrays) if mine() else fn(*arrays)

    hooks.update(
        observed=on("observed", recorder.op), observed_step=on("observed_step", recorder.step),
        effect=on("effect", recorder.effect), whole=on("whole", recorder.whole), guard=guard,
    )  # fmt: skip
    glue.update({name: glued(name, fn) for name, fn in work.items()})
    return iter([lambda: hooks.update(before), lambda: glue.update(work)])


def _patched(recorder: Recorder, mine: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Have Tensor and Module report what no op shows; gives what undoes it."""
    told = Reports(recorder, mine)
    for name, how in READS.items():
        yield _replaced(Tensor, name, told.reading(how))
    for owner, name in (
        (Tensor, "__init__"), (Tensor, "data"), (Tensor, "grad"), (Tensor, "numpy"), (Tensor, "detach"),
        (Module, "__call__"),
    ):  # fmt: skip
        yield _replaced(owner, name, getattr(told, name.strip("_")))


def _replaced(owner: type, name: str, make: Callable[[Any], Any]) -> Callable[[], None]:
    """Put what `make` makes of an attribute of a class in its place; returns what puts the old one back."""
    plain, own = getattr(owner, name), name in vars(owner)
    setattr(owner, name, make(plain))
    return lambda: setattr(owner, name, plain) if own else delattr(owner, name)
