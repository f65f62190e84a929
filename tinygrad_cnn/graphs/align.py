"""Which op of one graph is which of another: the longest common subsequence, weighed.

Ops are compared in the order in which they were recorded.  Only ops of the same name can be the same; among the ways to
pair as many as possible, the one wins in which more of the pairs stand in modules of the same path, and then have the
same parameters and shapes.  So a layer that was put into the middle of a Sequential, after which every path has another
number, is found as what it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

PAIR, PLACE, EQUAL = 1 << 14, 2, 1  # what a pair counts, its path, its looks; few graphs have 5,000 ops in one table
LARGEST = 25_000_000  # cells of a table


class Key(NamedTuple):
    """What is compared of an op."""

    name: str
    path: str
    looks: Any


def align(old: Sequence[Key], new: Sequence[Key]) -> list[tuple[int, int]]:
    """Pairs of indices that belong together, rising on both sides."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    rest_old, rest_new = old[start : len(old) - end], new[start : len(new) - end]
    exact = len(rest_old) * len(rest_new) <= LARGEST
    middle = (_by_table if exact else _by_order)(rest_old, rest_new)
    pairs = [(k, k) for k in range(start)] + [(i + start, j + start) for i, j in middle]
    return pairs + [(len(old) - k, len(new) - k) for k in range(end, 0, -1)]


def _by_table(old: Sequence[Key], new: Sequence[Key]) -> list[tuple[int, int]]:
    """The best pairs, by a table of the best weights of all beginnings; a row is worked out at once."""
    if not old or not new:
        return []
    ids = {part: k for k, part in enumerate(dict.fromkeys(part for key in (*old, *new) for part in _parts(key)))}
    left, right = (np.array([[ids[part] for part in _parts(key)] for key in keys]) for keys in (old, new))
    best = np.zeros((len(old) + 1, len(new) + 1), np.int64)
    for i, key in enumerate(left):
        equal = right == key
        weight = equal[:, 0] * (PAIR + PLACE * equal[:, 1] + EQUAL * equal[:, 2])
        row = np.where(weight > 0, best[i, :-1] + weight, 0)
        best[i + 1, 1:] = np.maximum.accumulate(np.maximum(best[i, 1:], row))
    pairs = []
    i, j = len(old), len(new)
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _parts(key: Key) -> tuple[Any, Any, Any]:
    return ("name", key.name), ("path", key.path), ("looks", key.looks)


def _by_order(old: Sequence[Key], new: Sequence[Key]) -> list[tuple[int, int]]:
    """For graphs whose table would be too large: the k-th op of a name in a module with the k-th there, in order."""
    places: dict[Any, list[int]] = defaultdict(list)
    for j, key in enumerate(new):
        places[key.name, key.path].append(j)
    used: dict[Any, int] = defaultdict(int)
    found = []
    for i, key in enumerate(old):
        k = used[key.name, key.path]
        used[key.name, key.path] += 1
        if k < len(places[key.name, key.path]):
            found.append((i, places[key.name, key.path][k]))
    tails: list[int] = []  # the longest rising run: its smallest possible ends
    at: list[int] = []
    before: list[int] = []
    for n, (_, j) in enumerate(found):
        length = bisect_left(tails, j)
        before.append(at[length - 1] if length else -1)
        tails[length : length + 1] = [j]
        at[length : length + 1] = [n]
    pairs, n = [], at[-1] if at else -1
    while n >= 0:
        pairs.append(found[n])
        n = before[n]
    return pairs[::-1]
