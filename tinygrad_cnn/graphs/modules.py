"""Which module each op belongs to, and which call of it: a relu used twice in a block is drawn in two places.

Nodes know the path of their module but not the call.  Ops of one call are connected inside the module; those of two
calls are, as a rule, connected only through ops outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One name of a path, and which connected part of that module is meant."""

    name: str
    part: int = 0


Path = tuple[Step, ...]
GONE = -1  # parts from here downwards are of modules that a difference of two graphs shows as removed


def words(path: Path) -> str:
    """The path as users know it: ``features.3``."""
    return ".".join(step.name for step in path)


def module_paths(order: Sequence[Any]) -> dict[Any, Path]:
    """The path of every op in `order`, in which the unconnected parts of a module are told apart."""
    paths: dict[Any, Path] = {}
    names = {node: tuple(node.path.split(".")) if node.path else () for node in order if node.op is not None}
    inside: dict[Path, list[Any]] = {(): list(names)}
    depth = 0
    while inside:
        deeper: dict[Path, list[Any]] = {}
        for path, nodes in inside.items():
            groups: dict[str, list[Any]] = defaultdict(list)
            for node in nodes:
                if len(names[node]) > depth:
                    groups[names[node][depth]].append(node)
                else:
                    paths[node] = path
            for name, group in groups.items():
                for number, part in enumerate(_connected(group)):
                    deeper[path + (Step(name, number),)] = part
        inside, depth = deeper, depth + 1
    return paths


def _connected(nodes: list[Any]) -> Iterable[list[Any]]:
    """The parts of a group of nodes that arrows inside the group connect, in the order of their first nodes."""
    leader = {node: node for node in nodes}

    def find(node: Any) -> Any:
        while leader[node] is not node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for node in nodes:
        for edge in node.inputs:
            if edge in leader:
                leader[find(node)] = find(edge)
    parts: dict[Any, list[Any]] = defaultdict(list)
    for node in nodes:
        parts[find(node)].append(node)
    return parts.values()


def homes_of(order: Sequence[Any], paths: dict[Any, Path]) -> dict[Any, Path]:
    """For each leaf, the innermost module that holds every op that uses it."""
    homes: dict[Any, Path] = {}
    for node in order:
        for edge in node.inputs:
            if edge is not None and edge.op is None:
                homes[edge] = common(homes[edge], paths[node]) if edge in homes else paths[node]
    return homes


def common(a: Path, b: Path) -> Path:
    """The modules that two paths share."""
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]
