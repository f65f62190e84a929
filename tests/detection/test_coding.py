"""Raw numbers and boxes: there and back, the formula by hand, gradients, mistakes."""

import math

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.detection import assign_anchors, convert_boxes, decode_boxes, encode_boxes

ANCHORS = [[8.0, 8], [20, 10]]


def test_the_formula_by_hand():
    raw = np.zeros((3, 4, 2, 4))
    assert decode_boxes(raw, ANCHORS, 10)[2, 1, 1].tolist() == [5, 20, 25, 30]  # centre (15, 25), size (20, 10)
    raw[2, 1, 1] = [math.log(3), -math.log(3), math.log(2), -math.log(2)]
    x, y = (1 + 0.75) * 10, (2 + 0.25) * 10
    assert np.allclose(decode_boxes(raw, ANCHORS, 10)[2, 1, 1], [x - 20, y - 2.5, x + 20, y + 2.5])


def test_what_was_encoded_is_decoded():
    rng = np.random.default_rng(0)
    centred = np.hstack([rng.uniform(0, 64, (40, 2)), rng.uniform(1, 60, (40, 2))])
    boxes = convert_boxes(centred, "cxcywh", "xyxy")
    found = assign_anchors(boxes, ANCHORS, (8, 8), 8)
    kept = found.slots[:, 0] >= 0
    slots, boxes = found.slots[kept], boxes[kept]
    assert len(boxes) > 30
    raw = np.full((8, 8, 2, 4), 9.0)
    raw[tuple(slots.T)] = encode_boxes(boxes, slots, ANCHORS, 8)
    assert np.allclose(decode_boxes(raw, ANCHORS, 8)[tuple(slots.T)], boxes, atol=1e-10)


def test_a_centre_on_the_edge_is_a_millionth_inside():
    boxes, slots = [[4.0, 4, 12, 12]], [[1, 1, 0]]  # its centre is the corner of four cells
    raw = np.zeros((2, 2, 2, 4))
    raw[1, 1, 0] = encode_boxes(boxes, slots, ANCHORS, 8)[0]
    assert np.isfinite(raw).all()
    assert np.allclose(decode_boxes(raw, ANCHORS, 8)[1, 1, 0], boxes[0], atol=1e-5)


def test_a_centre_stays_in_its_cell_and_nothing_overflows():
    raw = np.full((2, 2, 2, 4), 1e30, np.float32)
    boxes = decode_boxes(raw, ANCHORS, 8)
    assert np.isfinite(boxes).all() and boxes.dtype == np.float32
    low = decode_boxes(-raw, ANCHORS, 8)
    assert ((low[..., 2:] - low[..., :2]) >= 0).all()
    centres = (low[..., :2] + low[..., 2:]) / 2
    assert np.allclose(centres[1, 1], 8, atol=1e-3)


def test_batches_and_tensors():
    raw = tg.randn(5, 3, 4, 2, 4, rng=0, dtype=np.float64, requires_grad=True)
    boxes = decode_boxes(raw, ANCHORS, 8)
    assert isinstance(boxes, tg.Tensor) and boxes.shape == (5, 3, 4, 2, 4)
    assert np.allclose(boxes.data[3], decode_boxes(raw.data[3], ANCHORS, 8))


def test_gradients_of_first_and_second_order():
    raw = np.random.default_rng(0).standard_normal((2, 1, 2, 4))
    tg.testing.gradcheck(lambda r: decode_boxes(r, ANCHORS, 8), [raw], order=2)


def test_nothing_is_fine():
    assert encode_boxes([], [], ANCHORS, 8).shape == (0, 4)
    assert decode_boxes(np.zeros((0, 3, 3, 2, 4)), ANCHORS).shape == (0, 3, 3, 2, 4)


def test_mistakes_are_told_in_words():
    with pytest.raises(ValueError, match=r"decode_boxes: raw has shape \(3, 3, 10\) float64, expected .*W, 2, 4\)"):
        decode_boxes(np.zeros((3, 3, 10)), ANCHORS)
    with pytest.raises(ValueError, match=r"int64, expected floats"):
        decode_boxes(np.zeros((3, 3, 2, 4), int), ANCHORS)
    with pytest.raises(ValueError, match=r"stride=-1 must be a number above 0"):
        decode_boxes(np.zeros((3, 3, 2, 4)), ANCHORS, -1)
    with pytest.raises(ValueError, match=r"slots has shape \(2,\) int64, expected whole numbers of shape \(1, 3\)"):
        encode_boxes([[0, 0, 8, 8]], [0, 1], ANCHORS, 8)
    with pytest.raises(ValueError, match=r"slots\[0\] = \(-1, -1, -1\) is not a slot"):
        encode_boxes([[0, 0, 8, 8]], [[-1, -1, -1]], ANCHORS, 8)
    with pytest.raises(ValueError, match=r"slots\[0\] = \(0, 0, 2\) is not a slot; there are 2 anchors"):
        encode_boxes([[0, 0, 8, 8]], [[0, 0, 2]], ANCHORS, 8)
    with pytest.raises(ValueError, match=r"boxes\[0\] = \(0, 0, 8, 8\) has no size, or its centre is outside its cell"):
        encode_boxes([[0, 0, 8, 8]], [[1, 0, 0]], ANCHORS, 8)
    with pytest.raises(ValueError, match=r"has no size"):
        encode_boxes([[0, 0, 0, 8]], [[0, 0, 0]], ANCHORS, 8)
