"""Normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ..layouts import Held, array, last, last_order, plain
from ..reading import Node, reads
from .elementwise import as_type


def _by_channel(v: Any, ndim: int) -> Any:
    """Numbers of channels, to go with (N, C, ...)."""
    return ops.reshape(plain(v), (-1,) + (1,) * (ndim - 2))


@reads("BatchNormalization", attributes="epsilon is_test momentum spatial training_mode")
def batch_norm(node: Node, x: Any, scale: Any, shift: Any, mean: Any, var: Any) -> Any:
    eps = node.get("epsilon", 1e-5)
    if not node.get("spatial", 1) or (node.opset < 7 and not node.get("is_test", 0)):
        raise node.refuse("with statistics of each place, or of training before opset 14, is not supported")
    images = last(x) if x.ndim > 2 else plain(x)
    scale, shift, mean, var = (plain(v) for v in (scale, shift, mean, var))
    more: tuple[Any, ...] = ()
    if node.get("training_mode", 0):
        axes, keep = tuple(range(images.ndim - 1)), node.get("momentum", 0.9)
        now, spread = ops.mean(images, axis=axes), ops.var(images, axis=axes)
        more = tuple(old * keep + new * (1 - keep) for old, new in ((mean, now), (var, spread)))
        mean, var = now, spread
    factor = scale / ops.sqrt(var + eps)
    y = as_type(ops.scale_shift(images, factor, shift - mean * factor), x.dtype)
    y = Held(y, last_order(x.ndim)) if x.ndim > 2 else y
    return (y, *more) if more else y


@reads("InstanceNormalization", attributes="epsilon")
def instance_norm(node: Node, x: Any, scale: Any, shift: Any) -> Any:
    y = ops.instance_norm(last(x), plain(scale), plain(shift), eps=node.get("epsilon", 1e-5))
    return Held(y, last_order(x.ndim))


@reads("LayerNormalization", attributes="axis epsilon stash_type")
def layer_norm(node: Node, x: Any, scale: Any, shift: Any = None) -> Any:
    v = plain(x)
    axes = tuple(range(node.get("axis", -1) % v.ndim, v.ndim))
    eps = node.get("epsilon", 1e-5)
    y = ops.normalize(v, axis=axes, eps=eps) * plain(scale)
    y = y if shift is None else y + plain(shift)
    if len(node.outputs) == 1:
        return y
    mean, var = ops.mean(v, axis=axes, keepdims=True), ops.var(v, axis=axes, keepdims=True)
    return y, mean, 1 / ops.sqrt(var + eps)


@reads("RMSNormalization", attributes="axis epsilon stash_type")
def rms_norm(node: Node, x: Any, scale: Any) -> Any:
    v = plain(x)
    axes = tuple(range(node.get("axis", -1) % v.ndim, v.ndim))
    square = ops.mean(v * v, axis=axes, keepdims=True)
    return v / ops.sqrt(square + node.get("epsilon", 1e-5)) * plain(scale)


@reads("GroupNormalization", attributes="epsilon num_groups stash_type")
def group_norm(node: Node, x: Any, scale: Any, shift: Any) -> Any:
    v, groups = plain(x), node.get("num_groups")
    n, c, *places = v.shape
    apart = ops.reshape(v, (n, groups, c // groups, *places))
    y = ops.normalize(apart, axis=tuple(range(2, apart.ndim)), eps=node.get("epsilon", 1e-5))
    if node.opset < 21:  # one scale for each group
        y = y * _by_channel(scale, y.ndim) + _by_channel(shift, y.ndim)
        return ops.reshape(y, tuple(v.shape))
    return ops.reshape(y, tuple(v.shape)) * _by_channel(scale, v.ndim) + _by_channel(shift, v.ndim)


@reads("LRN", attributes="alpha beta bias size")
def local_response(node: Node, x: Any) -> Any:
    size, images = node.get("size"), last(x)
    alpha, beta, bias = node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
    squares = ops.pad(images * images, ((0, 0),) * (x.ndim - 1) + ((before, after),))
    c = images.shape[-1]
    total = squares[..., 0:c]
    for k in range(1, size):
        total = total + squares[..., k : k + c]
    return Held(images / ops.pow(total * (alpha / size) + bias, beta), last_order(x.ndim))


@reads("LpNormalization", attributes="axis p")
def lp_norm(node: Node, x: Any) -> Any:
    v, axis = plain(x), node.get("axis", -1)
    if node.get("p", 2) == 2:
        length = ops.norm(v, axis=axis, keepdims=True)
    else:
        length = ops.sum(ops.abs(v), axis=axis, keepdims=True)
    empty = array(length) == 0
    return ops.where(empty, 0, v / ops.where(empty, 1, length))


@reads("MeanVarianceNormalization", attributes="axes")
def mean_variance(node: Node, x: Any) -> Any:
    v, axes = plain(x), tuple(node.get("axes", [0, 2, 3]))
    centred = v - ops.mean(v, axis=axes, keepdims=True)
    return centred / (ops.sqrt(ops.mean(centred * centred, axis=axes, keepdims=True)) + np.float32(1e-9))
