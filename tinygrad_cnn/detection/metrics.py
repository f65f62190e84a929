"""How good detections are: matches with true boxes, precision and recall, average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import number, whole
from ._check import boxes_of, column_of
from .boxes import overlaps

HIT, FALSE, UNCOUNTED = 1, 0, -1


class Detections(NamedTuple):
    """What a detector found in one picture: boxes (N, 4), scores (N,), classes (N,) whole numbers."""

    boxes: Any
    scores: Any
    classes: Any


class Truths(NamedTuple):
    """What is in one picture: boxes (M, 4), classes (M,); `difficult` (M,) marks what need not be found."""

    boxes: Any
    classes: Any
    difficult: Any = None


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """How precision falls as recall rises, a point for each different score from the highest down.

    Attributes: `precision` and `recall`, each (K,), and the `scores` (K,) that they are reached at: what is found with
    at least this score; `positives`, how many there are to be found; `average`, the average precision, NaN without any.
    """

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray
    positives: int
    average: float

    def envelope(self) -> tuple[np.ndarray, np.ndarray]:
        """Recall and the best precision at that recall or beyond: the steps whose area is `average`, to be drawn.

        Both (K + 2,), from recall 0 to the highest recall, where precision falls to 0; for pyplot's
        ``step(*envelope, where="pre")``.
        """
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        last = self.recall[-1:] if len(self.recall) else np.zeros(1)
        first = best[:1] if len(best) else np.zeros(1)
        return np.concatenate([[0.0], self.recall, last]), np.concatenate([first, best, [0.0]])


@dataclass(frozen=True, eq=False)
class MeanAveragePrecision:
    """The result of `mean_average_precision`.

    Attributes: `value`, the mean of the classes' average precisions; `classes`, class -> `PrecisionRecall`; `iou`, the
    least IoU of a hit.
    """

    value: float
    classes: dict[int, PrecisionRecall]
    iou: float

    def __str__(self) -> str:
        each = ", ".join(f"{k}: {curve.average:.3f}" for k, curve in self.classes.items())
        return f"mAP@{self.iou:g} = {self.value:.3f} ({each})"


@named
def match_detections(
    boxes: Any, scores: Any, true_boxes: Any, *, iou: float = 0.5, difficult: Any = None
) -> np.ndarray:
    """Which detections of one class in one picture hit: (N,) of 1 (hit), 0 (false), -1 (does not count).

    Each detection looks at the true box that it overlaps most (of equals, the first), as in the PASCAL VOC challenge.
    It hits if their IoU is at least `iou` and no detection with a higher score (of equals, an earlier one) has hit that
    box before; a second one for the same box is false.  One whose box is difficult does not count.

    Parameters
    ----------
    boxes, scores : (N, 4) and (N,), what was detected.
    true_boxes : (M, 4).
    difficult : (M,) truth values; None: none is.

    Raises
    ------
    ValueError : wrong shapes, numbers that are not finite, inverted boxes, iou not above 0 and at most 1.
    """
    found = boxes_of("match_detections", "boxes", boxes)
    rank = column_of("match_detections", "scores", scores, len(found))
    true = boxes_of("match_detections", "true_boxes", true_boxes)
    hard = _difficult("match_detections", difficult, len(true))
    least = _threshold("match_detections", iou)
    hits = np.full(len(found), FALSE)
    if not len(true) or not len(found):
        return hits
    overlap = overlaps(found, true)
    nearest, taken = overlap.argmax(axis=1), np.zeros(len(true), bool)
    for n in np.argsort(-rank.astype(np.float64), kind="stable"):
        box = nearest[n]
        if overlap[n, box] < least:
            continue
        if hard[box]:
            hits[n] = UNCOUNTED
        elif not taken[box]:
            hits[n], taken[box] = HIT, True
    return hits


def _difficult(who: str, difficult: Any, count: int) -> np.ndarray:
    return np.zeros(count, bool) if difficult is None else column_of(who, "difficult", difficult, count, "b")


def _threshold(who: str, iou: Any) -> float:
    return number(who, "iou", iou, above=0, high=1, remedy="At 0, boxes that do not touch would be hits.")


@named
def average_precision(scores: Any, hits: Any, positives: int) -> PrecisionRecall:
    """Precision and recall over all thresholds, and the area under their envelope (all points, no interpolated ones).

    At each score, precision is the share of hits among what was detected with at least that score, recall the share of
    `positives` that were hit.  Equal scores are one point, so that their order does not matter.

    Parameters
    ----------
    scores : (N,) of all detections of a class, from all pictures.
    hits : (N,) as `match_detections` gives them: 1 hit, 0 false, -1 does not count.
    positives : how many true boxes there are to be found (without the difficult ones).

    Returns
    -------
    A `PrecisionRecall`; its `average` is NaN if there are no positives, since nothing could be found then.

    Raises
    ------
    ValueError : wrong shapes, scores that are not finite, more hits than positives.
    TypeError : positives is not a whole number.

    Examples
    --------
    >>> found = tg.detection.average_precision([0.9, 0.8, 0.7], [1, 0, 1], positives=2)
    >>> found.average  # (1 + 2/3) / 2
    0.833...
    """
    rank = column_of("average_precision", "scores", scores, None).astype(np.float64)
    hit = column_of("average_precision", "hits", hits, len(rank), "iu")
    if not np.isin(hit, (HIT, FALSE, UNCOUNTED)).all():
        raise ValueError("average_precision: hits must be 1 (hit), 0 (false) or -1 (does not count).")
    positives = whole(
        "average_precision", "positives", positives, int((hit == HIT).sum()),
        remedy="That many are hits, and a true box is hit once.",
    )  # fmt: skip
    rank, hit = rank[hit != UNCOUNTED], hit[hit != UNCOUNTED]
    order = np.argsort(-rank, kind="stable")
    rank, hit = rank[order], hit[order]
    last = np.flatnonzero(np.diff(rank, append=-np.inf) != 0) if len(rank) else np.zeros(0, np.int64)
    found = np.cumsum(hit)[last]
    precision = found / (last + 1)
    recall = found / positives if positives else np.full(len(found), np.nan)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    average = float((np.diff(recall, prepend=0) * best).sum()) if positives else float("nan")
    return PrecisionRecall(precision, recall, rank[last], int(positives), average)


@named
def mean_average_precision(
    detections: Sequence[Any], truths: Sequence[Any], *, iou: float = 0.5
) -> MeanAveragePrecision:
    """The mean over classes of the average precision, and each class's curve.

    Parameters
    ----------
    detections : for each picture, `Detections` or such a tuple.
    truths : for each picture, `Truths` or such a tuple.
    iou : the least IoU of a hit.

    Returns
    -------
    A `MeanAveragePrecision`.  Its `classes` are all those met; one without true boxes has the average NaN and is left
    out of the mean, which is NaN if there are no others.

    Raises
    ------
    ValueError : numbers of pictures differ, or something in a picture is wrong; the message says in which.
    """
    _threshold("mean_average_precision", iou)
    if len(detections) != len(truths):
        counts = f"{len(detections)} pictures with detections, {len(truths)} with true boxes"
        raise ValueError(f"mean_average_precision: {counts}; give both for each, empty ones where there is nothing.")
    found = [_found(k, picture) for k, picture in enumerate(detections)]
    true = [_true(k, picture) for k, picture in enumerate(truths)]
    kinds = sorted({int(c) for classes in [p.classes for p in found] + [p.classes for p in true] for c in classes})
    classes = {kind: _curve(kind, found, true, iou) for kind in kinds}
    known = [curve.average for curve in classes.values() if curve.positives]
    return MeanAveragePrecision(float(np.mean(known)) if known else float("nan"), classes, float(iou))


def _found(k: int, picture: Any) -> Detections:
    who = f"mean_average_precision: detections[{k}]"
    if not isinstance(picture, (tuple, list)) or len(picture) != 3:
        raise ValueError(f"{who} must be three things: boxes, scores, classes.")
    boxes = boxes_of(who, "boxes", picture[0])
    scores = column_of(who, "scores", picture[1], len(boxes))
    return Detections(boxes, scores, column_of(who, "classes", picture[2], len(boxes), "iu"))


def _true(k: int, picture: Any) -> Truths:
    who = f"mean_average_precision: truths[{k}]"
    if not isinstance(picture, (tuple, list)) or len(picture) not in (2, 3):
        raise ValueError(f"{who} must be boxes and classes, and perhaps which are difficult.")
    boxes = boxes_of(who, "boxes", picture[0])
    hard = _difficult(who, picture[2] if len(picture) == 3 else None, len(boxes))
    return Truths(boxes, column_of(who, "classes", picture[1], len(boxes), "iu"), hard)


def _curve(kind: int, found: list[Detections], true: list[Truths], iou: float) -> PrecisionRecall:
    scores, hits, positives = [np.zeros(0)], [np.zeros(0, np.int64)], 0
    for one, what in zip(found, true, strict=True):
        mine, theirs = one.classes == kind, what.classes == kind
        hard = what.difficult[theirs]
        scores.append(one.scores[mine].astype(np.float64))
        hits.append(match_detections(one.boxes[mine], scores[-1], what.boxes[theirs], iou=iou, difficult=hard))
        positives += int((~hard).sum())
    return average_precision(np.concatenate(scores), np.concatenate(hits), positives)
