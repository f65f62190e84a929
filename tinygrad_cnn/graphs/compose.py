"""From boxes and arrows (graph.py) to a scene (scene.py): labels, frames, rows, the order of the backward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from ..insight.stats import BLOCKS
from . import details, looks
from .graph import Box, Picture
from .labels import cut, frame_label, least_width, markup
from .modules import GONE, Path, words
from .scene import Scene, SceneEdge, SceneModule, SceneNode
from .steps import backward_steps

FRAME = 24  # characters over a frame: where more stood, arrows that enter it would cross them
Home = tuple[str, Path]  # frame ("", "forward", "gradients") and module


class Badges(Protocol):
    """What is said about nodes beside their names: see graphs/badges.py."""

    legend: list[tuple[str, str]]
    notes: list[str]

    def lines(self, nodes: Sequence[Any]) -> list[str]: ...
    def fill(self, nodes: Sequence[Any]) -> str | None: ...
    def warnings(self, nodes: Sequence[Any]) -> list[str]: ...
    def details(self, nodes: Sequence[Any]) -> dict[str, Any]: ...


def compose(
    picture: Picture,
    *,
    rankdir: str = "TB",
    title: str | None = None,
    shapes: bool = True,
    badges: Badges | None = None,
) -> Scene:
    """The scene of a picture, all modules open.  `shapes` writes them into the boxes."""
    for number, box in enumerate(picture.boxes):
        box.key = f"n{number}"
    writer = _Writer(picture, shapes, badges)
    homes = _homes(picture.boxes)
    rows, aligned = _rows(picture), _aligned(picture)
    modules = writer.modules(homes, picture.boxes)
    ids = {home: module.id for home, module in modules.items()}
    nodes = [SceneNode(b.key, ids.get(homes[b.key]), writer.node(b, homes[b.key]), b) for b in picture.boxes]
    return Scene(
        cut(title or "", 100),
        [*picture.notes, *(badges.notes if badges else [])],
        {**looks.GRAPH, "rankdir": rankdir, **({"newrank": "true"} if aligned else {})},
        looks.NODE,
        looks.EDGE,
        list(badges.legend) if badges else [],
        nodes,
        _edges(picture, rows),
        {module.id: module for module in modules.values()},
        [[box.key for box in row if box] for row in rows.values()],
        backward_steps(picture),
        {words(b.path) for b in picture.boxes if b.path != homes[b.key][1]},
        aligned,
        partial(details.of_box, badges=badges),
        partial(details.of_module, badges=badges),
    )


def _homes(boxes: Sequence[Box]) -> dict[str, Home]:
    """The innermost frame around each box: a frame around one box says less than a line inside the box."""
    held = Counter((box.frame, box.path[:depth]) for box in boxes for depth in range(1, len(box.path) + 1))
    homes = {}
    for box in boxes:
        path = box.path
        while path and held[box.frame, path] == 1:
            path = path[:-1]
        homes[box.key] = (box.frame, path)
    return homes


class _Writer:
    """Writes the labels of one picture."""

    def __init__(self, picture: Picture, shapes: bool, badges: Badges | None) -> None:
        self.picture, self.shapes, self.badges = picture, shapes, badges

    def _twice(self, path: Path) -> list[str]:
        """How often the block at a path occurs, if not once."""
        return [self.picture.repeated[path]] if path in self.picture.repeated else []

    def node(self, box: Box, home: Home) -> dict[str, Any]:
        """The attributes of one box; an op that is alone in its module bears the module's path."""
        lines = list(box.lines)
        if box.kind in ("op", "failed") and box.path != home[1] and words(box.path) != box.title:
            lines = [*self._twice(box.path), cut(words(box.path)), *lines]
        nodes = [box.node] if box.node is not None else []
        return self._attributes(box.title, lines, box.shape, box.look, nodes, box, box.change)

    def _attributes(
        self,
        title: str,
        lines: list[str],
        shape: str,
        look: str,
        nodes: Sequence[Any],
        box: Box | None = None,
        change: str = "",
    ) -> dict[str, Any]:
        said = self.badges.lines(nodes) if self.badges and nodes else []
        warnings = self.badges.warnings(nodes) if self.badges and nodes else []
        warnings += box.warnings if box else []
        last = shape if self.shapes else ""
        number = looks.SIGNS.get(change, "") or (box.number if box else "")
        label = markup(title, lines, last, said, warnings, number=number)
        attributes: dict[str, Any] = {"label": {"html": label}, **looks.LOOKS[look], **looks.CHANGES.get(change, {})}
        width = least_width([title, *lines, *(line.strip(BLOCKS) for line in said), *warnings])
        if width:
            attributes["width"] = str(width)
        fill = self.badges.fill(nodes) if self.badges and nodes else None
        if fill:
            attributes["fillcolor"] = fill
        if warnings and look != "failed":
            attributes |= looks.WARNED
        return attributes

    def modules(self, homes: dict[str, Home], boxes: Sequence[Box]) -> dict[Home, SceneModule]:
        """Every frame, outer ones first, in the order of the first box in each."""
        made: dict[Home, SceneModule] = {}
        for box in boxes:
            frame, path = homes[box.key]
            for depth in range(0 if frame else 1, len(path) + 1):
                home = (frame, path[:depth])
                if home not in made:  # an outer one, seen before all that is inside
                    made[home] = self._frame(len(made), home, made)
                made[home].boxes.append(box)
        for module in made.values():
            module.collapsed = self.collapsed(module)
        return made

    def _frame(self, number: int, home: Home, made: dict[Home, SceneModule]) -> SceneModule:
        frame, path = home
        parent = made.get((frame, path[:-1])) if path else None
        gone = any(step.part <= GONE for step in path)
        name = words(path)
        kind = (self.picture.old_classes if gone else self.picture.classes).get(name, "")
        shown = (f"{looks.SIGNS['removed']} " if gone else "") + cut(name) if path else frame
        label = frame_label(shown, kind if len(shown) + len(kind) <= FRAME else "", "".join(self._twice(path)))
        attributes = {"label": {"html": label}, **looks.frame(len(path))}
        return SceneModule(
            f"m{number}", parent.id if parent else None, name or frame, kind, attributes, level=len(path),
            named=bool(path), repeated=self._twice(path),
        )  # fmt: skip

    def collapsed(self, module: SceneModule) -> dict[str, Any]:
        """The one box that a module becomes."""
        ops = [box for box in module.boxes if box.kind in ("op", "failed")]
        lines = [*module.repeated, *([cut(module.kind)] if module.kind else [])]
        lines.append(f"{len(ops)} op{'s' if len(ops) != 1 else ''}")
        shape = next((box.shape for box in reversed(ops)), "")  # the last one's, which is what the module returns
        nodes = [box.node for box in module.boxes if box.node is not None]
        counts = Counter(box.change for box in module.boxes if box.change)
        told = [f"{looks.SIGNS[kind]} {counts[kind]}" for kind in looks.SIGNS if counts[kind]]
        change = ("changed" if told else "same") if counts else ""
        if len(counts) == 1:
            change = next(iter(counts))
        elif told:
            lines.append("   ".join(told))
        return self._attributes(cut(module.path), lines, shape, "module", nodes, change=change)


BESIDE = ("parameter", "saved")  # what does not lie on the way of the results
Row = tuple[Box | None, Box, Box | None]


def _rows(picture: Picture) -> dict[str, Row]:
    """Ops that have a leaf to their left, and perhaps another to their right, so that a path stays straight.

    Leaves that one op uses; further ones stand above it, since an arrow in a row cannot pass a box.
    """
    uses = Counter(arrow.tail.key for arrow in picture.arrows if arrow.head.frame == arrow.tail.frame)
    rows: dict[str, Row] = {}
    for arrow in picture.arrows:
        leaf, op = (arrow.tail, arrow.head) if arrow.head.kind != "gradient" else (arrow.head, arrow.tail)
        beside = leaf.kind == "gradient" or (leaf.kind in ("parameter", "constant") and uses[leaf.key] == 1)
        if not beside or op.kind not in ("op", "failed") or leaf.path != op.path or leaf.frame != op.frame:
            continue
        left, _, right = rows.get(op.key, (None, op, None))
        if left is None:
            rows[op.key] = (leaf, op, None)
        elif right is None:
            rows[op.key] = (left, op, leaf)
    return rows


def _aligned(picture: Picture) -> list[list[str]]:
    """Pairs of an op and the last op that its rules made, which stand side by side in a picture of both."""
    last: dict[str, str] = {}
    for box in picture.boxes:
        if box.frame == "gradients" and box.kind == "op" and box.number:
            last[box.number] = box.key
    ops = [box for box in picture.boxes if box.frame == "forward" and box.kind == "op"]
    return [[op.key, last[f"{op.number}'"]] for op in ops if f"{op.number}'" in last]


def _edges(picture: Picture, rows: dict[str, Row]) -> list[SceneEdge]:
    on_right = {row[2].key for row in rows.values() if row[2]}
    on_left = {row[0].key for row in rows.values() if row[0]}
    beside = on_right | on_left
    edges = []
    for arrow in picture.arrows:
        look: dict[str, Any] = {}
        if arrow.dashed:
            look = dict(looks.CUT_EDGE)
        elif arrow.tail.kind not in BESIDE and arrow.head.kind != "gradient" and arrow.tail.key not in beside:
            look = {"weight": looks.STRAIGHT}
        if arrow.label:
            look["label"] = f" {arrow.label} "
        flip = arrow.tail.key in on_right
        if arrow.head.kind == "gradient":
            flip = arrow.head.key in on_left
        elif arrow.tail.frame == arrow.head.frame == "gradients":
            flip = True  # gradients go up beside the ops that they go back through
        edges.append(SceneEdge(arrow.tail.key, arrow.head.key, look | arrow.look, flip))
    return edges
