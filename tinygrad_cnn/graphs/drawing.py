"""`draw`: the graph behind a result, as a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..core import Tensor
from ..program.compiling import Compiled
from .backward import differentiate
from .badges import Badges, Show, asked
from .calls import Watched, watching
from .compose import compose
from .dot import dot_text
from .fold import MOST, OPENED, fold
from .graph import Picture, read
from .measure import Measured, measure
from .outline import outline
from .programs import scene_of
from .render import RenderError, render, suffix_of, write
from .repeats import fold_repeats
from .scene import Scene
from .subject import Subject, subject_of

Direction: TypeAlias = Literal["forward", "backward", "both"]
Rankdir: TypeAlias = Literal["TB", "LR"]
Detail: TypeAlias = Literal["outline", "ops"]
DIRECTIONS, RANKDIRS, DETAILS = get_args(Direction), get_args(Rankdir), get_args(Detail)
SUMMED = {"shapes", "params"}  # what an outline can say of several ops in one box
Drawable: TypeAlias = (  # Tensors, what makes them when it is called, a run folder, or the error of a forward pass
    Tensor | Sequence[Any] | Mapping[str, Any] | Callable[..., Any] | str | os.PathLike[str] | BaseException
)


class Drawing:
    """A drawn graph: its DOT text, and ways to see it.  A notebook shows it by itself."""

    def __init__(
        self, scene: Scene, summary: str, whole: Scene | None = None, *, picture: Picture, source: str | None = None
    ) -> None:
        self.scene = scene
        self.picture = picture  # before anything was folded
        self.summary = summary
        self._whole = whole or scene  # what the interactive page shows, in which nothing is left out
        self.source = dot_text(scene) if source is None else source

    def __repr__(self) -> str:
        return f"<Drawing of {self.summary}; .render('graph.svg') makes a file, .source is the DOT text>"

    @named
    def render(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file and return its path; the suffix says the format: svg, png, pdf, dot or html.

        The html is one file that needs no network, in which modules open and close and every box tells what it is.
        A symbolic link at `path` is replaced by the picture.

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


@named
def draw(
    y: Drawable,
    *inputs: Any,
    direction: Direction = "forward",
    show: Show | Iterable[Show] = "shapes",
    depth: Whole | None = None,
    collapse: str | Sequence[str] = (),
    repeats: bool | None = None,
    constants: bool = False,
    detail: Detail | None = None,
    grad: Any = None,
    title: str | None = None,
    rankdir: Rankdir = "TB",
) -> Drawing:
    """Draw a graph: what was recorded, or what is recorded when a model runs on an example.

    Parameters
    ----------
    y : a Tensor; several (list, tuple or dict); a module or function, which is called with `inputs` and recorded; a
        run folder, whose trained network is drawn; what `tg.compile` made, whose newest program is drawn, with a colour
        for each piece of memory that results share; or an exception that a forward pass raised, of which the graph up
        to the op that failed is drawn.
    direction : "forward" draws the recorded ops; "backward" the ops that compute the gradients of all leaves that
        require one; "both" draws the two side by side, numbered: what the rules of op 7 called is 7'.
    show : what boxes tell beside their names: one or several of "shapes", "values", "grads", "params", "cost", "time",
        "memory", or "all".  The first of grads, time, memory and cost that is asked for colours the boxes.
    detail : "outline" draws at most 16 boxes of ops: parameters stand in the box of the op that uses them, a norm or an
        activation joins the op before it, equal modules and the rounds of a loop are drawn once, and modules are closed
        until the rest can be read on a screen.  "ops" draws every op and every leaf, unless that makes more than 150
        boxes; the picture then says what it left out.  None draws an outline, but every op where each has something to
        say of its own (values, gradients, time), where the picture is of gradients or of a pass that failed, and where
        `repeats` or `constants` ask for it.
    depth : modules nested deeper than this many levels are drawn as one box each.
    collapse : paths of modules to draw as one box each; patterns as in ``"layer*.conv1"`` are understood.
    repeats : of every op: True draws equal modules that follow each other once, marked "× 3"; None does so where there
        are more than 150 boxes; False never.
    constants : True to show Python numbers, and arrays that have neither name nor gradient, too.
    grad : what the output is weighed with on the way back (several for several outputs).  By default 1 for a single
        number, else standard normal numbers with a fixed seed.
    title : a line above the picture.
    rankdir : "TB" draws from top to bottom, "LR" from left to right.

    Raises
    ------
    TypeError : y is nothing that has a graph, or a model lacks its example.
    ValueError : an unknown word or path among the options, or an exception in which no op was running.
    GraphError : the gradients were asked for, and there are none or the graph was released.
    RunError : the folder holds no run that can be read.

    Examples
    --------
    >>> tg.draw(model, images, show={"values", "grads"}).render("graph.html").name
    'graph.html'
    """
    _check(direction, rankdir, detail, depth)
    words = asked(show)
    if isinstance(y, Compiled) and not inputs:
        scene, summary, picture = scene_of(y, title, rankdir)
        return Drawing(scene, summary, picture=picture)
    collapse = [collapse] if isinstance(collapse, str) else list(collapse)
    subject = subject_of(y, inputs, words)
    picture, measured = _read(subject, direction, words, grad, constants)
    badges = Badges(measured, words) if measured else None
    title = subject.title if title is None else title
    options: dict[str, Any] = {"rankdir": rankdir, "title": title, "shapes": "shapes" in words, "badges": badges}
    summary = f"{picture.ops} op{'s' if picture.ops != 1 else ''}"
    if detail == "outline" and direction != "forward":
        raise ValueError(f"draw: an outline is of the forward pass; for direction={direction!r} leave detail out.")
    plain = words <= SUMMED and repeats is None and not constants and subject.failure is None
    if detail == "outline" or (detail is None and direction == "forward" and plain):
        return _outlined(picture, summary, depth, collapse, options)
    fits = len(picture.boxes) <= MOST or depth is not None
    once = fold_repeats(picture) if repeats or (repeats is None and not fits) else picture
    if once is not picture and not repeats:
        once.notes.append(f"{picture.ops} ops; equal blocks are drawn once, repeats=False draws them all")
    scene = compose(once, **options)
    fold(scene, depth, collapse)
    if once is picture or repeats:
        return Drawing(scene, summary, picture=picture)
    whole = compose(picture, **options)  # the page has room for all, as modules that can be opened
    fold(whole, depth, collapse)
    return Drawing(scene, summary, whole, picture=picture)


def _outlined(
    picture: Picture, summary: str, depth: Whole | None, collapse: Sequence[str], options: dict[str, Any]
) -> Drawing:
    """The outline of a picture; the interactive page holds every op, with modules closed as far as a screen takes."""
    whole = compose(picture, **options)
    fold(whole, depth, collapse, OPENED)
    source = outline(
        picture, title=options["title"] or "", rankdir=options["rankdir"], depth=None if depth is None else int(depth),
        collapse=collapse, badges=options["badges"],
    )  # fmt: skip
    return Drawing(whole, summary, picture=picture, source=source)


def _check(direction: str, rankdir: str, detail: Any, depth: Any) -> None:
    if direction in RANKDIRS:
        raise ValueError(f"draw: direction is forward, backward or both; for {direction!r} pass rankdir={direction!r}.")
    if direction not in DIRECTIONS:
        raise ValueError(f"draw: direction must be 'forward', 'backward' or 'both', got {direction!r}.")
    if rankdir not in RANKDIRS:
        raise ValueError(f"draw: rankdir must be 'TB' (top to bottom) or 'LR' (left to right), got {rankdir!r}.")
    if detail is not None and detail not in DETAILS:
        raise ValueError(f"draw: detail must be 'outline' or 'ops', got {detail!r}.")
    if depth is not None:
        whole("draw", "depth", depth, remedy="It counts levels of modules. Leave it out to draw every op.")


def _read(
    subject: Subject, direction: str, words: frozenset[str], grad: Any, constants: bool
) -> tuple[Picture, Measured | None]:
    """The picture of a subject, and what was measured if anything was asked for."""
    nodes = [(label, y.node) for label, y in subject.outputs]
    known, ys = subject.known, [y for _, y in subject.outputs]
    if subject.failure is not None:
        if direction != "forward":
            raise ValueError(f"draw: a forward pass that failed has no gradients; direction={direction!r} is of none.")
        picture = read([], known, constants=constants, failure=subject.failure)
        ys = subject.failure.tensors
        if left := sorted(words & {"grads", "time"}):
            picture.notes.append(f"a pass that failed has no {' and no '.join(left)}; values and cost are known")
        return picture, _measure(subject, ys, words - {"grads", "time"}, None, subject.watched)
    back = None
    if direction != "forward":
        with watching(with_values="values" in words) as watched:
            back = differentiate(ys, subject.wanted(), grad)
    if back is None:
        picture = read(nodes, known, constants=constants)
        picture.notes += subject.notes + ([] if picture.ops else [_no_history(nodes[0][1])])
        return picture, _measure(subject, ys, words, grad, subject.watched)
    known = replace(
        known,
        inputs={**known.inputs, **back.cotangents},
        gradients=back.places,
        numbers=back.numbers,
        sums={node for node, maker in back.makers.items() if maker is None},
    )
    if direction == "both":
        picture = read(nodes + back.outputs, replace(known, frames=True), constants=constants)
    else:
        picture = read(back.outputs, replace(known, stop={*back.forward}), constants=constants)
    picture.notes += subject.notes + back.notes
    more = _measure(subject, back.tensors, words - {"grads"}, None, watched)
    if direction == "backward" and "grads" in words:
        picture.notes.append('grads are told of the forward pass: direction="both" shows it beside')
    if direction == "backward":
        return picture, more
    return picture, _merged(_measure(subject, ys, words, grad, subject.watched), more)


def _merged(first: Measured | None, second: Measured | None) -> Measured | None:
    """What is known of the forward pass, and of the gradients beside."""
    if first is None or second is None:
        return first or second
    new = [node for node in second.order if node not in set(first.order)]
    told = ("values", "silent", "gradients", "forward", "backward", "costs", "adds", "memory", "parameters")
    both: dict[str, Any] = {name: {**getattr(second, name), **getattr(first, name)} for name in told}
    notes = list(dict.fromkeys([*first.notes, *second.notes]))
    return replace(first, order=[*first.order, *new], notes=notes, **both)


def _measure(
    subject: Subject, ys: Sequence[Tensor], words: frozenset[str], grad: Any, watched: Watched | None
) -> Measured | None:
    if not words - {"shapes"} or not ys:
        return None
    cotangents = grad if isinstance(grad, (list, tuple)) or grad is None else [grad]
    return measure(ys, words, watched=watched, leaves=subject.leaves, inputs=subject.examples, cotangents=cotangents)


def _no_history(node: Any) -> str:
    reasons = {"no_grad": "it was made under no_grad", "stop_gradient": "it was cut off by stop_gradient"}
    return f"no ops were recorded: {reasons.get(node.why, 'nothing that this was made from requires a gradient')}"
