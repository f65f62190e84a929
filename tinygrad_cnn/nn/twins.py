"""Layers that start with the same random weights, as two made with ``rng=0`` do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from ..autodiff.outside import warn
from .module import Module
from .parameter import Parameter

FIRST = 16  # numbers that are compared before whole arrays are


def warn_of_twins(owner: Module, layers: Sequence[tuple[str, Module]]) -> None:
    """Warn, once, if two of these layers have different parameters of one shape with the same random values.

    Parameters inside one layer are not compared: whoever put that layer together has compared them.
    """
    pair = next(_twins(layers), None)
    if pair is None:
        return
    (a, _), (b, array) = pair
    warn(
        f"{type(owner).__name__}: {a} and {b} have the same random values, shape {array.shape}, so the two layers "
        "start as copies of one another. Was one int given as rng to both? Use one generator for all layers, "
        "rng = np.random.default_rng(0), or tg.manual_seed(0) and no rng."
    )


def _twins(layers: Sequence[tuple[str, Module]]) -> Iterator[tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]]:
    """Pairs of parameters, with their paths, that different layers have and that hold the same random values."""
    alike: dict[tuple[tuple[int, ...], bytes], list[tuple[int, str, Parameter]]] = {}
    seen: set[int] = set()
    for k, (prefix, layer) in enumerate(layers):
        for name, parameter in layer._named(lambda m, n, v: isinstance(v, Parameter), prefix):
            start = parameter.data.flat[:FIRST]
            if id(parameter) not in seen and _random(start):
                seen.add(id(parameter))
                alike.setdefault((parameter.shape, start.tobytes()), []).append((k, name, parameter))
    for group in alike.values():
        for (j, a, one), (k, b, other) in combinations(group, 2):
            if j != k and np.array_equal(one.data, other.data):
                yield (a, one.data), (b, other.data)


def _random(start: np.ndarray) -> bool:
    """Whether the first numbers of an array look drawn: few of them are equal, as in zeros, ones or an identity."""
    return start.size > 1 and 2 * len(set(start.tolist())) > start.size
