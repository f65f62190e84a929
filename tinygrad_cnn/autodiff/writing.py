"""Writing to a Tensor: ``y[i] = v`` and ``y += v``.

The Tensor *object* gets a new value, so every name of it sees the write; arrays and graphs that were made before keep
the old one.  A write costs a copy of the array, unless nobody else holds it and nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any, NoReturn

import numpy as np

from ..core.errors import GraphError, describe
from ..core.graph import Leaf, Node, clock
from ..core.modes import current
from ..core.register import registry
from ..core.site import Site, here
from ..core.tensor import Tensor, as_array, plain
from .at import At
from .dtypes import weak
from .effects import effect


def owned(leaf: Tensor) -> np.ndarray:
    """Return the array of a leaf to write to: its own, or a copy in its place if anybody else holds the memory."""
    # counted without a local name, which not every Python counts
    if getrefcount(leaf._data) > 2 or leaf._data.base is not None or not leaf._data.flags.writeable:
        leaf._data = np.array(leaf._data)
    return leaf._data


def written(leaf: Tensor, site: Site) -> None:
    """Note that a leaf has new values since now, written at `site`."""
    node: Any = leaf.node
    node.version += 1
    node.assigned, node.assigned_at = clock.tick(), site


@effect
def put(t: Tensor, value: Any, key: Any = ...) -> Tensor:
    """Write values to a leaf, or to the part of it that a key names: in a copy, if anybody else holds the array."""
    _check_leaf(t)
    owned(t)[key] = value
    written(t, here())
    return t


def _check_leaf(t: Tensor) -> None:
    if isinstance(t.node, Node):
        raise TypeError(f"assign: this is a result of {t.node.label}; only leaves can be assigned to.")


def write(t: Tensor, what: str, value: Any, made: Callable[[], Any], fill: Callable[[], Any]) -> Tensor:
    """Give `t` a new value: ``made()`` where the write is recorded, else what ``fill()`` writes.

    Raises
    ------
    GraphError : a leaf that requires a gradient is written to while recording, or a result while not.
    ValueError : the new value has another shape.
    TypeError : it is of a kind of number that t cannot hold, as floats in whole numbers.
    """
    who = f"{what} on tensor {t.name!r}" if t.name else f"{what} on a tensor of shape {t.shape}"
    recording, leaf = current().recording, isinstance(t.node, Leaf)
    if leaf and t.requires_grad and recording:
        raise GraphError(
            f"{who}: it requires a gradient, so a write would change what the gradient is of. To set its values, "
            "write under tg.no_grad(); to compute with other values, make a new tensor, as in w = w + v."
        )
    if isinstance(t.node, Node) and not recording:
        raise GraphError(
            f"{who}: it is a result of {t.node.label}, and under no_grad the write would not be recorded, so its "
            "gradient would go wrong. Write while recording, or to a copy without history: t.detach()."
        )
    if recording and (not leaf or getattr(value, "requires_grad", False)):
        y, name, retains = made(), t.name, _retains(t)
        t._data, t.node = y._data, y.node
        if name is not None:
            t.name = name
        return t.retain_grad() if retains else t
    if leaf and not t.requires_grad:  # graphs that were made before keep the old leaf and array
        old, new = t.node, Leaf(t.shape, t.dtype, given=True)
        for field in ("name", "path", "version", "grad", "why", "site", "source"):
            setattr(new, field, getattr(old, field))
        t.node = new
    fill()
    return t


def _retains(t: Tensor) -> bool:
    """Whether `retain_grad` was asked for a result; the gradient that is kept is then that of its newest value."""
    return isinstance(t.node, Node) and t.node.note is not None and t.node.note.retains_grad


def _in_place(operator: str, name: str, compute: Callable[[Any, Any], Any] | None = None) -> Callable[[Any, Any], Any]:
    """An operator such as ``+=``, by the op `name`, or by a function that calls it."""

    def method(t: Tensor, other: Any) -> Any:
        def made() -> Any:
            y = (compute or registry[name])(t, other)
            if y.shape != t.shape:
                raise ValueError(f"{operator}: the result has shape {y.shape}, but a write keeps the shape {t.shape}.")
            _check_kind(operator, y.dtype, t)
            return y if y.dtype == t.dtype else registry["cast"](y, dtype=t.dtype)

        return write(t, operator, other, made, lambda: put(t, made()._data))

    method.__name__ = method.__qualname__ = f"__i{name.removeprefix('logical_')}__"
    return method


def _check_kind(who: str, dtype: np.dtype[Any], t: Tensor) -> None:
    """Refuse to write floats into whole numbers."""
    if not np.can_cast(dtype, t.dtype, "same_kind"):
        raise TypeError(f"{who}: a tensor of {t.dtype} cannot hold values of {dtype}; convert one of them first.")


def _whole_as(who: str, value: Any, t: Tensor) -> Any:
    """Convert plain whole numbers to the dtype of t, and refuse those that do not fit: 5 is uint8 where t is."""
    value = weak(value)
    if hasattr(value, "dtype") or t.dtype.kind not in "iu" or np.asarray(value).dtype.kind not in "iu":
        return value
    try:
        return np.asarray(value, t.dtype)
    except OverflowError as error:
        raise OverflowError(f"{who}: {error}") from None


def without_tensors(value: Any) -> Any:
    """Arguments with every Tensor replaced by its array."""
    if isinstance(value, Tensor):
        return value._data
    if isinstance(value, (list, tuple)):
        return type(value)(without_tensors(v) for v in value)
    return {k: without_tensors(v) for k, v in value.items()} if isinstance(value, dict) else value


_switch = vars(Tensor)["requires_grad"].fset


class WritingMethods(Tensor):
    """The ways of writing to a Tensor."""

    __slots__ = ()

    @effect
    def _set_grad(self, value: Any) -> None:
        """Replace the gradient, or forget it with None."""
        if value is not None:
            value = np.array(as_array(value, "grad"))  # backward adds to it in place
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ValueError(f"grad: must be {self.shape} {self.dtype}, got {value.shape} {value.dtype}.")
        self._noted().grad = value

    grad = vars(Tensor)["grad"].setter(_set_grad)

    def _set_requires_grad(self, value: Any) -> None:
        """Let gradients reach it, or not."""
        try:
            value = bool(value)
        except ValueError:
            raise TypeError(f"requires_grad: must be True or False, got {describe(value)}.") from None
        _switch(self, value)

    requires_grad = vars(Tensor)["requires_grad"].setter(_set_requires_grad)

    def assign(self, value: Any) -> Tensor:
        """Replace the values of a leaf, in place where nobody else holds them.  Shape and dtype stay.

        >>> w = tg.Tensor([1.0, 2.0])
        >>> w.assign(w.data - 0.5)
        Tensor([0.5, 1.5], dtype=float32)
        >>> w.version
        1
        """
        array = as_array(_whole_as("assign", value, self), "assign")
        if array.shape != self.shape:
            raise ValueError(f"assign: {self.name or 'tensor'} has shape {self.shape}, got {array.shape}.")
        if not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise TypeError(f"assign: {self.name or 'tensor'} is {self.dtype}, got {array.dtype}; convert it first.")
        return put(self, array)

    @effect
    def update(self, write: Callable[[np.ndarray], Any]) -> Tensor:
        """Let ``write(array)`` change the values of a leaf in place: in a copy, if anybody else holds the array."""
        _check_leaf(self)
        if not callable(write):
            raise TypeError(f"update: write must be a function that fills an array, got {describe(write)}. Use assign.")
        write(owned(self))
        written(self, here())
        return self

    @property
    def at(self) -> At:
        """Changes of some elements that make a new Tensor: ``x.at[i].set(v)``, ``x.at[i].add(v)``, as in JAX.

        Beside these there are get, subtract, multiply, divide, power, min, max and apply.

        >>> x = tg.Tensor([1.0, 2.0, 3.0])
        >>> x.at[1:].multiply(10)
        Tensor([ 1., 20., 30.], dtype=float32)
        """
        return At(self)

    def _set_data(self, value: Any) -> NoReturn:
        """Refuse: values are written by `assign`, so that what holds the old ones can be kept apart."""
        name = self.name or "t"
        raise AttributeError(
            f"{name}.data is a read-only view and cannot be set. Use {name}.assign(values), or {name} -= step under "
            "tg.no_grad()."
        )

    data = vars(Tensor)["data"].setter(_set_data)

    __iadd__, __isub__ = _in_place("+=", "add"), _in_place("-=", "sub")
    __imul__, __itruediv__ = _in_place("*=", "mul"), _in_place("/=", "div")
    __ifloordiv__, __imod__ = _in_place("//=", "floor_divide"), _in_place("%=", "remainder")
    __ipow__, __imatmul__ = _in_place("**=", "pow"), _in_place("@=", "matmul")
    __ifloordiv__, __imod__ = _in_place("//=", "floor_divide"), _in_place("%=", "remainder")
    __iand__ = _in_place("&=", "logical_and", lambda a, b: a & b)  # which refuse what is not boolean
    __ior__ = _in_place("|=", "logical_or", lambda a, b: a | b)
    __ixor__ = _in_place("^=", "logical_xor", lambda a, b: a ^ b)

    def __setitem__(self, key: Any, value: Any) -> None:
        if _is_part(self):
            raise TypeError(
                "t[...][...] = v: the first brackets made a tensor of its own, so the write would not reach t. "
                "Write both in one, as in t[1:3, 0] = v; or write to a copy of the part: tg.Tensor(part.data)."
            )
        if isinstance(value, (list, tuple)):
            as_array(value, "t[...] = v")  # refuses rows of different lengths, and anything but numbers
        value = value if isinstance(value, Tensor) else np.asarray(_whole_as("t[...] = v", value, self))
        _check_kind("t[...] = v", value.dtype, self)

        def fill() -> None:
            try:
                put(self, plain(value), without_tensors(key))
            except (IndexError, ValueError) as error:
                raise type(error)(f"t[...] = v on a tensor of shape {self.shape}: {error}") from error

        write(self, "t[...] = v", value, lambda: registry["setitem"](self, value, key=key), fill)


def _is_part(t: Tensor) -> bool:
    """Whether a Tensor is what ``y[1:3]`` gave, which in NumPy would share y's memory."""
    if isinstance(t.node, Leaf):
        return t.node.part
    return t.node.op.name == "getitem" and len(t.node.inputs) == 1
