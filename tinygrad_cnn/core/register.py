"""What the engine and the packages above it tell each other: the registry of ops, and the hooks that they fill."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import nearest


class Registry(dict[str, Any]):
    """The ops by name; tests, docs, labels and costs are read from it.  For an unknown name it says which are near."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0  # of ops and rules
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

hooks: dict[str, Any] = {
    # in core: backward, of Tensor.backward; add_gradients(found)
    # in autodiff: observed(op, args, arrays, params) and observed_step tell observers;
    # composed(node, g, within) is the step back of a fused op, recorded; decorated(changes, fn) is fn in other modes
    "explain": lambda t, loss=None: "it requires none, or is not on a path to the output",  # why no gradient comes
    "final": None,  # called as (node, g) when a gradient of a backward is complete, unless it is None
    "reduced": lambda found: found,  # makes the gradients of leaves the mean over all ranks, before they are added
    "noted": lambda node, g, create_graph: g,  # calls hooks on the gradient of a node, and keeps it if asked for
    "plain": lambda op, params: params,  # makes parameters plain values, or refuses them
    "numbers": lambda op, arrays, shaped, loose: (arrays, shaped),  # gives numbers and whole numbers their dtype
    "array": lambda value, who: np.asarray(value),  # makes an array of Python numbers and lists
    "scalar": lambda op, value, args: value,  # makes a NumPy scalar a plain number where its dtype is to give way
    "odd": lambda array, value: f"dtype {array.dtype}",  # says what cannot become a Tensor, and what to do
    "result": lambda op, y, traced: np.asarray(y) if traced else y,  # refuses what is not an array
    "rule": lambda op, own, fn: inspect.signature(fn).parameters,  # refuses what is not a rule
    "unknown": lambda op, args, params, name: TypeError(f"{op.name}: unknown parameter {name!r}"),  # in a call
    "failed": lambda op, error, args, params, arrays: None,  # words the error of a call
    "guard": lambda watch, args, arrays, edges: False,  # copies or marks arrays of the user's that are saved
    "unchanged": lambda node: None,  # refuses a step back if what was saved was written to since
    # in the front door, imported when called: html(object), summary(module, input_shape), open_run(path),
    # replay(run, step, model, data); front(), which is the package
}
