"""Structures of arrays: tuples, dicts and lists of them, as models take and give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor, plain
from .given import called

ONE_INPUT = "the model is called with one input (a tuple would be several)"


def call(who: str, model: Callable[..., Any], inputs: Any) -> Any:
    """Call a model: with several inputs if they are a tuple, by name if they are a dict."""
    if isinstance(inputs, tuple):
        return called(who, f"the inputs are a tuple, so the model is called with {len(inputs)} of them", model, *inputs)
    if isinstance(inputs, Mapping):
        names = ", ".join(map(str, inputs))
        return called(who, f"the inputs are a dict, so the model is called with {names} by name", model, **inputs)
    return called(who, ONE_INPUT, model, inputs)


def arrays(part: Any) -> Any:
    """Return the same structure with an array in the place of each Tensor."""
    if type(part) is np.ndarray:
        return part
    if isinstance(part, (Tensor, np.ndarray)):
        return plain(part)
    if isinstance(part, Mapping):
        return {key: arrays(value) for key, value in part.items()}
    if isinstance(part, (tuple, list)):
        return type(part)(map(arrays, part)) if type(part) in (tuple, list) else tuple(map(arrays, part))
    return part


def joined(parts: Sequence[Any]) -> Any:
    """Put the same structure of several batches together: arrays along their first axis, lists one after the other.

    >>> from tinygrad_cnn.train.structure import joined
    >>> joined([{"boxes": [1]}, {"boxes": [2, 3]}])
    {'boxes': [1, 2, 3]}
    """
    first = parts[0]
    if isinstance(first, Mapping):
        return {key: joined([part[key] for part in parts]) for key in first}
    if isinstance(first, tuple):
        return tuple(joined([part[k] for part in parts]) for k in range(len(first)))
    if isinstance(first, list):
        return [item for part in parts for item in part]
    if first is None:
        return None
    return np.concatenate([np.atleast_1d(part) for part in parts])
