"""The embedded clothes: what they are, that they are the published ones, and that a damaged copy is noticed."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn.data
from tinygrad_cnn.data import ArrayDataset, fashion_mnist_sample, fashion_sample, write_idx
from tinygrad_cnn.data.mnist_family import FASHION_MNIST
from tinygrad_cnn.io import FileFormatError


def test_the_embedded_files_are_small_and_their_notice_is_there():
    assert fashion_sample.IMAGES.stat().st_size + fashion_sample.LABELS.stat().st_size < 900_000
    notice = Path(tinygrad_cnn.data.__file__).with_name("fashion.txt").read_text(encoding="utf-8")
    for fact in ("Zalando SE", "MIT License", "without restriction", "Changes made", fashion_sample.SHA256):
        assert fact in notice
    for name in FASHION_MNIST.classes:
        assert name in " ".join(notice.split())


def test_pixels_and_labels_are_the_published_ones():
    train, test = fashion_mnist_sample()
    pixels = np.concatenate([part.pixels for part in (train, test)])
    labels = np.concatenate([part.labels for part in (train, test)]).astype(np.uint8)
    assert hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest() == fashion_sample.SHA256
    # how the whole set's parts begin, as everyone knows who has seen it
    assert train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert abs(train.images.mean() - 0.286) < 0.01 and abs(train.images.std() - 0.353) < 0.01


def test_as_many_of_each_class():
    train, test = fashion_mnist_sample()
    for part, count in ((train, 150), (test, 50)):
        assert part.image_shape == (28, 28, 1) and part.pixels.dtype == np.uint8
        assert np.bincount(part.labels).tolist() == [count] * 10
        assert part.classes == FASHION_MNIST.classes and "Zalando" in part.attribution and "sample" in part.name


def test_no_picture_is_in_both_parts():
    train, test = fashion_mnist_sample()
    seen = {picture.tobytes() for picture in train.pixels}
    assert not any(picture.tobytes() in seen for picture in test.pixels)


def test_callers_cannot_spoil_each_others_data():
    first, _ = fashion_mnist_sample()
    before = first.pixels.copy()
    for shared in (first.pixels, first.labels):
        with pytest.raises(ValueError, match="read-only"):
            shared[:] = 0
    first.images[:] = 0
    np.testing.assert_array_equal(fashion_mnist_sample()[0].pixels, before)


def test_cut_takes_the_first_of_each_class_in_the_order_of_the_files():
    rng = np.random.default_rng(0)
    whole = []
    for count in (2500, 900):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        pixels = np.broadcast_to((np.arange(count) // 256).astype(np.uint8)[:, None, None], (count, 28, 28)).copy()
        pixels[:, 0, 0] = np.arange(count) % 256  # each picture tells its number
        whole.append(ArrayDataset(pixels, labels, classes=FASHION_MNIST.classes))
    images, labels = fashion_sample.cut(*whole)
    assert images.shape == (2000, 28, 28) and images.dtype == labels.dtype == np.uint8
    numbers = images[:, 1, 0].astype(int) * 256 + images[:, 0, 0]
    for kept, part, count in ((slice(1500), whole[0], 150), (slice(1500, None), whole[1], 50)):
        assert (np.diff(numbers[kept]) > 0).all()
        np.testing.assert_array_equal(part.labels[numbers[kept]], labels[kept])
        for k in range(10):
            assert numbers[kept][labels[kept] == k].tolist() == np.flatnonzero(part.labels == k)[:count].tolist()


def test_a_damaged_copy_is_refused(tmp_path, monkeypatch):
    train, test = fashion_mnist_sample()
    images = np.concatenate([train.pixels, test.pixels])[..., 0]
    images[7, 14, 14] ^= 1
    write_idx(tmp_path / "images.gz", images)
    monkeypatch.setattr(fashion_sample, "IMAGES", tmp_path / "images.gz")
    fashion_sample._read.cache_clear()
    with pytest.raises(FileFormatError, match=r"images.gz .*sha256.*Install tinygrad-cnn again"):
        fashion_mnist_sample()
    (tmp_path / "images.gz").write_bytes(gzip.compress(b"no idx"))
    with pytest.raises(FileFormatError, match="magic number"):
        fashion_mnist_sample()
