"""The embedded digits: what they are, how they are split, and that a damaged copy is noticed."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn.data
from tinygrad_cnn.data import digits, digits8x8
from tinygrad_cnn.io import FileFormatError


def test_the_embedded_file_is_the_published_one():
    data = digits8x8.FILE.read_bytes()
    assert len(data) == 57_523
    assert hashlib.sha256(data).hexdigest() == digits8x8.SHA256
    notice = Path(tinygrad_cnn.data.__file__).with_name("digits.txt").read_text(encoding="utf-8")
    for fact in ("Alpaydin", "Kaynak", "Creative Commons Attribution 4.0", "Changes made", digits8x8.SHA256):
        assert fact in notice


def test_images_and_labels():
    train, test = digits()
    assert (len(train), len(test)) == (1438, 359)
    for part in (train, test):
        assert part.images.shape[1:] == (8, 8, 1) and part.images.dtype == np.float32
        assert part.images.min() == 0 and part.images.max() == 1
        assert part.labels.dtype == np.int64 and set(part.labels) == set(range(10))
        assert part.classes == tuple("0123456789") and "Alpaydin" in part.attribution
    assert "train" in train.name and "test" in test.name


def test_the_first_digits_are_those_of_the_file():
    train, _ = digits(split="writers")
    np.testing.assert_array_equal(train.labels[:10], range(10))
    np.testing.assert_array_equal(train.images[0, 0, :, 0] * 16, [0, 0, 5, 13, 9, 1, 0, 0])


def test_writers_are_the_unshuffled_halves():
    train, test = digits(split="writers")
    images, labels = digits8x8.read_digits()
    assert (len(train), len(test)) == (898, 899)
    np.testing.assert_array_equal(np.concatenate([train.images, test.images]), images)
    np.testing.assert_array_equal(np.concatenate([train.labels, test.labels]), labels)


def test_random_splits_are_seeded_and_share_nothing():
    images, _ = digits8x8.read_digits()
    order = np.lexsort(images.reshape(len(images), -1).T)
    for test_size, count in ((0.2, 359), (0.5, 898)):
        train, test = digits(test_size=test_size, seed=3)
        assert len(test) == count
        both = np.concatenate([train.images, test.images])
        np.testing.assert_array_equal(both[np.lexsort(both.reshape(len(both), -1).T)], images[order])
    np.testing.assert_array_equal(digits(seed=3)[0].images, digits(seed=3)[0].images)
    assert (digits(seed=3)[1].labels != digits(seed=4)[1].labels).any()


def test_callers_cannot_spoil_each_others_data():
    train, _ = digits()
    with pytest.raises(ValueError, match="read-only"):
        train.images[...] = 0
    assert digits()[0].images.max() == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"split": "weekday"}, "split must be 'random' or 'writers', got 'weekday'"),
        ({"test_size": 0}, "test_size=0 must be a number above 0 and below 1"),
        ({"test_size": 1.0}, "test_size=1.0"),
        ({"test_size": float("nan")}, "test_size=nan"),
        ({"test_size": "a"}, "test_size='a'"),
        ({"test_size": 1e-9}, "test_size=1e-09 leaves no sample"),
        ({"seed": -1}, "digits: seed=-1 must be"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises((TypeError, ValueError), match=words):
        digits(**settings)


def test_a_damaged_copy_is_refused(tmp_path, monkeypatch):
    copy = tmp_path / "digits.csv.gz"
    copy.write_bytes(digits8x8.FILE.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(digits8x8, "FILE", copy)
    digits8x8.read_digits.cache_clear()
    try:
        with pytest.raises(FileFormatError, match=r"digits.csv.gz: sha256 expected 09f66e.*found .*57523 bytes"):
            digits()
    finally:
        digits8x8.read_digits.cache_clear()
