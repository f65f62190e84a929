"""Products of matrices and tensors: bilinear families, each its own rule."""

from __future__ import annotations

import math
import string
from operator import index
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import all_stacked, lengthened
from ..autodiff.calls import named
from ..autodiff.kinds import Places
from ..core import op
from ..kernels.shapes import rows_of
from . import _samples
from ._arguments import Input
from .algebra import sum_to
from .shape import expand_dims, reshape, swapaxes

__all__ = ["einsum", "matmul", "outer", "tensordot"]


def _matmul_ref(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sums of products, one result at a time."""
    A, B = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    lead = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A, B = np.broadcast_to(A, lead + A.shape[-2:]), np.broadcast_to(B, lead + B.shape[-2:])
    out = np.empty(lead + (A.shape[-2], B.shape[-1]))
    for p in np.ndindex(out.shape):
        row, column = A[p[:-1]], B[p[:-2]][:, p[-1]]
        out[p] = math.fsum(row * column)
    return out.reshape(lead + (a.shape[-2:-1] if a.ndim > 1 else ()) + (b.shape[-1:] if b.ndim > 1 else ()))


def _matmul_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """Vectors are written as matrices, and the axes in front of them aligned."""
    a, b = inputs
    ranks = [x.ndim - s for x, s in zip(inputs, stacked, strict=True)]
    if not stacked[1] and ranks[1] <= 2:  # one product of all rows
        y = op(a.reshape(math.prod(a.shape[:-1]), a.shape[-1]), b)
        return y.reshape(*a.shape[:-1], *b.shape[1:])
    a, b = (a[..., None, :] if ranks[0] == 1 else a), (b[..., None] if ranks[1] == 1 else b)
    rank = max(2, *ranks)
    a, b = (lengthened(x, rank) if s else x for x, s in zip((a, b), stacked, strict=True))
    y = op(a, b)
    y = y[..., 0] if ranks[1] == 1 else y
    return y if ranks[0] > 1 else y[..., 0, :] if ranks[1] > 1 else y[..., 0]


@op(
    linear=["a", "b"],
    samples=[S(a=(2, 3), b=(3, 4)), S(a=(5, 2, 3), b=(3, 4)), S(a=(2, 1, 2, 3), b=(4, 3, 2)), S(a=(3,), b=(3,)),
             S(a=(3,), b=(3, 2)), S(a=(2, 3), b=(3,)), S(a=(2, 2, 3), b=(3,)), S(a=(3,), b=(2, 3, 2))],
    ref=_matmul_ref,
    cost=lambda a_shape, y_shape: 2 * a_shape[-1] * math.prod(y_shape),
    numpy=[np.matmul],
    stacks=_matmul_stack,
    per_sample={"b": lambda g, a, b_shape: _samples.dense(g, a) if len(b_shape) == 2 else NotImplemented},
)  # fmt: skip
def matmul(a: Any, b: Any) -> Any:
    """The matrix product, by NumPy's rules for vectors and batches.  a (..., N, K) · b (..., K, M) -> (..., N, M)

    >>> a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 1.0])
    >>> tg.matmul(a, b)
    array([12., 34.])
    >>> tg.matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape  # stacks of matrices broadcast
    (5, 2, 4)
    """
    if not a.ndim or not b.ndim:
        raise ValueError(f"matmul: a {a.shape} and b {b.shape} must each have an axis; use * for plain numbers.")
    inner = b.shape[-2 if b.ndim > 1 else 0]
    if a.shape[-1] != inner:
        raise ValueError(
            f"matmul: a {a.shape} and b {b.shape} do not chain: the last axis of a has length {a.shape[-1]}, "
            f"the first of b's matrix {inner}. Transpose or reshape one of them."
        )
    if a.ndim == b.ndim == 2 and a.dtype == b.dtype:
        turned_a, turned_b = _turned(a), _turned(b)
        if not (turned_a and turned_b):
            return kernels.matmul(a.T if turned_a else a, b.T if turned_b else b, turned_a, turned_b, None, False)
    return np.matmul(a, b)


def _turned(m: Any) -> bool:
    """Whether a matrix is the transpose of a contiguous one."""
    return m.flags.f_contiguous and not m.flags.c_contiguous


def _as_matrices(g: Any, a: Any, b: Any, a_shape: Any, b_shape: Any) -> tuple[Any, Any, Any]:
    """The three with a vector operand written as a matrix, and g to match."""
    if len(b_shape) == 1:
        g, b = expand_dims(g, -1), None if b is None else expand_dims(b, -1)
    if len(a_shape) == 1:
        g, a = expand_dims(g, -2), None if a is None else expand_dims(a, 0)
    return g, a, b


def _fold(x: Any, shape: tuple[int, ...], matrix: tuple[int, ...]) -> Any:
    """Sum over the batch axes that broadcasting added, and write a vector as it was."""
    full = shape if len(shape) > 1 else matrix
    x = x if x.shape == full else sum_to(x, shape=full)
    return x if full == shape else reshape(x, shape)


def _matmul_a(g: Any, b: Any, a_shape: Any, b_shape: Any) -> Any:
    g, _, b = _as_matrices(g, None, b, a_shape, b_shape)
    return _fold(matmul(g, swapaxes(b, -1, -2)), a_shape, (1, a_shape[-1]))


def _matmul_b(g: Any, a: Any, a_shape: Any, b_shape: Any) -> Any:
    g, a, _ = _as_matrices(g, a, None, a_shape, b_shape)
    if len(b_shape) <= 2 and len(a.shape) > 2:  # one product instead of a batch of them and a sum
        a, g = rows_of(a), rows_of(g)
    return _fold(matmul(swapaxes(a, -1, -2), g), b_shape, (b_shape[0], 1))


matmul.vjp(a=_matmul_a, b=_matmul_b)
matmul.formula(y="a @ b", a="g @ b.T", b="a.T @ g")


def _outer_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    a, b = all_stacked(inputs, stacked)
    return a.reshape(len(a), -1, 1) * b.reshape(len(b), 1, -1)


@op(
    linear=["a", "b"],
    samples=[S(a=(2, 3), b=(4,)), S(a=(3,), b=(2,))],
    ref=lambda a, b: np.array([[x * y for y in b.ravel()] for x in a.ravel()]),
    numpy=[np.outer],
    stacks=_outer_stack,
)
def outer(a: Any, b: Any) -> Any:
    """All products of an element of a and an element of b.  a (...) · b (...) -> (a.size, b.size)

    >>> tg.outer(np.array([1.0, 2.0]), np.array([10.0, 1.0]))
    array([[10.,  1.],
           [20.,  2.]])
    """
    return np.outer(a, b)


outer.vjp(
    a=lambda g, b, a_shape: reshape(matmul(g, reshape(b, -1)), a_shape),
    b=lambda g, a, b_shape: reshape(matmul(reshape(a, -1), g), b_shape),
)


def _parse(subscripts: str, shapes: Any) -> tuple[list[str], str]:
    """Explicit einsum subscripts, one string per operand and one for the result; "..." spelled out."""
    text = subscripts.replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(shapes)}.")
    if bad := set(left + out) - set(string.ascii_letters + ",."):
        raise ValueError(f"einsum: {subscripts!r} has {sorted(bad)}; subscripts are letters, commas, '->' and '...'.")
    spare = [c for c in string.ascii_letters if c not in text]
    most = max((len(s) - len(t) + 3 for t, s in zip(terms, shapes, strict=True) if "..." in t), default=0)
    dots = "".join(spare[:most])
    for k, (t, s) in enumerate(zip(terms, shapes, strict=True)):
        rank = len(s) - len(t) + 3 if "..." in t else 0
        terms[k] = t.replace("...", dots[most - rank :])
        if len(terms[k]) != len(s):
            raise ValueError(f"einsum: subscript {t!r} names {len(terms[k])} axes, operand {k} has shape {s}.")
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        out = ("..." if dots else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return terms, out.replace("...", dots)


def _sizes(terms: list[str], shapes: Any) -> dict[str, int]:
    """The length of each named axis; one of length 1 is stretched to its namesakes."""
    size: dict[str, int] = {}
    for t, s in zip(terms, shapes, strict=True):
        for c, n in zip(t, s, strict=True):
            if n != size.get(c, n) and 1 not in (n, size[c]):
                raise ValueError(f"einsum: axis {c} has length {size[c]} and {n} in {list(shapes)}; make them equal.")
            size[c] = n if size.get(c, 1) == 1 else size[c]
    return size


def _einsum_ref(*xs: np.ndarray, subscripts: str) -> np.ndarray:
    terms, out = _parse(subscripts, [x.shape for x in xs])
    size = _sizes(terms, [x.shape for x in xs])
    y = np.zeros([size[c] for c in out])
    for p in np.ndindex(*size.values()):
        at = dict(zip(size, p, strict=True))
        parts = [x[tuple(at[c] % n for c, n in zip(t, x.shape, strict=True))] for t, x in zip(terms, xs, strict=True)]
        y[tuple(at[c] for c in out)] += math.prod(parts)
    return y


def _einsum_cost(xs_shape: Any, subscripts: str) -> int:
    terms, _ = _parse(subscripts, xs_shape)
    return len(terms) * math.prod(_sizes(terms, xs_shape).values())


def _einsum_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """One more letter, in front of the operands that are stacked and of the result."""
    terms, out = _parse(params["subscripts"], [x.shape[s:] for x, s in zip(inputs, stacked, strict=True)])
    letter = next(c for c in string.ascii_letters if c not in "".join(terms) + out)
    terms = [letter * s + t for t, s in zip(terms, stacked, strict=True)]
    return op(*inputs, subscripts=f"{','.join(terms)}->{letter}{out}")


@op(
    linear=["xs"],
    name="einsum",
    samples=[
        S(xs=[(2, 3), (3, 4)], subscripts="ij,jk->ik"), S(xs=[(2, 3)], subscripts="ij->j"),
        S(xs=[(3, 3)], subscripts="ii->i"), S(xs=[(3, 3)], subscripts="ii"), S(xs=[(2,), (3,)], subscripts="i,j->ji"),
        S(xs=[(2, 3), (2, 3), (3,)], subscripts="ij,ij,j->i"), S(xs=[(2, 3, 4), (4, 2)], subscripts="...i,ij->...j"),
        S(xs=[(1,), (3,)], subscripts="i,i->"), S(xs=[(2, 1), (3, 4)], subscripts="ij,jk->ik"),
        S(xs=[(1, 3), (2, 3)], subscripts="ij,ij->j"), S(xs=[(2, 1), (3,)], subscripts="ij,j->i"),
    ],
    ref=_einsum_ref,
    cost=_einsum_cost,
    stacks=_einsum_stack,
)  # fmt: skip
def _einsum(*xs: Any, subscripts: str) -> Any:
    """Einstein's summation: products over named axes, summed over those the result does not name.

    xs (...), ... -> (...)
    """
    terms, out = _parse(subscripts, [x.shape for x in xs])
    _sizes(terms, [x.shape for x in xs])
    return np.einsum(f"{','.join(terms)}->{out}", *xs, optimize=len(xs) > 2)


def _einsum_x(g: Any, xs: Any, xs_shape: Any, i: int, subscripts: str) -> Any:
    """Another einsum: the cotangent takes the operand's place; ones fill axes that it alone has or stretches."""
    terms, out = _parse(subscripts, xs_shape)
    size = _sizes(terms, xs_shape)
    spare = iter(c for c in string.ascii_letters if c not in "".join(terms) + out)
    names, operands = [out], [g]
    for k, (t, x) in enumerate(zip(terms, xs, strict=True)):
        if k != i:
            names.append(t)
            operands.append(x)
    mine = ""
    for c in terms[i]:  # "ii" takes a diagonal: its gradient is on the diagonal only
        if c in mine:
            twin = next(spare)
            names.append(c + twin)
            operands.append(np.eye(size[c], dtype=g.dtype))
            size[twin], c = size[c], twin
        mine += c
    given = {c: n for t, x in zip(names, operands, strict=True) for c, n in zip(t, x.shape, strict=True) if n > 1}
    if alone := [c for c in mine if given.get(c, 1) != size[c] or c not in "".join(names)]:
        names.append("".join(alone))
        operands.append(np.ones([size[c] for c in alone], g.dtype))
    return sum_to(_einsum(*operands, subscripts=f"{','.join(names)}->{mine}"), shape=xs_shape[i])


_einsum.vjp(xs=_einsum_x)
_einsum.formula(xs="einsum(g, others(xs))")


@named
def einsum(subscripts: str, *xs: Input) -> Any:
    """Einstein's summation, as ``np.einsum`` spells it: ``einsum("ij,jk->ik", a, b)``.

    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> tg.einsum("ij->j", x), float(tg.einsum("ii", x))
    (array([4., 6.]), 5.0)
    >>> tg.einsum("bij,bjk->bik", np.ones((5, 2, 3)), np.ones((5, 3, 4))).shape
    (5, 2, 4)
    """
    if not isinstance(subscripts, str):
        raise TypeError(
            f"einsum: the first argument is the subscripts, as in 'ij,jk->ik'; got {type(subscripts).__name__}."
        )
    return _einsum(*xs, subscripts=subscripts)


def _letters(a_ndim: int, b_ndim: int, axes: Any) -> str:
    """The einsum subscripts of a tensordot."""
    try:
        n = index(axes)
        pairs = (list(range(a_ndim - n, a_ndim)), list(range(n)))
    except TypeError:
        pairs = tuple([v] if isinstance(v, int) else list(v) for v in axes)  # type: ignore[assignment]
    a, b = list(string.ascii_letters[:a_ndim]), list(string.ascii_letters[a_ndim : a_ndim + b_ndim])
    for p, q in zip(*pairs, strict=True):
        b[q] = a[p]
    summed = {a[p] for p in pairs[0]}
    return f"{''.join(a)},{''.join(b)}->{''.join(c for c in a + b if c not in summed)}"


def _tensordot_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """A stack of a is one more axis of a that is not summed; it comes first, of b it must be moved there."""
    a, b = inputs
    if all(stacked):
        letters = _letters(a.ndim - 1, b.ndim - 1, params["axes"])
        return _einsum_stack(_einsum, inputs, stacked, {"subscripts": letters})
    try:
        n = index(params["axes"])
        pairs: Any = (range(a.ndim - stacked[0] - n, a.ndim - stacked[0]), range(n))
    except TypeError:
        pairs = [[v] if isinstance(v, int) else v for v in params["axes"]]
    ranks = [x.ndim - s for x, s in zip(inputs, stacked, strict=True)]
    left, right = ([k % n + s for k in p] for p, n, s in zip(pairs, ranks, stacked, strict=True))
    y = op(a, b, axes=(tuple(left), tuple(right)))
    return y if stacked[0] else np.moveaxis(y, a.ndim - len(left), 0)


@op(
    linear=["a", "b"],
    params=["axes"],
    samples=[S(a=(2, 3, 4), b=(3, 4, 2)), S(a=(2, 3), b=(4, 2), axes=((0,), (1,))), S(a=(2,), b=(3,), axes=0)],
    ref=lambda a, b, axes=2: _einsum_ref(a, b, subscripts=_letters(a.ndim, b.ndim, axes)),
    cost=lambda a_shape, b_shape, axes: _einsum_cost([a_shape, b_shape], _letters(len(a_shape), len(b_shape), axes)),
    numpy=[np.tensordot],
    stacks=_tensordot_stack,
)
def tensordot(a: Any, b: Any, axes: Places = 2) -> Any:
    """Products summed over the last `axes` axes of a and first of b, or over two lists of axes.

    a (...) · b (...) -> (...)

    >>> tg.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape  # sums over 3 and 4
    (2, 5)
    """
    return np.tensordot(a, b, axes)  # type: ignore[arg-type]  # NumPy's stubs lack its own integers


def _tensordot_rule(g: Any, other: Any, i: int, a_shape: Any, b_shape: Any, axes: Any) -> Any:
    left, out = _letters(len(a_shape), len(b_shape), axes).split("->")
    terms = left.split(",")
    return _einsum(g, other, subscripts=f"{out},{terms[1 - i]}->{terms[i]}")


tensordot.vjp(
    a=lambda g, b, a_shape, b_shape, axes: _tensordot_rule(g, b, 0, a_shape, b_shape, axes),
    b=lambda g, a, a_shape, b_shape, axes: _tensordot_rule(g, a, 1, a_shape, b_shape, axes),
)
tensordot.formula(a="tensordot(g, b)", b="tensordot(a, g)")
