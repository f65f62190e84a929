"""One walk back for many cotangents: the calls of a backward pass, repeated on a stack of them.

A backward pass is linear in the cotangent that it starts from.  `record` notes the calls of ops through which that
cotangent goes; `Linear.rows` repeats them for a *stack* of K cotangents, one more axis in front of each value that
depends on it.  How an op treats stacks is a property of the op, ``@op(stacks=...)``: a function

    ``how(op, inputs, stacked, params)``

of the op, of its inputs as arrays (those with True in `stacked` have an axis of length K in front, not all of them
need have one) and of its parameters, which returns the K results, one above the other, or NotImplemented for a case
that it does not know.  An op without the property, or a case that is not known, is called K times.  Ops with
``broadcasts=True`` are elementwise and need no declaration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.engine import grad, in_order
from ..core.operation import FACTS
from ..core.tensor import Tensor, as_array
from .observing import Call, observing

FACTS.update(stacks=None)

How = Callable[[Any, list[Any], Sequence[bool], dict[str, Any]], Any]
# When stacks are worth it, as measured (docs/design/stacks.md): a record costs as much as two or three walks back.
FEWEST, MANY = 8, 64  # rows: with fewer there is no record; with many its cost does not count
FEW = 4  # rows at once: with fewer nothing is saved
ROOM = 1 << 22  # bytes that the largest value may take as a stack: with more, stacks leave the caches
LARGE = 1 << 16  # bytes of a value on average: with more, arithmetic takes longer than the calls that stacks save


# -- how ops treat stacks -------------------------------------------------------------------------------------


def length_of(inputs: Sequence[Any], stacked: Sequence[bool]) -> int:
    """The length K of the axis that stacked inputs have in front."""
    return next(len(x) for x, s in zip(inputs, stacked, strict=True) if s)


def all_stacked(inputs: Sequence[Any], stacked: Sequence[bool]) -> list[Any]:
    """The inputs, those that are not stacked repeated K times, as views."""
    k = length_of(inputs, stacked)
    return [
        x if s or x is None else np.broadcast_to(x, (k, *np.shape(x))) for x, s in zip(inputs, stacked, strict=True)
    ]


def elementwise(op: Any, inputs: list[Any], stacked: Sequence[bool], params: dict[str, Any]) -> Any:
    """Each element of the result is made of the elements at its place: stacks are aligned at the front."""
    if not op.broadcasts:
        return op(*all_stacked(inputs, stacked), **params)
    rank = max(np.ndim(x) - s for x, s in zip(inputs, stacked, strict=True))
    return op(*[lengthened(x, rank) if s else x for x, s in zip(inputs, stacked, strict=True)], **params)


def lengthened(x: Any, rank: int) -> Any:
    """A stack whose members have axes of length 1 in front, `rank` axes in all."""
    return x.reshape(len(x), *[1] * (rank + 1 - x.ndim), *x.shape[1:])


def first_axis(*names: str) -> How:
    """The inputs of these names are treated image by image: the stack becomes K times as many images."""

    def how(op: Any, inputs: list[Any], stacked: Sequence[bool], params: dict[str, Any]) -> Any:
        mine = [op.input(k) in names for k in range(len(inputs))]
        if any(s and not m for s, m in zip(stacked, mine, strict=True)):
            return NotImplemented
        k, whole = length_of(inputs, stacked), all_stacked(inputs, stacked)
        flat = [
            w.reshape(k * w.shape[1], *w.shape[2:]) if m else x for x, w, m in zip(inputs, whole, mine, strict=True)
        ]
        y = op(*flat, **params)
        return y.reshape(k, len(y) // k, *y.shape[1:])

    return how


def last_axes(*names: str) -> How:
    """The inputs of these names may have any number of axes in front, which are treated alike."""

    def how(op: Any, inputs: list[Any], stacked: Sequence[bool], params: dict[str, Any]) -> Any:
        known = all(op.input(k) in names for k, s in enumerate(stacked) if s)
        return op(*inputs, **params) if known else NotImplemented

    return how


def by_parameters(change: Callable[..., dict[str, Any]]) -> How:
    """An op of one input whose stack needs other parameters: ``change(shape, **params)`` gives them.

    `shape` is that of one member of the stack; what `change` does not return stays as it is.
    """

    def how(op: Any, inputs: list[Any], stacked: Sequence[bool], params: dict[str, Any]) -> Any:
        return op(*inputs, **{**params, **change(inputs[0].shape[1:], **params)}) if stacked[0] else NotImplemented

    return how


def later(axis: Any) -> Any:
    """An axis, or several, of a member of a stack, as axes of the stack; those counted from the end stay."""
    return tuple(map(later, axis)) if isinstance(axis, (tuple, list)) else axis + 1 if axis >= 0 else axis


def how_of(op: Any) -> How | None:
    """How an op treats stacks, if it says so."""
    how: How | None = op.stacks or (elementwise if op.broadcasts else None)
    return how


def call_stacked(op: Any, inputs: list[Any], stacked: Sequence[bool], params: dict[str, Any]) -> Any:
    """An op's results on stacks: by what it declares, or slice by slice."""
    how = how_of(op)
    y = how(op, inputs, stacked, params) if how is not None else NotImplemented
    return slice_by_slice(op, inputs, stacked, params) if y is NotImplemented else y


def slice_by_slice(op: Any, inputs: list[Any], stacked: Sequence[bool], params: dict[str, Any]) -> Any:
    """The same by K calls."""
    each = range(length_of(inputs, stacked))
    return np.stack([op(*[x[k] if s else x for x, s in zip(inputs, stacked, strict=True)], **params) for k in each])


# -- the walk -------------------------------------------------------------------------------------------------


class Linear:
    """The calls of one backward pass through which its cotangent went, in order."""

    def __init__(self, seed: np.ndarray) -> None:
        self.seed, self.result, self.whole = seed, seed, True
        self.values = {id(seed): seed}  # arrays that depend on the cotangent; kept, so that no other gets their id
        self.calls: list[tuple[Any, list[Any], dict[str, Any], np.ndarray]] = []

    def see(self, call: Call) -> None:
        """Note a call, as an observer; a step back that does not hand the cotangent on makes the record useless."""
        if call.node is not None:
            passed = [call.arrays[0], *[as_array(g) for _, g in call.result]]
            self.whole &= all(id(a) in self.values for a in passed) and not hooked(call.node)
        elif (call.within is None or call.within.node is not None) and any(id(a) in self.values for a in call.arrays):
            y = call.result[0] if call.op.aux else call.result
            self.whole &= type(y) is np.ndarray and not call.op.effects
            self.values[id(y)] = y
            self.calls.append((call.op, list(call.arrays), call.params, y))

    def finish(self, result: Any) -> bool:
        """Keep what leads to the result; return whether it depends on the cotangent by calls that were noted."""
        self.result = as_array(result)
        needed, calls = {id(self.result)}, []
        for call in reversed(self.calls):
            if id(call[3]) in needed:
                calls.append(call)
                needed.update([id(a) for a in call[1] if id(a) in self.values])
        self.calls = calls[::-1]
        return self.whole and id(self.result) in self.values

    def rows(self, stack: np.ndarray) -> Any:
        """The results for a stack of cotangents.  stack (K, *seed.shape) -> (K, *result.shape)"""
        values = {id(self.seed): stack}
        last = {id(a): n for n, (_, arrays, _, _) in enumerate(self.calls) for a in arrays}
        for n, (op, arrays, params, y) in enumerate(self.calls):
            stacked = [id(a) in values for a in arrays]
            found = call_stacked(op, [values.get(id(a), a) for a in arrays], stacked, params)
            if found.shape != (len(stack), *y.shape):
                raise ValueError(
                    f"{op.name}: of a stack of {len(stack)} it gave shape {found.shape}, expected "
                    f"{(len(stack), *y.shape)}. Correct its stacks=..., which tg.testing.check_op tests."
                )
            for a in arrays:
                if last[id(a)] == n and a is not self.result:
                    values.pop(id(a), None)
            values[id(y)] = found
        return values[id(self.result)]


def hooked(node: Any) -> bool:
    """Whether hooks are shown the gradient of a node: they expect one gradient at a time."""
    return node.note is not None and bool(node.note.hooks)


def record(y: Tensor, x: Tensor) -> Linear | None:
    """The backward pass from y to x as a record; None if some step of it is not made of ops alone."""
    if hooked(x.node):
        return None
    seed = Tensor(np.ones(y.shape, y.dtype))
    linear = Linear(seed._data)
    try:
        with observing(linear.see):
            found = grad(y, x, grad_outputs=seed, create_graph=True, allow_unused=True)
    except Exception:  # a rule for plain arrays only, say; what is wrong with f itself, the loop will say too
        return None
    return linear if found is not None and linear.finish(found) else None


def at_once(y: Tensor, x: Tensor) -> int:
    """How many rows of the Jacobian of y in x to take at once; 0 if one after another is better."""
    sizes = [math.prod(node.shape) * node.dtype.itemsize for node in in_order([y.node])]
    if y.size < FEWEST or sum(sizes) > LARGE * len(sizes) * min(1, y.size / MANY):
        return 0
    k = ROOM // max(*sizes, x.data.nbytes, 1)
    return 0 if k < FEW else math.ceil(y.size / math.ceil(y.size / k))  # blocks of nearly one length


def gradients(y: Tensor, x: Tensor) -> np.ndarray | None:
    """The gradient in x of every element of y, (y.size, *x.shape); None if a loop over them is better or needed."""
    k = at_once(y, x)
    linear = record(y, x) if k else None
    if linear is None:
        return None
    if k == y.size:
        return owned(linear.rows(units(y, 0, k)).astype(x.dtype, copy=False))
    rows = np.empty((y.size, *x.shape), x.dtype)
    for start in range(0, y.size, k):
        block = rows[start : start + k]
        block[...] = linear.rows(units(y, start, len(block)))
    return rows


def units(y: Tensor, start: int, count: int) -> np.ndarray:
    """A stack of arrays of y's shape, number k of them with 1 at element ``start + k`` and 0 elsewhere."""
    stack = np.zeros((count, y.size), y.dtype)
    stack[np.arange(count), start + np.arange(count)] = 1
    return stack.reshape(count, *y.shape)


def owned(a: np.ndarray) -> np.ndarray:
    """An array that its owner may write to, and that keeps no larger one alive: itself, or a copy."""
    base: Any = a if a.base is None else a.base
    return a if a.flags.c_contiguous and a.flags.writeable and base.nbytes == a.nbytes else a.copy()
