"""Methods of Tensor and Op beyond what the engine needs: operators, conversions and NumPy's protocols.

They are written as methods of classes that only hold them, and bound to `Tensor` and `Op` once, when this is imported.
Ops spelled as methods, such as ``t.sum()``, are bound by `ops/methods.py`.
"""

from __future__ import annotations

import inspect
import math
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, TypeVar, overload

import numpy as np

from ..core.errors import describe
from ..core.graph import Leaf, Node
from ..core.modes import current
from ..core.operation import Op
from ..core.register import hooks, registry
from ..core.site import here
from ..core.tensor import Tensor, as_array, wrap
from .calls import method, named
from .cost import Cost, cost_of
from .foreign import answering
from .hooks import Handle, on_gradient, on_op
from .kinds import Key
from .numpy_protocol import NumpyMethods
from .pickling import CopiedLeaf, CopiedNode, CopiedOp, CopiedTensor
from .writing import WritingMethods

T = TypeVar("T")
ops: Mapping[str, Callable[..., Tensor]] = registry  # called with a Tensor here, so a Tensor comes back
_CUT = (
    "a Tensor that is part of a graph was about to become a plain array (np.asarray, an assignment into an ndarray), "
    "which would cut its gradient. Use tensor.data for the values; to build the result from tensors, write into a "
    "Tensor (y[i] = v), or use tg.where, tg.concatenate and tg.stack."
)


_equal, _not_equal = Tensor.__eq__, Tensor.__ne__


def _is_odd(value: Any) -> bool:
    """Whether a list or tuple holds something other than numbers, as (None,) does, and so differs from every Tensor."""
    if type(value) not in (tuple, list):
        return False
    try:
        as_array(value)
    except TypeError:
        return True
    return False


class TensorMethods(Tensor):
    """What NumPy users expect of an array, spelled as NumPy spells it."""

    __slots__ = ()

    __hash__ = object.__hash__  # identity, since == compares values

    def __eq__(self, other: Any) -> Any:
        return NotImplemented if _is_odd(other) else _equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return NotImplemented if _is_odd(other) else _not_equal(self, other)

    def __neg__(self) -> Tensor:
        return ops["neg"](self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return ops["abs"](self)

    def __and__(self, other: Any) -> Tensor:
        return _logical("logical_and", self, other)

    def __or__(self, other: Any) -> Tensor:
        return _logical("logical_or", self, other)

    def __xor__(self, other: Any) -> Tensor:
        return _logical("logical_xor", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __floordiv__(self, other: Any) -> Tensor:
        return ops["floor_divide"](self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return ops["floor_divide"](other, self)

    def __mod__(self, other: Any) -> Tensor:
        return ops["remainder"](self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return ops["remainder"](other, self)

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __invert__(self) -> Tensor:
        return _logical("logical_not", self)

    def __getitem__(self, key: Key) -> Tensor:
        y = ops["getitem"](self, key=key)
        if isinstance(y.node, Leaf):
            y.node.part = np.may_share_memory(y._data, self._data)
        return y

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self._data.size

    @property
    def version(self) -> int:
        """How often `assign` has written to it."""
        return self.node.version

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

    def detach(self) -> Tensor:
        """The same values without their history.

        >>> x = tg.Tensor(3.0, requires_grad=True)
        >>> (x * x.detach()).backward()
        >>> float(x.grad)  # 3, not 6: the second factor counts as a constant
        3.0
        """
        leaf = Leaf(self.shape, self.dtype)
        if self.requires_grad:
            leaf.why, leaf.site, leaf.source = "stop_gradient", here(), weakref.ref(self.node)
        leaf.path = current().path
        return wrap(self._data, leaf)

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

    def tolist(self) -> Any:
        """The values as Python numbers, in nested lists."""
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __round__(self, digits: int | None = None) -> float:
        rounded: float = round(self.item(), digits)
        return rounded

    def __trunc__(self) -> int:
        number: float = self.item()
        return math.trunc(number)

    def __floor__(self) -> int:
        number: float = self.item()
        return math.floor(number)

    def __ceil__(self) -> int:
        number: float = self.item()
        return math.ceil(number)

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
        try:
            return bool((self._data == as_array(value, "in")).any())
        except TypeError:  # None, words and other objects are not among numbers
            return False
        except ValueError:
            raise ValueError(f"in: {describe(value)} does not broadcast to the tensor's shape {self.shape}.") from None

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", threshold=100, prefix="Tensor(")
        made = f", from={self.node.label}" if isinstance(self.node, Node) else ""
        grad = ", requires_grad=True" if self.requires_grad and not made else ""
        name = f", name={self.name!r}" if self.name else ""
        return f"Tensor({text}, dtype={self.dtype}{made}{grad}{name})"

    def _repr_html_(self) -> str:
        """For notebooks: what it is, its statistics, and a small picture if it is one."""
        return str(hooks["html"](self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError(_CUT)
        return np.array(self._data, dtype=dtype, copy=copy)

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
        return on_gradient(self, fn)


def _logical(name: str, *masks: Any) -> Tensor:
    """``&``, ``|``, ``^`` and ``~``: logic of booleans, as of masks that comparisons gave."""
    for mask in masks:
        if as_array(mask, name).dtype != bool:
            raise TypeError(
                f"{name}: the operators &, |, ^ and ~ take boolean Tensors, got dtype {as_array(mask).dtype}. "
                "Compare first, as in (x > 0) & (x < 1), with the brackets."
            )
    return ops[name](*masks)


registry.of_numpy.update(
    {
        np.bitwise_and: partial(_logical, "logical_and"),
        np.bitwise_or: partial(_logical, "logical_or"),
        np.bitwise_xor: partial(_logical, "logical_xor"),
        np.invert: partial(_logical, "logical_not"),
    }
)

class OpMethods(Op):
    """What an op offers beside its call and its rules."""

    def __repr__(self) -> str:
        signature = inspect.signature(self.fn)  # without annotations, to be read by people
        plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        return f"<op {self.name}{signature.replace(parameters=plain, return_annotation=signature.empty)}>"

    def formula(self, **texts: str) -> Op:
        """Say what rules compute, where their source does not read as a formula: ``relu.formula(x="g * (y > 0)")``.

        ``y=`` is the formula of the result.  A formula belongs to its rule: who replaces the rule loses it.
        """
        for name, text in texts.items():
            if name != "y" and name not in self.rules:
                have = ", ".join(self.rules) or "no input"
                raise TypeError(f"{self.name}.formula: no rule for {name!r}, only for {have}. Use vjp first.")
            try:
                compile(text if isinstance(text, str) else "", self.name, "eval")
            except (SyntaxError, ValueError):
                raise ValueError(f"{self.name}.formula: {name}={text!r} is not a Python expression.") from None
            self.formulas[name] = self.rules.get(name), text
        return self

    def cost(self, shapes: Any, y_shape: tuple[int, ...], params: dict[str, Any], itemsize: int = 4) -> Cost:
        """What one call costs, from shapes alone: FLOP by the op's own `cost`, else one per output element."""
        return cost_of(self, shapes, y_shape, params, itemsize)

    def register_forward_hook(self, fn: Callable[..., Any]) -> Any:
        """Have ``fn(op, inputs, output)`` look on at each of this thread's calls, whoever makes it; returns a handle.

        It is given read-only arrays (None for an input left out) and returns nothing.
        """
        return on_op(self, fn, backward=False)

    def register_backward_hook(self, fn: Callable[..., Any]) -> Any:
        """Have ``fn(op, (cotangent,), gradients)`` look on at each step back through a call; returns a handle."""
        return on_op(self, fn, backward=True)


_init = Op.__init__


@wraps(_init)
def _checked_init(self: Op, fn: Any, *, name: Any, **options: Any) -> None:
    if not callable(fn) or isinstance(fn, type):
        raise TypeError(f"op: decorates a function on arrays, got {describe(fn)}.")
    if not isinstance(name, str) or not name:
        raise TypeError(f"op: name={describe(name)} must be a word; give one with name=..., as for functools.partial.")
    _init(self, fn, name=name, **options)


_checked_init.__qualname__ = "op"  # what errors call it
Op.__init__ = named(_checked_init)  # type: ignore[method-assign]


@overload
def stop_gradient(t: Tensor) -> Tensor: ...
@overload
def stop_gradient(t: T) -> T: ...
def stop_gradient(t: Any) -> Any:
    """The same values, through which no gradient flows; `explain_grad` will say where they were cut off.

    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> tg.grad(x + tg.stop_gradient(x * x), x)
    array(1., dtype=float32)
    """
    return t.detach() if isinstance(t, Tensor) else t


_CLASS = {"__module__", "__doc__", "__slots__", "__qualname__", "__firstlineno__", "__static_attributes__"}
_HOLDERS: tuple[tuple[type, type], ...] = (
    (Tensor, TensorMethods), (Tensor, NumpyMethods), (Tensor, WritingMethods), (Tensor, CopiedTensor),
    (Leaf, CopiedLeaf), (Node, CopiedNode), (Op, OpMethods), (Op, CopiedOp),
)  # fmt: skip
for owner, holder in _HOLDERS:
    for name, value in vars(holder).items():
        if name not in _CLASS:
            setattr(owner, name, method(value) if inspect.isfunction(value) and name[0] != "_" else value)
Tensor.__init__ = method(Tensor.__init__, "Tensor")  # type: ignore[method-assign]
Tensor.backward = method(Tensor.backward)  # type: ignore[method-assign]
answering("Tensor")(Tensor)
answering("Op")(Op)
