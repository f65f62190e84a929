"""Dropout, as layers: of single values, of whole channels, and the kind that goes with SELU."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..autodiff.kinds import Number
from ..autodiff.numbers import number
from ..autodiff.sample import LayerSample as L
from ..ops.algebra import floats
from ..ops.random import own_generator
from . import checks
from .function import _Function
from .init import Rng

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"]


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
        self.rate = number(type(self).__name__, "rate", rate, 0, below=1)
        self.rng = own_generator(rng, type(self).__name__)

    def forward(self, x: Any) -> Any:
        return ops.dropout(x, self.rate, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"{self.rate}"


class _ChannelDropout(Dropout):
    """Dropout of whole channels of each sample."""

    form: ClassVar[str]

    def forward(self, x: Any) -> Any:
        axes = len(getattr(x, "shape", ()))
        if axes != self.form.count(",") + 1:
            raise checks.misfit(type(self).__name__, self.form, x)
        return ops.dropout(x, self.rate, training=self.training, shared=tuple(range(1, axes - 1)), rng=self.rng)


class Dropout1d(_ChannelDropout):
    """`Dropout` of whole channels of sequences (N,L,C), which neighbours would give away otherwise.

    >>> y = nn.Dropout1d(0.5, rng=0)(np.ones((1, 3, 4)))
    >>> bool((y[0, 0] == y[0, 1]).all())
    True
    """

    form = "sequences (N, L, C)"
    samples = [L((0.5,), x=(4, 5, 3))]


class Dropout2d(_ChannelDropout):
    """`Dropout` of whole channels of images (N,H,W,C).  Source: Tompson et al. (2015).

    >>> y = nn.Dropout2d(0.5, rng=0)(np.ones((2, 3, 3, 8)))
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    form = "images (N, H, W, C)"
    samples = [L((0.5,), x=(4, 2, 3, 3))]


class Dropout3d(_ChannelDropout):
    """`Dropout` of whole channels of volumes (N,D,H,W,C)."""

    form = "volumes (N, D, H, W, C)"
    samples = [L((0.5,), x=(2, 2, 2, 3, 3))]


SATURATED = -1.7580993408473766  # what SELU gives for minus infinity


class AlphaDropout(Dropout):
    """In training, sets values to what SELU gives far below zero; then keeps mean 0 and variance 1 as they were.

    Source: Klambauer et al. (2017).

    >>> y = nn.AlphaDropout(0.3, rng=0)(tg.randn(10000, rng=1).data)
    >>> bool(abs(y.mean()) < 0.05), bool(abs(y.std() - 1) < 0.05)
    (True, True)
    """

    samples = [L((0.5,), x=(4, 5))]

    def forward(self, x: Any) -> Any:
        if not self.training or not self.rate:
            return ops.dropout(x, self.rate, training=False)
        (x,) = floats("AlphaDropout", x)
        scale = ((1 - self.rate) * (1 + self.rate * SATURATED**2)) ** -0.5
        keep = ops.dropout(np.ones(x.shape, np.float32), self.rate, rng=self.rng) > 0
        return ops.where(keep, x, SATURATED) * scale - scale * self.rate * SATURATED
