"""What a snapshot has of a result: its graph, its values, and the gradients behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..autodiff.reader import Graph, graph_of
from ..core import GraphError, Tensor, no_grad
from ..core.engine import in_order, sweep
from ..core.errors import describe
from ..core.register import hooks
from .recorded import ids_of, structure_of
from .recorded_arrays import weights

WHO = "gradient_snapshot"


def take(subject: Any, inputs: tuple[Any, ...]) -> dict[str, Any]:
    """The structure and outputs of a subject as records, its values and gradients as arrays.

    Nothing is changed: gradients in `.grad` stay as they are, and a graph that was recorded keeps what it saved.
    """
    runs = callable(subject) and not isinstance(subject, (Tensor, BaseException))
    if isinstance(subject, BaseException):
        raise TypeError(f"{WHO}: expected a Tensor, several of them, or a module with inputs; got {describe(subject)}.")
    if not runs and len(inputs) > 1:
        raise TypeError(f"{WHO}: after a Tensor comes one dict or list of those whose gradients are compared, "
                        f"got {len(inputs)} arguments. Put them into one.")  # fmt: skip
    if runs and not inputs:
        name = getattr(subject, "__name__", None) or type(subject).__name__
        raise TypeError(f"{WHO}: {name} needs an input to be run: {WHO}(model, x).")
    graph = graph_of(subject, *inputs, caller=WHO) if runs else graph_of(subject, caller=WHO)
    seeds = _seeds(graph)
    ids = ids_of(graph)
    wanted = _of_run(graph, inputs, ids) if runs else _given(graph, inputs[0] if inputs else None, ids)
    return {
        "structure": structure_of(graph, ids),
        "outputs": [{"label": label, "node": ids[y.node]} for label, y in graph.outputs],
        "values": {label: y.data for label, y in graph.outputs},
        "gradients": _gradients(seeds, wanted),
    }


def _seeds(graph: Graph) -> dict[Any, Any]:
    """What the outputs are weighed with, by node: 1 for one number, else fixed weights."""
    if not graph.outputs:
        raise ValueError(f"{WHO}: there is no Tensor in what it was given. Pass at least one.")
    seeds: dict[Any, Any] = {}
    for _, y in graph.outputs:
        if y.requires_grad:
            g = np.ones(y.shape, y.dtype) if y.size == 1 else weights(y.shape).astype(y.dtype)
            seeds[y.node] = seeds[y.node] + g if y.node in seeds else g
    if not seeds:
        label, y = graph.outputs[0]
        raise GraphError(f"{WHO}: the {label} has no gradient to compare: {hooks['explain'](y)}.")
    return seeds


def _of_run(graph: Graph, inputs: tuple[Any, ...], ids: Mapping[Any, str]) -> dict[str, Any]:
    """Parameters, and inputs that came as Tensors that require a gradient; all inputs where there are none of these."""
    own = {x.node for x in inputs if isinstance(x, Tensor)}
    leaves = [node for node in graph.order if node.op is None and node.requires_grad]
    asked = [node for node in leaves if node not in graph.inputs or node in own]
    return {ids[node]: node for node in asked or leaves}


def _given(graph: Graph, given: Any, ids: Mapping[Any, str]) -> dict[str, Any]:
    """The Tensors whose gradients are compared, by name: those that were passed, or all leaves that require one."""
    if given is None:
        return {ids[node]: node for node in graph.order if node.op is None and node.requires_grad}
    if isinstance(given, Tensor):
        given = [given]
    if not isinstance(given, (Mapping, Sequence)) or isinstance(given, str) or not given:
        raise TypeError(f"{WHO}: expected a dict or list of Tensors whose gradients are compared, got "
                        f"{describe(given)}.")  # fmt: skip
    pairs = list(given.items()) if isinstance(given, Mapping) else list(enumerate(given))
    wanted: dict[str, Any] = {}
    for key, x in pairs:
        if not isinstance(x, Tensor):
            raise TypeError(f"{WHO}: the gradient of {key!r} was asked for, which is {describe(x)}; pass a Tensor.")
        if x.node not in ids or not x.requires_grad:
            why = hooks["explain"](x, graph.outputs[0][1])
            raise GraphError(f"{WHO}: no gradient reaches {key!r}: {why}.")
        wanted[key if isinstance(key, str) else ids[x.node]] = x.node
    return wanted


def _gradients(seeds: dict[Any, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    order = in_order(seeds)
    before = [(node.note, node.note.grad) for node in order if node.note is not None]
    try:
        with np.errstate(all="ignore"), no_grad():
            found = sweep(dict(seeds), order, {*wanted.values()}, create_graph=False, site=None, partial=False)
    except GraphError as error:
        raise GraphError(f"{WHO}: {error} Or take the snapshot before the backward.") from error
    finally:
        for note, grad in before:
            note.grad = grad
    return {name: np.asarray(found[node]) for name, node in wanted.items() if node in found}
