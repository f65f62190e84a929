"""PyTorch, eager, with images in either memory layout, its networks written with functions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import arrays, nets
from ..program import program
from . import batches_of, net_of


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.format = torch.channels_last if "channels_last" in setting else torch.contiguous_format
        self.bf16 = "bf16" in setting
        self.version = f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"

    def prepare(self, task: dict[str, Any]) -> Any:
        return getattr(self, task["kind"])(task)

    def images(self, x: np.ndarray) -> torch.Tensor:
        """(N, H, W, C) -> (N, C, H, W) in the layout that is measured."""
        return torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=self.format)

    def net(self, task: dict[str, Any]) -> Any:
        net = net_of(task)
        model = _model(net).to(memory_format=self.format)
        turns = cycle([(self.images(x), torch.from_numpy(y)) for x, y in batches_of(task)])

        def run(x: torch.Tensor) -> torch.Tensor:
            if not self.bf16:
                return model(x)
            with torch.autocast("cpu", torch.bfloat16):
                return model(x)

        if not task["train"]:
            model.eval()

            def infer() -> torch.Tensor:
                with torch.inference_mode():
                    return run(next(turns)[0])

            return infer
        optimiser = torch.optim.SGD(model.parameters(), nets.LR, momentum=nets.MOMENTUM, fused=True)

        def step() -> float:
            x, y = next(turns)
            optimiser.zero_grad()
            loss = F.cross_entropy(run(x).float(), y)
            loss.backward()
            optimiser.step()
            return float(loss.item())

        return step

    def op(self, task: dict[str, Any]) -> Any:
        a = arrays.of(task)
        if task["op"] == "conv":
            return self.conv(task, a)
        t = {k: self.images(v) if v.ndim == 4 else torch.from_numpy(v) for k, v in a.items()}
        if task["op"] == "matmul":
            return lambda: torch.mm(t["x"], t["w"])
        run: Any = {
            "relu": lambda x: F.relu(x),
            "add": lambda x, other: x + other,
            "max_pool": lambda x: F.max_pool2d(x, 2),
            "mean_places": lambda x: x.mean((2, 3)),
            "batch_norm": lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, training=True),
            "dense": lambda x, w, b: torch.addmm(b, x, w),
            "softmax_cross_entropy": lambda x, labels: F.cross_entropy(x, labels),
        }[task["op"]]
        g = t.pop("g")
        if not task["backward"]:

            def forward() -> None:
                with torch.no_grad():
                    run(**t)

            return forward
        floats = [v.requires_grad_() for v in t.values() if v.dtype == torch.float32]

        def both() -> None:
            for v in floats:
                v.grad = None
            run(**t).backward(g)

        return both

    def conv(self, task: dict[str, Any], a: dict[str, np.ndarray]) -> Any:
        x, g = self.images(a["x"]), self.images(a["g"])
        w = torch.from_numpy(a["w"].transpose(3, 2, 0, 1).copy()).contiguous(memory_format=self.format)
        s, p, groups = task["stride"], task["padding"], task["groups"]
        if task["face"] == "forward":

            def forward() -> None:
                with torch.no_grad():
                    F.conv2d(x, w, None, s, p, 1, groups)

            return forward
        mask = [task["face"] == "dx", task["face"] == "dw", False]
        backward = torch.ops.aten.convolution_backward
        return lambda: backward(g, x, w, None, [s, s], [p, p], [1, 1], False, [0, 0], groups, mask)

    def chain(self, task: dict[str, Any]) -> Any:
        x, c, d = (torch.from_numpy(a) for a in arrays.chain())
        x.requires_grad_()
        pairs = range(task["length"] // 2)

        def forward() -> Any:
            y = x
            for _ in pairs:
                y = y * c + d
            return y

        if not task["backward"]:
            return forward
        g = torch.ones(10)

        def both() -> None:
            x.grad = None
            forward().backward(g)

        return both


WORDS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: F.relu(x, inplace=True),
    "pool": lambda x: F.max_pool2d(x, 2),
    "average": lambda x: F.avg_pool2d(x, 2),
    "mean": lambda x: x.mean((2, 3)),
    "flatten": lambda x: torch.flatten(x, 1),
    "add": lambda a, b: a + b,
    "concat": lambda a, b: torch.cat((a, b), 1),
}


class Network(nn.Module):
    """A network of the benchmark, with its starting weights."""

    def __init__(self, net: nets.Net) -> None:
        super().__init__()
        self.parts = nn.ModuleList(_modules(net))
        self.run = program(net.layers, iter(self.parts), WORDS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(x)


def _modules(net: nets.Net) -> list[nn.Module]:
    """The layers with weights."""
    modules: list[nn.Module] = []
    for layer, before, _ in nets.walk(net.layers, net.shape):
        if layer[0] == "conv":
            _, channels, window, stride, padding, bias, groups = layer
            modules.append(nn.Conv2d(before[2], channels, window, stride, padding, bias=bias, groups=groups))
        elif layer[0] == "transposed":
            modules.append(nn.ConvTranspose2d(before[2], *layer[1:]))
        elif layer[0] == "norm":
            modules.append(nn.BatchNorm2d(before[2]))
        elif layer[0] == "dense":
            modules.append(nn.Linear(before[0], layer[1]))
    return modules


def _model(net: nets.Net) -> Network:
    model, start = Network(net), iter(nets.channels_first(net))
    with torch.no_grad():
        for module in model.parts:
            w = next(start)
            module.weight.copy_(torch.from_numpy(w.T.copy() if isinstance(module, nn.Linear) else w))
            if module.bias is not None:
                module.bias.copy_(torch.from_numpy(next(start)))
    return model
