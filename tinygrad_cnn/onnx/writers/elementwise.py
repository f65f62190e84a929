"""Ops that compute each element by itself: arithmetic, comparisons, functions, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..table import exports
from ..writer import Value, Writer

UNARY = {
    "abs": "Abs", "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "ceil": "Ceil", "floor": "Floor", "sign": "Sign",
    "reciprocal": "Reciprocal", "erf": "Erf", "sigmoid": "Sigmoid", "relu": "Relu", "softsign": "Softsign",
    "isnan": "IsNaN", "isinf": "IsInf", "logical_not": "Not", "softplus": "Softplus", "selu": "Selu",
    "hard_swish": "HardSwish", "mish": "Mish",
}  # fmt: skip
BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min",
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual", "logical_and": "And", "logical_or": "Or", "logical_xor": "Xor",
}  # fmt: skip


def apply(w: Writer, kind: str, *values: Value, **attributes: Any) -> Value:
    """A node that broadcasts, on values of one dtype; the result is of the shape of the call's."""
    ndim = max(v.ndim for v in values)
    names, order = w.aligned(values, ndim)
    shape = max((v.shape for v in values), key=len)
    if len(values) > 1:
        shape = tuple(max(column, key=int) for column in zip(*[(1,) * (ndim - v.ndim) + v.shape for v in values]))  # noqa: B905
    return Value(w.node(kind, *names, **attributes), shape, values[0].dtype, order)


def number(w: Writer, x: Value, value: float) -> Value:
    """A number of the dtype of x."""
    return w.number(value, x.dtype)


def common(w: Writer, *values: Value) -> list[Value]:
    """The values in the dtype that NumPy gives their result."""
    dtype = np.result_type(*[v.dtype for v in values])
    return [w.as_type(v, dtype) for v in values]


@exports(*UNARY)
def unary(w: Writer, x: Value) -> Value:
    name = w.step.op.name  # type: ignore[union-attr]
    if name in ("isnan", "isinf") and x.dtype.kind != "f":
        x = w.as_type(x, np.float32)
    if name in ("sign", "abs", "logical_not", "isnan", "isinf"):
        return w.result(w.node(UNARY[name], x.name), x.order)
    x = w.as_type(x, w.outs[0][1])
    return w.result(w.node(UNARY[name], x.name), x.order)


@exports(*BINARY)
def binary(w: Writer, a: Value, b: Value) -> Value:
    name = w.step.op.name  # type: ignore[union-attr]
    if name.startswith("logical"):
        a, b = (w.as_type(v, bool) for v in (a, b))
    elif w.outs[0][1].kind == "b":
        a, b = common(w, a, b)
    else:
        a, b = (w.as_type(v, w.outs[0][1]) for v in (a, b))
    made = apply(w, BINARY[name], a, b)
    return w.result(made.name, made.order)


@exports("not_equal")
def not_equal(w: Writer, a: Value, b: Value) -> Value:
    made = apply(w, "Not", apply(w, "Equal", *common(w, a, b)))
    return w.result(made.name, made.order)


@exports("where")
def where(w: Writer, condition: Value, a: Value, b: Value) -> Value:
    dtype = w.outs[0][1]
    made = apply(w, "Where", w.as_type(condition, bool), w.as_type(a, dtype), w.as_type(b, dtype))
    return w.result(made.name, made.order)


@exports("cast")
def cast(w: Writer, x: Value, *, dtype: Any) -> Value:
    return w.as_type(x, w.outs[0][1])


@exports("alias")
def alias(w: Writer, x: Value) -> Value:
    return x


@exports("square")
def square(w: Writer, x: Value) -> Value:
    return apply(w, "Mul", x, x)


@exports("rsqrt")
def rsqrt(w: Writer, x: Value) -> Value:
    return apply(w, "Reciprocal", apply(w, "Sqrt", x))


@exports("exp2")
def exp2(w: Writer, x: Value) -> Value:
    return apply(w, "Pow", number(w, x, 2.0), x)


@exports("expm1", "log1p")
def near_zero(w: Writer, x: Value) -> Value:
    one = number(w, x, 1.0)
    if w.step.op.name == "expm1":  # type: ignore[union-attr]
        return apply(w, "Sub", apply(w, "Exp", x), one)
    return apply(w, "Log", apply(w, "Add", x, one))


@exports("log2", "log10", "deg2rad", "rad2deg")
def scaled(w: Writer, x: Value) -> Value:
    name = w.step.op.name  # type: ignore[union-attr]
    factor = {"log2": 1 / math.log(2), "log10": 1 / math.log(10), "deg2rad": math.pi / 180}.get(name, 180 / math.pi)
    return apply(w, "Mul", apply(w, "Log", x) if name.startswith("log") else x, number(w, x, factor))


@exports("round")
def round(w: Writer, x: Value, *, decimals: int) -> Value:
    if x.dtype.kind != "f":
        return x
    scale = number(w, x, 10.0**decimals)
    if not decimals:
        return apply(w, "Round", x)
    return apply(w, "Div", apply(w, "Round", apply(w, "Mul", x, scale)), scale)


@exports("trunc")
def trunc(w: Writer, x: Value) -> Value:
    return apply(w, "Mul", apply(w, "Sign", x), apply(w, "Floor", apply(w, "Abs", x)))


@exports("remainder", "floor_divide", "fmod")
def division(w: Writer, a: Value, b: Value) -> Value:
    name, dtype = w.step.op.name, w.outs[0][1]  # type: ignore[union-attr]
    a, b = w.as_type(a, dtype), w.as_type(b, dtype)
    if name == "fmod":
        made = apply(w, "Mod", a, b, fmod=1)
    elif dtype.kind == "f":
        whole = apply(w, "Floor", apply(w, "Div", a, b))
        made = whole if name == "floor_divide" else apply(w, "Sub", a, apply(w, "Mul", b, whole))
    else:
        rest = apply(w, "Mod", a, b)
        made = rest if name == "remainder" else apply(w, "Div", apply(w, "Sub", a, rest), b)
    return w.result(made.name, made.order)


@exports("clip")
def clip(w: Writer, x: Value, low: Value | None = None, high: Value | None = None) -> Value:
    x = w.as_type(x, w.outs[0][1])
    for kind, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            x = apply(w, kind, x, w.as_type(bound, x.dtype))
    return w.result(x.name, x.order)


@exports("relu_dx")
def relu_dx(w: Writer, dy: Value, x: Value) -> Value:
    positive = apply(w, "Greater", x, number(w, x, 0.0))
    return apply(w, "Mul", dy, w.as_type(_mask(positive), dy.dtype))


def _mask(v: Value) -> Value:
    return Value(v.name, v.shape, np.dtype(bool), v.order)


@exports("relu6")
def relu6(w: Writer, x: Value) -> Value:
    return apply(w, "Clip", x, number(w, x, 0.0), number(w, x, 6.0))


@exports("leaky_relu")
def leaky_relu(w: Writer, x: Value, *, slope: float) -> Value:
    return apply(w, "LeakyRelu", x, alpha=float(slope))


@exports("elu")
def elu(w: Writer, x: Value, *, alpha: float) -> Value:
    return apply(w, "Elu", x, alpha=float(alpha))


@exports("celu")
def celu(w: Writer, x: Value, *, alpha: float) -> Value:
    scale = number(w, x, float(alpha))
    below = apply(w, "Sub", apply(w, "Exp", apply(w, "Div", apply(w, "Min", x, number(w, x, 0.0)), scale)), number(w, x, 1.0))  # noqa: E501
    return apply(w, "Add", apply(w, "Relu", x), apply(w, "Mul", scale, below))


@exports("elu_dx")
def elu_dx(w: Writer, dy: Value, x: Value, *, alpha: float) -> Value:
    below = apply(w, "Mul", number(w, x, float(alpha)), apply(w, "Exp", apply(w, "Min", x, number(w, x, 0.0))))
    slope = apply(w, "Where", _mask(apply(w, "Greater", x, number(w, x, 0.0))), number(w, x, 1.0), below)
    return apply(w, "Mul", dy, Value(slope.name, slope.shape, x.dtype, slope.order))


@exports("prelu")
def prelu(w: Writer, x: Value, slope: Value) -> Value:
    zero = number(w, x, 0.0)
    return apply(w, "Add", apply(w, "Max", x, zero), apply(w, "Mul", slope, apply(w, "Min", x, zero)))


@exports("silu")
def silu(w: Writer, x: Value) -> Value:
    return apply(w, "Mul", x, apply(w, "Sigmoid", x))


@exports("silu_dx")
def silu_dx(w: Writer, dy: Value, x: Value) -> Value:
    s, one = apply(w, "Sigmoid", x), number(w, x, 1.0)
    slope = apply(w, "Mul", s, apply(w, "Add", one, apply(w, "Mul", x, apply(w, "Sub", one, s))))
    return apply(w, "Mul", dy, slope)


@exports("hard_sigmoid")
def hard_sigmoid(w: Writer, x: Value) -> Value:
    return apply(w, "HardSigmoid", x, alpha=1 / 6, beta=0.5)


@exports("log_sigmoid")
def log_sigmoid(w: Writer, x: Value) -> Value:
    return apply(w, "Neg", apply(w, "Softplus", apply(w, "Neg", x)))


def _bell(w: Writer, x: Value) -> Value:
    """The normal distribution up to x."""
    inside = apply(w, "Add", apply(w, "Erf", apply(w, "Mul", x, number(w, x, math.sqrt(0.5)))), number(w, x, 1.0))
    return apply(w, "Mul", number(w, x, 0.5), inside)


@exports("gelu")
def gelu(w: Writer, x: Value, *, approximate: str) -> Value:
    if approximate == "none":
        return apply(w, "Mul", x, _bell(w, x))
    cubic = apply(w, "Mul", apply(w, "Mul", apply(w, "Mul", x, x), x), number(w, x, 0.044715))
    inside = apply(w, "Mul", apply(w, "Add", x, cubic), number(w, x, math.sqrt(2 / math.pi)))
    half = apply(w, "Mul", x, number(w, x, 0.5))
    return apply(w, "Mul", half, apply(w, "Add", apply(w, "Tanh", inside), number(w, x, 1.0)))


@exports("gelu_dx")
def gelu_dx(w: Writer, dy: Value, x: Value) -> Value:
    density = apply(w, "Exp", apply(w, "Mul", apply(w, "Mul", x, x), number(w, x, -0.5)))
    density = apply(w, "Mul", density, number(w, x, 1 / math.sqrt(2 * math.pi)))
    return apply(w, "Mul", dy, apply(w, "Add", _bell(w, x), apply(w, "Mul", x, density)))


@exports("isfinite")
def isfinite(w: Writer, x: Value) -> Value:
    x = x if x.dtype.kind == "f" else w.as_type(x, np.float32)
    odd = apply(w, "Or", _mask(apply(w, "IsNaN", x)), _mask(apply(w, "IsInf", x)))
    return w.result(apply(w, "Not", odd).name, x.order)


@exports("logaddexp")
def logaddexp(w: Writer, a: Value, b: Value) -> Value:
    larger = apply(w, "Max", a, b)
    apart = apply(w, "Neg", apply(w, "Abs", apply(w, "Sub", a, b)))
    made = apply(w, "Add", larger, apply(w, "Log", apply(w, "Add", apply(w, "Exp", apart), number(w, a, 1.0))))
    return w.result(made.name, made.order)


@exports("hypot")
def hypot(w: Writer, a: Value, b: Value) -> Value:
    made = apply(w, "Sqrt", apply(w, "Add", apply(w, "Mul", a, a), apply(w, "Mul", b, b)))
    return w.result(made.name, made.order)


@exports("dropout")
def dropout(w: Writer, x: Value, *, rate: float, training: bool, shared: Any = ()) -> Any:
    if not training or rate == 0:
        return x, w.result(w.constant(np.ones((1,) * x.ndim, bool)), k=1)
    if shared != ():
        raise w.refuse("dropout of whole channels draws masks that ONNX's Dropout does not have")
    y, keep = w.node(
        "Dropout", x.name, w.constant(float(rate), x.dtype), w.constant(True, bool), outputs=2, once=False
    )  # fmt: skip
    return w.result(y, x.order), w.result(keep, x.order, 1)
