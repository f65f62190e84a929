"""Data sets: numbered samples, each an input and a target, gathered into batches.

Anything with ``__len__`` and ``__getitem__`` serves as one; `gather` takes samples from it one by one, and what has a
``batch`` method of its own (arrays) is asked for the whole batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from ..autodiff.calls import named
from ..autodiff.foreign import answering
from ..autodiff.kinds import Whole, Wholes
from ..autodiff.numbers import is_whole, number
from ..core.errors import describe
from ..io.errors import FileFormatError
from ..ops.random import seed_for
from .batches import inputs_and_targets
from .collating import stack

# Errors that can be made again from a message alone.
REMADE = (ValueError, TypeError, IndexError, RuntimeError, OSError, FileNotFoundError, FileFormatError)

Sample: TypeAlias = tuple[Any, ...] | list[Any] | Mapping[Any, Any] | np.ndarray  # (input, target), or an input alone


class Samples(Protocol):
    """What can be loaded: a `Dataset`, or any other object of a length whose items are (input, target)."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Sample: ...


@answering("Dataset")
class Dataset:
    """Base of data sets.  Subclasses define `__len__` and `__getitem__`; `batch` may be made faster.

    A sample is (input, target), or an input alone that is not a tuple; `tg.data.collate` says what they can be.

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

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__(index) -> (input, target).")

    def batch(self, indices: Any) -> Any:
        """Samples by number, stacked as by `tg.data.collate`: images (B,H,W,C) float32 and labels (B,) int64, say."""
        return stacked(self, check_indices(indices, len(self), self.name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} samples, {len(self.classes)} classes>"


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
        """(N,) int64; an AttributeError says so if the targets are not class indices."""
        if hasattr(self.dataset, "labels"):
            return self.dataset.labels[self.indices]
        targets = [inputs_and_targets(sample)[1] for sample in single(self.dataset, self.indices)]
        if not all(map(is_whole, targets)):
            raise AttributeError(f"{self.name}: its targets are not class indices, so that it has no labels.")
        return np.array(targets, np.int64)

    @property
    def images(self) -> Any:
        """All its inputs, such as images (N,H,W,C) float32."""
        return inputs_and_targets(gather(self.dataset, self.indices))[0]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        (number,) = check_indices([index], len(self), self.name)
        return self.dataset[int(self.indices[number])]

    def batch(self, indices: Any) -> Any:
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
    if not isinstance(sizes, Iterable):
        raise TypeError(f"random_split: sizes={sizes!r} must be a list with the size of each part, such as [0.8, 0.2].")
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


def gather(dataset: Any, indices: np.ndarray, collated: Callable[[list[Any]], Any] | None = None) -> Any:
    """A batch of any data set: by its own `batch` if it has one, else sample by sample, stacked by `collated`."""
    if collated is None:
        return dataset.batch(indices) if hasattr(dataset, "batch") else stacked(dataset, indices)
    samples = single(dataset, indices)
    try:
        return collated(samples)
    except Exception as error:
        raise located(f"collate {getattr(collated, '__name__', None) or repr(collated)}", error) from error


def stacked(dataset: Any, indices: np.ndarray) -> Any:
    """Single samples as a batch; one that does not fit is named."""
    return stack(single(dataset, indices), indices.tolist())


def single(dataset: Any, indices: np.ndarray) -> list[Any]:
    """Samples one by one; one that cannot be had is named."""
    samples = []
    for k in indices.tolist():
        try:
            samples.append(dataset[k])
        except Exception as error:
            raise located(f"sample {k}", error) from error
    return samples


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
    if array.dtype == np.int64 and (array.view(np.uint64) < length).all():  # most often, and none is negative
        return array.copy()
    bad = (array < -length) | (array >= length)
    if bad.any():
        raise IndexError(f"{name}: there is no sample {array[bad][0]}; it has {length}, numbered 0 to {length - 1}.")
    array = array.astype(np.int64)
    return np.where(array < 0, array + length, array)
