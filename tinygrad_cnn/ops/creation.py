"""Making tensors.  float32 unless told otherwise."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Array, Dtype, Number, Rng, Shape, Whole
from ..core import Tensor
from .random import draw_from, generator

__all__ = ["arange", "eye", "full", "ones", "rand", "randn", "tensor", "zeros"]


def tensor(data: Any, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor of a copy of `data`; Python floats become float32.

    >>> tg.tensor([1, 2, 3], dtype=np.float32, requires_grad=True)
    Tensor([1., 2., 3.], dtype=float32, requires_grad=True)
    """
    return Tensor(data, dtype=dtype, requires_grad=requires_grad, name=name)


@named
def full(
    shape: Shape, value: Array, *, dtype: Dtype = np.float32, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """`value` everywhere.

    >>> tg.full((2, 2), 7)
    Tensor([[7., 7.],
            [7., 7.]], dtype=float32)
    """
    return Tensor(np.full(shape, value, dtype), requires_grad=requires_grad, name=name, copy=False)


@named
def zeros(shape: Shape, *, dtype: Dtype = np.float32, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """0 everywhere.

    >>> tg.zeros((2, 3), name="z")
    Tensor([[0., 0., 0.],
            [0., 0., 0.]], dtype=float32, name='z')
    """
    return full(shape, 0, dtype=dtype, requires_grad=requires_grad, name=name)


@named
def ones(shape: Shape, *, dtype: Dtype = np.float32, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """1 everywhere.

    >>> tg.ones(3)
    Tensor([1., 1., 1.], dtype=float32)
    """
    return full(shape, 1, dtype=dtype, requires_grad=requires_grad, name=name)


@named
def arange(*bounds: Number, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """``arange(stop)`` or ``arange(start, stop, step)``; whole numbers unless a bound or dtype is floating.

    >>> tg.arange(2, 8, 2)
    Tensor([2, 4, 6], dtype=int64)
    """
    array = np.arange(*bounds, dtype=dtype)
    if dtype is None and array.dtype == np.float64:
        array = array.astype(np.float32)
    return Tensor(array, requires_grad=requires_grad, name=name, copy=False)


@named
def eye(
    n: Whole, m: Whole | None = None, *, dtype: Dtype = np.float32, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix, zeros elsewhere.

    >>> tg.eye(2)
    Tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    array = np.eye(index(n), m if m is None else index(m), dtype=dtype)
    return Tensor(array, requires_grad=requires_grad, name=name, copy=False)


@named
def randn(
    *shape: Shape, rng: Rng = None, dtype: Dtype = np.float32, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Normal random numbers of mean 0, variance 1.  `rng`: a ``np.random.Generator`` or an int seed.

    >>> tg.randn(2, 3, rng=0).shape
    (2, 3)
    >>> np.array_equal(tg.randn(3, rng=0), tg.randn(3, rng=0))  # a seed fixes the draw
    True
    """
    values = draw_from(generator(rng, "randn"), "standard_normal", _shape(shape))
    return Tensor(values.astype(dtype), requires_grad=requires_grad, name=name, copy=False)


@named
def rand(
    *shape: Shape, rng: Rng = None, dtype: Dtype = np.float32, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Uniform random numbers in [0, 1).  `rng`: a ``np.random.Generator`` or an int seed.

    >>> x = tg.rand(1000, rng=0)
    >>> float(x.min()) >= 0, float(x.max()) < 1
    (True, True)
    """
    values = draw_from(generator(rng, "rand"), "random", _shape(shape))
    return Tensor(values.astype(dtype), requires_grad=requires_grad, name=name, copy=False)


def _shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
