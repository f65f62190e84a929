"""Operators that compute each element by itself; layouts pass through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ...core import Tensor
from ..layouts import Held, aligned, array, like, plain
from ..reading import Node, reads

CODES = {1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8", 12: "u4", 13: "u8"}


def dtype_of(node: Node, code: int) -> np.dtype[Any]:
    """NumPy's dtype of ONNX's number of a type."""
    if code in CODES:
        return np.dtype(CODES[code])
    from onnx import TensorProto, helper

    known = TensorProto.DataType.values()
    if code not in known or code in (0, 8, 14, 15):  # undefined, text, complex
        name = TensorProto.DataType.Name(code) if code in known else code
        raise node.refuse(f"values of type {name} are not supported")
    return np.dtype(helper.tensor_dtype_to_np_dtype(code))  # small types, which NumPy has by extension


def values(value: Any) -> Any:
    """A value for an op: a Tensor or an array."""
    return value if isinstance(value, Tensor) else np.asarray(value)


def is_float(value: Any) -> bool:
    return bool(np.dtype(value.dtype).kind == "f")


def each(fn: Callable[..., Any], *inputs: Any) -> Any:
    """A function of elements, on values that broadcast, in the dtype of the first; layouts stay."""
    tensors, order = aligned(inputs)
    return like(order, fn(*tensors))


def as_type(value: Any, dtype: Any) -> Any:
    """A value as another dtype; its layout stays."""
    dtype = np.dtype(dtype)
    if np.dtype(value.dtype) == dtype:
        return value
    if isinstance(value, Held):
        return Held(as_type(value.tensor, dtype), value.order)
    if isinstance(value, Tensor) and value.dtype.kind == "f" and dtype.kind == "f":
        return ops.cast(value, dtype=dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        return array(value).astype(dtype)


def _small(node: Node, x: Any, dtype: np.dtype[Any]) -> Any:
    """A cast; to a type of a few bits by the library's own rule."""
    if dtype.name.startswith("float8") and array(x).dtype.kind == "f":
        return _to_float8(node, array(x), dtype)
    if dtype.name in ("int4", "uint4", "int2", "uint2") and array(x).dtype.kind == "f":
        return array(x).astype(np.int64).astype(dtype)
    return as_type(x, dtype)


def _to_float8(node: Node, x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    from onnx.numpy_helper import saturate_cast

    if dtype.name == "float8_e8m0fnu":
        from onnx.numpy_helper import to_float8e8m0

        found: np.ndarray = to_float8e8m0(x, bool(node.get("saturate", 1)), node.get("round_mode", "up"))
        return found
    return saturate_cast(x, dtype) if node.get("saturate", 1) else x.astype(dtype)


def _unary(fn: Callable[..., Any]) -> Callable[..., Any]:
    def run(node: Node, x: Any) -> Any:
        y = each(fn, x)
        return y if np.dtype(y.dtype) == np.dtype(x.dtype) or not is_float(x) else as_type(y, x.dtype)

    return run


_one: dict[str, Callable[..., Any]] = {
    "Abs": ops.abs, "Neg": lambda x: ops.neg(x), "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt, "Sin": ops.sin,
    "Cos": ops.cos, "Tan": ops.tan, "Asin": ops.arcsin, "Acos": ops.arccos, "Atan": ops.arctan, "Sinh": ops.sinh,
    "Cosh": ops.cosh, "Tanh": ops.tanh, "Asinh": ops.arcsinh, "Acosh": ops.arccosh, "Atanh": ops.arctanh,
    "Ceil": ops.ceil, "Floor": ops.floor, "Round": ops.round, "Sign": ops.sign, "Reciprocal": ops.reciprocal,
    "Erf": ops.erf, "Sigmoid": ops.sigmoid, "Softsign": ops.softsign, "Softplus": ops.softplus,
    "HardSwish": ops.hard_swish, "Mish": ops.mish,
}  # fmt: skip
for _kind, _fn in _one.items():
    reads(_kind)(_unary(_fn))


@reads("Identity")
def identity(node: Node, x: Any) -> Any:
    return x


@reads("IsNaN")
def is_nan(node: Node, x: Any) -> Any:
    return each(ops.isnan, x)


@reads("IsInf", attributes="detect_negative detect_positive")
def is_inf(node: Node, x: Any) -> Any:
    found, x = np.isinf(array(x)), array(x)
    found &= (x < 0) | bool(node.get("detect_positive", 1))
    return found & ((x > 0) | bool(node.get("detect_negative", 1)))


@reads("Not")
def logical_not(node: Node, x: Any) -> Any:
    return np.logical_not(array(x))


def _whole(fn: Callable[..., Any], a: Any, b: Any) -> np.ndarray:
    """A function of whole numbers, in the dtype of the first."""
    a, b = array(a), array(b)
    with np.errstate(all="ignore"):
        found: np.ndarray = np.asarray(fn(a, b)).astype(a.dtype)
    return found


def _cut(a: np.ndarray, b: np.ndarray) -> Any:
    """Division of whole numbers towards zero."""
    quotient = a // b
    return quotient + ((a % b != 0) & ((a < 0) != (b < 0)))


_two: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "Add": (ops.add, np.add), "Sub": (ops.sub, np.subtract), "Mul": (ops.mul, np.multiply), "Div": (ops.div, _cut),
}  # fmt: skip


def _old_broadcast(node: Node, a: Any, b: Any) -> Any:
    """The second input as it goes with the first, which up to opset 6 could stand at any axis of it."""
    axis = node.get("axis")
    if axis is None or not b.ndim:
        return b
    left = a.ndim - axis % a.ndim - b.ndim
    return ops.reshape(plain(b), tuple(b.shape) + (1,) * left) if left else b


def _binary(kind: str) -> Callable[..., Any]:
    floats, wholes = _two[kind]

    def run(node: Node, a: Any, b: Any) -> Any:
        b = _old_broadcast(node, a, b)
        return each(floats, a, b) if is_float(a) else _whole(wholes, a, b)

    return run


for _kind in _two:
    reads(_kind, attributes="axis broadcast")(_binary(_kind))


@reads("Pow", attributes="axis broadcast")
def power(node: Node, a: Any, b: Any) -> Any:
    b = _old_broadcast(node, a, b)
    if not is_float(a):
        with np.errstate(all="ignore"):
            return np.power(array(a), array(b)).astype(a.dtype)
    return each(ops.pow, a, as_type(b, a.dtype))


@reads("Mod", attributes="fmod")
def mod(node: Node, a: Any, b: Any) -> Any:
    if is_float(a):
        return each(ops.fmod if node.get("fmod", 0) else ops.remainder, a, b)
    return _whole(np.fmod if node.get("fmod", 0) else np.mod, a, b)


def _fold(fn: Callable[..., Any], wholes: Callable[..., Any]) -> Callable[..., Any]:
    def run(node: Node, *xs: Any) -> Any:
        y = xs[0]
        for x in xs[1:]:
            y = each(fn, y, x) if is_float(y) else _whole(wholes, y, x)
        return y

    return run


reads("Max")(_fold(ops.maximum, np.maximum))
reads("Min")(_fold(ops.minimum, np.minimum))
reads("Sum")(_fold(ops.add, np.add))


@reads("Mean")
def mean(node: Node, *xs: Any) -> Any:
    return each(lambda y: y * (1 / len(xs)), _fold(ops.add, np.add)(node, *xs))


_compare: dict[str, Callable[..., Any]] = {
    "Equal": np.equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less,
    "LessOrEqual": np.less_equal, "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
}  # fmt: skip
_compared = {
    np.equal: ops.equal, np.greater: ops.greater, np.greater_equal: ops.greater_equal, np.less: ops.less,
    np.less_equal: ops.less_equal, np.logical_and: ops.logical_and, np.logical_or: ops.logical_or,
    np.logical_xor: ops.logical_xor,
}  # fmt: skip


def _comparing(fn: Any) -> Callable[..., Any]:
    return lambda node, a, b: each(lambda *v: _compared[fn](*v), a, b)


for _kind, _fn in _compare.items():
    reads(_kind)(_comparing(_fn))


@reads("Where")
def where(node: Node, condition: Any, a: Any, b: Any) -> Any:
    if not is_float(a):
        return np.where(array(condition), array(a), array(b))
    return each(lambda c, *v: ops.where(c, *v), condition, a, b)


@reads("Clip", attributes="min max")
def clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    low, high = (np.float32(node.given[k]) if k in node.given else v for k, v in (("min", low), ("max", high)))
    if not is_float(x):
        y = array(x) if low is None else np.maximum(array(x), array(low))
        return y if high is None else np.minimum(y, array(high))
    if low is not None and high is not None and not isinstance(low, Tensor) and not isinstance(high, Tensor):
        bounds = float(array(low)), float(array(high))
        if bounds[0] <= bounds[1]:
            return each(lambda v: ops.clip(v, *bounds), x)
    y = x if low is None else each(ops.maximum, x, low)
    return y if high is None else each(ops.minimum, y, high)


@reads("Cast", attributes="to saturate round_mode")
def cast(node: Node, x: Any) -> Any:
    return _small(node, x, dtype_of(node, node.get("to")))


@reads("CastLike", attributes="saturate round_mode")
def cast_like(node: Node, x: Any, like_: Any) -> Any:
    return _small(node, x, np.dtype(like_.dtype))
