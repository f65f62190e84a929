"""Non-maximum suppression: by hand, against the definition with loops, properties, mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.detection import box_iou, nms

from .strategies import boxes

pytestmark = pytest.mark.level("default")


def by_definition(corners, scores, threshold, classes):
    """Walk from the surest to the least sure; keep each that no kept one of its class overlaps too much."""
    kept = []
    for n in sorted(range(len(corners)), key=lambda n: (-scores[n], n)):
        rivals = [k for k in kept if classes[k] == classes[n]]
        if all(box_iou([corners[k]], [corners[n]])[0, 0] <= threshold for k in rivals):
            kept.append(n)
    return kept


@st.composite
def detections(draw):
    corners = draw(boxes(most=10))
    count = len(corners)
    scores = draw(st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9, 1.0]), min_size=count, max_size=count))
    classes = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return corners, np.array(scores), np.array(classes, int)


def test_by_hand():
    corners = [[0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30], [0, 0, 10, 6]]
    assert box_iou(corners[:1], corners)[0].tolist() == [1, 0.8, 0, 0.6]
    scores = [0.6, 0.9, 0.5, 0.1]
    assert nms(corners, scores, 0.5).tolist() == [1, 2]  # IoU of the last with the surest is 0.75
    assert nms(corners, scores, 0.75).tolist() == [1, 2, 3]  # at the threshold itself a box stays
    assert nms(corners, scores, 0.5, classes=[0, 1, 0, 0]).tolist() == [1, 0, 2]


def test_what_was_removed_removes_nothing():
    chain = [[0, 0, 10, 1], [3, 0, 13, 1], [6, 0, 16, 1]]  # neighbours overlap, the ends hardly
    assert nms(chain, [0.9, 0.8, 0.7], 0.5).tolist() == [0, 2]


def test_equal_scores_go_by_their_order():
    assert nms([[0, 0, 1, 1]] * 3, [0.5, 0.5, 0.5]).tolist() == [0]
    assert nms([[0, 0, 1, 1], [5, 5, 6, 6]] * 2, [1, 1, 1, 1]).tolist() == [0, 1]


@given(detections(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_is_the_definition(found, threshold):
    corners, scores, classes = found
    assert nms(corners, scores, threshold, classes=classes).tolist() == by_definition(*found[:2], threshold, classes)
    assert nms(corners, scores, threshold).tolist() == by_definition(corners, scores, threshold, 0 * classes)


@given(detections(), st.floats(0, 1))
def test_twice_is_once_and_what_stays_keeps_apart(found, threshold):
    corners, scores, _ = found
    kept = nms(corners, scores, threshold)
    assert nms(corners[kept], scores[kept], threshold).tolist() == list(range(len(kept)))
    assert (np.diff(scores[kept]) <= 0).all()
    apart = box_iou(corners[kept], corners[kept]) - np.eye(len(kept))
    assert (apart <= threshold).all() or not len(kept)


@given(detections())
def test_classes_are_suppressed_each_on_its_own(found):
    corners, scores, classes = found
    alone = [np.flatnonzero(classes == k)[nms(corners[classes == k], scores[classes == k])] for k in range(3)]
    assert sorted(nms(corners, scores, classes=classes)) == sorted(np.concatenate(alone).tolist())


def test_nothing_is_fine():
    kept = nms([], [])
    assert kept.shape == (0,) and kept.dtype.kind == "i"
    assert nms([], [], classes=[]).shape == (0,)


BOXES = [[0, 0, 1, 1], [0, 0, 1, 2]]
BAD = [
    ({"boxes": BOXES, "scores": [1.0]}, r"nms: scores has shape \(1,\) float64, expected numbers of shape \(2,\)"),
    ({"boxes": BOXES, "scores": [1.0, float("nan")]}, r"scores\[1\] = nan is not finite"),
    ({"boxes": BOXES, "scores": [[1.0], [2.0]]}, r"scores has shape \(2, 1\)"),
    ({"boxes": BOXES, "scores": [1, 2], "threshold": 1.5}, "threshold=1.5 must be a number from 0 to 1"),
    ({"boxes": BOXES, "scores": [1, 2], "threshold": float("nan")}, "threshold=nan must be"),
    ({"boxes": BOXES, "scores": [1, 2], "threshold": "half"}, "threshold='half' must be"),
    ({"boxes": BOXES, "scores": [1, 2], "classes": [0.5, 1.0]}, "classes has shape .* expected whole numbers"),
    ({"boxes": [[1, 0, 0, 1]], "scores": [1]}, r"nms: boxes\[0\].*inverted"),
]


@pytest.mark.parametrize(("given_", "words"), BAD, ids=range(len(BAD)))
def test_mistakes_are_told_in_words(given_, words):
    with pytest.raises((TypeError, ValueError), match=words):
        nms(**given_)
