"""Matches and average precision: a table by hand, the definition with loops, properties, mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.detection import (
    Detections,
    Truths,
    average_precision,
    box_iou,
    match_detections,
    mean_average_precision,
)

from .strategies import boxes

# -- matches ----------------------------------------------------------------------------------------------------

TRUE = [[0, 0, 10, 10], [20, 0, 30, 10]]


def test_a_box_is_hit_once():
    found = [[0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 8], [50, 0, 60, 10], [20, 0, 30, 4]]
    assert match_detections(found, [0.8, 0.9, 0.7, 0.6, 0.5], TRUE).tolist() == [0, 1, 1, 0, 0]
    assert match_detections(found, [0.9, 0.8, 0.7, 0.6, 0.5], TRUE).tolist() == [1, 0, 1, 0, 0]
    assert match_detections(found, [0.9, 0.9, 0.7, 0.6, 0.5], TRUE).tolist() == [1, 0, 1, 0, 0]  # the earlier


def test_the_threshold_itself_is_a_hit():
    half = [[0, 0, 10, 5]]
    assert match_detections(half, [1], TRUE, iou=0.5).tolist() == [1]
    assert match_detections(half, [1], TRUE, iou=0.51).tolist() == [0]


def test_difficult_ones_do_not_count():
    found = [[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]]
    assert match_detections(found, [0.9, 0.8, 0.7], TRUE, difficult=[True, False]).tolist() == [-1, -1, 1]


def test_each_looks_at_the_box_that_it_overlaps_most():
    """PASCAL VOC's rule: the second is false although another true box, overlapped less, is free."""
    true = [[0, 0, 10, 10], [3, 0, 13, 10]]
    found = [[0, 0, 10, 10], [1, 0, 11, 10]]
    assert (box_iou(found, true)[1] > 0.5).all()
    assert match_detections(found, [0.9, 0.8], true).tolist() == [1, 0]


# -- average precision ------------------------------------------------------------------------------------------


def test_a_table_by_hand():
    """Six detections, four things: precision 1, 1/2, 2/3, 3/4, 3/5, 3/6; recall 1/4, 1/4, 2/4, 3/4, 3/4, 3/4."""
    curve = average_precision([0.95, 0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 1, 0, 0], positives=4)
    assert np.allclose(curve.precision, [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5, 3 / 6])
    assert np.allclose(curve.recall, [0.25, 0.25, 0.5, 0.75, 0.75, 0.75])
    assert np.isclose(curve.average, 0.25 * 1 + 0.25 * 0.75 + 0.25 * 0.75)
    assert curve.positives == 4 and curve.scores[2] == 0.8


def test_the_envelope_holds_the_average_under_it():
    rng = np.random.default_rng(0)
    curve = average_precision(rng.random(50), rng.integers(0, 2, 50), positives=40)
    recall, precision = curve.envelope()
    assert (np.diff(precision) <= 0).all() and (np.diff(recall) >= 0).all() and precision[-1] == 0
    assert np.isclose((np.diff(recall) * precision[1:]).sum(), curve.average)
    nothing = average_precision([], [], positives=3)
    assert [v.tolist() for v in nothing.envelope()] == [[0, 0], [0, 0]]


def by_definition(scores, hits, positives):
    """For each hit-rate that is reached, the best precision of any threshold that reaches it or more; averaged."""
    points = []
    for limit in set(scores):
        counted = [h for s, h in zip(scores, hits, strict=True) if s >= limit and h >= 0]
        if counted:
            points.append((sum(counted), sum(counted) / len(counted)))
    best = [max((p for found, p in points if found >= k), default=0) for k in range(1, positives + 1)]
    return sum(best) / positives


scored = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.3, 0.6, 0.9]), st.sampled_from([1, 1, 0, 0, -1])), max_size=12)


@given(scored, st.integers(0, 4), st.randoms())
def test_is_the_definition_in_any_order(rows, missed, random):
    positives = sum(h == 1 for _, h in rows) + missed
    if not positives:
        return
    wanted = by_definition([s for s, _ in rows], [h for _, h in rows], positives)
    for _ in range(3):
        curve = average_precision([s for s, _ in rows], np.array([h for _, h in rows], int), positives)
        assert np.isclose(curve.average, wanted) and 0 <= curve.average <= 1
        random.shuffle(rows)


def test_perfect_and_hopeless():
    assert average_precision([0.9, 0.1], [1, 1], 2).average == 1
    assert average_precision([0.9, 0.1], [0, 0], 2).average == 0
    assert average_precision([], [], 2).average == 0
    assert np.isnan(average_precision([0.9], [0], 0).average)


# -- over pictures and classes ----------------------------------------------------------------------------------


@st.composite
def pictures(draw):
    """Some pictures with true boxes of two classes, which do not overlap each other so that each has its own match."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        count = draw(st.integers(0, 4))
        place = 100.0 * np.arange(count)[:, None]
        size = np.array(draw(st.lists(st.integers(1, 50), min_size=count, max_size=count)), float)[:, None]
        rows = np.hstack([place, place, place + size, place + size]) if count else np.zeros((0, 4))
        found.append((rows, np.array(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), int)))
    return found


@given(pictures())
def test_perfect_detections_have_average_precision_1(truths):
    detections = [Detections(rows, np.linspace(1, 0.5, len(rows)), kinds) for rows, kinds in truths]
    result = mean_average_precision(detections, truths)
    if any(len(rows) for rows, _ in truths):
        assert result.value == 1 and all(curve.average == 1 for curve in result.classes.values())
        twice = [tuple(np.concatenate([part, part]) for part in one) for one in detections]
        assert mean_average_precision(twice, truths).value <= 1
    else:
        assert np.isnan(result.value) and result.classes == {}


@given(st.lists(st.tuples(boxes(most=5), boxes(most=4)), min_size=1, max_size=3), st.integers(0, 99))
def test_neither_the_order_of_pictures_nor_of_boxes_matters(rows, seed):
    rng = np.random.default_rng(seed)
    scores = [rng.permutation(10)[: len(found)] / 10 + k / 100 for k, (found, _) in enumerate(rows)]
    before = [(found, s, np.arange(len(found)) % 2) for (found, _), s in zip(rows, scores, strict=True)]
    truths = [(true, np.arange(len(true)) % 2) for _, true in rows]
    result = mean_average_precision(before, truths)
    shuffled = []
    for k in (places := rng.permutation(len(rows))):
        order = rng.permutation(len(before[k][0]))
        shuffled.append(tuple(part[order] for part in before[k]))
    again = mean_average_precision(shuffled, [truths[k] for k in places])
    assert np.isclose(result.value, again.value, equal_nan=True)


def test_classes_and_pictures_by_hand():
    """Class 0: found in one of two pictures. Class 1: found, after a false one that is surer. Class 2: none to find."""
    box, other = [0, 0, 10, 10], [20, 20, 40, 40]
    detections = [
        Detections([box, other], [0.9, 0.8], [0, 1]),
        Detections([box, other, box], [0.7, 0.6, 0.5], [1, 1, 2]),
    ]
    truths = [Truths([box], [0]), Truths([other, box], [1, 0])]
    result = mean_average_precision(detections, truths)
    assert result.classes[0].average == 0.5
    assert np.isclose(result.classes[1].average, 1 / 3)  # found by the third
    assert np.isnan(result.classes[2].average)
    assert np.isclose(result.value, (0.5 + 1 / 3) / 2) and result.iou == 0.5
    assert str(result) == "mAP@0.5 = 0.417 (0: 0.500, 1: 0.333, 2: nan)"


def test_a_detection_of_another_class_hits_nothing():
    box = [[0, 0, 10, 10]]
    assert mean_average_precision([(box, [1.0], [1])], [(box, [0])]).classes[0].average == 0


def test_difficult_ones_are_not_asked_for():
    found = [([[0, 0, 10, 10]], [0.9], [0])]
    truth = Truths([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 0], [False, True])
    result = mean_average_precision(found, [truth])
    assert result.value == 1 and result.classes[0].positives == 1


def test_a_stricter_overlap_never_finds_more():
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 50, (30, 2))
    true = np.hstack([low, low + rng.uniform(5, 20, (30, 2))])
    found = np.sort((true + rng.normal(0, 1.5, true.shape)).reshape(30, 2, 2), axis=1).reshape(30, 4)
    one = [(found, rng.random(30), np.zeros(30, int))]
    values = [mean_average_precision(one, [(true, np.zeros(30, int))], iou=t).value for t in (0.3, 0.5, 0.7, 0.9)]
    assert sorted(values, reverse=True) == values and values[0] > values[-1]


def test_empty_pictures_are_fine():
    result = mean_average_precision([([], [], []), ([], [], [])], [([], []), ([[0, 0, 1, 1]], [3])])
    assert result.value == 0 and list(result.classes) == [3]
    assert np.isnan(mean_average_precision([], []).value)


BOX = [[0, 0, 1, 1]]
BAD = [
    (lambda: mean_average_precision([([], [], [])], []), "1 pictures with detections, 0 with true boxes"),
    (lambda: mean_average_precision([([], [])], [([], [])]), r"detections\[0\] must be three things"),
    (lambda: mean_average_precision([([], [], [])], [[]]), r"truths\[0\] must be boxes and classes"),
    (
        lambda: mean_average_precision([([], [], []), (BOX, [], [0])], [([], [])] * 2),
        r"detections\[1\]: scores has sha",
    ),
    (lambda: mean_average_precision([(BOX, [1], [0.5])], [([], [])]), r"detections\[0\]: classes .* whole numbers"),
    (lambda: mean_average_precision([([], [], [])], [([[1, 0, 0, 1]], [0])]), r"truths\[0\]: boxes\[0\].*inverted"),
    (lambda: mean_average_precision([], [], iou=0), "iou=0 must be a number above 0 .* that do not touch"),
    (lambda: match_detections(BOX, [1], BOX, iou=2), "iou=2 must be a number above 0 and of at most 1"),
    (lambda: match_detections(BOX, [np.nan], BOX), r"scores\[0\] = nan is not finite"),
    (lambda: match_detections(BOX, [1], BOX, difficult=[2]), "difficult has shape .* expected truth values"),
    (lambda: average_precision([1, 2], [1], 1), r"hits has shape \(1,\) int64, expected whole numbers of shape \(2,\)"),
    (lambda: average_precision([1], [5], 1), "hits must be 1"),
    (lambda: average_precision([1, 1], [1, 1], 1), "positives=1 must be a whole number of at least 2"),
    (lambda: average_precision([1], [1], 1.0), "positives=1.0 must be a whole number"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=range(len(BAD)))
def test_mistakes_are_told_in_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
