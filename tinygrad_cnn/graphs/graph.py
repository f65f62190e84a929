"""What a picture shows: boxes and arrows, read from recorded nodes, without a word about how they look.

Nodes are numbered inputs first, along a walk that starts from the outputs, so equal graphs get equal numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autodiff.failures import Failure
from ..autodiff.reader import behind
from .details import site_of
from .labels import cut, lines_of, parameters, shape_text, wrapped
from .modules import Path, homes_of, module_paths, words

CUTS = {  # why a leaf has no history -> the box's title, and what is told about it
    "stop_gradient": ("stop_gradient", "cut by stop_gradient"),
    "no_grad": ("no_grad", "made under no_grad"),
    "integer": ("integer result", "cut by an op whose result is of integers"),
}
COMMUTATIVE = {"add", "mul", "maximum", "minimum"}  # which input is which says nothing there
MESSAGE = 46  # characters of a line of an error's message


@dataclass(eq=False)
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
    change: str = ""  # in a difference of two graphs: "added", "removed", "changed" or "same"
    warnings: list[str] = field(default_factory=list)
    place: tuple[int, ...] | None = None  # the shape that its value has where the code has it, if not the node's

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The shape as numbers; None where there is no value."""
        return self.place if self.place is not None else None if self.node is None else tuple(self.node.shape)

    def __post_init__(self) -> None:
        self.look = self.look or self.kind


@dataclass(eq=False)
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
    old_classes: Mapping[str, str] = field(default_factory=dict)  # of modules that are gone, in a difference
    repeated: dict[Path, str] = field(default_factory=dict)  # modules that stand for several: "× 3", and which


@dataclass
class Known:
    """What is known of a graph beside its nodes."""

    names: Mapping[Any, str] = field(default_factory=dict)  # of leaves: a module's parameters
    inputs: Mapping[Any, str] = field(default_factory=dict)  # leaves that the user passed in
    classes: Mapping[str, str] = field(default_factory=dict)  # of modules, by path
    gradients: Mapping[Any, Path] = field(default_factory=dict)  # ops that rules called: the module they belong to
    stop: Collection[Any] = ()  # nodes whose history is not drawn
    numbers: Mapping[Any, str] = field(default_factory=dict)
    sums: Collection[Any] = ()  # gradient ops that no rule called: gradients that meet
    frames: bool = False  # whether gradients stand in a frame of their own


def read(
    outputs: Sequence[tuple[str, Any]], known: Known, *, constants: bool = False, failure: Failure | None = None
) -> Picture:
    """The picture of what leads to `outputs`, pairs of a label and a node, and to what failed."""
    roots = [node for _, node in outputs] + ([failure] if failure else [])
    order = behind(roots, known.stop)
    constant = _constants(order, {*known.names, *known.inputs, *(roots if not failure else failure.inputs)})
    shown = [node for node in order if constants or node not in constant]
    usual = roots[0].dtype or np.float32
    boxes = _boxes(shown, order, constant, known, usual)
    extra = _marks(outputs, boxes, known, usual)
    all_boxes, arrows, signs = list(boxes.values()), list[Arrow](), dict[tuple[Box, Box], Box]()
    for node in shown:
        if node not in boxes:
            continue
        for k, edge in enumerate(node.inputs if node not in known.stop else ()):
            edge = _origin(edge, known)
            if edge in boxes:
                arrows += _join(boxes[edge], boxes[node], _role(node, k, boxes), signs)
            elif edge is None and constants and not _left_out(node, k):
                all_boxes.append(Box("constant", "number", path=boxes[node].path, frame=boxes[node].frame))
                arrows.append(Arrow(all_boxes[-1], boxes[node]))
        source = node.source() if node.op is None and node.source is not None else None
        if source in boxes:  # drawn only if it is in the graph anyway: what else is alive is chance
            arrows.append(Arrow(boxes[source], boxes[node], dashed=True))
    all_boxes += signs.values()
    for box, node in extra:
        all_boxes.append(box)
        arrows.append(Arrow(boxes[node], box))
    ops = sum(box.kind in ("op", "failed") and box.look != "saved" for box in all_boxes)
    return Picture(all_boxes, arrows, ops, classes=known.classes)


def _origin(node: Any, known: Known) -> Any:
    """The node whose value it is: what the engine names anew to differentiate (an alias) is not drawn."""
    while node in known.gradients and node.op.name == "alias":
        node = node.inputs[0]
    return node


def _join(tail: Box, head: Box, role: str, signs: dict[tuple[Box, Box], Box]) -> list[Arrow]:
    """The arrow between two boxes; from one frame to the other, by way of a sign that says which value is meant."""
    if tail.frame == head.frame:
        return [Arrow(tail, head, role)]
    if (tail, head) in signs:
        return [Arrow(signs[tail, head], head, role)]
    name = tail.title if tail.kind == "op" else cut(words(tail.path) + "." * bool(tail.path) + tail.title)
    sign = Box("saved", name, number=tail.number, path=head.path, frame=head.frame, explain="of the forward pass")
    signs[tail, head] = sign
    return [Arrow(tail, sign, look={"style": "invis", "constraint": "false"}), Arrow(sign, head, role)]


def _boxes(shown: Sequence[Any], order: Sequence[Any], constant: set[Any], known: Known, usual: Any) -> dict[Any, Box]:
    """A box for each node."""
    paths = module_paths([node for node in order if node not in known.stop and node not in known.gradients])
    paths |= known.gradients
    homes = homes_of([node for node in order if node in known.gradients], paths)
    homes |= homes_of([node for node in order if node in paths and node not in known.gradients], paths)
    first = {node.inputs[0] for node in order if node.inputs and node not in known.stop and node.op is not None}
    boxes: dict[Any, Box] = {}
    for node in shown:
        if _origin(node, known) is not node:
            continue
        if node in known.stop and node.op is not None:
            boxes[node] = Box("op", cut(node.op.name), ["of the forward pass"], look="saved")
        elif node.op is not None:
            boxes[node] = _op_box(node, paths[node])
        elif node in constant:
            boxes[node] = Box("constant", "array", path=homes[node])
        else:
            boxes[node] = _leaf_box(node, known, homes.get(node, ()), node in first)
        box = boxes[node]
        box.node = node if not isinstance(node, Failure) else None
        box.shape = shape_text(node.shape, node.dtype, usual) if box.kind != "failed" else ""
        box.number = known.numbers.get(node, "")
        if node in known.gradients:
            box.look = "back"
            box.lines = ["sum of gradients", *box.lines] if node in known.sums else box.lines
    if known.frames:
        _frame(boxes, known)
    return boxes


def _marks(
    outputs: Sequence[tuple[str, Any]], boxes: Mapping[Any, Box], known: Known, usual: Any
) -> list[tuple[Box, Any]]:
    """A box for each output, with the node that it marks."""
    extra = []
    for label, node in outputs:
        kind = "gradient" if known.gradients and label.startswith("gradient of ") else "output"
        if known.frames and node in known.gradients and node in boxes:  # said in the box: there is room for few others
            _mark_gradient(boxes[node], label)
            continue
        dtype = "" if node.dtype == np.float32 or kind == "gradient" else str(node.dtype)
        box = Box(kind, cut(label), shape=dtype, frame=boxes[node].frame)
        if kind == "gradient":
            box.path, box.shape = boxes[node].path, shape_text(node.shape, node.dtype, usual)
            box.title = cut(_gradient_of(label, box.path))
        extra.append((box, node))
    return extra


def _gradient_of(label: str, path: Path) -> str:
    """``gradient of weight``: without the path of the module in which it is said."""
    return "gradient of " + label.removeprefix("gradient of ").removeprefix(f"{words(path)}.")


def _mark_gradient(box: Box, label: str) -> None:
    box.lines.insert(0, cut(_gradient_of(label, box.path)))
    box.look = "found"


def _frame(boxes: Mapping[Any, Box], known: Known) -> None:
    """Put gradients into one frame, and all else into another; a leaf goes where it is used."""
    used: dict[Any, set[bool]] = {}
    for node in boxes:
        for edge in node.inputs if node not in known.stop else ():
            used.setdefault(edge, set()).add(node in known.gradients)
    for node, box in boxes.items():
        mine = node in known.gradients if node.op is not None else used.get(node) == {True}
        box.frame = "gradients" if mine else "forward"


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
    """Whether a user made it, by `Tensor(...)`."""
    return bool(leaf.given)


def _op_box(node: Any, path: Path) -> Box:
    lines = [f'"{cut(node.name)}"'] if node.name else []
    lines += lines_of(parameters(node))
    if not isinstance(node, Failure):
        return Box("op", cut(node.op.name), lines, path=path)
    return Box("failed", f"{cut(node.op.name)} failed", lines, path=path, warnings=wrapped(node.message, MESSAGE))


def _leaf_box(leaf: Any, known: Known, home: Path, first: bool) -> Box:
    """A leaf in the module that uses it (`home`); data, which is an op's first input, stands outside all modules."""
    if leaf in known.inputs:
        return Box("input", cut(leaf.name or known.inputs[leaf]))
    prefix = f"{words(home)}." if home else ""
    names = [name for name in (leaf.name, known.names.get(leaf)) if name]
    within = [name[len(prefix) :] for name in names if prefix and name.startswith(prefix)]
    title = cut((within or names or ["tensor" if leaf.requires_grad or _is_tensor(leaf) else "array"])[0])
    if leaf.why in CUTS:
        (what, told), where = CUTS[leaf.why], site_of(leaf)
        lines = ([f'"{title}"'] if names else []) + ([f"at {where}"] if where else [])
        return Box("cut", what, lines, path=home, explain=f"{told} at {where}")
    if leaf.requires_grad:
        return Box("parameter", title, path=() if first and not within else home)
    if leaf in known.names or within:  # a frozen parameter, a running statistic
        return Box("constant", title, path=home, explain="it does not require gradients")
    whole = leaf.dtype.kind in "iub"
    return Box("input", title, explain="integers carry no gradient" if whole else None)


def _role(node: Any, k: int, boxes: Mapping[Any, Box]) -> str:
    """Which input an arrow is, where two meet and it matters: in a - b always, but a weight is known by its name."""
    op = node.op
    if op.variadic or op.name.removesuffix("_relu") in COMMUTATIVE:
        return ""
    shown = [edge for edge in node.inputs if edge in boxes and (op.broadcasts or edge.op is not None)]
    return cut(op.inputs[k]) if len(shown) > 1 else ""


def _left_out(node: Any, k: int) -> bool:
    op = node.op
    return op.input(k) in getattr(op, "optional", {})
