"""The embedded data set: 1,797 real handwritten digits of 8x8 pixels.  ``digits.txt`` tells where they come from."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import number, whole
from ..io.errors import FileFormatError
from .arrays import ArrayDataset

FILE = Path(__file__).with_name("digits.csv.gz")
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
COUNT, SIDE, INK = 1797, 8, 16  # digits, pixels along each side, value of a full pixel
CLASSES = tuple("0123456789")
ATTRIBUTION = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C50P49, CC BY 4.0; pixel values divided by 16."
)


@named
def digits(*, split: str = "random", test_size: float = 0.2, seed: int = 0) -> tuple[ArrayDataset, ArrayDataset]:
    """1,797 handwritten digits, embedded in the package: images (N,8,8,1) float32 in [0, 1], labels 0 to 9.

    Parameters
    ----------
    split : "random": test samples are drawn at random; "writers": the file's second half is the test, written by
        other people than the first, which is harder (`test_size` and `seed` play no part).
    test_size : part of the samples that go into the test, between 0 and 1.
    seed : the same seed gives the same split.

    Returns
    -------
    (train, test), two `ArrayDataset`.

    Examples
    --------
    >>> train, test = data.digits()
    >>> train
    <ArrayDataset digits train: 1438 samples, 10 classes>
    >>> image, label = train[0]
    >>> image.shape, image.dtype, float(image.min()), float(image.max())
    ((8, 8, 1), dtype('float32'), 0.0, 1.0)
    """
    images, labels = read_digits()
    if split == "random":
        share = number("digits", "test_size", test_size, above=0, below=1)
        if not 1 <= share * COUNT <= COUNT - 1:
            raise ValueError(f"digits: test_size={test_size!r} leaves no sample of {COUNT} on one side.")
        order = np.random.default_rng(whole("digits", "seed", seed, 0)).permutation(COUNT)
        cut = COUNT - round(share * COUNT)
    elif split == "writers":
        order, cut = np.arange(COUNT), COUNT // 2
    else:
        raise ValueError(f"digits: split must be 'random' or 'writers', got {split!r}.")
    train, test = (
        ArrayDataset(images[part], labels[part], classes=CLASSES, name=f"digits {which}", attribution=ATTRIBUTION)
        for part, which in ((order[:cut], "train"), (order[cut:], "test"))
    )
    return train, test


@functools.cache
def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """All digits, (1797, 8, 8, 1) float32 in sixteenths, and their labels."""
    import gzip
    import hashlib

    data = FILE.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise FileFormatError(
            f"{FILE}: sha256 expected {SHA256}, found {found} ({len(data)} bytes). Install tinygrad-cnn again."
        )
    rows = gzip.decompress(data).decode().split()
    table = np.array([row.split(",") for row in rows]).astype(np.uint8)
    images = table[:, :-1].reshape(COUNT, SIDE, SIDE, 1) / np.float32(INK)
    return images, table[:, -1].astype(np.int64)
