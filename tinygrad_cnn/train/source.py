"""What any data are to a loop: a loader that gives their batches again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..autodiff.kinds import Whole
from ..core.errors import describe
from ..core.tensor import Tensor
from ..data import ArrayDataset, Batches, DataLoader
from ..data.batches import inputs_and_targets
from ..data.dataset import Samples
from .structure import arrays

# What fit and evaluate take: a data set, a loader, arrays, or batches
Data: TypeAlias = Samples | DataLoader | Iterable[Any] | Callable[[], Iterable[Any]]


def batches_of(
    who: str, data: Any, batch_size: Whole, *, shuffle: bool = False, seed: Whole | None = None, epochs: int = 1,
    name: str = "data", shard: bool = True,
) -> Any:  # fmt: skip
    """Return what gives the batches of any data, as `fit` documents them: a DataLoader or `data.Batches`.

    `epochs` is how often they are needed, `name` the argument's, `shard` whether ranks share what is not a loader yet.

    Raises
    ------
    TypeError : `data` is nothing that gives batches.
    ValueError : it gives them once, but they are needed in several epochs.
    """
    if isinstance(data, (DataLoader, Batches)):
        _check_repeats(who, data, epochs)
        return data
    if isinstance(data, (np.ndarray, Tensor, tuple, Mapping)):
        inputs, targets = inputs_and_targets(arrays(data))
        data = ArrayDataset(inputs, targets)
    if _is_data_set(data):
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle, seed=seed, shard=shard)
    if isinstance(data, (str, bytes, type)) or not (hasattr(data, "__iter__") or callable(data)):
        raise TypeError(
            f"{who}: {name} is {describe(data)}; it must be a data set, a DataLoader, arrays (x, y), or batches: "
            "a list, an iterable, or a function that returns one."
        )
    batches = Batches(data)
    _check_repeats(who, batches, epochs)
    return batches


def _check_repeats(who: str, source: Any, epochs: int) -> None:
    """Refuse what gives its batches once where they are needed in several epochs."""
    if epochs > 1 and isinstance(source, Batches) and source.length is None and hasattr(source.source, "__next__"):
        raise ValueError(
            f"{who}: a {type(source.source).__name__} gives its batches once, but they are needed {epochs} times. "
            "Pass a list of them, or the function that makes it."
        )


def _is_data_set(data: Any) -> bool:
    """Whether numbered samples: all that has a length and indices, but a list only if its targets are plain numbers."""
    if isinstance(data, list):
        first = data[0] if data else None
        if not isinstance(first, (tuple, list)) or len(first) != 2:
            return False
        return isinstance(first[1], (int, float, np.generic)) or getattr(first[1], "ndim", None) == 0
    return hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, (str, bytes))
