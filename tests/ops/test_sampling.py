"""Images read at any place: gradients, dtypes, borders, mistakes."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing import gradcheck

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("mode", ["bilinear", pytest.param("bicubic", marks=pytest.mark.level("thorough"))])
@pytest.mark.parametrize("border", ["zeros", "border", "reflection"])
def test_gradients_of_images_and_places(mode, border):
    x, grid = RNG.standard_normal((1, 3, 4, 2)), RNG.uniform(-1.4, 1.4, (1, 2, 3, 2))
    gradcheck(lambda x, g: tg.grid_sample(x, g, mode=mode, padding_mode=border), [x, grid], order=2)


def test_the_places_of_the_identity_give_the_image_again():
    x = RNG.standard_normal((2, 3, 5, 2)).astype(np.float32)
    theta = np.tile(np.eye(2, 3, dtype=np.float32), (2, 1, 1))
    for align in (False, True):
        y = tg.grid_sample(x, tg.affine_grid(theta, (3, 5), align_corners=align), align_corners=align)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, x, rtol=0, atol=1e-6)


def test_an_affine_map_is_learned():
    x = tg.resize(RNG.standard_normal((1, 4, 4, 1)), 16, mode="bicubic")
    moved = tg.grid_sample(x, tg.affine_grid(np.array([[[1.0, 0, 0.2], [0, 1, -0.1]]]), (16, 16)))
    theta = tg.tensor(np.eye(2, 3)[None], dtype=np.float64, requires_grad=True)
    adam = tg.optim.Adam([theta], lr=0.02)
    for _ in range(60):
        adam.zero_grad()
        tg.mse_loss(tg.grid_sample(x, tg.affine_grid(theta, (16, 16))), moved).backward()
        adam.step()
    np.testing.assert_allclose(theta.data[0, :, 2], [0.2, -0.1], atol=0.02)


def test_shuffles_undo_each_other():
    x = RNG.standard_normal((2, 4, 6, 3))
    np.testing.assert_array_equal(tg.pixel_shuffle(tg.pixel_unshuffle(x, 2), 2), x)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: tg.grid_sample(np.ones((2, 3, 3, 1)), np.ones((1, 2, 2, 2))), "places .N, H', W', 2. in them"),
    (lambda: tg.grid_sample(np.ones((1, 3, 3, 1)), np.ones((1, 2, 2, 2)), mode="linear"), "mode='linear' must be one"),
    (lambda: tg.grid_sample(np.ones((1, 0, 3, 1)), np.ones((1, 2, 2, 2))), "images without pixels"),
    (lambda: tg.affine_grid(np.ones((2, 3)), 3), "theta must be affine maps .N, 2, 3."),
    (lambda: tg.pixel_shuffle(np.ones((1, 2, 2, 3)), 2), "C a multiple of 4"),
    (lambda: tg.pixel_unshuffle(np.ones((1, 3, 2, 3)), 2), "must divide"),
])  # fmt: skip
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
