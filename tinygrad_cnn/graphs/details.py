"""What the interactive page tells about a box that is clicked, as JSON can write it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..core.site import line_of
from ..insight import formulas
from .labels import cut, parameter_texts
from .modules import words

PACKAGE = Path(__file__).parents[1]
LONGEST = 400  # characters of a parameter


def of_box(box: Any, badges: Any = None) -> dict[str, Any]:
    """Kind, op, name, path, shape, parameters, where it was made, formulas, and what was measured."""
    node = box.node
    op = node.op if node is not None else None
    told = {
        "kind": box.kind,
        "op": op.name if op is not None else "",
        "name": (node.name or "") if node is not None else box.title,
        "path": words(box.path),
        "number": box.number,
        "shape": [int(n) for n in node.shape] if node is not None else None,
        "dtype": str(node.dtype) if node is not None else "",
        "parameters": {k: cut(v, LONGEST) for k, v in parameter_texts(node).items()} if op is not None else {},
        "site": site_of(node),
        "formulas": _formulas(op) if op is not None else [],
        "explain": box.explain,
        **_MEASURED,
    }
    if op is None and node is not None:
        told["name"] = node.name or box.title
    return told | (badges.details([node]) if badges is not None and node is not None else {})


def of_module(module: Any, badges: Any = None) -> dict[str, Any]:
    """Path, class, how many ops there are inside, and what was measured over all of them."""
    ops = [box for box in module.boxes if box.kind in ("op", "failed")]
    told = {"kind": "module", "path": module.path, "class": module.kind, "ops": len(ops), **_MEASURED}
    nodes = [box.node for box in module.boxes if box.node is not None]
    return told | (badges.details(nodes) if badges is not None else {})


_MEASURED: dict[str, Any] = {
    "values": None, "gradient": None, "cost": None, "seconds": None, "memory": None, "params": None, "warnings": [],
}  # fmt: skip


def site_of(node: Any) -> str | None:
    """``file.py:12``: where a node was made, without the folder, which is nobody else's business.

    None if that was within this package, as when a command of it runs a model.
    """
    site = getattr(node, "site", None)
    place = Path(line_of(site))
    return None if site is None or place.is_relative_to(PACKAGE) else place.name


@cache
def _formulas(op: Any) -> list[dict[str, str]]:
    """The op's rules as formulas."""
    return [{"input": name, "plain": f.plain, "latex": f.latex} for name, f in formulas.of(op).items()]
