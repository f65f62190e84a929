"""Pictures: known pixels come back, and no damaged or hostile file gets through unworded."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tinygrad_cnn.data import load_image
from tinygrad_cnn.io import FileFormatError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 9, 3), np.uint8)


def saved(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_colour_and_grey_pixels(tmp_path):
    x = load_image(saved(tmp_path / "a.png", RGB))
    assert x.dtype == np.float32 and x.shape == (6, 9, 3)
    np.testing.assert_array_equal(x, RGB / np.float32(255))
    grey = load_image(saved(tmp_path / "b.png", RGB[..., 0]))
    np.testing.assert_array_equal(grey[..., 0], RGB[..., 0] / np.float32(255))
    assert load_image(str(tmp_path / "b.png"), channels=3).shape == (6, 9, 3)
    assert load_image(tmp_path / "a.png", channels=1).shape == (6, 9, 1)
    assert load_image(tmp_path / "a.png", channels=4)[..., 3].min() == 1


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "gif", "webp"])
def test_other_formats(tmp_path, suffix):
    flat = np.full((8, 8, 3), 100, np.uint8)
    np.testing.assert_allclose(load_image(saved(tmp_path / f"a.{suffix}", flat)), 100 / 255, atol=3 / 255)


def test_sizes_are_height_and_width(tmp_path):
    path = saved(tmp_path / "a.png", RGB)
    assert load_image(path, size=(4, 7)).shape == (4, 7, 3)
    assert load_image(path, size=8, channels=1).shape == (8, 8, 1)
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = load_image(saved(tmp_path / "s.png", stripes), size=8)
    np.testing.assert_allclose(small[:, 1:-1], 0.5, atol=0.03)  # averaged, not picked


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (0, 0, 0, 255)
    path = saved(tmp_path / "a.png", rgba)
    np.testing.assert_array_equal(load_image(path, channels=1)[..., 0], [[0, 1], [1, 1]])
    np.testing.assert_array_equal(load_image(path).min(axis=2), [[0, 1], [1, 1]])
    assert load_image(path, channels=4).shape == (2, 2, 4)


def test_palettes_single_bits_and_16_bits(tmp_path):
    Image.fromarray(RGB).quantize(256).save(tmp_path / "p.png")
    np.testing.assert_allclose(load_image(tmp_path / "p.png"), RGB / 255, atol=0.1)
    Image.fromarray(RGB[..., 0] > 100).save(tmp_path / "b.png")
    np.testing.assert_array_equal(load_image(tmp_path / "b.png")[..., 0], RGB[..., 0] > 100)
    deep = np.array([[0, 65535], [257, 32768]], np.uint16)
    x = load_image(saved(tmp_path / "d.png", deep))
    np.testing.assert_allclose(x[..., 0], deep / 65535, atol=0.5 / 255)
    assert x.max() == 1


def test_cameras_orientation_is_heeded(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = saved(tmp_path / "a.png", RGB, exif=exif)
    np.testing.assert_array_equal(load_image(path), np.rot90(RGB, -1) / np.float32(255))


def test_unreadable_files_are_named(tmp_path):
    path = tmp_path / "a.png"
    whole = saved(path, RNG.integers(0, 256, (40, 40, 3), np.uint8)).read_bytes()
    jpeg = saved(tmp_path / "b.jpg", np.tile(RGB, (10, 10, 1))).read_bytes()
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    for data in (b"", b"hello", whole[:100], whole[:-300], jpeg[:200], jpeg[: len(jpeg) // 2], eps):
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match="a.png: not a readable PNG, JPEG, BMP, GIF, WEBP image") as caught:
            load_image(path)
        assert "\n" not in str(caught.value)


def test_every_damage_is_an_error_or_a_picture(tmp_path):
    path = saved(tmp_path / "a.png", RGB)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert load_image(path).ndim == 3
        except FileFormatError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("limit", [40, 20])  # Pillow warns at its limit and refuses at twice that
def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch, limit):
    path = saved(tmp_path / "a.png", RGB)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(FileFormatError, match=r"a.png: too many pixels .*54 pixels"):
        load_image(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 0}, "size=0 must be a whole number of at least 1, or .height, width."),
        ({"size": (3, 4, 5)}, r"size=\(3, 4, 5\) must be"),
        ({"size": 2.5}, "size=2.5"),
        ({"channels": 2}, "channels must be 1, 3, 4 or None, got 2"),
    ],
)
def test_bad_settings(tmp_path, arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        load_image(saved(tmp_path / "a.png", RGB), **arguments)


def test_missing_files_folders_and_library(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="a.png: no such file"):
        load_image(tmp_path / "a.png")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load_image(tmp_path)
    path = saved(tmp_path / "a.png", RGB)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"load_image needs Pillow: pip install 'tinygrad-cnn\[app\]'"):
        load_image(path)


def test_nothing_optional_is_imported_with_the_package():
    program = (
        "import sys, numpy; before = set(sys.modules); import tinygrad_cnn.data; "
        "assert not {'PIL', 'platformdirs', 'tqdm', 'urllib.request', 'ssl', 'tarfile', 'safetensors'} "
        "& (set(sys.modules) - before)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
