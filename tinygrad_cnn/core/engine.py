"""Reverse-mode differentiation: one walk over the recorded graph, in linear time, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from .compiled import core, lend
from .errors import GraphError, check_floating, interrupts
from .graph import Leaf, Node, Released, clock, differentiable, walk
from .modes import enable_grad, no_grad
from .register import glue, hooks, observers, registry
from .rules import Item, Rule, holds_array
from .site import Site, here, line_of
from .tensor import Tensor, as_array, wrap

ndarray = np.ndarray
# how many refer to an array that nothing but a list of pairs holds, as a loop over them counts
ALONE = max([getrefcount(array) for _, array in [(None, np.empty(1))]])


def in_order(roots: Iterable[Any], stop: Any = ()) -> list[Any]:
    """Return every node that the roots' gradients flow to, inputs before consumers."""
    return walk(roots, differentiable, stop)


def sweep(
    seeds: dict[Any, Any],
    order: Sequence[Any],
    wanted: Any,
    *,
    create_graph: bool,
    site: Site | None,
    partial: bool,
    stop: Any = (),
    pull: Callable[..., list[tuple[Any, Any]]] | None = None,
    after: Callable[[Any, Any], Any] | None = None,
) -> dict[Any, Any]:
    """Push the cotangents of `seeds` back through `order`; the gradients of `wanted` nodes.

    `site` is where the saved arrays are released, None to keep them.  `partial` says that `order` is not the whole
    graph: inputs outside it get no gradient, and nothing is computed for them.  Nodes in `stop` pass nothing on.
    `pull` takes one node's cotangent to its inputs: `pull_back`, or what observers put around it.  ``after(node, g)``
    is called for each node whose gradient is complete.
    """
    pull = pull or (hooks["observed_step"] if observers else pull_back)
    copy, add, add_into = glue["copy"], glue["add"], glue["add_into"]
    within = set(order) if partial else None
    grads: dict[Any, Any] = dict(seeds)
    own: set[Any] = set()  # nodes whose gradient is a buffer that the engine made, so it may be added to in place
    found: dict[Any, Any] = {}
    released = Released(site) if site is not None else None
    try:
        for node in reversed(order):
            g = grads.pop(node, None)
            if g is None:
                continue
            if node.note is not None and node not in stop:
                g = hooks["noted"](node, g, create_graph)
                own.discard(node)  # hooks may keep what they are shown, so it is not written to any more
            if after is not None:
                after(node, g)
            if node in wanted:
                found[node] = g if create_graph or node in own else copy(g)
            if node.op is None or node in stop:
                continue
            for edge, gk in pull(node, g, create_graph, within):
                # has the rule made it for us alone?  g, a view of it, or what a rule keeps may have other readers
                fresh = gk is not g and type(gk) is ndarray and gk.base is None and getrefcount(gk) == ALONE
                before = grads.get(edge)
                if before is None:
                    grads[edge] = gk
                elif edge in own:
                    add_into(before, gk)
                    continue
                elif fresh and type(before) is ndarray:
                    add_into(gk, before)
                    grads[edge] = gk
                else:
                    grads[edge] = total = add(before, gk)
                    fresh = type(total) is ndarray
                if fresh:
                    own.add(edge)
            if released is not None:
                for k in node.plan.held:
                    if type(node.saved[k]) is ndarray or holds_array(node.saved[k]):
                        node.saved = released
                        break
    except BaseException as error:
        interrupts(error, node, (), {}, node.path)
        raise
    return found


def pull_back(
    node: Any, g: Any, create_graph: bool, within: set[Any] | None, apply: Callable[..., Any] | None = None
) -> list[tuple[Any, Any]]:
    """The gradients that one node sends to its inputs: pairs of an input's node and what it gets.

    ``apply(rule, node, g, saved, create_graph)`` stands in for `apply_rule`.
    """
    saved, inputs, apply = node.saved, node.inputs, apply or apply_rule
    if saved.__class__ is Released:
        raise GraphError(
            f"backward: the arrays that {node.label} (made at {line_of(node.site)}) saved for its gradient were "
            f"released by the backward at {saved}. "
            "Add the losses up and call backward once, or pass retain_graph=True to the earlier call."
        )
    if node.op.own_pull_back is not None:  # an op that finds all its gradients at once, as checkpoint does
        return list(node.op.own_pull_back(node, g, create_graph, within))
    if node.marked or clock.now != node.clock:
        hooks["unchanged"](node)
    if create_graph and node.op.composition is not None:
        return list(hooks["composed"](node, g, within))
    plan = node.plan
    if plan.common is not None:
        g = apply(plan.common, node, g, saved, create_graph)
    sent = []
    for rule in plan.rules:
        edge = inputs[rule.k]
        if within is not None and edge not in within:
            continue
        gk = apply(rule, node, g, saved, create_graph)
        if (type(gk) is ndarray) is create_graph:  # a plain array among Tensors, or a Tensor among arrays
            gk = _as_the_others(gk, create_graph)
        if gk is g and plan.common is not None and type(g) is ndarray:
            gk = glue["share"](g)
        try:
            fits = gk.dtype is edge.dtype and gk.shape == edge.shape
        except AttributeError:
            fits = False
        sent.append((edge, gk if fits else _fit(gk, edge, node, rule)))
    return sent


def _as_the_others(g: Any, create_graph: bool) -> Any:
    """What a rule returned, in the kind that this backward computes with: Tensors or plain arrays."""
    if create_graph:
        return wrap(g, Leaf(g.shape, g.dtype))
    return g._data if isinstance(g, Tensor) else np.asarray(g) if isinstance(g, np.generic) else g


def apply_rule(rule: Rule, node: Any, g: Any, saved: Any, create_graph: bool) -> Any:
    """Apply one rule, to Tensors with their history if the gradient is to be differentiated again."""
    _, fn, _, recipe, rest, pick, _ = rule
    args = pick(saved)
    if create_graph:
        args = tuple([_lift(node, item, value) for item, value in zip(recipe, args, strict=True)])
    try:
        return fn(g, *args) if rest is None else fn(g, *args, **{n: node.params[n] for n in rest})
    except Exception as error:
        _rule_failed(error, rule, node)
        raise


def _rule_failed(error: BaseException, rule: Rule, node: Node) -> None:
    if isinstance(error, Exception) and hasattr(error, "add_note"):  # since Python 3.11
        error.add_note(f"in {_who(node, rule)}, recorded at {line_of(node.site)}")


def _lift(node: Node, item: Item, value: Any) -> Any:
    """A saved array as the Tensor that it was, so that its gradient is recorded too."""
    if item.kind == "y":
        return wrap(value, node)
    if item.kind == "inputs":
        edges = node.inputs[item.what :]
        return tuple(wrap(v, edge) if edge is not None else v for v, edge in zip(value, edges, strict=True))
    edge = node.inputs[item.what] if item.kind == "input" else None
    return wrap(value, edge) if edge is not None else value  # a constant too, which has a name to be drawn


def _fit(g: Any, edge: Any, node: Node, rule: Rule) -> Any:
    """Undo broadcasting and mixed precision; refuse any other difference from what the input is."""
    try:
        shape, dtype = g.shape, g.dtype
    except AttributeError:
        raise GraphError(
            f"{_who(node, rule)} returned {type(g).__name__}, expected an array of {edge.shape}. No gradient is 0 * g."
        ) from None
    if shape != edge.shape and node.op.broadcasts and shape == node.shape:
        g = registry["sum_to"](g, shape=edge.shape)
    if dtype != edge.dtype and (dtype == node.dtype or dtype == edge.dtype.newbyteorder()):
        g = registry["cast"](g, dtype=edge.dtype)
    if g.shape != edge.shape or g.dtype != edge.dtype:
        raise GraphError(
            f"{_who(node, rule)} returned {shape} {dtype}, expected {edge.shape} {edge.dtype} like the input. "
            "Correct the rule, or declare broadcasts=True if the op broadcasts."
        )
    return g


def _who(node: Node, rule: Rule) -> str:
    what = "all inputs" if rule.k < 0 else f"input {node.op.input(rule.k)}"
    return f"{node.label}: the rule for {what}"


def seed_of(y: Tensor, grad: Any, who: str) -> Any:
    """The cotangent that a walk back starts from: `grad`, or one for an output that is one number."""
    if not isinstance(y, Tensor):
        raise TypeError(f"{who}: differentiates Tensors, got {type(y).__name__}.")
    check_floating(f"{who}: the output", y.dtype)
    if grad is None:
        if y._data.size != 1:
            raise ValueError(
                f"{who}: the output has shape {y.shape}; only one number has a gradient by itself. "
                "Reduce it (.sum() or .mean()), or say what to weigh it with: grad=... of the same shape."
            )
        return glue["seed"](y._data)
    if not isinstance(grad, Tensor):
        grad = as_array(grad, who)
        grad = grad.astype(y.dtype, copy=False) if grad.dtype.kind in "iuf" else grad
    if grad.shape != y.shape or grad.dtype != y.dtype:
        raise ValueError(f"{who}: the cotangent is {grad.shape} {grad.dtype}, the output {y.shape} {y.dtype}.")
    return grad


def backward(y: Tensor, grad: Any = None, retain_graph: bool = False) -> None:
    """Add gradients of y to `.grad` of the leaves that it depends on (see `Tensor.backward`)."""
    seed = as_array(seed_of(y, grad, "backward"))
    if not y.requires_grad:
        raise GraphError(f"backward: this tensor has no gradient to give: {hooks['explain'](y)}.")
    order = in_order([y.node])
    leaves = {node for node in order if node.op is None}
    site = None if retain_graph else here()
    with no_grad():
        after = hooks["final"]
        found = sweep({y.node: seed}, order, leaves, create_graph=False, site=site, partial=False, after=after)
    hooks["add_gradients"](hooks["reduced"](found))


def add_gradients(found: dict[Any, Any]) -> None:
    """Add what backward found to the gradients of leaves: the one place where they become final."""
    for leaf, g in found.items():
        leaf.grad = g if leaf.grad is None else glue["add_into"](leaf.grad, g)


def grad(
    y: Any,
    xs: Any,
    *,
    grad_outputs: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> Any:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several).

    Parameters
    ----------
    grad_outputs : cotangents, one per output; may be left out for outputs of one element.
    create_graph : record the gradients, as Tensors that can be differentiated again; plain arrays otherwise.
    retain_graph : keep what the graph saved for another pass; by default as `create_graph`.
    allow_unused : give None for an x that y does not depend on, instead of an error.

    Examples
    --------
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> first = tg.grad(x**3, x, create_graph=True)
    >>> first.item()  # 3x²
    12.0
    >>> float(tg.grad(first, x))  # 6x
    12.0
    """
    ys = list(y) if isinstance(y, (list, tuple)) else [y]
    targets = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    weights = grad_outputs if isinstance(grad_outputs, (list, tuple)) else [grad_outputs]
    if not ys or (len(ys) != len(weights) and grad_outputs is not None):
        raise ValueError(f"grad: {len(ys)} outputs need as many grad_outputs, got {len(weights)}.")
    if bad := [type(x).__name__ for x in targets if not isinstance(x, Tensor)]:
        raise TypeError(f"grad: differentiates with respect to Tensors, got {', '.join(bad)}.")
    seeds: dict[Any, Any] = {}
    for out, weight in zip(ys, weights if grad_outputs is not None else [None] * len(ys), strict=True):
        seed = seed_of(out, weight, "grad")
        seed = (seed if isinstance(seed, Tensor) else Tensor(seed)) if create_graph else as_array(seed)
        if out.requires_grad:
            seeds[out.node] = glue["add"](seeds[out.node], seed) if out.node in seeds else seed
    wanted = {x.node for x in targets if x.requires_grad}
    order = _useful(in_order(seeds), wanted)
    site = None if (create_graph if retain_graph is None else retain_graph) else here()
    with enable_grad() if create_graph else no_grad():
        found = sweep(seeds, order, wanted, create_graph=create_graph, site=site, partial=True)
    results = [found.get(x.node) for x in targets]
    if not allow_unused and (missing := [k for k, g in enumerate(results) if g is None]):
        which = "\n".join(f"  xs[{k}]: {hooks['explain'](targets[k], ys[0])}" for k in missing)
        raise GraphError(f"grad: no gradient for\n{which}\nPass allow_unused=True to get None for these.")
    return results if isinstance(xs, (list, tuple)) else results[0]


def _useful(order: list[Any], wanted: set[Any]) -> list[Any]:
    """The part of `order` through which some wanted node is reached."""
    useful: set[Any] = set()
    for node in order:
        if node in wanted or (node.op is not None and any(node.inputs[k] in useful for k in node.plan.wrt)):
            useful.add(node)
    return [node for node in order if node in useful]


lend(
    glue=glue, sweep=sweep, in_order=in_order, pull_back=pull_back, as_the_others=_as_the_others, fit=_fit,
    interrupts=interrupts, rule_failed=_rule_failed,
)  # fmt: skip
if core is not None:
    sweep, in_order = core.sweep, core.in_order
hooks.update(backward=backward, add_gradients=add_gradients)
