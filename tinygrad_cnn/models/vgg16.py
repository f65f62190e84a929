"""VGG16's convolutions (Simonyan and Zisserman 2015) as named feature maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from ..core import Tensor
from ..core.errors import nearest
from ..nn import AvgPool2d, Conv2d, MaxPool2d, Module, ModuleList, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from . import _published
from .vgg_networks import CONVOLUTIONS, WIDTHS

MEAN = (104.00699, 116.66877, 122.67892)  # of blue, green and red (in this order), taken off pixels of 0 to 255
BLOCKS = CONVOLUTIONS[16]  # convolutions in each
PLACES = {f"conv{b + 1}_{k + 1}": (b, k) for b, count in enumerate(BLOCKS) for k in range(count)}
LAYERS = tuple(PLACES)
POOLINGS: dict[str, Any] = {"max": MaxPool2d, "average": AvgPool2d}


class VGG16Features(Module):
    """The 13 convolutions of VGG16: images (N,H,W,3) -> a dict of feature maps, ``conv1_1`` to ``conv5_3``.

    Each is taken after its relu.  Pixels are blue, green, red, from 0 to 255, less MEAN.  Block b has 1 / 2**(b - 1)
    of the image's size; odd borders are kept, and 17 pixels are the least.  Call it with ``layers=["conv4_2", ...]``
    for those maps only: nothing beyond the last of them is computed.  `pooling` as for `vgg16_features`.
    """

    def __init__(self, *, pooling: Literal["max", "average"] = "max", rng: Rng = None) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"VGG16Features: pooling={pooling!r} must be 'max' or 'average'.")
        rng = generator(rng, "VGG16Features")
        more = {"count_include_pad": False} if pooling == "average" else {}
        self.pool = POOLINGS[pooling](2, ceil_mode=True, **more)
        self.blocks, channels = ModuleList(), 3
        for width, count in zip(WIDTHS, BLOCKS, strict=True):
            inputs = [channels] + [width] * (count - 1)
            self.blocks.append(Sequential(*[Conv2d(c, width, 3, padding="same", rng=rng) for c in inputs]))
            channels = width

    def forward(self, x: Any, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        wanted = list(LAYERS) if layers is None else [layers] if isinstance(layers, str) else list(layers)
        for name in wanted:
            if name not in LAYERS:
                raise ValueError(f"VGG16Features: there is no layer {name!r}.{nearest(str(name), LAYERS)}")
        maps: dict[str, Any] = {}
        for name in LAYERS[: 1 + max(map(LAYERS.index, wanted), default=-1)]:
            b, k = PLACES[name]
            x = self.blocks[b][k](x if k or not b else self.pool(x), relu=True)
            if name in wanted:
                maps[name] = x
        return maps


def vgg16_features(
    weights: _published.Path | None = None, *, pooling: Literal["max", "average"] = "max", rng: Rng = None
) -> VGG16Features:
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
        from ..io import load_keras_h5

        _published.fill(weights, model, load_keras_h5(weights), _published.vgg16_names(PLACES.values()))
        model.eval()
    return model
