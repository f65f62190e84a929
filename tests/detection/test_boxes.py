"""Area, overlap, forms and clipping: hand values, pixels counted one by one, properties, mistakes."""

import numpy as np
import pytest
from hypothesis import given

import tinygrad_cnn as tg
from tinygrad_cnn import detection

from .strategies import boxes


def test_area_by_hand():
    assert detection.box_area([[1, 2, 4, 7], [3, 3, 3, 9]]).tolist() == [15, 0]


def test_iou_by_hand():
    square = [[0, 0, 4, 4]]
    others = [[0, 0, 4, 4], [2, 0, 6, 4], [1, 1, 3, 3], [4, 0, 8, 4], [9, 9, 9, 9]]
    assert np.allclose(detection.box_iou(square, others), [[1, 8 / 24, 4 / 16, 0, 0]])


def test_iou_counts_pixels():
    """Boxes on whole numbers, painted: common pixels over pixels of either."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 12, (20, 2))
    corners = np.hstack([low, low + rng.integers(1, 9, (20, 2))])
    painted = np.zeros((20, 24, 24), bool)
    for picture, (x0, y0, x1, y1) in zip(painted, corners, strict=True):
        picture[y0:y1, x0:x1] = True
    wanted = [[(a & b).sum() / (a | b).sum() for b in painted] for a in painted]
    assert np.allclose(detection.box_iou(corners, corners), wanted, rtol=1e-15)
    assert detection.box_area(corners).tolist() == painted.sum((1, 2)).tolist()


@given(boxes(), boxes())
def test_iou_is_symmetric_and_from_0_to_1(a, b):
    iou = detection.box_iou(a, b)
    assert iou.shape == (len(a), len(b))
    assert np.array_equal(iou, detection.box_iou(b, a).T)
    assert ((iou >= 0) & (iou <= 1 + 1e-12)).all()


@given(boxes(least=1))
def test_iou_of_a_box_with_itself_is_1_unless_it_is_empty(a):
    own = np.diag(detection.box_iou(a, a))
    assert np.allclose(own, detection.box_area(a) > 0)


@given(boxes())
def test_every_form_leads_back(a):
    for form in ("xyxy", "xywh", "cxcywh"):
        there = detection.convert_boxes(a, "xyxy", form)
        assert np.allclose(detection.convert_boxes(there, form, "xyxy"), a, atol=1e-12)


def test_forms_by_hand():
    corners, sized, centred = [[1, 2, 5, 10]], [[1, 2, 4, 8]], [[3, 6, 4, 8]]
    assert detection.convert_boxes(corners, "xyxy", "xywh").tolist() == sized
    assert detection.convert_boxes(sized, "xywh", "cxcywh").tolist() == centred
    assert detection.convert_boxes(centred, "cxcywh", "xyxy").tolist() == corners


@given(boxes())
def test_clipped_boxes_lie_inside_and_only_shrink(a):
    cut = detection.clip_boxes(a, height=4, width=9)
    assert (cut[:, ::2] >= 0).all() and (cut[:, ::2] <= 9).all()
    assert (cut[:, 1::2] >= 0).all() and (cut[:, 1::2] <= 4).all()
    assert (detection.box_area(cut) <= detection.box_area(a) + 1e-9).all()
    assert np.array_equal(detection.clip_boxes(cut, height=4, width=9), cut)


def test_nothing_is_fine():
    assert detection.box_area([]).shape == (0,)
    assert detection.box_iou([], np.zeros((3, 4))).shape == (0, 3)
    assert detection.convert_boxes(np.zeros((0, 4)), "xyxy", "cxcywh").shape == (0, 4)
    assert detection.clip_boxes([], 5, 5).shape == (0, 4)


def test_tensors_and_whole_numbers_are_taken_and_left_alone():
    given_ = np.array([[0, 0, 2, 3]], np.int16)
    assert detection.box_area(given_).tolist() == [6] and given_.dtype == np.int16
    assert detection.box_area(tg.Tensor([[0.0, 0.0, 2.0, 3.0]], requires_grad=True)).tolist() == [6]


BAD = [
    ([[0, 0, 1, float("nan")]], r"box_area: boxes\[0\] = \(0, 0, 1, nan\) is not finite"),
    ([[0, 0, 1, 1], [0, 0, float("inf"), 1]], r"boxes\[1\] = \(0, 0, inf, 1\) is not finite"),
    ([[0, 0, 1e200, 1]], "beyond 1e.100"),
    ([[0, 0, 1, 1], [5, 0, 4, 1]], r"boxes\[1\] = \(5, 0, 4, 1\) is inverted.*x0 <= x1.*convert_boxes"),
    ([0, 0, 1, 1], r"shape \(4,\) int64, expected numbers of shape \(N, 4\); one box alone is"),
    (np.zeros((2, 5)), r"shape \(2, 5\) float64"),
    ([[0, 0, 1], [0, 0, 1, 1]], "rows of different lengths"),
    ([["a", "b", "c", "d"]], "expected numbers"),
    (np.zeros((1, 4), complex), "complex128, expected numbers"),
]


@pytest.mark.parametrize(("bad", "words"), BAD, ids=range(len(BAD)))
def test_what_are_no_boxes_is_told_in_words(bad, words):
    with pytest.raises(ValueError, match=words):
        detection.box_area(bad)


def test_other_mistakes_are_told_in_words():
    with pytest.raises(ValueError, match=r"convert_boxes: target='cxcyhw' must be one of xyxy, xywh, cxcywh.*cxcywh"):
        detection.convert_boxes([[0, 0, 1, 1]], "xyxy", "cxcyhw")
    with pytest.raises(ValueError, match=r"boxes\[0\] = \(0, 0, -1, 1\) has a negative width or height"):
        detection.convert_boxes([[0, 0, -1, 1]], "xywh", "xyxy")
    with pytest.raises(ValueError, match="clip_boxes: height=0 must be a number above 0"):
        detection.clip_boxes([], 0, 5)
    with pytest.raises(ValueError, match=r"box_iou: others has shape \(2, 3\)"):
        detection.box_iou([], np.zeros((2, 3)))
