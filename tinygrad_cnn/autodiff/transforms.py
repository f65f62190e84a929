"""Functions of functions: gradients, products with Jacobians from either side, whole Jacobians.

Arrays in, arrays out; with recorded Tensors among the arguments, the results are recorded too, so that every
transform can be differentiated, and nested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, overload

import numpy as np

from ..core.engine import grad
from ..core.errors import GraphError, describe
from ..core.modes import enable_grad
from ..core.register import registry
from ..core.tensor import Tensor, as_array
from .batching import gradients
from .calls import named
from .kinds import Array

Function = Callable[..., Tensor]
Value: TypeAlias = Tensor | np.ndarray  # a Tensor if one of the arguments is recorded
Input: TypeAlias = Tensor | Array
TALL = 4  # so many times more outputs than inputs make columns cheaper than rows, whose graph is a half as long


def _point(value: Any, who: str) -> Tensor:
    """A fresh place to differentiate at: a leaf, or an alias of a recorded Tensor."""
    if isinstance(value, Tensor) and value.requires_grad:
        point: Tensor = registry["alias"](value)
        return point
    if value is None:
        raise TypeError(f"{who}: cannot differentiate with respect to None.")
    return Tensor(value, requires_grad=True, copy=False)


def _check(f: Any, who: str) -> None:
    if not callable(f):
        raise TypeError(f"{who}: f must be a function of Tensors, got {describe(f)}. Pass the function itself.")


def _recorded(*values: Any) -> bool:
    return any(isinstance(v, Tensor) and v.requires_grad for v in values)


def _out(value: Any, record: bool) -> Any:
    return value if record or not isinstance(value, Tensor) else value.numpy()


def _output(y: Any, who: str) -> Tensor:
    if not isinstance(y, Tensor):
        raise TypeError(f"{who}: the function must return one Tensor, it returned {type(y).__name__}.")
    return y


class ValueAndGrad(Protocol):
    """What `value_and_grad` makes for one argument."""

    @overload
    def __call__(self, *args: Array, **kwargs: Any) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Value, Value]: ...


class ValueAndGrads(Protocol):
    """What `value_and_grad` makes for several arguments."""

    @overload
    def __call__(self, *args: Array, **kwargs: Any) -> tuple[np.ndarray, tuple[np.ndarray, ...]]: ...
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Value, tuple[Value, ...]]: ...


class PullBack(Protocol):
    """What `vjp` makes at arrays: cotangents of them from a cotangent of the result."""

    @overload
    def __call__(self, cotangent: Array) -> tuple[np.ndarray, ...]: ...
    @overload
    def __call__(self, cotangent: Any) -> tuple[Value, ...]: ...


@overload
def value_and_grad(f: Function, argnums: int = 0) -> ValueAndGrad: ...
@overload
def value_and_grad(f: Function, argnums: Sequence[int]) -> ValueAndGrads: ...
@named
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns f's value and its gradients in the arguments numbered `argnums`.

    >>> f = tg.value_and_grad(lambda w, x: ((w * x) ** 2).sum())
    >>> value, slope = f(np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    >>> float(value), slope
    (13.0, array([18.,  4.]))
    """
    _check(f, "value_and_grad")
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        record = _recorded(*args)
        points = list(args)
        with enable_grad():
            for k in numbers:
                points[k] = _point(args[k], "value_and_grad")
            y = _output(f(*points, **kwargs), "value_and_grad")
            grads = grad(y, [points[k] for k in numbers], create_graph=record)
        return _out(y, record), grads[0] if isinstance(argnums, int) else tuple(grads)

    return both


@overload
def vjp(f: Function, *xs: Array) -> tuple[np.ndarray, PullBack]: ...
@overload
def vjp(f: Function, *xs: Input) -> tuple[Value, Callable[[Input], tuple[Value, ...]]]: ...
@named
def vjp(f: Function, *xs: Any) -> tuple[Any, Any]:
    """``f(*xs)``, and the function that maps a cotangent of it to the cotangents of xs (a tuple).

    >>> y, pull = tg.vjp(lambda x: x * x, np.array([1.0, 2.0, 3.0]))
    >>> y
    array([1., 4., 9.])
    >>> pull(np.array([1.0, 0.0, 10.0]))
    (array([ 2.,  0., 60.]),)
    """
    _check(f, "vjp")
    record = _recorded(*xs)
    with enable_grad():
        points = [_point(x, "vjp") for x in xs]
        y = _output(f(*points), "vjp")

    def pull(cotangent: Any) -> tuple[Any, ...]:
        more = record or _recorded(cotangent)
        found = grad(y, points, grad_outputs=cotangent, create_graph=more, retain_graph=True, allow_unused=True)
        return tuple(np.zeros(p.shape, p.dtype) if g is None else g for p, g in zip(points, found, strict=True))

    return _out(y, record), pull


@overload
def jvp(f: Function, xs: Array, vs: Array) -> tuple[np.ndarray, np.ndarray]: ...
@overload
def jvp(f: Function, xs: Input | Sequence[Input], vs: Input | Sequence[Input]) -> tuple[Value, Value]: ...
@named
def jvp(f: Function, xs: Any, vs: Any) -> tuple[Any, Any]:
    """f at xs and its derivative along vs, exact; xs and vs are one array each, or tuples of equal length.

    A vector-Jacobian product is linear in the cotangent u, so its own gradient in u, along v, is J v.

    >>> x, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 10.0])
    >>> y, along = tg.jvp(lambda x: x * x, x, v)
    >>> along  # 2x times v
    array([ 2.,  0., 60.])
    """
    _check(f, "jvp")
    several = isinstance(xs, (tuple, list))
    xs, vs = (tuple(xs), tuple(vs)) if several else ((xs,), (vs,))
    record = _recorded(*xs, *vs)
    with enable_grad():
        points = [_point(x, "jvp") for x in xs]
        y = _output(f(*points), "jvp")
        for p, v in zip(points, vs, strict=True):
            if np.shape(v) != p.shape:
                raise ValueError(f"jvp: a tangent has shape {np.shape(v)}, its argument {p.shape}.")
        u = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
        pulled = grad(y, points, grad_outputs=u, create_graph=True, allow_unused=True)
        parts = [(g, v) for g, v in zip(pulled, vs, strict=True) if g is not None and g.requires_grad]
        if not parts:
            return _out(y, record), np.zeros(y.shape, y.dtype)
        weights = [v if isinstance(v, Tensor) else as_array(v).astype(g.dtype) for g, v in parts]
        tangent = grad([g for g, _ in parts], u, grad_outputs=weights, create_graph=record)
    return _out(y, record), tangent


@overload
def hvp(f: Function, x: Array, v: Array) -> np.ndarray: ...
@overload
def hvp(f: Function, x: Input, v: Input) -> Value: ...
@named
def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of the scalar function f at x, times v: the derivative of its gradient along v.

    >>> x, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 1.0])
    >>> tg.hvp(lambda x: (x**3).sum(), x, v)  # 6x times v
    array([ 6.,  0., 18.])
    """
    _check(f, "hvp")
    return jvp(_gradient(f), x, v)[1]


def _gradient(f: Function) -> Function:
    def gradient(x: Tensor) -> Any:
        found = grad(_output(f(x), "hessian"), x, create_graph=True, allow_unused=True)
        return registry["alias"](x) * 0.0 if found is None else found

    return gradient


@overload
def jacobian(f: Function, x: Array) -> np.ndarray: ...
@overload
def jacobian(f: Function, x: Input) -> Value: ...
@named
def jacobian(f: Function, x: Any) -> Any:
    """All derivatives of f's outputs in x's elements: shape y.shape + x.shape.

    Row by row, or column by column if x has far fewer elements than the output; many at once where the ops on the way
    say how they treat stacks, one after another otherwise, and where the result is to be recorded.

    >>> tg.jacobian(tg.cumsum, np.array([5.0, 6.0, 7.0]))
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """
    _check(f, "jacobian")
    record = _recorded(x)
    with enable_grad():
        point = _point(x, "jacobian")
        y = _output(f(point), "jacobian")
        if not y.requires_grad or not y.size or not point.size:
            return np.zeros(y.shape + point.shape, point.dtype)
        columns = _columns(y, point, record) if y.size >= TALL * point.size else None
        rows = _rows(y, point, record) if columns is None else columns
        if not isinstance(rows, np.ndarray):
            rows = np.stack(rows)
        found = rows if columns is None else np.moveaxis(rows, 0, -1)
        return found.reshape(y.shape + point.shape)


def _rows(y: Tensor, x: Tensor, record: bool) -> Any:
    """The gradient in x of each element of y."""
    rows = None if record else gradients(y, x)
    return _one_by_one(y, x, record) if rows is None else rows


def _one_by_one(y: Tensor, x: Tensor, record: bool) -> list[Any]:
    """The same by one walk back for each."""
    rows = []
    for unit in _units(y):
        row = grad(y, x, grad_outputs=unit, create_graph=record, retain_graph=True, allow_unused=True)
        rows.append(np.zeros(x.shape, x.dtype) if row is None else row)
    return rows


def _columns(y: Tensor, point: Tensor, record: bool) -> Any:
    """The derivative of y along each element of the point, as in `jvp`; None if a rule serves the first order only."""
    u = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
    try:
        pulled = grad(y, point, grad_outputs=u, create_graph=True, allow_unused=True)
        return None if pulled is None or not pulled.requires_grad else _rows(pulled, u, record)
    except (GraphError, TypeError):
        return None


def _units(t: Tensor) -> Iterator[np.ndarray]:
    """For each element of a tensor an array of its shape, 1 there and 0 elsewhere."""
    for k in range(t.size):
        unit = np.zeros(t.size, t.dtype)
        unit[k] = 1
        yield unit.reshape(t.shape)


@overload
def hessian(f: Function, x: Array) -> np.ndarray: ...
@overload
def hessian(f: Function, x: Input) -> Value: ...
@named
def hessian(f: Function, x: Any) -> Any:
    """All second derivatives of the scalar function f: shape x.shape + x.shape.

    >>> tg.hessian(lambda x: x[0] ** 2 * x[1], np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    _check(f, "hessian")
    return jacobian(_gradient(f), x)
