"""An outline as DOT: names on the left, the path of results in the middle, what skips some of it on the right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .. import looks
from ..modules import Path, words
from .blocks import CONTAINERS
from .ladder import Ladder, ladder_of, write_links
from .pieces import Link, Piece, Pieces, heavy
from .wording import arrow_label, frame_names, heading, label, width

FONT = "Arial"  # Liberation Sans where there is no Arial; renderers without fonts know its widths
GRAPH = {"bgcolor": "white", "fontname": FONT, "nodesep": "0.22", "ranksep": "0.24", "pad": "0.2", "labelloc": "t",
         "labeljust": "l"}  # fmt: skip
NODE = {"shape": "box", "style": "rounded,filled", "fillcolor": "#E5F1FA", "color": looks.BLUE, "penwidth": "1.1",
        "fontname": FONT, "fontsize": "11", "fontcolor": "#111111", "margin": "0.1,0.03", "height": "0.3"}  # fmt: skip
EDGE = {"color": looks.SOFT, "arrowsize": "0.6", "penwidth": "1.2", "fontname": FONT, "fontsize": "9.5",
        "fontcolor": "#333333"}  # fmt: skip
FRAME = {"style": "rounded,filled", "fillcolor": "#F3F3F3", "color": "#BBBBBB", "margin": "9", "label": ""}
SKIP = {"color": looks.VERMILION, "penwidth": "1.8"}
LOOKS: dict[str, dict[str, str]] = {
    "op": {"fillcolor": "white"},
    "heavy": {},
    "module": {"fillcolor": looks.PALE_BLUE, "penwidth": "1.8"},
    "beside": {"color": looks.VERMILION, "fillcolor": "#FDF0E7"},
    "run": {"fillcolor": looks.PALE_BLUE, "penwidth": "1.8", "style": "rounded,filled,dashed"},
    **{kind: {**look, "margin": "0.03,0.01"} for kind, look in looks.LOOKS.items() if kind in ("input", "output")},
    "parameter": {"shape": "ellipse", "margin": "0.03,0.01", **looks.LOOKS["parameter"]},
    "constant": looks.LOOKS["constant"], "cut": looks.LOOKS["cut"], "failed": looks.LOOKS["failed"],
}  # fmt: skip
AGAIN = 0.5  # boxes by which the way through what a loop carries counts as longer
MOSTLY = 0.8  # a module that holds more of the boxes gives its frame to the modules in it


@dataclass
class Facts:
    """What is said about a whole network, and of its modules."""

    title: str = ""
    lines: list[str] = field(default_factory=list)
    parameters: Mapping[Path, int] = field(default_factory=dict)
    shares: Mapping[Path, float] = field(default_factory=dict)  # of the multiply-adds
    classes: Mapping[str, str] = field(default_factory=dict)
    batch: int | None = None


def dot_text(
    found: Pieces, times: Mapping[Path, int], facts: Facts, rankdir: str,
    said: Callable[[Piece], tuple[Sequence[str], Sequence[str], str | None]],
) -> str:  # fmt: skip
    """The DOT text of an outline."""
    import graphviz

    dot = graphviz.Digraph()
    dot.attr("graph", **GRAPH, rankdir=rankdir)
    if facts.title or facts.lines:
        dot.attr("graph", label=f"<{heading(facts.title, facts.lines)}>")
    dot.attr("node", **NODE)
    dot.attr("edge", **EDGE)
    ids = {piece: f"n{k}" for k, piece in enumerate(found.pieces)}
    main = main_path(found)
    ladder = ladder_of(found, main) if rankdir == "TB" else None
    frames = frames_of(found) if ladder is None else {}
    homes = {piece: path for path, inside in frames.items() for piece in inside}
    for piece in found.pieces:
        if piece not in homes:
            _write(dot, ids[piece], found, piece, piece in main, said(piece))
    columns = []
    for number, (path, inside) in enumerate(frames.items()):
        with dot.subgraph(name=f"cluster_{number}") as cluster:
            cluster.attr("graph", **FRAME)
            columns.append(_write_names(cluster, number, found, path, inside, times, facts, main, ids))
            for piece in inside:
                _write(cluster, ids[piece], found, piece, piece in main, said(piece))
    for before, after in pairwise(columns):
        dot.edge(before[-1], after[0], style="invis", weight="200")
    if ladder is not None:
        dot.attr("graph", newrank="true", nodesep="0.5")
    _write_links(dot, found, main, ids, facts.batch, rankdir, ladder)
    return str(dot.source)


def main_path(found: Pieces) -> dict[Piece, int]:
    """The longest way from an input to an output, and the place of each piece on it."""
    length: dict[Piece, float] = {}
    back: dict[Piece, Piece] = {}
    ins = found.ins()
    again = {link.head for link in found.links if link.back}  # what a loop carries is its path
    for piece in found.ordered():
        length[piece] = 1 + AGAIN * (piece in again)
        for link in ins[piece]:
            so_far = length.get(link.tail, 0) + 1 + AGAIN * (piece in again)
            if not link.back and not link.dashed and so_far > length[piece]:
                length[piece], back[piece] = so_far, link.tail
    if not length:
        return {}
    last = max(length, key=lambda piece: length[piece])
    way = [last]
    while way[-1] in back:
        way.append(back[way[-1]])
    return {piece: k for k, piece in enumerate(reversed(way))}


def frames_of(found: Pieces) -> dict[Path, list[Piece]]:
    """Modules that get a frame: one level of them, since names within a frame tell the levels below."""
    prefix: Path = ()
    while True:
        level: dict[Path, list[Piece]] = defaultdict(list)
        for piece in found.pieces:
            if len(piece.path) > len(prefix) and piece.path[: len(prefix)] == prefix:
                level[piece.path[: len(prefix) + 1]].append(piece)
        if len(level) != 1:
            break
        ((path, inside),) = level.items()
        deeper = any(len(piece.path) > len(path) for piece in inside)
        if len(inside) < MOSTLY * sum(piece.is_op for piece in found.pieces) or not deeper:
            break
        prefix = path
    return {path: inside for path, inside in level.items() if len(inside) > 1}


def _write(dot: Any, key: str, found: Pieces, piece: Piece, on_path: bool, said: Any) -> None:
    lines, warnings, fill = said
    look = piece.kind
    if piece.closed:
        look = "module" if piece.blocks else "run"
    elif piece.kind == "op":
        look = "heavy" if any(heavy(found, box) for box in piece.boxes) else "op"
        look = look if on_path or not _has_op_inputs(found, piece) else "beside"
    attributes = dict(LOOKS.get(look, {}))
    if fill:
        attributes["fillcolor"] = fill
    if warnings and look != "failed":
        attributes |= looks.WARNED
    if (least := width(found, piece) if piece.is_op else None) is not None:
        attributes["width"] = str(least)
    if piece.boxes[0].look == "stack":
        attributes["peripheries"] = "2"
    dot.node(
        key, label=f"<{label(found, piece, lines, warnings)}>", **({"group": "main"} if on_path else {}), **attributes
    )


def _has_op_inputs(found: Pieces, piece: Piece) -> bool:
    return any(link.head is piece and (link.tail.is_op or link.tail.kind == "input") for link in found.links)


def _write_names(
    cluster: Any, number: int, found: Pieces, path: Path, inside: Sequence[Piece], times: Mapping[Path, int],
    facts: Facts, main: Mapping[Piece, int], ids: Mapping[Piece, str],
) -> list[str]:  # fmt: skip
    """The column of names in a frame: its head, and invisible nodes beside the boxes of the path to hold it left."""
    kind = _blocks(path, inside, times, facts.classes)
    text = frame_names(path, kind, facts.parameters.get(path, 0), facts.shares.get(path))
    head = f"f{number}"
    cluster.node(head, label=f"<{text}>", group="names", shape="plain", style="", width="0")
    on_path = sorted((piece for piece in inside if piece in main), key=lambda piece: main[piece])
    column = [head]
    if not on_path:
        return column
    cluster.body.append(f"\t\t{{rank=same {head} {ids[on_path[0]]}}}\n")
    cluster.edge(head, ids[on_path[0]], style="invis")
    if len(on_path) < len(inside):  # something stands beside the path, and would change places with the names
        for k, piece in enumerate(on_path[1:]):
            key = f"{head}_{k}"
            cluster.node(key, label="", group="names", style="invis", width="0.1", height="0.1")
            cluster.body.append(f"\t\t{{rank=same {key} {ids[piece]}}}\n")
            cluster.edge(column[-1], key, style="invis", weight="200")
            column.append(key)
    return column


def _blocks(path: Path, inside: Sequence[Piece], times: Mapping[Path, int], classes: Mapping[str, str]) -> str:
    """``3 × BasicBlock``: what a frame holds, if it holds blocks of one class; else its own class."""
    counts: dict[str, list[int]] = defaultdict(list)
    for block, n in _children(path, inside, times):
        counts[classes.get(words(block), "")].append(n)
    own = times.get(path, 1)
    kind = classes.get(words(path), "")
    if len(counts) == 1 and "" not in counts:
        ((name, numbers),) = counts.items()
        if len(numbers) in (2, 3):
            kind = f"{' + '.join(map(str, numbers))} {name}s"
        elif sum(numbers) > 1:
            kind = f"{sum(numbers)} × {name}"
    kind = "" if kind in CONTAINERS else kind
    return f"{own} × {kind}".strip() if own > 1 else kind


def _children(path: Path, inside: Sequence[Piece], times: Mapping[Path, int]) -> list[tuple[Path, int]]:
    """The modules directly in a frame, each with how often it occurs."""
    found: dict[Path, int] = {}
    for piece in inside:
        if piece.closed and piece.blocks and len(piece.blocks[0]) == len(path) + 1:
            found[piece.blocks[0]] = piece.times
        elif len(piece.path) > len(path):
            child = piece.path[: len(path) + 1]
            found[child] = times.get(child, 1)
        else:
            found[()] = 1
    return list(found.items()) if () not in found else []


def _write_links(
    dot: Any, found: Pieces, main: Mapping[Piece, int], ids: Mapping[Piece, str], batch: int | None, rankdir: str,
    ladder: Ladder | None,
) -> None:  # fmt: skip
    """Arrows: the path is straight and grey, what skips some of it is coloured and on the right."""
    texts = _texts(found, main, batch)
    if ladder is not None:
        write_links(dot, ladder, ids, texts, found, SKIP)
        return
    side = ":e" if rankdir == "TB" else ":s"
    beside = {piece for piece in found.pieces if piece.is_op and piece not in main and _has_op_inputs(found, piece)}
    for link in found.links:
        look: dict[str, str] = {}
        tail, head = ids[link.tail], ids[link.head]
        apart = main[link.head] - main[link.tail] if link.head in main and link.tail in main else 0
        if link.dashed:
            look = dict(looks.CUT_EDGE)
        elif link.back:
            look = {**SKIP, "style": "dashed", "constraint": "false", "fontcolor": looks.VERMILION}
            tail, head = tail + side, head + side
        elif apart > 1:
            look, tail, head = {**SKIP, "weight": "1"}, tail + side, head + side
        elif apart == 1:
            look = {"weight": "100"}
        elif link.head in beside and link.tail in main:
            look = dict(SKIP)
        elif link.tail in beside:
            look = dict(SKIP)
            tail, head = (tail + ":s", head + side) if link.head in main and rankdir == "TB" else (tail, head)
        dot.edge(tail, head, **({"label": f" {texts[link]} "} if texts[link] else {}), **look)


def _texts(found: Pieces, main: Mapping[Piece, int], batch: int | None) -> dict[Link, str]:
    """What is written on each arrow: which input it is, where that matters, and shapes where they change."""
    told: set[Piece] = set()
    texts = {}
    for link in found.links:
        parts = [link.label]
        follows = link.head in main and link.tail in main and main[link.head] - main[link.tail] == 1 and not link.back
        if follows and link.tail not in told and _changes(found, link, main, batch):
            parts.insert(0, arrow_label(link, batch))
            told.add(link.tail)
        texts[link] = "  ".join(filter(None, parts))
    return texts


def _changes(found: Pieces, link: Link, main: Mapping[Piece, int], batch: int | None) -> bool:
    """Whether the shape on an arrow differs from that of the arrow before it on the path."""
    if not link.tail.is_op or link.head.kind == "output" or link.tail.shape is None:
        return False
    before = [x for x in found.links if x.head is link.tail and x.tail in main]
    return not before or arrow_label(before[0], batch) != arrow_label(link, batch)
