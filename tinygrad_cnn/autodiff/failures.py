"""What failed: read from the note that an exception bears of the ops, steps back and modules that it interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Interrupted
from ..core.graph import Leaf, Node
from ..core.operation import Op
from ..core.tensor import Tensor


@dataclass(eq=False)
class Failure:
    """Stands where a node would, had its op not failed."""

    op: Any
    inputs: list[Any]
    params: dict[str, Any]
    path: str
    message: str
    site: Any = None
    name: str | None = None
    tensors: list[Any] = field(default_factory=list)  # those among its inputs
    shape: tuple[int, ...] = ()
    dtype: Any = None
    requires_grad = False


class NotAnOp:
    """Stands for an op where there was none: a layer that refused its input, or a hook on the gradient of a leaf."""

    variadic, broadcasts, inputs, last = True, False, ("x",), 0
    input = Op.input

    def __init__(self, name: str) -> None:
        self.name = name


def failure_of(error: BaseException, caller: str) -> tuple[Failure, Any]:
    """Return what failed, and the outermost module that was running, or None.

    What failed is the innermost step back, else the innermost op that was given Tensors, else the innermost layer.

    Raises
    ------
    ValueError : neither an op nor a module was running when the error was raised.
    """
    noted = interrupted(error)
    steps = [what for what, *_ in noted if isinstance(what, (Node, Leaf))]
    ops = [_of_op(*entry) for entry in noted if isinstance(entry[0], Op)]
    layers = [entry for entry in noted if _is_layer(entry[0])]
    if steps:
        failure = _of_step(steps[0])
    elif ops:
        failure = next((op for op in ops if op.tensors), ops[0])
    elif layers:
        layer, args, kwargs, path = layers[0]
        given = [*args, *kwargs.values()]
        failure = Failure(NotAnOp(type(layer).__name__), [_node(a) for a in given], {}, path, "")
        failure.tensors = [a for a in given if isinstance(a, Tensor)]
    else:
        raise ValueError(
            f"{caller}: no op was running when this {type(error).__name__} was raised, so there is no graph to draw. "
            "Pass an exception that came out of a forward pass, as it was caught."
        )
    failure.message = f"{failure.message}{type(error).__name__}: {error}"
    return failure, layers[-1][0] if layers else None


def interrupted(error: BaseException) -> list[tuple[Any, ...]]:
    """Return what an exception interrupted, innermost first; of one without a note, what led to it interrupted.

    If it interrupted modules only and was raised ``from`` another exception, that one says which op it was.
    """
    found: list[tuple[Any, ...]] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        found = [*_noted(link), *found]
        if not all(_is_layer(what) for what, *_ in found):
            break
        link = link.__cause__ or (link.__context__ if not found else None)
    return found


def _noted(error: BaseException) -> list[tuple[Any, ...]]:
    try:
        note = vars(error).get("_interrupted")
    except Exception:  # a class of exceptions that hides what it holds
        return []
    return note if isinstance(note, Interrupted) else []


def _is_layer(what: Any) -> bool:
    return not isinstance(what, (Op, Node, Leaf))


def _of_step(node: Any) -> Failure:
    told = "in its gradient. "
    if isinstance(node, Leaf):
        return Failure(NotAnOp(f"gradient of {node.name or 'a tensor'}"), [node], {}, node.path, told)
    return Failure(node.op, list(node.inputs), node.params, node.path, told, node.site)


def _of_op(op: Any, args: tuple[Any, ...], params: Mapping[str, Any], path: str) -> Failure:
    """A call that failed, perhaps before its arguments were sorted into inputs and parameters."""
    if op.variadic and len(args) == 1 and isinstance(args[0], (list, tuple)):  # concatenate([a, b])
        args = tuple(args[0])
    inputs = list(args if op.variadic else args[: len(op.inputs)])
    by_name = {} if op.variadic else {name: params[name] for name in op.inputs[len(inputs) :] if name in params}
    inputs += by_name.values()
    rest = {name: value for name, value in params.items() if name not in by_name and name not in op.effects}
    tensors = [a for a in inputs if isinstance(a, Tensor)]
    return Failure(op, [_node(a) for a in inputs], rest, path, "", tensors=tensors)


def _node(value: Any) -> Any:
    """Return an argument as a node: a Tensor's own; for an array a leaf; None for a number."""
    if isinstance(value, Tensor):
        return value.node
    return Leaf(tuple(value.shape), value.dtype) if hasattr(value, "shape") and hasattr(value, "dtype") else None
