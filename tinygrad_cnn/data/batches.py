"""What a batch holds: inputs and targets, each an array or a structure of arrays, and how many examples there are.

A structure is a tuple or a dict, nested at will.  A list has one entry per example, where arrays cannot be stacked
(the boxes of each image).  A list of arrays that share their first axis is read as a tuple where the other arrays of
the batch have that many examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

Lengths = tuple[str, tuple[int, ...]]  # where in the batch, and what its number of examples can be, likeliest first
SCALED = {"inputs": 3, "targets": 4}  # from how many axes on bytes are pixels; with fewer they are whole numbers


def inputs_and_targets(batch: Any) -> tuple[Any, Any]:
    """Return the inputs and the targets of a batch; targets are None where it has none.

    A tuple or list of two is (inputs, targets), one of a single entry is (inputs,), and whatever is neither a tuple
    nor a list (an array, a Tensor, a dict) is inputs alone.

    Raises
    ------
    ValueError : a tuple or list of another length, which does not say what the model gets and what the loss gets.

    >>> from tinygrad_cnn.data.batches import inputs_and_targets
    >>> inputs_and_targets({"image": 1, "depth": 2})
    ({'image': 1, 'depth': 2}, None)
    """
    if not isinstance(batch, (tuple, list)):
        return batch, None
    if len(batch) == 2:
        return batch[0], batch[1]
    if len(batch) == 1:
        return batch[0], None
    if not batch:
        raise ValueError("batch: an empty tuple has no inputs. Make it (inputs, targets).")
    raise ValueError(
        f"batch: a {type(batch).__name__} of {len(batch)} does not say what are inputs and what are targets. "
        "Make it two, such as ((x1, x2), y) or (x, (y1, y2))."
    )


def length(batch: Any) -> int:
    """Return the number of examples in a batch, or in a part of one: the first axis that its arrays share.

    Raises
    ------
    ValueError : arrays have different first axes, which are listed, or there is no array with an axis.

    >>> from tinygrad_cnn.data.batches import length
    >>> boxes = [np.zeros((count, 4)) for count in range(8)]
    >>> length((np.zeros((8, 32, 32, 1)), {"mask": np.zeros((8, 32, 32)), "boxes": boxes}))
    8
    """
    if isinstance(batch, (tuple, list)) and len(batch) <= 2:
        names = ("inputs", "targets")
        found = [lengths for name, part in zip(names, batch, strict=False) for lengths in _lengths(part, name)]
    else:
        found = list(_lengths(batch, "inputs"))
    if not found:
        raise ValueError(f"batch: no array with a first axis in this {type(batch).__name__}; it has no length.")
    shared = [n for n in found[0][1] if all(n in possible for _, possible in found)]
    if not shared:
        listed = ", ".join(f"{where} {' or '.join(map(str, possible))}" for where, possible in found)
        raise ValueError(f"batch: its arrays have different numbers of examples: {listed}. They must be equal.")
    return shared[0]


def _lengths(part: Any, where: str) -> Iterator[Lengths]:
    """The numbers of examples that each array or list in a part can mean."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield from _lengths(value, f"{where}[{key!r}]")
    elif isinstance(part, list):
        inside = [possible for k, value in enumerate(part) for _, possible in _lengths(value, f"{where}[{k}]")]
        as_tuple = [n for n in (inside[0] if inside else ()) if all(n in possible for possible in inside)]
        yield where, (len(part), *as_tuple)
    elif isinstance(part, tuple):
        for k, value in enumerate(part):
            yield from _lengths(value, f"{where}[{k}]")
    else:
        shape: tuple[int, ...] = getattr(part, "shape", ())
        if len(shape):
            yield where, (int(shape[0]),)


def mapped(change: Callable[[Any], Any], part: Any) -> Any:
    """Return the same structure of what `change` makes of each array or list in it; None stays None."""
    if isinstance(part, np.ndarray):  # first, since most are
        return change(part)
    if isinstance(part, Mapping):
        return {key: mapped(change, value) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(mapped(change, value) for value in part)
    return None if part is None else change(part)


def is_pixels(array: np.ndarray, side: str) -> bool:
    """Return whether the bytes of a whole batch are brightness, 0 to 255, rather than class indices or tokens.

    `side` is "inputs", where (N,H,W) are grey images, or "targets", where (N,H,W) is a mask.
    """
    return array.dtype == np.uint8 and array.ndim >= SCALED[side]


def converted(array: np.ndarray, pixels: bool) -> np.ndarray:
    """Return an array as batches have it: floats as float32, whole numbers as int64, pixels as float32 in [0, 1]."""
    if pixels:
        return np.divide(array, np.float32(255), dtype=np.float32)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64, copy=False)
