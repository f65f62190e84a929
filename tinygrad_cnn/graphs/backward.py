"""The graph of the gradients: found by differentiating, with the rules that made each op of it.

Each step back through a recorded op says which gradients it sent.  What was recorded for them, and by no earlier step,
is what its rules called; the rest are sums of gradients that meet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autodiff.observing import Call, observing
from ..autodiff.reader import behind
from ..core import Tensor, grad
from ..core.errors import GraphError, check_floating, describe
from ..core.graph import all_inputs, walk
from ..core.tensor import wrap
from .modules import Path, module_paths

SEED = 0  # of the cotangents of outputs that are more than one number


@dataclass
class Backward:
    """The gradients of some leaves, recorded."""

    outputs: list[tuple[str, Any]] = field(default_factory=list)  # "gradient of w" and its node
    tensors: list[Tensor] = field(default_factory=list)
    makers: dict[Any, Any] = field(default_factory=dict)  # gradient op -> the op whose rule made it, None for a sum
    places: dict[Any, Path] = field(default_factory=dict)
    numbers: dict[Any, str] = field(default_factory=dict)  # 7 for a forward op, 7' for those that its rules made
    forward: list[Any] = field(default_factory=list)
    cotangents: dict[Any, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def differentiate(ys: Sequence[Tensor], leaves: Sequence[tuple[str, Any]], given: Any = None) -> Backward:
    """The gradients of the outputs with respect to the leaves (pairs of a name and a node), recorded.

    Raises
    ------
    GraphError : an earlier backward released what the graph had saved, or a rule is missing.
    """
    found = Backward(forward=behind([y.node for y in ys]))
    reached = [y for y in ys if y.requires_grad]
    if not reached or not leaves:
        raise GraphError(
            "draw: there are no gradients to draw: nothing here requires one. "
            "Make a Tensor with requires_grad=True before the ops run."
        )
    seeds = _cotangents(ys, given, found)
    steps: list[Call] = []
    quiet = [(node, node.note) for node in found.forward if node.note is not None]
    for node, _ in quiet:
        node.note = None  # hooks are not called for a picture, and no gradient is kept
    targets = [wrap(np.broadcast_to(np.zeros((), node.dtype), node.shape), node) for _, node in leaves]
    try:
        with observing(lambda call: steps.append(call) if call.node is not None and not _inner(call) else None):
            gradients = grad(reached, targets, grad_outputs=seeds, create_graph=True, allow_unused=True)
    except GraphError as error:
        raise GraphError(f"draw: the gradients cannot be drawn. {error}") from error
    finally:
        for node, note in quiet:
            node.note = note
    for (name, _), g in zip(leaves, gradients, strict=True):
        if g is not None:
            found.outputs.append((f"gradient of {name}", g.node))
            found.tensors.append(g)
    _assign(found, steps)
    return found


def _cotangents(ys: Sequence[Tensor], given: Any, found: Backward) -> list[Tensor]:
    """What each output that has a history is weighed with."""
    weights = list(given) if isinstance(given, (list, tuple)) else [given] * (1 if given is not None else len(ys))
    if len(weights) != len(ys):
        raise ValueError(f"draw: {len(ys)} outputs need as many cotangents, got {len(weights)}: grad=[...].")
    rng, seeds, random = np.random.default_rng(SEED), [], False
    for y, weight in zip(ys, weights, strict=True):
        if not y.requires_grad:
            continue
        if weight is None:
            check_floating("draw: the output", y.dtype)
            random |= y.size != 1
            values = np.ones(y.shape, y.dtype) if y.size == 1 else rng.standard_normal(y.shape).astype(y.dtype)
        else:
            values = np.asarray(weight.data if isinstance(weight, Tensor) else weight, y.dtype)
            if values.shape != y.shape:
                raise ValueError(f"draw: the cotangent is {describe(values)}, the output {y.shape}: grad=... must fit.")
        seeds.append(Tensor(values, name="cotangent", requires_grad=True))  # so that what is made of it is recorded
        found.cotangents[seeds[-1].node] = "cotangent"
    if random:
        found.notes.append(
            f"gradients of the output weighed with standard normal numbers (seed {SEED}); draw a loss, or pass grad="
        )
    return seeds


def _inner(call: Call) -> bool:
    """Whether a step back is part of another one, as in an op that stands for others and is differentiated as they."""
    within = call.within
    while within is not None and within.node is None:
        within = within.within
    return within is not None


def _assign(found: Backward, steps: Sequence[Call]) -> None:
    """Who made what: walk back from what each step sent, up to what is known already."""
    ops = [node for node in found.forward if node.op is not None]
    found.numbers = {node: str(number) for number, node in enumerate(ops, 1)}
    paths = module_paths(found.forward)
    known = {*found.forward, *found.cotangents}
    for step in steps:
        made = _made(step, known)
        known.update(made)
        found.makers.update(dict.fromkeys(made, step.node))
    for node, maker in found.makers.items():
        found.places[node] = paths.get(maker, ())
        if maker in found.numbers:
            found.numbers[node] = f"{found.numbers[maker]}'"
    whose = {getattr(step.args[0], "node", None): paths.get(step.node, ()) for step in steps}
    for node in reversed(behind([node for _, node in found.outputs], {*found.forward})):
        if node.op is not None and node not in known:  # a sum, which stands where it is used
            found.makers[node] = None
            found.places[node] = whose.get(node, ())
            for edge in node.inputs:
                whose.setdefault(edge, found.places[node])


def _made(step: Call, known: Collection[Any]) -> list[Any]:
    """What the rules of one step back recorded: all that it sent, up to its cotangent and to what is known already."""
    cotangent = getattr(step.args[0], "node", None)

    def new(node: Any) -> bool:
        return node.op is not None and node is not cotangent and node not in known

    sent = [g.node for _, g in step.result if isinstance(g, Tensor)]
    return [node for node in walk(sent, lambda node: all_inputs(node) if new(node) else ()) if new(node)]
