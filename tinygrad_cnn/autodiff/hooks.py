"""Hooks: functions that are shown what passes a tensor or an op, and may replace a tensor's gradient."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from ..core.errors import describe
from ..core.graph import Note
from ..core.register import glue, observers
from ..core.register import hooks as engine_hooks
from ..core.tensor import Tensor, as_array
from .observing import Call

Hook = Callable[..., Any]
_numbers = count()


class Handle:
    """What `register_...hook` returns: `remove()` takes the hook away, and so does the end of a `with` block."""

    def __init__(self, hooks: dict[int, Hook], fn: Hook, changed: Callable[[], Any] = lambda: None) -> None:
        if not callable(fn):
            raise TypeError(f"a hook must be a function, got {describe(fn)}.")
        self._key, self._hooks, self._changed = next(_numbers), hooks, changed
        hooks[self._key] = fn
        changed()

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        if self._hooks.pop(self._key, None) is not None:
            self._changed()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def name_of(fn: Hook) -> str:
    """A hook as messages name it."""
    return f"hook {getattr(fn, '__qualname__', type(fn).__name__)}"


def read_only(value: Any) -> Any:
    """A view that a hook cannot write to, since others use the array too."""
    if type(value) is not np.ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def on_gradient(t: Tensor, fn: Hook) -> Handle:
    """Attach a hook to a tensor (see `Tensor.register_hook`)."""
    if not t.requires_grad:
        raise TypeError(f"register_hook: tensor {t.name or t.shape} does not require a gradient, so none will come.")
    note = t.node.note = t.node.note or Note()
    return Handle(note.hooks, fn)


def noted(node: Any, g: Any, create_graph: bool) -> Any:
    """Return the gradient of a node after its hooks have seen it, and perhaps replaced it; keep it if asked for."""
    for fn in list(node.note.hooks.values()):
        given = read_only(g)
        new = fn(given)
        if new is None or new is given:
            continue
        who = f"{name_of(fn)} on {node.label if node.op is not None else f'tensor {node.name or node.shape}'}"
        array = as_array(new, who)
        if array.shape != g.shape or array.dtype != g.dtype:
            raise TypeError(f"{who}: returned {describe(array)}, expected None or a gradient of {describe(g)}.")
        g = array if not create_graph else new if isinstance(new, Tensor) else Tensor(array)
    if node.note.retains_grad and not create_graph:
        before = node.note.grad
        node.note.grad = glue["copy"](g) if before is None else glue["add"](before, g)
    return g


def on_op(op: Any, fn: Hook, backward: bool) -> Handle:
    """Show this thread's calls of an op, or the steps back through it (see `Op.register_forward_hook`)."""

    def see(call: Call) -> None:
        if call.op is not op or (call.node is not None) is not backward:
            return
        arrays = tuple(read_only(as_array(a)) if a is not None else None for a in call.arrays)
        if backward:
            result: Any = tuple(read_only(np.array(as_array(g))) for _, g in call.result)  # the walk adds to its own
        else:
            result = read_only(call.result[0] if op.aux else call.result)
        if (returned := fn(op, arrays, result)) is not None:
            raise TypeError(f"{op.name}: {name_of(fn)} returned {describe(returned)}, expected None: it only looks on.")

    entry = threading.get_ident(), see
    hooks: dict[int, Hook] = {}
    return Handle(hooks, fn, lambda: observers.append(entry) if hooks else observers.remove(entry))


engine_hooks["noted"] = noted
