"""Layouts while a file's graph runs: images stay channels last between ops that like them so.

A `Held` Tensor is one whose axes lie in another order than in the file; two transposes that would cancel are thus
never made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor

Order = tuple[int, ...]  # the k-th axis of the Tensor is axis order[k] of the file's


@dataclass(frozen=True, eq=False)
class Held:
    """A Tensor, and the order of its axes."""

    tensor: Any
    order: Order

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the file."""
        return tuple(self.tensor.shape[self.order.index(k)] for k in range(len(self.order)))

    @property
    def dtype(self) -> Any:
        return self.tensor.dtype

    @property
    def ndim(self) -> int:
        return len(self.order)


def last_order(ndim: int) -> Order:
    """Channels last of a file's channels first."""
    return (0, *range(2, ndim), 1)


def held(tensor: Any, order: Sequence[int]) -> Any:
    """A Tensor whose axes lie in an order; itself if that is the file's."""
    return tensor if tuple(order) == tuple(range(len(order))) else Held(tensor, tuple(order))


def ordered(value: Any, order: Sequence[int]) -> Any:
    """The Tensor of a value with its axes in an order."""
    now, tensor = (value.order, value.tensor) if isinstance(value, Held) else (tuple(range(value.ndim)), value)
    turn = tuple(now.index(k) for k in order)
    if turn == tuple(range(len(turn))):
        return tensor
    return ops.transpose(tensor, turn)


def plain(value: Any) -> Any:
    """The Tensor of a value in the file's layout."""
    return ordered(value, range(value.ndim)) if isinstance(value, Held) else value


def last(value: Any) -> Any:
    """The Tensor of images (N, C, ...) with channels last."""
    return ordered(value, last_order(value.ndim))


def array(value: Any) -> np.ndarray:
    """The array of a value that is read now, as shapes and axes are."""
    value = plain(value)
    found: np.ndarray = value._data if isinstance(value, Tensor) else np.asarray(value)
    return found


def aligned(values: Sequence[Any]) -> tuple[list[Any], Order | None]:
    """Tensors that broadcast against each other, and the order that their axes have then."""
    ndim = max(np.ndim(v) if not isinstance(v, Held) else v.ndim for v in values)
    order = next((v.order for v in values if isinstance(v, Held) and v.ndim == ndim), None)
    if order is None:
        return [plain(v) for v in values], None
    return [_padded(v, order) for v in values], order


def _padded(value: Any, order: Order) -> Any:
    if value.ndim == len(order):
        return ordered(value, order)
    value = plain(value)
    if value.ndim == 0:
        return value
    return ops.transpose(ops.reshape(value, (1,) * (len(order) - value.ndim) + tuple(value.shape)), order)


def like(order: Order | None, tensor: Any) -> Any:
    """A result of aligned values."""
    return tensor if order is None else held(tensor, order)
