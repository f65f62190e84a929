"""The networks and images that every side computes with, as plain data: layers, weights, FLOP.

A layer is a tuple: ``("conv", channels, window, stride, padding, bias)``, ``("norm",)``, ``("relu",)``,
``("pool",)`` (2x2 max), ``("mean",)`` (over places), ``("flatten",)``, ``("dense", width)`` and
``("residual", layers, shortcut layers)``.  Weights follow the order of the layers, channels last:
filters (I, J, C, O), dense (in, out), each followed by its bias; a norm has scale and shift.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Layer = tuple[Any, ...]
Shape = tuple[int, ...]  # of one image or row: (H, W, C) or (width,)

LR, MOMENTUM = 0.001, 0.9


@dataclass(frozen=True)
class Net:
    name: str
    batch: int  # at which it is trained
    shape: Shape
    layers: tuple[Layer, ...]
    classes: int = 10


def _conv(channels: int, window: int = 3, padding: int = 1, stride: int = 1, bias: bool = True) -> Layer:
    return ("conv", channels, window, stride, padding, bias)


RELU, POOL, NORM, FLATTEN = ("relu",), ("pool",), ("norm",), ("flatten",)


def _dense(*widths: int) -> list[Layer]:
    layers: list[Layer] = [FLATTEN]
    for width in widths:
        layers += [("dense", width), RELU]
    return [*layers, ("dense", 10)]


def _block(channels: int, width: int, stride: int) -> list[Layer]:
    main = (_conv(width, stride=stride, bias=False), NORM, RELU, _conv(width, bias=False), NORM)
    same = stride == 1 and channels == width
    return [("residual", main, () if same else (_conv(width, 1, 0, stride, bias=False), NORM)), RELU]


def _vgg() -> list[Layer]:
    return [layer for width in (32, 64, 128) for layer in (_conv(width), RELU, _conv(width), RELU, POOL)]


def _resnet20() -> list[Layer]:
    layers, channels = [_conv(16, bias=False), NORM, RELU], 16
    for stage, width in enumerate((16, 32, 64)):
        for n in range(3):
            layers += _block(channels, width, 2 if stage and not n else 1)
            channels = width
    return [*layers, ("mean",), ("dense", 10)]


NETS = {
    net.name: net
    for net in (
        Net("lenet5", 64, (28, 28, 1), (_conv(6, 5, 2), RELU, POOL, _conv(16, 5, 0), RELU, POOL, *_dense(120, 84))),
        Net("mnistnet", 64, (28, 28, 1), (_conv(32, 3, 0), RELU, _conv(64, 3, 0), RELU, POOL, *_dense(128))),
        Net("vgg_small", 64, (32, 32, 3), (*_vgg(), *_dense(128))),
        Net("resnet20", 128, (32, 32, 3), tuple(_resnet20())),
    )
}
FOUR = tuple(NETS)


def net(name: str, size: int | None = None) -> Net:
    """The network of this name; "any_size" is fully convolutional, for images of `size` x `size`."""
    if name != "any_size":
        return NETS[name]
    layers = (_conv(16), RELU, _conv(32, stride=2), RELU, _conv(32), RELU, ("mean",), ("dense", 10))
    return Net(name, 1, (size or 32, size or 32, 3), layers)


def out_shape(layer: Layer, shape: Shape) -> Shape:
    """What a layer makes of one image's shape."""
    kind = layer[0]
    if kind == "conv":
        _, channels, window, stride, padding, _ = layer
        return (*((n + 2 * padding - window) // stride + 1 for n in shape[:2]), channels)
    if kind == "pool":
        return (shape[0] // 2, shape[1] // 2, shape[2])
    if kind == "residual":
        for inner in layer[1]:
            shape = out_shape(inner, shape)
        return shape
    return {"mean": shape[-1:], "flatten": (math.prod(shape),), "dense": layer[1:]}.get(kind, shape)


def walk(layers: Any, shape: Shape) -> Iterator[tuple[Layer, Shape, Shape]]:
    """Each layer with the shapes of its input and output, those inside residual blocks too."""
    for layer in layers:
        if layer[0] == "residual":
            yield from walk(layer[1], shape)
            yield from walk(layer[2], shape)
        after = out_shape(layer, shape)
        yield layer, shape, after
        shape = after


def weights(net: Net) -> list[np.ndarray]:
    """Starting weights, float32: He's normal distribution, biases 0, norms the identity; the same for all sides."""
    rng, arrays = np.random.default_rng(0), []
    for layer, before, _ in walk(net.layers, net.shape):
        if layer[0] in ("conv", "dense"):
            shape = (layer[2], layer[2], before[2], layer[1]) if layer[0] == "conv" else (before[0], layer[1])
            arrays.append(rng.normal(0, math.sqrt(2 / math.prod(shape[:-1])), shape))
            if layer[0] == "dense" or layer[5]:
                arrays.append(np.zeros(layer[1]))
        elif layer[0] == "norm":
            arrays += [np.ones(before[2]), np.zeros(before[2])]
    return [a.astype(np.float32) for a in arrays]


def channels_first(net: Net) -> list[np.ndarray]:
    """The same weights for images (C, H, W): filters (O, C, I, J), dense still (in, out)."""
    flat: Shape = ()
    start, found = iter(weights(net)), []
    for layer, before, _ in walk(net.layers, net.shape):
        if layer[0] == "flatten":
            flat = before
        elif layer[0] == "conv":
            found += [next(start).transpose(3, 2, 0, 1), *([next(start)] if layer[5] else [])]
        elif layer[0] == "dense":
            w = next(start)
            if flat:  # its rows are in the order of (H, W, C)
                w, flat = w.reshape(*flat, -1).transpose(2, 0, 1, 3).reshape(w.shape), ()
            found += [w, next(start)]
        elif layer[0] == "norm":
            found += [next(start), next(start)]
    return [np.ascontiguousarray(w) for w in found]


def images(net: Net, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise (N, H, W, C), float32, and labels (N,), int64."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(batch, *net.shape)).astype(np.float32), rng.integers(0, net.classes, batch)


def flop(net: Net, batch: int, train: bool) -> int:
    """Multiplications and additions of convolutions and dense layers; the first layer needs no input gradient."""
    counts: list[int] = []
    for layer, before, after in walk(net.layers, net.shape):
        if layer[0] == "conv":
            counts.append(2 * math.prod(after) * layer[2] ** 2 * before[2])
        elif layer[0] == "dense":
            counts.append(2 * before[0] * after[0])
    return batch * (3 * sum(counts) - counts[0] if train else sum(counts))
