"""What a model receives: float64 for float32 weights, and bytes of images, are warned of once at each line."""

import warnings

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff import noticing

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 8, 8, 1)).astype(np.uint8)


def net(*first):
    return nn.Sequential(*first, nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2, rng=0))


def dense():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2, rng=0))


@pytest.fixture(autouse=True)
def every_warning():
    noticing._warned.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor])
def test_float64_for_a_float32_model_is_computed_in_float64_and_warned_of_once(wrap):
    model, x = net(), wrap(RNG.random((2, 8, 8, 1)))
    words = r"^conv2d_relu \(0\) received float64 and has float32 weights.*x.astype\(np.float32\).*model.to\(np"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [model(x) for _ in range(3)]
    assert len(caught) == 1 and caught[0].filename == __file__
    with pytest.warns(UserWarning, match=words):
        assert model(x).dtype == np.float64
    assert found[0].dtype == np.float64


def test_what_was_converted_is_not_warned_of():
    x = RNG.random((2, 8, 8, 1))
    assert net()(x.astype(np.float32)).dtype == np.float32
    assert net().to(np.float64)(x).dtype == np.float64
    assert net().to(np.float64)(x.astype(np.float32)).dtype == np.float64
    assert net(nn.Lambda(lambda x: tg.cast(x, dtype=np.float32)))(x).dtype == np.float32
    with tg.set_default_dtype(np.float64):
        assert net()(x).dtype == np.float64
    tg.conv2d(x, np.ones((3, 3, 1, 2), np.float32))  # no module


@pytest.mark.parametrize("model", [net, dense])
@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor])
def test_bytes_of_images_are_warned_of_once(model, wrap):
    model = model()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            model(wrap(IMAGES))
    assert len(caught) == 1
    assert "received bytes up to 255, which look like an image" in (text := str(caught[0].message))
    assert "(x / 255).astype(np.float32)" in text


def test_bytes_that_are_scaled_or_no_pixels_are_not_warned_of():
    for x in (
        IMAGES / np.float32(255),
        (IMAGES > 100).astype(np.uint8),
        IMAGES.astype(np.int64),
        IMAGES[:, :1, :1] // 2,
    ):
        (net() if x.shape[1] > 1 else nn.Conv2d(1, 2, 1, rng=0))(x)
    inside = net(nn.Lambda(lambda x: x / 255))
    assert inside(tg.Tensor(IMAGES)).dtype == np.float32
    scaled = net(nn.Lambda(lambda x: tg.div(x, np.array([255.0], np.float32))))
    scaled(tg.Tensor(IMAGES))
    nn.MSELoss()(tg.zeros(2, 8, 8, 1), IMAGES)  # targets may be bytes
