"""Products of matrices and tensors."""

from __future__ import annotations

from typing import Any

from ..table import exports
from ..writer import Value, Writer


@exports("matmul")
def matmul(w: Writer, a: Value, b: Value) -> Value:
    a, b = (w.as_type(v, w.outs[0][1]) for v in (a, b))
    return w.result(w.node("MatMul", w.plain(a), w.plain(b)))


@exports("linear", "linear_relu")
def linear(w: Writer, x: Value, f: Value, b: Value | None = None) -> Value:
    x, f = (w.as_type(v, w.outs[0][1]) for v in (x, f))
    bias = [] if b is None else [w.plain(w.as_type(b, x.dtype))]
    if x.ndim == 2:
        name = w.node("Gemm", w.plain(x), w.plain(f), *bias)
    else:
        name = w.node("MatMul", w.plain(x), w.plain(f))
        name = w.node("Add", name, *bias) if bias else name
    relu = w.step.op.name == "linear_relu"  # type: ignore[union-attr]
    return w.result(w.node("Relu", name) if relu else name)


@exports("outer")
def outer(w: Writer, a: Value, b: Value) -> Value:
    a, b = (w.as_type(v, w.outs[0][1]) for v in (a, b))
    column, row = w.node("Reshape", w.plain(a), w.ints(-1, 1)), w.node("Reshape", w.plain(b), w.ints(1, -1))
    return w.result(w.node("Mul", column, row))


@exports("einsum")
def einsum(w: Writer, *xs: Value, subscripts: str) -> Value:
    names = [w.plain(w.as_type(x, w.outs[0][1])) for x in xs]
    terms = subscripts.replace(" ", "").split("->")[0].split(",")
    if "." not in subscripts:  # axes of length 1 beside longer ones of the same letter
        longest: dict[str, int] = {}
        for term, x in zip(terms, xs, strict=True):
            for letter, n in zip(term, x.shape, strict=True):
                longest[letter] = max(longest.get(letter, n), n, key=int)
        wide = [tuple(longest[letter] for letter in term) for term in terms]
        names = [
            name if x.shape == shape else w.node("Expand", name, w.ints(*shape))
            for name, x, shape in zip(names, xs, wide, strict=True)
        ]
    return w.result(w.node("Einsum", *names, equation=subscripts))


@exports("tensordot")
def tensordot(w: Writer, a: Value, b: Value, *, axes: Any) -> Value:
    if isinstance(axes, int):
        left, right = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        left, right = ([k] if isinstance(k, int) else list(k) for k in axes)
    names = [chr(ord("a") + k) for k in range(a.ndim + b.ndim)]
    one, two = names[: a.ndim], names[a.ndim :]
    for i, j in zip(left, right, strict=True):
        two[j] = one[i]
    shared = {one[i] for i in left}
    out = [n for n in one if n not in shared] + [n for n in two if n not in shared]
    return einsum(w, a, b, subscripts=f"{''.join(one)},{''.join(two)}->{''.join(out)}")


@exports("det")
def det(w: Writer, a: Value) -> Value:
    return w.result(w.node("Det", w.plain(a)))
