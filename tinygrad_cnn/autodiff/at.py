"""``x.at[i].set(v)``: what ``x[i] = v`` would make of a Tensor, as a new Tensor; x itself stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import describe
from ..core.register import registry
from ..core.tensor import Tensor, as_array
from .dtypes import weak
from .kinds import Key

_NAME = "at[...].{}"


class Part:
    """Some elements of a Tensor, by a key as in ``x[key]``.  Each method returns a new Tensor of x's shape and dtype.

    The call is recorded whether x is a leaf or a result, and gradients flow to x and to v, which is broadcast to
    the shape of ``x[key]``.
    """

    __slots__ = ("key", "tensor")

    def __init__(self, tensor: Tensor, key: Key) -> None:
        self.tensor, self.key = tensor, key

    def __repr__(self) -> str:
        return f"Part({self.tensor!r}, key={self.key!r})"

    def get(self) -> Tensor:
        """The elements: ``x[key]``."""
        found: Tensor = registry["getitem"](self.tensor, key=self.key)
        return found

    def set(self, v: Any) -> Tensor:
        """x with v at these places; of several values for one place the last one stays.

        >>> x = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> y = x.at[0].set(7.0)
        >>> y.tolist(), x.tolist(), tg.grad(y.sum(), x)
        ([7.0, 2.0, 3.0], [1.0, 2.0, 3.0], array([0., 1., 1.], dtype=float32))
        """
        v = self._fitting("set", v)
        return self._set(v)

    def add(self, v: Any) -> Tensor:
        """x with v added at these places; several values for one place are all added.

        >>> tg.zeros(3).at[[0, 2, 2]].add([1.0, 10.0, 100.0]).tolist()
        [1.0, 0.0, 110.0]
        """
        t = self.tensor
        found = np.broadcast_to(np.zeros((), bool), t.shape)[_plain(self.key)].shape
        v = self._fitting("add", v)
        if v.shape != found:
            try:
                v = registry["broadcast_to"](v, shape=found)
            except ValueError:
                who = _NAME.format("add")
                raise ValueError(f"{who}: v {describe(v)} does not broadcast to x[key], of shape {found}.") from None
        total: Tensor = registry["add"](t, registry["put"](v, key=self.key, shape=t.shape))
        if total.dtype != t.dtype:  # put sums bytes in wider numbers
            total = registry["cast"](total, dtype=t.dtype)
        return total

    def subtract(self, v: Any) -> Tensor:
        """x with v subtracted at these places; several values for one place are all subtracted."""
        return self.add(-self._fitting("subtract", v))

    def multiply(self, v: Any) -> Tensor:
        """x with these elements multiplied by v.  As in all methods below, no place may occur twice."""
        return self._changed("multiply", "mul", v)

    def divide(self, v: Any) -> Tensor:
        """x with these elements divided by v."""
        return self._changed("divide", "div", v)

    def power(self, v: Any) -> Tensor:
        """x with these elements raised to the power of v."""
        return self._changed("power", "pow", v)

    def min(self, v: Any) -> Tensor:
        """x with the smaller of each of these elements and v."""
        return self._changed("min", "minimum", v)

    def max(self, v: Any) -> Tensor:
        """x with the larger of each of these elements and v."""
        return self._changed("max", "maximum", v)

    def apply(self, f: Callable[[Tensor], Any]) -> Tensor:
        """x with f of these elements in their place, where f takes and returns a Tensor of any shape.

        >>> tg.Tensor([1.0, 4.0, 9.0]).at[1:].apply(tg.sqrt).tolist()
        [1.0, 2.0, 3.0]
        """
        if not callable(f):
            raise TypeError(f"{_NAME.format('apply')}: f must be a function of a Tensor, got {describe(f)}.")
        self._check_once("apply")
        return self._set(self._fitting("apply", f(self.get())))

    def _changed(self, method: str, op: str, v: Any) -> Tensor:
        self._check_once(method)
        v = v if isinstance(v, Tensor) or np.ndim(v) == 0 else self._lent(v, _NAME.format(method))
        return self._set(self._fitting(method, registry[op](self.get(), v)))

    def _set(self, v: Any) -> Tensor:
        made: Tensor = registry["setitem"](self.tensor, v, key=self.key)
        return made

    def _fitting(self, method: str, v: Any) -> Any:
        """A value as a Tensor of x's dtype, if that can hold it."""
        who, dtype = _NAME.format(method), self.tensor.dtype
        if not isinstance(v, Tensor):
            v = Tensor(self._lent(v, who))
        if v.dtype == dtype:
            return v
        if not np.can_cast(v.dtype, dtype, "same_kind"):
            raise TypeError(f"{who}: a tensor of {dtype} cannot hold values of {v.dtype}; convert one of them first.")
        return registry["cast"](v, dtype=dtype)

    def _lent(self, v: Any, who: str) -> Any:
        """An array as it is; numbers and lists of them in the dtype of x, if they are of its kind."""
        array, dtype = as_array(v, who), self.tensor.dtype
        fits = dtype.kind == "f" or array.dtype.kind == dtype.kind or {array.dtype.kind, dtype.kind} == {"i", "u"}
        return array if isinstance(v, np.ndarray) or not fits else np.asarray(weak(v), dtype)

    def _check_once(self, method: str) -> None:
        """Refuse a key that names one place twice: which value is changed first would matter."""
        key, shape = _plain(self.key), self.tensor.shape
        places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)[key]
        if np.unique(places).size != places.size:
            raise ValueError(f"{_NAME.format(method)}: the key names one place several times; only add sums them.")


class At:
    """What ``x.at`` is: brackets behind it say which elements are meant."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __getitem__(self, key: Key) -> Part:
        return Part(self.tensor, key)

    def __repr__(self) -> str:
        return "x.at: write x.at[key].set(v), .add(v), .multiply(v), .apply(f) or the like"


def _plain(key: Any) -> Any:
    """A key without Tensors, as NumPy takes it."""
    if isinstance(key, tuple):
        return tuple(map(_plain, key))
    if isinstance(key, slice):
        return slice(*map(_plain, (key.start, key.stop, key.step)))
    if isinstance(key, (list, range)):
        key = np.asarray(key)
        return key if key.size else key.astype(np.intp)
    return key._data if isinstance(key, Tensor) else key
