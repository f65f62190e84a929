"""The structure of a graph as JSON can hold it: what `gradient_snapshot` keeps, and how it is read again.

A record is a list of dicts, one for each node in the order of `reader.graph_of`, inputs before consumers.  Each has an
"id", by which later ones name it, a "shape" and a "dtype".  An op has "op", "inputs", "parameters" (those that differ
from the op's defaults), and "path" and "name" where it has them; a leaf has "requires_grad" and what names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autodiff.reader import Graph
from ..core.register import registry
from ..graphs.compose import compose
from ..graphs.diff import draw_diff
from ..graphs.drawing import Drawing
from ..graphs.graph import Known, read
from ..graphs.labels import parameter_texts

Record = dict[str, Any]


def ids_of(graph: Graph) -> dict[Any, str]:
    """A name for each node that no other node has: ``conv2d (features.0)``, ``relu``, ``relu 2``."""
    ids: dict[Any, str] = {}
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    for node in graph.order:
        label = node.label if node.op is not None else graph.names[node]
        counts[label] += 1
        name = label if counts[label] == 1 else f"{label} {counts[label]}"
        while name in taken:  # somebody's own name may end with a number
            counts[label] += 1
            name = f"{label} {counts[label]}"
        ids[node] = name
        taken.add(name)
    return ids


def structure_of(graph: Graph, ids: Mapping[Any, str]) -> list[Record]:
    """The record of a graph."""
    return [(_leaf if node.op is None else _op)(node, graph, ids) for node in graph.order]


def _op(node: Any, graph: Graph, ids: Mapping[Any, str]) -> Record:
    made: Record = {
        "id": ids[node],
        "op": node.op.name,
        "inputs": [None if edge is None else ids[edge] for edge in node.inputs],
        **_size(node),
    }
    optional = {"parameters": parameter_texts(node, None), "path": node.path, "name": node.name}
    return made | {key: value for key, value in optional.items() if value}


def _leaf(leaf: Any, graph: Graph, ids: Mapping[Any, str]) -> Record:
    made: Record = {"id": ids[leaf], "requires_grad": bool(leaf.requires_grad), **_size(leaf)}
    path = graph.paths.get(leaf)
    optional = {
        "name": leaf.name, "parameter": path if path != leaf.name else None, "argument": graph.inputs.get(leaf),
        "why": leaf.why, "given": leaf.given and not leaf.requires_grad,
    }  # fmt: skip
    return made | {key: value for key, value in optional.items() if value}


def _size(node: Any) -> Record:
    return {"shape": [int(n) for n in node.shape], "dtype": str(node.dtype)}


def check(structure: Any) -> None:
    """Raise ValueError unless this is a record whose nodes all follow their inputs."""
    seen: set[str] = set()
    for each in structure:
        missing = {"id", "shape", "dtype", "inputs" if "op" in each else "requires_grad"} - set(each)
        unknown = [name for name in each.get("inputs", ()) if name is not None and name not in seen]
        if missing or unknown or each["id"] in seen:
            raise ValueError(f"the node {each.get('id')!r} is not recorded as a node")
        np.dtype(each["dtype"])
        seen.add(each["id"])


# -- as nodes again -------------------------------------------------------------------------------------------


class Text:
    """A parameter of which only the text is known."""

    def __init__(self, text: str) -> None:
        self.__name__ = text


@dataclass(eq=False)
class AbsentOp:
    """Stands for an op that is not registered any more."""

    name: str
    inputs: tuple[str, ...]
    variadic: bool = False
    broadcasts: bool = False
    defaults: dict[str, Any] = field(default_factory=dict)
    optional: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)

    def input(self, k: int) -> str:
        """The name of an input."""
        return self.inputs[k]


@dataclass(eq=False)
class RecordedNode:
    """A node of a record, with what drawings read of nodes."""

    id: str
    op: Any
    inputs: tuple[Any, ...]
    params: dict[str, Text]
    shape: tuple[int, ...]
    dtype: Any
    path: str
    name: str | None
    requires_grad: bool
    given: bool
    why: str | None
    source: None = None
    site: None = None


def _nodes(structure: Sequence[Record]) -> dict[str, RecordedNode]:
    made: dict[str, RecordedNode] = {}
    for each in structure:
        inputs = tuple(None if name is None else made[name] for name in each.get("inputs", ()))
        made[each["id"]] = RecordedNode(
            each["id"], _known_op(each), inputs, {k: Text(v) for k, v in each.get("parameters", {}).items()},
            tuple(each["shape"]), np.dtype(each["dtype"]), each.get("path", ""), each.get("name"),
            each.get("requires_grad", True), each.get("given", False), each.get("why"),
        )  # fmt: skip
    return made


def _known_op(each: Record) -> Any:
    """The registered op, if the node could be a call of it."""
    if "op" not in each:
        return None
    op, count = registry.get(each["op"]), len(each["inputs"])
    if op is not None and (op.variadic or len(op.inputs) >= count):
        return op
    return AbsentOp(each["op"], tuple(f"input{k}" for k in range(count)))


def picture_of_difference(old: Record, new: Record, warnings: Mapping[str, str], title: str) -> Drawing:
    """Both graphs in one drawing.  `warnings` go into boxes of the new one, by ids of nodes and labels of outputs."""
    return draw_diff(_drawing(old, {}), _drawing(new, warnings), title=title)


def _drawing(record: Record, warnings: Mapping[str, str]) -> Drawing:
    """A drawing of the graph in a reference: its "structure" and "outputs"."""
    nodes = _nodes(record["structure"])
    given = {each["id"]: each for each in record["structure"]}
    known = Known(
        names={nodes[name]: each["parameter"] for name, each in given.items() if "parameter" in each},
        inputs={nodes[name]: each["argument"] for name, each in given.items() if "argument" in each},
    )
    picture = read([(each["label"], nodes[each["node"]]) for each in record["outputs"]], known)
    for box in picture.boxes:
        name = box.node.id if box.node is not None else box.title
        if name in warnings:
            box.warnings.append(warnings[name])
    return Drawing(compose(picture), "a recorded graph", picture=picture)
