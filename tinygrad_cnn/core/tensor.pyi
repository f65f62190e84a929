"""Tensor for type checkers and editors: the class, and the methods that `autodiff` binds to it.

Written by `python docs/make_stubs.py` from the class Tensor; do not edit.
"""
# ruff: noqa

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeAlias

import numpy as np
from typing_extensions import Self

from ..autodiff.at import At
from ..autodiff.hooks import Handle
from ..autodiff.kinds import Approximation, Array, Axis, Beyond, ConvPadMode, Counts, Divergence, Dtype, GridOrder, Key, Number, Outputs, PadMode, Padding, Places, QuantileMethod, Reduction, ResizeMode, Rng, SampleMode, Shape, Side, Sides, Size2d, Size3d, Sizes, Whole, Wholes, Width
from .graph import Leaf, Node

_Operand: TypeAlias = Tensor | Array

ARRAYS: tuple[type, ...]

class Tensor:
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

    __slots__ = ("_data", "node", "__weakref__")
    __array_priority__: int
    _data: np.ndarray
    node: Node | Leaf

    def __hash__(self) -> int: ...
    def __add__(self, other: _Operand, /) -> Tensor: ...
    def __radd__(self, other: _Operand, /) -> Tensor: ...
    def __sub__(self, other: _Operand, /) -> Tensor: ...
    def __rsub__(self, other: _Operand, /) -> Tensor: ...
    def __mul__(self, other: _Operand, /) -> Tensor: ...
    def __rmul__(self, other: _Operand, /) -> Tensor: ...
    def __truediv__(self, other: _Operand, /) -> Tensor: ...
    def __rtruediv__(self, other: _Operand, /) -> Tensor: ...
    def __pow__(self, other: _Operand, /) -> Tensor: ...
    def __rpow__(self, other: _Operand, /) -> Tensor: ...
    def __matmul__(self, other: _Operand, /) -> Tensor: ...
    def __rmatmul__(self, other: _Operand, /) -> Tensor: ...
    def __lt__(self, other: _Operand, /) -> Tensor: ...
    def __le__(self, other: _Operand, /) -> Tensor: ...
    def __gt__(self, other: _Operand, /) -> Tensor: ...
    def __ge__(self, other: _Operand, /) -> Tensor: ...
    def __eq__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
    def __init__(self, data: Any, *, dtype: np.typing.DTypeLike | None = None, requires_grad: bool = False, name: str | None = None, copy: bool = True) -> None: ...
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
    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
    @property
    def dtype(self) -> np.dtype[Any]:
        """The kind of its numbers; a gradient has the same."""
    @property
    def grad(self) -> np.ndarray | None:
        """The gradient that `backward` left, a plain array or None; `tg.explain_grad` says why it is None."""
    @grad.setter
    def grad(self, value: Any) -> None: ...
    @property
    def requires_grad(self) -> bool:
        """Whether gradients reach it; of a leaf, it can be set."""
    @requires_grad.setter
    def requires_grad(self, value: Any) -> None: ...
    @property
    def name(self) -> str | None:
        """What drawings and messages call it."""
    @name.setter
    def name(self, value: str | None) -> None: ...
    def _noted(self) -> Any:
        """Where names and gradients are kept: the leaf itself, or a note that few nodes have."""
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
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __and__(self, other: _Operand, /) -> Tensor: ...
    def __or__(self, other: _Operand, /) -> Tensor: ...
    def __xor__(self, other: _Operand, /) -> Tensor: ...
    def __rand__(self, other: _Operand, /) -> Tensor: ...
    def __ror__(self, other: _Operand, /) -> Tensor: ...
    def __rxor__(self, other: _Operand, /) -> Tensor: ...
    def __floordiv__(self, other: _Operand, /) -> Tensor: ...
    def __rfloordiv__(self, other: _Operand, /) -> Tensor: ...
    def __mod__(self, other: _Operand, /) -> Tensor: ...
    def __rmod__(self, other: _Operand, /) -> Tensor: ...
    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]: ...
    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]: ...
    def __invert__(self) -> Tensor: ...
    def __getitem__(self, key: Key) -> Tensor: ...
    @property
    def ndim(self) -> int:
        """How many axes it has."""
    @property
    def size(self) -> int:
        """How many elements it has."""
    @property
    def version(self) -> int:
        """How often `assign` has written to it."""
    def retain_grad(self) -> Tensor:
        """Ask `backward` to keep the gradient of this intermediate result in `.grad`.

        >>> x = tg.Tensor(2.0, requires_grad=True)
        >>> y = (x * x).retain_grad()
        >>> (5 * y).backward()
        >>> float(y.grad), float(x.grad)
        (5.0, 20.0)
        """
    def detach(self) -> Tensor:
        """The same values without their history.

        >>> x = tg.Tensor(3.0, requires_grad=True)
        >>> (x * x.detach()).backward()
        >>> float(x.grad)  # 3, not 6: the second factor counts as a constant
        3.0
        """
    def numpy(self) -> np.ndarray:
        """A copy of the values that may be written to.

        >>> a = tg.Tensor([1.0, 2.0]).numpy()
        >>> a[0] = 7
        >>> a
        array([7., 2.], dtype=float32)
        """
    def item(self) -> Any:
        """The only element, as a Python number."""
    def tolist(self) -> Any:
        """The values as Python numbers, in nested lists."""
    def __float__(self) -> float: ...
    def __int__(self) -> int: ...
    def __round__(self, digits: int | None = None) -> float: ...
    def __trunc__(self) -> int: ...
    def __floor__(self) -> int: ...
    def __ceil__(self) -> int: ...
    def __format__(self, spec: str) -> str: ...
    def __index__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __contains__(self, value: Any) -> bool: ...
    def __repr__(self) -> str: ...
    def _repr_html_(self) -> str:
        """For notebooks: what it is, its statistics, and a small picture if it is one."""
    def register_hook(self, fn: Callable[[Any], Any]) -> Handle:
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
    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any: ...
    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any: ...
    def _set_grad(self, value: Any) -> None:
        """Replace the gradient, or forget it with None."""
    def _set_requires_grad(self, value: Any) -> None:
        """Let gradients reach it, or not."""
    def assign(self, value: Any) -> Tensor:
        """Replace the values of a leaf, in place where nobody else holds them.  Shape and dtype stay.

        >>> w = tg.Tensor([1.0, 2.0])
        >>> w.assign(w.data - 0.5)
        Tensor([0.5, 1.5], dtype=float32)
        >>> w.version
        1
        """
    def update(self, write: Callable[[np.ndarray], Any]) -> Tensor:
        """Let ``write(array)`` change the values of a leaf in place: in a copy, if anybody else holds the array."""
    @property
    def at(self) -> At:
        """Changes of some elements that make a new Tensor: ``x.at[i].set(v)``, ``x.at[i].add(v)``, as in JAX.

        Beside these there are get, subtract, multiply, divide, power, min, max and apply.

        >>> x = tg.Tensor([1.0, 2.0, 3.0])
        >>> x.at[1:].multiply(10)
        Tensor([ 1., 20., 30.], dtype=float32)
        """
    def _set_data(self, value: Any) -> NoReturn:
        """Refuse: values are written by `assign`, so that what holds the old ones can be kept apart."""
    def __iadd__(self, other: _Operand, /) -> Self: ...
    def __isub__(self, other: _Operand, /) -> Self: ...
    def __imul__(self, other: _Operand, /) -> Self: ...
    def __itruediv__(self, other: _Operand, /) -> Self: ...
    def __ifloordiv__(self, other: _Operand, /) -> Self: ...
    def __imod__(self, other: _Operand, /) -> Self: ...
    def __ipow__(self, other: _Operand, /) -> Self: ...
    def __imatmul__(self, other: _Operand, /) -> Self: ...
    def __iand__(self, other: _Operand, /) -> Self: ...
    def __ior__(self, other: _Operand, /) -> Self: ...
    def __ixor__(self, other: _Operand, /) -> Self: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __reduce_ex__(self, protocol: Any) -> Any: ...
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The sum over axes.  x (...) -> (...)

        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> float(tg.sum(x)), tg.sum(x, axis=0), tg.sum(x, axis=1, keepdims=True).shape
        (10.0, array([4., 6.]), (2, 1))
        """
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The mean over axes, which must not be empty.  x (...) -> (...)

        >>> x = tg.Tensor([1.0, 2.0, 6.0, 3.0], requires_grad=True)
        >>> x.mean().item(), tg.grad(x.mean(), x)
        (3.0, array([0.25, 0.25, 0.25, 0.25], dtype=float32))
        """
    def var(self, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> Tensor:
        """The variance: mean square distance from the mean, divided by count - ddof.  x (...) -> (...)

        >>> float(tg.var(np.array([1.0, 3.0]))), float(tg.var(np.array([1.0, 3.0]), ddof=1))
        (1.0, 2.0)
        """
    def std(self, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> Tensor:
        """The square root of the variance; where that is 0, so is the derivative.  x (...) -> (...)

        >>> float(tg.std(np.array([1.0, 3.0, 1.0, 3.0])))
        1.0
        """
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest element over axes; ties share the gradient equally.  x (...) -> (...)

        >>> x = tg.Tensor([1.0, 7.0, 7.0], requires_grad=True)
        >>> x.max().item(), tg.grad(x.max(), x)  # a tie is shared
        (7.0, array([0. , 0.5, 0.5], dtype=float32))
        """
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The smallest element over axes; ties share the gradient equally.  x (...) -> (...)

        >>> tg.min(np.array([[3.0, 1.0], [2.0, 5.0]]), axis=1)
        array([1., 2.])
        """
    def any(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether any element over axes holds (is not 0).  x (...) -> (...) bool"""
    def all(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether all elements over axes hold (are not 0).  x (...) -> (...) bool"""
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The product over axes; its gradient is right at zeros too.  x (...) -> (...)

        >>> x = tg.Tensor([2.0, 3.0, 0.0], requires_grad=True)
        >>> x.prod().item(), tg.grad(x.prod(), x)  # right where a factor is 0, too
        (0.0, array([0., 0., 6.], dtype=float32))
        """
    def cumsum(self, axis: Whole | None = None) -> Tensor:
        """Running sums along an axis, of the flattened array if None.  x (...) -> (...), or (size,) for axis=None

        >>> tg.cumsum(np.array([1, 2, 3, 4]))
        array([ 1,  3,  6, 10])
        """
    def cumprod(self, axis: Whole | None = None) -> Tensor:
        """Running products along an axis, of the flattened array if None; the gradient is right at zeros too.

        x (...) -> (...), or (size,) for axis=None

        >>> x = tg.Tensor([2.0, 0.0, 3.0], requires_grad=True)
        >>> y = tg.cumprod(x)
        >>> y.data, tg.grad(y.sum(), x)
        (array([2., 0., 0.], dtype=float32), array([1., 8., 0.], dtype=float32))
        """
    def argmax(self, axis: Whole | None = None, keepdims: bool = False) -> Tensor:
        """Where the largest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64

        >>> tg.argmax(np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), axis=1)
        array([1, 0])
        """
    def argmin(self, axis: Whole | None = None, keepdims: bool = False) -> Tensor:
        """Where the smallest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64"""
    def swapaxes(self, axis1: Whole, axis2: Whole) -> Tensor:
        """Two axes exchanged.  x (...) -> (...)"""
    def squeeze(self, axis: Whole | tuple[Whole, ...] | None = None) -> Tensor:
        """Without these axes of length 1, without all of them if None.  x (...) -> (...)

        >>> x = np.ones((1, 28, 28, 1))
        >>> tg.squeeze(x).shape, tg.squeeze(x, axis=0).shape
        ((28, 28), (28, 28, 1))
        """
    def repeat(self, repeats: Counts, axis: Whole | None = None) -> Tensor:
        """Each element (or slice along an axis) several times in a row.  x (...) -> (...)

        >>> tg.repeat(np.array([1, 2]), 3)
        array([1, 1, 1, 2, 2, 2])
        """
    def take(self, indices: Tensor | Array, axis: Whole | None = None) -> Tensor:
        """Elements of x along an axis (of the flattened x if None) at integer indices.  x (...) · indices (...) -> (...)

        >>> x = tg.Tensor([10.0, 20.0, 30.0], requires_grad=True)
        >>> y = tg.take(x, [2, 0, 2])
        >>> y.data, tg.grad(y.sum(), x)  # taken twice, counted twice
        (array([30., 10., 30.], dtype=float32), array([1., 0., 2.], dtype=float32))
        """
    def sort(self, axis: Whole | None = -1, *, descending: bool = False) -> Tensor:
        """The elements in order along an axis, of the flattened array if None; a new array, also as ``t.sort()``.

        Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...)

        >>> x = tg.Tensor([3.0, 1.0, 2.0], requires_grad=True)
        >>> tg.sort(x).data, tg.grad(tg.sort(x)[0], x)  # the smallest
        (array([1., 2., 3.], dtype=float32), array([0., 1., 0.], dtype=float32))
        """
    def argsort(self, axis: Whole | None = -1, *, descending: bool = False) -> Tensor:
        """The places of the elements in order along an axis, of the flattened array if None; no gradient.

        Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...) int64

        >>> tg.argsort(np.array([3.0, 1.0, 2.0, 1.0])), tg.argsort(np.array([3.0, 1.0, 2.0, 1.0]), descending=True)
        (array([1, 3, 2, 0]), array([0, 2, 1, 3]))
        """
    def searchsorted(self, v: Tensor | Array, side: Side = 'left') -> Tensor:
        """Where each element of v would be put into the sorted row x, before its equals or after ("right"); no gradient.

        x (N,) · v (...) -> (...) int64

        >>> tg.searchsorted(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 9.0])), tg.searchsorted([1, 2, 2, 3], 2, "right")
        (array([1, 4]), array(3))
        """
    def diagonal(self, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Tensor:
        """The diagonal of the matrices that two axes form, `offset` places to the right; as the last axis of the result.

        x (..., N, M) -> (..., K)

        >>> tg.diagonal(np.arange(6).reshape(2, 3)), tg.diagonal(np.arange(6).reshape(2, 3), 1)
        (array([0, 4]), array([1, 5]))
        """
    def trace(self, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Tensor:
        """The sum of the diagonal of the matrices that two axes form, `offset` places to the right.

        >>> x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        >>> tg.trace(x).item(), tg.grad(tg.trace(x), x)
        (5.0, array([[1., 0.],
               [0., 1.]], dtype=float32))
        """
    def dot(self, b: Tensor | Array) -> Tensor:
        """Sums of products over the last axis of a and the last but one of b, as ``np.dot`` has them; also as ``t.dot(b)``.

        Of rows (N,) it is their inner product, of matrices their product; with a number, each element is multiplied.

        >>> float(tg.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
        11.0
        """
    def round(self, decimals: Whole = 0) -> Tensor:
        """The nearest number of so many decimals, halves to even; no gradient, as its slope is 0.  x (...) -> (...)

        >>> tg.round(np.array([0.5, 1.5, 2.26])), tg.round(np.array([2.26, 3.14]), 1)
        (array([0., 2., 2.]), array([2.3, 3.1]))
        """
    def relu(self) -> Tensor:
        """max(x, 0); its derivative at 0 is 0, NaN stays NaN.  x (...) -> (...)

        >>> x = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
        >>> y = tg.relu(x)
        >>> y
        Tensor([0., 0., 2.], dtype=float32, from=relu)
        >>> tg.grad(y.sum(), x)  # 0 at 0
        array([0., 0., 1.], dtype=float32)
        """
    def exp(self) -> Tensor:
        """e ** x.  x (...) -> (...)"""
    def log(self) -> Tensor:
        """The natural logarithm.  x (...) -> (...)"""
    def sqrt(self) -> Tensor:
        """The square root; its derivative at 0 is taken as 0.  x (...) -> (...)"""
    def tanh(self) -> Tensor:
        """The hyperbolic tangent.  x (...) -> (...)"""
    def sigmoid(self) -> Tensor:
        """1 / (1 + e**-x), without overflow.  x (...) -> (...)

        >>> tg.sigmoid(np.array([-1000.0, 0.0, 1000.0]))  # no overflow
        array([0. , 0.5, 1. ])
        """
    def reshape(self, *shape: Shape) -> Tensor:
        """The same elements in another shape, given as ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
    def transpose(self, *axes: Shape | None) -> Tensor:
        """Axes in another order, reversed if none are given; ``t.transpose(1, 0)`` or ``t.transpose((1, 0))``."""
    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
    def flatten(self, start: Whole = 0) -> Tensor:
        """All axes from `start` on as one, by default all elements in one row; start=1 keeps the batch."""
    def ravel(self) -> Tensor:
        """All elements in one row."""
    def clip(self, low: Tensor | Array | None = None, high: Tensor | Array | None = None, *, min: Tensor | Array | None = None, max: Tensor | Array | None = None) -> Tensor:
        """The elements held within [low, high], which may also be given as ``min=`` and ``max=``."""
    def ptp(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest element over axes minus the smallest."""
    def nonzero(self) -> tuple[np.ndarray, ...]:
        """The indices of the elements that are not 0, an array for each axis, as ``np.nonzero`` gives them."""
    def copy(self) -> Tensor:
        """The same numbers in another Tensor, through which the gradient flows: a write to one leaves the other.

        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x.copy()
        >>> y[0] = 5
        >>> x.tolist(), tg.grad(y.sum(), x)
        ([1.0, 2.0], array([0., 1.], dtype=float32))
        """
    def astype(self, dtype: Dtype) -> Tensor:
        """The numbers in another dtype."""

def as_array(value: Any, who: str = 'Tensor') -> Any:
    """An array of any library as it is; Python numbers and lists of them by the house rule (the default dtype)."""

def plain(value: Any) -> np.ndarray:
    """Return a Tensor's values; anything else as NumPy's own array."""

def wrap(data: Any, node: Any) -> Tensor:
    """Return a Tensor around an array as it is: what ops return."""

def new(cls: type[Tensor]) -> Tensor: ...
