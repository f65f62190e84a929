"""A scene in Graphviz's language.  Equal scenes give equal text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .labels import heading
from .scene import Scene, SceneEdge


def dot_text(scene: Scene) -> str:
    """The DOT text of what the scene shows: closed modules are one box each."""
    import graphviz

    dot = graphviz.Digraph()
    dot.attr("graph", **_plain(scene.graph))
    dot.attr("node", **_plain(scene.node))
    dot.attr("edge", **_plain(scene.edge))
    if scene.title or scene.notes or scene.legend:
        label = heading(scene.title, scene.notes, scene.legend)
        dot.attr("graph", label=f"<{label}>", labelloc="t", fontsize="15")
    _write_boxes(dot, scene)
    shown = scene.shown()
    for row in scene.aligned:
        if all(shown[key] == key for key in row):
            dot.body.append(f"\t{{rank=same {' '.join(row)}}}\n")
    for edge in scene.visible_edges():
        _write_edge(dot, edge)
    return str(dot.source)


def _plain(attributes: dict[str, Any]) -> dict[str, str]:
    """Attributes as the graphviz package takes them, in which HTML stands in angle brackets."""
    return {name: f"<{value['html']}>" if isinstance(value, dict) else value for name, value in attributes.items()}


def _write_edge(dot: Any, edge: SceneEdge) -> None:
    """One arrow; a flipped one is written as if it left its op, which is where dot then puts what hangs on it."""
    ends, look = (edge.tail, edge.head), _plain(edge.attributes)
    if edge.flip:
        ends, look = ends[::-1], {**look, "dir": "back"}
    dot.edge(*ends, **look)


def _write_boxes(dot: Any, scene: Scene) -> None:
    """Every box into the cluster of its module; clusters nest as modules do, without recursion."""
    inside: dict[str | None, list[Any]] = {None: []}
    for node in scene.nodes:
        _open(scene, node.module, inside)
        inside[node.module].append(node)
    drawn = {node.id: node.module for node in scene.nodes}
    rows = {row[1]: row for row in scene.ranks}  # written after the op, which comes after its inputs
    stack: list[tuple[str | None, Iterator[Any]]] = [(None, iter(inside[None]))]
    while stack:
        item = next(stack[-1][1], None)
        indent = "\t" * len(stack)
        if item is None:
            if stack.pop()[0] is not None:
                dot.body.append(f"{indent[1:]}}}\n")
            continue
        if isinstance(item, str):
            module = scene.modules[item]
            if not module.closed:
                dot.body.append(f"{indent}subgraph cluster_{item} {{\n")
                dot.body.append(f"{indent}\tgraph [{_listed(module.attributes)}]\n")
                stack.append((item, iter(inside[item])))
                continue
            key, attributes = item, module.collapsed
        else:
            key, attributes = item.id, item.attributes
        dot.node(key, **_plain(attributes))
        dot.body[-1] = indent[1:] + dot.body[-1]
        row = rows.get(key)
        if row and all(drawn.get(other) == drawn[key] for other in row):
            dot.body.append(f"{indent}{{rank=same {' '.join(row)}}}\n")


def _open(scene: Scene, module: str | None, inside: dict[str | None, list[Any]]) -> None:
    """Note where a module and those around it begin: at their first box."""
    path = []
    while module not in inside:
        assert module is not None
        path.append(module)
        inside[module] = []
        module = scene.modules[module].parent
    for inner in reversed(path):
        inside[scene.modules[inner].parent].append(inner)


def _listed(attributes: dict[str, Any]) -> str:
    """Attributes of a cluster, quoted where they must be."""
    from graphviz.quoting import attr_list

    return str(attr_list(kwargs=_plain(attributes))).strip().removeprefix("[").removesuffix("]")
