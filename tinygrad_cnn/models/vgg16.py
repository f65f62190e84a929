"""VGG16's convolutions as named feature maps, and the edge detector made of them (HED, Xie and Tu 2015)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .. import ops
from ..core.errors import nearest
from ..nn import AvgPool2d, Conv2d, MaxPool2d, Module, ModuleList, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from . import _published
from .vgg import CONVOLUTIONS, WIDTHS

MEAN = (104.00699, 116.66877, 122.67892)  # of blue, green and red (in this order), taken off pixels of 0 to 255
BLOCKS = CONVOLUTIONS[16]  # convolutions in each
LAYERS = tuple(f"conv{b}_{k}" for b, count in enumerate(BLOCKS, 1) for k in range(1, count + 1))
POOLINGS: dict[str, Any] = {"max": MaxPool2d, "average": AvgPool2d}


class VGG16Features(Module):
    """The 13 convolutions of VGG16: images (N,H,W,3) -> a dict of feature maps, ``conv1_1`` to ``conv5_3``.

    Each is taken after its relu.  Pixels are blue, green, red, from 0 to 255, less MEAN.  Block b has 1 / 2**(b - 1)
    of the image's size; odd borders are kept, and 17 pixels are the least.  Call it with ``layers=["conv4_2", ...]``
    for those maps only: nothing beyond the last of them is computed.

    Parameters
    ----------
    pooling : "max" as trained, or "average", which gives smoother gradients in the image.
    """

    def __init__(self, *, pooling: str = "max", rng: Rng = None) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"VGG16Features: pooling={pooling!r} must be 'max' or 'average'.")
        rng = generator(rng, "VGG16Features")
        more = {"count_include_pad": False} if pooling == "average" else {}
        self.pool = POOLINGS[pooling](2, ceil_mode=True, **more)
        self.blocks, channels = ModuleList(), 3
        for width, count in zip(WIDTHS, BLOCKS, strict=True):
            block = Sequential()
            for _ in range(count):
                block.append(Conv2d(channels, width, 3, padding="same", rng=rng))
                channels = width
            self.blocks.append(block)

    def forward(self, x: Any, layers: Iterable[str] | None = None) -> dict[str, Any]:
        wanted = list(LAYERS) if layers is None else [layers] if isinstance(layers, str) else list(layers)
        for name in wanted:
            if name not in LAYERS:
                raise ValueError(f"VGG16Features: there is no layer {name!r}.{nearest(str(name), LAYERS)}")
        last = max((LAYERS.index(name) for name in wanted), default=-1)
        maps: dict[str, Any] = {}
        for block in self.blocks:
            for conv in block:  # type: ignore[attr-defined]
                if len(maps) > last:
                    return {name: maps[name] for name in LAYERS if name in wanted}
                x = conv(x, relu=True)
                maps[LAYERS[len(maps)]] = x
            if len(maps) <= last:
                x = self.pool(x)
        return {name: maps[name] for name in LAYERS if name in wanted}


class HED(Module):
    """Edges learned from people's drawings: images (N,H,W,3) -> how likely each pixel is on an edge, (N,H,W,1).

    The last map of each of VGG16's blocks is mixed into one channel and brought to the image's size: five side
    outputs, from fine to coarse; a weighted sum of them is the result.  Images as for `VGG16Features`.
    """

    def __init__(self, rng: Rng = None) -> None:
        rng = generator(rng, "HED")
        self.features = VGG16Features(rng=rng)
        self.sides = ModuleList([Conv2d(width, 1, 1, rng=rng) for width in WIDTHS])
        self.fuse = Conv2d(len(WIDTHS), 1, 1, rng=rng)
        self.fuse.weight.assign(np.full(self.fuse.weight.shape, 1 / len(WIDTHS), np.float32))

    def forward(self, x: Any) -> Any:
        return ops.sigmoid(self.logits(x)["fuse"])

    def logits(self, x: Any) -> dict[str, Any]:
        """The five side outputs ``dsn1`` to ``dsn5`` and ``fuse``, before the sigmoid, each (N,H,W,1)."""
        maps = self.features(x, [f"conv{b}_{count}" for b, count in enumerate(BLOCKS, 1)])
        size = x.shape[1:3]
        found = {}
        for b, (side, y) in enumerate(zip(self.sides, maps.values(), strict=True), 1):
            y = side(y)
            found[f"dsn{b}"] = y if y.shape[1:3] == size else ops.resize(y, size, mode="bilinear")
        found["fuse"] = self.fuse(ops.concatenate(list(found.values()), axis=-1))
        return found


def vgg16_features(weights: _published.Path | None = None, *, pooling: str = "max", rng: Rng = None) -> VGG16Features:
    """VGG16's convolutions, images (N,H,W,3) -> named feature maps, with published weights if they are given.

    Parameters
    ----------
    weights : the Keras file of the edge detector (``tg.data.fetch("hed")``): ImageNet's VGG16, trained on for edges;
        the network then comes in `eval` mode.
    pooling : "max" as trained, or "average", which gives smoother gradients in the image.

    Raises
    ------
    ValueError : the weights belong to another network.
    FileFormatError : the file cannot be read.
    """
    model = VGG16Features(pooling=pooling, rng=rng)
    if weights is not None:
        _published.fill(weights, model, _arrays(weights), _names())
        model.eval()
    return model


def hed_edges(weights: _published.Path | None = None, *, rng: Rng = None) -> HED:
    """The learned edge detector, images (N,H,W,3) -> (N,H,W,1), with published weights if they are given.

    Arguments and errors are those of `vgg16_features`.
    """
    model = HED(rng)
    if weights is not None:
        names = {f"features.{here}": there for here, there in _names().items()}
        layers = {**{f"sides.{k}": f"dsn{k + 1}" for k in range(len(WIDTHS))}, "fuse": "fuse"}
        for here, there in layers.items():
            names |= {f"{here}.weight": f"{there}/vars/0", f"{here}.bias": f"{there}/vars/1"}
        _published.fill(weights, model, _arrays(weights), names)
        model.eval()
    return model


def _arrays(weights: _published.Path) -> Mapping[str, np.ndarray]:
    from ..io import load_keras_h5

    return load_keras_h5(weights)


def _names() -> dict[str, str]:
    """Each value's name here and in the published file."""
    names: dict[str, str] = {}
    for b, count in enumerate(BLOCKS):
        for k in range(count):
            layer = f"block{b + 1}/layers/conv2d" + (f"_{k}" if k else "")
            names |= {f"blocks.{b}.{k}.weight": f"{layer}/vars/0", f"blocks.{b}.{k}.bias": f"{layer}/vars/1"}
    return names
