"""Operators and methods of Tensor: each names an op of the registry, so this floor needs no op to exist."""

from __future__ import annotations

from typing import Any

from .register import registry

ops = registry


def _shape_of(args: tuple[Any, ...]) -> Any:
    """``t.reshape(2, 3)`` and ``t.reshape((2, 3))`` mean the same, as in NumPy."""
    return args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


class Operators:
    """What NumPy users expect of an array, spelled as NumPy spells it."""

    __slots__ = ()

    _data: Any

    def __add__(self, other: Any) -> Any:
        return ops["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return ops["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return ops["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return ops["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return ops["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return ops["mul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return ops["div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return ops["div"](other, self)

    def __pow__(self, other: Any) -> Any:
        return ops["pow"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return ops["pow"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return ops["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return ops["matmul"](other, self)

    def __neg__(self) -> Any:
        return ops["neg"](self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return ops["abs"](self)

    def __getitem__(self, key: Any) -> Any:
        return ops["getitem"](self, key=key)

    # Comparisons ask about values: plain boolean arrays, never recorded.

    def __lt__(self, other: Any) -> Any:
        return self._data < getattr(other, "_data", other)

    def __le__(self, other: Any) -> Any:
        return self._data <= getattr(other, "_data", other)

    def __gt__(self, other: Any) -> Any:
        return self._data > getattr(other, "_data", other)

    def __ge__(self, other: Any) -> Any:
        return self._data >= getattr(other, "_data", other)

    def __eq__(self, other: Any) -> Any:
        return self._data == getattr(other, "_data", other)

    def __ne__(self, other: Any) -> Any:
        return self._data != getattr(other, "_data", other)

    # Reductions

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["mean"](self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Any:
        return ops["var"](self, axis=axis, keepdims=keepdims, ddof=ddof)

    def std(self, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Any:
        return ops["std"](self, axis=axis, keepdims=keepdims, ddof=ddof)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["min"](self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["prod"](self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Any:
        return ops["cumsum"](self, axis=axis)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["argmax"](self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops["argmin"](self, axis=axis, keepdims=keepdims)

    # Shape

    def reshape(self, *shape: Any) -> Any:
        return ops["reshape"](self, shape=_shape_of(shape))

    def transpose(self, *axes: Any) -> Any:
        return ops["transpose"](self, axes=_shape_of(axes) or None)

    @property
    def T(self) -> Any:
        return ops["transpose"](self, axes=None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return ops["swapaxes"](self, axis1=axis1, axis2=axis2)

    def squeeze(self, axis: Any = None) -> Any:
        return ops["squeeze"](self, axis=axis)

    def flatten(self) -> Any:
        return ops["reshape"](self, shape=(-1,))

    def ravel(self) -> Any:
        return ops["reshape"](self, shape=(-1,))

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        return ops["repeat"](self, repeats=repeats, axis=axis)

    def take(self, indices: Any, axis: Any = None) -> Any:
        return ops["take"](self, indices, axis=axis)

    def astype(self, dtype: Any) -> Any:
        return ops["cast"](self, dtype=dtype)

    # Element-wise

    def clip(self, low: Any = None, high: Any = None) -> Any:
        return ops["clip"](self, low, high)

    def exp(self) -> Any:
        return ops["exp"](self)

    def log(self) -> Any:
        return ops["log"](self)

    def sqrt(self) -> Any:
        return ops["sqrt"](self)

    def tanh(self) -> Any:
        return ops["tanh"](self)

    def sigmoid(self) -> Any:
        return ops["sigmoid"](self)

    def relu(self) -> Any:
        return ops["relu"](self)
