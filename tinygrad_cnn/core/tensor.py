"""Tensor: an array, and where it came from.  Thin: operators name ops of the registry, the rest reads the node.

Conversions and NumPy's protocols are bound by `autodiff.methods`, ops spelled as methods by `ops.methods`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .compiled import TensorBase, lend
from .errors import check_floating, describe
from .graph import Leaf, Node, Note
from .register import hooks, registry

ARRAYS, NUMBERS = (np.ndarray, np.generic), (int, float, complex, list, tuple, range)


def as_array(value: Any, who: str = "Tensor") -> Any:
    """An array of any library as it is; Python numbers and lists of them by the house rule (the default dtype)."""
    if isinstance(value, ARRAYS):
        array = np.asarray(value) if isinstance(value, np.ndarray) else value  # of a subclass too
    elif isinstance(value, Tensor):
        return value._data
    elif (hasattr(value, "__array_function__") or hasattr(value, "__array_namespace__")) and type(value) is not type:
        return value
    else:
        array = hooks["array"](value, who)
    if array.dtype.kind not in "biuf" or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{who}: needs numbers or booleans, but got {hooks['odd'](array, value)}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))  # not big-endian


def _compared(name: str) -> Callable[[Any, Any], Any]:
    """A comparison, as a call of the op `name`, which gives booleans; with what is not an array, Python's answer."""

    def compare(a: Any, b: Any) -> Any:
        return registry[name](a, b) if isinstance(b, (Tensor, *NUMBERS)) or hasattr(b, "__array__") else NotImplemented

    return compare


class Tensor(TensorBase):
    """A value that remembers which op made it.

    Parameters
    ----------
    data : array, number or nested list.  Python floats get the default dtype, float32 unless set; arrays keep theirs.
    dtype : to convert to.
    requires_grad : whether `backward` fills `.grad`; floating dtypes only.
    name : for drawings and messages.
    copy : False to share memory with `data`, which must then not be written to.

    Examples
    --------
    >>> w = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    >>> y = (w * w).sum()
    >>> y.item(), y.shape
    (14.0, ())
    >>> y.backward()
    >>> w.grad  # of w1² + w2² + w3²: 2w
    array([2., 4., 6.], dtype=float32)
    >>> w[1:]
    Tensor([2., 3.], dtype=float32, from=getitem)
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = object.__hash__  # identity, since == compares values

    __lt__, __le__ = _compared("less"), _compared("less_equal")
    __gt__, __ge__ = _compared("greater"), _compared("greater_equal")
    __eq__, __ne__ = _compared("equal"), _compared("not_equal")

    def __init__(
        self, data: Any, *, dtype: np.typing.DTypeLike | None = None, requires_grad: bool = False,
        name: str | None = None, copy: bool = True,
    ) -> None:  # fmt: skip
        array = as_array(data, type(self).__name__)
        try:
            self._data = np.array(array, dtype=dtype, copy=True if copy else None, subok=False)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"{type(self).__name__}: cannot make {dtype!r} of {describe(data)}: {error}") from None
        self.node = leaf = Leaf(self._data.shape, self._data.dtype, given=True)
        leaf.name = name
        if requires_grad is not False:
            self.requires_grad = requires_grad

    # -- what it is -------------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The values, as a read-only view; `assign` is the way to change them.

        >>> w = tg.Tensor([1.0, 2.0])
        >>> w.data[0] = 5
        Traceback (most recent call last):
            ...
        ValueError: assignment destination is read-only
        >>> w.assign([5.0, 2.0]).data
        array([5., 2.], dtype=float32)
        """
        view: np.ndarray = self._data.view()
        view.flags.writeable = False
        return view

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The kind of its numbers; a gradient has the same."""
        return self._data.dtype

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient that `backward` left, a plain array or None; `tg.explain_grad` says why it is None."""
        grad: np.ndarray | None = self.node.grad
        return grad

    @grad.setter
    def grad(self, value: Any) -> None:
        self._noted().grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients reach it; of a leaf, it can be set."""
        needed: bool = self.node.requires_grad
        return needed

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if isinstance(self.node, Node):
            raise TypeError(f"requires_grad: this is a result of {self.node.label}, not a leaf; detach() it first.")
        if value:
            check_floating(f"Tensor{'' if self.name is None else f' {self.name!r}'}", self.dtype)
        self.node.requires_grad = bool(value)

    @property
    def name(self) -> str | None:
        """What drawings and messages call it."""
        name: str | None = self.node.name
        return name

    @name.setter
    def name(self, value: str | None) -> None:
        self._noted().name = value

    def _noted(self) -> Any:
        """Where names and gradients are kept: the leaf itself, or a note that few nodes have."""
        if isinstance(self.node, Leaf):
            return self.node
        if self.node.note is None:
            self.node.note = Note()
        return self.node.note

    # -- differentiation --------------------------------------------------------------------------------------

    def backward(self, grad: Any = None, retain_graph: bool = False) -> None:
        """Add the gradient of this scalar (or of ``sum(self * grad)``) to `.grad` of every leaf it depends on.

        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> (3 * x).sum().backward()
        >>> x.grad
        array([3., 3.], dtype=float32)
        >>> (3 * x).backward(np.array([1, 10], np.float32))  # with a weight each; adds
        >>> x.grad
        array([ 6., 33.], dtype=float32)
        """
        hooks["backward"](self, grad, retain_graph)


def plain(value: Any) -> np.ndarray:
    """Return a Tensor's values; anything else as NumPy's own array."""
    return value.data if isinstance(value, Tensor) else np.asarray(value)


new = Tensor.__new__


def wrap(data: Any, node: Any) -> Tensor:
    """Return a Tensor around an array as it is: what ops return."""
    t = new(Tensor)
    t._data, t.node = data, node
    return t


lend(Tensor=Tensor)
