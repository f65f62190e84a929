"""The state that a step changes: kept before a run, put back, and compared after two runs from the same start."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np

from ..autodiff.randomness import get_rng_state, set_rng_state
from ..core import Op, Tensor
from ..core.graph import Leaf
from ..nn import Module
from .comparing import equal, same
from .instructions import Program

_LEAF = ("grad", "version", "assigned", "assigned_at", "name")
_READ_OFF = ("_mapped", "_steps")  # what modules keep of their structure
_FIXED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, np.dtype, Op)


class Snapshot:
    """The values of everything that the objects of a program hold, and of the default generator."""

    def __init__(self, program: Program, arguments: list[Any]) -> None:
        self.entries: dict[str, _Entry] = {}
        self.default = get_rng_state()
        stack: list[tuple[str, Any]] = [
            *_numbered("argument", [a for a in arguments if isinstance(a, Tensor)]),
            *_numbered("module", list(program.modules)),
            *_numbered("object", program.objects),
            *_numbered("array", [slot.value for slot in program.constants]),
        ]
        seen: set[int] = set()
        while stack:
            path, one = stack.pop()
            kind = _kind_of(one)
            if kind is None or id(one) in seen:
                continue
            seen.add(id(one))
            self.entries[path] = entry = kind(path, one)
            stack += entry.inner()

    def restore(self) -> None:
        """Put everything back as it was."""
        for entry in self.entries.values():
            entry.restore()
        if get_rng_state() != self.default:
            set_rng_state(self.default)

    def differences(self, other: Snapshot) -> list[str]:
        """What holds other values in another snapshot, after a run from the same start."""
        found = [entry.words() for path, entry in self.entries.items() if path not in other.entries]
        found += [entry.words() for path, entry in other.entries.items() if path not in self.entries]
        for path in self.entries.keys() & other.entries.keys():
            found += self.entries[path].differences(other.entries[path])
        return sorted(found + ["the default generator"] * (self.default != other.default))


def _numbered(word: str, values: list[Any]) -> list[tuple[str, Any]]:
    return [(f"{word} {k}", value) for k, value in enumerate(values)]


class _Entry:
    """One object, with what it held."""

    def __init__(self, path: str, value: Any) -> None:
        self.path, self.object = path, value
        self.keep()

    def words(self) -> str:
        """What messages call it."""
        return self.path

    def keep(self) -> None:
        """Keep what the object holds."""

    def inner(self) -> list[tuple[str, Any]]:
        """Objects inside that may change too, with their paths."""
        return []

    def restore(self) -> None:
        """Put back what was kept."""

    def differences(self, other: Any) -> list[str]:
        """What is different in the entry of the same place after another run."""
        return []


class _Array(_Entry):
    def keep(self) -> None:
        self.values = self.object.copy()

    def restore(self) -> None:
        _put_back(self.object, self.values)

    def differences(self, other: Any) -> list[str]:
        return [] if equal(self.values, other.values) else [self.path]


def _put_back(array: np.ndarray, values: np.ndarray) -> None:
    if not equal(array, values):
        np.copyto(array, values)


class _Tensor(_Entry):
    def words(self) -> str:
        return self.object.name or self.path

    def keep(self) -> None:
        t = self.object
        self.array, self.node, self.values = t._data, t.node, t._data.copy()
        self.fields = {name: getattr(t.node, name) for name in _LEAF} if isinstance(t.node, Leaf) else {}
        grad = t.node.grad
        self.gradient = None if grad is None else grad.copy()

    def restore(self) -> None:
        t = self.object
        t._data, t.node = self.array, self.node
        _put_back(self.array, self.values)
        for name, value in self.fields.items():
            setattr(t.node, name, value)
        if self.gradient is not None and self.fields:
            _put_back(t.node.grad, self.gradient)

    def differences(self, other: Any) -> list[str]:
        found = [] if equal(self.values, other.values) else [self.words()]
        a, b = self.gradient, other.gradient
        if (a is None) != (b is None) or (a is not None and not equal(a, b)):
            found.append(f"the gradient of {self.words()}")
        if self.fields.get("version") != other.fields.get("version"):
            found.append(f"the version of {self.words()}")
        return found


class _Generator(_Entry):
    def keep(self) -> None:
        self.state = self.object.bit_generator.state

    def restore(self) -> None:
        self.object.bit_generator.state = self.state

    def differences(self, other: Any) -> list[str]:
        return [] if repr(self.state) == repr(other.state) else [f"the generator {self.path}"]


class _Holder(_Entry):
    """A list, a dict, or an object with attributes."""

    def _now(self) -> dict[Any, Any]:
        one = self.object
        if isinstance(one, list):
            return dict(enumerate(one))
        return {k: v for k, v in (one if isinstance(one, dict) else vars(one)).items() if k not in _READ_OFF}

    def keep(self) -> None:
        self.held = self._now()

    def inner(self) -> list[tuple[str, Any]]:
        keys = [(f"{self.path} key {n}", k) for n, k in enumerate(self.held) if isinstance(k, Tensor)]
        return keys + [(f"{self.path}.{_word(k, n)}", v) for n, (k, v) in enumerate(self.held.items())]

    def restore(self) -> None:
        one, now = self.object, self._now()
        if [*now] == [*self.held] and all([now[k] is v for k, v in self.held.items()]):
            return
        if isinstance(one, list):
            one[:] = self.held.values()
            return
        table = one if isinstance(one, dict) else vars(one)
        for k in now:
            dict.__delitem__(table, k)
        for k, v in self.held.items():
            dict.__setitem__(table, k, v)

    def differences(self, other: Any) -> list[str]:
        pairs = [
            (self.held.get(k), other.held.get(k), f"{self.path}.{_word(k, n)}") for n, k in enumerate(self.held)
        ]
        plain = (bool, int, float, str, type(None), tuple)
        return [path for a, b, path in pairs if isinstance(a, plain) and isinstance(b, plain) and not same(a, b)]


class _Bound(_Entry):
    """A method or a partial function, whose object and arguments may change."""

    def inner(self) -> list[tuple[str, Any]]:
        if isinstance(self.object, functools.partial):
            return [(f"{self.path}.func", self.object.func)]
        return [(f"{self.path}.self", self.object.__self__)]


def _word(k: Any, n: int) -> str:
    return f"{k.name or 'parameter'} ({n})" if isinstance(k, Tensor) else str(k)


def _kind_of(value: Any) -> Any:
    """How to keep an object; None for what does not change."""
    if isinstance(value, np.ndarray):
        return _Array
    if isinstance(value, Tensor):
        return _Tensor
    if isinstance(value, np.random.Generator):
        return _Generator
    if isinstance(value, (functools.partial, types.MethodType)):
        return _Bound
    if isinstance(value, (list, dict)) or (isinstance(value, Module) or hasattr(value, "__dict__")):
        return None if isinstance(value, _FIXED) else _Holder
    return None
