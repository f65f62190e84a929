"""Trace one call of a pure function: which compiled kernels and which functions of NumPy's it calls, with what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.register import hooks, observers
from ..kernels import native
from . import watched
from .instructions import Call, Slot
from .slots import Slots
from .watched import bare, watch

KERNELS = {"conv2d", "conv2d_dx", "conv2d_dw", "pool2d", "matmul", "rowwise", "columns", "each"}


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
        if done is not True:
            return done
        if name == "each" and plain[0] in (native._native.SGD, native._native.ADAM):
            raise Unclear("a write in place")
        outs = [self.fresh.pop(id(a)) for a in args if id(a) in self.fresh]
        specs = [self.spec(a) for a in plain]
        self.program.calls.append(Call("kernel", fn, name, specs, {}, tuple(outs)))
        return done


def _is_plain(y: Any) -> bool:
    """Whether a result is an array of its own, in the usual order, as memory that is lent for it would be."""
    return isinstance(y, np.ndarray) and y.ndim > 0 and y.base is None and y.flags.c_contiguous and y.size > 0


class _Native:
    """Stands for the module of compiled kernels while a function is traced."""

    def __init__(self, real: Any, mine: Callable[[], Tracer | None]) -> None:
        self._real, self._mine = real, mine

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        tracer = self._mine() if name in KERNELS else None
        return found if tracer is None else lambda *args: tracer.kernel(name, found, args)


class Tracing:
    """Which tracer listens now; None between two calls."""

    tracer: Tracer | None = None


@contextmanager
def tracing() -> Iterator[Tracing]:
    """A context in which calls of this thread can be traced; `recording` may not run in it."""
    thread, now = threading.get_ident(), Tracing()

    def mine() -> Tracer | None:
        return now.tracer if threading.get_ident() == thread else None

    observed, empty, real, before = hooks["observed"], native.empty, native._native, watched.recorder_here
    entry = thread, lambda call: None
    observers.append(entry)
    hooks["observed"] = lambda *args: mine().op(*args) if mine() is not None else observed(*args)  # type: ignore[union-attr]
    native.empty = lambda *args: mine().empty(*args) if mine() is not None else empty(*args)  # type: ignore[union-attr]
    native._native = _Native(real, mine) if real is not None else None
    watched.recorder_here = mine
    try:
        yield now
    finally:
        hooks["observed"], native.empty, native._native, watched.recorder_here = observed, empty, real, before
        observers.remove(entry)
