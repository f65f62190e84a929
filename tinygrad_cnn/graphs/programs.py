"""Drawings of programs: a box for each call, arrows for what it reads, a colour for each piece of planned memory."""

from __future__ import annotations

import colorsys
from typing import Any

from ..program import Call, Program, Slot
from ..program.compiling import Compiled
from ..program.instructions import slots_in
from .compose import compose
from .graph import Arrow, Box, Picture
from .labels import cut, shape_text
from .modules import Path, Step

USUAL = "float32"


def picture_of(step: Compiled) -> tuple[Picture, dict[Box, str], str]:
    """The newest program of a compiled function: boxes and arrows, colours of boxes, and a summary.

    Raises
    ------
    ValueError : it has no program yet.
    """
    one = step.newest
    if one is None:
        raise ValueError(f"draw: {step.name} has no program yet. Call it with arguments of one shape until it has.")
    program: Program = one.program
    makers: dict[Slot, Box] = {}
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    for slot in program.inputs:
        if isinstance(slot, Slot):
            makers[slot] = Box("input", f"input {slot!r}", shape=_shape(slot))
            boxes.append(makers[slot])
    colours: dict[Box, str] = {}
    for k, call in enumerate(program.calls):
        box = _box(call)
        boxes.append(box)
        tails = dict.fromkeys([makers[slot] for slot in call.reads() if slot in makers])
        arrows += [Arrow(tail, box) for tail in tails]
        makers |= dict.fromkeys(call.makes(), box)
        if (place := one.place_of(k)) is not None:
            colours[box] = place
    result = Box("output", "result")
    ends = dict.fromkeys([makers[slot] for slot in slots_in(program.outputs) if slot in makers])
    picture = Picture([*boxes, result], [*arrows, *[Arrow(tail, result) for tail in ends]], len(program.calls))
    places = sorted({*colours.values()})
    if places:
        picture.notes.append(f"{len(places)} places in {one.memory / 2**20:.3g} MiB of planned memory, a colour each")
    shades = {place: _shade(n, len(places)) for n, place in enumerate(places)}
    return picture, {box: shades[place] for box, place in colours.items()}, f"{len(program.calls)} calls"


def scene_of(step: Compiled, title: str | None, rankdir: str) -> tuple[Any, str, Picture]:
    """The scene of a program, a summary, and the picture."""
    picture, colours, summary = picture_of(step)
    scene = compose(picture, rankdir=rankdir, title=step.name if title is None else title)
    for node in scene.nodes:
        if node.box in colours:
            node.attributes["fillcolor"] = colours[node.box]
    return scene, summary, picture


def _box(call: Call) -> Box:
    made = [*call.makes()]
    if call.kind == "load":
        return Box("parameter", cut(getattr(call.args[0], "name", None) or "tensor"), shape=_shape(made[0]))
    name = ".".join(call.name.split(".")[-2:]) if call.kind == "effect" else call.name
    shapes = ", ".join([_shape(slot) for slot in made if slot.dtype is not None])
    return Box("op", cut(name), shape=shapes, path=_path(call.path), look="gradient" if call.kind == "rule" else "")


def _path(text: str) -> Path:
    return tuple([Step(name) for name in text.split(".")]) if text else ()


def _shape(slot: Slot) -> str:
    return shape_text(slot.shape, str(slot.dtype), USUAL) if slot.dtype is not None else ""


def _shade(n: int, count: int) -> str:
    """A light colour, apart from the others."""
    r, g, b = colorsys.hls_to_rgb(n / max(count, 1), 0.82, 0.7)
    return f"#{round(r * 255):02x}{round(g * 255):02x}{round(b * 255):02x}"
