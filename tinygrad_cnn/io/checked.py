"""What all readers ask of a file before they believe it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from .errors import FileFormatError

MOST_AXES = 64  # of an array, NumPy's limit


def open_file(path: str | os.PathLike[str], what: str) -> IO[bytes]:
    """Open a regular file for reading; a folder, a pipe or a device is refused before anything waits on it."""
    name = os.fspath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{name}: is a folder; give the name of {what}.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{name}: no such file.")
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise FileFormatError(f"{name}: is a pipe or a device, not {what}.")
    return open(path, "rb")


def whole(value: Any) -> bool:
    """Whether this is a whole number, 0 or more; booleans are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def count(shape: Sequence[int]) -> int | None:
    """How many elements an array of this shape has; None if NumPy cannot have such a shape at all."""
    if len(shape) > MOST_AXES or not all(whole(n) for n in shape):
        return None
    total, reach = 1, 1
    for n in shape:
        total *= n
        reach *= max(n, 1)  # NumPy refuses (0, 2**62, 4) too
        if reach >= 1 << 60:
            return None
    return total


def check_booleans(path: str | os.PathLike[str], name: str, array: np.ndarray) -> None:
    """Refuse a boolean that is neither 0 nor 1: it would make NumPy count wrongly."""
    if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
        raise FileFormatError(f"{os.fspath(path)}: tensor {name!r} is boolean, but holds bytes other than 0 and 1.")
