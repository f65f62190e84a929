"""What a function changes beside ops and effects: its lists, counters and attributes, which a replay leaves alone."""

from __future__ import annotations

import types
from typing import Any

from ..core.site import Site, is_ours
from ..nn import Module

_COUNTED = (list, dict, set)
_NUMBERS = (bool, int, float, str, type(None))

Marks = dict[tuple[Site, str], Any]  # of each value that a function can change: where the function begins, its name


def own_state(fn: Any) -> Marks:
    """Marks of the lists, dicts, sets and numbers that a function, or one of the user's that it calls, can change."""
    found: Marks = {}
    seen: set[int] = set()
    stack = [fn]
    while stack:
        one = stack.pop()
        owner, code = getattr(one, "__self__", None), getattr(one, "__func__", one)
        if id(code) in seen or not isinstance(code, types.FunctionType) or is_ours(code.__code__.co_filename):
            continue
        seen.add(id(code))
        values = _values(code)
        stack += [v for v in values.values() if isinstance(v, (types.FunctionType, types.MethodType))]
        if owner is not None and not isinstance(owner, Module):
            values |= {f"{type(owner).__name__}.{k}": v for k, v in getattr(owner, "__dict__", {}).items()}
        place = code.__code__, 0
        found |= {(place, k): _mark(v) for k, v in values.items() if isinstance(v, (*_COUNTED, *_NUMBERS))}
    return found


def _values(fn: types.FunctionType) -> dict[str, Any]:
    """What a function reads from outside, by name."""
    code = fn.__code__
    values = {name: fn.__globals__[name] for name in code.co_names if name in fn.__globals__}
    for name, cell in zip(code.co_freevars, fn.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not set yet
            values[name] = None
    return values


def _mark(value: Any) -> Any:
    if isinstance(value, list):
        return id(value), [id(v) for v in value]
    if isinstance(value, dict):
        return id(value), [(id(k), id(v)) for k, v in value.items()]
    return (id(value), len(value)) if isinstance(value, set) else value


def changed(before: Marks, fn: Any) -> tuple[Site, str] | None:
    """What a call changed, and where the function begins that can have changed it; None if it changed nothing."""
    now = own_state(fn)
    return next((key for key, mark in before.items() if now.get(key) != mark), None)
