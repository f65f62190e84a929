"""tinygrad_cnn itself, with the kernels that its environment chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import native

from .. import arrays, nets
from . import net_of

MODELS = {"lenet5": "lenet"}  # the benchmark's name -> tg.models' name, where they differ


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        native.set_num_threads(threads)
        used = "native" if kernels.backends().get("native") == "in use" else "numpy"
        what = native.reason if used == "native" else "NumPy kernels"
        if not setting and used != "native":
            what += f" (native: {kernels.backends().get('native', native.reason)})"
        self.version = f"{tg.__version__}, {what}, NumPy {np.__version__}"

    def prepare(self, task: dict[str, Any]) -> Any:
        return getattr(self, task["kind"])(task)

    def net(self, task: dict[str, Any]) -> Any:
        net = net_of(task)
        model = _model(net)
        x, labels = nets.images(net, task["batch"])
        if not task["train"]:
            model.eval()

            def infer() -> None:
                with tg.no_grad():
                    model(x)

            return infer
        optimiser = tg.optim.SGD(model.parameters(), nets.LR, momentum=nets.MOMENTUM)

        def step() -> float:
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


def _model(net: nets.Net) -> Any:
    """The package's own network of that name, with the benchmark's starting weights."""
    model: Any
    if net.name in nets.NETS:
        h, w, c = net.shape
        model = tg.models.build(MODELS.get(net.name, net.name), (h, w, c), net.classes, 0)
    else:
        model = tg.nn.Sequential(*_layers(net))
    parameters, start = list(model.parameters()), nets.weights(net)
    if [p.shape for p in parameters] != [w.shape for w in start]:
        raise ValueError(f"tg.models' {net.name} has other parameters than the benchmark's definition.")
    for parameter, value in zip(parameters, start, strict=True):
        parameter.assign(value)
    return model


def _layers(net: nets.Net) -> list[Any]:
    nn = tg.nn
    layers: list[Any] = []
    for layer, before, _ in nets.walk(net.layers, net.shape):
        if layer[0] == "conv":
            _, channels, window, stride, padding, bias = layer
            layers.append(nn.Conv2d(before[2], channels, window, stride=stride, padding=padding, bias=bias, rng=0))
        elif layer[0] == "dense":
            layers.append(nn.Linear(before[0], layer[1], rng=0))
        else:
            layers.append({"relu": nn.ReLU, "mean": nn.GlobalAvgPool2d, "flatten": nn.Flatten}[layer[0]]())
    return layers
