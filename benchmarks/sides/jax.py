"""JAX on the CPU: the whole step under jit, channels last, weights given back to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np

from .. import arrays, nets
from . import batches_of, net_of

os.environ.setdefault("JAX_PLATFORMS", "cpu")


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        if hasattr(os, "sched_setaffinity"):  # the size of XLA's pool is the number of cores that it may use
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        import jax

        self.version = jax.__version__

    def prepare(self, task: dict[str, Any]) -> Any:
        return _net(task) if task["kind"] == "net" else _op(task)


def _conv2d(x: Any, w: Any, stride: int, padding: int, groups: int = 1) -> Any:
    from jax import lax

    return lax.conv_general_dilated(
        x, w, (stride, stride), [(padding, padding)] * 2, feature_group_count=groups,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


def _max_pool(x: Any) -> Any:
    from jax import lax

    return lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _transposed(x: Any, w: Any, stride: int) -> Any:
    from jax import lax

    return lax.conv_transpose(
        x, w, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=True
    )


def _average(x: Any) -> Any:
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def _norm(x: Any, gamma: Any, beta: Any) -> Any:
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * (gamma / (var + 1e-5) ** 0.5) + beta


def _loss(y: Any, labels: Any) -> Any:
    import jax

    return -jax.numpy.take_along_axis(jax.nn.log_softmax(y), labels[..., None], -1).mean()


def _apply(layers: Any, w: Iterator[Any], x: Any, train: bool) -> Any:
    import jax.numpy as jnp

    for layer in layers:
        kind = layer[0]
        if kind == "conv":
            x = _conv2d(x, next(w), layer[3], layer[4], layer[6])
            x = x + next(w) if layer[5] else x
        elif kind == "transposed":
            x = _transposed(x, next(w), layer[3]) + next(w)
        elif kind == "norm":  # in inference the running averages of a new network: 0 and 1
            gamma, beta = next(w), next(w)
            x = _norm(x, gamma, beta) if train else x * (gamma / (1 + 1e-5) ** 0.5) + beta
        elif kind == "dense":
            x = x @ next(w) + next(w)
        elif kind == "residual":
            main = _apply(layer[1], w, x, train)
            x = main + _apply(layer[2], w, x, train)
        elif kind == "concat":
            main = _apply(layer[1], w, x, train)
            x = jnp.concatenate([main, _apply(layer[2], w, x, train)], -1)
        else:
            x = {"relu": lambda x: x.clip(0), "mean": lambda x: x.mean((1, 2)), "pool": _max_pool, "average": _average,
                 "flatten": lambda x: x.reshape(x.shape[0], -1)}[kind](x)  # fmt: skip
    return x


def _net(task: dict[str, Any]) -> Any:
    import jax

    net = net_of(task)
    turns = cycle([(jax.device_put(x), jax.device_put(y.astype(np.int32))) for x, y in batches_of(task)])
    w = [jax.device_put(a) for a in nets.weights(net)]
    if not task["train"]:
        infer = jax.jit(lambda w, x: _apply(net.layers, iter(w), x, False))
        return lambda: infer(w, next(turns)[0]).block_until_ready()

    def one(w: Any, v: Any, x: Any, labels: Any) -> Any:
        loss, g = jax.value_and_grad(lambda w: _loss(_apply(net.layers, iter(w), x, True), labels))(w)
        v = [nets.MOMENTUM * a + b for a, b in zip(v, g, strict=True)]
        return [a - nets.LR * b for a, b in zip(w, v, strict=True)], v, loss

    jitted = jax.jit(one, donate_argnums=(0, 1))
    state = [w, [jax.numpy.zeros_like(a) for a in w]]

    def step() -> float:
        w, v, loss = jitted(*state, *next(turns))
        state[:] = w, v
        jax.block_until_ready(w)
        return float(loss)

    return step


def _op(task: dict[str, Any]) -> Any:
    import jax

    a = {k: jax.device_put(v.astype(np.int32) if v.dtype.kind == "i" else v) for k, v in arrays.of(task).items()}
    g, inputs = a.pop("g", None), list(a.values())
    if task["op"] == "conv":
        return _conv(task, inputs[0], inputs[1], g)
    run: Any = {
        "relu": lambda x: x.clip(0),
        "add": lambda x, other: x + other,
        "matmul": lambda x, w: x @ w,
        "max_pool": _max_pool,
        "mean_places": lambda x: x.mean((1, 2)),
        "batch_norm": _norm,
        "dense": lambda x, w, b: x @ w + b,
        "softmax_cross_entropy": _loss,
    }[task["op"]]
    floats = [v for v in inputs if v.dtype == np.float32]
    rest = inputs[len(floats) :]

    def both(g: Any, floats: Any, rest: Any) -> Any:
        y, back = jax.vjp(lambda *floats: run(*floats, *rest), *floats)
        return y, back(g)

    if task["backward"]:
        jitted = jax.jit(both)
        return lambda: jax.block_until_ready(jitted(g, floats, rest))
    jitted = jax.jit(run)
    return lambda: jitted(*inputs).block_until_ready()


def _conv(task: dict[str, Any], x: Any, w: Any, g: Any) -> Any:
    import jax

    def conv2d(x: Any, w: Any) -> Any:
        return _conv2d(x, w, task["stride"], task["padding"], task["groups"])

    if task["face"] == "forward":
        forward = jax.jit(conv2d)
        return lambda: forward(x, w).block_until_ready()
    if task["face"] == "dx":
        back = jax.jit(lambda g, w: jax.linear_transpose(lambda x: conv2d(x, w), x)(g)[0])
        return lambda: back(g, w).block_until_ready()
    back = jax.jit(lambda g, x: jax.linear_transpose(lambda w: conv2d(x, w), w)(g)[0])
    return lambda: back(g, x).block_until_ready()
