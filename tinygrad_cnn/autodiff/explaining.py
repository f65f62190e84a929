"""Why is there no gradient?  The answer in words."""

from __future__ import annotations

import weakref
from typing import Any

from ..core.graph import Node, differentiable, walk
from ..core.register import hooks
from ..core.site import line_of
from ..core.tensor import Tensor
from .calls import named

last_root: list[Any] = []  # a weak reference to what the newest backward started from
CUTS: dict[str, str] = {  # why a leaf has no history
    "no_grad": "made under no_grad at",
    "stop_gradient": "cut by stop_gradient at",
    "integer": "cut by an op whose result is of integers or booleans at",
    "selected": "cut by an op that only chooses by this input at",
    "compiled": "computed by a function of tg.compile, which must call backward itself, at",
}


@named
def explain_grad(t: Tensor, loss: Tensor | None = None) -> str:
    """Why `t.grad` is missing, in words; or that it is not.

    `loss` is the tensor whose backward was expected to reach t; without it, the newest backward is meant.

    >>> a, b = tg.Tensor(1.0, requires_grad=True), tg.Tensor(2.0, requires_grad=True)
    >>> loss = a * b.detach()
    >>> tg.explain_grad(a, loss)
    'it is on a path to the loss: call loss.backward()'
    >>> tg.explain_grad(b, loss)
    'cut by stop_gradient at ...'
    """
    if not isinstance(t, Tensor):
        return f"a {type(t).__name__} is no Tensor and has no gradient"
    if loss is not None and not isinstance(loss, Tensor):
        return f"the loss is a {type(loss).__name__}, no Tensor: whatever it was made from, its history ends there"
    if reason := why_no_gradient(t):
        return reason
    root = loss.node if loss is not None else (last_root[0]() if last_root else None)
    if loss is None and t.grad is not None:
        return "it has a gradient"
    if root is None and isinstance(t.node, Node):
        return _of_result(t.node)
    if root is None:
        return "no backward has run yet, or what it started from is gone; pass the loss: explain_grad(t, loss)"
    if loss is not None and (reason := why_no_gradient(loss)):
        behind = ", and this tensor lies behind that cut" if _leads_to(loss.node, t.node) else ""
        return f"the loss itself has no history: {reason}{behind}"
    reached, cuts = _walk(root)
    if t.node not in reached:
        through = [cut for cut in cuts if _leads_to(cut, t.node)]
        if through:
            return "; ".join(f"{CUTS[cut.why]} {line_of(cut.site)}" for cut in through)
        hints = [f"a value {CUTS[cut.why]} {line_of(cut.site)}" for cut in cuts]
        return "not on a path to the loss" + (f" (which uses {', and '.join(hints[:3])})" if hints else "")
    if isinstance(t.node, Node):
        return f"it is on a path to the loss; {_of_result(t.node)}"
    if t.grad is None:
        return "it is on a path to the loss: call loss.backward()"
    return "it has a gradient"


def _of_result(node: Node) -> str:
    """Why a result has no gradient, and what to do, also where ``w = w - lr * w.grad`` made one of a weight."""
    return (
        f"it is a result of {node.label}, and backward keeps gradients of leaves only: call retain_grad() on it before "
        "backward, or use tg.grad(loss, t); update a weight in place, as in w -= lr * w.grad under tg.no_grad()"
    )


def why_no_gradient(t: Any) -> str:
    """Say why a Tensor is not part of any graph; an empty text if it is."""
    node = t.node
    if node.requires_grad:
        return ""
    if t.dtype.kind != "f":
        return f"integer dtype: {t.dtype} values carry no gradient"
    if node.why:
        return f"{CUTS[node.why]} {line_of(node.site)}"
    return "it does not require gradients (requires_grad=False), nor does anything that it was made from"


def _walk(root: Any) -> tuple[set[Any], list[Any]]:
    """All nodes that a gradient reaches from `root`, and the leaves at which a history was cut."""
    reached = walk([root], differentiable)
    found = dict.fromkeys(edge for node in reversed(reached) for edge in node.inputs if getattr(edge, "why", None))
    return set(reached), [cut for cut in found if not cut.requires_grad]


def _leads_to(cut: Any, target: Any) -> bool:
    """Whether a history that `stop_gradient` cut off has `target` in it, behind further cuts too."""
    stack, seen = [cut], set()
    while stack:
        source = getattr(stack.pop(), "source", None)
        if (node := source() if source is not None else None) is None or node in seen:
            continue
        seen.add(node)
        reached, further = _walk(node)
        if target in reached:
            return True
        stack += [node, *further]
    return False


def _remember(y: Tensor, *args: Any, **options: Any) -> None:
    """`backward`, and what it started from."""
    _backward(y, *args, **options)
    last_root[:] = [weakref.ref(y.node)]


_backward = hooks["backward"]
_remember.__qualname__ = "backward"  # what errors call it
hooks.update(explain=explain_grad, backward=named(_remember))
