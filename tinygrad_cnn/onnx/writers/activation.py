"""Activations and their gradients."""

from __future__ import annotations

import math

from ..table import exports
from ..writer import Value, Writer
from .elementwise import apply, mask, number


@exports("relu_dx")
def relu_dx(w: Writer, dy: Value, x: Value) -> Value:
    positive = apply(w, "Greater", x, number(w, x, 0.0))
    return apply(w, "Mul", dy, w.as_type(mask(positive), dy.dtype))


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
    power = apply(w, "Exp", apply(w, "Div", apply(w, "Min", x, number(w, x, 0.0)), scale))
    below = apply(w, "Sub", power, number(w, x, 1.0))
    return apply(w, "Add", apply(w, "Relu", x), apply(w, "Mul", scale, below))


@exports("elu_dx")
def elu_dx(w: Writer, dy: Value, x: Value, *, alpha: float) -> Value:
    below = apply(w, "Mul", number(w, x, float(alpha)), apply(w, "Exp", apply(w, "Min", x, number(w, x, 0.0))))
    slope = apply(w, "Where", mask(apply(w, "Greater", x, number(w, x, 0.0))), number(w, x, 1.0), below)
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


@exports("leaky_relu_dx")
def leaky_relu_dx(w: Writer, dy: Value, x: Value, *, slope: float) -> Value:
    above = mask(apply(w, "Greater", x, number(w, x, 0.0)))
    made = apply(w, "Where", above, dy, apply(w, "Mul", dy, number(w, dy, float(slope))))
    return w.result(made.name, made.order)


@exports("mish_dx")
def mish_dx(w: Writer, dy: Value, x: Value) -> Value:
    t, s, one = apply(w, "Tanh", apply(w, "Softplus", x)), apply(w, "Sigmoid", x), number(w, x, 1.0)
    rest = apply(w, "Mul", apply(w, "Mul", x, s), apply(w, "Sub", one, apply(w, "Mul", t, t)))
    return apply(w, "Mul", dy, apply(w, "Add", t, rest))


@exports("gelu_tanh_dx")
def gelu_tanh_dx(w: Writer, dy: Value, x: Value) -> Value:
    one, square, scale = number(w, x, 1.0), apply(w, "Mul", x, x), 2 * math.sqrt(2 / math.pi)
    cubic = apply(w, "Mul", x, apply(w, "Add", one, apply(w, "Mul", square, number(w, x, 0.044715))))
    p = apply(w, "Sigmoid", apply(w, "Mul", cubic, number(w, x, scale)))  # gelu is x * p
    slope = apply(w, "Add", one, apply(w, "Mul", square, number(w, x, 3 * 0.044715)))
    inner = apply(w, "Mul", apply(w, "Mul", x, number(w, x, scale)), slope)
    rest = apply(w, "Add", one, apply(w, "Mul", inner, apply(w, "Sub", one, p)))
    return apply(w, "Mul", dy, apply(w, "Mul", p, rest))
