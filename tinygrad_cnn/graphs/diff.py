"""`draw_diff`: two graphs in one picture, with what was added, removed and changed."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..core import Tensor
from . import looks
from .align import Key, align
from .compose import compose
from .drawing import Drawing, Rankdir, draw
from .fold import MOST, drawn, fold
from .graph import Arrow, Box, Picture
from .labels import cut, lines_of, parameter_texts, value_text
from .modules import GONE, Path, Step, words
from .scene import Scene

WORDS = {"added": "added", "removed": "removed", "changed": "changed", "same": "as before"}


@named
def draw_diff(
    a: Any,
    b: Any,
    *,
    depth: Whole | None = None,
    collapse: str | Sequence[str] = (),
    title: str | None = None,
    rankdir: Rankdir = "TB",
) -> Drawing:
    """Draw the difference of two graphs: what b has more (+, green), less (−, vermilion), and otherwise (~, orange).

    Ops are paired in the order in which they were recorded: as many as possible of the same name, and among such ways
    to pair them those in which more modules, parameters and shapes agree.  A pair whose parameters or shape differ is
    changed, and shows the old and the new; a module that has only another name is as before, and says what it was.
    Leaves go with the ops that use them.  In a large graph modules without a difference are drawn as one box each.

    Parameters
    ----------
    a, b : before and after: each a `Drawing` of a forward pass, a Tensor or several, a pair (model, example input), a
        run folder, or an exception of a forward pass.
    depth, collapse, title, rankdir : as in `draw`.

    Examples
    --------
    >>> other = tg.models.build("resnet8", (8, 8, 1), 10, rng=0)
    >>> tg.draw_diff((model, images), (other, images)).render("difference.svg").name
    'difference.svg'
    """
    old, new = _picture(a), _picture(b)
    pairs = _pair(old, new)
    picture = _combine(old, new, pairs)
    picture.notes = _summary(picture)
    scene = compose(picture, rankdir=rankdir, title=title)
    scene.legend = [(look["fillcolor"], WORDS[change]) for change, look in looks.CHANGES.items()]
    if depth is None and drawn(scene) > MOST:
        _close_unchanged(scene)
    fold(scene, depth, [collapse] if isinstance(collapse, str) else list(collapse))
    return Drawing(scene, f"a difference: {picture.notes[0]}", picture=picture)


def _picture(given: Any) -> Picture:
    if isinstance(given, Drawing):
        drawing = given
    elif isinstance(given, tuple) and given and callable(given[0]) and not isinstance(given[0], Tensor):
        drawing = draw(*given)
    else:
        drawing = draw(given)
    if any(box.frame or box.look == "back" for box in drawing.picture.boxes):
        raise ValueError('draw_diff: compares forward passes. Pass the Tensors, or draw(..., direction="forward").')
    return _copy(drawing.picture)


def _copy(picture: Picture) -> Picture:
    """The same with boxes of its own, in which can be written what became of them."""
    copies = {box: replace(box, lines=list(box.lines)) for box in picture.boxes}
    arrows = [replace(arrow, tail=copies[arrow.tail], head=copies[arrow.head]) for arrow in picture.arrows]
    return replace(picture, boxes=list(copies.values()), arrows=arrows)


def _is_op(box: Box) -> bool:
    return box.kind in ("op", "failed")


def _pair(old: Picture, new: Picture) -> dict[Box, Box]:
    """Each box of the old graph that is still there, with what it is in the new one."""
    ops = [[box for box in picture.boxes if _is_op(box)] for picture in (old, new)]
    keys = [[Key(box.title, words(box.path), (tuple(box.lines), box.shape)) for box in boxes] for boxes in ops]
    pairs = {ops[0][i]: ops[1][j] for i, j in align(*keys)}
    given = [_by_head(picture) for picture in (old, new)]
    for before, after in list(pairs.items()):
        left, right = (
            [tail for tail in tails[box] if not _is_op(tail)] for tails, box in zip(given, (before, after), strict=True)
        )
        _pair_leaves(left, right, pairs)
    for kind in ("output", "input"):
        ends = [[box for box in picture.boxes if box.kind == kind] for picture in (old, new)]
        _pair_leaves(ends[0], ends[1], pairs, alike=kind == "input")
    return pairs


def _by_head(picture: Picture) -> dict[Box, list[Box]]:
    tails: dict[Box, list[Box]] = defaultdict(list)
    for arrow in picture.arrows:
        tails[arrow.head].append(arrow.tail)
    return tails


def _pair_leaves(old: Sequence[Box], new: Sequence[Box], pairs: dict[Box, Box], alike: bool = False) -> None:
    """Leaves of the same title first, then what is left of a kind, in order; with `alike` only the former."""
    taken = set(pairs.values())
    for keys in (lambda box: (box.kind, box.title)), (lambda box: box.kind):
        free: dict[Any, deque[Box]] = defaultdict(deque)
        for box in new:
            if box not in taken:
                free[keys(box)].append(box)
        for box in old:
            if box not in pairs and free[keys(box)]:
                pairs[box] = free[keys(box)].popleft()
                taken.add(pairs[box])
        if alike:
            return


def _combine(old: Picture, new: Picture, pairs: dict[Box, Box]) -> Picture:
    """The new graph, with what is gone put where it was."""
    for box in new.boxes:
        box.change = "added"
    gone: dict[Box | None, list[Box]] = defaultdict(list)
    anchor = None
    for box in old.boxes:
        if box in pairs:
            anchor = pairs[box]
            _compare(box, anchor)
        else:
            box.change = "removed"
            gone[anchor].append(box)
    _set_apart([box for boxes in gone.values() for box in boxes], pairs)
    boxes = list(gone[None])
    for box in new.boxes:
        boxes += [box, *gone[box]]
    left = Counter((pairs.get(a.tail, a.tail), pairs.get(a.head, a.head)) for a in old.arrows)
    arrows = []
    for arrow in new.arrows:
        ends = (arrow.tail, arrow.head)
        kept = left[ends] > 0
        left[ends] -= kept
        arrows.append(Arrow(*ends, arrow.label, arrow.dashed, looks.ARROWS["same" if kept else "added"]))
    arrows += [Arrow(*ends, look=looks.ARROWS["removed"]) for ends, count in left.items() for _ in range(count)]
    return Picture(boxes, arrows, old.ops + new.ops, classes=new.classes, old_classes=old.classes)


def _set_apart(gone: Sequence[Box], pairs: dict[Box, Box]) -> None:
    """Give what is gone frames of its own, where its module is not in the new graph under the same path."""
    kept: set[Path] = set()
    for before, after in pairs.items():
        depth = 0
        while depth < min(len(before.path), len(after.path)) and before.path[depth].name == after.path[depth].name:
            depth += 1
            kept.add(after.path[:depth])
    for box in gone:
        depth = len(box.path)
        while depth and box.path[:depth] not in kept:
            depth -= 1
        box.path = (*box.path[:depth], *(Step(step.name, GONE - step.part) for step in box.path[depth:]))


def _compare(old: Box, new: Box) -> None:
    """Say in the new box what became of the old one."""
    changed = old.shape != new.shape
    if changed:
        new.shape = f"{old.shape or 'float32'} → {new.shape or 'float32'}"
    before, after = (parameter_texts(box.node) if _is_op(box) and box.node is not None else {} for box in (old, new))
    if before != after:
        names = dict.fromkeys([*before, *after])
        told = [_change(new, name, before.get(name), after.get(name)) for name in names]
        new.lines, changed = lines_of(told), True
    new.change = "changed" if changed else "same"
    if _is_op(new) and words(old.path) != words(new.path):
        new.lines.append(f"was {cut(words(old.path)) or 'in no module'}")


def _change(box: Box, name: str, before: str | None, after: str | None) -> str:
    """``stride=1 → 2``; a parameter that is not told has the op's default."""
    if before == after:
        return cut(f"{name}={after}")
    usual = value_text(getattr(box.node.op, "defaults", {}).get(name))
    return cut(f"{name}={usual if before is None else before} → {usual if after is None else after}")


def _summary(picture: Picture) -> list[str]:
    told = []
    for what, kinds in (("op", ("op", "failed")), ("parameter", ("parameter",))):
        counts = Counter(box.change for box in picture.boxes if box.kind in kinds)
        parts = [f"{counts[change]} {text}" for change, text in WORDS.items() if counts[change]]
        if set(counts) - {"same"}:
            told.append(f"{what}s: {', '.join(parts)}")
    return told or [f"no difference in {picture.ops // 2} ops"]


def _close_unchanged(scene: Scene) -> None:
    """Close what has no difference inside."""
    for module in scene.modules.values():
        module.closed = all(box.change == "same" for box in module.boxes)
