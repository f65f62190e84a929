"""`draw`: the graph behind a result, as a picture."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Tensor, enable_grad
from ..core.errors import describe
from ..core.modes import _set, state
from .compose import compose
from .dot import dot_text
from .fold import fold
from .graph import read
from .render import RenderError, render, suffix_of, write
from .scene import Scene

RANKDIRS = ("TB", "LR")


class Drawing:
    """A drawn graph: its DOT text, and ways to see it.  A notebook shows it by itself."""

    def __init__(self, scene: Scene, summary: str, whole: Scene | None = None) -> None:
        self.scene = scene
        self.summary = summary
        self._whole = whole or scene  # what the interactive page shows, in which nothing is left out
        self.source = dot_text(scene)

    def __repr__(self) -> str:
        return f"<Drawing of {self.summary}; .render('graph.svg') makes a file, .source is the DOT text>"

    def render(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file and return its path; the suffix says the format: svg, png, pdf, dot or html.

        The html is one file that needs no network, in which modules open and close and every box tells what it is.

        Raises
        ------
        ValueError : the suffix is none of these.
        RenderError : no Graphviz program is installed, or it could not draw this.
        OSError : the file cannot be written; what stood there before still does.
        """
        where = Path(path)
        form = suffix_of(where)
        write(where, self._as(form))
        return where

    def _as(self, form: str) -> bytes:
        if form == "dot":
            return self.source.encode()
        if form == "html":
            from .page import html

            return html(self._whole.to_json(), self.scene.title or self.summary).encode()
        return render(self.source, form)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": render(self.source, "svg").decode(), "text/plain": repr(self)}
        except RenderError as error:  # a notebook shows the reason in place of the picture
            return {"text/plain": f"{self!r}\n{error}"}


def draw(
    y: Any,
    *inputs: Any,
    rankdir: str = "TB",
    title: str | None = None,
    constants: bool = False,
    depth: int | None = None,
) -> Drawing:
    """Draw the recorded graph that leads to y.

    Parameters
    ----------
    y : a Tensor, several (list, tuple or dict), or a module or function, which is called with `inputs` and recorded.
    rankdir : "TB" draws from top to bottom, "LR" from left to right.
    title : a line above the picture.
    constants : True to show Python numbers, and arrays that have neither name nor gradient, too.
    depth : modules nested deeper than this many levels are drawn as one box each.  None draws every op, unless that
        makes more than 150 boxes; the picture then says what it left out.

    >>> draw(model, images).render("graph.svg")
    """
    if rankdir not in RANKDIRS:
        raise ValueError(f"draw: rankdir must be 'TB' (top to bottom) or 'LR' (left to right), got {rankdir!r}.")
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise ValueError(f"draw: depth counts levels of modules from 1, got {depth!r}. Leave it out to draw every op.")
    known: dict[str, dict[Any, str]] = {"names": {}, "inputs": {}, "classes": {}}
    if callable(y) and not isinstance(y, Tensor):
        y, known = _call(y, inputs)
    elif inputs:
        raise TypeError(f"draw: only a module or function takes example inputs, but the first is {describe(y)}.")
    outputs = list(_outputs(y, "output"))
    if not outputs:
        raise ValueError("draw: there is nothing to draw in an empty list. Pass at least one Tensor.")
    picture = read(outputs, **known, constants=constants)
    if not picture.ops:
        picture.notes.append(_no_history(outputs[0][1]))
    summary = f"{picture.ops} op{'s' if picture.ops != 1 else ''}"
    scene = compose(picture, rankdir=rankdir, title=title)
    fold(scene, depth)
    return Drawing(scene, summary)


def _outputs(y: Any, label: str) -> Iterator[tuple[str, Any]]:
    """Each Tensor in y, with the word that marks it."""
    if isinstance(y, Tensor):
        yield label, y.node
    elif isinstance(y, dict):
        for key, value in y.items():
            yield from _outputs(value, f"{label} {key}")
    elif isinstance(y, (list, tuple)):
        for k, value in enumerate(y):
            yield from _outputs(value, f"{label} {k}" if len(y) > 1 else label)
    else:
        raise TypeError(
            f"draw: expected a Tensor, several of them, or a module with an example input; got {describe(y)}, "
            "which has no history. Pass the Tensor that the ops returned."
        )


def _no_history(node: Any) -> str:
    reasons = {"no_grad": "it was made under no_grad", "stop_gradient": "it was cut off by stop_gradient"}
    return f"no ops were recorded: {reasons.get(node.why, 'this is a leaf')}"


def _call(model: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Any, dict[str, dict[Any, str]]]:
    """Run a model, recorded; its result, and what `read` wants to know about it.

    No trace is left in the model: running statistics and random generators stay as they were.
    """
    who = getattr(model, "__name__", None) or type(model).__name__
    if not inputs:
        raise TypeError(f"draw: {who} needs an example input to be drawn: draw({who}, x).")
    points = [_example(x) for x in inputs]
    words = _argument_names(model, len(points))
    given = {p.node: word for p, word in zip(points, words, strict=True) if isinstance(p, Tensor)}
    with enable_grad(), _set(recomputing=True, generators={}, path=""):
        try:
            y = model(*points)
        finally:
            for rng, before in (state.generators or {}).values():
                rng.bit_generator.state = before
    leaves = [pair for kind in ("named_parameters", "named_buffers") for pair in getattr(model, kind, tuple)()]
    modules = list(getattr(model, "named_modules", tuple)())
    return y, {
        "names": {value.node: name for name, value in leaves if isinstance(value, Tensor)},
        "inputs": given,
        "classes": {name: type(module).__name__ for name, module in modules if name},
    }


def _example(x: Any) -> Any:
    """An input as a leaf of its own, which requires a gradient so that every op is recorded."""
    if isinstance(x, Tensor) and x.requires_grad:
        return x
    values = x.data if isinstance(x, Tensor) else x
    if not isinstance(values, (np.ndarray, np.generic, list, float)):
        return x
    point = Tensor(values, name=x.name if isinstance(x, Tensor) else None)
    if point.dtype.kind == "f":
        point.requires_grad = True
    return point


def _argument_names(model: Any, count: int) -> list[str]:
    """What the model calls its inputs: the names of its first positional arguments."""
    try:
        signature = inspect.signature(getattr(model, "forward", model))
    except (TypeError, ValueError):
        return [f"input {k}" for k in range(count)]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    words = [p.name for p in signature.parameters.values() if p.kind in kinds][:count]
    return words + [f"input {k}" for k in range(len(words), count)]
