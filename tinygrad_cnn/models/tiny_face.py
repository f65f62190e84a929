"""A face detector of 193 kB: a small YOLOv2 (Redmon and Farhadi 2017) of depthwise-separable convolutions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..core import Tensor
from ..nn import Conv2d, LeakyReLU, MaxPool2d, Module, SeparableConv2d, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from . import _published

SIDE = 416  # pixels of the square that goes in
STRIDE = 32  # pixels from one cell of the grid to the next
MEAN = (117.001, 114.697, 97.404)  # of red, green and blue, taken off before the division by 255
ANCHORS = (  # width and height of the five boxes that each cell starts from, in cells
    (1.603231, 2.094468), (6.041143, 7.080126), (2.882459, 3.518061), (4.266906, 5.178857), (9.041765, 10.66308),
)  # fmt: skip
WIDTHS = (16, 32, 64, 128, 256, 512)


class TinyFaceDetector(Module):
    """Six convolutions, each with leaky relu and pooling, and one to 25 channels: (N,416,416,3) -> (N,13,13,25).

    Images are RGB, scaled to 416 pixels along the longer side, at the top left of a black square, as
    ``(value - MEAN) / 255``.  The 25 numbers of a cell are 5 for each of ANCHORS: x, y, width, height, score, all raw.
    Counted in cells, the box is centred at (column + sigmoid(x), row + sigmoid(y)), with the anchor's width times
    exp(width), and likewise its height; sigmoid(score) says how sure it is.
    """

    def __init__(self, rng: Rng = None) -> None:
        rng = generator(rng, "TinyFaceDetector")
        self.features = Sequential(Conv2d(3, WIDTHS[0], 3, padding="same", rng=rng), LeakyReLU(0.1), MaxPool2d(2))
        for k, (channels, width) in enumerate(pairwise(WIDTHS), 1):
            self.features.append(SeparableConv2d(channels, width, 3, padding="same", rng=rng))
            last = k == len(WIDTHS) - 1
            pool = MaxPool2d(2, stride=1, padding="same") if last else MaxPool2d(2)
            self.features.extend([LeakyReLU(0.1), pool])
        self.head = Conv2d(WIDTHS[-1], 5 * len(ANCHORS), 1, rng=rng)

    def forward(self, x: Any) -> Tensor:
        shape = tuple(getattr(x, "shape", ()))
        if len(shape) != 4 or shape[3] != 3 or shape[1] % STRIDE or shape[2] % STRIDE:
            raise ValueError(
                f"TinyFaceDetector: expects images (N, H, W, 3) with H and W multiples of {STRIDE}, usually "
                f"(N, {SIDE}, {SIDE}, 3); got {shape}."
            )
        return self.head(self.features(x))


def tiny_face_detector(weights: _published.Path | None = None, rng: Rng = None) -> TinyFaceDetector:
    """The face detector of `TinyFaceDetector`, (N,416,416,3) -> (N,13,13,25), with published weights if they are given.

    Parameters
    ----------
    weights : the manifest of its quantised weights (``tg.data.fetch("tiny-face-detector")``); gives `eval` mode.

    Raises
    ------
    ValueError : the weights belong to another network.
    FileFormatError : the file cannot be read.
    """
    model = TinyFaceDetector(rng)
    if weights is None:
        return model
    from ..io import load_quantised

    arrays = load_quantised(weights)
    names = {"head.weight": "conv8/filters", "head.bias": "conv8/bias"}
    names |= {"features.0.weight": "conv0/filters", "features.0.bias": "conv0/bias"}
    for k in range(1, len(WIDTHS)):
        layer, mix = f"features.{3 * k}", f"conv{k}/pointwise_filter"
        if mix in arrays and arrays[mix].shape[:2] == (1, 1):
            arrays[mix] = arrays[mix][0, 0]  # a 1x1 window: a mix of channels
        names |= {f"{layer}.depthwise": f"conv{k}/depthwise_filter", f"{layer}.pointwise": mix}
        names[f"{layer}.bias"] = f"conv{k}/bias"
    _published.fill(weights, model, arrays, names)
    return model.eval()
