"""Arguments of ops as plain arrays of one dtype, and checks of them that several families share."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ..autodiff.effects import whole
from ..core.modes import current
from ..core.tensor import Tensor, as_array

Input: TypeAlias = Any  # a Tensor, an array or a number; docs/make_stubs.py reads which arguments are inputs


def values(x: Any) -> Any:
    """The plain array of a Tensor or array: for masks and counts, through which no gradient flows."""
    return x._data if isinstance(x, Tensor) else x


def shape_of(who: str, x: Any) -> tuple[int, ...]:
    """The shape of an array, a Tensor, or what becomes an array; refuses words and other objects."""
    shape: tuple[int, ...] = as_array(values(x), who).shape
    return shape


def promoted(*arrays: Any) -> tuple[Any, ...]:
    """The arrays (or None) in the dtype that NumPy would give their product; kernels want one dtype."""
    dtypes = {a.dtype for a in arrays if a is not None}
    if len(dtypes) == 1:
        return arrays
    common = np.result_type(*dtypes)
    return tuple(a if a is None else a.astype(common, copy=False) for a in arrays)


def fitting(who: str, name: str, value: Any, dtype: Any) -> Any:
    """A value that is written into an array of `dtype`; refuses one that whole numbers of this dtype cannot hold."""
    array = np.asarray(value)
    if dtype.kind == "f" or array.dtype == dtype:
        return value
    with np.errstate(invalid="ignore"):  # NaN and infinity are not whole numbers
        cast = array.astype(dtype)
    wrong = cast != array
    if np.any(wrong):
        raise ValueError(
            f"{who}: {name} holds {array[wrong][0]}, which an array of {dtype} cannot hold. "
            "Convert the array first, as with x.astype(np.float32)."
        )
    return cast


def check_floating(who: str, x: Any) -> None:
    """Refuse whole numbers, which have no minus infinity to pad with and no mean of their own dtype."""
    if x.dtype.kind != "f":
        raise TypeError(f"{who}: x has dtype {x.dtype}, expected floats. Convert it, as with x.astype(np.float32).")


def placed(name: str) -> str:
    """The name of a function with the path of the layer that calls it, as ops have it in messages."""
    path = current().path
    return f"{name} ({path})" if path else name


@whole
def check_finite(who: str, name: str, row: Any, remedy: str) -> None:
    """Refuse a row of numbers, or None, that holds NaN or an infinity."""
    if row is not None and not (finite := np.isfinite(values(row))).all():
        odd = int(np.argmin(finite))
        raise ValueError(f"{who}: {name}[{odd}] is {values(row)[odd]}; it must be finite. {remedy}")
