"""Outlines: what a network does, in at most 16 boxes of ops; what `tg.draw` draws unless it is asked for more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...insight.cost import multiply_adds
from ...insight.numbers import amount
from ..graph import Picture
from ..modules import Path, words
from .blocks import close_modules, ops
from .ladder import ladder_of
from .layout import Facts, dot_text, frames_of, main_path
from .loops import fold_loops
from .pieces import Piece, Pieces, as_written, heavy, pieces_of
from .runs import fold_runs
from .wording import rows_of

MOST = 16  # boxes of ops that a reader takes in at a glance
TALLEST = 800.0  # points: in a window of 800 pixels, 11-point text is then still 11 pixels high
HEADING, NOTE, ROW, BOX, ARROW, LABEL, FRAME = 58, 13, 13.5, 8, 17.5, 13, 18  # points that each takes, roughly


def outline(
    picture: Picture, *, title: str, rankdir: str = "TB", depth: int | None = None, collapse: Sequence[str] = (),
    badges: Any = None,
) -> str:  # fmt: skip
    """Return the DOT text of a picture's outline."""
    picture = as_written(picture)
    facts = _facts(picture, title)
    picture = fold_loops(picture) if picture.ops > MOST else picture
    facts.lines += picture.notes
    facts.classes = picture.classes
    found = pieces_of(picture)
    notes = len(facts.lines) - 1

    def fits(found: Pieces) -> bool:
        return ops(found) <= MOST and height(found, notes) <= TALLEST

    times = close_modules(found, picture.classes, fits, depth, tuple(collapse))
    fold_runs(found, MOST)
    count, boxes = picture.ops, ops(found)
    if count > boxes:
        facts.lines[0] += f" · {count} ops in {boxes} boxes" if facts.lines[0] else f"{count} ops in {boxes} boxes"
    facts.lines = [line for line in facts.lines if line]

    def said(piece: Piece) -> tuple[Sequence[str], Sequence[str], str | None]:
        nodes = [box.node for box in (piece.members or piece.boxes) if box.node is not None]
        warnings = [line for box in piece.boxes for line in box.warnings]
        if badges is None or not nodes:
            return (), warnings, None
        return badges.lines(nodes), [*badges.warnings(nodes), *warnings], badges.fill(nodes)

    return dot_text(found, times, facts, rankdir, said)


def height(found: Pieces, notes: int = 0) -> float:
    """Points that an outline is high, roughly: the boxes on the path of results, and the arrows between them."""
    way = main_path(found)
    ladder = ladder_of(found, way)
    if ladder is not None:  # of a U, its longer side
        side = max(ladder.left, ladder.right, key=len)
        way = {piece: k for k, piece in enumerate([*side, ladder.bottom])}
    frames = 0 if ladder is not None else len(frames_of(found))
    total = HEADING + NOTE * notes + FRAME * frames + ARROW * max(len(way) - 1, 0)
    for piece in way:
        below = piece.is_op and (piece.closed or bool(piece.modules) or any(heavy(found, box) for box in piece.boxes))
        total += BOX + ROW * (len(rows_of(found, piece.rows)) + below)
    shapes = [piece.shape for piece in way if piece.shape is not None]
    return total + LABEL * sum(a != b for a, b in pairwise(shapes))


def _facts(picture: Picture, title: str) -> Facts:
    """Totals of a network: parameters and multiply-adds, in all and by module."""
    parameters: dict[Path, int] = defaultdict(int)
    adds: dict[Path, int] = defaultdict(int)
    for box in picture.boxes:
        node = box.node
        if node is None:
            continue
        if box.kind == "parameter":
            size = int(np.prod(node.shape, dtype=np.int64))
            for depth in range(len(box.path) + 1):
                parameters[box.path[:depth]] += size
        elif box.kind == "op" and hasattr(node, "inputs"):
            cost = _multiply_adds(node)
            for depth in range(len(box.path) + 1):
                adds[box.path[:depth]] += cost
    total, work = parameters[()], adds[()]
    inputs = [box.node.shape for box in picture.boxes if box.kind == "input" and box.node is not None]
    batch = inputs[0][0] if inputs and len(inputs[0]) > 1 else None
    told = [f"{total:,} parameters"] if total else []
    samples = batch if batch is not None and batch > 1 and work % batch == 0 else 1
    told += [f"{amount(work // samples)} multiply-adds{' a sample' if samples > 1 else ''}"] if work else []
    shares = {path: n / work for path, n in adds.items() if path and work}
    named = {path: sum(n for p, n in parameters.items() if words(p) == words(path)) for path in parameters}
    return Facts(title, [" · ".join(told)], named, shares, picture.classes, batch)


def _multiply_adds(node: Any) -> int:
    shapes = [None if edge is None else edge.shape for edge in node.inputs]
    try:
        flop = node.op.cost(shapes, node.shape, node.params, node.dtype.itemsize).flop
    except Exception:  # an op of the user's whose cost is not known
        return 0
    return int(multiply_adds(node.op, flop, int(np.prod(node.shape, dtype=np.int64))))


__all__ = ["MOST", "outline"]
