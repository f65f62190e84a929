"""Anchors: sizes found again, slots by hand and by their rules, mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn import detection
from tinygrad_cnn.detection import anchor_boxes, assign_anchors, box_iou, convert_boxes, kmeans_anchors, shape_iou

ANCHORS = [[8, 8], [16, 8], [8, 16]]


def centred(*rows):
    return convert_boxes(np.array(rows, float), "cxcywh", "xyxy")


# -- k-means ----------------------------------------------------------------------------------------------------


def test_shape_iou_is_that_of_boxes_with_one_centre():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 20, (5, 2)), rng.uniform(1, 20, (7, 2))
    wanted = box_iou(np.hstack([-a / 2, a / 2]), np.hstack([-b / 2, b / 2]))
    assert np.allclose(shape_iou(a, b), wanted)


def test_kmeans_finds_clusters_again():
    rng = np.random.default_rng(1)
    true = np.array([[6, 6], [30, 10], [12, 40]])
    sizes = np.repeat(true, 50, axis=0) * rng.uniform(0.9, 1.1, (150, 2))
    for seed in range(5):
        found = kmeans_anchors(rng.permutation(sizes), 3, rng=seed)
        assert np.abs(found - true).max() < 1.5  # by rising area: 36, 300, 480
    assert np.array_equal(kmeans_anchors(sizes, 3, rng=7), kmeans_anchors(sizes, 3, rng=7))


def test_kmeans_of_one_fits_no_worse_than_the_mean_and_of_all_is_all():
    sizes = np.array([[2.0, 4], [6, 2], [4, 9], [2, 4]])
    assert shape_iou(sizes, kmeans_anchors(sizes, 1, rng=0)).mean() >= shape_iou(sizes, [[3.5, 4.75]]).mean()
    assert np.allclose(kmeans_anchors(sizes, 3, rng=0), [[2, 4], [6, 2], [4, 9]])


def test_more_anchors_fit_better_and_better_than_those_drawn_at_random():
    sizes = np.random.default_rng(2).uniform(3, 40, (200, 2))
    fits = [shape_iou(sizes, kmeans_anchors(sizes, k, rng=0)).max(axis=1).mean() for k in (1, 3, 9)]
    assert fits[0] < fits[1] < fits[2]
    drawn = [sizes[np.random.default_rng(s).choice(200, 9, replace=False)] for s in range(20)]
    assert fits[2] > max(shape_iou(sizes, d).max(axis=1).mean() for d in drawn)


def test_mistakes_of_sizes_are_told_in_words():
    with pytest.raises(ValueError, match=r"kmeans_anchors: count=3 anchors need as many different sizes; there are 2"):
        kmeans_anchors([[1, 2], [1, 2], [2, 1]], 3)
    with pytest.raises(ValueError, match=r"count=0 must be a whole number of at least 1"):
        kmeans_anchors([[1, 2]], 0)
    with pytest.raises(TypeError, match=r"count=1.5 must be a whole number"):
        kmeans_anchors([[1, 2]], 1.5)
    with pytest.raises(ValueError, match=r"there are 0"):
        kmeans_anchors([], 1)
    with pytest.raises(ValueError, match=r"sizes\[1\] = \(0, 3\): width and height must be positive"):
        kmeans_anchors([[1, 2], [0, 3]], 1)


# -- which slot gets which box ----------------------------------------------------------------------------------


def test_anchor_boxes_by_hand():
    laid = anchor_boxes([[2, 4], [10, 10]], (2, 3), 10)
    assert laid.shape == (2, 3, 2, 4)
    assert laid[0, 0, 0].tolist() == [4, 3, 6, 7]
    assert laid[1, 2, 1].tolist() == [20, 10, 30, 20]


def test_a_box_belongs_to_the_cell_of_its_centre_and_the_most_similar_anchor():
    found = assign_anchors(centred([12, 4, 15, 7], [29, 30, 7, 7]), ANCHORS, (4, 4), 8)
    assert found.slots.tolist() == [[0, 1, 1], [3, 3, 0]]
    assert found.box[0, 1, 1] == 0 and found.box[3, 3, 0] == 1
    assert (found.box >= 0).sum() == 2 and np.array_equal(found.positive, found.box >= 0)


def test_on_an_edge_the_right_or_lower_cell_and_at_the_end_the_last():
    slots = assign_anchors(centred([8, 16, 6, 6], [32, 32, 6, 6], [0, 0, 6, 6]), ANCHORS, (4, 4), 8).slots
    assert slots.tolist() == [[2, 1, 0], [3, 3, 0], [0, 0, 0]]


def test_two_boxes_for_one_slot():
    """The more similar one gets it, whatever the order; the other takes the next best, or nothing when all are full."""
    near, far = [4, 4, 8, 8], [4, 4, 6, 9]
    for order, slots in (((near, far), [0, 2]), ((far, near), [2, 0])):
        assert assign_anchors(centred(*order), ANCHORS, (2, 2), 8).slots[:, 2].tolist() == slots
    equal = assign_anchors(centred(near, near, near, near), ANCHORS, (2, 2), 8)
    assert equal.slots[:, 2].tolist() == [0, 1, 2, -1]
    assert equal.slots[3].tolist() == [-1, -1, -1]


def test_equal_anchors_the_first():
    assert assign_anchors(centred([4, 4, 8, 8]), [[8, 8], [8, 8]], (1, 1), 8).slots[0].tolist() == [0, 0, 0]


def test_ignored_are_the_near_ones_without_a_box():
    box = centred([12, 12, 8, 8])
    found = assign_anchors(box, ANCHORS, (4, 4), 8, ignore=0.5)
    near = box_iou(anchor_boxes(ANCHORS, (4, 4), 8).reshape(-1, 4), box).reshape(4, 4, 3) >= 0.5
    assert near.sum() == 3  # its own cell: the square, and the two that are twice as long
    assert np.array_equal(found.ignored, near & ~found.positive)
    assert assign_anchors(box, ANCHORS, (4, 4), 8, ignore=0.6).ignored.sum() == 0
    assert assign_anchors(box, ANCHORS, (4, 4), 8, ignore=0).ignored.sum() == 4 * 4 * 3 - 1


def test_others_of_the_cell_may_have_the_box_too():
    found = assign_anchors(centred([4, 4, 8, 8]), ANCHORS, (2, 2), 8, also=0.5)
    assert found.box[0, 0].tolist() == [0, 0, 0] and found.slots.tolist() == [[0, 0, 0]]
    assert not found.ignored.any()
    both = assign_anchors(centred([4, 4, 8, 8], [4, 4, 16, 8]), ANCHORS, (2, 2), 8, also=0.4)
    assert both.box[0, 0].tolist() == [0, 1, 0]  # first choices come before second ones


@given(st.lists(st.tuples(*[st.floats(0, 32)] * 2, *[st.floats(1, 30)] * 2), max_size=12))
def test_rules_hold_for_any_boxes(rows):
    boxes = centred(*rows) if rows else np.zeros((0, 4))
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    boxes = boxes[((centre >= 0) & (centre <= 32)).all(axis=1)]
    found = assign_anchors(boxes, ANCHORS, (4, 4), 8)
    given_ = found.slots[found.slots[:, 0] >= 0]
    assert len(np.unique(given_, axis=0)) == len(given_) == found.positive.sum()  # no slot twice
    for n, (row, column, anchor) in enumerate(found.slots):
        cell = np.minimum((boxes[n, :2] + boxes[n, 2:]) / 2 // 8, 3).astype(int)
        if row >= 0:
            assert found.box[row, column, anchor] == n and (column, row) == tuple(cell)
        else:
            assert (found.box[cell[1], cell[0]] >= 0).all()  # nothing was free
    assert not (found.ignored & found.positive).any()


def test_no_boxes_no_slots():
    found = assign_anchors([], ANCHORS, (3, 5), 8)
    assert found.box.shape == found.ignored.shape == (3, 5, 3) and found.slots.shape == (0, 3)
    assert not found.positive.any() and not found.ignored.any()


BAD = [
    ({"boxes": [[40, 0, 50, 10]]}, r"boxes\[0\] is centred at \(45, 5\), outside a grid of 4 rows and 4 columns of 8"),
    ({"boxes": [[0, 0, 0, 10]]}, r"assign_anchors: boxes\[0\] has no area"),
    ({"boxes": [[0, 0, float("nan"), 10]]}, "not finite"),
    ({"anchors": [[8, 8, 8]]}, r"anchors has shape \(1, 3\)"),
    ({"anchors": [[8, -8]]}, r"anchors\[0\] = \(8, -8\)"),
    ({"grid": 4}, r"grid=4 must be \(rows, columns\)"),
    ({"grid": (4, 0)}, r"grid=\(4, 0\) must be \(rows, columns\), whole numbers of"),
    ({"stride": 0}, "stride=0 must be a number above 0"),
    ({"also": 2}, "also=2 must be a number from 0 to 1"),
    ({"ignore": -1}, "ignore=-1 must be a number from 0 to 1"),
]


@pytest.mark.parametrize(("given_", "words"), BAD, ids=range(len(BAD)))
def test_mistakes_are_told_in_words(given_, words):
    with pytest.raises((TypeError, ValueError), match=words):
        assign_anchors(**{"boxes": [[0, 0, 8, 8]], "anchors": ANCHORS, "grid": (4, 4), "stride": 8} | given_)


def test_the_part_lists_what_it_offers():
    assert all(callable(getattr(detection, name)) for name in detection.__all__)
