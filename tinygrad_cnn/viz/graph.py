"""What a picture shows: boxes and arrows, read from recorded nodes, without a word about how they look.

Nodes are numbered inputs first, along a walk that starts from the outputs, so equal graphs get equal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .labels import cut, lines_of, parameters, shape_text

Path = tuple[str, ...]

CUTS = {"stop_gradient": "stop_gradient", "no_grad": "no_grad"}
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


def read(
    outputs: Sequence[tuple[str, Any]], *, names: Mapping[Any, str], inputs: Mapping[Any, str], constants: bool
) -> Picture:
    """The picture of what leads to `outputs`, pairs of a label and a node.

    `names` are names of leaves (a module's parameters), `inputs` those that the user passed in.
    """
    order = walk([node for _, node in outputs])
    roots = {node for _, node in outputs}
    hidden = set() if constants else _constants(order, {*names, *inputs, *roots})
    shown = [node for node in order if node not in hidden]
    homes = _homes(shown)
    boxes: dict[Any, Box] = {node: _box(node, names, inputs, homes) for node in shown}
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
        all_boxes.append(Box("output", cut(label)))
        arrows.append(Arrow(boxes[node], all_boxes[-1]))
    return Picture(all_boxes, arrows, sum(node.op is not None for node in order))


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
    """Leaves that nobody named and no gradient needs: numbers, masks, and arrays that are not an op's first input."""
    data = {node.inputs[0] for node in order if node.inputs}
    return {
        leaf
        for leaf in order
        if leaf.op is None
        and not (leaf.requires_grad or leaf.name or leaf.why or leaf in known)
        and (leaf not in data or leaf.dtype.kind == "b" or all(n == 1 for n in leaf.shape))
    }


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


def _box(node: Any, names: Mapping[Any, str], inputs: Mapping[Any, str], homes: Mapping[Any, Path]) -> Box:
    shape = shape_text(node.shape, node.dtype)
    if node.op is not None:
        lines = lines_of(parameters(node))
        named = [f"“{cut(node.name)}”"] if node.name else []
        return Box("op", cut(node.op.name), named + lines, shape, _path(node.path))
    home = homes.get(node, ())
    if node in inputs:
        return Box("input", cut(node.name or inputs[node]), [], shape)
    name = names.get(node) or node.name
    if node.why in CUTS:
        return Box("cut", CUTS[node.why], [f"“{cut(name)}”"] if name else [], shape, home)
    if not name and not node.requires_grad and node in homes:
        return Box("constant", "array", [], shape, home)
    within = name is not None and bool(home) and name.startswith(".".join(home) + ".")
    title = name[len(".".join(home)) + 1 :] if within and name else name or "tensor"
    kind = "parameter" if node.requires_grad or node in names else "input"
    return Box(kind, cut(title), [], shape, home if within or kind == "parameter" else ())


def _role(node: Any, k: int) -> str:
    """Which input an arrow is, where two results meet and it matters."""
    op = node.op
    if op.variadic or op.name in COMMUTATIVE or sum(e is not None and e.op is not None for e in node.inputs) < 2:
        return ""
    return cut(op.inputs[k])


def _left_out(node: Any, k: int) -> bool:
    op = node.op
    return not op.variadic and op.inputs[k] in getattr(op, "optional", {})
