"""A scene: what a picture shows and how it looks, as plain data, from which DOT text and the page are written.

Modules are a tree; a closed one is drawn as one box.  All that is inside stays in the scene, so that a page can open
it; `dot_text` (dot.py) leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Attributes = dict[str, Any]  # of Graphviz; a label is {"html": "<b>conv2d</b>"}


@dataclass
class SceneNode:
    """A box: an op, a leaf, an output."""

    id: str
    module: str | None
    attributes: Attributes
    box: Any  # what it was made from (graph.Box)


@dataclass
class SceneEdge:
    """An arrow from what makes a value (tail) to what takes it (head).

    `flip` says that the arrow is to be laid out, not drawn, the other way round: what stands to the right of its op in
    a row is placed there by an edge that leaves the op and has ``dir=back``.
    """

    tail: str
    head: str
    attributes: Attributes = field(default_factory=dict)
    flip: bool = False


@dataclass
class SceneModule:
    """A frame around boxes and other frames, and the box that stands for it when it is closed."""

    id: str
    parent: str | None
    path: str
    kind: str  # the module's class, "" if unknown
    attributes: Attributes
    collapsed: Attributes = field(default_factory=dict)
    closed: bool = False
    level: int = 1  # 1 for the outermost modules; 0 for frames that are not modules (forward, gradients)
    named: bool = True  # whether it is a module of the user's, which can be named in collapse=
    repeated: list[str] = field(default_factory=list)  # "× 3: layer1.0 to layer1.2", if it stands for several
    boxes: list[Any] = field(default_factory=list)  # everything inside, at any depth


@dataclass
class Scene:
    """Everything in a picture.  Ids are given in the order of the boxes, so equal graphs make equal scenes."""

    title: str
    notes: list[str]
    graph: Attributes
    node: Attributes
    edge: Attributes
    legend: list[tuple[str, str]]
    nodes: list[SceneNode]
    edges: list[SceneEdge]
    modules: dict[str, SceneModule]
    ranks: list[list[str]]
    backward: list[list[str]]
    single: set[str] = field(default_factory=set)  # paths of modules of one box, which need no frame
    aligned: list[list[str]] = field(default_factory=list)  # rows across frames; only with newrank=true
    details: Callable[[Any], dict[str, Any]] = lambda box: {}
    module_details: Callable[[SceneModule], dict[str, Any]] = lambda module: {}

    def stand_in(self, home: str | None) -> str | None:
        """The outermost closed module around `home`, which is drawn in place of all inside; None if all are open."""
        found = None
        while home is not None:
            module = self.modules[home]
            if module.closed:
                found = home
            home = module.parent
        return found

    def shown(self) -> dict[str, str]:
        """For each box, the id that stands for it: its own or that of a closed module."""
        known: dict[str | None, str | None] = {}
        result = {}
        for node in self.nodes:
            if node.module not in known:
                known[node.module] = self.stand_in(node.module)
            result[node.id] = known[node.module] or node.id
        return result

    def visible_edges(self) -> Iterator[SceneEdge]:
        """The arrows between what is drawn: those inside closed modules are gone, equal ones are one."""
        stand_in = self.shown()
        seen: set[tuple[str, str, Any]] = set()
        for edge in self.edges:
            tail, head = stand_in[edge.tail], stand_in[edge.head]
            if (tail, head) == (edge.tail, edge.head):
                yield edge
                continue
            key = (tail, head, edge.attributes.get("style"))
            if tail != head and key not in seen:
                seen.add(key)
                kept = {k: v for k, v in edge.attributes.items() if k != "label"}
                yield SceneEdge(tail, head, kept, edge.flip)

    def to_json(self) -> dict[str, Any]:
        """The scene as JSON can write it, for the interactive page.

        ``nodes``, ``edges`` and ``modules`` list everything, closed modules' insides too; a module's
        ``closed`` says how the page starts. Edges are as they are written in DOT: from ``tail`` (who makes a
        value) to ``head`` (who takes it), but one with ``dir=back`` carries the value from its head to its
        tail. ``ranks`` are rows of ids; a row holds only if all its nodes are drawn, and so do those of
        ``aligned``, which go across frames and are written outside of all. ``backward`` lists ids in the
        order in which a gradient reaches them. Some modules are none of the user's: runs of ops, and frames
        of level 0 ("forward", "gradients").
        """
        return {
            "title": self.title,
            "notes": list(self.notes),
            "graph": self.graph,
            "node": self.node,
            "edge": self.edge,
            "legend": [list(entry) for entry in self.legend],
            "nodes": [
                {"id": n.id, "module": n.module, "attributes": n.attributes, "details": self.details(n.box)}
                for n in self.nodes
            ],
            "edges": [
                {"tail": e.head, "head": e.tail, "attributes": {**e.attributes, "dir": "back"}} if e.flip
                else {"tail": e.tail, "head": e.head, "attributes": e.attributes}
                for e in self.edges
            ],
            "modules": [
                {
                    "id": m.id, "parent": m.parent, "path": m.path, "class": m.kind, "level": m.level,
                    "attributes": m.attributes, "collapsed": m.collapsed, "closed": m.closed,
                    "details": self.module_details(m),
                }
                for m in self.modules.values()
            ],
            "ranks": self.ranks,
            "aligned": self.aligned,
            "backward": self.backward,
        }  # fmt: skip
