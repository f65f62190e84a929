"""Repeated blocks: equal modules that follow each other are drawn once, marked with how often they occur.

Two modules are equal if they stand side by side in the same module, have the same class, and hold the same boxes (ops,
parameters, shapes), joined in the same way.  They follow each other if all that leaves the one enters the next, at the
same places at which the first was entered, and nothing else does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .graph import Arrow, Box, Picture
from .labels import cut
from .modules import Path, words

Home = tuple[str, Path]  # frame and path


def fold_repeats(picture: Picture) -> Picture:
    """The picture with repeated blocks drawn once; outer ones first, so that what is inside is looked at once."""
    deepest = max((len(box.path) for box in picture.boxes), default=0)
    folded = picture
    for depth in range(1, deepest + 1):
        folded = _fold(folded, depth)
    return folded


def _fold(picture: Picture, depth: int) -> Picture:
    blocks = _Blocks(picture, depth)
    chains = blocks.chains()
    if not chains:
        return picture
    gone: set[Box] = set()
    stand_in: dict[Box, Box] = {}
    repeated = dict(picture.repeated)
    for chain in chains:
        first, *others = chain
        repeated[first[1]] = _words(chain)
        for other in others:
            gone |= set(blocks.inside[other])
            stand_in |= dict(zip(blocks.inside[other], blocks.inside[first], strict=True))
    arrows = []
    for arrow in picture.arrows:
        if arrow.head in gone:
            continue  # inside a block that is gone, or what enters one
        arrows.append(replace(arrow, tail=stand_in.get(arrow.tail, arrow.tail)))
    boxes = [box for box in picture.boxes if box not in gone]
    return replace(picture, boxes=boxes, arrows=arrows, notes=list(picture.notes), repeated=repeated)


def _words(chain: Sequence[Home]) -> str:
    """``× 3: layer1.0 to layer1.2``."""
    first, last = (words(home[1]) for home in (chain[0], chain[-1]))
    return f"× {len(chain)}" + (f": {cut(first)} to {cut(last)}" if first != last else "")


class _Blocks:
    """The modules of one depth, with what they hold and how they are joined."""

    def __init__(self, picture: Picture, depth: int) -> None:
        self.classes = picture.classes
        self.inside: dict[Home, list[Box]] = defaultdict(list)
        self.home: dict[Box, Home] = {}
        for box in picture.boxes:
            if len(box.path) >= depth:
                home = (box.frame, box.path[:depth])
                self.home[box] = home
                self.inside[home].append(box)
        self.index = {box: k for boxes in self.inside.values() for k, box in enumerate(boxes)}
        self.within: dict[Home, list[Any]] = defaultdict(list)
        self.enter: dict[Home, list[Arrow]] = defaultdict(list)
        self.leave: dict[Home, list[Arrow]] = defaultdict(list)
        for arrow in picture.arrows:
            tail, head = self.home.get(arrow.tail), self.home.get(arrow.head)
            if tail == head and tail is not None:
                ends = (self.index[arrow.tail], self.index[arrow.head])
                self.within[tail].append((*ends, arrow.label, arrow.dashed))
                continue
            if head is not None:
                self.enter[head].append(arrow)
            if tail is not None:
                self.leave[tail].append(arrow)

    def chains(self) -> list[list[Home]]:
        """Stretches of at least two equal blocks, each followed by the next."""
        found: list[list[Home]] = []
        taken: set[Home] = set()
        for home in self.inside:
            if home in taken:
                continue
            chain = [home]
            while (after := self._next(chain[-1])) is not None and after not in taken and after not in chain:
                if self._signature(after) != self._signature(home):
                    break
                chain.append(after)
            if len(chain) > 1:
                found.append(chain)
                taken |= set(chain)
        return found

    def _next(self, home: Home) -> Home | None:
        """The sibling that takes all that a block gives, and nothing from anywhere else."""
        heads = {self.home.get(arrow.head) for arrow in self.leave[home]}
        after = heads.pop() if len(heads) == 1 else None
        if after is None or after[0] != home[0] or after[1][:-1] != home[1][:-1]:
            return None
        return after if all(self.home.get(arrow.tail) == home for arrow in self.enter[after]) else None

    def _signature(self, home: Home) -> Any:
        """What makes two blocks equal: class, boxes, arrows inside, and where and in which shapes values enter."""
        depth = len(home[1])
        boxes = [
            (box.kind, box.title, tuple(box.lines), box.shape, box.path[depth:], box.frame) for box in self.inside[home]
        ]
        enter = sorted((self.index[arrow.head], arrow.label, arrow.dashed) for arrow in self.enter[home])
        return self.classes.get(words(home[1]), ""), boxes, sorted(self.within[home]), enter
