"""Networks that look like a U: down on the left, up on the right, with level bridges between equal resolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .pieces import Link, Piece, Pieces

BRIDGES = 2  # so many make a U


@dataclass
class Ladder:
    """The two sides of a U, from the top to the bottom, the piece at the bottom, and the bridges."""

    left: list[Piece]
    right: list[Piece]
    bottom: Piece
    bridges: list[Link]

    def rows(self) -> list[tuple[Piece, Piece]]:
        """Pairs of a piece on the left and one on the right that stand side by side: bridges are level."""
        place = {piece: k for k, piece in enumerate(self.left)}, {piece: k for k, piece in enumerate(self.right)}
        ends = sorted((place[0][link.tail], place[1][link.head]) for link in self.bridges)
        rows, before = [(self.left[0], self.right[0])], (0, 0)
        for left, right in [*ends, (len(self.left), len(self.right))]:
            gap = min(left - before[0], right - before[1])
            rows += [(self.left[before[0] + k], self.right[before[1] + k]) for k in range(1, gap)]
            rows += [(self.left[left], self.right[right])] if left < len(self.left) else []
            before = left, right
        return list(dict.fromkeys(rows))


def ladder_of(found: Pieces, main: Mapping[Piece, int]) -> Ladder | None:
    """The ladder of a network whose resolution falls and rises, and whose bridges join equal ones; None of others."""
    if len(main) != len(found.pieces):
        return None
    way = sorted(main, key=lambda piece: main[piece])
    bridges = sorted((x for x in found.links if main[x.head] - main[x.tail] > 1), key=lambda x: main[x.tail])
    if len(bridges) < BRIDGES or any(link.dashed or link.back for link in found.links):
        return None
    heads = [main[link.head] for link in bridges]
    tails = [main[link.tail] for link in bridges]
    if len(set(tails)) < len(tails) or sorted(heads, reverse=True) != heads or tails[-1] >= heads[-1]:
        return None
    sizes = [_pixels(way[k]) for k in tails]
    if any(a is None or b is None or a <= b for a, b in pairwise(sizes)):
        return None
    inner = [(pixels, k) for k in range(tails[-1] + 1, heads[-1]) if (pixels := _pixels(way[k])) is not None]
    if not inner:
        return None
    bottom = min(inner)[1]
    return Ladder(way[:bottom], way[:bottom:-1], way[bottom], bridges)


def _pixels(piece: Piece) -> int | None:
    """How many places the value that leaves a piece has; None of what is no map."""
    if piece.shape is None or len(piece.shape) < 3:
        return None
    product = 1
    for n in piece.shape[1:-1]:
        product *= int(n)
    return product


def write_links(
    dot: Any, ladder: Ladder, ids: Mapping[Piece, str], text: Mapping[Link, str], found: Pieces, look: Any
) -> None:
    """The arrows of a U; the way up is written backwards, so that it climbs."""
    bridges, right = set(ladder.bridges), {*ladder.right}
    for link in found.links:
        tail, head = ids[link.tail], ids[link.head]
        label = {"label": f" {text[link]} "} if text.get(link) else {}
        if link in bridges:
            dot.edge(tail, head, **look)
        elif link.tail is ladder.bottom:
            dot.edge(f"{head}:s", f"{tail}:e", dir="back", **label)
        elif link.head is ladder.bottom:
            dot.edge(f"{tail}:s", f"{head}:w", **label)
        elif link.head in right:
            dot.edge(head, tail, dir="back", weight="50", **label)
        else:
            dot.edge(tail, head, weight="50", **label)
    for left, other in ladder.rows():
        dot.body.append(f"\t{{rank=same {ids[left]} {ids[other]}}}\n")
