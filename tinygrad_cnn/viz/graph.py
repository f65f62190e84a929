"""What a picture shows: boxes and arrows, read from recorded nodes, without a word about how they look.

Nodes are numbered inputs first, along a walk that starts from the outputs, so equal graphs get equal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .labels import cut, lines_of, parameters, shape_text

Path = tuple[str, ...]

CUTS = ("stop_gradient", "no_grad")
COMMUTATIVE = {"add", "mul", "maximum", "minimum"}  # which input is which says nothing there


@dataclass
class Box:
    """An op, a leaf or a whole module."""

    kind: str  # "op" "parameter" "input" "constant" "cut" "output" "module"
    title: str
    lines: list[str] = field(default_factory=list)
    shape: str = ""
    path: Path = ()
    key: str = ""


@dataclass
class Arrow:
    tail: Box
    head: Box
    label: str = ""
    dashed: bool = False


@dataclass
class Picture:
    boxes: list[Box]
    arrows: list[Arrow]
    ops: int  # before any were folded into modules
    notes: list[str] = field(default_factory=list)
    classes: Mapping[Path, str] = field(default_factory=dict)  # of the modules, where they are known


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
    hidden = set() if constants else _constants(order, {*names, *inputs, *roots})
    shown = [node for node in order if node not in hidden]
    homes = _homes(shown)
    usual = outputs[0][1].dtype
    boxes: dict[Any, Box] = {}
    for node in shown:
        boxes[node] = _op_box(node) if node.op is not None else _leaf_box(node, names, inputs, homes.get(node))
        boxes[node].shape = shape_text(node.shape, node.dtype, usual)
    all_boxes, arrows = list(boxes.values()), []
    for node in shown:
        for k, edge in enumerate(node.inputs):
            if edge in boxes:
                arrows.append(Arrow(boxes[edge], boxes[node], _role(node, k)))
            elif edge is None and constants and not _left_out(node, k):
                all_boxes.append(Box("constant", "number", path=_path(node.path)))
                arrows.append(Arrow(all_boxes[-1], boxes[node]))
        source = node.source() if node.op is None and node.source is not None else None
        if source in boxes:  # drawn only if it is in the graph anyway: what else is alive is chance
            arrows.append(Arrow(boxes[source], boxes[node], dashed=True))
    for label, node in outputs:
        all_boxes.append(Box("output", cut(label), shape="" if node.dtype == np.float32 else str(node.dtype)))
        arrows.append(Arrow(boxes[node], all_boxes[-1]))
    ops = sum(node.op is not None for node in order)
    return Picture(all_boxes, arrows, ops, classes={_path(path): name for path, name in classes.items()})


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


def _path(text: str) -> Path:
    return tuple(text.split(".")) if text else ()


def _homes(order: Sequence[Any]) -> dict[Any, Path]:
    """For each leaf, the innermost module that holds every op that uses it."""
    homes: dict[Any, Path] = {}
    for node in order:
        path = _path(node.path)
        for edge in node.inputs:
            if edge is not None and edge.op is None:
                homes[edge] = _common(homes[edge], path) if edge in homes else path
    return homes


def _common(a: Path, b: Path) -> Path:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]


def _op_box(node: Any) -> Box:
    named = [f'"{cut(node.name)}"'] if node.name else []
    return Box("op", cut(node.op.name), named + lines_of(parameters(node)), path=_path(node.path))


def _leaf_box(leaf: Any, names: Mapping[Any, str], inputs: Mapping[Any, str], home: Path | None) -> Box:
    """A leaf in the module that uses it (`home`); data stands outside all modules."""
    if leaf in inputs:
        return Box("input", cut(leaf.name or inputs[leaf]))
    prefix = ".".join(home) + "." if home else ""
    known = [name for name in (leaf.name, names.get(leaf)) if name]
    within = [name[len(prefix) :] for name in known if prefix and name.startswith(prefix)]
    title = (within or known or [""])[0]
    if leaf.why in CUTS:
        return Box("cut", leaf.why, [f'"{cut(title)}"'] if title else [], path=home or ())
    if leaf.requires_grad or leaf in names:
        return Box("parameter", cut(title or "tensor"), path=home or ())
    if title or home is None or _is_tensor(leaf):
        return Box("input", cut(title or "tensor"), path=home if home and within else ())
    return Box("constant", "array", path=home)


def _role(node: Any, k: int) -> str:
    """Which input an arrow is, where two results meet and it matters."""
    op = node.op
    if op.variadic or op.name in COMMUTATIVE or sum(e is not None and e.op is not None for e in node.inputs) < 2:
        return ""
    return cut(op.inputs[k])


def _left_out(node: Any, k: int) -> bool:
    op = node.op
    return not op.variadic and op.inputs[k] in getattr(op, "optional", {})
