"""HED, an edge detector on VGG16's convolutions (Xie and Tu 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor
from ..nn import Conv2d, Module, ModuleList
from ..nn.init import Rng
from ..ops.random import generator
from . import _published
from .vgg16 import BLOCKS, PLACES, VGG16Features
from .vgg_networks import WIDTHS


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

    def forward(self, x: Any) -> Tensor:
        return ops.sigmoid(self.logits(x)["fuse"])

    def logits(self, x: Any) -> dict[str, Tensor]:
        """The five side outputs ``dsn1`` to ``dsn5`` and ``fuse``, before the sigmoid, each (N,H,W,1)."""
        maps = self.features(x, [f"conv{b}_{count}" for b, count in enumerate(BLOCKS, 1)])
        size = x.shape[1:3]
        found = {}
        for b, (side, y) in enumerate(zip(self.sides, maps.values(), strict=True), 1):
            y = side(y)
            found[f"dsn{b}"] = y if y.shape[1:3] == size else ops.resize(y, size, mode="bilinear")
        found["fuse"] = self.fuse(ops.concatenate(list(found.values()), axis=-1))
        return found


def hed_edges(weights: _published.Path | None = None, *, rng: Rng = None) -> HED:
    """The learned edge detector, images (N,H,W,3) -> (N,H,W,1), with published weights if they are given.

    Arguments and errors are those of `vgg16_features`.
    """
    model = HED(rng)
    if weights is not None:
        from ..io import load_keras_h5

        names = {f"features.{here}": there for here, there in _published.vgg16_names(PLACES.values()).items()}
        layers = {**{f"sides.{k}": f"dsn{k + 1}" for k in range(len(WIDTHS))}, "fuse": "fuse"}
        for here, there in layers.items():
            names |= {f"{here}.weight": f"{there}/vars/0", f"{here}.bias": f"{there}/vars/1"}
        _published.fill(weights, model, load_keras_h5(weights), names)
        model.eval()
    return model
