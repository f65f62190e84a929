"""IoU and GIoU as losses: values by hand, equal to box_iou, gradients, mistakes."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.detection import box_iou, giou_loss, iou_loss

from .test_anchors import centred


def some(seed, count=6):
    rng = np.random.default_rng(seed)
    return centred(*np.hstack([rng.uniform(0, 10, (count, 2)), rng.uniform(2, 9, (count, 2))]))


def test_by_hand():
    square, apart = [[0.0, 0, 2, 2]], [[4.0, 0, 6, 2]]
    assert np.isclose(iou_loss(square, square), 0) and np.isclose(giou_loss(square, square), 0)
    assert np.isclose(iou_loss(square, apart), 1)
    assert np.isclose(giou_loss(square, apart), 1 + (12 - 8) / 12)
    half = [[0.0, 0, 2, 1]]
    assert np.isclose(iou_loss(half, square), 0.5) and np.isclose(giou_loss(half, square), 0.5)


def test_is_one_minus_iou_of_each_pair():
    a, b = some(0), some(1)
    assert np.allclose(iou_loss(a, b, reduction="none"), 1 - np.diag(box_iou(a, b)))
    each = giou_loss(a, b, reduction="none")
    assert (each >= iou_loss(a, b, reduction="none") - 1e-9).all() and (each <= 2).all()
    assert np.isclose(giou_loss(a, b), each.mean()) and np.isclose(giou_loss(a, b, reduction="sum"), each.sum())


@pytest.mark.parametrize("loss", [iou_loss, giou_loss])
def test_gradients_of_first_and_second_order(loss):
    tg.testing.gradcheck(lambda p: loss(p, some(1)), [some(0)], order=2)


def test_boxes_apart_have_a_gradient_in_giou_only():
    far = tg.Tensor([[20.0, 0, 24, 4]], requires_grad=True)
    for loss, moves in ((iou_loss, False), (giou_loss, True)):
        (slope,) = tg.grad(loss(far, [[0.0, 0, 4, 4]]), [far])
        assert slope.any() == moves
    assert slope[0, 0] > 0 and slope[0, 0] + slope[0, 2] > 0  # downhill, the near edge and the centre go left


@pytest.mark.parametrize("loss", [iou_loss, giou_loss])
def test_gradient_descent_fits_a_box(loss):
    true, box = np.array([[3.0, 4, 9, 8]]), tg.Tensor([[2.0, 5, 6, 11]], requires_grad=True)
    for _ in range(400):
        value = loss(box, true)
        box.assign(box.data - 0.5 * tg.grad(value, [box])[0])
    assert box_iou(box.data, true)[0, 0] > 0.9


@pytest.mark.parametrize("loss", [iou_loss, giou_loss])
def test_float32_and_nothing(loss):
    boxes = some(0).astype(np.float32)
    value = loss(tg.Tensor(boxes, requires_grad=True), boxes)
    assert value.dtype == np.float32 and abs(value.item()) < 1e-6
    empty = tg.Tensor(np.zeros((0, 4), np.float32), requires_grad=True)
    nothing = loss(empty, [])
    nothing.backward()
    assert nothing.item() == 0 and empty.grad.shape == (0, 4)


def test_boxes_without_area_give_numbers():
    dot = np.zeros((1, 4))
    assert np.isfinite(giou_loss(dot, dot)) and np.isfinite(iou_loss(dot, dot))


def test_mistakes_are_told_in_words():
    with pytest.raises(ValueError, match=r"giou_loss: predicted has shape \(2, 4\).*target's shape \(1, 4\).*pair by"):
        giou_loss(np.zeros((2, 4)), np.zeros((1, 4)))
    with pytest.raises(ValueError, match=r"iou_loss: target\[0\].*inverted"):
        iou_loss(np.zeros((1, 4)), [[1, 0, 0, 1]])
    with pytest.raises(ValueError, match="reduction='median' must be"):
        iou_loss([], [], reduction="median")
    with pytest.raises(ValueError, match="int64, expected floats"):
        iou_loss(np.zeros((1, 4), int), np.zeros((1, 4)))
