"""What NumPy's functions are given: arguments made arrays, values without a graph, and elements by their place."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...autodiff.dtypes import NUMBERS, floating_dtype, weak
from ...core.tensor import Tensor
from .._arguments import values
from ..algebra import cast
from ..indexing import getitem
from ..shape import concatenate, reshape


def array(x: Any) -> Any:
    """A Tensor as it is, anything else as NumPy makes an array of it."""
    return x if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x)


def together(*xs: Any) -> list[Any]:
    """Arguments as arrays; numbers among them take the dtype of floating arrays, to which they give way as in ops.

    Lists are arrays of float64 if they hold floats, as NumPy reads them.
    """
    floats = [x for x in xs if isinstance(x, (Tensor, np.ndarray)) and x.dtype.kind == "f"]
    dtype = floating_dtype(*floats) if floats else None
    return [np.asarray(x, dtype) if type(x) in NUMBERS else array(x) for x in map(weak, xs)]


def given(value: Any) -> Any:
    """An optional argument, None if NumPy's own mark for "not given" was passed on."""
    return None if value is getattr(np, "_NoValue", None) else value


def plain(x: Any) -> Any:
    """The values of an argument, as an array, without its graph."""
    return np.asarray(values(x))


def as_dtype(x: Any, dtype: Any) -> Any:
    """x in a dtype, x itself if that is None."""
    return x if dtype is None or np.dtype(dtype) == x.dtype else cast(x, dtype=np.dtype(dtype))


def floating(x: Any) -> Any:
    """Whole numbers and booleans as float64, which is what NumPy computes with; floats as they are."""
    return as_dtype(x, np.float64) if hasattr(x, "dtype") and x.dtype.kind in "iub" else x


def flat(x: Any) -> Any:
    """All elements in one row."""
    return x if x.ndim == 1 else reshape(x, (-1,))


def axis_of(axis: Any, ndim: int) -> int:
    """An axis counted from the front; NumPy's AxisError if there is none such."""
    return int(np.lib.array_utils.normalize_axis_index(axis, ndim))


def only(who: str, **settings: tuple[Any, Any]) -> None:
    """Refuse settings, each given as (value, default), that are not what NumPy takes for granted."""
    for name, (value, default) in settings.items():
        if value is not default and not (np.ndim(value) == 0 and value == default):
            raise ValueError(f"np.{who}: {name}={value!r} has no gradient here; leave {name} at {default!r}.")


def moved(rearranged: Callable[..., Any], *xs: Any) -> Any:
    """The elements of some arrays where a NumPy function puts them: it is run on their places instead."""
    row, start, places = [], 0, []
    for x in xs:
        size = math.prod(x.shape)
        places.append(np.arange(start, start + size).reshape(x.shape))
        row.append(flat(x))
        start += size
    source = rearranged(*places)
    return getitem(row[0] if len(row) == 1 else concatenate(row, axis=0), key=source)


def by_place(func: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function that only moves the elements of its first argument, as one that keeps their graph."""

    @wraps(func)
    def move(x: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = tuple(map(values, args)), {name: values(value) for name, value in kwargs.items()}
        return moved(lambda places: func(places, *args, **kwargs), array(x))

    return move
