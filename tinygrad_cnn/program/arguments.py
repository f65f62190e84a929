"""The arguments of a compiled function: which are arrays and Tensors, and which programs serve them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Tensor
from ..nn.parameter import Parameter
from .arrays import is_same
from .measured import Measured
from .watched import Watched, bare

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def flat(value: Any, found: list[Any]) -> Any:
    """The form of nested arguments, which programs are kept by; their arrays and Tensors are added to `found`."""
    if isinstance(value, Tensor):
        found.append(value)
        own = Same(value) if isinstance(value, Parameter) else _first(value, found)
        return "tensor", value.shape, value.dtype, value.requires_grad, own
    if isinstance(value, np.ndarray):
        found.append(value)
        return "array", value.shape, value.dtype.str, _first(value, found)
    if type(value) in (list, tuple):
        return type(value), *[flat(v, found) for v in value]
    if type(value) is dict:
        return dict, *[(k, flat(v, found)) for k, v in value.items()]
    if isinstance(value, PLAIN):
        return type(value), repr(value)
    return "object", Same(value)


def _first(value: Any, found: list[Any]) -> int:
    """The number of the first argument that is this one: a program for ``f(x, x)`` does not serve ``f(x, y)``."""
    for k, other in enumerate(found):
        if other is value:
            return k
        if isinstance(value, np.ndarray) and isinstance(other, np.ndarray) and is_same(value, other):
            return k
    return len(found)


class Same:
    """An object that equals itself only."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """Nested values with each array, Tensor and number changed."""
    if type(value) in (list, tuple):
        return type(value)([rebuilt(v, change) for v in value])
    if type(value) is dict:
        return {k: rebuilt(v, change) for k, v in value.items()}
    return change(value)


def returned(value: Any, scalars: list[np.ndarray]) -> Any:
    """What a recorded run returns, without what reports to the recorder; NumPy gave `scalars` as such."""

    def plain(v: Any) -> Any:
        if isinstance(v, Watched):
            v = bare(v)
            return v[()] if v.ndim == 0 and any([np.shares_memory(v, s) for s in scalars]) else v
        return float(v) if type(v) is Measured else v

    return rebuilt(value, plain)


def stood_for(recorder: Any, value: Any) -> Any:
    """The result of a recorded run, with slots and stand-ins for arrays, Tensors and numbers of effects."""
    return rebuilt(value, lambda v: recorder.spec(bare(v)))
