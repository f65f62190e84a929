"""Every data set keeps the contract of data sets; a new class or function is enrolled by being exported."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from PIL import Image

from tinygrad_cnn import data
from tinygrad_cnn.data import ArrayDataset, DataLoader, Dataset, ImageFolder, Subset

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), np.uint8)
LABELS = np.arange(10) % 3


def folder(path):
    for k in range(6):
        (path / f"kind{k % 2}").mkdir(exist_ok=True)
        Image.fromarray(PIXELS[k]).save(path / f"kind{k % 2}" / f"{k}.png")
    return ImageFolder(path, size=(4, 5))


MAKE = {  # a data set of each class, and the data sets that functions give without a network; made in a folder
    "ArrayDataset": lambda _: ArrayDataset(PIXELS, LABELS, classes=["a", "b", "c"], name="bytes"),
    "Subset": lambda _: Subset(ArrayDataset(PIXELS, LABELS), [7, 1, 3]),
    "ImageFolder": folder,
    "digit_scenes": lambda _: data.digit_scenes((8, 8))[1],
    "digits": lambda _: data.digits()[1],
    "fashion_mnist_sample": lambda _: data.fashion_mnist_sample()[1],
    "random_split": lambda _: data.random_split(ArrayDataset(PIXELS, LABELS), [0.5, 0.5])[1],
}
FETCHED = {"mnist", "fashion_mnist", "cifar10"}  # read from files that are downloaded; tested on made files


def check_dataset(made):
    """Hold that a data set gives images (H,W,C) float32 and labels, alike one by one, in batches and after a copy."""
    assert isinstance(made, Dataset) and len(made) > 0
    numbers = np.arange(len(made))[:7][::-1]
    x, y = made.batch(numbers)
    assert (x.dtype, x.ndim, x.shape[0]) == (np.float32, 4, len(numbers)), f"images are {x.shape} {x.dtype}"
    shape = x.shape[:3] if y.ndim == 3 else x.shape[:1]  # masks, or a label for each image
    assert (y.dtype, y.shape) == (np.int64, shape), f"labels are {y.shape} {y.dtype}"
    assert np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1
    for k, number in enumerate(numbers):
        image, label = made[int(number)]
        same = np.array_equal(image, x[k]) and np.array_equal(label, y[k])
        assert same, f"sample {number} differs from its place in a batch"
    assert np.array_equal(made[-1][0], made[len(made) - 1][0])
    if made.classes:
        assert y.min() >= 0 and y.max() < len(made.classes)
    with pytest.raises(IndexError, match=str(len(made))):
        made[len(made)]
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert np.array_equal(other.batch(numbers)[0], x)
    x[...] = 0  # a batch is the caller's own
    assert np.array_equal(made.batch(numbers)[1], y) and made.batch(numbers)[0].any()
    assert " at 0x" not in repr(made) and str(len(made)) in repr(made)
    rows = [labels for _, labels in DataLoader(made, 4, shuffle=True, seed=1)]
    again = [labels for _, labels in DataLoader(made, 4, shuffle=True, seed=1)]
    assert sum(map(len, rows)) == len(made) and all(map(np.array_equal, rows, again))


@pytest.mark.parametrize("name", MAKE)
def test_data_set_keeps_its_contract(name, tmp_path):
    check_dataset(MAKE[name](tmp_path))


def test_every_data_set_is_enrolled():
    gives = {
        name for name in data.__all__
        if (inspect.isclass(value := getattr(data, name)) and issubclass(value, Dataset) and value is not Dataset)
        or (inspect.isfunction(value) and "Dataset" in str(value.__annotations__.get("return", "")))
    }  # fmt: skip
    missing = gives - MAKE.keys() - FETCHED
    assert not missing, f"add {', '.join(sorted(missing))} to MAKE in tests/data/test_contracts.py"


class Wrong(ArrayDataset):
    def __init__(self, **what):
        super().__init__(PIXELS, LABELS)
        self.what = what


class Bytes(Wrong):
    def batch(self, indices):
        x, y = super().batch(indices)
        return (x * 255).astype(np.uint8), y


class Shifted(Wrong):
    def __getitem__(self, index):
        return super().__getitem__((index + 1) % len(self))


class Shared(Wrong):
    def batch(self, indices):
        self.kept = getattr(self, "kept", None) or super().batch(indices)
        return self.kept


class Endless(Wrong):
    def __getitem__(self, index):
        return super().__getitem__(index % len(self))


@pytest.mark.parametrize("wrong", [Bytes, Shifted, Shared, Endless])
def test_a_wrong_data_set_is_rejected(wrong):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_dataset(wrong())
