"""Pieces of an outline: ops that are drawn in one box, with the parameters that only they use.

An outline says with few boxes what a network does.  Parameters stand inside the box of the op that uses them; a norm,
an activation, or another op that keeps the shape joins the box of the op before it; a module that is a short chain
becomes one box of a few lines.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..graph import Arrow, Box, Picture
from ..modules import Path, common

LINES = 3  # rows of a box: a module that is a chain of so many rows becomes one box
ROW = 4  # ops in a row
BACK = "back"  # marks the look of an arrow that leads to the next round of a loop


@dataclass(eq=False)
class Piece:
    """One box of an outline.

    `rows` are the ops in it, row by row; `path` is the frame that it stands in, and `modules` the paths of the modules
    whose ops it holds.  A leaf or an output has one row with its box.
    """

    rows: list[list[Box]]
    path: Path
    modules: list[Path] = field(default_factory=list)
    times: int = 1  # how many equal ones it stands for
    closed: bool = False  # whether it stands for a module, or a run of ops, that is not drawn
    like: Path = ()  # of a closed module: another that is equal up to sizes and is drawn
    blocks: list[Path] = field(default_factory=list)  # and the modules that it stands for
    members: list[Box] = field(default_factory=list)  # all that is inside

    @property
    def boxes(self) -> list[Box]:
        """Everything in it, in order."""
        return [box for row in self.rows for box in row]

    @property
    def kind(self) -> str:
        """That of its first box: "op", "input", "parameter", "output", ..."""
        return self.boxes[0].kind

    @property
    def is_op(self) -> bool:
        """Whether it computes something."""
        return self.kind in ("op", "failed")

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the value that leaves it."""
        return self.boxes[-1].sizes


@dataclass(eq=False)
class Link:
    """An arrow between two pieces."""

    tail: Piece
    head: Piece
    label: str = ""
    dashed: bool = False
    back: bool = False  # what one round of a loop hands to the next


@dataclass
class Pieces:
    """The pieces of a picture and the arrows between them; `inside` are the leaves drawn in the box of an op."""

    pieces: list[Piece]
    links: list[Link]
    inside: dict[Box, list[Box]]

    def ins(self) -> dict[Piece, list[Link]]:
        """The arrows into each piece."""
        found: dict[Piece, list[Link]] = {piece: [] for piece in self.pieces}
        for link in self.links:
            found[link.head].append(link)
        return found

    def outs(self) -> dict[Piece, list[Link]]:
        """The arrows out of each piece."""
        found: dict[Piece, list[Link]] = {piece: [] for piece in self.pieces}
        for link in self.links:
            found[link.tail].append(link)
        return found

    def ordered(self) -> list[Piece]:
        """The pieces, inputs before consumers; what a loop hands to its next round does not count."""
        outs = {piece: [x for x in links if not x.back] for piece, links in self.outs().items()}
        waiting = {piece: sum(not x.back for x in links) for piece, links in self.ins().items()}
        ready = [piece for piece in reversed(self.pieces) if not waiting[piece]]
        order = []
        while ready:
            order.append(ready.pop())
            for link in outs[order[-1]]:
                waiting[link.head] -= 1
                if not waiting[link.head]:
                    ready.append(link.head)
        return order


def pieces_of(picture: Picture) -> Pieces:
    """The pieces of a picture."""
    inside = _inlined(picture)
    hidden = {leaf for leaves in inside.values() for leaf in leaves}
    boxes = [box for box in picture.boxes if box not in hidden]
    arrows = [arrow for arrow in picture.arrows if arrow.tail not in hidden]
    found = _linked([Piece([[box]], box.path, [box.path] if box.path else []) for box in boxes], arrows, inside)
    _rehome(found)
    merge(found, _follows, rows=False)
    _rehome(found)
    _merge_modules(found)
    _rehome(found)
    return found


def _linked(pieces: list[Piece], arrows: Iterable[Arrow], inside: dict[Box, list[Box]]) -> Pieces:
    home = {box: piece for piece in pieces for box in piece.boxes}
    links = [Link(home[a.tail], home[a.head], a.label, a.dashed, BACK in a.look) for a in arrows]
    return Pieces(pieces, links, inside)


def _inlined(picture: Picture) -> dict[Box, list[Box]]:
    """The leaves that are drawn inside an op: parameters and constants that nothing else uses."""
    users: dict[Box, set[Box]] = defaultdict(set)
    into: dict[Box, list[Box]] = defaultdict(list)
    for arrow in picture.arrows:
        users[arrow.tail].add(arrow.head)
        into[arrow.head].append(arrow.tail)
    touched = {box for arrow in picture.arrows if arrow.dashed for box in (arrow.tail, arrow.head)}
    inside: dict[Box, list[Box]] = defaultdict(list)
    for leaf in picture.boxes:
        if leaf.kind not in ("parameter", "constant") or len(users[leaf]) != 1 or leaf in touched:
            continue
        (op,) = users[leaf]
        others = [box for box in into[op] if box is not leaf and box.kind not in ("parameter", "constant")]
        if op.kind in ("op", "failed") and others and not _is_data(leaf, op) and leaf.look != "stack":
            inside[op].append(leaf)
    return dict(inside)


def _is_data(leaf: Box, op: Box) -> bool:
    """Whether an op works on a leaf, rather than with it."""
    node = op.node
    return node is not None and not node.op.broadcasts and bool(node.inputs) and node.inputs[0] is leaf.node


def as_written(picture: Picture) -> Picture:
    """The picture with each op where the code has it: a relu may be computed behind the pooling that follows it."""
    into: dict[Box, list[Arrow]] = defaultdict(list)
    out: dict[Box, list[Arrow]] = defaultdict(list)
    for arrow in picture.arrows:
        into[arrow.head].append(arrow)
        out[arrow.tail].append(arrow)
    swapped: dict[Box, Box] = {}
    for box in picture.boxes:
        if box.kind == "op" and box not in swapped and len(into[box]) == 1:
            before = into[box][0].tail
            if before.kind == "op" and len(out[before]) == 1 and len(into[before]) == 1 and _is_earlier(box, before):
                swapped[box], swapped[before] = before, box
                box.place, before.place = before.sizes and into[before][0].tail.sizes, box.sizes
    if not swapped:
        return picture
    names = sorted({f"{box.title} and {other.title}" for box, other in swapped.items() if _is_earlier(box, other)})
    arrows = []
    for arrow in picture.arrows:
        tail, head = swapped.get(arrow.tail, arrow.tail), swapped.get(arrow.head, arrow.head)
        arrows.append(replace(arrow, tail=tail, head=head))
    notes = [*picture.notes, f"{', '.join(names)} are computed in the other order, with the same result"]
    boxes = [swapped.get(box, box) for box in picture.boxes]
    return replace(picture, boxes=boxes, arrows=arrows, notes=notes)


def _is_earlier(box: Box, other: Box) -> bool:
    """Whether a module comes before another one in the same Sequential."""
    if len(box.path) != len(other.path) or not box.path or box.path[:-1] != other.path[:-1]:
        return False
    a, b = box.path[-1].name, other.path[-1].name
    return a.isdigit() and b.isdigit() and int(a) < int(b)


# -- one box for several ops ----------------------------------------------------------------------------------------


def _rehome(found: Pieces) -> None:
    """Take each piece out of the modules in which it is alone."""
    count: dict[Path, int] = defaultdict(int)
    for piece in found.pieces:
        for depth in range(1, len(piece.path) + 1):
            count[piece.path[:depth]] += 1
    for piece in found.pieces:
        while piece.path and count[piece.path] == 1:
            piece.path = piece.path[:-1]


def merge(found: Pieces, joins: Callable[[Pieces, Piece, Piece], bool], *, rows: bool) -> None:
    """Join each piece to the one before it, where `joins` says so; in rows of its own if `rows`."""
    ins, outs = found.ins(), found.outs()
    stand_in: dict[Piece, Piece] = {}
    for piece in found.pieces:
        if len(ins[piece]) != 1 or ins[piece][0].dashed or ins[piece][0].back:
            continue
        before = ins[piece][0].tail
        first = stand_in.get(before, before)
        if len(outs[before]) == 1 and joins(found, first, piece):
            if rows:
                first.rows += piece.rows
            else:
                first.rows[-1] += piece.boxes
            first.path = common(first.path, piece.path)
            first.modules += [path for path in piece.modules if path not in first.modules]
            stand_in[piece] = first
    _drop(found, stand_in)


def _drop(found: Pieces, stand_in: dict[Piece, Piece]) -> None:
    """Leave out pieces for which others stand, and the arrows between the two."""
    if not stand_in:
        return
    found.pieces = [piece for piece in found.pieces if piece not in stand_in]
    links = []
    for link in found.links:
        tail, head = stand_in.get(link.tail, link.tail), stand_in.get(link.head, link.head)
        if tail is not head:
            links.append(replace(link, tail=tail, head=head))
    found.links = links


def _follows(found: Pieces, first: Piece, piece: Piece) -> bool:
    """Whether an op joins the row of the one before it: it keeps the shape, and stands in the same module."""
    last, box = first.boxes[-1], piece.boxes[0]
    if not (first.is_op and piece.is_op) or box.kind == "failed" or last.node is None or box.node is None:
        return False
    if len(first.rows[-1]) >= ROW or first.path != piece.path or last.node.name or last.frame != box.frame:
        return False
    if last.sizes is not None and box.sizes is not None and last.sizes != box.sizes:
        return math.prod(last.sizes) == math.prod(box.sizes) and len(box.node.inputs) == 1  # another view of the same
    same = last.sizes == box.sizes
    return same and not heavy(found, box) and (heavy(found, first.boxes[0]) or light(first.boxes[0]) == light(box))


def heavy(found: Pieces, box: Box) -> bool:
    """Whether an op has weights of two axes or more: a convolution, a dense layer."""
    return any(leaf.node is not None and len(leaf.node.shape) > 1 for leaf in found.inside.get(box, ()))


def light(box: Box) -> bool:
    """Whether an op computes each element by itself."""
    return bool(box.node.op.broadcasts)


def _merge_modules(found: Pieces) -> None:
    """Make one box of each module that is a chain of few rows."""
    for depth in range(max((len(piece.path) for piece in found.pieces), default=0), 0, -1):
        members: dict[Path, list[Piece]] = defaultdict(list)
        for piece in found.pieces:
            if len(piece.path) >= depth:
                members[piece.path[:depth]].append(piece)
        stand_in: dict[Piece, Piece] = {}
        for path, pieces in members.items():
            if _is_chain(found, pieces):
                first, *others = pieces
                for piece in others:
                    first.rows += piece.rows
                    first.modules += [m for m in piece.modules if m not in first.modules]
                    stand_in[piece] = first
                first.path = path
        _drop(found, stand_in)
        _rehome(found)


def _is_chain(found: Pieces, pieces: Sequence[Piece]) -> bool:
    """Whether pieces are a short path that only its first box enters, and only its last leaves."""
    if len(pieces) < 2 or sum(len(p.rows) for p in pieces) > LINES or not all(p.is_op for p in pieces):
        return False
    if any(box.kind == "failed" for piece in pieces for box in piece.boxes):
        return False
    inside = set(pieces)
    places = {piece: k for k, piece in enumerate(pieces)}
    steps = set()
    for link in found.links:
        tail, head = link.tail in inside, link.head in inside
        if tail and head:
            if places[link.head] != places[link.tail] + 1:
                return False
            steps.add(places[link.tail])
        elif (head and places[link.head] != 0) or (tail and places[link.tail] != len(pieces) - 1):
            return False
    return len(steps) == len(pieces) - 1
