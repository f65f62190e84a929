"""The chain rule for one graph: the steps from a result back to a tensor, and how much of the gradient passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autodiff import explain_grad
from ..autodiff.calls import named
from ..autodiff.explaining import why_no_gradient
from ..autodiff.numbers import whole
from ..autodiff.wording import input_names
from ..core import Tensor
from ..core.engine import in_order, pull_back
from ..core.errors import describe
from ..core.graph import Released
from ..core.modes import no_grad
from ..core.site import line_of
from ..core.tensor import as_array
from . import formulas
from .telling import Explanation, Part, Step


@named
def explain(y: Tensor, *, wrt: Tensor, grad: Any = None, limit: int = 40) -> Explanation:
    """The chain rule for this graph, one step a line: how a gradient gets from `y` back to `wrt`.

    Each step names the op and its module, the formula of its rule, shapes, and the norm of the cotangent that passed,
    from a backward pass of its own: no `.grad` is touched, no hook is called, and the graph is kept.

    Parameters
    ----------
    y : the result that is differentiated, as a loss.
    wrt : the tensor that its gradient is wanted in: a leaf, or a result on the way.
    grad : the cotangent to start from, of y's shape; by default 1 for a single number, else normal random numbers
        of a fixed seed.
    limit : the most steps that are listed; longer chains have their repeats folded, then the middle left out.

    Returns
    -------
    Explanation : text by `str()`, with LaTeX in `.markdown`, with MathML in `.html`, which notebooks show.  If no
        gradient gets there, it says why, and where it was cut.

    Raises
    ------
    TypeError : `y` or `wrt` is not a Tensor, or `limit` is not a whole number.
    ValueError : `grad` has another shape than y, or `limit` is below 1.

    Examples
    --------
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> y = tg.relu(x * x).sum()
    >>> print(tg.explain(y, wrt=x))
    The gradient of y () in x (2,)
    <BLANKLINE>
    step  op    |g|    passes on    to
       1  sum   1      spread(g)    x (2,)
       2  relu  1.414  g * (y > 0)  x (2,)
       3  mul   1.414  g * b        a = x (2,)
                       g * a        b = x (2,)
    <BLANKLINE>
    What arrives at x has shape (2,) and norm 4.472; it is the sum of what step 3 passes on twice.
    <BLANKLINE>
    In the formulas, g is the gradient of the step's result y; what is passed on is the g of the step it goes to.
      spread  copied back over the axes that were reduced
    """
    _check(y, wrt, limit)
    names = y.name or "y", wrt.name or "x"
    made = Explanation(*names, y.shape, wrt.shape, limit=limit)
    if y.dtype.kind != "f" and wrt.dtype.kind == "f":
        made.reason = f"the result has an {why_no_gradient(y)}"
        return made
    order = in_order([y.node], stop={wrt.node}) if y.requires_grad and wrt.requires_grad else []
    if wrt.node not in order:
        made.reason = explain_grad(wrt, y)
        return made
    seed = _seed(y, grad, made.notes)
    leads = {wrt.node}
    for node in order:
        if node is not wrt.node and node.op is not None and any(node.inputs[k] in leads for k in node.plan.wrt):
            leads.add(node)
    back = [node for node in reversed(order) if node in leads]
    made.steps = _steps(back, wrt, names[1])
    made.sources = _sources(made.steps)
    _measure(made, back, seed, wrt.node)
    return made


def _check(y: Any, wrt: Any, limit: Any) -> None:
    for name, value in (("y", y), ("wrt", wrt)):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"explain: {name} must be a Tensor, got {describe(value)}. Plain arrays have no history; "
                "make a Tensor of it before it is used, with requires_grad=True."
            )
    whole("explain", "limit", limit)


def _seed(y: Tensor, grad: Any, notes: list[str]) -> Any:
    if grad is not None:
        given = as_array(grad, "explain")
        if given.shape != y.shape or given.dtype.kind not in "iuf":
            raise ValueError(f"explain: grad is {describe(given)}, expected real numbers of y's shape {y.shape}.")
        return given.astype(y.dtype)
    if y.size == 1:
        return np.ones(y.shape, y.dtype)
    notes.append(
        f"y has {y.size} elements, so the gradient is that of a weighted sum of them; the weights are normal random "
        "numbers of a fixed seed. Pass grad=... for others."
    )
    return np.random.default_rng(0).standard_normal(y.shape).astype(y.dtype)


def _steps(back: Sequence[Any], wrt: Tensor, name: str) -> list[Step]:
    """The steps, numbered from y back; those of one node to several inputs are parts of one."""
    ops = [node for node in back if node is not wrt.node]
    number = {node: k for k, node in enumerate(ops, 1)} | {wrt.node: 0}
    steps, told = [], _Told()
    for node in ops:
        parts = []
        for k in node.plan.wrt:
            edge = node.inputs[k]
            if edge not in number:
                continue
            formula = told[node.op][0][node.op.input(k)]
            parts.append(Part(
                input_names(node.op, len(node.inputs))[k], name if edge is wrt.node else edge.name or "",
                number[edge], edge.shape, formula, summed=node.op.broadcasts and edge.shape != node.shape))  # fmt: skip
        site = line_of(node.site)
        steps.append(Step(number[node], node.op.name, node.path, site, node.shape, told[node.op][1], parts))
    return steps


class _Told(dict[Any, Any]):
    """The formulas of each op, read once."""

    def __missing__(self, op: Any) -> Any:
        self[op] = formulas.of(op), formulas.value(op)
        return self[op]


def _sources(steps: Sequence[Step]) -> list[int]:
    """Note for each step which ones pass something on to it, if several; returned are those of the end."""
    sources: dict[int, list[int]] = {}
    for step in steps:
        for part in step.parts:
            sources.setdefault(part.target, []).append(step.number)
    for step in steps:
        found = sources.get(step.number, [])
        step.sources = found if len(found) > 1 else []
    return sources.get(0, [])


def _measure(made: Explanation, back: Sequence[Any], seed: Any, target: Any) -> None:
    """Fill in norms by a backward pass over the steps; where it cannot go on, say why."""
    within, grads = set(back), {back[0]: seed}
    steps = iter(made.steps)
    with no_grad(), np.errstate(all="ignore"):
        for node in back:
            g = grads.pop(node, None)
            if node is target:
                made.norm = None if g is None else _norm(g)
                continue
            step = next(steps)
            if g is None:
                continue
            step.norm = _norm(g)
            try:
                sent = pull_back(node, g, False, within)
            except Exception as error:  # a rule that fails is what somebody may want explained
                made.notes.append(_why_not_measured(step, node, error))
                return
            _pass_on(step, node, within, sent, grads)
    if any(node.note is not None and node.note.hooks for node in back):
        made.notes.append("Hooks of tensors on the way were not called: norms are those without them.")


def _pass_on(step: Step, node: Any, within: set[Any], sent: Any, grads: dict[Any, Any]) -> None:
    edges = [node.inputs[k] for k in node.plan.wrt if node.inputs[k] in within]
    by_place = [edge for edge, _ in sent] == edges
    for k, (edge, g) in enumerate(sent):
        grads[edge] = g if edge not in grads else grads[edge] + g
        if by_place:
            step.parts[k].norm = _norm(g)


def _norm(g: Any) -> float:
    return float(np.linalg.norm(np.asarray(g, np.float64).ravel()))


def _why_not_measured(step: Step, node: Any, error: Exception) -> str:
    if isinstance(node.saved, Released):
        return (
            f"Norms are missing from step {step.number} on: what {step.label} saved for its gradient was released by "
            f"the backward at {node.saved}. Explain before backward, or call backward(retain_graph=True)."
        )
    return f"Norms are missing from step {step.number} on: {type(error).__name__}: {error}"
