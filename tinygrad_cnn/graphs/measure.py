"""What is known of each node of a graph: statistics of its value and of its gradient, time, cost, memory.

Of a forward pass that was watched (`calls.py`) all is known; of a graph that was recorded before, what it still holds.
Gradients are found by sending one back.  The graph stays as it was, and so do `.grad`, running statistics and random
generators; hooks are called, since they may change what is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.cost import Cost
from ..autodiff.observing import Call, observing
from ..autodiff.reader import finds_all, graph_of, kept
from ..core import Tensor, no_grad
from ..core.engine import in_order, seed_of, sweep
from ..core.graph import Released
from ..core.tensor import as_array
from ..insight.cost import multiply_adds, outer, owner
from ..insight.stats import Stats, stats
from .calls import Watched, silent_share

RUN = "tg.draw(model, x, ...) runs the model and sees all"
SEED = 0  # of the cotangents of outputs that are more than one number


@dataclass
class Measured:
    """What is known, by node; what is missing is said in `notes`, with the reason and what to do about it."""

    order: list[Any]
    values: dict[Any, Stats] = field(default_factory=dict)
    silent: dict[Any, float] = field(default_factory=dict)
    gradients: dict[Any, Stats] = field(default_factory=dict)  # in the order in which the backward pass reaches them
    forward: dict[Any, float] = field(default_factory=dict)  # seconds
    backward: dict[Any, float] = field(default_factory=dict)
    costs: dict[Any, Cost] = field(default_factory=dict)
    adds: dict[Any, int] = field(default_factory=dict)  # multiply-adds among the FLOP
    memory: dict[Any, int] = field(default_factory=dict)  # bytes of its results that live on for backward
    parameters: dict[Any, int] = field(default_factory=dict)  # leaf -> how many numbers
    notes: list[str] = field(default_factory=list)


def measure(
    outputs: Sequence[Tensor],
    show: Collection[str],
    *,
    watched: Watched | None = None,
    leaves: Mapping[Any, Tensor] | None = None,
    inputs: Collection[Any] = (),
    cotangents: Sequence[Any] | None = None,
) -> Measured:
    """Measure the graph behind some outputs.

    Parameters
    ----------
    show : of "values", "grads", "time", "memory", what is to be known; cost and parameters always are.
    watched : of the forward pass that made the outputs, if it was watched.
    leaves : Tensors by their nodes, for leaves whose values would else not be known (parameters, inputs).
    inputs : nodes of leaves that are example inputs, and so no parameters, though they require a gradient.
    cotangents : one for each output; by default 1 for a single number, else standard normal numbers.
    """
    graph = graph_of(outputs, caller="draw")
    order = graph.order
    found = Measured(order)
    found.parameters = {n: _size(n) for n in order if n.op is None and n.requires_grad and n not in inputs}
    _read_costs(found, watched)
    if "values" in show:
        known = graph.values | {node: t.data for node, t in (leaves or {}).items()}
        _read_values(found, known, watched)
    if "time" in show:
        _read_times(found, watched)
    if "memory" in show:
        _read_memory(found)
    if "grads" in show or "time" in show:
        _send_gradients(found, outputs, cotangents, show)
    return found


def _size(node: Any) -> int:
    return int(np.prod(node.shape, dtype=np.int64))


def _read_costs(found: Measured, watched: Watched | None) -> None:
    for node in found.order:
        if node.op is None:
            continue
        seen = watched.of(node) if watched else None
        if not finds_all(node.op):
            shapes = [None if edge is None else edge.shape for edge in node.inputs]
            cost = found.costs[node] = node.op.cost(shapes, node.shape, node.params, node.dtype.itemsize)
            found.adds[node] = multiply_adds(node.op, cost.flop, _size(node))
        elif seen is not None:
            found.costs[node], found.adds[node] = seen.cost, 0


# -- values ---------------------------------------------------------------------------------------------------


def _read_values(found: Measured, arrays: Mapping[Any, np.ndarray], watched: Watched | None) -> None:
    missing = 0
    for node in found.order:
        seen = watched.of(node) if watched and node.op is not None else None
        silent = None
        if seen is not None and seen.value is not None:
            found.values[node], silent = seen.value, seen.silent
            for k, value in seen.arrays.items():
                if node.inputs[k] is not None:
                    found.values.setdefault(node.inputs[k], value)
        elif node in arrays:
            found.values[node] = stats(arrays[node])
            silent = silent_share(node.op, arrays[node]) if node.op is not None else None
        elif watched and node in watched.leaves:
            found.values[node] = watched.leaves[node]
        elif node.op is not None:
            missing += 1
        if silent is not None:
            found.silent[node] = silent
    if missing:
        ops = sum(node.op is not None for node in found.order)
        released = _released(found.order)
        why = f"released by the backward at {_file(released)}" if released else "not kept: no gradient needs them"
        found.notes.append(f"values of {missing} of {ops} results were {why}; {RUN}")


def _released(order: Sequence[Any]) -> Released | None:
    """The backward pass that released what this graph had saved, if one did."""
    return next((n.saved for n in order if n.op is not None and isinstance(n.saved, Released)), None)


# -- time, memory, gradients ----------------------------------------------------------------------------------


def _read_times(found: Measured, watched: Watched | None) -> None:
    ops = [node for node in found.order if node.op is not None]
    seen = {node: watched.of(node) for node in ops} if watched else {}
    found.forward.update((node, call.seconds) for node, call in seen.items() if call is not None)
    if ops and not found.forward:
        found.notes.append(f"the time of the forward pass is not known, since it ran before; {RUN}")


def _read_memory(found: Measured) -> None:
    """Give each array that a rule will need to the op that made it, once, however many rules and views share it."""
    pairs = [(node, source, array) for node in found.order for source, array in kept(node)]
    counted = {id(owner(a)) for _, source, a in pairs if source is not None and source.op is None}
    found.memory = dict.fromkeys((node for node in found.order if node.op is not None), 0)
    for node, source, array in pairs:
        if id(owner(array)) not in counted:
            counted.add(id(owner(array)))
            found.memory[node if source is None else source] += owner(array).nbytes
    if released := _released(found.order):
        found.notes.append(f"memory is what the backward at {_file(released)} left; draw before it")


def _send_gradients(
    found: Measured, outputs: Sequence[Tensor], cotangents: Sequence[Any] | None, show: Collection[str]
) -> None:
    """Send a gradient through the graph and look on; twice if time is asked for, so that the second finds all warm."""
    seeds = _seeds(found, outputs, cotangents)
    if not seeds:
        found.notes.append("no gradients: nothing here requires one; set requires_grad=True before the ops run")
        return
    order = in_order(seeds)
    own = set(order)
    before = [(node.note, node.note.grad) for node in order if node.note is not None]

    def see(call: Call) -> None:
        if call.node in own and outer(call) is None:
            if "grads" in show and call.node not in found.gradients:
                found.gradients[call.node] = stats(call.arrays[0])
            found.backward[call.node] = min(call.seconds, found.backward.get(call.node, call.seconds))

    leaves = {node for node in order if node.op is None}
    arrived: dict[Any, Any] = {}
    try:
        for _ in range(2 if "time" in show else 1):
            with np.errstate(all="ignore"), no_grad(), observing(see):
                arrived = sweep(dict(seeds), order, leaves, create_graph=False, site=None, partial=False)
    except Exception as error:  # whatever a rule or a hook does, what was seen until then is shown
        arrived = {leaf: leaf.grad for leaf in leaves if leaf.grad is not None}
        left = "; those of leaves are what .grad holds" if arrived and "grads" in show else ""
        found.notes.append(f"{_why_stopped(found, error)}{left}")
    finally:
        for note, grad in before:
            note.grad = grad
    if "grads" in show:
        found.gradients |= {leaf: stats(g) for leaf, g in arrived.items()}


def _why_stopped(found: Measured, error: Exception) -> str:
    if released := _released(found.order):
        return f"gradients: the backward at {_file(released)} released what they need; draw before it"
    return f"gradients are known as far as the backward pass came: {error}"


def _file(released: Released) -> str:
    """``train.py:12``: a folder is too long for a picture."""
    return Path(str(released)).name


def _seeds(found: Measured, outputs: Sequence[Tensor], cotangents: Sequence[Any] | None) -> dict[Any, Any]:
    """The cotangents to start from, by node."""
    if cotangents is not None and len(cotangents) != len(outputs):
        raise ValueError(f"draw: {len(outputs)} outputs need as many cotangents, got {len(cotangents)}.")
    rng, seeds, weighed = np.random.default_rng(SEED), dict[Any, Any](), False
    for y, given in zip(outputs, cotangents or [None] * len(outputs), strict=True):
        if not y.requires_grad:
            continue
        if given is None and y.size != 1:
            g, weighed = rng.standard_normal(y.shape).astype(y.dtype), True
        else:
            g = as_array(seed_of(y, given, "draw"))
        seeds[y.node] = seeds[y.node] + g if y.node in seeds else g
    if weighed:
        found.notes.append(
            f"gradients are of the sum of the output times standard normal numbers (seed {SEED}); "
            "draw a loss, or pass grad="
        )
    return seeds
