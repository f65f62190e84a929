"""Trees of dicts, lists and tuples in files of named arrays: arrays by their paths, all else as JSON in the metadata.

None, booleans, whole numbers, finite floats, text and lists stand for themselves in the JSON.  Anything else is an
object of one entry that says what it is: ``{"array": name}``, ``{"dict": {...}}``, ``{"items": [[key, value], ...]}``
for a dict with keys that are not all text, ``{"tuple": [...]}``, and ``{"float": "nan"}``, "inf" or "-inf".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core import Tensor

KEY = "tinygrad_cnn.tree"  # of the metadata
DEPTH = 100  # of nesting; a tree that holds itself has no end
PLAIN = (bool, int, float, str, type(None))


def is_array(value: Any) -> bool:
    """Whether a value goes into the file as an array."""
    return isinstance(value, (Tensor, np.ndarray, np.generic))


def split(tree: Mapping[str, Any], check: Callable[[str, Any], np.ndarray]) -> tuple[str, dict[str, np.ndarray]]:
    """A tree as JSON, and its arrays by name; ``check(place, value)`` makes plain arrays, or refuses.

    Raises
    ------
    TypeError, ValueError : something in the tree cannot be stored; the message names the place, as "model.layers.0".
    """
    import json  # here, as the library that writes the file: only when it is used

    arrays: dict[str, np.ndarray] = {}

    def written(value: Any, place: str, depth: int) -> Any:
        if depth > DEPTH:
            raise ValueError(f"save: {_short(place)!r} is nested more than {DEPTH} deep. Does it contain itself?")
        if is_array(value):
            name = place
            while name in arrays:  # {"a": {"b": x}, "a.b": y}
                name += "'"
            arrays[name] = check(place, value)
            return {"array": name}
        if type(value) in PLAIN:
            return value if type(value) is not float or math.isfinite(value) else {"float": repr(value)}
        if hasattr(value, "state_dict"):
            value = value.state_dict()
        if isinstance(value, Mapping):
            pairs = [(_key(k, place), written(v, f"{place}.{k}", depth + 1)) for k, v in value.items()]
            return {"dict": dict(pairs)} if all(type(k) is str for k in value) else {"items": pairs}
        if type(value) in (list, tuple):
            row = [written(v, f"{place}.{k}", depth + 1) for k, v in enumerate(value)]
            return row if type(value) is list else {"tuple": row}
        raise TypeError(
            f"save: {place!r} is of type {type(value).__name__}, which a file cannot hold. It holds arrays, Tensors, "
            "None, bool, int, float and str, in dicts, lists and tuples. Convert it, or leave it out."
        )

    try:
        found = {"dict": {name: written(value, name, 1) for name, value in tree.items()}}
        return json.dumps(found, allow_nan=False, separators=(",", ":")), arrays
    except RecursionError:
        raise ValueError("save: the tree is nested too deep. Does it contain itself?") from None


def _key(key: Any, place: str) -> Any:
    if type(key) not in PLAIN:
        raise TypeError(f"save: {place!r} has the key {key!r} of type {type(key).__name__}; keys are text or numbers.")
    return key if type(key) is not float or math.isfinite(key) else {"float": repr(key)}


def _short(place: str) -> str:
    return place if len(place) <= 60 else place[:57] + "..."


def join(text: str, arrays: Mapping[str, np.ndarray]) -> Any:
    """The tree that `split` took apart.

    Raises
    ------
    ValueError, KeyError, TypeError, RecursionError : the text is not what `split` writes, or names an array that is
        not there.
    """

    import json

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(v) for v in value]
        if not isinstance(value, dict):
            return value
        ((kind, inside),) = value.items()
        if kind == "array":
            return arrays[inside]
        if kind == "dict":
            return {k: read(v) for k, v in inside.items()}
        if kind == "items":
            return {read(k): read(v) for k, v in inside}
        if kind == "tuple":
            return tuple([read(v) for v in inside])
        if kind == "float":
            return float(inside)
        raise ValueError(f"unknown kind {kind!r}")

    tree = read(json.loads(text))
    if not isinstance(tree, dict):
        raise TypeError("not a dict")
    return tree
