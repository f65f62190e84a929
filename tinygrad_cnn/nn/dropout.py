"""Dropout, as a layer."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..ops.random import generator
from . import checks
from .init import Rng
from .module import Module


class Dropout(Module):
    """In training, sets each value to 0 with probability `rate` and divides the others by 1 - rate; else x itself.

    `rng` : Generator or int seed of the draws.  `Module.generators` lists it, for whoever stops a training and
    resumes it.

    >>> layer = nn.Dropout(0.5, rng=0)
    >>> sorted({float(v) for v in layer(np.ones(100)).data})  # dropped, or doubled
    [0.0, 2.0]
    """

    def __init__(self, rate: float = 0.5, *, rng: Rng = None) -> None:
        self.rate = checks.number("Dropout", "rate", rate, 0.0, 1.0)
        if self.rate == 1.0:
            raise ValueError("Dropout: rate=1.0 would drop everything; it must be below 1.")
        self.rng = generator(rng, "Dropout")

    def forward(self, x: Any) -> Any:
        return ops.dropout(x, self.rate, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"{self.rate}"
