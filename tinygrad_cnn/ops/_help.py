"""What several families of ops share: plain values, axes, and references that compute one number at a time."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from ..core.algebra import broadcast_to
from ..core.modes import state
from ..core.registry import registry
from ..core.tensor import Tensor


def values(x: Any) -> Any:
    """The plain array of a Tensor or array: for masks and counts, through which no gradient flows."""
    return x._data if isinstance(x, Tensor) else x


def promoted(*arrays: Any) -> tuple[Any, ...]:
    """The arrays (or None) in the dtype that NumPy would give their product; kernels want one dtype."""
    dtypes = {a.dtype for a in arrays if a is not None}
    if len(dtypes) == 1:
        return arrays
    common = np.result_type(*dtypes)
    return tuple(a if a is None else a.astype(common, copy=False) for a in arrays)


def check_floating(who: str, x: Any) -> None:
    """Refuse whole numbers, which have no minus infinity to pad with and no mean of their own dtype."""
    if x.dtype.kind != "f":
        raise TypeError(f"{who}: x has dtype {x.dtype}, expected floats. Convert it, as with x.astype(np.float32).")


def placed(name: str) -> str:
    """The name of a function with the path of the layer that calls it, as ops have it in messages."""
    return f"{name} ({state.path})" if state.path else name


def scalarwise(fn: Callable[..., float]) -> Callable[..., np.ndarray]:
    """A reference that applies a function of Python numbers to each element, parameters by keyword."""

    def ref(*arrays: Any, **params: Any) -> np.ndarray:
        each = np.broadcast(*arrays)
        flat = np.array([fn(*(float(v) for v in row), **params) for row in each], dtype=np.float64)
        return flat.reshape(each.shape)

    return ref


def axes_of(who: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` (None, an int or a tuple, NumPy's meaning) as a tuple of distinct axes counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    try:
        given = tuple(index(a) for a in axis) if isinstance(axis, (tuple, list)) else (index(axis),)
    except TypeError:
        raise TypeError(f"{who}: axis={axis!r} must be None, an int or a tuple of ints.") from None
    if any(not -ndim <= a < ndim for a in given):
        raise ValueError(f"{who}: axis={axis!r} is out of range for {ndim} axes (from {-ndim} to {ndim - 1}).")
    axes = tuple(a % ndim for a in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{who}: axis={axis!r} names an axis twice.")
    return axes


def kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that reducing over `axes` with keepdims would leave."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def spread(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Copy a reduced value back over the axes that a reduction of `shape` summed away; differentiable."""
    return broadcast_to(registry["reshape"](g, kept(shape, axes_of("spread", axis, len(shape)))), shape)
