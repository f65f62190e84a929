"""Making Tensors of random numbers.  `rng` is a ``np.random.Generator``, an int seed, or None for a draw of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import get_default_dtype
from ..autodiff.calls import named
from ..autodiff.kinds import Array, Dtype, Rng, Shape, Whole
from ..autodiff.numbers import is_whole, whole
from ..core import Tensor
from ..core.errors import describe
from .creation import dtype_or_default, like, shape_from
from .random import draw_from, generator

__all__ = ["permutation", "rand", "rand_like", "randint", "randn", "randn_like"]


def _drawn(
    who: str, method: str, shape: tuple[int, ...], rng: Rng, dtype: Dtype, requires_grad: bool, name: str | None
) -> Tensor:
    found = draw_from(generator(rng, who), method, shape, into=dtype_or_default(dtype))
    return Tensor(found, requires_grad=requires_grad, name=name, copy=False)


def _like(who: str, x: Any, dtype: Dtype) -> tuple[tuple[int, ...], Any]:
    """The shape and dtype to draw; of whole numbers the default dtype, since they hold no fractions."""
    shape, kind = like(who, x, dtype)
    return shape, kind if dtype is not None or kind.kind == "f" else get_default_dtype()


@named
def randn(
    *sizes: Shape, shape: Shape | None = None, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normal random numbers of mean 0, variance 1.  `rng`: a ``np.random.Generator`` or an int seed.

    >>> tg.randn(2, 3, rng=0).shape
    (2, 3)
    >>> np.array_equal(tg.randn(3, rng=0), tg.randn(3, rng=0))  # a seed fixes the draw
    True
    """
    return _drawn("randn", "standard_normal", shape_from("randn", sizes, shape), rng, dtype, requires_grad, name)


@named
def rand(
    *sizes: Shape, shape: Shape | None = None, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Uniform random numbers in [0, 1).  `rng`: a ``np.random.Generator`` or an int seed.

    >>> x = tg.rand(1000, rng=0)
    >>> float(x.min()) >= 0, float(x.max()) < 1
    (True, True)
    """
    return _drawn("rand", "random", shape_from("rand", sizes, shape), rng, dtype, requires_grad, name)


@named
def randn_like(
    x: Tensor | Array, *, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Normal random numbers in the shape and floating dtype of an array or Tensor; always a Tensor.

    >>> noise = tg.randn_like(tg.zeros(2, 3), rng=0)
    >>> noise.shape, noise.dtype
    ((2, 3), dtype('float32'))
    """
    shape, kind = _like("randn_like", x, dtype)
    return _drawn("randn_like", "standard_normal", shape, rng, kind, requires_grad, name)


@named
def rand_like(
    x: Tensor | Array, *, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Uniform random numbers in [0, 1), in the shape and floating dtype of an array or Tensor; always a Tensor.

    >>> tg.rand_like(np.zeros(3), rng=0).dtype
    dtype('float64')
    """
    shape, kind = _like("rand_like", x, dtype)
    return _drawn("rand_like", "random", shape, rng, kind, requires_grad, name)


@named
def randint(
    low: Whole, high: Any = None, shape: Shape = (), *, rng: Rng = None, dtype: Dtype = np.int64,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Random whole numbers from `low` to `high` - 1, all equally likely; from 0 to `low` - 1 if `high` is left out.

    The order is that of ``np.random.randint`` and ``torch.randint``: low, high, shape.  As in PyTorch,
    ``randint(10, (2, 3))`` is short for ``randint(0, 10, (2, 3))``.

    >>> dice = tg.randint(1, 7, (100,), rng=0)
    >>> dice.shape, dice.dtype, sorted(set(dice.tolist()))
    ((100,), dtype('int64'), [1, 2, 3, 4, 5, 6])
    """
    if isinstance(high, (tuple, list)):  # low was left out
        if shape != ():
            raise TypeError(f"randint: high={high!r} must be a whole number, since shape={shape!r} was given too.")
        high, shape = None, high
    first = whole("randint", "low", low, None) if high is not None else 0
    end = whole("randint", "low" if high is None else "high", low if high is None else high, None)
    if first >= end:
        raise ValueError(f"randint: no whole number is at least {first} and below {end}; high must exceed low.")
    kind = np.dtype(dtype)
    if kind.kind in "iu" and not (np.iinfo(kind).min <= first and end - 1 <= np.iinfo(kind).max):
        raise ValueError(f"randint: {kind} cannot hold all numbers from {first} to {end - 1}; pass another dtype.")
    found = draw_from(generator(rng, "randint"), "integers", first, end, shape_from("randint", (shape,)), into=kind)
    return Tensor(found, requires_grad=requires_grad, name=name, copy=False)


@named
def permutation(
    n: Whole, *, rng: Rng = None, dtype: Dtype = np.int64, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """The whole numbers from 0 to n - 1 in a random order; ``x[tg.permutation(len(x))]`` are the rows of x in one.

    >>> order = tg.permutation(5, rng=0)
    >>> sorted(order.tolist())
    [0, 1, 2, 3, 4]
    """
    remedy = ""
    if not is_whole(n) and hasattr(n, "__len__"):
        remedy = f"For the rows of {describe(n)} in a random order, write x[tg.permutation(len(x))]."
    count = whole("permutation", "n", n, 0, remedy=remedy)
    found = draw_from(generator(rng, "permutation"), "permutation", count, into=np.dtype(dtype))
    return Tensor(found, requires_grad=requires_grad, name=name, copy=False)
