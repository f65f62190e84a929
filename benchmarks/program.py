"""A network's forward pass as users write it: ``x = max_pool(relu(conv(x)))``, a statement for each layer with weights.

Layers with weights are modules; what has none is a function of the framework.  Results that only the next function
needs have no name, as in code that is written by hand, so that a framework may write over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Step = Callable[[Any], Any]

WEIGHTED = ("conv", "transposed", "norm", "dense")
BEGIN = ("conv", "transposed", "dense", "residual", "concat")  # the layers that begin a statement


def program(layers: Any, modules: Iterator[Step], words: Mapping[str, Callable[..., Any]]) -> Step:
    """Return the forward pass of `layers`, as a function of the images.

    Parameters
    ----------
    modules : those of the layers with weights, in the order of `nets.walk`.
    words : the framework's functions by the kinds of the other layers, and ``add`` and ``concat`` of two results.
    """
    statements: list[Step] = []
    for layer in layers:
        step = _step(layer, modules, words)
        if statements and layer[0] not in BEGIN:
            statements[-1] = _after(statements[-1], step)
        else:
            statements.append(step)
    return _in_turn(tuple(statements))


def _step(layer: Any, modules: Iterator[Step], words: Mapping[str, Callable[..., Any]]) -> Step:
    kind = layer[0]
    if kind in WEIGHTED:
        return next(modules)
    if kind not in ("residual", "concat"):
        return words[kind]
    join = words["add" if kind == "residual" else "concat"]
    first = program(layer[1], modules, words) if layer[1] else None
    second = program(layer[2], modules, words) if layer[2] else None
    if first is None:
        assert second is not None
        return lambda x: join(x, second(x))
    if second is None:
        return lambda x: join(first(x), x)
    return lambda x: join(first(x), second(x))


def _after(inner: Step, outer: Step) -> Step:
    return lambda x: outer(inner(x))


def _in_turn(statements: tuple[Step, ...]) -> Step:
    if len(statements) == 1:
        return statements[0]

    def run(x: Any) -> Any:
        for statement in statements:
            x = statement(x)
        return x

    return run
