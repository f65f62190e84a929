"""In which order the backward pass reaches the boxes of a picture: what the interactive page plays."""

from __future__ import annotations

from collections import defaultdict

from .graph import Arrow, Box, Picture

Steps = dict[Box, int]


def backward_steps(picture: Picture) -> list[list[str]]:
    """Ids of the boxes that a gradient reaches, by steps.

    Forward, a box is reached when the last of its consumers has passed on its share: its step is its longest way to an
    output.  Beside the forward pass, an op of the gradients comes with the op whose rule made it, a sum with the last
    of what it sums.  Alone, gradients come in the order in which they are computed.
    """
    reached = _to_outputs(picture)
    _gradients(picture, reached)
    steps: dict[int, list[str]] = defaultdict(list)
    for box in picture.boxes:
        if reached.get(box):
            steps[reached[box]].append(box.key)
    return [steps[step] for step in sorted(steps)]


def _to_outputs(picture: Picture) -> Steps:
    into: dict[Box, list[Arrow]] = defaultdict(list)
    for arrow in picture.arrows:
        into[arrow.head].append(arrow)
    reached = {box: 0 for box in picture.boxes if box.kind == "output"}
    for box in [*reached, *(box for box in reversed(picture.boxes) if box.kind != "output")]:
        for arrow in into[box] if box in reached else ():
            tail = arrow.tail
            if not arrow.dashed and tail.node is not None and tail.node.requires_grad:
                reached[tail] = max(reached.get(tail, 0), reached[box] + 1)
    return reached


def _gradients(picture: Picture, reached: Steps) -> None:
    """Add the ops of the gradients, inputs before consumers."""
    into: dict[Box, list[Box]] = defaultdict(list)
    for arrow in picture.arrows:
        into[arrow.head].append(arrow.tail)
    beside = {f"{box.number}'": step for box, step in reached.items() if box.number}
    for box in picture.boxes:
        if box.look in ("back", "found", "gradient") or box.title == "cotangent":
            before = max((reached.get(tail, 0) for tail in into[box]), default=0)
            reached[box] = beside.get(box.number, before if beside else before + 1) or 1
