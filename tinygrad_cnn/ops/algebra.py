"""The ops that the engine itself calls: to add up gradients, to undo broadcasting, to return to a dtype, to cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..autodiff.batching import elementwise, lengthened
from ..autodiff.dtypes import floating_dtype
from ..autodiff.kinds import Dtype, Shape
from ..autodiff.sample import Sample as S
from ..core import op
from ..core.tensor import Tensor, as_array

__all__ = ["add", "broadcast_to", "cast"]


def is_large(a: Any) -> bool:
    """Is it an array that several threads add or multiply faster than NumPy?  Smaller ones are not worth the call."""
    return type(a) is np.ndarray and a.size >= 1 << 15


def _sum_to(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Sum x over the axes that broadcasting to its shape would add or stretch.  x (...) -> shape."""
    lead = x.ndim - len(shape)
    axes = (*range(lead), *(k + lead for k, n in enumerate(shape) if n == 1 and x.shape[k + lead] != 1))
    return x.sum(axis=axes).reshape(shape)


def _sum_to_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x,), shape = inputs, params["shape"]
    lead = [1] * (x.ndim - 1 - len(shape))
    return op(x, shape=(len(x), *lead, *shape)).reshape(len(x), *shape)


def _broadcast_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x,), shape = inputs, params["shape"]
    return op(lengthened(x, len(shape)), (len(x), *shape))


@op(
    linear=["a", "b"],
    broadcasts=True,
    samples=[S(a=(2, 3), b=(2, 3)), S(a=(2, 1, 3), b=(4, 1))],
    ref=np.add,
    numpy=[np.add],
)
def add(a: Any, b: Any) -> Any:
    """a + b, broadcast.  a (...) · b (...) -> (...)"""
    return kernels.add(a, b) if is_large(a) else np.add(a, b)


add.vjp(a=lambda g: g, b=lambda g: g)


@op(
    linear=["x"],
    samples=[S(x=(2, 3, 4), shape=(1, 4)), S(x=(2, 3), shape=(2, 3)), S(x=(2, 3), shape=())],
    cost=lambda x_shape: np.prod(x_shape),
    ref=lambda x, *, shape: np.einsum("ijk->k", x)[None] if x.ndim == 3 else (x.sum() if shape == () else x),
    stacks=_sum_to_stack,
)
def sum_to(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Sum x down to a shape that broadcasts to its own; the adjoint of broadcast_to.  x (...) -> shape"""
    return _sum_to(x, shape=shape)


@op(
    linear=["x"],
    params=["shape"],
    samples=[S(x=(1, 4), shape=(2, 3, 4)), S(x=(3, 1), shape=(3, 1)), S(x=(), shape=(2, 2))],
    cost=lambda: 0,
    ref=lambda x, shape: x + np.zeros(shape),
    numpy=[np.broadcast_to],
    stacks=_broadcast_stack,
)
def broadcast_to(x: Any, shape: Shape) -> Any:
    """Repeat x along axes of length 1 and new leading axes.  x (...) -> shape

    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> tg.grad(tg.broadcast_to(x, (3, 2)).sum(), x)  # a number used three times
    array([3., 3.], dtype=float32)
    """
    return np.broadcast_to(x, shape)  # type: ignore[arg-type]  # NumPy's stubs lack its own integers


sum_to.vjp(x=lambda g, x_shape: broadcast_to(g, x_shape))
broadcast_to.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))


@op(stacks=elementwise, samples=[S(x=(2, 3), dtype=np.float64)], ref=lambda x, *, dtype: x * np.ones((), dtype))
def cast(x: Any, *, dtype: Dtype) -> Any:
    """Convert to another dtype.  x (...) -> (...)"""
    if dtype is None:  # which NumPy takes for float64
        raise TypeError("cast: dtype=None must be a dtype, such as np.float32.")
    return x.astype(dtype)


cast.vjp(x=lambda g, x_dtype: cast(g, dtype=x_dtype))


def floats(who: str, *xs: Any) -> tuple[Any, ...]:
    """Arrays or Tensors with whole numbers and booleans as floats, by the rule of ``@op(floating=...)``."""
    arrays = tuple([x if isinstance(x, Tensor) else as_array(x, who) for x in xs])
    dtype = floating_dtype(*arrays)
    return tuple([cast(x, dtype=dtype) if x.dtype.kind in "biu" else x for x in arrays])


@op(linear=["x"], samples=[S(x=(2, 3))], ref=np.array, cost=lambda: 0, stacks=elementwise)
def alias(x: Any) -> Any:
    """x itself, under a new node: a place to differentiate at.  x (...) -> (...)"""
    return x


alias.vjp(x=lambda g: g)
