"""Effects: functions that change state, declared so that observers see each call; and those that only look."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..core.register import hooks, observers

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


def whole(fn: F) -> F:
    """Declare that a function computes with arrays outside of any op, as checks of labels do; a decorator.

    Observers of ops that record what runs then see one call; it changes nothing and may read values.
    """

    @wraps(fn)
    def run(*args: Any, **named: Any) -> Any:
        return hooks["whole"](fn, args, named) if observers else fn(*args, **named)

    return cast(F, run)


hooks["whole"] = lambda fn, args, named: fn(*args, **named)
hooks["add_gradients"] = effect(hooks["add_gradients"])
