"""Trace one call of a pure function: which compiled kernels and which functions of NumPy's it calls, with what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import kernels
from ..core.register import hooks, observers
from . import watched
from .instructions import Call, Slot
from .slots import Slots
from .watched import bare, watch


class Unclear(Exception):
    """A function does something that cannot be lowered: it reads values, or uses arrays that nobody knows."""


class Tracer(Slots):
    """Notes what one call does; its slots go on from a number."""

    active = True

    def __init__(self, first: int) -> None:
        super().__init__("")
        self.count = first
        self.fresh: dict[int, Slot] = {}  # results of kernels that are not written yet, by the id of the array
        self.roots: dict[Slot, Slot] = {}  # whose memory a result shows

    def refuse(self, what: str, remedy: str, site: Any = None) -> None:
        raise Unclear(what)

    def outside(self, a: Any) -> Slot:
        raise Unclear("an array of unknown origin")

    def scalar(self, a: np.ndarray) -> None:
        """A scalar counts as an array without axes."""

    def emit(
        self, kind: str, fn: Callable[..., Any], name: str, args: Any, params: dict[str, Any], y: Any, **more: Any
    ) -> Call:
        """Note a function of NumPy's; an elementwise one can write its result where it is told to."""
        if isinstance(fn, np.ufunc) and not params and _is_plain(y):
            kind = "ufunc"
        self.kept.append(y)  # a view of it would hold the memory only
        alone = isinstance(y, np.ndarray) and y.ndim == 0
        return super().emit(kind, fn, name, args, params, y, alone=alone, **more)

    def op(self, op: Any, args: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
        """Look into an op that the traced function calls."""
        if op.effects:
            raise Unclear("an effect")
        return op.fn(*[watch(a) if isinstance(a, np.ndarray) else a for a in arrays], **params)

    def told(self, fn: Any) -> Any:
        """What stands for a function that an op is given to call, as batch norm is: its call is noted, and not done."""
        if fn is None:
            return None

        def note(*args: Any) -> None:
            self.emit("effect", fn, "observe", [self.spec(bare(a)) for a in args], {}, None)

        return note

    def empty(self, shape: Any, dtype: Any) -> np.ndarray:
        """Memory for the result of a kernel."""
        y: np.ndarray = np.empty(shape, dtype)
        seen: np.ndarray = watch(y)
        self.fresh[id(seen)] = self.slot("temp", y)
        self.kept += [y, seen]
        return seen

    def kernel(self, name: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run a compiled kernel, and note the call if it computed."""
        plain = bare(args)
        done = fn(*plain)
        if done is not True or not any([isinstance(a, np.ndarray) for a in plain]):
            return done
        outs = [self.fresh.pop(id(a)) for a in args if id(a) in self.fresh]
        if not outs:
            raise Unclear("a write in place")
        specs = [self.spec(a) for a in plain]
        self.program.calls.append(Call("kernel", fn, name, specs, {}, tuple(outs)))
        return done


def _is_plain(y: Any) -> bool:
    """Whether a result is an array of its own, in the usual order, as memory that is lent for it would be."""
    return isinstance(y, np.ndarray) and y.ndim > 0 and y.base is None and y.flags.c_contiguous and y.size > 0


class Tracing:
    """Which tracer listens now; None between two calls."""

    tracer: Tracer | None = None


@contextmanager
def tracing() -> Iterator[Tracing]:
    """A context in which calls of this thread can be traced; `recording` may not run in it."""
    thread, now = threading.get_ident(), Tracing()

    def mine() -> Tracer | None:
        return now.tracer if threading.get_ident() == thread else None

    observed, before = hooks["observed"], watched.recorder_here
    entry = thread, lambda call: None

    def told(*call: Any) -> Any:
        tracer = mine()
        return observed(*call) if tracer is None else tracer.op(*call)

    def watch_kernel(name: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        return fn(*args) if now.tracer is None else now.tracer.kernel(name, fn, args)

    def lend(shape: Any, dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype) if now.tracer is None else now.tracer.empty(shape, dtype)

    observers.append(entry)
    hooks["observed"], watched.recorder_here = told, mine
    try:
        with kernels.traced(watch_kernel, lend):
            yield now
    finally:
        hooks["observed"], watched.recorder_here = observed, before
        observers.remove(entry)
