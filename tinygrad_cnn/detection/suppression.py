"""Non-maximum suppression: of several boxes round the same thing, the surest stays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import number
from ._check import boxes_of, column_of
from .boxes import overlaps


@named
def nms(boxes: Any, scores: Any, threshold: float = 0.5, *, classes: Any = None) -> np.ndarray:
    """Which boxes stay when each removes those that overlap it and have lower scores: their indices, surest first.

    Greedy: the box with the highest score stays, all others whose IoU with it is above `threshold` go; then the highest
    of the rest, and so on.  Of equal scores the earlier box comes first.

    Parameters
    ----------
    boxes : (N, 4).
    scores : (N,), higher is surer.
    threshold : from 0 (nothing that stays overlaps) to 1 (everything stays).
    classes : (N,) whole numbers; boxes of different classes then leave each other alone.

    Returns
    -------
    (K,) indices into `boxes`, by falling score.

    Raises
    ------
    ValueError : wrong shapes, numbers that are not finite, inverted boxes, a threshold beyond 0 to 1.
    TypeError : a threshold that is not a number.

    Examples
    --------
    >>> tg.detection.nms([[0, 0, 4, 4], [0, 0, 4, 5], [8, 8, 9, 9]], [0.7, 0.9, 0.4])
    array([1, 2])
    """
    corners = boxes_of("nms", "boxes", boxes)
    rank = column_of("nms", "scores", scores, len(corners))
    limit = number("nms", "threshold", threshold, 0, 1)
    kinds = None if classes is None else column_of("nms", "classes", classes, len(corners), "iu")
    left = np.argsort(-rank.astype(np.float64), kind="stable")
    corners = corners[left]
    kept = []
    while left.size:
        kept.append(left[0])
        gone = overlaps(corners[:1], corners[1:])[0] > limit
        if kinds is not None:
            gone &= kinds[left[1:]] == kinds[left[0]]
        left, corners = left[1:], corners[1:]
        if gone.any():  # seldom, once only those that stay are left: no copies then
            left, corners = left[~gone], corners[~gone]
    return np.array(kept, dtype=np.int64)
