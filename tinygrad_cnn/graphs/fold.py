"""Folding: modules, and runs of ops without modules, become one box each, so that a large network fits a page."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from ..autodiff.kinds import Whole
from ..core.errors import nearest
from .scene import Scene
from .stretches import fold_runs

MOST = 150  # boxes that a reader can still find a way through
OPENED = 60  # and that a page begins with, where more can be opened


def fold(scene: Scene, depth: Whole | None, collapse: Sequence[str] = (), most: int = MOST) -> None:
    """Close modules: those named, and those deeper than `depth` levels; where more than `most` boxes are left, more."""
    close_named(scene, collapse)
    if depth is not None:
        _close_below(scene, int(max(depth, 1)))
    elif drawn(scene) > most:
        _fold_by_itself(scene, most)


def drawn(scene: Scene) -> int:
    """How many boxes are drawn."""
    return len(set(scene.shown().values()))


def close_named(scene: Scene, collapse: Sequence[str]) -> None:
    """Close the modules whose path is one of `collapse`, or matches it as a pattern (``layer*.conv1``)."""
    named = [module for module in scene.modules.values() if module.named]
    paths = {module.path for module in named}
    for pattern in collapse:
        found = [module for module in named if fnmatchcase(module.path, pattern)]
        if not found and pattern not in scene.single:
            known = sorted(paths | scene.single)
            hint = nearest(pattern, known) or (f" There are {', '.join(known[:8])}." if known else " There are none.")
            raise ValueError(f"draw: collapse names {pattern!r}, but no module of this graph has that path.{hint}")
        for module in found:
            module.closed = True


def _close_below(scene: Scene, depth: int) -> None:
    for module in scene.modules.values():
        module.closed = module.closed or module.level >= depth  # a frame that is not a module has level 0


def _fold_by_itself(scene: Scene, most: int) -> None:
    """Close as few levels of modules as make the picture small enough; what is left over is cut into runs."""
    deepest = max((module.level for module in scene.modules.values()), default=0)
    boxes = before = drawn(scene)
    level = deepest
    for level in range(deepest, 0, -1):
        _close_below(scene, level)
        boxes = drawn(scene)
        if boxes <= most:
            break
    told = []
    if boxes < before:
        told.append(f"modules are drawn to {level} level{'s' if level > 1 else ''}")
    if boxes > MOST:
        fold_runs(scene, MOST)
        told.append("long runs of ops are one box each")
    text = f"{', and '.join(told)}, depth={deepest + 1} draws them all"
    ops = sum(node.box.kind in ("op", "failed") for node in scene.nodes)
    scene.notes.append(f"{ops} ops; {text}" if not any(" ops; " in note for note in scene.notes) else text)
