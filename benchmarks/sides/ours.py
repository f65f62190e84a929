"""tinygrad_cnn itself, with the kernels that its environment chooses, its networks in either form."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import native
from tinygrad_cnn.kernels.precision import bf16_instructions, why_absent

from .. import arrays, nets
from ..program import WEIGHTED, program
from . import NotHere, batches_of, net_of

MODELS = {"lenet5": "lenet"}  # the benchmark's name -> tg.models' name, where they differ


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        native.set_num_threads(threads)
        self.setting = setting
        used = "native" if kernels.backends().get("native") == "in use" else "numpy"
        what = re.sub(r", \d+ threads?", "", native.reason) if used == "native" else "NumPy kernels"
        if setting != "numpy" and used != "native":
            what += f" (native: {kernels.backends().get('native', native.reason)})"
        self.version = f"{tg.__version__}, {what}, NumPy {np.__version__}"

    def prepare(self, task: dict[str, Any]) -> Any:
        if self.setting == "medium":
            if not bf16_instructions():
                raise NotHere(f"medium precision would be float32: {why_absent()}")
            tg.set_float32_precision("medium")
        return getattr(self, task["kind"])(task)

    def net(self, task: dict[str, Any]) -> Any:
        net = net_of(task)
        model = layered(net) if self.setting == "layered" else Network(net)
        _start(model, net)
        turns = cycle(batches_of(task))
        if not task["train"]:
            model.eval()

            def infer() -> Any:
                with tg.no_grad():
                    return model(next(turns)[0])

            return infer
        optimiser = tg.optim.SGD(model.parameters(), nets.LR, momentum=nets.MOMENTUM)

        def step() -> float:
            x, labels = next(turns)
            optimiser.zero_grad()
            loss = tg.softmax_cross_entropy(model(x), labels)
            loss.backward()
            optimiser.step()
            return float(loss.item())

        return step

    def op(self, task: dict[str, Any]) -> Any:
        a = arrays.of(task)
        if task["op"] == "conv":
            return _conv(task, a)
        if task["op"] == "matmul":
            return lambda: tg.matmul(a["x"], a["w"])
        run: Any = {
            "relu": lambda x: tg.relu(x),
            "add": lambda x, other: x + other,
            "max_pool": lambda x: tg.max_pool2d(x, 2),
            "mean_places": lambda x: tg.global_avg_pool2d(x),
            "batch_norm": lambda x, gamma, beta: tg.batch_norm(x, gamma, beta),
            "dense": lambda x, w, b: x @ w + b,
            "softmax_cross_entropy": lambda x, labels: tg.softmax_cross_entropy(x, labels),
        }[task["op"]]
        g = a.pop("g")
        if not task["backward"]:
            inputs = {k: tg.Tensor(v) if v.dtype == np.float32 else v for k, v in a.items()}
            return lambda: run(**inputs)
        leaves = {k: tg.Tensor(v, requires_grad=True) if v.dtype == np.float32 else v for k, v in a.items()}
        floats = [t for t in leaves.values() if isinstance(t, tg.Tensor)]

        def both() -> None:
            for t in floats:
                t.grad = None
            run(**leaves).backward(g)

        return both

    def chain(self, task: dict[str, Any]) -> Any:
        x0, c, d = arrays.chain()
        x, pairs = tg.Tensor(x0, requires_grad=True), range(task["length"] // 2)

        def forward() -> Any:
            y = x
            for _ in pairs:
                y = y * c + d
            return y

        if not task["backward"]:
            return forward
        g = np.ones_like(x0)

        def both() -> None:
            x.grad = None
            forward().backward(g)

        return both


def _conv(task: dict[str, Any], a: dict[str, np.ndarray]) -> Any:
    options = {"stride": task["stride"], "padding": task["padding"], "groups": task["groups"]}
    x, w, g = a["x"], a["w"], a["g"]
    if task["face"] == "forward":
        return lambda: tg.conv2d(x, w, **options)
    if task["face"] == "dx":
        return lambda: tg.conv2d_dx(g, w, size=x.shape[1:3], **options)
    return lambda: tg.conv2d_dw(x, g, window=w.shape[:2], **options)


WORDS: dict[str, Callable[..., Any]] = {
    "relu": tg.relu,
    "pool": lambda x: tg.max_pool2d(x, 2),
    "average": lambda x: tg.avg_pool2d(x, 2),
    "mean": tg.global_avg_pool2d,
    "flatten": lambda x: tg.flatten(x, 1),
    "add": lambda a, b: a + b,
    "concat": lambda a, b: tg.concatenate(a, b, axis=-1),
}


class Network(tg.nn.Module):
    """A network of the benchmark, written with functions: no layer sees that a relu follows."""

    def __init__(self, net: nets.Net) -> None:
        parts = [_layer(layer, before) for layer, before, _ in nets.walk(net.layers, net.shape) if layer[0] in WEIGHTED]
        self.parts = tg.nn.ModuleList(parts)
        self.run = program(net.layers, iter(parts), WORDS)

    def forward(self, x: Any) -> Any:
        return self.run(x)


class Branches(tg.nn.Module):
    """Two branches, whose results are joined."""

    def __init__(self, first: Any, second: Any, join: Any) -> None:
        self.first, self.second, self.join = first, second, join

    def forward(self, x: Any) -> Any:
        return self.join(self.first(x), self.second(x))


def layered(net: nets.Net) -> Any:
    """The network made of layers, which fuse what they can: the package's own of that name if it has one."""
    if net.name in nets.FOUR:
        h, w, c = net.shape
        return tg.models.build(MODELS.get(net.name, net.name), (h, w, c), net.classes, 0)
    return _sequential(net.layers, net.shape)


def _sequential(layers: Any, shape: nets.Shape) -> Any:
    found = []
    for layer in layers:
        if layer[0] in ("residual", "concat"):
            join = WORDS["add" if layer[0] == "residual" else "concat"]
            first, second = (_sequential(branch, shape) if branch else tg.nn.Identity() for branch in layer[1:])
            found.append(Branches(first, second, join))
        else:
            found.append(_layer(layer, shape))
        shape = nets.out_shape(layer, shape)
    return tg.nn.Sequential(*found)


def _layer(layer: nets.Layer, before: nets.Shape) -> Any:
    nn = tg.nn
    if layer[0] == "conv":
        _, channels, window, stride, padding, bias, groups = layer
        options = {"stride": stride, "padding": padding, "bias": bias, "groups": groups}
        return nn.Conv2d(before[2], channels, window, **options)
    if layer[0] == "transposed":
        return nn.ConvTranspose2d(before[2], layer[1], layer[2], stride=layer[3])
    if layer[0] == "norm":
        return nn.BatchNorm2d(before[2])
    if layer[0] == "dense":
        return nn.Linear(before[0], layer[1])
    if layer[0] in ("pool", "average"):
        return (nn.MaxPool2d if layer[0] == "pool" else nn.AvgPool2d)(2)
    return {"relu": nn.ReLU, "mean": nn.GlobalAvgPool2d, "flatten": nn.Flatten}[layer[0]]()


def _start(model: Any, net: nets.Net) -> None:
    """Put in the benchmark's starting weights."""
    parameters, start = list(model.parameters()), nets.weights(net)
    if [p.shape for p in parameters] != [w.shape for w in start]:
        raise ValueError(f"{net.name} has other parameters here than in the benchmark's definition.")
    for parameter, value in zip(parameters, start, strict=True):
        parameter.assign(value)
