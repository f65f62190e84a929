"""Ops spelled as methods of Tensor, as NumPy spells those of arrays: ``t.sum(axis=0)`` is ``tg.sum(t, axis=0)``.

`METHODS` lists the ops that take the Tensor first and whose other arguments are those of NumPy's method.  The methods
that NumPy spells in another way than the op are written out.  All are bound to `Tensor` once, when this is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.calls import method as worded
from ..autodiff.kinds import Array, Axis, Dtype, Shape, Whole
from ..core.tensor import Tensor
from . import (
    activation,
    diagonals,
    elementwise,
    indexing,
    logic,
    reduce,
    rounding,
    running,
    shape,
    sorting,
    vectors,
)  # fmt: skip
from .algebra import cast
from .shape import reshape

METHODS: tuple[Callable[..., Any], ...] = (
    reduce.sum, reduce.mean, reduce.var, reduce.std, reduce.max, reduce.min, logic.any, logic.all, reduce.prod,
    running.cumsum, running.cumprod, reduce.argmax, reduce.argmin, shape.swapaxes, shape.squeeze, shape.repeat,
    indexing.take, sorting.sort, sorting.argsort, sorting.searchsorted, diagonals.diagonal, diagonals.trace,
    vectors.dot, rounding.round, activation.relu, elementwise.exp, elementwise.log, elementwise.sqrt,
    elementwise.tanh, elementwise.sigmoid,
)  # fmt: skip


def _method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An op as a method, with the op's docstring and signature."""

    first, *others = inspect.signature(fn).parameters.values()
    names = {p.name for p in others}

    def method(self: Tensor, *args: Any, **params: Any) -> Any:
        if params and (odd := params.keys() - names):  # the op would name itself and its first input
            raise TypeError(f"{method.__qualname__}() got an unexpected keyword argument {min(odd)!r}")
        return fn(self, *args, **params)

    inputs = getattr(fn, "inputs", ())
    given = [
        p.replace(annotation=f"Tensor | Array{_or_none(p)}") if p.name in inputs or p.annotation == "Input" else p
        for p in others
    ]
    itself = first.replace(name="self", annotation=first.empty, kind=first.POSITIONAL_OR_KEYWORD)
    method.__signature__ = inspect.Signature([itself, *given], return_annotation="Tensor")  # type: ignore[attr-defined]
    method.__name__, method.__doc__ = fn.__name__, fn.__doc__
    method.__qualname__ = f"Tensor.{fn.__name__}"
    return method


def _or_none(p: inspect.Parameter) -> str:
    return " | None" if p.default is None else ""


class _Spelled(Tensor):
    """The methods that NumPy spells in another way than the op."""

    __slots__ = ()

    def reshape(self, *shape: Shape) -> Tensor:
        """The same elements in another shape, given as ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        return _called(reshape, self, _unpacked(shape))

    def transpose(self, *axes: Shape | None) -> Tensor:
        """Axes in another order, reversed if none are given; ``t.transpose(1, 0)`` or ``t.transpose((1, 0))``."""
        return _called(shape.transpose, self, _unpacked(axes) or None)

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return _called(shape.transpose, self)

    def flatten(self, start: Whole = 0) -> Tensor:
        """All axes from `start` on as one, by default all elements in one row; start=1 keeps the batch."""
        return _called(shape.flatten, self, start=start)

    def ravel(self) -> Tensor:
        """All elements in one row."""
        return _called(shape.reshape, self, (-1,))

    def clip(
        self, low: Tensor | Array | None = None, high: Tensor | Array | None = None, *,
        min: Tensor | Array | None = None, max: Tensor | Array | None = None,
    ) -> Tensor:  # fmt: skip
        """The elements held within [low, high], which may also be given as ``min=`` and ``max=``."""
        for name, one, other in (("min", low, min), ("max", high, max)):
            if one is not None and other is not None:
                raise TypeError(f"clip: {name}={other!r} is given beside the bound by position; leave one of them out.")
        return _called(activation.clip, self, min if low is None else low, max if high is None else high)

    def ptp(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest element over axes minus the smallest."""
        return _called(reduce.max, self, axis, keepdims) - _called(reduce.min, self, axis, keepdims)

    def nonzero(self) -> tuple[np.ndarray, ...]:
        """The indices of the elements that are not 0, an array for each axis, as ``np.nonzero`` gives them."""
        return np.nonzero(self.data)

    def copy(self) -> Tensor:
        """The same numbers in another Tensor, through which the gradient flows: a write to one leaves the other.

        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x.copy()
        >>> y[0] = 5
        >>> x.tolist(), tg.grad(y.sum(), x)
        ([1.0, 2.0], array([0., 1.], dtype=float32))
        """
        return _called(cast, self, dtype=self.dtype)

    def astype(self, dtype: Dtype) -> Tensor:
        """The numbers in another dtype."""
        return _called(cast, self, dtype=dtype)


def _unpacked(args: tuple[Any, ...]) -> Any:
    return args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


def _called(fn: Callable[..., Any], *args: Any, **params: Any) -> Tensor:
    y: Tensor = fn(*args, **params)
    return y


for _fn in METHODS:
    setattr(Tensor, _fn.__name__, worded(_method(_fn)))
for _name, _written in vars(_Spelled).items():
    if _name[0] != "_":
        setattr(Tensor, _name, worded(_written) if inspect.isfunction(_written) else _written)
