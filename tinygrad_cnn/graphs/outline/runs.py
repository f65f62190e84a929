"""Runs: ops of no module, or of too many, are cut into stretches that are drawn as one box each.

Ops stand in an order in which inputs come first, so no way leaves a stretch and comes back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from ..graph import Box
from ..modules import common
from .blocks import ops, replace_pieces
from .pieces import Piece, Pieces

ENDS = 2  # boxes at either end of a chain that stay
LEAST = 3  # boxes that are worth a run
SIDE_BY_SIDE = 6  # inputs, or outputs, that stand side by side


def fold_runs(found: Pieces, most: int) -> None:
    """Put runs of ops into one box each until there are at most `most` boxes; then inputs and outputs, where many."""
    while ops(found) > most and (chain := _longest(found)):
        replace_pieces(found, chain, _run(chain))
    if ops(found) > most:
        left = [piece for piece in found.ordered() if piece.is_op]
        tied = any(link.tail.is_op and link.head.is_op for link in found.links)
        size = -(-len(left) // (most if tied else SIDE_BY_SIDE))
        for start in range(0, len(left), size):
            run = left[start : start + size]
            if len(run) > 1:
                replace_pieces(found, run, _run(run))
    _stack(found)


def _longest(found: Pieces) -> list[Piece]:
    """The middle of the longest chain: boxes of which each takes one value, and gives one."""
    ins, outs = found.ins(), found.outs()
    best: list[Piece] = []
    chain: list[Piece] = []
    for piece in found.ordered():
        links = [x for x in ins[piece] if x.tail.is_op]
        follows = (
            chain and len(links) == 1 == len(ins[piece]) and links[0].tail is chain[-1] and len(outs[chain[-1]]) == 1
        )
        if not piece.is_op or any(box.kind == "failed" for box in piece.boxes):
            chain = []
            continue
        chain = [*chain, piece] if follows and not links[0].dashed and not links[0].back else [piece]
        if len(chain) > len(best):
            best = chain
    middle = best[ENDS:-ENDS]
    return middle if len(middle) >= LEAST else []


def _run(pieces: list[Piece]) -> Piece:
    boxes = [box for piece in pieces for box in (piece.members or piece.boxes) if box.kind in ("op", "failed")]
    counts = Counter(box.title for box in boxes).most_common()
    told = ", ".join(f"{name} × {n}" if n > 1 else name for name, n in counts[:3])
    more = f" and {len(counts) - 3} other kinds" if len(counts) > 3 else ""
    path = pieces[0].path
    for piece in pieces[1:]:
        path = common(path, piece.path)
    box = Box("op", f"… {len(boxes)} ops …", shape=told + more, path=path, node=boxes[-1].node)
    return Piece(
        [[box]], path, closed=True, members=[box for piece in pieces for box in (piece.members or piece.boxes)]
    )


def _stack(found: Pieces) -> None:
    """Draw inputs that go to the same box, and outputs that come from the same, as one where there are many."""
    for least in (SIDE_BY_SIDE, 1):  # at first those that belong together, then whatever is too much
        ins, outs = found.ins(), found.outs()
        groups: dict[tuple[str, object], list[Piece]] = defaultdict(list)
        for piece in found.pieces:
            if not piece.is_op:
                others = {x.head for x in outs[piece]}, {x.tail for x in ins[piece]}
                key = tuple(frozenset(map(id, side)) for side in others) if least > 1 else ()
                groups[piece.kind, key].append(piece)
        for (kind, _), pieces in groups.items():
            if len(pieces) > (SIDE_BY_SIDE if least > 1 else 2 * SIDE_BY_SIDE):
                first, last = pieces[0].boxes[0], pieces[-1].boxes[0]
                box = replace(first, title=f"{first.title} … {last.title}", look="stack")
                members = [box for piece in pieces for box in (piece.members or piece.boxes)]
                box.lines = [f"{len(members)} {kind}s"]
                replace_pieces(found, pieces, Piece([[box]], (), members=members))
