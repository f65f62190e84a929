"""Effects: functions and methods that change state, declared so that observers see each call."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..core.register import hooks

effects: dict[str, Callable[..., Any]] = {}  # every function and method that changes state, by its dotted name
effect_observers: list[tuple[int, Callable[..., Any]]] = []  # who looks on at them, with the thread of each

F = TypeVar("F", bound=Callable[..., Any])


def effect(fn: F) -> F:
    """Declare that a function or method changes state, so that observers see each call; a decorator.

    State is whatever a later call can read: values of leaves, gradients, what optimisers remember, running
    statistics, random generators.  Observers are `autodiff.observing.observing_effects`.
    """
    name = f"{fn.__module__}.{fn.__qualname__}"

    @wraps(fn)
    def run(*args: Any, **named: Any) -> Any:
        return hooks["effect"](name, fn, args, named) if effect_observers else fn(*args, **named)

    effects[name] = run
    return cast(F, run)


hooks["add_gradients"] = effect(hooks["add_gradients"])
