"""PyTorch, eager, with images in either memory layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import arrays, nets
from . import net_of


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.format = torch.channels_last if setting == "channels_last" else torch.contiguous_format
        self.version = torch.__version__

    def prepare(self, task: dict[str, Any]) -> Any:
        return getattr(self, task["kind"])(task)

    def images(self, x: np.ndarray) -> torch.Tensor:
        """(N, H, W, C) -> (N, C, H, W) in the layout that is measured."""
        return torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=self.format)

    def net(self, task: dict[str, Any]) -> Any:
        net = net_of(task)
        model = _model(net).to(memory_format=self.format)
        images, labels = nets.images(net, task["batch"])
        x, y = self.images(images), torch.from_numpy(labels)
        if not task["train"]:
            model.eval()

            def infer() -> None:
                with torch.inference_mode():
                    model(x)

            return infer
        optimiser = torch.optim.SGD(model.parameters(), nets.LR, momentum=nets.MOMENTUM, fused=True)

        def step() -> float:
            optimiser.zero_grad()
            loss = F.cross_entropy(model(x), y)
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


class Residual(nn.Module):
    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.main(x) + self.shortcut(x)


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def _module(layers: Any, shape: nets.Shape) -> nn.Sequential:
    modules: list[nn.Module] = []
    for layer in layers:
        kind = layer[0]
        if kind == "conv":
            _, channels, window, stride, padding, bias = layer
            modules.append(nn.Conv2d(shape[2], channels, window, stride, padding, bias=bias))
        elif kind == "norm":
            modules.append(nn.BatchNorm2d(shape[2]))
        elif kind == "relu":
            modules.append(nn.ReLU(inplace=True))
        elif kind == "pool":
            modules.append(nn.MaxPool2d(2))
        elif kind == "dense":
            modules.append(nn.Linear(shape[0], layer[1]))
        elif kind == "residual":
            modules.append(Residual(_module(layer[1], shape), _module(layer[2], shape)))
        else:
            modules.append(Mean() if kind == "mean" else nn.Flatten())
        shape = nets.out_shape(layer, shape)
    return nn.Sequential(*modules)


def _model(net: nets.Net) -> nn.Module:
    model, start = _module(net.layers, net.shape), iter(nets.channels_first(net))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
                w = next(start)
                module.weight.copy_(torch.from_numpy(w.T.copy() if isinstance(module, nn.Linear) else w))
                if module.bias is not None:
                    module.bias.copy_(torch.from_numpy(next(start)))
    return model
