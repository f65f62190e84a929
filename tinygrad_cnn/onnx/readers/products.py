"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ..layouts import array, plain
from ..reading import Node, reads
from .elementwise import is_float


@reads("MatMul")
def matmul(node: Node, a: Any, b: Any) -> Any:
    a, b = plain(a), plain(b)
    return ops.matmul(a, b) if is_float(a) else np.matmul(array(a), array(b))


@reads("Gemm", attributes="alpha beta broadcast transA transB")
def gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    a, b = plain(a), plain(b)
    if not is_float(a):
        raise node.refuse(f"of {np.dtype(a.dtype)} is not supported")
    a = ops.transpose(a) if node.get("transA", 0) else a
    b = ops.transpose(b) if node.get("transB", 0) else b
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    if alpha == beta == 1.0 and c is not None and c.shape == (b.shape[1],):
        return ops.linear(a, b, plain(c))
    y = ops.matmul(a, b)
    y = y if alpha == 1.0 else y * alpha
    if c is None or beta == 0.0:
        return y
    return y + (plain(c) if beta == 1.0 else plain(c) * beta)


@reads("Einsum", attributes="equation")
def einsum(node: Node, *xs: Any) -> Any:
    equation = node.get("equation").replace(" ", "")
    if all(is_float(x) for x in xs):
        return ops.einsum(equation, *[plain(x) for x in xs])
    return np.einsum(equation, *[array(x) for x in xs])


@reads("Det")
def det(node: Node, x: Any) -> Any:
    return ops.linalg.det(plain(x))
