"""How far rounding can move results: ops run again with their results changed in the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.observing import Call, observing

DRAWS = 2  # of perturbations; the largest effect counts
SAFETY = 8  # times that effect is what rounding may do
MANY = 2.0**20  # last bits, of a change that tells rounding from a jump: what rounding does grows with it


@contextmanager
def perturbed(seed: int, inner: bool, bits: float = 1.0) -> Iterator[None]:
    """A context in which every floating result of an op is changed by the rounding error that it may bear.

    That is one unit in the last place (or `bits` of them), up or down; with `inner` also of the largest input, for ops
    that may compute a small result from large numbers, as a logarithm of a sum minus one of its terms; likewise what a
    rule makes of a cotangent.  Sums and products of the inputs themselves, and ops made of pieces, bear no such error.
    """

    def change(call: Call) -> None:
        if call.op is None:
            return
        if call.node is not None:
            if inner and not _simple(call.op):
                call.result = [(edge, _changed(g, seed, call.arrays, bits)) for edge, g in call.result]
            return
        y, *side = call.result if call.op.aux else (call.result,)
        if getattr(y, "dtype", np.dtype("?")).kind != "f" or any(_shares(y, a) for a in call.arrays):
            return
        moved = np.asarray(_changed(y, seed, call.arrays if inner and not _simple(call.op) else (), bits))
        call.result = (moved, *side) if call.op.aux else moved

    with observing(change):
        yield


def _shares(y: Any, a: Any) -> bool:
    return isinstance(a, np.ndarray) and np.may_share_memory(y, a)


def _simple(op: Any) -> bool:
    return op.broadcasts or bool(getattr(op, "linear", ())) or getattr(op, "branches", None) is not None


def _changed(y: Any, seed: int, arrays: Any, bits: float) -> Any:
    """The same change at every call with the same numbers, as a checkpoint that repeats its function demands."""
    if not isinstance(y, (np.ndarray, np.generic)):  # a Tensor: a step back that is recorded calls ops
        return y
    eps = bits * np.finfo(y.dtype).eps
    size = np.abs(y)
    for a in arrays:
        if isinstance(a, np.ndarray) and a.dtype.kind == "f":
            size = np.maximum(size, np.abs(a) if a.shape == y.shape else np.max(np.abs(a), initial=0.0))
    with np.errstate(over="ignore"):
        pattern = np.asarray(y, np.float64).reshape(-1).view(np.uint64) + np.arange(y.size, dtype=np.uint64)
        mixed = (pattern + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    sign = np.where((mixed ^ (mixed >> np.uint64(32))) & np.uint64(1 << 20), 1, -1).reshape(y.shape)
    return (y + eps * size * sign).astype(y.dtype)


@contextmanager
def in_float64(narrowed: list[Any]) -> Iterator[None]:
    """A context in which casts to fewer bits than float64 do nothing; the ops that wanted to are added to the list."""

    def undo(call: Call) -> None:
        if call.op is not None and call.node is None and call.op.name == "cast":
            (x,) = call.arrays
            if call.result.dtype.kind == "f" and call.result.dtype.itemsize < 8 and np.result_type(x) == np.float64:
                narrowed.append(call.op)
                call.result = np.asarray(x)

    with observing(undo):
        yield
