"""Dropout, as a layer."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.kinds import Number
from ..autodiff.numbers import number
from ..autodiff.sample import LayerSample as L
from ..ops.random import own_generator
from .function import _Function
from .init import Rng

__all__ = ["Dropout"]


class Dropout(_Function):
    """In training, sets each value to 0 with probability `rate` and divides the others by 1 - rate; else x itself.

    `rng` : Generator or int seed of the draws; None for a generator of its own, which `tg.manual_seed` makes
    repeatable.  `Module.generators` lists it, for whoever stops a training and resumes it.

    >>> layer = nn.Dropout(0.5, rng=0)
    >>> sorted({float(v) for v in layer(np.ones(100)).data})  # dropped, or doubled
    [0.0, 2.0]
    """

    samples = [L((0.5,), x=(4, 5))]

    def __init__(self, rate: Number = 0.5, *, rng: Rng = None) -> None:
        self.rate = number("Dropout", "rate", rate, 0, below=1)
        self.rng = own_generator(rng, "Dropout")

    def forward(self, x: Any) -> Any:
        return ops.dropout(x, self.rate, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"{self.rate}"
