"""Pictures, each with an example to be drawn of: what the contract of pictures is checked on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .. import nn

__all__ = ["picture"]

F = TypeVar("F", bound=Callable[..., Any])
PICTURES: dict[str, Callable[..., Any]] = {}  # by name


def picture(example: Callable[[], tuple[Any, ...]], *, options: dict[str, Any] | None = None) -> Callable[[F], F]:
    """Register a function that draws: ``example()`` gives arguments to call it with, `options` more by keyword.

    `tg.testing.check_picture` holds the contract of pictures on them.
    """

    def register(fn: F) -> F:
        fn.example, fn.options = example, options or {}  # type: ignore[attr-defined]
        PICTURES[fn.__name__] = fn
        return fn

    return register


def network() -> nn.Sequential:
    """A network of one convolution and one dense layer, for images (8, 8, 1) and two classes."""
    return nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2, rng=1))


def images(count: int = 1) -> np.ndarray:
    """Images of noise.  (N, 8, 8, 1)"""
    return np.random.default_rng(0).random((count, 8, 8, 1), dtype=np.float32)


def batch(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of two classes, by brightness."""
    x = images(count)
    return x, (x.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)
