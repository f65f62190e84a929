"""Unrolled loops: equal rounds that follow each other are drawn once, with what each hands to the next.

The period is found in the recorded order of ops.  Rounds are equal if their ops have the same names and shapes and take
the same shared leaves, the op at the same place of the same round or of the one before, or something that differs from
round to round (the input of a step).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..details import site_of
from ..graph import Arrow, Box, Picture
from ..modules import Step, common, words
from .pieces import BACK

ROUNDS = 3  # so many equal rounds make a loop
LONGEST = 400  # ops of a round
FEWER = 8  # so many ops fewer make a loop worth a frame
Source = tuple[str, Any]  # where an op's input comes from: ("same", place) ("before", place) ("shared", box) ("other",)


class Loop(NamedTuple):
    """Rounds of equal ops: the first op, ops a round, rounds."""

    start: int
    period: int
    rounds: int


def fold_loops(picture: Picture) -> Picture:
    """The picture with one round of each loop that makes out a good part of it, the longest loop first."""
    while (found := _find(picture)) is not None:
        loop, ops = found
        if (loop.rounds - 1) * loop.period < max(FEWER, len(ops) // 8):
            break
        picture = _fold(picture, loop, ops)
    return picture


def _find(picture: Picture) -> tuple[Loop, list[Box]] | None:
    """The loop with most ops, and all ops in order."""
    into: dict[Box, list[Arrow]] = {box: [] for box in picture.boxes}
    for arrow in picture.arrows:
        if BACK not in arrow.look:
            into[arrow.head].append(arrow)
    ops = _as_run(picture, into)
    keys = [_key(box, into) for box in ops]
    where: dict[Any, int] = {}
    periods: set[int] = set()
    for k, key in enumerate(keys):
        if key in where and k - where[key] <= LONGEST:
            periods.add(k - where[key])
        where[key] = k
    best: tuple[int, Loop] | None = None
    for period in sorted(periods):
        for start, length in _equal(keys, period):
            rounds = length // period + 1
            if rounds < ROUNDS or (best and rounds * period <= best[0]):
                continue
            for shift in range(min(period, length % period + 1)):  # where a round begins is not known yet
                loop = _checked(Loop(start + shift, period, (length - shift) // period + 1), ops, into)
                if loop is not None and (best is None or loop.rounds * period > best[0]):
                    best = loop.rounds * period, loop
                    break
    return None if best is None else (best[1], ops)


def _as_run(picture: Picture, into: dict[Box, list[Arrow]]) -> list[Box]:
    """The ops in the order in which a program most likely ran them: of two inputs, the one with more behind it first.

    Where as much is behind both, as in the first round of a loop, ops of that kind elsewhere decide.
    """
    depth: dict[Box, int] = {}
    kinds: dict[Any, list[int]] = {}
    for box in picture.boxes:  # inputs come before consumers
        depth[box] = 1 + max((depth.get(arrow.tail, 0) for arrow in into[box]), default=0)
        kinds.setdefault(_key(box, into), []).append(depth[box])
    usual = {key: sum(depths) / len(depths) for key, depths in kinds.items()}
    used = {arrow.tail for arrows in into.values() for arrow in arrows}
    order: dict[Box, None] = {}
    for last in [box for box in picture.boxes if box not in used]:
        stack = [(last, False)]
        while stack:
            box, done = stack.pop()
            if done:
                order[box] = None
            elif box not in order:
                stack.append((box, True))
                tails = dict.fromkeys(arrow.tail for arrow in into[box])
                stack += [(b, False) for b in sorted(tails, key=lambda b: (depth[b], usual[_key(b, into)]))]
    return [box for box in order if box.kind == "op"]


def _key(box: Box, into: dict[Box, list[Arrow]]) -> Any:
    """What ops at the same place of two rounds have in common."""
    leaves = tuple(sorted(id(arrow.tail) for arrow in into[box] if arrow.tail.kind == "parameter"))
    return box.title, box.shape, tuple(step.name for step in box.path), leaves, len(into[box]), box.frame


def _equal(keys: Sequence[Any], period: int) -> list[tuple[int, int]]:
    """Stretches in which each op equals the one a period later: the first, and how many."""
    found, start = [], None
    for k in range(len(keys) - period + 1):
        same = k + period < len(keys) and keys[k] == keys[k + period]
        if same and start is None:
            start = k
        elif not same and start is not None:
            found.append((start, k - start))
            start = None
    return found


def _checked(loop: Loop, ops: Sequence[Box], into: dict[Box, list[Arrow]]) -> Loop | None:
    """The loop if its rounds are joined alike and each hands something to the next."""
    place = {ops[loop.start + k]: divmod(k, loop.period) for k in range(loop.period * loop.rounds)}
    second = _sources(loop, 1, ops, into, place)
    if not any(kind == "before" for source in second for kind, _ in source):
        return None
    rounds = 2
    while rounds < loop.rounds and _sources(loop, rounds, ops, into, place) == second:
        rounds += 1
    return loop._replace(rounds=rounds) if rounds >= ROUNDS else None


def _sources(
    loop: Loop, turn: int, ops: Sequence[Box], into: dict[Box, list[Arrow]], place: dict[Box, tuple[int, int]]
) -> list[list[Source]]:
    """Where the inputs of each op of a round come from."""
    return [
        [_source(arrow.tail, turn, place) for arrow in into[ops[loop.start + turn * loop.period + k]]]
        for k in range(loop.period)
    ]


def _source(tail: Box, turn: int, place: dict[Box, tuple[int, int]]) -> Source:
    if tail in place:
        of, at = place[tail]
        return ("same", at) if of == turn else ("before", at) if of == turn - 1 else ("earlier", (of, at))
    return ("shared", id(tail)) if tail.kind == "parameter" else ("other", tail.kind)


def _fold(picture: Picture, loop: Loop, ops: Sequence[Box]) -> Picture:
    """Keep the first round, in a frame of its own, and a back arrow for what each round hands to the next."""
    body = [ops[loop.start + k] for k in range(loop.period)]
    place = {ops[loop.start + k]: divmod(k, loop.period) for k in range(loop.period * loop.rounds)}
    users: dict[Box, set[Box]] = {}
    for arrow in picture.arrows:
        users.setdefault(arrow.tail, set()).add(arrow.head)
    shared = {leaf for leaf, heads in users.items() if leaf.kind == "parameter" and heads <= set(place)}
    arrows, stacks = _joined(picture, loop, body, place)
    gone = set(place) - set(body)
    for leaves in stacks:
        if len(leaves) == loop.rounds == len(set(leaves)) and all(leaf.kind != "op" for leaf in leaves):
            _stack(leaves)
            gone |= set(leaves[1:])
    frame, around = Step(f"× {loop.rounds}", loop.start), body[0].path
    for box in body[1:]:
        around = common(around, box.path)
    for box in [*body, *shared]:
        box.path = (*around, frame, *box.path[len(around) :])
    boxes = [box for box in picture.boxes if box not in gone]
    kept = [arrow for arrow in arrows if arrow.tail not in gone and arrow.head not in gone]
    classes = {**picture.classes, words((*around, frame)): site_of(body[0].node) or ""}
    notes = [*picture.notes, f"{loop.rounds} equal steps are drawn once; repeats=False draws them all"]
    return replace(picture, boxes=boxes, arrows=kept, classes=classes, notes=notes)


def _joined(
    picture: Picture, loop: Loop, body: Sequence[Box], place: dict[Box, tuple[int, int]]
) -> tuple[list[Arrow], list[list[Box]]]:
    """The arrows of a picture with one round, and the leaves that take turns: those of one input in all rounds."""
    arrows: list[Arrow] = []
    turns: dict[tuple[int, int], list[tuple[int, Box]]] = {}
    number: dict[tuple[int, int], int] = {}
    left: set[tuple[Box, Box]] = set()
    for arrow in picture.arrows:
        tail, head = place.get(arrow.tail), place.get(arrow.head)
        if head is None and tail is None:
            arrows.append(arrow)
        elif head is None and tail is not None:
            if (body[tail[1]], arrow.head) not in left:
                left.add((body[tail[1]], arrow.head))
                label = f"of step {loop.rounds}" if tail[0] == loop.rounds - 1 else arrow.label
                arrows.append(replace(arrow, tail=body[tail[1]], label=label))
        elif head is not None:
            nth = number[head] = number.get(head, -1) + 1
            if head[0] == 0:
                arrows.append(arrow)
            if head[0] == 1 and tail is not None and tail[0] == 0:
                arrows.append(Arrow(body[tail[1]], body[head[1]], "of the step before", look={BACK: "true"}))
            if tail is None and arrow.tail.kind != "parameter":
                turns.setdefault((head[1], nth), []).append((head[0], arrow.tail))
    return arrows, [[leaf for _, leaf in sorted(pairs, key=lambda pair: pair[0])] for pairs in turns.values()]


def _stack(leaves: Sequence[Box]) -> None:
    """Have the first of several inputs stand for all: ``x0 … x29``."""
    first, last = leaves[0], leaves[-1]
    if first.title != last.title:
        first.title = f"{first.title} … {last.title}"
    first.look = "stack"
