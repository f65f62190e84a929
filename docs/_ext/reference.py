"""The reference: a page for each part of the package, written when the site is built from what is public there."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import make_tables  # docs/
from sphinx.ext.autodoc import FunctionDocumenter

from tinygrad_cnn import Op

TITLES = {
    "tg": "The package: `tg`", "tg.nn": "Layers: `tg.nn`", "tg.optim": "Optimisers and schedules: `tg.optim`",
    "tg.data": "Data sets: `tg.data`", "tg.models": "Networks: `tg.models`", "tg.testing": "Testing: `tg.testing`",
    "tg.viz": "Pictures: `tg.viz`", "tg.io": "Files: `tg.io`", "tg.insight": "Looking inside: `tg.insight`",
    "tg.detection": "Object detection: `tg.detection`",
}  # fmt: skip


class OpDocumenter(FunctionDocumenter):
    """A registered op, written down as the function that it is to its users."""

    objtype = "op"
    directivetype = "function"
    priority = 20  # before autodoc's own, which would take it for data

    @classmethod
    def can_document_member(cls, member: Any, membername: str, isattr: bool, parent: Any) -> bool:
        return isinstance(member, Op)


def page(title: str, module: Any, told: set[int]) -> str:
    """One part of the package in reStructuredText: classes with their methods, functions, ops.

    What another part has `told` already is left out.
    """
    head = TITLES.get(title, f"`{title}`").replace("`", "``")
    name = module.__name__
    lines = [head, "=" * len(head), "", f".. currentmodule:: {name}", ""]
    for member in make_tables.public(module):
        value = getattr(module, member)
        if inspect.ismodule(value) or id(value) in told:
            continue
        told.add(id(value))
        kind = "class" if inspect.isclass(value) else "op" if isinstance(value, Op) else "function"
        if not callable(value):
            kind = "data"
        lines += [f".. auto{kind}:: {name}.{member}"]
        lines += ["   :members:", ""] if kind == "class" else [""]
    return "\n".join(lines)


def write(app: Any) -> None:
    """All pages, and the index; those that are up to date stay as they are."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    told: set[int] = set()
    parts = {title.replace(".", "_"): page(title, module, told) for title, module in make_tables.PARTS.items()}
    listed = "\n".join(f"   {name}" for name in parts)
    head = "The package"
    index = f"{head}\n{'=' * len(head)}\n\nEverything that is public, by subject.\n\n.. toctree::\n\n{listed}\n"
    for name, text in {**parts, "index": index}.items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def attributes(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """A paragraph of attributes after a list of parameters is no parameter: it gets a head of its own."""
    for k, line in reversed(list(enumerate(lines))):
        if line.startswith("Attributes: "):
            rest = line.removeprefix("Attributes: ")
            lines[k : k + 1] = ["Notes", "-----", f"Attributes: {rest}"]


def setup(app: Any) -> dict[str, bool]:
    app.add_autodocumenter(OpDocumenter)
    app.connect("builder-inited", write, priority=100)
    app.connect("autodoc-process-docstring", attributes, priority=100)  # before numpydoc reads the sections
    return {"parallel_read_safe": True, "parallel_write_safe": True}
