"""From boxes and arrows to DOT text: all looks are decided here.

Kinds differ in outline as well as in colour, so that a grey print tells them apart; the colours are light tints with
dark borders from the palette of Okabe and Ito, which the colour-blind tell apart.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .graph import Arrow, Box, Picture
from .labels import cut, frame_label, least_width, markup
from .modules import Path, words

FONT = "Helvetica"  # the one sans-serif family whose widths every renderer knows
BLUE, ORANGE, GREEN, VERMILION, BLACK = "#0072B2", "#B37400", "#00805C", "#C04E00", "#222222"

LOOKS: dict[str, dict[str, str]] = {
    "op": {"shape": "box", "style": "rounded,filled", "fillcolor": "#E5F1FA", "color": BLUE},
    "module": {"fillcolor": "#C9E0F2", "penwidth": "2"},
    "parameter": {"style": "filled", "fillcolor": "#FDF1D8", "color": ORANGE},
    "input": {"shape": "ellipse", "margin": "0.03", "fillcolor": "#DDF3EB", "color": GREEN, "penwidth": "1.6"},
    "constant": {"style": "filled,dotted", "fillcolor": "#F5F5F5", "color": "#777777"},
    "cut": {"shape": "octagon", "style": "filled,dashed", "fillcolor": "#FCE9DD", "color": VERMILION},
    "output": {"shape": "ellipse", "margin": "0.05", "fillcolor": "#FFFFFF", "color": BLACK, "penwidth": "2.2"},
}
FRAME = 24  # characters over a frame: where more stood, arrows that enter it would cross them
STRAIGHT = "8"  # how hard a path of results is pulled straight; what hangs beside it has 1


def dot_text(picture: Picture, *, direction: str, title: str | None) -> str:
    """The picture in Graphviz's language.  Equal pictures give equal text."""
    import graphviz

    dot = graphviz.Digraph()
    dot.attr("graph", rankdir=direction, bgcolor="white", fontname=FONT, nodesep="0.25", ranksep="0.3", pad="0.15")
    dot.attr("node", **LOOKS["op"], fontname=FONT, fontsize="13", fontcolor="#111111", margin="0.13,0.07", height="0.3")
    dot.attr("edge", fontname=FONT, fontsize="11", fontcolor="#444444", color="#555555", arrowsize="0.7")
    head = cut(title or "", 100)
    if head or picture.notes:
        label = markup(head or picture.notes[0], picture.notes if head else [], "", bold=bool(head))
        dot.attr("graph", label=label, labelloc="t", fontsize="15")
    for number, box in enumerate(picture.boxes):
        box.key = f"n{number}"
    rows = _rows(picture)
    _place(dot, picture, rows)
    on_right = {row[2].key for row in rows.values() if row[2]}
    beside = on_right | {row[0].key for row in rows.values() if row[0]}
    for arrow in picture.arrows:
        _draw_arrow(dot, arrow, arrow.tail.key in on_right, arrow.tail.key in beside)
    return str(dot.source)


def _draw_arrow(dot: Any, arrow: Arrow, turned: bool, flat: bool) -> None:
    """One edge; what stands to the right of its op is written as if it came after it, which is where dot puts it."""
    look: dict[str, str] = {}
    if arrow.dashed:
        look = {"style": "dashed", "color": VERMILION}
    elif arrow.tail.kind != "parameter" and not flat:
        look = {"weight": STRAIGHT}
    if arrow.label:
        look["label"] = f" {arrow.label} "
    ends = (arrow.head.key, arrow.tail.key) if turned else (arrow.tail.key, arrow.head.key)
    dot.edge(*ends, **look, **({"dir": "back"} if turned else {}))


Row = tuple[Box | None, Box, Box | None]


def _rows(picture: Picture) -> dict[str, Row]:
    """Ops that have a leaf to their left, and perhaps another to their right, so that a path stays straight.

    Leaves that one op uses; further ones stand above it, since an arrow in a row cannot pass a box.
    """
    uses = Counter(arrow.tail.key for arrow in picture.arrows)
    rows: dict[str, Row] = {}
    for arrow in picture.arrows:
        leaf, op = arrow.tail, arrow.head
        if leaf.kind not in ("parameter", "constant") or uses[leaf.key] > 1 or op.kind != "op" or leaf.path != op.path:
            continue
        left, _, right = rows.get(op.key, (None, op, None))
        if left is None:
            rows[op.key] = (leaf, op, None)
        elif right is None:
            rows[op.key] = (left, op, leaf)
    return rows


def _place(dot: Any, picture: Picture, rows: dict[str, Row]) -> None:
    """Write every box into the cluster of its module; clusters nest as paths do, without recursion."""
    boxes = picture.boxes
    held = Counter(box.path[:depth] for box in boxes for depth in range(1, len(box.path) + 1))
    modules: dict[Path, list[Box | Path]] = {(): []}
    for box in boxes:
        home = box.path
        while home and held[home] == 1:  # a frame around one box says less than a line inside the box
            home = home[:-1]
        for depth in range(1, len(home) + 1):
            path = home[:depth]
            if path not in modules:
                modules[path] = []
                modules[path[:-1]].append(path)
        modules[home].append(box)
    clusters = 0
    stack: list[Any] = [iter(modules[()])]
    while stack:
        item = next(stack[-1], None)
        indent = "\t" * len(stack)
        if item is None:
            stack.pop()
            if stack:
                dot.body.append(f"{indent[1:]}}}\n")
        elif isinstance(item, Box):
            _write(dot, item, indent, alone=bool(item.path) and held[item.path] == 1)
            if item.key in rows:
                keys = " ".join(box.key for box in rows[item.key] if box)
                dot.body.append(f"{indent}{{rank=same {keys}}}\n")
        else:
            dot.body.append(f"{indent}subgraph cluster_{clusters} {{\n")
            dot.body.append(f"{indent}\tgraph [{_cluster(item, picture.classes.get(words(item), ''))}]\n")
            clusters += 1
            stack.append(iter(modules[item]))


def _cluster(path: Path, kind: str) -> str:
    name = cut(words(path))
    label = frame_label(name, kind if len(name) + len(kind) <= FRAME else "")
    fill = "#F6F6F6" if len(path) % 2 else "#ECECEC"
    return (
        f'label={label} labeljust=l fontsize=11 fontcolor="#555555" style="rounded,filled" '
        f'fillcolor="{fill}" color="#AAAAAA" margin=9'
    )


def _write(dot: Any, box: Box, indent: str, alone: bool) -> None:
    """One node; an op that is alone in its module bears the module's path."""
    lines = box.lines
    if alone and box.kind == "op" and words(box.path) != box.title:
        lines = [cut(words(box.path)), *lines]
    width = least_width([box.title, *lines])
    look = LOOKS[box.kind] if box.kind != "op" else {}  # the default
    look = look | {"width": str(width)} if width else look
    dot.node(box.key, label=markup(box.title, lines, box.shape), **look)
    dot.body[-1] = indent[1:] + dot.body[-1]
