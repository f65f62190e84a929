"""Folding: every module below a depth becomes one box, so that a large network fits a page."""

from __future__ import annotations

from .graph import Arrow, Box, Picture
from .labels import cut
from .modules import Path, words

MOST = 150  # boxes that a reader can still find a way through


def fold(picture: Picture, depth: int | None) -> Picture:
    """The picture with modules deeper than `depth` levels drawn as one box; None folds only what is too large."""
    if depth is not None:
        return _fold(picture, depth)
    if len(picture.boxes) <= MOST:
        return picture
    deepest = max(len(box.path) for box in picture.boxes)
    for level in range(deepest, 0, -1):
        folded = _fold(picture, level)
        if len(folded.boxes) <= MOST or level == 1:
            break
    else:
        return picture
    if len(folded.boxes) < len(picture.boxes):
        levels = f"{level} level{'s' if level > 1 else ''}"
        folded.notes.append(f"{picture.ops} ops; modules are drawn to {levels}, depth={deepest + 1} draws them all")
    return folded


def _fold(picture: Picture, depth: int) -> Picture:
    """Replace the boxes of each module at `depth` by one, where the first of them stood."""
    modules: dict[Path, Box] = {}
    counts: dict[Path, int] = {}
    stand_in: dict[int, Box] = {}
    boxes: list[Box] = []
    for box in picture.boxes:
        if depth < 1 or len(box.path) < depth:
            boxes.append(box)
            continue
        path = box.path[:depth]
        if path not in modules:
            modules[path] = Box("module", cut(words(path)), path=path[:-1])
            boxes.append(modules[path])
        if box.kind in ("op", "module"):
            counts[path] = counts.get(path, 0) + 1
            modules[path].shape = box.shape  # the last one, which is what the module returns
        stand_in[id(box)] = modules[path]
    for path, box in modules.items():
        n = counts.get(path, 0)
        kind = [cut(picture.classes[words(path)])] if words(path) in picture.classes else []
        box.lines = [*kind, f"{n} op{'s' if n != 1 else ''}"]
    arrows: list[Arrow] = []
    seen: set[tuple[int, int, bool]] = set()
    for arrow in picture.arrows:
        tail, head = (stand_in.get(id(end), end) for end in (arrow.tail, arrow.head))
        folded = tail is not arrow.tail or head is not arrow.head
        key = (id(tail), id(head), arrow.dashed)
        if folded and (tail is head or key in seen):
            continue
        seen.add(key)
        arrows.append(Arrow(tail, head, "" if folded else arrow.label, arrow.dashed))
    return Picture(boxes, arrows, picture.ops, list(picture.notes), picture.classes)
