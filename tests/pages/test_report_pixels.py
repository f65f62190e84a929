"""Small pictures of a report: images and signed values as bytes."""

import numpy as np

from tinygrad_cnn.pages.report.pixels import BLUE, VERMILION, pixels, signed


def test_images_as_bytes():
    assert pixels(np.array([[[0.0, 0.5, 1.0]]])).tolist() == [[[0, 128, 255]]]
    assert pixels(np.array([[[0.25], [0.75]]])).tolist() == [[64, 191]]  # grey
    assert pixels(np.array([[[-1.0], [0.0], [3.0]]])).tolist() == [[0, 64, 255]]  # stretched
    assert pixels(np.array([[[np.nan], [1.0], [np.inf]]])).tolist() == [[0, 255, 0]]
    assert pixels(np.ones((2, 3, 2))).dtype == np.uint8


def test_signed_values_as_colours_that_let_the_page_through_at_zero():
    shown = signed(np.array([[-2.0, 0.0, 1.0, np.nan]]), reach=2.0)
    assert shown.dtype == np.uint8 and shown[0, :, 3].tolist() == [255, 0, 128, 0]
    assert shown[0, 0, :3].tolist() == BLUE.tolist() == [0, 114, 178]
    assert shown[0, 2, :3].tolist() == VERMILION.tolist() == [213, 94, 0]
