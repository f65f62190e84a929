"""The embedded slice of Fashion-MNIST: 2,000 pictures of clothes.  ``fashion.txt`` tells where they come from.

`cut` made it: of the published data set, the first 150 pictures of each class in the training part and the first 50 of
each class in the test part, in the order of the files, nothing changed.  To make the two files again from the whole
set (which `fashion_mnist` finds, or ``tinygrad-cnn fetch fashion-mnist`` brings)::

    from tinygrad_cnn.data import fashion_mnist, fashion_sample, write_idx

    images, labels = fashion_sample.cut(*fashion_mnist())
    write_idx(fashion_sample.IMAGES, images)
    write_idx(fashion_sample.LABELS, labels)
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ..io.errors import FileFormatError
from .arrays import ArrayDataset
from .idx import read_idx
from .mnist_family import FASHION_MNIST, SIDE

IMAGES = Path(__file__).with_name("fashion-images-idx3-ubyte.gz")
LABELS = Path(__file__).with_name("fashion-labels-idx1-ubyte.gz")
SHA256 = "1d55c8ed44009a8826162b7c22acb7873c69cb3b28f0d45a0264c27dce39ae9c"  # of pixels and labels, unpacked
TRAIN, TEST = 150, 50  # pictures of each class
ATTRIBUTION = f"{FASHION_MNIST.attribution}  A slice: the first {TRAIN} and {TEST} pictures of each class."


def fashion_mnist_sample() -> tuple[ArrayDataset, ArrayDataset]:
    """A slice of Fashion-MNIST, embedded in the package: 1,500 pictures to train, 500 to test, as many of each class.

    Images (N,28,28,1) and the ten classes are as `fashion_mnist`'s, of which it has one picture in 40, and one in 20.

    Returns
    -------
    (train, test), two `ArrayDataset`.
    """
    images, labels = _read()
    cut_at = TRAIN * len(FASHION_MNIST.classes)
    train, test = (
        ArrayDataset(
            images[part], labels[part], classes=FASHION_MNIST.classes,
            name=f"{FASHION_MNIST.title} sample {which}", attribution=ATTRIBUTION,
        )
        for part, which in ((slice(cut_at), "train"), (slice(cut_at, None), "test"))
    )  # fmt: skip
    return train, test


def cut(train: ArrayDataset, test: ArrayDataset) -> tuple[np.ndarray, np.ndarray]:
    """The first pictures of each class: images (2000,28,28) and labels (2000,) as bytes, those of `train` first."""
    images, labels = [], []
    for part, count in ((train, TRAIN), (test, TEST)):
        of_class = [np.flatnonzero(part.labels == k)[:count] for k in range(len(FASHION_MNIST.classes))]
        kept = np.sort(np.concatenate(of_class))
        images.append(part.pixels[kept, :, :, 0])
        labels.append(part.labels[kept].astype(np.uint8))
    return np.concatenate(images), np.concatenate(labels)


@functools.cache
def _read() -> tuple[np.ndarray, np.ndarray]:
    import hashlib

    images, labels = read_idx(IMAGES, dtype=np.uint8, rank=3), read_idx(LABELS, dtype=np.uint8, rank=1)
    found = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    if found != SHA256:
        raise FileFormatError(
            f"{IMAGES} and {LABELS.name}: sha256 of their contents expected {SHA256}, found {found}. "
            "Install tinygrad-cnn again."
        )
    return images.reshape(-1, SIDE, SIDE, 1), labels
