"""The networks and images that every side computes with, as plain data: layers, weights, FLOP.

A layer is a tuple: ``("conv", channels, window, stride, padding, bias, groups)``, ``("transposed", channels, window,
stride)``, ``("norm",)``, ``("relu",)``, ``("pool",)`` (2x2 max), ``("average",)`` (2x2), ``("mean",)`` (over places),
``("flatten",)``, ``("dense", width)``, ``("residual", layers, shortcut layers)``, whose results are added, and
``("concat", layers, layers)``, whose channels stand side by side; a branch without layers is the identity.  Weights
follow the order of the layers, channels last: filters (I, J, C / groups, O), of a transposed convolution (I, J, O, C),
dense (in, out), each followed by its bias; a norm has scale and shift.
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
IMAGES = 256  # distinct ones, about as many as a task goes through before it starts again
BYTES = 16 << 20  # at most, of several batches


@dataclass(frozen=True)
class Net:
    name: str
    batch: int  # at which it is trained
    shape: Shape
    layers: tuple[Layer, ...]
    classes: int = 10


def _conv(
    channels: int, window: int = 3, padding: int = 1, stride: int = 1, bias: bool = True, groups: int = 1
) -> Layer:
    return ("conv", channels, window, stride, padding, bias, groups)


RELU, POOL, AVERAGE, NORM, FLATTEN, MEAN = ("relu",), ("pool",), ("average",), ("norm",), ("flatten",), ("mean",)


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
    return [*layers, MEAN, ("dense", 10)]


def _odd() -> list[Layer]:
    """Channel counts that do not fill whole vectors."""
    convolutions = (_conv(13, 5, 2, 2), _conv(37), _conv(51, stride=2), _conv(29, 1, 0))
    return [*(layer for conv in convolutions for layer in (conv, RELU)), MEAN, ("dense", 10)]


def _mobile() -> list[Layer]:
    """Depthwise 3x3 convolutions, each with a 1x1 convolution behind it."""
    layers, channels = [_conv(24, stride=2, bias=False), NORM, RELU], 24
    for width, stride in ((48, 1), (96, 2), (96, 1), (192, 2)):
        layers += [_conv(channels, stride=stride, bias=False, groups=channels), NORM, RELU]
        layers += [_conv(width, 1, 0, bias=False), NORM, RELU]
        channels = width
    return [*layers, MEAN, ("dense", 10)]


def _densenet() -> list[Layer]:
    """Each layer sees the channels of all before it, as Huang et al. (2017)."""
    layers, channels = [_conv(24, bias=False)], 24
    for stage in range(3):
        if stage:
            channels //= 2
            layers += [NORM, RELU, _conv(channels, 1, 0, bias=False), AVERAGE]
        layers += [("concat", (), (NORM, RELU, _conv(12, bias=False)))] * 4
        channels += 4 * 12
    return [*layers, NORM, RELU, MEAN, ("dense", 10)]


def _unet(*widths: int) -> list[Layer]:
    """Down, up again by transposed convolution, and beside it what was there before, as Ronneberger et al. (2015)."""
    twice: list[Layer] = [_conv(widths[0]), RELU] * 2
    if len(widths) == 1:
        return twice
    below = (POOL, *_unet(*widths[1:]), ("transposed", widths[0], 2, 2))
    return [*twice, ("concat", (), below), *twice]


def _resnext() -> list[Layer]:
    """Grouped 3x3 convolutions between two of 1x1, as Xie et al. (2017)."""
    layers, channels = [_conv(32, bias=False), NORM, RELU], 32
    for stage, width in enumerate((32, 64, 128)):
        for n in range(2):
            stride = 2 if stage and not n else 1
            main = (_conv(width, 1, 0, bias=False), NORM, RELU, _conv(width, stride=stride, bias=False, groups=8), NORM,
                    RELU, _conv(2 * width, 1, 0, bias=False), NORM)  # fmt: skip
            same = channels == 2 * width
            layers += [("residual", main, () if same else (_conv(2 * width, 1, 0, stride, bias=False), NORM)), RELU]
            channels = 2 * width
    return [*layers, MEAN, ("dense", 10)]


NETS = {
    net.name: net
    for net in (
        Net("lenet5", 64, (28, 28, 1), (_conv(6, 5, 2), RELU, POOL, _conv(16, 5, 0), RELU, POOL, *_dense(120, 84))),
        Net("mnistnet", 64, (28, 28, 1), (_conv(32, 3, 0), RELU, _conv(64, 3, 0), RELU, POOL, *_dense(128))),
        Net("vgg_small", 64, (32, 32, 3), (*_vgg(), *_dense(128))),
        Net("resnet20", 128, (32, 32, 3), tuple(_resnet20())),
        Net("odd", 48, (45, 45, 3), tuple(_odd())),
        Net("mobile", 32, (48, 48, 3), tuple(_mobile())),
        Net("densenet", 64, (32, 32, 3), tuple(_densenet())),
        Net("unet", 16, (64, 64, 3), (*_unet(16, 32, 64), _conv(10, 1, 0))),
        Net("resnext", 64, (32, 32, 3), tuple(_resnext())),
    )
}
FOUR = tuple(NETS)[:4]  # those of the package's own, `tg.models`
SIX = tuple(NETS)[:6]  # of the table that is quoted
OTHERS = tuple(NETS)[6:]


def net(name: str, size: int | None = None) -> Net:
    """The network of this name; "any_size" is fully convolutional, for images of `size` x `size`."""
    if name != "any_size":
        return NETS[name]
    layers = (_conv(16), RELU, _conv(32, stride=2), RELU, _conv(32), RELU, MEAN, ("dense", 10))
    return Net(name, 1, (size or 32, size or 32, 3), layers)


def out_shape(layer: Layer, shape: Shape) -> Shape:
    """What a layer makes of one image's shape."""
    kind = layer[0]
    if kind == "conv":
        _, channels, window, stride, padding, *_ = layer
        return (*((n + 2 * padding - window) // stride + 1 for n in shape[:2]), channels)
    if kind == "transposed":
        _, channels, window, stride = layer
        return (*((n - 1) * stride + window for n in shape[:2]), channels)
    if kind in ("pool", "average"):
        return (shape[0] // 2, shape[1] // 2, shape[2])
    if kind == "residual":
        return _through(layer[1], shape)
    if kind == "concat":
        first, second = (_through(branch, shape) for branch in layer[1:])
        return (*first[:2], first[2] + second[2])
    return {"mean": shape[-1:], "flatten": (math.prod(shape),), "dense": layer[1:]}.get(kind, shape)


def _through(layers: Any, shape: Shape) -> Shape:
    for layer in layers:
        shape = out_shape(layer, shape)
    return shape


def walk(layers: Any, shape: Shape) -> Iterator[tuple[Layer, Shape, Shape]]:
    """Each layer with the shapes of its input and output, those inside of two branches too, which come first."""
    for layer in layers:
        if layer[0] in ("residual", "concat"):
            yield from walk(layer[1], shape)
            yield from walk(layer[2], shape)
        after = out_shape(layer, shape)
        yield layer, shape, after
        shape = after


def _filters(layer: Layer, before: Shape) -> tuple[Shape, int, bool]:
    """The shape of a layer's weights, how many numbers each of its results is a sum of, and whether it has a bias."""
    if layer[0] == "conv":
        _, channels, window, _, _, bias, groups = layer
        return (window, window, before[2] // groups, channels), window * window * before[2] // groups, bias
    if layer[0] == "transposed":
        _, channels, window, stride = layer
        return (window, window, channels, before[2]), window * window * before[2] // stride**2, True
    return (before[0], layer[1]), before[0], True


def weights(net: Net) -> list[np.ndarray]:
    """Starting weights, float32: He's normal distribution, biases 0, norms the identity; the same for all sides."""
    rng, arrays = np.random.default_rng(0), []
    for layer, before, after in walk(net.layers, net.shape):
        if layer[0] in ("conv", "transposed", "dense"):
            shape, terms, bias = _filters(layer, before)
            arrays.append(rng.normal(0, math.sqrt(2 / terms), shape))
            if bias:
                arrays.append(np.zeros(after[-1]))
        elif layer[0] == "norm":
            arrays += [np.ones(before[2]), np.zeros(before[2])]
    return [a.astype(np.float32) for a in arrays]


def channels_first(net: Net) -> list[np.ndarray]:
    """The same weights for images (C, H, W): filters (O, C, I, J), transposed (C, O, I, J), dense still (in, out)."""
    flat: Shape = ()
    start, found = iter(weights(net)), []
    for layer, before, _ in walk(net.layers, net.shape):
        if layer[0] == "flatten":
            flat = before
        elif layer[0] in ("conv", "transposed"):
            bias = _filters(layer, before)[2]
            found += [next(start).transpose(3, 2, 0, 1), *([next(start)] if bias else [])]
        elif layer[0] == "dense":
            w = next(start)
            if flat:  # its rows are in the order of (H, W, C)
                w, flat = w.reshape(*flat, -1).transpose(2, 0, 1, 3).reshape(w.shape), ()
            found += [w, next(start)]
        elif layer[0] == "norm":
            found += [next(start), next(start)]
    return [np.ascontiguousarray(w) for w in found]


def batches(net: Net, batch: int, repeat: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    """Noise (N, H, W, C), float32, and labels, int64, (N,) or of each place: several batches, or one to be repeated.

    A network that sees one image again and again learns it by heart; its gradients become so small that they are
    denormal numbers, which processors are slow with.
    """
    one = batch * math.prod(net.shape) * 4
    count = 1 if repeat else max(1, min(IMAGES // batch, BYTES // one))
    places = _through(net.layers, net.shape)[:-1]
    rng, found = np.random.default_rng(1), []
    for _ in range(count):
        x = rng.normal(size=(batch, *net.shape)).astype(np.float32)
        found.append((x, rng.integers(0, net.classes, (batch, *places))))
    return found


def flop(net: Net, batch: int, train: bool) -> int:
    """Multiplications and additions of convolutions and dense layers; the first layer needs no input gradient."""
    counts: list[int] = []
    for layer, before, after in walk(net.layers, net.shape):
        if layer[0] in ("conv", "transposed", "dense"):
            shape, _, _ = _filters(layer, before)
            places = before[:-1] if layer[0] == "transposed" else after[:-1]
            counts.append(2 * math.prod(places) * math.prod(shape))
    return batch * (3 * sum(counts) - counts[0] if train else sum(counts))
