"""What calls cost: read from the ops' own cost functions, with the shapes that really occurred."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.cost import Cost
from ..autodiff.observing import Call
from ..autodiff.reader import finds_all
from ..core import Op
from ..core.tensor import as_array


def values(call: Call) -> list[np.ndarray]:
    """The arrays that a call made, side results included."""
    if call.node is not None:
        return [np.asarray(as_array(g)) for _, g in call.result]
    made = call.result if isinstance(call.result, tuple) else (call.result,)
    return [np.asarray(a) for a in made if isinstance(a, (np.ndarray, np.generic))]


def outer(call: Call) -> Call | None:
    """The call that this one is a part of.  A checkpoint's step back is none: it repeats calls in their own right."""
    around = call.within
    return None if around is None or finds_all(around.op) else around


def forward_cost(call: Call) -> Cost:
    """FLOP and traffic of a call of an op."""
    y = values(call)[:1]
    shape, itemsize = (y[0].shape, y[0].dtype.itemsize) if y else ((), 4)
    shapes = [None if a is None else np.shape(a) for a in call.arrays]
    cost: Cost = call.op.cost(shapes, shape, call.params, itemsize)
    return cost


def backward_cost(call: Call) -> Cost:
    """FLOP and traffic of a step back whose rules called no ops, from the cost of the op itself: an estimate.

    A product costs as much in either factor's gradient as forward, and most others are near it; a vector's gradient
    (a bias, a scale) is a sum over the cotangent.
    """
    node, (g,) = call.node, call.arrays
    shapes = [None if edge is None else edge.shape for edge in node.inputs]
    once = node.op.cost(shapes, node.shape, node.params, node.dtype.itemsize)
    made = values(call)
    flop = sum(once.flop if a.ndim > 1 or a.size >= g.size else g.size for a in made)
    return Cost(flop, g.nbytes + sum(a.nbytes + once.bytes - g.nbytes for a in made))


def multiply_adds(op: Op, flop: int, y_size: int) -> int:
    """Multiply-adds among these FLOP: half of them where the op sums products of two inputs, else none.

    Which ops do is read from their rules.  In a product of a and b, the gradient of a takes b and not a, and that
    of b takes a and not b, neither a side result; a sum of products has at least two FLOP for each element of its
    result.  So dense layers, convolutions, matmul and einsum count, as is the custom; losses, batch norm, pooling,
    biases and activations do not.
    """
    return flop // 2 if flop >= 2 * y_size and _is_product(op) else 0


def _is_product(op: Op) -> bool:
    named = {name: set(_names(rule)) for name, rule in op.rules.items()}
    named = {name: names for name, names in named.items() if not names & {*op.aux}}
    if op.variadic:
        return op.inputs[-1] in named.get(op.inputs[-1], ())
    return any(
        b in named[a] and a in named[b] and a not in named[a] and b not in named[b]
        for a in named
        for b in named
        if a < b
    )


def _names(rule: Any) -> tuple[str, ...]:
    code = rule.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def fresh(call: Call) -> list[np.ndarray]:
    """The memory that a call took for its results: those that are views of its inputs take none."""
    given = {id(owner(a)) for a in call.arrays if isinstance(a, np.ndarray)}
    own = {id(o): o for o in (owner(a) for a in values(call)) if id(o) not in given}
    return list(own.values())


def nbytes(arrays: list[np.ndarray]) -> int:
    """Their memory, in bytes."""
    return sum(a.nbytes for a in arrays)
