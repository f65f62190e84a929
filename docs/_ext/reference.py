"""The reference: a page for each part of the package, written when the site is built from what is public there.

A page lists its names by subject, and a subject is the file that defines them.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import make_tables  # docs/
from sphinx.ext.autodoc import FunctionDocumenter

from tinygrad_cnn import Op

HERE = Path(__file__).resolve().parent
START = HERE / "start_of_examples.py"

TITLES = {
    "tg": "The package: `tg`", "tg.nn": "Layers: `tg.nn`", "tg.nn.init": "Starting weights: `tg.nn.init`",
    "tg.optim": "Optimisers and schedules: `tg.optim`", "tg.data": "Data sets: `tg.data`",
    "tg.data.transforms": "Augmentation: `tg.data.transforms`", "tg.models": "Networks: `tg.models`",
    "tg.testing": "Testing: `tg.testing`", "tg.graphs": "Drawings of graphs: `tg.graphs`",
    "tg.plots": "Pictures of networks and trainings: `tg.plots`", "tg.io": "Files: `tg.io`",
    "tg.insight": "Looking inside: `tg.insight`", "tg.detection": "Object detection: `tg.detection`",
    "tg.distributed": "Several processes: `tg.distributed`",
}  # fmt: skip

# Files below tinygrad_cnn/ and what they are about, in the order of a page; those of ops/ have titles on the page of
# ops already.  A file that is not named here comes last, under its own name.
SUBJECTS = {
    "core.tensor ops.creation": "Tensors",
    "core.engine core.modes core.errors autodiff": "Differentiation",
    **{f"ops.{file} ops.{file}_forms": title for file, title in make_tables.FAMILIES.items()},
    "core.operation core.register": "Ops of your own",
    "autodiff.sample": "Samples",
    "train": "Training",
    "insight.summaries insight.profiler": "Summaries and profiles",
    "insight.chain insight.telling": "Gradients explained",
    "insight.anomalies insight.checkup insight.sanity": "What is wrong, and where",
    "io.tensors": "Saving and loading",
    "io.pth io.keras_h5 io.quantised": "Published weights",
    "io.atomic io.errors": "Safe files",
    "graphs.drawing graphs.diff graphs.render graphs.display": "Graphs",
    "plots.training plots.mistakes plots.watch plots.lr_range plots.landscape": "Training",
    "plots.screen": "Charts of your own",
    "plots.banks plots.volumes plots.receptive plots.attribution": "What a network sees",
    "pages": "Reports",
    "kernels": "Kernels and threads",
    "nn.module nn.parameter": "The base of all layers",
    "nn.containers": "Containers",
    "nn.linear nn.conv": "Dense layers and convolutions",
    "nn.pooling": "Pooling",
    "nn.normalization": "Normalisation",
    "nn.activation": "Activations",
    "nn.dropout": "Dropout",
    "nn.resize": "Sizes and borders",
    "nn.losses": "Losses",
    "optim.optimizer optim.sgd optim.adam optim.adaptive optim.lbfgs": "Optimisers",
    "optim.schedules": "Schedules",
    "optim.clip optim.ema": "Gradients bounded, weights averaged",
    "data.digits8x8 data.mnist_family data.fashion_sample data.cifar": "Ready-made data sets",
    "data.dataset data.folder": "Data sets of your own",
    "data.loader data.samplers": "Batches",
    "data.images data.idx data.packages data.downloads": "Files",
    "models": "Networks",
    "testing.gradient_check testing.gradient_report": "Gradients",
    "testing.check": "Ops",
    "detection.boxes": "Boxes",
    "detection.anchors detection.coding": "Anchors",
    "detection.losses": "Losses",
    "detection.suppression": "Suppression",
    "detection.metrics": "Average precision",
}


class OpDocumenter(FunctionDocumenter):
    """A registered op, written down as the function that it is to its users."""

    objtype = "op"
    directivetype = "function"
    priority = 20  # before autodoc's own, which would take it for data

    @classmethod
    def can_document_member(cls, member: Any, membername: str, isattr: bool, parent: Any) -> bool:
        return isinstance(member, Op)


def subject(value: Any) -> tuple[int, str]:
    """What a public thing is about, by the file that defines it, and the place of that on a page."""
    home = getattr(value, "__module__", None) or type(value).__module__
    file = home.partition(".")[2]
    known = {name: (n, title) for n, (names, title) in enumerate(SUBJECTS.items()) for name in names.split()}
    while file:
        if file in known:
            return known[file]
        file = file.rpartition(".")[0]
    return len(SUBJECTS), home.rpartition(".")[2].replace("_", " ").capitalize()


def by_subject(module: Any) -> dict[str, list[str]]:
    """The public names of a part under their subjects, in the order of SUBJECTS."""
    found: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for member in make_tables.public(module):
        if not inspect.ismodule(getattr(module, member)):
            found[subject(getattr(module, member))].append(member)
    return {name: members for (_, name), members in sorted(found.items())}


def heading(text: str, line: str) -> list[str]:
    text = text.replace("`", "``")
    return [text, line * len(text), ""]


def page(title: str, module: Any, told: dict[int, str]) -> str:
    """One part of the package in reStructuredText: a list of its names, then each subject with all that is in it.

    `told` maps what another page tells to its full name there, which the list then leads to.
    """
    groups = by_subject(module)
    lines = [*heading(TITLES.get(title, f"`{title}`"), "="), introduction(module), ""]
    lines += [f".. currentmodule:: {module.__name__}", ""]
    body: list[str] = []
    for name, members in groups.items():
        new = [member for member in members if id(getattr(module, member)) not in told]
        told |= {id(getattr(module, member)): f"{module.__name__}.{member}" for member in new}
        links = "\u00a0· ".join(f":py:obj:`{member} <{told[id(getattr(module, member))]}>`" for member in members)
        several = len(groups) > 1 and new
        lines += [f"* `{name}`_: {links}" if several else f"* {name}: {links}" if len(groups) > 1 else f"* {links}"]
        body += heading(name, "-") if several else []
        for member in new:
            body += directive(f"{module.__name__}.{member}", getattr(module, member))
    return "\n".join([*lines, "", *body])


def introduction(module: Any) -> str:
    """The first paragraph of a part's docstring."""
    text = re.split(r"\n\s*\n", inspect.getdoc(module) or "")[0]
    return re.sub(r"(?<!`)`(?!`)|``", "``", text)


def directive(name: str, value: Any) -> list[str]:
    if inspect.isclass(value):
        return [f".. autoclass:: {name}", "   :members:", ""]
    kind = "op" if isinstance(value, Op) else "function" if callable(value) else "data"
    return [f".. auto{kind}:: {name}", *(["   :no-value:"] if kind == "data" else []), ""]


def write(app: Any) -> None:
    """All pages, and the index; those that are up to date stay as they are."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    told: dict[int, str] = {}
    parts = {title.replace(".", "_"): page(title, module, told) for title, module in make_tables.PARTS.items()}
    lines = [*heading("The package", "="), "Everything that is public, by subject.", ""]
    lines += ["The examples on these pages begin with:", "", ".. literalinclude:: ../_ext/start_of_examples.py", ""]
    lines += ["The parts:", ""]
    for title, module in make_tables.PARTS.items():
        lines += [f"* :doc:`{title.replace('.', '_')}`. {introduction(module)}".replace("\n", " ")]
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {name}" for name in parts), ""]
    for name, text in {**parts, "index": "\n".join(lines)}.items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def signature(_app: Any, what: str, _name: str, _obj: Any, _options: Any, text: str, _returns: str) -> Any:
    """As it is written: numpydoc would take a first line such as ``max(x, 0)`` for the signature."""
    if what not in ("op", "function", "method", "class") or text is None:
        return None
    text = re.sub(r"<op (\w+)\(.*?\)>|<class 'numpy\.(\w+)'>", r"\1\2", text)
    return text.replace("=<factory>", "=..."), ""


def paragraphs(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """A paragraph after a list of parameters or errors (attributes, a source) is no item of it: it gets a head."""
    if lines and re.match(r"\w+\(", lines[0]):
        lines[0] = rf"\ {lines[0]}"  # nor is it one here
    k, section = 0, ""
    while k < len(lines):
        if k + 1 < len(lines) and lines[k + 1] and set(lines[k + 1]) == {"-"}:
            section, k = lines[k], k + 2
            continue
        starts = lines[k] and not lines[k].startswith((" ", ">>>")) and not lines[k - 1].strip()
        if section not in ("", "Notes", "Examples") and starts and " : " not in lines[k]:
            lines[k:k], section = ["Notes", "-----"], "Notes"
            k += 2
        elif section not in ("", "Notes", "Examples") and re.match(r" +[^ ]", lines[k]) and lines[k - 1].strip():
            lines[k - 1] += f" {lines.pop(k).strip()}"  # what follows a colon stays one paragraph
            continue
        k += 1


def attributes(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Attributes told in a sentence look like those told in a list."""
    for k, line in reversed(list(enumerate(lines))):
        if line.startswith("Attributes: "):
            end = next((n for n in range(k, len(lines)) if not lines[n].strip()), len(lines))
            text = [line.removeprefix("Attributes: "), *lines[k + 1 : end]]
            lines[k:end] = [":Attributes:", "", *(f"    {each}" for each in text)]
    text = "\n".join(lines)
    lines[:] = re.sub(r"\.\. rubric:: Notes\n\n(?=:Attributes:)", "", text).split("\n")


def skip(_app: Any, _what: str, _name: str, value: Any, skipped: bool, _options: Any) -> bool | None:
    """The fields of a named tuple stand in its own docstring; Python's say nothing."""
    return True if (getattr(value, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Any) -> dict[str, bool]:
    app.add_autodocumenter(OpDocumenter)
    app.connect("builder-inited", write, priority=100)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", signature, priority=100)
    app.connect("autodoc-process-docstring", paragraphs, priority=100)  # before numpydoc reads the sections
    app.connect("autodoc-process-docstring", attributes, priority=900)  # after it
    app.config.add_module_names = False  # the head of a page says it once
    app.config.toc_object_entries_show_parents = "hide"
    app.config.doctest_global_setup = START.read_text(encoding="utf-8")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
