"""Calls of the compiled kernels: what is strided or unaligned is copied, and what they cannot do is declined."""

from __future__ import annotations

from typing import Any

import numpy as np


def contiguous(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arrays, C-contiguous and aligned; None stays."""
    return tuple(a if a is None else np.require(a, requirements=["C", "A"]) for a in arrays)


def run(kernel: Any, inputs: tuple[Any, ...], out: Any, *rest: Any) -> Any:
    """Call ``kernel(*inputs, out, *rest)``, again with copies of inputs that it needs contiguous.

    Returns `out`, or NotImplemented.
    """
    done = kernel(*inputs, out, *rest)
    if done is False:
        done = kernel(*contiguous(inputs), out, *rest)
    return out if done is True else NotImplemented


def run_each(native: Any, empty: Any, what: int, a: Any, b: Any = None, numbers: Any = None) -> Any:
    """A function of single elements of a, and of b of the same shape."""
    if b is not None and b.shape != a.shape:
        return NotImplemented
    out = empty(a.shape, a.dtype)
    done = native.each(what, out, a, b, None, None, numbers)
    if done is False:
        done = native.each(what, out, *contiguous((a, b)), None, None, numbers)
    return out if done is True else NotImplemented
