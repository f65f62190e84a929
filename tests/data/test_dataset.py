"""Data sets of arrays, their parts, and batches of single samples."""

import numpy as np
import pytest

from tinygrad_cnn.data import ArrayDataset, Dataset, Subset, random_split
from tinygrad_cnn.data.dataset import gather

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (20, 4, 5, 3), dtype=np.uint8)
LABELS = np.arange(20) % 4


@pytest.fixture
def dataset():
    return ArrayDataset(BYTES, LABELS, classes="abcd", name="toy", attribution="nobody")


def test_bytes_stay_bytes_and_come_out_as_floats_from_0_to_1(dataset):
    assert dataset.pixels.dtype == np.uint8 and np.shares_memory(dataset.pixels, BYTES)
    x, y = dataset.batch([3, 0, -1, 3])
    assert x.dtype == np.float32 and y.dtype == np.int64
    np.testing.assert_array_equal(x, np.float32(BYTES[[3, 0, 19, 3]]) / np.float32(255))
    np.testing.assert_array_equal(y, [3, 0, 3, 3])
    assert ArrayDataset(np.full((1, 1, 1), 255, np.uint8), [0]).images.item() == 1


def test_floats_are_given_as_they_are():
    images = RNG.normal(size=(3, 2, 2)) * 7
    made = ArrayDataset(images, [0, 1, 2])
    assert made.images.shape == (3, 2, 2, 1) and made.images.dtype == np.float32
    np.testing.assert_array_equal(made.images[..., 0], images.astype(np.float32))
    assert made.image_shape == (2, 2, 1)


def test_samples_lengths_and_what_it_says_of_itself(dataset):
    assert len(dataset) == 20 and dataset.classes == ("a", "b", "c", "d")
    image, label = dataset[-1]
    assert image.shape == (4, 5, 3) and label == 3 and isinstance(label, int)
    assert repr(dataset) == "<ArrayDataset toy: 20 samples, 4 classes>"
    x, y = dataset.batch([])
    assert x.shape == (0, 4, 5, 3) and y.shape == (0,)
    assert len(ArrayDataset(np.zeros((0, 2, 2, 1), np.float32), [])) == 0


def test_a_slice_is_a_batch(dataset):
    for cut in (slice(3), slice(-2, None), slice(None, None, 7), slice(5, 5)):
        for part, expected in zip(dataset[cut], dataset.batch(cut), strict=True):
            np.testing.assert_array_equal(part, expected)
    assert dataset[:3][0].shape == (3, 4, 5, 3)


def test_a_batch_may_be_written_to_and_the_data_may_not():
    for images in (BYTES, BYTES.astype(np.float32)):
        made = ArrayDataset(images, LABELS)
        x, _ = made.batch(slice(0, 5))
        x[...] = -1
        assert (made.batch([0])[0] >= 0).all()
        with pytest.raises(ValueError, match="read-only"):
            made.pixels[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            made.labels[0] = 0


@pytest.mark.parametrize(
    ("images", "labels", "error", "words"),
    [
        (BYTES, LABELS[:5], ValueError, r"toy: 20 images need labels of shape \(20,\), got \(5,\)"),
        (BYTES, LABELS[:, None], ValueError, r"got \(20, 1\)"),
        (BYTES, LABELS * 1.0, TypeError, "labels must be whole numbers.*float64"),
        (BYTES, LABELS > 1, TypeError, "labels must be whole numbers.*bool"),
        (BYTES, np.where(np.arange(20) == 7, 4, LABELS), ValueError, "label 4 of sample 7 is out of range: 0 to 3"),
        (BYTES, np.where(np.arange(20) == 2, -1, LABELS), ValueError, "label -1 of sample 2"),
        (BYTES[0, 0], LABELS, ValueError, r"5 images need labels of shape \(5,\), got \(20,\)"),
        (BYTES.astype(int), LABELS, TypeError, "uint8.*or floating, got dtype int64"),
        (np.array([["x"]]), [0], TypeError, "got dtype <U1"),
        (np.where(np.arange(20)[:, None, None] == 6, np.nan, 0.5), LABELS, ValueError, "image 6 holds nan at .*0"),
    ],
)  # fmt: skip
def test_bad_arrays_are_named(images, labels, error, words):
    with pytest.raises(error, match=words):
        ArrayDataset(images, labels, classes="abcd", name="toy")


@pytest.mark.parametrize(
    ("indices", "error", "words"),
    [
        ([20], IndexError, "toy: there is no sample 20; it has 20, numbered 0 to 19"),
        ([0, -21], IndexError, "no sample -21"),
        ([0.5], TypeError, "whole numbers in one row, got float64"),
        ([True, False], TypeError, "got bool"),
        ([[0]], TypeError, r"\(1, 1\)"),
        (3, TypeError, "one row"),
    ],
)
def test_bad_sample_numbers_are_named(dataset, indices, error, words):
    for source in (dataset, Subset(dataset, range(20))):
        with pytest.raises(error, match=words):
            source.batch(indices)


def test_a_subset_keeps_its_order_names_and_labels(dataset):
    part = Subset(dataset, [5, 2, -1])
    assert len(part) == 3 and part.classes == dataset.classes and part.attribution == "nobody"
    np.testing.assert_array_equal(part.labels, [1, 2, 3])
    np.testing.assert_array_equal(part.images, dataset.images[[5, 2, 19]])
    np.testing.assert_array_equal(part.batch([2, 0])[1], [3, 1])
    assert part[1][1] == 2
    again = Subset(part, [1])
    np.testing.assert_array_equal(again.images, dataset.images[[2]])
    with pytest.raises(IndexError, match="no sample 99"):
        Subset(dataset, [99])


def test_random_split_uses_every_sample_once(dataset):
    for sizes in ([15, 5], [0.75, 0.25], [20], [0, 20], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5]):
        parts = random_split(dataset, sizes, seed=1)
        together = np.concatenate([p.indices for p in parts])
        np.testing.assert_array_equal(np.sort(together), np.arange(20))
    assert [len(p) for p in random_split(dataset, [15, 5])] == [15, 5]
    first, second, other = (random_split(dataset, [10, 10], seed=s)[0].indices for s in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize("sizes", [[10, 9], [0.5, 0.4], [], [-1, 21], ["a"], [10.5, 9.5]])
def test_sizes_that_do_not_add_up(dataset, sizes):
    with pytest.raises((TypeError, ValueError), match="random_split: sizes"):
        random_split(dataset, sizes)


def test_bad_seeds(dataset):
    for seed in (-1, 1.5, "a", True):
        with pytest.raises((TypeError, ValueError), match=f"seed={seed!r} must be a whole number"):
            random_split(dataset, [10, 10], seed)


class Own(Dataset):
    """A user's data set, sample by sample."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        sample = self.samples[index]
        if isinstance(sample, Exception):
            raise sample
        return sample


def test_single_samples_are_stacked():
    own = Own([(np.full((2, 2, 1), k, np.uint8), k) for k in range(6)])
    for x, y in (own.batch([4, 1]), gather(own.samples, np.array([4, 1])), Subset(own, [4, 1]).batch([0, 1])):
        assert x.dtype == np.float32 and x.shape == (2, 2, 2, 1)
        np.testing.assert_array_equal(x[:, 0, 0, 0], np.float32([4, 1]) / np.float32(255))
        np.testing.assert_array_equal(y, [4, 1])
    np.testing.assert_array_equal(Subset(own, [4, 1]).labels, [4, 1])


GOOD = (np.zeros((2, 2, 1)), 0)


@pytest.mark.parametrize(
    ("sample", "error", "words"),
    [
        ((np.zeros((3, 2, 1)), 0), ValueError, r"sample 1 has shape \(3, 2, 1\), sample 0 has \(2, 2, 1\)"),
        (np.zeros((2, 2, 1)), TypeError, "sample 1: must be a pair .input, target., .* got ndarray"),
        ((np.zeros((2, 2, 1)), "cat"), TypeError, "sample 1: label='cat' must be a whole number"),
        ((np.zeros((2, 2, 1)), 0.5), TypeError, "sample 1: label=0.5"),
        ((np.zeros((2, 2, 1), int), 0), TypeError, "sample 1: images are uint8 or floating, got dtype int64"),
        (ValueError("torn page"), ValueError, "^sample 1: torn page$"),
        (FileNotFoundError("x.png"), FileNotFoundError, "sample 1: x.png"),
        (ZeroDivisionError("oops"), RuntimeError, "sample 1: ZeroDivisionError: oops"),
    ],
)
def test_a_sample_that_does_not_fit_is_named(sample, error, words):
    with pytest.raises(error, match=words):
        Own([GOOD, sample]).batch([0, 1])


def test_a_data_set_without_its_methods_says_what_to_define():
    with pytest.raises(NotImplementedError, match="Dataset: define __len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match="Dataset: define __getitem__"):
        Dataset()[0]
