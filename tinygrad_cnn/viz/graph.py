"""What a picture shows: boxes and arrows, read from recorded nodes, without a word about how they look.

Nodes are numbered inputs first, along a walk that starts from the outputs, so equal graphs get equal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .labels import cut, lines_of, parameters, shape_text
from .modules import Path, homes_of, module_paths, words

CUTS = ("stop_gradient", "no_grad")
COMMUTATIVE = {"add", "mul", "maximum", "minimum"}  # which input is which says nothing there


@dataclass
class Box:
    """An op, a leaf or an output."""

    kind: str  # "op" "parameter" "input" "constant" "cut" "output" "failed" "gradient"
    title: str
    lines: list[str] = field(default_factory=list)
    shape: str = ""
    path: Path = ()
    node: Any = None  # the recorded node or leaf; None for outputs, numbers and ops that failed
    key: str = ""
    look: str = ""  # in looks.LOOKS, if not that of the kind
    number: str = ""  # of an op in the order of the forward pass, where it is shown
    frame: str = ""  # "forward" or "gradients" in a picture of both
    explain: str | None = None  # why no gradient passes here
    marked: dict[str, str] = field(default_factory=dict)  # attributes of this one

    def __post_init__(self) -> None:
        self.look = self.look or self.kind


@dataclass
class Arrow:
    tail: Box
    head: Box
    label: str = ""
    dashed: bool = False
    look: dict[str, str] = field(default_factory=dict)  # attributes of this one


@dataclass
class Picture:
    boxes: list[Box]
    arrows: list[Arrow]
    ops: int
    notes: list[str] = field(default_factory=list)
    classes: Mapping[str, str] = field(default_factory=dict)  # of the modules, by path, where they are known


def read(
    outputs: Sequence[tuple[str, Any]],
    *,
    names: Mapping[Any, str],
    inputs: Mapping[Any, str],
    classes: Mapping[str, str],
    constants: bool,
) -> Picture:
    """The picture of what leads to `outputs`, pairs of a label and a node.

    `names` are names of leaves (a module's parameters), `inputs` those that the user passed in, `classes` the
    classes of modules by path.
    """
    order = walk([node for _, node in outputs])
    roots = {node for _, node in outputs}
    constant = _constants(order, {*names, *inputs, *roots})
    shown = [node for node in order if constants or node not in constant]
    paths = module_paths(order)
    homes = homes_of(order, paths)
    first = {node.inputs[0] for node in order if node.inputs}
    usual = outputs[0][1].dtype
    boxes: dict[Any, Box] = {}
    for node in shown:
        if node.op is not None:
            boxes[node] = _op_box(node, paths[node])
        elif node in constant:
            boxes[node] = Box("constant", "array", path=homes[node])
        else:
            boxes[node] = _leaf_box(node, names, inputs, homes.get(node, ()), node in first)
        boxes[node].shape = shape_text(node.shape, node.dtype, usual)
        boxes[node].node = node
    all_boxes, arrows = list(boxes.values()), []
    for node in shown:
        for k, edge in enumerate(node.inputs):
            if edge in boxes:
                arrows.append(Arrow(boxes[edge], boxes[node], _role(node, k, boxes)))
            elif edge is None and constants and not _left_out(node, k):
                all_boxes.append(Box("constant", "number", path=paths[node]))
                arrows.append(Arrow(all_boxes[-1], boxes[node]))
        source = node.source() if node.op is None and node.source is not None else None
        if source in boxes:  # drawn only if it is in the graph anyway: what else is alive is chance
            arrows.append(Arrow(boxes[source], boxes[node], dashed=True))
    for label, node in outputs:
        all_boxes.append(Box("output", cut(label), shape="" if node.dtype == np.float32 else str(node.dtype)))
        arrows.append(Arrow(boxes[node], all_boxes[-1]))
    ops = sum(node.op is not None for node in order)
    return Picture(all_boxes, arrows, ops, classes=classes)


def walk(roots: Sequence[Any]) -> list[Any]:
    """Every node and leaf behind the roots once, inputs before consumers, without recursion."""
    order: list[Any] = []
    opened: set[Any] = set()
    done: set[Any] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node in opened:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
            continue
        opened.add(node)
        stack += [edge for edge in reversed(node.inputs) if edge is not None and edge not in opened]
    return order


def _constants(order: Sequence[Any], known: set[Any]) -> set[Any]:
    """Leaves that nobody named and no gradient needs: numbers, masks, scales, what a gradient starts from.

    Data is told from them by where it goes: a plain array is shown as the first input of an op that does not
    broadcast (a convolution, say).  What somebody made a Tensor of is shown too.
    """
    data = {node.inputs[0] for node in order if node.inputs and not node.op.broadcasts}
    return {
        leaf
        for leaf in order
        if leaf.op is None
        and not (leaf.requires_grad or leaf.name or leaf.why or leaf in known)
        and (all(n == 1 for n in leaf.shape) or leaf.dtype.kind == "b" or not (leaf in data or _is_tensor(leaf)))
    }


def _is_tensor(leaf: Any) -> bool:
    """Whether `Tensor(...)` made it, which sets a name, if only to None; ops leave the default of the class."""
    return "name" in vars(leaf)


def _op_box(node: Any, path: Path) -> Box:
    named = [f'"{cut(node.name)}"'] if node.name else []
    return Box("op", cut(node.op.name), named + lines_of(parameters(node)), path=path)


def _leaf_box(leaf: Any, names: Mapping[Any, str], inputs: Mapping[Any, str], home: Path, first: bool) -> Box:
    """A leaf in the module that uses it (`home`); data, which is an op's first input, stands outside all modules."""
    if leaf in inputs:
        return Box("input", cut(leaf.name or inputs[leaf]))
    prefix = f"{words(home)}." if home else ""
    known = [name for name in (leaf.name, names.get(leaf)) if name]
    within = [name[len(prefix) :] for name in known if prefix and name.startswith(prefix)]
    title = cut((within or known or ["tensor" if leaf.requires_grad or _is_tensor(leaf) else "array"])[0])
    if leaf.why in CUTS:
        return Box("cut", leaf.why, [f'"{title}"'] if known else [], path=home)
    if leaf.requires_grad:
        return Box("parameter", title, path=() if first and not within else home)
    if leaf in names or within:  # a frozen parameter, a running statistic
        return Box("constant", title, path=home)
    return Box("input", title)


def _role(node: Any, k: int, boxes: Mapping[Any, Box]) -> str:
    """Which input an arrow is, where two meet and it matters: in a - b always, but a weight is known by its name."""
    op = node.op
    if op.variadic or op.name in COMMUTATIVE:
        return ""
    shown = [edge for edge in node.inputs if edge in boxes and (op.broadcasts or edge.op is not None)]
    return cut(op.inputs[k]) if len(shown) > 1 else ""


def _left_out(node: Any, k: int) -> bool:
    op = node.op
    return not op.variadic and op.inputs[k] in getattr(op, "optional", {})
