"""Errors of the engine, and the wording that they share.

Bad arguments raise Python's own ``TypeError`` and ``ValueError``; what is wrong with a *graph* raises `GraphError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np


class GraphError(RuntimeError):
    """The recorded graph cannot do what was asked: released, altered, cut or without a rule."""


class Interrupted(list[Any]):
    """What an exception interrupted, innermost first: an op, a node or a module, each with its arguments and its path.

    A pickled or copied exception has none, since graphs and modules do not follow it into another process.
    """

    def __reduce__(self) -> Any:
        return list, ()


def interrupts(error: BaseException, *what: Any) -> None:
    """Note on an exception, as it passes, what it interrupts (see `autodiff.reader`)."""
    with suppress(Exception):  # whatever a strange class of exceptions does, the exception itself goes on
        vars(error).setdefault("_interrupted", Interrupted()).append(what)


def describe(value: Any) -> str:
    """A value in a few words: shape and dtype of arrays and Tensors, the value itself otherwise."""
    if isinstance(value, type) or (isinstance(value, int) and value.bit_length() > 200):
        return f"the class {value.__name__}" if isinstance(value, type) else f"an int of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return repr(value)
    if isinstance(value, (tuple, list)):
        return text if len(text := repr(value)) <= 60 else f"{type(value).__name__} of {len(value)}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{tuple(value.shape)} {value.dtype}"
    return type(value).__name__


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def check_floating(what: str, dtype: np.dtype[Any]) -> None:
    """Refuse a gradient for whole numbers, booleans and complex numbers."""
    if dtype.kind != "f":
        remedy = "Convert it first, for example with dtype=np.float32."
        raise TypeError(f"{what} has dtype {dtype}, which carries no gradient, as only floating ones do. {remedy}")
