"""The dtype of numbers and whole numbers among the inputs of ops: the only place that says what they become.

Python numbers, and lists of them, have the default dtype (float32, unless `set_default_dtype` says otherwise) if there
is a float among them.  Where another input is a floating array, a Python number takes that array's dtype, as in NumPy;
NumPy's scalars, such as ``np.float64(2)``, do the same beside a Tensor.  Whole numbers and booleans stay what they are
in ops that move, compare, add or multiply; in ops whose results are real numbers, which declare it with
``@op(floating=...)``, they become floats: of the dtype of the other floating inputs, or the default dtype if there are
none.  A Python float beside whole numbers alone makes these floats of the default dtype too.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ..core.compiled import lend
from ..core.errors import describe
from ..core.register import hooks
from ..core.tensor import Tensor, as_array
from .kinds import Dtype
from .noticing import notice

NUMBERS = (bool, int, float)
STEPS = ("floor_divide",)  # ops without rules whose results are numbers all the same
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
ndarray = np.ndarray


class _Default(threading.local):
    """The default dtype of this thread; not a context variable, as some notebooks run each cell in its own context."""

    dtype = FLOAT32


_default = _Default()


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of what is made of Python floats, or without a dtype, in this thread; float32 at first.

    >>> tg.get_default_dtype()
    dtype('float32')
    """
    return _default.dtype


class set_default_dtype:
    """Set the floating dtype of what is made of Python floats, or without a dtype, in this thread.

    It holds for Tensors of Python floats, functions that make Tensors (``tg.zeros``), starting values of layers, and
    whole numbers in ops whose results are real numbers.  Arrays keep their dtype, and so do images of data sets
    (float32); a float64 model computes in float64 with them all the same.  Other threads keep their own default.

    It holds until it is set again.  As a context, the dtype from before is restored at the end of the block.

    Parameters
    ----------
    dtype : np.float32, np.float64 or np.float16.

    Examples
    --------
    >>> with tg.set_default_dtype(np.float64):
    ...     print(tg.tensor([0.5]).dtype, nn.Linear(2, 3).weight.dtype)
    float64 float64
    >>> tg.tensor([0.5]).dtype
    dtype('float32')
    """

    def __init__(self, dtype: Dtype) -> None:
        self.before = _default.dtype
        try:
            kind = np.dtype(dtype) if dtype is not None else np.dtype(object)
        except (TypeError, ValueError):
            raise TypeError(
                f"set_default_dtype: {describe(dtype)} is not a dtype; use np.float32 or np.float64."
            ) from None
        if kind.kind != "f":
            raise TypeError(f"set_default_dtype: {describe(dtype)} is not floating; use np.float32 or np.float64.")
        _default.dtype = kind.newbyteorder("=")

    def __enter__(self) -> None:
        """Nothing is left to do: the dtype is set already."""

    def __exit__(self, *_: Any) -> None:
        _default.dtype = self.before


def with_dtypes(op: Any, arrays: list[Any], shaped: bool, loose: bool) -> tuple[list[Any], bool]:
    """Give Python numbers and whole numbers among an op's inputs their dtype.

    Returns the inputs, and whether there are plain arrays among them.  `shaped` says whether there were before,
    `loose` whether any input is not a Tensor.
    """
    floats, broadcasts, narrow, wide, number = op.floats, op.broadcasts, False, False, False
    for k, a in enumerate(arrays):  # mostly there is nothing to do, which is found out quickly
        if type(a) is ndarray:
            if (dtype := a.dtype) is FLOAT32:
                narrow = True
                continue
            if dtype is FLOAT64:
                wide = True
                continue
            if not floats >> k & 1:
                continue
        elif a is None:
            continue
        elif broadcasts and type(a) in NUMBERS:
            number = True
            continue
        break
    else:
        if narrow and wide and floats:
            notice(op, arrays)
        if narrow or wide or not number:
            return arrays, shaped or (loose and not broadcasts)
    real = any([type(a) is float for a in arrays])
    if loose and not (broadcasts and any([type(a) not in NUMBERS for a in arrays])):
        arrays, shaped = [_lent(a, real, arrays) if type(a) in NUMBERS else a for a in arrays], True
    elif real and not floats and all([a.dtype.kind in "biu" for a in arrays if hasattr(a, "dtype")]):
        moves = [op.input(k) in op.rules or op.name in STEPS for k in range(len(arrays))]  # the mask of where stays one
        arrays = [
            a.astype(_default.dtype) if m and type(a) is ndarray else a for a, m in zip(arrays, moves, strict=True)
        ]
    return as_floats(op, arrays) if floats else arrays, shaped


def _lent(number: Any, real: bool, arrays: list[Any]) -> Any:
    """A Python number as an array: of the dtype of floating arrays beside it, if it or another one is a float."""
    if not real:
        return as_array(number)
    dtype = floating_dtype(*[a for a in arrays if isinstance(a, ndarray)])
    return np.asarray(float(number), np.finfo(dtype).dtype)  # of complex numbers, that of their parts


def as_floats(op: Any, arrays: list[Any]) -> list[Any]:
    """The inputs, with whole numbers and booleans as floats where the op declares that it needs them."""
    mine = [k for k, a in enumerate(arrays) if op.floats >> k & 1 and hasattr(a, "dtype")]
    for k in mine:
        if arrays[k].dtype.kind not in "biufc":  # complex numbers are gradcheck's: a Tensor holds none
            raise TypeError(
                f"{op.name}: input {op.input(k)} needs numbers or booleans, but has dtype {arrays[k].dtype}."
                f"{remedy(arrays[k])}"
            )
    notice(op, arrays)
    dtype = floating_dtype(*[arrays[k] for k in mine])
    return [a.astype(dtype) if k in mine and a.dtype.kind in "biu" else a for k, a in enumerate(arrays)]


def floating_dtype(*arrays: Any) -> np.dtype[Any]:
    """The dtype in which whole numbers among these arrays (or Tensors) are computed with."""
    floats = [a.dtype for a in arrays if a.dtype.kind in "fc"]
    return np.result_type(*floats) if floats else _default.dtype


def made_array(value: Any, who: str) -> np.ndarray:
    """An array of Python numbers and lists of them; floats among them are of the default dtype."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{who}: cannot make an array of this {type(value).__name__}: {error}") from None
    return array.astype(_default.dtype) if array.dtype == FLOAT64 and not hasattr(value, "dtype") else array


def weak(value: Any) -> Any:
    """A scalar of NumPy's as a Python number, whose dtype gives way; anything else as it is."""
    if not isinstance(value, np.generic) or value.dtype.kind not in "biuf":
        return value
    return float(value) if value.dtype.kind == "f" else value.item()


def beside_tensors(op: Any, value: Any, args: tuple[Any, ...]) -> Any:
    """An input that is a scalar of NumPy's: weak if a Tensor is among the inputs.

    Among plain arrays it keeps its dtype, as in NumPy.  Rules need this: in a first-order backward their arrays
    without axes become such scalars, whose digits would be lost.
    """
    return weak(value) if isinstance(value, np.generic) and any([isinstance(a, Tensor) for a in args]) else value


def remedy(value: Any) -> str:
    """What to do with an array that ops do not take."""
    if value is None:
        return ""
    if isinstance(value, np.ma.MaskedArray):
        return " Its mask would be lost: fill what is masked, as with x.filled(0), and pass the mask to tg.where."
    kind = np.asarray(value).dtype.kind
    if kind == "c":
        return " Pass x.real and x.imag; gradients of complex numbers are not defined here."
    return " Convert it, as with np.asarray(x, float)." if kind == "O" else ""


def odd(array: Any, value: Any) -> str:
    """What cannot become a Tensor, in words, with what to do."""
    return f"dtype {array.dtype} from {type(value).__name__}.{remedy(value)}" if value is not None else "None."


lend(numbers=with_dtypes)
hooks.update(numbers=with_dtypes, array=made_array, scalar=beside_tensors, odd=odd)
