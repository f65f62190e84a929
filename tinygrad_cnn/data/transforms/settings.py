"""What all transforms share: how they show their settings, and what a size is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from ...autodiff.numbers import wholes
from ...core.errors import describe
from ...ops.random import generator

Transform = Callable[..., Any]


class Described:
    """Shows its settings, for messages and run records."""

    def ready(self, x: Any, rng: Any, axes: int = 3) -> Generator:
        """Refuse what are not images of so many axes; return the generator that `rng` stands for."""
        if np.ndim(x) < axes:
            raise ValueError(f"{type(self).__name__}: needs images (N, H, W, C), got {describe(x)}.")
        return generator(rng, type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


def pair(who: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """A height and a width; one number stands for both."""
    height, width = wholes(who, name, value, least, count=2, form="(height, width)", equal=True)
    return height, width
