"""What the engine and the packages above it tell each other: the registry of ops, and the hooks that they fill."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from .errors import nearest


class Registry(dict[str, Any]):
    """The ops by name; tests, docs, labels and costs are read from it.  For an unknown name it says which are near."""

    def __init__(self) -> None:
        super().__init__()
        self.of_numpy: dict[Callable[..., Any], Callable[..., Any]] = {}  # which op a NumPy function means

    def __missing__(self, name: str) -> Any:
        raise KeyError(f"no op is named {name!r}.{nearest(name, self)} tg.registry lists them all.")


registry = Registry()

glue: dict[str, Callable[..., Any]] = {  # the array work that the engine does itself, beside ops and rules
    "seed": np.ones_like,  # what a walk back starts from
    "copy": np.copy,  # of a gradient that somebody else may write to
    "share": lambda a: a.view(),  # the same memory for several inputs, so that nobody takes it for his own
    "add": operator.add,
    "add_into": lambda a, b: np.add(a, b, out=a),  # a faster one, in ops
}

observers: list[tuple[int, Callable[..., Any]]] = []  # who looks on at ops and steps back, with the thread of each

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


hooks: dict[str, Callable[..., Any]] = {
    # in core: backward, of Tensor.backward
    # in autodiff: observed(op, args, arrays, params), observed_step and effect(name, fn, args, named) tell observers;
    # composed(node, g, within) is the step back of a fused op, recorded; decorated(changes, fn) is fn in other modes
    "explain": lambda t, loss=None: "it requires none, or is not on a path to the output",  # why no gradient comes
    "noted": lambda node, g, create_graph: g,  # calls hooks on the gradient of a node, and keeps it if asked for
    "guard": lambda watch, args, arrays, edges: False,  # copies or marks arrays of the user's that are saved
    "unchanged": lambda node: None,  # refuses a step back if what was saved was written to since
    # in the front door, imported when called: html(object), summary(module, input_shape), open_run(path)
}
