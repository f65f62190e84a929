"""HIPS autograd: its own n-dimensional convolution, pooling by reshaping."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from itertools import cycle
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.core import make_vjp
from autograd.scipy.signal import convolve

from .. import arrays, nets
from . import NotHere, batches_of, net_of


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        self.version = f"{version('autograd')}, NumPy {np.__version__}"

    def prepare(self, task: dict[str, Any]) -> Any:
        return _net(task) if task["kind"] == "net" else _chain(task)


def _conv2d(x: Any, w: Any, stride: int, padding: int) -> Any:
    if stride != 1:
        raise NotHere("its convolution has no stride")
    if padding:
        x = anp.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
    flipped = w[:, :, ::-1, ::-1]  # its convolve flips the window, as mathematics does
    return convolve(x, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")


def _max_pool(x: Any) -> Any:
    n, c, h, w = x.shape
    return anp.max(anp.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=(3, 5))


def _apply(layers: Any, w: Iterator[Any], x: Any) -> Any:
    for layer in layers:
        kind = layer[0]
        if kind == "conv":
            x = _conv2d(x, next(w), layer[3], layer[4])
            x = x + anp.reshape(next(w), (-1, 1, 1)) if layer[5] else x
        elif kind == "dense":
            x = anp.dot(x, next(w)) + next(w)
        elif kind == "pool":
            x = _max_pool(x)
        elif kind == "relu":
            x = anp.maximum(x, np.float32(0))
        elif kind == "flatten":
            x = anp.reshape(x, (x.shape[0], -1))
        else:
            raise NotHere(f"a layer of kind {kind!r} would have to be written for it")
    return x


def _loss(y: Any, labels: np.ndarray) -> Any:
    top = anp.max(y, axis=1, keepdims=True)
    logsumexp = anp.log(anp.sum(anp.exp(y - top), axis=1)) + top[:, 0]
    return anp.mean(logsumexp - y[np.arange(len(labels)), labels])


def _net(task: dict[str, Any]) -> Any:
    net = net_of(task)
    turns = cycle([(np.ascontiguousarray(x.transpose(0, 3, 1, 2)), y) for x, y in batches_of(task)])
    w = nets.channels_first(net)
    if not task["train"]:
        return lambda: _apply(net.layers, iter(w), next(turns)[0])
    v = [np.zeros_like(a) for a in w]
    both = value_and_grad(lambda w, x, labels: _loss(_apply(net.layers, iter(w), x), labels))

    def step() -> float:
        loss, g = both(w, *next(turns))
        for a, m, b in zip(w, v, g, strict=True):
            m *= nets.MOMENTUM
            m += b
            a -= np.float32(nets.LR) * m
        return float(loss)

    return step


def _chain(task: dict[str, Any]) -> Any:
    x0, c, d = arrays.chain()
    pairs = range(task["length"] // 2)

    def f(x: Any) -> Any:
        for _ in pairs:
            x = x * c + d
        return x

    g = np.ones_like(x0)
    if not task["backward"]:
        return lambda: make_vjp(f, x0)  # runs f and records it
    return lambda: make_vjp(f, x0)[0](g)
