"""Activations, which compute each element by itself too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ..layouts import array, plain
from ..reading import Node, reads
from .elementwise import each, is_float


@reads("Relu")
def relu(node: Node, x: Any) -> Any:
    return each(ops.relu, x) if is_float(x) else np.maximum(array(x), 0)


@reads("LeakyRelu", attributes="alpha")
def leaky_relu(node: Node, x: Any) -> Any:
    return each(lambda v: ops.leaky_relu(v, node.get("alpha", 0.01)), x)


@reads("Elu", attributes="alpha")
def elu(node: Node, x: Any) -> Any:
    return each(lambda v: ops.elu(v, node.get("alpha", 1.0)), x)


@reads("Celu", attributes="alpha")
def celu(node: Node, x: Any) -> Any:
    return each(lambda v: ops.celu(v, alpha=node.get("alpha", 1.0)), x)


@reads("Selu", attributes="alpha gamma")
def selu(node: Node, x: Any) -> Any:
    alpha, gamma = node.get("alpha", 1.6732632423543772), node.get("gamma", 1.0507009873554805)
    return each(lambda v: ops.elu(v, alpha) * gamma, x)


@reads("HardSigmoid", attributes="alpha beta")
def hard_sigmoid(node: Node, x: Any) -> Any:
    return each(lambda v: ops.clip(v * node.get("alpha", 0.2) + node.get("beta", 0.5), 0.0, 1.0), x)


@reads("ThresholdedRelu", attributes="alpha")
def thresholded_relu(node: Node, x: Any) -> Any:
    return each(lambda v: ops.where(ops.greater(v, node.get("alpha", 1.0)), v, 0), x)


@reads("Gelu", attributes="approximate")
def gelu(node: Node, x: Any) -> Any:
    return each(lambda v: ops.gelu(v, approximate=node.get("approximate", "none")), x)


@reads("Swish", attributes="alpha")
def swish(node: Node, x: Any) -> Any:
    return each(lambda v: v * ops.sigmoid(v * node.get("alpha", 1.0)), x)


@reads("Shrink", attributes="bias lambd")
def shrink(node: Node, x: Any) -> Any:
    bias, edge = node.get("bias", 0.0), node.get("lambd", 0.5)
    if not is_float(x):
        v = array(x)
        return np.where(v < -edge, v + bias, np.where(v > edge, v - bias, 0)).astype(v.dtype)
    return each(lambda v: ops.where(v < -edge, v + bias, ops.where(v > edge, v - bias, 0)), x)


@reads("PRelu")
def prelu(node: Node, x: Any, slope: Any) -> Any:
    if not is_float(x):
        return np.where(array(x) > 0, array(x), array(x) * array(slope)).astype(x.dtype)
    if node.opset < 7 and slope.ndim == 1 and x.ndim > 2:  # of channels
        slope = ops.reshape(plain(slope), (-1,) + (1,) * (x.ndim - 2))
    return each(lambda v, s: ops.where(ops.greater(v, 0), v, v * s), x, slope)


@reads("Dropout", attributes="seed ratio")
def dropout(node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    rate = 0.5 if ratio is None else float(array(ratio))
    if training is None or not bool(array(training)) or rate == 0.0:
        return x, np.ones(x.shape, bool)
    v = plain(x)
    y = ops.dropout(v, rate, True, rng=node.given.get("seed"))
    return y, array(y) != 0


