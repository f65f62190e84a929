"""Making Tensors of known values.  Floats are of the default dtype unless told otherwise: see `tg.set_default_dtype`.

Lengths of axes are written ``2, 3`` or ``(2, 3)``.  Memory that nobody filled is not handed out, so there is no
``empty``: results would depend on what the memory held before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import get_default_dtype
from ..autodiff.calls import named
from ..autodiff.kinds import Array, Dtype, Number, Shape, Whole
from ..autodiff.numbers import is_whole, number, whole, wholes
from ..core import Tensor
from ..core.errors import describe
from ..core.tensor import as_array
from ._arguments import Input, values
from .cross_entropy import one_hot_rows
from .shape import reshape

__all__ = [
    "arange", "eye", "full", "full_like", "linspace", "logspace", "one_hot", "ones", "ones_like", "tensor", "zeros",
    "zeros_like",
]  # fmt: skip


def shape_from(who: str, sizes: tuple[Any, ...], shape: Any = None) -> tuple[int, ...]:
    """The shape that is written as ``2, 3``, as ``(2, 3)``, or by its name."""
    if sizes and shape is not None:
        raise TypeError(f"{who}: shape was given twice, as {describe(sizes)} and as shape={describe(shape)}.")
    given = sizes if shape is None else (shape,)
    if len(given) > 1 and isinstance(given[0], (tuple, list)):
        raise TypeError(f"{who}: {describe(given[1])} follows the shape {given[0]}; settings go by name, as dtype=...")
    one = given[0] if len(given) == 1 and not is_whole(given[0]) else given
    if isinstance(one, np.ndarray) and one.ndim == 1:  # such as np.array([2, 3])
        one = tuple(one)
    return wholes(who, "shape", one, 0)


def dtype_or_default(dtype: Dtype) -> Any:
    """The dtype that was asked for, or the default dtype."""
    return get_default_dtype() if dtype is None else dtype


@named
def tensor(data: Any, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor of a copy of `data`; Python floats get the default dtype, float32 unless set.

    >>> tg.tensor([1, 2, 3], dtype=np.float32, requires_grad=True)
    Tensor([1., 2., 3.], dtype=float32, requires_grad=True)
    """
    return Tensor(data, dtype=dtype, requires_grad=requires_grad, name=name)


def _filled(
    shape: tuple[int, ...], value: Any, dtype: Dtype, requires_grad: bool, name: str | None
) -> Tensor:  # fmt: skip
    array = np.full(shape, values(value), dtype_or_default(dtype))
    return Tensor(array, requires_grad=requires_grad, name=name, copy=False)


@named
def full(
    shape: Shape, value: Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """`value` everywhere.  Of the default dtype, also where `value` is a whole number.

    >>> tg.full((2, 2), 7)
    Tensor([[7., 7.],
            [7., 7.]], dtype=float32)
    """
    return _filled(shape_from("full", (shape,)), value, dtype, requires_grad, name)


@named
def zeros(
    *sizes: Shape, shape: Shape | None = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """0 everywhere.

    >>> tg.zeros(2, 3, name="z")  # or tg.zeros((2, 3), name="z")
    Tensor([[0., 0., 0.],
            [0., 0., 0.]], dtype=float32, name='z')
    """
    return _filled(shape_from("zeros", sizes, shape), 0, dtype, requires_grad, name)


@named
def ones(
    *sizes: Shape, shape: Shape | None = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """1 everywhere.

    >>> tg.ones(3)
    Tensor([1., 1., 1.], dtype=float32)
    """
    return _filled(shape_from("ones", sizes, shape), 1, dtype, requires_grad, name)


def like(who: str, x: Any, dtype: Dtype) -> tuple[tuple[int, ...], Any]:
    """The shape of an array or Tensor, and its dtype unless another is asked for."""
    array = as_array(x, who)
    return array.shape, array.dtype if dtype is None else dtype


@named
def zeros_like(
    x: Tensor | Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """0 everywhere, of the shape and dtype of an array or Tensor; always a Tensor.

    >>> tg.zeros_like(np.array([1, 2]))
    Tensor([0, 0], dtype=int64)
    """
    return _filled(*_swapped(like("zeros_like", x, dtype), 0), requires_grad, name)


@named
def ones_like(
    x: Tensor | Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """1 everywhere, of the shape and dtype of an array or Tensor; always a Tensor.

    >>> tg.ones_like(tg.zeros(3))
    Tensor([1., 1., 1.], dtype=float32)
    """
    return _filled(*_swapped(like("ones_like", x, dtype), 1), requires_grad, name)


@named
def full_like(
    x: Tensor | Array, value: Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """`value` everywhere, in the shape and dtype of an array or Tensor; always a Tensor.

    A value that the dtype cannot hold, such as 0.5 among whole numbers, is refused.

    >>> tg.full_like(tg.zeros(3), 0.5)
    Tensor([0.5, 0.5, 0.5], dtype=float32)
    """
    shape, kind = like("full_like", x, dtype)
    array = as_array(value, "full_like")
    if np.dtype(kind).kind in "iub" and array.dtype.kind == "f":
        raise TypeError(
            f"full_like: value={describe(value)} does not fit the dtype {np.dtype(kind)} of x; pass dtype=np.float32."
        )
    return _filled(shape, value, kind, requires_grad, name)


def _swapped(shape_and_dtype: tuple[tuple[int, ...], Any], value: int) -> tuple[tuple[int, ...], int, Any]:
    return shape_and_dtype[0], value, shape_and_dtype[1]


@named
def arange(*bounds: Number, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """``arange(stop)`` or ``arange(start, stop, step)``; whole numbers unless a bound or dtype is floating.

    >>> tg.arange(2, 8, 2)
    Tensor([2, 4, 6], dtype=int64)
    """
    if not 1 <= len(bounds) <= 3:
        raise TypeError(f"arange: takes stop, or start, stop and perhaps step; got {len(bounds)} numbers.")
    names = ("stop",) if len(bounds) == 1 else ("start", "stop", "step")
    plain = [
        whole("arange", n, v, None) if is_whole(v) else number("arange", n, v)
        for n, v in zip(names, bounds, strict=False)
    ]
    if len(plain) == 3 and plain[2] == 0:
        raise ValueError("arange: step=0 never reaches stop; it must be above or below 0.")
    array = np.arange(*plain, dtype=dtype)
    if dtype is None and array.dtype.kind == "f":
        array = array.astype(get_default_dtype())
    return Tensor(array, requires_grad=requires_grad, name=name, copy=False)


@named
def linspace(
    start: Number, stop: Number, num: Whole = 50, *, endpoint: bool = True, dtype: Dtype = None,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`num` numbers at equal distances from `start` to `stop`, which is the last one unless ``endpoint=False``.

    They are plain values: no gradient flows to the bounds.

    >>> tg.linspace(0, 1, 5)
    Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    first, last = number("linspace", "start", start), number("linspace", "stop", stop)
    array = np.linspace(first, last, whole("linspace", "num", num, 0), endpoint=bool(endpoint))
    return Tensor(array, dtype=dtype_or_default(dtype), requires_grad=requires_grad, name=name, copy=False)


@named
def logspace(
    start: Number, stop: Number, num: Whole = 50, *, base: Number = 10.0, endpoint: bool = True, dtype: Dtype = None,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`num` numbers at equal ratios, from ``base ** start`` to ``base ** stop``: learning rates to try, say.

    >>> tg.logspace(-3, -1, 3)
    Tensor([0.001, 0.01 , 0.1  ], dtype=float32)
    """
    first, last = number("logspace", "start", start), number("logspace", "stop", stop)
    factor = number("logspace", "base", base, above=0, high=math.inf)
    array = np.logspace(first, last, whole("logspace", "num", num, 0), base=factor, endpoint=bool(endpoint))
    return Tensor(array, dtype=dtype_or_default(dtype), requires_grad=requires_grad, name=name, copy=False)


@named
def eye(
    n: Whole, m: Whole | None = None, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix, zeros elsewhere.

    >>> tg.eye(2)
    Tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    columns = m if m is None else whole("eye", "m", m, 0)
    array = np.eye(whole("eye", "n", n, 0), columns, dtype=dtype_or_default(dtype))
    return Tensor(array, requires_grad=requires_grad, name=name, copy=False)


@named
def one_hot(labels: Input, classes: Whole, *, dtype: Dtype = None) -> Any:
    """Rows with 1 in the column of the label.  labels (...) whole numbers below `classes` -> (..., classes)

    Of the default dtype unless `dtype` says otherwise; arrays give an array, Tensors a Tensor.

    >>> tg.one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = labels if isinstance(labels, Tensor) else as_array(labels, "one_hot")
    columns = whole("one_hot", "classes", classes)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot: labels {describe(labels)} must be whole numbers. Convert them, as x.astype(int).")
    plain = values(labels)
    if plain.size and not (plain.min() >= 0 and plain.max() < columns):
        wrong = plain.min() if plain.min() < 0 else plain.max()
        raise ValueError(f"one_hot: label {wrong} is not from 0 to {columns - 1}, as classes={columns} asks.")
    rows = one_hot_rows(labels, classes=columns, dtype=np.dtype(dtype_or_default(dtype)))
    return reshape(rows, (*labels.shape, columns))
