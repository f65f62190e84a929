"""Anchors: the sizes that a detector starts from, and which of its slots has to find which box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import number, whole, wholes
from ..ops.random import draw_from, generator
from ._check import boxes_of, length_of, sizes_of
from .boxes import areas, overlaps


@named
def shape_iou(sizes: Any, others: Any) -> np.ndarray:
    """IoU of boxes with a common centre: only their widths and heights count.  (N, 2) · (M, 2) -> (N, M)"""
    return _shape_overlaps(sizes_of("shape_iou", "sizes", sizes), sizes_of("shape_iou", "others", others))


def _shape_overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    common = np.prod(np.minimum(a[:, None], b[None]), axis=2)
    return common / (np.prod(a, axis=1)[:, None] + np.prod(b, axis=1)[None] - common)


@named
def kmeans_anchors(sizes: Any, count: int, *, rng: Any = None, iterations: int = 100) -> np.ndarray:
    """`count` sizes that stand for many: k-means with 1 - IoU as the distance (Redmon and Farhadi 2017).

    Parameters
    ----------
    sizes : (N, 2) widths and heights of true boxes.
    count : how many anchors; at most the number of different sizes.
    rng : a `numpy.random.Generator` or a seed, for the start, which is spread out as in k-means++.
    iterations : at most so many rounds; the best of them counts, as this distance may rise again.

    Returns
    -------
    (count, 2) widths and heights, by rising area.

    Raises
    ------
    ValueError : fewer different sizes than anchors, sizes that are not positive, a count below 1.
    TypeError : a count that is not a whole number.
    """
    boxes = sizes_of("kmeans_anchors", "sizes", sizes)
    different = len(np.unique(boxes, axis=0))
    count, rounds = whole("kmeans_anchors", "count", count), whole("kmeans_anchors", "iterations", iterations)
    if count > different:
        raise ValueError(f"kmeans_anchors: count={count} anchors need as many different sizes; there are {different}.")
    centres = best = _spread_start(boxes, count, generator(rng, "kmeans_anchors"))
    fit = -1.0
    nearest = np.full(len(boxes), -1)
    for _ in range(rounds):
        iou = _shape_overlaps(boxes, centres)
        if iou.max(axis=1).mean() > fit:
            fit, best = float(iou.max(axis=1).mean()), centres
        if (nearest == iou.argmax(axis=1)).all():
            break
        nearest = iou.argmax(axis=1)
        centres = np.array([
            boxes[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(count)
        ])  # fmt: skip
    return best[np.lexsort((best[:, 0], best[:, 0] * best[:, 1]))]


def _spread_start(boxes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++: each next one is drawn with a chance that grows with the square of its distance from those before."""
    chosen = [boxes[draw_from(rng, "integers", len(boxes))]]
    while len(chosen) < count:
        distance = np.maximum(1 - _shape_overlaps(boxes, np.array(chosen)).max(axis=1), 0)
        chance = distance**2 / (distance**2).sum() if (distance**2).sum() > 0 else np.full(len(boxes), 1 / len(boxes))
        chosen.append(boxes[draw_from(rng, "choice", len(boxes), p=chance)])
    return np.array(chosen)


@named
def anchor_boxes(anchors: Any, grid: tuple[int, int], stride: float = 1) -> np.ndarray:
    """The anchors laid on the centre of every cell, as boxes.  anchors (A, 2) -> (H, W, A, 4)

    Parameters
    ----------
    anchors : widths and heights, in the unit of `stride`.
    grid : rows and columns, H and W.
    stride : from one cell to the next.
    """
    return _laid(*_places("anchor_boxes", anchors, grid, stride))


def _places(who: str, anchors: Any, grid: Any, stride: Any) -> tuple[np.ndarray, tuple[int, int], float]:
    sizes, step = sizes_of(who, "anchors", anchors), length_of(who, "stride", stride)
    rows, columns = wholes(who, "grid", grid, count=2, form="(rows, columns)")
    return sizes, (rows, columns), step


def _laid(sizes: np.ndarray, grid: tuple[int, int], step: float) -> np.ndarray:
    y, x = np.meshgrid((np.arange(grid[0]) + 0.5) * step, (np.arange(grid[1]) + 0.5) * step, indexing="ij")
    centres = np.stack([x, y], axis=-1)[:, :, None, :]
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=-1)


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which slot of a detector has to find which box; a slot is an anchor in a cell.

    Attributes: `box` (H, W, A), the number of the box that each slot has to find, -1 for none; `ignored` (H, W, A),
    True where a slot without a box is so near to one that it should not be told that nothing is there; `slots` (N, 3),
    row, column and anchor that each box belongs to first of all, -1 for a box that found its cell full.
    """

    box: np.ndarray
    ignored: np.ndarray
    slots: np.ndarray

    @property
    def positive(self) -> np.ndarray:
        """(H, W, A), True where a slot has a box to find."""
        return self.box >= 0


@named
def assign_anchors(
    boxes: Any, anchors: Any, grid: tuple[int, int], stride: float = 1, *, also: float = 1.0, ignore: float = 0.5
) -> Assignment:
    """Which slot of the grid has to find which box, as in YOLOv2.

    A box belongs to the cell that its centre lies in, and there to the anchor of the most similar shape.  Where two
    boxes want the same slot, the one more similar to the anchor gets it (of equals, the earlier), and the other takes
    the next best anchor of that cell that is free.  Of equally similar anchors the first is taken.

    Parameters
    ----------
    boxes : (N, 4) true boxes, their centres on the grid; one on the edge between cells belongs to the right or lower.
    anchors : (A, 2) widths and heights, in the unit of `stride`, as the boxes.
    grid : rows and columns, H and W.
    stride : from one cell to the next.
    also : slots of the same cell that are still free get the box as well if their shape has at least this IoU with it;
        1 leaves it at the best.
    ignore : slots without a box are ignored if their anchor, laid on the centre of their cell, has at least this IoU
        with any box.

    Raises
    ------
    ValueError : a centre outside the grid, a box without size, wrong shapes, numbers that are not finite.
    TypeError : a grid that is not two whole numbers; a stride or share that is not a number.
    """
    true = boxes_of("assign_anchors", "boxes", boxes)
    sizes, grid, step = _places("assign_anchors", anchors, grid, stride)
    more, near = number("assign_anchors", "also", also, 0, 1), number("assign_anchors", "ignore", ignore, 0, 1)
    cells = _cells(true, grid, step)
    box = np.full((*grid, len(sizes)), -1)
    slots = np.full((len(true), 3), -1)
    if not box.size or not len(true):
        return Assignment(box, np.zeros(box.shape, bool), slots)
    fit = _shape_overlaps(true[:, 2:] - true[:, :2], sizes)
    order = [divmod(int(k), len(sizes)) for k in np.argsort(-fit, axis=None, kind="stable")]
    for n, a in order:
        row, column = cells[n]
        if slots[n, 0] < 0 and box[row, column, a] < 0:
            box[row, column, a], slots[n] = n, (row, column, a)
    for n, a in order:
        row, column = cells[n]
        if more < 1 and fit[n, a] >= more and box[row, column, a] < 0:
            box[row, column, a] = n
    overlap = overlaps(_laid(sizes, grid, step).reshape(-1, 4), true).max(axis=1).reshape(box.shape)
    return Assignment(box, (overlap >= near) & (box < 0), slots)


def _cells(boxes: np.ndarray, grid: tuple[int, int], step: float) -> np.ndarray:
    """Row and column of each box's centre, (N, 2)."""
    empty = np.flatnonzero(areas(boxes) <= 0)
    if empty.size:
        raise ValueError(f"assign_anchors: boxes[{empty[0]}] has no area; leave such boxes out.")
    centre = (boxes[:, :2] + boxes[:, 2:])[:, ::-1] / 2
    end = np.array(grid) * step
    outside = np.flatnonzero(((centre < 0) | (centre > end)).any(1))
    if outside.size:
        y, x = centre[outside[0]]
        raise ValueError(
            f"assign_anchors: boxes[{outside[0]}] is centred at ({x:g}, {y:g}), outside a grid of {grid[0]} rows and "
            f"{grid[1]} columns of {step:g}. Clip the boxes to the picture, and leave out what is not in it."
        )
    return np.minimum((centre // step).astype(np.int64), np.array(grid) - 1)
