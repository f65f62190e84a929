"""Layers in a row that one fused op computes: users write Conv2d, ReLU, MaxPool2d and get fewer passes over memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..ops.fused import FUSE
from .activation import ReLU
from .conv import Conv2d
from .linear import Linear
from .module import Module
from .pooling import MaxPool2d
from .running_norms import BatchNorm1d, BatchNorm2d, BatchNorm3d

_WITH_RELU = (Conv2d, Linear, BatchNorm1d, BatchNorm2d, BatchNorm3d)  # their forward takes relu=True


def steps(layers: Sequence[Module]) -> list[Callable[[Any], Any]]:
    """What to call one after another so that the result is that of the layers, in fewer passes.

    A relu is taken into the layer before it.  Between a layer and max pooling it changes places with the pooling:
    the larger of two numbers, clipped, is the larger of the clipped ones, and there are fewer numbers after.
    Only the exact classes are fused, since a subclass may do anything, and none that has hooks.
    """
    if not FUSE:
        return list(layers)
    row: list[Callable[[Any], Any]] = []
    k = 0
    while k < len(layers):
        kinds = [type(layer) if not layer._hooks else None for layer in layers[k : k + 3]]
        if kinds[:2] == [ReLU, MaxPool2d]:
            row += [layers[k + 1], layers[k]]
            k += 2
        elif kinds[0] in _WITH_RELU and kinds[1:2] == [ReLU] and kinds[2:] != [MaxPool2d]:
            row.append(partial(layers[k], relu=True))
            k += 2
        else:
            row.append(layers[k])
            k += 1
    return row
