"""Hooks of modules: functions that see what goes in, what comes out and its gradient, and may replace it.

A module without hooks pays for one test.  Layers that have some are not fused with their neighbours, so that a hook
sees what its layer computes and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..autodiff.hooks import Hook, name_of
from ..core import Tensor
from ..core.errors import describe
from ..core.modes import current
from ..ops.algebra import alias


class Hooks:
    """The hooks of one module, each kind in the order of registration.

    True if the layer must compute by itself what they see.  Onlookers take what comes, so the layer stays fused;
    so it does with contexts, made by ``fn(module)``, `around` its call.
    """

    def __init__(self) -> None:
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.gradient: dict[int, Hook] = {}
        self.onlookers: dict[int, Hook] = {}
        self.around: dict[int, Hook] = {}

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.gradient)

    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module's forward, with its hooks around it."""
        with ExitStack() as around:
            for fn in list(self.around.values()):
                around.enter_context(fn(module))
            return self._run(module, args, kwargs)

    def _run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for fn in list(self.before.values()):
            if (new := fn(module, args)) is not None:
                args = _arguments(_who(module, fn), new, args)
        y = module.forward(*args, **kwargs)
        for fn in list(self.after.values()):
            if (new := fn(module, args, y)) is not None:
                y = _output(_who(module, fn), new, y)
        if self.gradient:
            y = _watched(module, y, list(self.gradient.values()))
        for fn in list(self.onlookers.values()):
            fn(module, args, kwargs, y)
        return y


@contextmanager
def looking_on(modules: Iterable[Any], fn: Hook) -> Iterator[None]:
    """A context in which ``fn(module, args, kwargs, output)`` is called after each call of one of these modules.

    Layers are fused as ever: of one whose result a neighbour computes, no call is seen.
    """
    with ExitStack() as handles:
        for module in modules:
            handles.enter_context(module._hook("onlookers", fn))
        yield


def _who(module: Any, fn: Hook) -> str:
    kind = type(module).__name__
    path = current().path
    return f"{kind} ({path}): {name_of(fn)}" if path else f"{kind}: {name_of(fn)}"


def _arguments(who: str, new: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(new, tuple) and len(args) == 1:
        new = (new,)
    if not isinstance(new, tuple) or len(new) != len(args):
        raise TypeError(f"{who} returned {describe(new)}, expected None or a tuple of {len(args)} arguments.")
    for k, (got, given) in enumerate(zip(new, args, strict=True)):
        if isinstance(given, (Tensor, np.ndarray)) and not isinstance(got, (Tensor, np.ndarray)):
            raise TypeError(f"{who} returned {describe(got)} for argument {k}, expected an array or a Tensor.")
    return new


def _output(who: str, new: Any, y: Any) -> Any:
    """What a forward hook returned, if it can stand for the output."""
    if not isinstance(y, (Tensor, np.ndarray)):
        if type(new) is not type(y):
            raise TypeError(f"{who} returned {describe(new)}, expected None or a {type(y).__name__} like the output.")
        return new
    if not isinstance(new, (Tensor, np.ndarray)) or new.shape != y.shape or new.dtype != y.dtype:
        raise TypeError(f"{who} returned {describe(new)}, expected None or an output of {describe(y)}.")
    if isinstance(y, Tensor) and y.requires_grad and not isinstance(new, Tensor):
        raise TypeError(
            f"{who} returned a plain array, which would cut the gradient in silence. Compute it of the output with "
            "tg functions, or return tg.Tensor(array) if the gradient is meant to end there."
        )
    return new


def _watched(module: Any, y: Any, hooks: list[Hook]) -> Any:
    """The output as a result of its own, whose gradient is what passed through this module and no other."""
    if not isinstance(y, (Tensor, np.ndarray)):
        raise TypeError(f"{_who(module, hooks[0])} needs a module that returns one Tensor, not {describe(y)}.")
    if not isinstance(y, Tensor) or not y.requires_grad:
        return y
    y = alias(y)
    for fn in hooks:
        y.register_hook(_bound(module, fn))
    return y


def _bound(module: Any, fn: Hook) -> Hook:
    def hook(g: Any) -> Any:
        return fn(module, g)

    hook.__qualname__ = getattr(fn, "__qualname__", type(fn).__name__)  # messages name the user's
    return hook
