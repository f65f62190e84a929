"""Tensor: an array, and where it came from.  Thin: every method names an op or reads the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import getrefcount
from typing import Any

import numpy as np

from . import modes
from .errors import check_floating, nearest
from .node import Clock, Leaf, Node, Note
from .operators import Operators
from .register import registry, upward

ARRAYS = (np.ndarray, np.generic)
_CUT = (
    "a Tensor that is part of a graph was about to become a plain array or number (an assignment into an ndarray, "
    "np.asarray, float), which would cut its gradient. Use tensor.data or tensor.item() for the values, "
    "or tg.where, tg.concatenate and tg.stack to build the result from tensors."
)


def as_array(value: Any, who: str = "Tensor") -> Any:
    """An array of any library as it is; Python numbers and lists of them by the house rule (floats are float32)."""
    if isinstance(value, ARRAYS):
        array = value
    elif isinstance(value, Tensor):
        return value._data
    elif hasattr(value, "__array_function__") or hasattr(value, "__array_namespace__"):
        return value
    else:
        try:
            array = np.asarray(value)
        except (ValueError, TypeError) as error:
            raise TypeError(f"{who}: cannot make an array of this {type(value).__name__}: {error}") from None
        if array.dtype == np.float64 and not hasattr(value, "dtype"):
            array = array.astype(np.float32)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{who}: needs numbers or booleans, but got dtype {array.dtype} from {type(value).__name__}.")
    return array


class Tensor(Operators):
    """A value that remembers which op made it.

    Parameters
    ----------
    data : array, number or nested list.  Python floats become float32; arrays keep their dtype.
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

    __slots__ = ("_data", "node", "__weakref__")
    __array_priority__ = 1000
    __hash__ = object.__hash__  # identity, since == compares values

    _data: np.ndarray
    node: Node | Leaf

    def __init__(
        self, data: Any, *, dtype: Any = None, requires_grad: bool = False, name: str | None = None, copy: bool = True
    ) -> None:
        array = as_array(data)
        self._data = np.array(array, dtype=dtype, copy=True if copy else None, subok=False)
        self.node = leaf = Leaf(self._data.shape, self._data.dtype)
        leaf.name = name
        if requires_grad:
            self.requires_grad = True

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
    def ndim(self) -> int:
        """How many axes it has."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self._data.size

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient that `backward` left, a plain array or None; `tg.explain_grad` says why it is None."""
        grad: np.ndarray | None = self.node.grad
        return grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            value = np.array(as_array(value, "grad"))  # backward adds to it in place
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ValueError(f"grad: must be {self.shape} {self.dtype}, got {value.shape} {value.dtype}.")
        self._noted().grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients reach it; of a leaf, it can be set."""
        return self.node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if isinstance(self.node, Node):
            raise TypeError(f"requires_grad: this is a result of {self.node.label}, not a leaf; detach() it first.")
        if value:
            check_floating(f"Tensor{f' {self.name!r}' if self.name else ''}", self.dtype)
        self.node.requires_grad = bool(value)

    @property
    def name(self) -> str | None:
        """What drawings and messages call it."""
        return self.node.name

    @name.setter
    def name(self, value: str | None) -> None:
        self._noted().name = value

    @property
    def version(self) -> int:
        """How often `assign` has written to it."""
        return self.node.version

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
        from .engine import backward  # the engine makes Tensors; only this method looks back at it

        backward(self, grad, retain_graph)

    def retain_grad(self) -> Tensor:
        """Ask `backward` to keep the gradient of this intermediate result in `.grad`.

        >>> x = tg.Tensor(2.0, requires_grad=True)
        >>> y = (x * x).retain_grad()
        >>> (5 * y).backward()
        >>> float(y.grad), float(x.grad)
        (5.0, 20.0)
        """
        self._noted().retains_grad = True
        return self

    def register_hook(self, fn: Callable[[Any], Any]) -> Any:
        """Have `fn(gradient)` called with this tensor's gradient, once all that uses the tensor has added to it.

        What fn returns, of the same shape and dtype, takes the gradient's place; None leaves it.  It is given a
        read-only array, or a Tensor where gradients are recorded (``create_graph=True``).  Returns a handle to
        `remove()` the hook by, which also serves as a context.

        >>> x = tg.Tensor([1.0, -2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda g: np.clip(g, -1, 1))
        >>> (x * x).sum().backward()
        >>> x.grad  # 2x = (2, -4), clipped
        array([ 1., -1.], dtype=float32)
        """
        from .hooks import on_gradient

        return on_gradient(self, fn)

    def detach(self) -> Tensor:
        """The same values without their history.

        >>> x = tg.Tensor(3.0, requires_grad=True)
        >>> (x * x.detach()).backward()
        >>> float(x.grad)  # 3, not 6: the second factor counts as a constant
        3.0
        """
        from .algebra import stop_gradient

        cut: Tensor = stop_gradient(self)
        return cut

    def assign(self, value: Any) -> Tensor:
        """Replace the values of a leaf, in place where nobody else holds them.  Shape and dtype stay.

        >>> w = tg.Tensor([1.0, 2.0])
        >>> w.assign(w.data - 0.5)
        Tensor([0.5, 1.5], dtype=float32)
        >>> w.version
        1
        """
        array = as_array(value, "assign")
        if array.shape != self.shape:
            raise ValueError(f"assign: {self.name or 'tensor'} has shape {self.shape}, got {array.shape}.")
        if not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise TypeError(f"assign: {self.name or 'tensor'} is {self.dtype}, got {array.dtype}; convert it first.")
        return self.update(lambda own: np.copyto(own, array, casting="same_kind"))

    def update(self, write: Callable[[np.ndarray], Any]) -> Tensor:
        """Let ``write(array)`` change the values of a leaf in place: in a copy, if anybody else holds the array."""
        if isinstance(self.node, Node):
            raise TypeError(f"assign: this is a result of {self.node.label}; only leaves can be assigned to.")
        if not self._data.flags.writeable or getrefcount(self._data) > 2:  # a view, a saved array, a user has it
            self._data = np.array(self._data)
        write(self._data)
        self.node.version += 1
        Clock.now += 1
        self.node.assigned, self.node.assigned_at = Clock.now, modes.here()
        return self

    # -- conversions ------------------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """A copy of the values that may be written to.

        >>> a = tg.Tensor([1.0, 2.0]).numpy()
        >>> a[0] = 7
        >>> a
        array([7., 2.], dtype=float32)
        """
        return np.array(self._data)

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.size != 1:
            raise ValueError(f"item: only a tensor of one element is a number; this one has shape {self.shape}.")
        return self._data.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def _number(self) -> Any:
        """The number that NumPy asks for when a Tensor is assigned to an element of an ndarray."""
        if self.requires_grad:
            raise TypeError(_CUT)
        return self.item()

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec and self.size == 1 else repr(self) if spec == "" else self._data, spec)

    def __index__(self) -> int:
        return int(self._data.__index__())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"The truth of a tensor of shape {self.shape} is ambiguous; reduce it first.")
        return bool(self._data.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a tensor of shape () has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[k] for k in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self._data == as_array(value)).any())

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", threshold=100, prefix="Tensor(")
        made = f", from={self.node.label}" if isinstance(self.node, Node) else ""
        grad = ", requires_grad=True" if self.requires_grad and not made else ""
        name = f", name={self.name!r}" if self.name else ""
        return f"Tensor({text}, dtype={self.dtype}{made}{grad}{name})"

    def _repr_html_(self) -> str:
        """For notebooks: what it is, its statistics, and a small picture if it is one."""
        return str(upward["html"](self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError(_CUT)
        return np.array(self._data, dtype=dtype, copy=copy)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("a Tensor is a value: use tg.where(mask, a, b), or t.assign(array) to replace a leaf's values.")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        plain = all(v is None or v is True for v in kwargs.values())  # out=None, where=True: as if not given
        if method == "__call__" and plain:
            if ufunc in QUERIES:
                return ufunc(*(as_array(a) for a in args))
            return _op_of(ufunc)(*args)
        what = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else f"(..., {', '.join(kwargs)}=...)")
        raise TypeError(f"{what} is not differentiable here; use the tg functions, or tensor.data for plain values.")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in QUERIES:
            return func(*_without_tensors(args), **_without_tensors(kwargs))
        return _op_of(func)(*args, **{k: v for k, v in kwargs.items() if v is not None})


def plain(value: Any) -> np.ndarray:
    """A Tensor's values; anything else as NumPy's own array."""
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _without_tensors(value: Any) -> Any:
    """Arguments with every Tensor replaced by its array."""
    if isinstance(value, Tensor):
        return value._data
    if isinstance(value, (list, tuple)):
        return type(value)(_without_tensors(v) for v in value)
    return {k: _without_tensors(v) for k, v in value.items()} if isinstance(value, dict) else value


# NumPy functions that ask about values: their answers carry no gradient, so plain arrays come back.
QUERIES: set[Any] = {
    np.shape, np.ndim, np.size, np.result_type, np.allclose, np.isclose, np.array_equal, np.array_equiv, np.argsort,
    np.argmax, np.argmin, np.nonzero, np.count_nonzero, np.any, np.all, np.zeros_like, np.ones_like, np.empty_like,
    np.full_like, np.array_repr, np.array_str, np.array2string, np.isnan, np.isinf, np.isfinite, np.signbit,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.logical_not, np.logical_and,
    np.logical_or, np.may_share_memory, np.shares_memory, np.iscomplexobj, np.isrealobj,
}  # fmt: skip


def _op_of(func: Callable[..., Any]) -> Any:
    """The op that a NumPy function means."""
    op = registry.of_numpy.get(func)
    if op is not None:
        return op
    name = getattr(func, "__name__", str(func))
    raise TypeError(
        f"np.{name} has no op in tinygrad_cnn, so its gradient is unknown.{nearest(name, registry)} "
        "For plain values use tensor.data; to teach it, register an op with @tg.op(numpy=[...])."
    )


_new = Tensor.__new__


def wrap(data: Any, node: Any) -> Tensor:
    """A Tensor around an array as it is: what ops return."""
    t = _new(Tensor)
    t._data = data
    t.node = node
    return t
