"""Data sets: numbered samples, each an image and a class index, gathered into batches.

Anything with ``__len__`` and ``__getitem__`` serves as one; `gather` takes samples from it one by one, and what has a
``batch`` method of its own (arrays) is asked for the whole batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Whole, Wholes
from ..autodiff.numbers import number, whole
from ..core.errors import describe
from ..io.errors import FileFormatError
from ..ops.random import seed_for

# Errors that can be made again from a message alone.
REMADE = (ValueError, TypeError, IndexError, RuntimeError, OSError, FileNotFoundError, FileFormatError)


class Samples(Protocol):
    """What can be loaded: a `Dataset`, or any other object of a length whose items are (input, label)."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Any, Any]: ...


class Dataset:
    """Base of data sets.  Subclasses define `__len__` and `__getitem__`; `batch` may be made faster.

    Attributes
    ----------
    classes : names of the classes, by label; empty if they have none.
    name : for messages.
    attribution : who made it, under which licence.
    """

    classes: tuple[str, ...] = ()
    name: str = "data set"
    attribution: str = ""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: define __len__, the number of samples.")

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__(index) -> (image (H,W,C), label).")

    def batch(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        """Samples by number: images (B,H,W,C) float32, labels (B,) int64."""
        return collate(self, check_indices(indices, len(self), self.name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} samples, {len(self.classes)} classes>"


@named
class ArrayDataset(Dataset):
    """Images and labels held as arrays.

    Bytes stay bytes (a quarter of the memory) and become float32 in [0, 1], as value / 255, batch by batch.

    Parameters
    ----------
    images : (N,H,W,C), or (N,H,W) for one channel; uint8, or floating (given as float32 without scaling).
        Shared, not copied: leave the array as it is.
    labels : (N,) whole numbers, within 0 .. len(classes) - 1 if there are classes.
    classes, name, attribution : as for `Dataset`.

    Raises
    ------
    TypeError, ValueError : naming the shapes, dtype, or the first bad label or pixel.

    Examples
    --------
    >>> pixels, kinds = np.zeros((100, 16, 16, 1), np.uint8), np.arange(100) % 2
    >>> pictures = data.ArrayDataset(pixels, kinds, classes=["cat", "dog"])
    >>> pictures
    <ArrayDataset data set: 100 samples, 2 classes>
    >>> image, label = pictures[1]
    >>> image.shape, pictures.classes[label]
    ((16, 16, 1), 'dog')
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        *,
        classes: Sequence[str] = (),
        name: str = "data set",
        attribution: str = "",
    ) -> None:
        self.name, self.attribution, self.classes = name, attribution, tuple(classes)
        self.pixels = _check_images(name, np.asarray(images))
        self.labels = _check_labels(name, np.asarray(labels), len(self.pixels), self.classes)

    @property
    def images(self) -> np.ndarray:
        """All images, (N,H,W,C) float32: four times the memory of bytes; `batch` gives a part."""
        return _as_float(self.pixels)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W, C)."""
        return self.pixels.shape[1:]

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        (number,) = check_indices([index], len(self), self.name)
        return _as_float(self.pixels[number]), int(self.labels[number])

    def batch(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        numbers = check_indices(indices, len(self), self.name)
        return _as_float(self.pixels[numbers]), self.labels[numbers]


@named
class Subset(Dataset):
    """Some samples of another data set, in the given order, without a copy.

    >>> sevens = data.Subset(train, np.flatnonzero(train.labels == 7))
    >>> {int(label) for _, label in sevens}
    {7}
    """

    def __init__(self, dataset: Samples, indices: Wholes | np.ndarray) -> None:
        self.dataset = dataset
        self.name = getattr(dataset, "name", "data set")
        self.classes = tuple(getattr(dataset, "classes", ()))
        self.attribution = getattr(dataset, "attribution", "")
        self.indices = check_indices(indices, len(dataset), self.name)

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64."""
        if hasattr(self.dataset, "labels"):
            return self.dataset.labels[self.indices]
        return np.array([self.dataset[k][1] for k in self.indices.tolist()], np.int64)

    @property
    def images(self) -> np.ndarray:
        """All its images, (N,H,W,C) float32."""
        return gather(self.dataset, self.indices)[0]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        (number,) = check_indices([index], len(self), self.name)
        return self.dataset[int(self.indices[number])]

    def batch(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        return gather(self.dataset, self.indices[check_indices(indices, len(self), self.name)])


@named
def random_split(dataset: Any, sizes: Sequence[float], seed: Whole | None = None) -> list[Subset]:
    """Divide a data set at random into parts that share no sample.

    Parameters
    ----------
    sizes : numbers of samples that add up to ``len(dataset)``, or fractions that add up to 1 (parts are rounded
        so that every sample is used).
    seed : the same seed gives the same parts; None draws one if `tg.manual_seed` was called, and is 0 otherwise.

    Examples
    --------
    >>> [len(part) for part in data.random_split(train, [0.9, 0.1], seed=0)]
    [1294, 144]
    """
    total, sizes = len(dataset), list(sizes)
    given = [number("random_split", f"sizes[{k}]", size, 0) for k, size in enumerate(sizes)]
    if not given:
        raise ValueError("random_split: sizes is empty. Give numbers of samples, or fractions that add up to 1.")
    if all(s.is_integer() for s in given) and sum(given) == total:
        ends = np.cumsum([int(s) for s in given])
    elif abs(sum(given) - 1) < 1e-6:
        ends = np.floor(np.cumsum(given) * total + 0.5).astype(int)
    else:
        raise ValueError(
            f"random_split: sizes {sizes} add up to {sum(given):g}; "
            f"they must add up to the {total} samples, or to 1 as fractions."
        )
    order = np.random.default_rng(seed_for("random_split", seed)).permutation(total)
    return [Subset(dataset, part) for part in np.split(order, ends[:-1])]


def gather(dataset: Any, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A batch of any data set: by its own `batch` if it has one, else sample by sample."""
    if hasattr(dataset, "batch"):
        return dataset.batch(indices)
    return collate(dataset, indices)


def collate(dataset: Any, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stack single samples; one that does not fit is named."""
    images: list[np.ndarray] = []
    labels: list[int] = []
    for k in indices.tolist():
        try:
            sample = dataset[k]
        except Exception as error:
            raise located(f"sample {k}", error) from error
        if not isinstance(sample, (tuple, list)) or len(sample) != 2:
            raise TypeError(f"sample {k}: must be a pair (image, label), got {type(sample).__name__}.")
        image, label = np.asarray(sample[0]), sample[1]
        if images and image.shape != images[0].shape:
            raise ValueError(
                f"sample {k} has shape {image.shape}, sample {indices[0]} has {images[0].shape}: "
                "a batch needs one shape; crop or resize them when loading."
            )
        if image.dtype.kind not in "fu" or (image.dtype.kind == "u" and image.dtype != np.uint8):
            raise TypeError(f"sample {k}: images are uint8 or floating, got dtype {image.dtype}.")
        images.append(image)
        labels.append(whole(f"sample {k}", "label", label, None))
    if not images:
        raise ValueError("a batch of single samples needs at least one of them, got no indices.")
    return _as_float(np.stack(images)), np.array(labels, np.int64)


def located(where: str, error: Exception) -> Exception:
    """The same error, saying where it happened; of the same type if that can be made from a message."""
    if isinstance(error, MemoryError):
        return error
    plain = type(error) in REMADE
    words = str(error) if plain else f"{type(error).__name__}: {error}"
    return (type(error) if plain else RuntimeError)(f"{where}: {words}")


def check_indices(indices: Any, length: int, name: str) -> np.ndarray:
    """Sample numbers as an int64 array; negative ones count from the end."""
    if isinstance(indices, slice):
        try:
            return np.arange(length)[indices]
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: the slice of sample numbers is wrong: {error}.") from None
    try:
        array = np.asarray(indices)
    except (ValueError, TypeError):  # rows of different lengths; a Tensor of a graph
        raise TypeError(f"{name}: sample numbers must be whole numbers in one row, got {describe(indices)}.") from None
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise TypeError(f"{name}: sample numbers must be whole numbers in one row, got {array.dtype} {array.shape}.")
    bad = (array < -length) | (array >= length)
    if bad.any():
        raise IndexError(f"{name}: there is no sample {array[bad][0]}; it has {length}, numbered 0 to {length - 1}.")
    array = array.astype(np.int64)
    return np.where(array < 0, array + length, array)


def _as_float(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return np.divide(pixels, np.float32(255), dtype=np.float32)
    return pixels.astype(np.float32, copy=False)


def _check_images(name: str, images: np.ndarray) -> np.ndarray:
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise TypeError(
            f"{name}: images must be uint8 (0..255) or floating, got dtype {images.dtype}. "
            "Convert them to floats of the range you want."
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise ValueError(f"{name}: images must have shape (N,H,W,C) or (N,H,W), got {images.shape}.")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        where = tuple(np.argwhere(~np.isfinite(images))[0].tolist())
        raise ValueError(f"{name}: image {where[0]} holds {images[where]} at (row, column, channel) {where[1:]}.")
    view = images.view()
    view.flags.writeable = False
    return view


def _check_labels(name: str, labels: np.ndarray, count: int, classes: tuple[str, ...]) -> np.ndarray:
    if labels.size == 0 and labels.ndim == 1:
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels must be whole numbers (class indices), got dtype {labels.dtype}.")
    if labels.shape != (count,):
        raise ValueError(f"{name}: {count} images need labels of shape ({count},), got {labels.shape}.")
    bad = (labels < 0) | (labels >= len(classes)) if classes else labels < 0
    if bad.any():
        at = int(np.argmax(bad))
        rule = f"0 to {len(classes) - 1} for {len(classes)} classes" if classes else "at least 0"
        raise ValueError(f"{name}: label {labels[at]} of sample {at} is out of range: {rule}.")
    labels = labels.astype(np.int64)
    labels.flags.writeable = False
    return labels
