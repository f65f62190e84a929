"""Modules of an outline: equal ones are drawn once, and others are closed until few enough boxes are left.

In this order, as far as it takes: equal modules that follow each other are drawn once; a module that equals a former
one up to sizes is one box, which names it; the deepest modules are closed, the last ones first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from ..graph import Box
from ..modules import Path, common, words
from .pieces import LINES, Link, Piece, Pieces, merge
from .wording import channels, op_words, rows_of

CONTAINERS = ("", "Sequential", "ModuleList", "ModuleDict")  # classes whose names say nothing
ALIKE = 3  # rows of boxes that a module must have for another one to be drawn "as in" it


def close_modules(
    found: Pieces,
    classes: Mapping[str, str],
    fits: Callable[[Pieces], bool],
    depth: int | None,
    collapse: tuple[str, ...],
) -> dict[Path, int]:
    """Close what is asked for, and what it takes until the pieces fit; returns how often each open module occurs."""
    for path in sorted(_frames(found), key=len):
        deep = depth is not None and len(path) >= depth
        if path in _frames(found) and (deep or any(fnmatchcase(words(path), pattern) for pattern in collapse)):
            _close(found, [path], classes)
    times: dict[Path, int] = {}
    if not fits(found):
        _once(found, times, classes, _exact)
    for level in range(max(map(len, _frames(found)), default=0), 0, -1):
        if not fits(found):
            _as_before(found, times, classes, level)
    if not fits(found):
        join_chains(found)
        for level in range(max(map(len, _frames(found)), default=0), 0, -1):
            _as_before(found, times, classes, level)
    if not fits(found):
        _rows_as_before(found, classes)
    if not fits(found):
        _join_closed(found)
    while not fits(found) and _close_last(found, classes):
        _join_closed(found)
    return times


def _close_last(found: Pieces, classes: Mapping[str, str]) -> bool:
    """Close the last one of the deepest modules, drawn as a frame or as rows of a box; False if there is none."""
    frames = {path: inside for path, inside in _frames(found).items() if _has_ops(inside)}
    for piece in found.pieces:
        path = _module_of(piece)
        if path and len(piece.rows) > 1 and not piece.closed and classes.get(words(path), "") not in CONTAINERS:
            frames.setdefault(path, [piece])
    if not frames:
        return False
    deepest = max(map(len, frames))
    path = [path for path in frames if len(path) == deepest][-1]
    replace_pieces(found, frames[path], _closed(found, path, frames[path], classes, 1, ()))
    return True


def _has_ops(pieces: list[Piece]) -> bool:
    return any(piece.is_op for piece in pieces)


def ops(found: Pieces) -> int:
    """How many boxes of ops there are."""
    return sum(piece.is_op for piece in found.pieces)


def _frames(found: Pieces) -> dict[Path, list[Piece]]:
    """The pieces in each open module, at any depth; modules in the order of their first pieces."""
    frames: dict[Path, list[Piece]] = defaultdict(list)
    for piece in found.pieces:
        for depth in range(1, len(piece.path) + 1):
            frames[piece.path[:depth]].append(piece)
    return dict(frames)


# -- equal modules --------------------------------------------------------------------------------------------------

Signature = Callable[[Pieces, Piece, Path], Any]


def _exact(found: Pieces, piece: Piece, path: Path) -> Any:
    """What equal pieces have in common: ops, shapes, parameters, place within the module."""
    leaves = [tuple(leaf.shape for leaf in found.inside.get(box, ())) for box in piece.boxes]
    return _loose(found, piece, path), [box.shape for box in piece.boxes], leaves


def _loose(found: Pieces, piece: Piece, path: Path) -> Any:
    """The same without sizes."""
    told = [
        [w for box in row for w in (op_words(found, box) if box.kind == "op" else [box.title])] for row in piece.rows
    ]
    return piece.kind, told, piece.path[len(path) :], piece.times, piece.closed


def _signature(found: Pieces, path: Path, inside: list[Piece], tell: Signature, classes: Mapping[str, str]) -> Any:
    """What makes two modules equal: class, pieces, the arrows between them, and where values enter."""
    place = {piece: k for k, piece in enumerate(inside)}
    within = sorted((place[x.tail], place[x.head], x.label) for x in found.links if x.tail in place and x.head in place)
    enter = sorted(place[x.head] for x in found.links if x.head in place and x.tail not in place)
    return repr((classes.get(words(path), ""), [tell(found, p, path) for p in inside], within, enter))


def _once(found: Pieces, times: dict[Path, int], classes: Mapping[str, str], tell: Signature) -> None:
    """Draw equal modules that follow each other once; outer ones first."""
    for depth in range(1, max((len(piece.path) for piece in found.pieces), default=0) + 1):
        for run in _runs(found, depth, tell, classes):
            if len(run) > 1:
                _keep_first(found, run)
                times[run[0]] = len(run)


def _runs(found: Pieces, depth: int, tell: Signature, classes: Mapping[str, str]) -> list[list[Path]]:
    """Equal modules of one depth that follow each other, and each of the others by itself."""
    frames = {path: inside for path, inside in _frames(found).items() if len(path) == depth}
    home = {piece: path for path, inside in frames.items() for piece in inside}
    leave: dict[Path, list[Link]] = defaultdict(list)
    enter: dict[Path, list[Link]] = defaultdict(list)
    for link in found.links:
        tail, head = home.get(link.tail), home.get(link.head)
        if tail != head:
            if tail is not None:
                leave[tail].append(link)
            if head is not None:
                enter[head].append(link)
    signatures = {path: _signature(found, path, inside, tell, classes) for path, inside in frames.items()}
    runs: list[list[Path]] = []
    taken: set[Path] = set()
    for path in frames:
        if path in taken:
            continue
        run = [path]
        while True:
            heads = {home.get(link.head) for link in leave[run[-1]]}
            after = heads.pop() if len(heads) == 1 else None
            if (
                after is None or after in taken or after in run or after[:-1] != path[:-1]
                or signatures[after] != signatures[path]
                or any(home.get(link.tail) != run[-1] for link in enter[after])
            ):  # fmt: skip
                break
            run.append(after)
        taken |= set(run)
        runs.append(run)
    return runs


def _keep_first(found: Pieces, run: list[Path]) -> None:
    """Leave out all but the first of equal modules."""
    frames = _frames(found)
    stand_in: dict[Piece, Piece] = {}
    for path in run[1:]:
        stand_in |= dict(zip(frames[path], frames[run[0]], strict=True))
    kept = [link for link in found.links if link.head not in stand_in]
    found.links = [replace(x, tail=stand_in.get(x.tail, x.tail)) for x in kept]
    found.pieces = [piece for piece in found.pieces if piece not in stand_in]


def _as_before(found: Pieces, times: dict[Path, int], classes: Mapping[str, str], depth: int) -> None:
    """Close each module of one depth that equals a former one up to sizes."""
    seen: dict[Any, Path] = {}
    for path in [path for path in _frames(found) if len(path) == depth]:
        inside = _frames(found)[path]
        if sum(len(piece.rows) for piece in inside) < ALIKE or not classes.get(words(path)):
            continue
        like = seen.setdefault(_signature(found, path, inside, _loose, classes), path)
        if like != path:
            several = times.get(like, 1) > 1 and len(like) > 1
            _close(found, [path], classes, times.pop(path, 1), like[:-1] if several else like)


def join_chains(found: Pieces) -> None:
    """Join boxes that follow each other within a module, as far as a box has room."""
    merge(found, _has_room, rows=True)


def _has_room(found: Pieces, first: Piece, piece: Piece) -> bool:
    ops = first.is_op and piece.is_op and not (first.closed or piece.closed)
    failed = any(box.kind == "failed" for box in (*first.boxes, *piece.boxes))
    if not ops or failed or first.path != piece.path or (len(first.rows) > 1 and _shrinks(first.boxes[-1])):
        return False  # what makes a map smaller is the last row of a box
    return len(rows_of(found, [*first.rows, *piece.rows])) <= LINES + _shrinks(piece.boxes[-1])


def _shrinks(box: Box) -> bool:
    """Whether an op without weights gives a smaller map: pooling."""
    source = box.node.inputs[0] if box.node is not None and box.node.inputs else None
    if source is None or box.sizes is None or len(box.sizes) < 3 or len(source.shape) != len(box.sizes):
        return False
    return len(box.node.inputs) == 1 and source.shape[1:-1] > box.sizes[1:-1] and source.shape[-1] == box.sizes[-1]


def _rows_as_before(found: Pieces, classes: Mapping[str, str]) -> None:
    """Close each module that became one box, if it equals a former one up to sizes."""
    seen: dict[Any, Path] = {}
    for piece in list(found.pieces):
        path = _module_of(piece)
        if (
            not path
            or path in _frames(found)
            or len(piece.rows) < ALIKE
            or piece.closed
            or classes.get(words(path), "") in CONTAINERS
        ):
            continue
        like = seen.setdefault(repr(_loose(found, piece, piece.path)[1]), path)
        if like != path:
            replace_pieces(found, [piece], _closed(found, path, [piece], classes, 1, like))


def _module_of(piece: Piece) -> Path:
    """The module that holds all that is in a box; empty if none does."""
    shared = piece.boxes[0].path
    for box in piece.boxes[1:]:
        shared = common(shared, box.path)
    return shared


def _join_closed(found: Pieces) -> None:
    """Draw closed modules of one class that follow each other as one box."""
    outs, ins = found.outs(), found.ins()
    run: list[Piece] = []
    for piece in [*found.pieces, None]:
        joins = (
            run and piece is not None and piece.closed and piece.path == run[-1].path
            and piece.boxes[0].title == run[-1].boxes[0].title and run[-1].blocks and piece.blocks
            and {x.head for x in outs[run[-1]]} == {piece} and {x.tail for x in ins[piece]} == {run[-1]}
        )  # fmt: skip
        if joins and piece is not None:
            run.append(piece)
            continue
        if len(run) > 1:
            first, last = run[0], run[-1]
            ends = (first.boxes[0].shape.split("→")[0], last.boxes[0].shape.split("→")[-1])
            box = replace(last.boxes[0], shape="→".join(ends) if all(ends) else "", path=first.path)
            likes = {p.like for p in run}
            replace_pieces(found, run, Piece(
                [[box]], first.path, [m for p in run for m in p.modules], sum(p.times for p in run), True,
                likes.pop() if len(likes) == 1 else (), [b for p in run for b in p.blocks],
                [m for p in run for m in p.members],
            ))  # fmt: skip
        run = [piece] if piece is not None and piece.closed else []


def _close(found: Pieces, paths: list[Path], classes: Mapping[str, str], times: int = 1, like: Path = ()) -> None:
    """Draw a module as one box."""
    frames = _frames(found)
    inside = [piece for path in paths for piece in frames[path]]
    if _has_ops(inside):
        replace_pieces(found, inside, _closed(found, paths[0], inside, classes, times, like))


def _closed(
    found: Pieces, path: Path, inside: list[Piece], classes: Mapping[str, str], times: int, like: Path
) -> Piece:
    """The piece that stands for a module."""
    ops_inside = [piece for piece in inside if piece.is_op]
    ends = [channels(found, piece) for piece in ops_inside]
    known = [end for end in ends if end]
    shape = f"{known[0].split('→')[0]}→{known[-1].split('→')[-1]}" if known else ""
    node = ops_inside[-1].boxes[-1].node
    title = classes.get(words(path), "")
    title = words(path) if title in CONTAINERS else title
    box = Box("op", title, shape=shape, path=path[:-1], node=node)
    members = [box for piece in inside for box in (piece.members or piece.boxes)]
    first = int(path[-1].name) if path[-1].name.isdigit() else None
    blocks = [path]
    if times > 1 and first is not None:
        blocks = [(*path[:-1], path[-1]._replace(name=str(first + k))) for k in range(times)]
    around = path[:-1] if inside[0].path[: len(path)] == path else inside[0].path
    return Piece([[box]], around, [path], times, True, like, blocks, members)


def replace_pieces(found: Pieces, inside: list[Piece], piece: Piece) -> None:
    """Put one piece in the place of several; equal arrows become one."""
    gone = set(inside)
    place = found.pieces.index(inside[0])
    found.pieces = [p for p in found.pieces[:place] if p not in gone] + [piece] + [
        p for p in found.pieces[place:] if p not in gone
    ]  # fmt: skip
    links, seen = [], set()
    for link in found.links:
        tail, head = (piece if end in gone else end for end in (link.tail, link.head))
        changed = link.tail in gone or link.head in gone
        if tail is head or (changed and (tail, head, link.dashed) in seen):
            continue
        seen.add((tail, head, link.dashed))
        links.append(replace(link, tail=tail, head=head, label="" if changed else link.label))
    found.links = links
