"""What a detector's raw numbers mean: boxes on a grid, in the form of YOLOv2 (Redmon and Farhadi 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..ops import clip, concatenate, exp, sigmoid
from ..ops._arguments import values
from ._check import boxes_of, length_of, sizes_of

LARGEST_LOG = 8.0  # of a size over its anchor's: 2981 times; more would overflow in a network that is not trained yet
EDGE = 1e-6  # of a cell: how near its edge a centre is told apart


@named
def decode_boxes(raw: Any, anchors: Any, stride: float = 1) -> Any:
    """The boxes that a grid of raw numbers stands for; differentiable.  raw (..., H, W, A, 4) -> (..., H, W, A, 4)

    The numbers x, y, w, h of the cell in row r and column c and of an anchor with sides (p, q) mean the box centred at
    ``((c + sigmoid(x)) * stride, (r + sigmoid(y)) * stride)``, of size ``p * exp(w)`` by ``q * exp(h)``.  So the
    centre stays in its cell.  w and h count as 8 where they are more (a size of 2981 anchors), and as -8 where less.

    Parameters
    ----------
    raw : the first four numbers of each anchor in each cell; Tensor or array of floats.
    anchors : (A, 2) widths and heights, in the unit of `stride`.
    stride : from one cell to the next; 1 counts in cells.

    Returns
    -------
    Boxes (x0, y0, x1, y1) in the unit of `stride`.

    Raises
    ------
    ValueError : shapes that do not fit each other, anchors that are not positive.
    """
    sizes = sizes_of("decode_boxes", "anchors", anchors)
    step = length_of("decode_boxes", "stride", stride)
    raw = raw if hasattr(raw, "shape") else np.asarray(raw)
    shape = tuple(raw.shape)
    if len(shape) < 4 or shape[-2:] != (len(sizes), 4) or raw.dtype.kind != "f":
        raise ValueError(
            f"decode_boxes: raw has shape {shape} {raw.dtype}, expected floats of shape (..., H, W, {len(sizes)}, 4): "
            f"four numbers for each of {len(sizes)} anchors. Reshape the head's channels, and cut [..., :4]."
        )
    rows, columns = shape[-4:-2]
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    corners = np.stack([x, y], axis=-1)[:, :, None, :].astype(raw.dtype)
    centres = (corners + sigmoid(raw[..., :2])) * step
    halves = exp(clip(raw[..., 2:], -LARGEST_LOG, LARGEST_LOG)) * (sizes / 2).astype(raw.dtype)
    return concatenate([centres - halves, centres + halves], axis=-1)


@named
def encode_boxes(boxes: Any, slots: Any, anchors: Any, stride: float = 1) -> np.ndarray:
    """The raw numbers that `decode_boxes` turns into these boxes.  boxes (N, 4) · slots (N, 3) -> (N, 4)

    Parameters
    ----------
    slots : row, column and anchor of each box, as in `Assignment.slots`.
    anchors, stride : as for `decode_boxes`.

    Raises
    ------
    ValueError : a box without size, or whose centre lies outside its cell; a slot that is none.

    A centre on the edge of its cell is taken for one a millionth of a cell inside, since sigmoid does not reach 0 or 1.
    """
    corners = boxes_of("encode_boxes", "boxes", boxes)
    sizes, step = sizes_of("encode_boxes", "anchors", anchors), length_of("encode_boxes", "stride", stride)
    places = np.asarray(values(slots))
    places = places.reshape(0, 3).astype(np.int64) if places.size == 0 else places
    if places.shape != (len(corners), 3) or places.dtype.kind not in "iu":
        got = f"{places.shape} {places.dtype}"
        raise ValueError(f"encode_boxes: slots has shape {got}, expected whole numbers of shape ({len(corners)}, 3).")
    wrong = np.flatnonzero((places < 0).any(1) | (places[:, 2] >= len(sizes)))
    if wrong.size:
        row = tuple(int(v) for v in places[wrong[0]])
        raise ValueError(f"encode_boxes: slots[{wrong[0]}] = {row} is not a slot; there are {len(sizes)} anchors.")
    offset = (corners[:, :2] + corners[:, 2:]) / 2 / step - places[:, 1::-1]
    size = corners[:, 2:] - corners[:, :2]
    bad = np.flatnonzero((np.abs(offset - 0.5) > 0.5 + EDGE).any(1) | (size <= 0).any(1))
    if bad.size:
        edges = ", ".join(f"{v:g}" for v in corners[bad[0]])
        raise ValueError(f"encode_boxes: boxes[{bad[0]}] = ({edges}) has no size, or its centre is outside its cell.")
    inside = np.clip(offset, EDGE, 1 - EDGE)
    return np.hstack([np.log(inside / (1 - inside)), np.log(size / sizes[places[:, 2]])])
