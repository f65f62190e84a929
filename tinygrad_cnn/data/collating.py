"""Single samples stacked into a batch, whatever structure they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..autodiff.calls import named
from .batches import converted, is_pixels

BOXES = "boxes"  # the entry of a dict of targets whose rows the other rows of numbers in it belong to


@named
def collate(samples: Sequence[Any]) -> Any:
    """Stack samples into a batch of the same structure; `DataLoader` does so unless it is given another function.

    Parameters
    ----------
    samples : (input, target) each, or (input,), or an input that is not a tuple.  Inputs and targets are arrays or
        numbers, or tuples and dicts of them.

    Returns
    -------
    The structure of a sample, with a first axis for the samples: floats as float32, whole numbers as int64, images of
    bytes (inputs of at least two axes, targets of three) as float32 in [0, 1].  Targets whose shapes differ stay a
    list, an array for each sample.  Boxes, which are floats (n, 4), always do, and so do the rows of numbers that stand
    beside ``"boxes"`` in a dict.

    Raises
    ------
    TypeError, ValueError : a sample differs from the first one in its structure, its kind of number or, in the inputs,
        its shape.

    Examples
    --------
    >>> image = np.zeros((8, 8, 1), np.float32)
    >>> samples = [(image, {"boxes": np.zeros((n, 4)), "count": n}) for n in (2, 0, 1)]
    >>> x, y = data.collate(samples)
    >>> x.shape, [b.shape for b in y["boxes"]], y["count"]
    ((3, 8, 8, 1), [(2, 4), (0, 4), (1, 4)], array([2, 0, 1]))
    """
    return stack(samples, range(len(samples)))


def stack(samples: Sequence[Any], numbers: Sequence[int]) -> Any:
    """As `collate`, of samples that have these numbers in their data set."""
    if not len(samples):
        raise ValueError("a batch of single samples needs at least one of them, got no indices.")
    names = [f"sample {k}" for k in numbers]
    if (k := next((k for k, sample in enumerate(samples) if sample is None), None)) is not None:
        raise TypeError(f"{names[k]}: is None, not (input, target). Does __getitem__ return something in each case?")
    if not isinstance(samples[0], (tuple, list)):
        return _stacked(list(samples), names, "inputs", "")
    count = len(samples[0])
    if count not in (1, 2):
        raise TypeError(
            f"{names[0]}: must be a pair (input, target), got {count} entries. "
            "Group them, such as ((x1, x2), y), or pass collate=."
        )
    form = "a pair (input, target)" if count == 2 else "a tuple (input,)"
    for name, sample in zip(names, samples, strict=True):
        if not isinstance(sample, (tuple, list)) or len(sample) != count:
            raise TypeError(f"{name}: must be {form}, as {names[0]} is, got {_kind(sample)}.")
    return tuple(
        _stacked([sample[k] for sample in samples], names, side, "")
        for k, side in enumerate(("inputs", "targets")[:count])
    )


def _stacked(parts: list[Any], names: list[str], side: str, where: str) -> Any:
    """The same part of all samples as one; `where` it stands in the structure."""
    first = parts[0]
    if isinstance(first, Mapping):
        for name, part in zip(names, parts, strict=True):
            if not isinstance(part, Mapping) or part.keys() != first.keys():
                raise TypeError(f"{name}: {side}{where} must be {_kind(first)}, as of {names[0]}, got {_kind(part)}.")
        made = {
            key: _stacked([part[key] for part in parts], names, side, f"{where}[{key!r}]")
            for key in first
            if not (BOXES in first and side == "targets" and _is_row(first[key]))
        }
        return {key: made[key] if key in made else _listed(parts, key) for key in first}
    if isinstance(first, tuple):
        for name, part in zip(names, parts, strict=True):
            if not isinstance(part, tuple) or len(part) != len(first):
                raise TypeError(f"{name}: {side}{where} must be {_kind(first)}, as of {names[0]}, got {_kind(part)}.")
        columns = zip(*parts, strict=True)
        return tuple(_stacked(list(column), names, side, f"{where}[{k}]") for k, column in enumerate(columns))
    if first is None and all(part is None for part in parts):
        return None
    return _array(parts, names, side, where)


def _listed(parts: list[Any], key: Any) -> list[np.ndarray]:
    """The rows of each sample; those without numbers are of the kind of the others."""
    arrays = [np.asarray(part[key]) for part in parts]
    kinds = {array.dtype.kind for array in arrays if array.size} or {"i"}
    dtype = np.dtype(np.float32 if "f" in kinds else np.int64)
    return [array.astype(dtype) for array in arrays]


def _array(parts: list[Any], names: list[str], side: str, where: str) -> Any:
    """Arrays or numbers as one array, or as a list if they are targets of several shapes."""
    arrays: list[np.ndarray] = []
    for name, part in zip(names, parts, strict=True):
        array = _checked(part, name, side, where)
        if arrays and array.shape != arrays[0].shape and side == "inputs":
            raise ValueError(
                f"{name} has shape {array.shape}, {names[0]} has {arrays[0].shape}: a batch needs one shape; "
                "crop or resize them when loading, or pass collate= to make batches of your own."
            )
        if arrays and _numbers(array, side) != _numbers(arrays[0], side):
            raise TypeError(
                f"{name}: {_shown(part, side, where)} must be {_numbers(arrays[0], side)}, as that of {names[0]} is; "
                f"its dtype is {array.dtype}."
            )
        arrays.append(array)
    pixels = is_pixels(arrays[0][None], side)
    if side == "targets" and (_are_boxes(arrays) or any(a.shape != arrays[0].shape for a in arrays)):
        return [converted(array, pixels).copy() for array in arrays]
    return converted(np.stack(arrays), pixels)


def _is_row(value: Any) -> bool:
    return getattr(value, "ndim", None) == 1 or (isinstance(value, list) and all(map(np.isscalar, value)))


def _are_boxes(arrays: list[np.ndarray]) -> bool:
    return all(a.ndim == 2 and a.shape[1] == 4 and a.dtype.kind == "f" for a in arrays)


def _checked(part: Any, name: str, side: str, where: str) -> np.ndarray:
    """A part of one sample as an array, unless it holds what cannot be trained on."""
    try:
        array = np.asarray(part)
    except (TypeError, ValueError):  # rows of different lengths; a Tensor of a graph
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"{name}: {_shown(part, side, where)} must be a whole number, a float or an array of one of them, "
            f"got {type(part).__name__ if array.dtype.kind == 'O' else array.dtype}. Pass collate= to keep it as it is."
        )
    if side == "inputs" and array.ndim > 1 and array.dtype.kind != "f" and array.dtype != np.uint8:
        raise TypeError(f"{name}: images are uint8 or floating, got dtype {array.dtype}.")
    return array


def _numbers(array: np.ndarray, side: str) -> str:
    """What its numbers are, which must be the same in all samples."""
    if is_pixels(array[None], side):
        return "uint8"
    return "floating" if array.dtype.kind == "f" else "a whole number" if array.ndim == 0 else "whole numbers"


def _shown(part: Any, side: str, where: str) -> str:
    if where or side == "inputs" or isinstance(part, (np.ndarray, list)):
        return side + where
    return f"label={part!r}"


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(repr, value))}"
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
