"""PNG files: their pixels, read back by another library."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tinygrad_cnn.graphs.png import png, png_uri

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (5, 7, 1), (1, 1, 3), (4, 3, 3), (3, 9, 4), (300, 2, 3)])
def test_a_png_holds_its_pixels(shape):
    a = RNG.integers(0, 256, shape, np.uint8)
    read = Image.open(io.BytesIO(png(a)))
    assert read.mode == {1: "L", 3: "RGB", 4: "RGBA"}[shape[2] if len(shape) == 3 else 1]
    assert np.array_equal(np.asarray(read), a[..., 0] if shape[2:] == (1,) else a)


def test_pixels_may_lie_in_any_order():
    a = RNG.integers(0, 256, (4, 6, 3), np.uint8)[::-1, ::2]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(a)))), a)


def test_a_file_as_an_address():
    a = RNG.integers(0, 256, (4, 6), np.uint8)
    kind, _, text = png_uri(a).partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(text) == png(a)
