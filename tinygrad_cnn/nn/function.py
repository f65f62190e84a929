"""Layers without weights, for type checkers: a Tensor gives a Tensor, and an array gives an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..core import Tensor
from .module import Module


class _Function(Module):
    """A layer of one input and without weights, which would turn an array into a Tensor."""

    if TYPE_CHECKING:  # `forward` has one signature for both kinds, and checkers would see Any

        @overload
        def __call__(self, x: Tensor) -> Tensor: ...
        @overload
        def __call__(self, x: np.ndarray) -> np.ndarray: ...
        @overload
        def __call__(self, x: Any) -> Any: ...
        def __call__(self, x: Any) -> Any: ...
