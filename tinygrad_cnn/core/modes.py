"""The modes of the code that runs now: whether ops are recorded, and in which module.

They are one value in one context variable, so threads and asyncio tasks have modes of their own.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from .register import hooks


class Modes(NamedTuple):
    """All modes at one moment; what is written here holds where nothing was switched."""

    recording: bool = True
    path: str = ""  # of the module whose forward runs, as in "features.3"
    prefix: str = ""  # of the module that the user called
    below: Mapping[Any, str] = types.MappingProxyType({})  # modules below that one, and their paths from there
    recomputing: bool = False  # a checkpoint repeats a forward pass: running statistics must not move again
    generators: dict[int, tuple[Any, Any]] | None = None  # those drawn from inside a checkpoint, with their states
    unseeded: Callable[[], Any] | None = None  # makes the generators that nobody seeded, inside a checkpoint


_modes: ContextVar[Modes] = ContextVar("tinygrad_cnn modes", default=Modes())  # noqa: B039 -- a tuple
current = _modes.get


def enter(before: Modes, path: str, prefix: str, below: Mapping[Any, str]) -> Modes:
    """Note that a module's forward begins; return the modes from now on, for `leave`."""
    now: Modes = tuple.__new__(Modes, (before[0], path, prefix, below, *before[4:]))
    _modes.set(now)
    return now


def leave(before: Modes, entered: Modes) -> None:
    """Restore what `enter` changed."""
    now = current()
    if now is not entered:  # a mode was switched inside and not switched back
        before = now._replace(path=before.path, prefix=before.prefix, below=before.below)
    _modes.set(before)


class switched:
    """A context in which some modes have other values; also a decorator.

    The values from before are restored at the end, after an exception too, and even if the block is left in another
    thread or task than it was entered in.
    """

    def __init__(self, **changes: Any) -> None:
        self._changes = changes
        self._before: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        now = current()
        self._before.append({name: getattr(now, name) for name in self._changes})
        _modes.set(now._replace(**self._changes))

    def __exit__(self, *_: Any) -> None:
        _modes.set(current()._replace(**self._before.pop()))

    def __call__(self, fn: Callable[..., Any]) -> Any:
        return hooks["decorated"](self._changes, fn)


def no_grad(fn: Callable[..., Any] | None = None) -> Any:
    """Record nothing: a context, or a decorator with or without brackets.  Other threads and tasks go on as they were.

    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    >>> @tg.no_grad
    ... def double(x):
    ...     return x * 2
    >>> double(w).requires_grad
    False
    """
    return switched(recording=False) if fn is None else switched(recording=False)(fn)


def enable_grad(fn: Callable[..., Any] | None = None) -> Any:
    """Record ops even inside `no_grad`: a context, or a decorator with or without brackets.

    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     y = w * 2
    >>> y.requires_grad
    True
    """
    return switched(recording=True) if fn is None else switched(recording=True)(fn)


def scope(name: str) -> Any:
    """A context that files what is recorded inside it under `name`, below the current path.

    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.scope("head"):
    ...     y = tg.relu(x)
    >>> y.node.path
    'head'
    """
    path = current().path
    return switched(path=f"{path}.{name}" if path else name)
