"""The dtype of numbers and whole numbers among the inputs of ops: the only place that says what they become.

Python numbers, and lists of them, are float32 if there is a float among them.  Where another input is an array, a
Python number takes that array's dtype, as in NumPy.  Whole numbers and booleans stay what they are in ops that move,
compare, add or multiply; in ops whose results are real numbers, which declare it with ``@op(floating=...)``, they
become floats: of the dtype of the other floating inputs, or `WHOLE` if there are none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.register import hooks
from ..core.tensor import as_array

WHOLE = np.dtype(np.float32)  # what whole numbers become on their own
NUMBERS = (bool, int, float)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
ndarray = np.ndarray


def with_dtypes(op: Any, arrays: list[Any], shaped: bool, loose: bool) -> tuple[list[Any], bool]:
    """Give Python numbers and whole numbers among an op's inputs their dtype.

    Returns the inputs, and whether there are plain arrays among them.  `shaped` says whether there were before,
    `loose` whether any input is not a Tensor.
    """
    floats = op.floats
    for a in arrays:  # mostly there is nothing to do, which is found out quickly
        if type(a) is ndarray:
            if not floats or (dtype := a.dtype) is FLOAT32 or dtype is FLOAT64:
                continue
        elif a is None:
            continue
        break
    else:
        return arrays, shaped or (loose and not op.broadcasts)
    if loose and not (op.broadcasts and any([type(a) not in NUMBERS for a in arrays])):
        real = any([type(a) is float for a in arrays])
        arrays = [as_array(float(a) if real else a) if type(a) in NUMBERS else a for a in arrays]
        shaped = True
    return as_floats(op, arrays) if op.floats else arrays, shaped


def as_floats(op: Any, arrays: list[Any]) -> list[Any]:
    """The inputs, with whole numbers and booleans as floats where the op declares that it needs them."""
    mine = [k for k, a in enumerate(arrays) if op.floats >> k & 1 and hasattr(a, "dtype")]
    for k in mine:
        if arrays[k].dtype.kind not in "biufc":  # complex numbers are gradcheck's: a Tensor holds none
            raise TypeError(
                f"{op.name}: input {op.input(k)} needs numbers or booleans, but has dtype {arrays[k].dtype}."
                f"{remedy(arrays[k])}"
            )
    dtype = floating_dtype(*[arrays[k] for k in mine])
    return [a.astype(dtype) if k in mine and a.dtype.kind in "biu" else a for k, a in enumerate(arrays)]


def floating_dtype(*arrays: Any) -> np.dtype[Any]:
    """The dtype in which whole numbers among these arrays (or Tensors) are computed with."""
    floats = [a.dtype for a in arrays if a.dtype.kind in "fc"]
    return np.result_type(*floats) if floats else WHOLE


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


hooks.update(numbers=with_dtypes, odd=odd)
