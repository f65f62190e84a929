"""MyGrad, channels first, with its memory guard off, as its manual advises for speed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from .. import arrays, nets
from . import NotHere, batches_of, net_of


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        mg.turn_memory_guarding_off()
        self.version = f"{mg.__version__}, NumPy {np.__version__}"

    def prepare(self, task: dict[str, Any]) -> Any:
        return _net(task) if task["kind"] == "net" else _chain(task)


def _apply(layers: Any, w: Iterator[Any], x: Any) -> Any:
    for layer in layers:
        kind = layer[0]
        if kind == "conv":
            x = conv_nd(x, next(w), stride=layer[3], padding=layer[4])
            x = x + next(w).reshape(-1, 1, 1) if layer[5] else x
        elif kind == "dense":
            x = mg.matmul(x, next(w)) + next(w)
        elif kind == "pool":
            x = max_pool(x, (2, 2), 2)
        elif kind == "relu":
            x = relu(x)
        elif kind == "flatten":
            x = x.reshape(x.shape[0], -1)
        else:
            raise NotHere(f"a layer of kind {kind!r} would have to be written for it")
    return x


def _net(task: dict[str, Any]) -> Any:
    net = net_of(task)
    turns = cycle([(np.ascontiguousarray(x.transpose(0, 3, 1, 2)), y) for x, y in batches_of(task)])
    w = [mg.tensor(a) for a in nets.channels_first(net)]
    if not task["train"]:

        def infer() -> None:
            with mg.no_autodiff:
                _apply(net.layers, iter(w), next(turns)[0])

        return infer
    v = [np.zeros_like(t.data) for t in w]

    def step() -> float:
        x, labels = next(turns)
        loss = softmax_crossentropy(_apply(net.layers, iter(w), x), labels)
        loss.backward()
        for t, m in zip(w, v, strict=True):
            m *= nets.MOMENTUM
            m += t.grad
            t.data -= np.float32(nets.LR) * m
        value = float(loss.data)
        loss.null_gradients()
        return value

    return step


def _chain(task: dict[str, Any]) -> Any:
    x0, c, d = arrays.chain()
    x, pairs = mg.tensor(x0), range(task["length"] // 2)

    def forward() -> Any:
        y = x
        for _ in pairs:
            y = y * c + d
        return y

    if not task["backward"]:
        return forward
    g = np.ones_like(x0)
    return lambda: forward().backward(g)
