"""The reader: what ran, as nodes, for everybody who wants to know (drawings, explanations, costs, exports).

Recorded nodes say it of a result; a module or a function is run and recorded; an exception bears a note of what it
interrupted.  No frame and no traceback is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.errors import describe
from ..core.graph import Released, all_inputs, walk
from ..core.modes import current, enable_grad, switched
from ..core.rules import holds_array
from ..core.tensor import Tensor
from .checkpointing import set_generators
from .failures import Failure, failure_of


@dataclass(eq=False)
class Graph:
    """What ran, as nodes.

    Attributes
    ----------
    order : every node and leaf once, inputs before consumers.  A call that failed is the last, as a `Failure`.
    names : what to call each of them: the name or path of a Tensor, the name of an argument, or the op and its module.
    values : the arrays of those whose array is known: outputs, leaves of a module, inputs, what nodes keep for rules.
    outputs : the results, each with the word that marks it.
    inputs : leaves that were passed to the module or function, with the names of the arguments.
    paths : leaves of the module (parameters and buffers) with their paths.
    leaves : Tensors of inputs, parameters and buffers by their nodes.
    modules : the modules by path; empty for a function or a Tensor.
    failure : the call that failed, of an exception.
    """

    order: list[Any]
    outputs: list[tuple[str, Tensor]]
    inputs: Mapping[Any, str] = field(default_factory=dict)
    paths: Mapping[Any, str] = field(default_factory=dict)
    leaves: Mapping[Any, Tensor] = field(default_factory=dict)
    modules: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    names: dict[Any, str] = field(init=False)
    values: dict[Any, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.names = {node: self._name(node) for node in self.order}
        known = {node: array for each in self.order for node, array in kept(each) if node is not None}
        tensors = [y for _, y in self.outputs] + (self.failure.tensors if self.failure else [])
        known |= {t.node: t.data for t in [*self.leaves.values(), *tensors]}
        self.values = {node: known[node] for node in self.order if node in known}

    def _name(self, node: Any) -> str:
        if isinstance(node, Failure):
            return f"{node.op.name} ({node.path})" if node.path else str(node.op.name)
        given = node.name or self.paths.get(node) or self.inputs.get(node)
        return str(given or (node.label if node.op is not None else "tensor" if node.given else "array"))


def graph_of(subject: Any, *inputs: Any, caller: str = "graph_of", **kwargs: Any) -> Graph:
    """Return the graph of what ran.

    Parameters
    ----------
    subject : a Tensor, or several in lists, tuples or dicts; a module or function, which is run and recorded; or an
        exception that a forward or backward pass raised, of which the graph is read up to the failure.
    inputs, kwargs : what a module or function is called with.  Arrays among the inputs become leaves that require a
        gradient, so that every op is recorded.
    caller : the function that the user called, which error messages name.

    The model is left as it was: its modes are kept, and running statistics and random generators do not move.

    Raises
    ------
    TypeError : the subject is none of these, or something else than a module or function was given inputs.
    ValueError : the exception did not come out of an op or a module.

    Examples
    --------
    >>> from tinygrad_cnn.autodiff.reader import graph_of
    >>> graph = graph_of(nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh()), np.ones((1, 2), np.float32))
    >>> [graph.names[node] for node in graph.order]
    ['x', '0.weight', '0.bias', 'linear (0)', 'tanh (1)']
    """
    if callable(subject) and not isinstance(subject, (Tensor, BaseException)):
        return _run(subject, inputs, kwargs, caller)
    if inputs or kwargs:
        raise TypeError(f"{caller}: only a module or function takes example inputs, but the first is "
                        f"{describe(subject)}.")  # fmt: skip
    if isinstance(subject, BaseException):
        failure, model = failure_of(subject, caller)
        return Graph(behind([failure]), [], failure=failure, **_known(model))
    outputs = list(_outputs(subject, "output", caller))
    return Graph(behind([y.node for _, y in outputs]), outputs)


def behind(roots: Sequence[Any], stop: Collection[Any] = ()) -> list[Any]:
    """Return every node and leaf behind the roots once, inputs before consumers, the first input first."""
    return walk(reversed(roots), all_inputs, stop)


def finds_all(op: Any) -> bool:
    """Whether an op finds all its gradients by itself, as a checkpoint does, which has neither rules nor a cost."""
    return getattr(op, "own_pull_back", None) is not None


def kept(node: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """The arrays that a node keeps for its rules, each with the node whose value it is, or None for a side result."""
    if node.op is None or isinstance(node, Failure):
        return
    if finds_all(node.op):
        yield from ((a.node, a.data) for a in node.op.args if isinstance(a, Tensor) and a.node in node.inputs)
        return
    if isinstance(node.saved, Released):
        return
    for item, value in zip(node.plan.items, node.saved, strict=True):
        whose = {"y": node, "input": node.inputs[item.what] if item.kind == "input" else None}.get(item.kind)
        several = item.kind == "inputs"
        for edge, array in zip(node.inputs[item.what :], value, strict=True) if several else [(whose, value)]:
            if type(array) is np.ndarray:
                yield edge, array


def saved(node: Any) -> dict[str, Any]:
    """The arrays that a node keeps alive for its rules, by name."""
    if node.op is None or isinstance(node.saved, Released):
        return {}
    named = zip(node.plan.items.values(), node.saved, strict=True)
    return {name: value for name, value in named if holds_array(value)}


# -- subjects -------------------------------------------------------------------------------------------------


def _outputs(y: Any, label: str, caller: str) -> Iterator[tuple[str, Tensor]]:
    """Each Tensor in y, with the word that marks it."""
    if isinstance(y, Tensor):
        yield label, y
    elif isinstance(y, dict):
        for key, value in y.items():
            yield from _outputs(value, f"{label} {key}", caller)
    elif isinstance(y, (list, tuple)):
        for k, value in enumerate(y):
            yield from _outputs(value, f"{label} {k}" if len(y) > 1 else label, caller)
    else:
        raise TypeError(
            f"{caller}: expected a Tensor, several of them, or a module with an example input; got {describe(y)}, "
            "which has no history. Pass the Tensor that the ops returned."
        )


def _run(model: Callable[..., Any], inputs: tuple[Any, ...], kwargs: dict[str, Any], caller: str) -> Graph:
    """Run a model, recorded, as if it were called from outside of any module; random generators are put back."""
    points = [_example(x) for x in inputs]
    with enable_grad(), switched(recomputing=True, generators={}, path="", prefix="", below={}):
        try:
            y = model(*points, **kwargs)
        finally:
            set_generators((current().generators or {}).values())
    outputs = list(_outputs(y, "output", caller))
    words = [*zip(argument_names(model, len(points)), points, strict=True), *kwargs.items()]
    given = {t.node: (word, t) for word, t in words if isinstance(t, Tensor)}
    known = _known(model)
    known["leaves"] = {node: t for node, (_, t) in given.items()} | known["leaves"]
    names = {node: word for node, (word, _) in given.items()}
    return Graph(behind([y.node for _, y in outputs]), outputs, names, **known)


def _known(model: Any) -> dict[str, Any]:
    """The leaves of a model and its modules, by the methods that modules have; a function has none."""
    named = [pair for kind in ("named_parameters", "named_buffers") for pair in _asked(model, kind)]
    tensors = [(name, value) for name, value in named if isinstance(value, Tensor)]
    return {
        "paths": {value.node: name for name, value in tensors},
        "leaves": {value.node: value for _, value in tensors},
        "modules": dict(_asked(model, "named_modules")),
    }


def _asked(model: Any, method: str) -> Iterable[Any]:
    found: Iterable[Any] = getattr(model, method, tuple)()
    return found


def _example(x: Any) -> Any:
    """An input as a leaf of its own, which requires a gradient so that every op is recorded."""
    if isinstance(x, Tensor) and x.requires_grad:
        return x
    values = x.data if isinstance(x, Tensor) else x
    if not isinstance(values, (np.ndarray, np.generic, list, float)):
        return x
    point = Tensor(values, name=x.name if isinstance(x, Tensor) else None)
    if point.dtype.kind == "f":
        point.requires_grad = True
    return point


def argument_names(model: Any, count: int) -> list[str]:
    """What the model calls its inputs: the names of its first positional arguments."""
    try:
        signature = inspect.signature(getattr(model, "forward", model))
    except (TypeError, ValueError):
        return [f"input {k}" for k in range(count)]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    words = [p.name for p in signature.parameters.values() if p.kind in kinds][:count]
    return words + [f"input {k}" for k in range(len(words), count)]
