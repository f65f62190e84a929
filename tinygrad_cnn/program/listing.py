"""Programs in words: one line for each call, with where it comes from, and what became of it."""

from __future__ import annotations

from typing import Any

from ..core import Tensor
from ..core.site import line_of
from .candidates import Candidate
from .instructions import Call, Given, Slot, atoms

WIDTH = 100  # characters of a call


class Text(str):
    """Text that an interactive session shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def listing(name: str, candidates: list[Candidate], refused: list[str]) -> Text:
    """What is known of the programs of a function."""
    if not candidates and not refused:
        return Text(f"{name}: no program yet. The first call runs as usual, the second one is recorded.")
    parts = [f"refused: {words}" for words in refused]
    for number, one in enumerate(candidates, 1):
        parts.append("\n".join([f"program {number} of {len(candidates)} of {name}, {_head(one)}", *_lines(one)]))
    return Text("\n\n".join(parts))


def _head(one: Candidate) -> str:
    inputs = ", ".join([f"{s!r} {_kind(s)}" if isinstance(s, Slot) else f"{s!r} a Tensor" for s in one.program.inputs])
    words = f"inputs {inputs or 'none'}; {one.stage}; {len(one.program.calls)} calls"
    if one.lowered is None:
        return f"{words}, all whole"
    return f"{words}, {one.kept} of them lowered; {one.memory / 2**20:.3g} MiB planned for results"


def _kind(slot: Slot) -> str:
    return f"{slot.shape} {slot.dtype}"


def _lines(one: Candidate) -> list[str]:
    lowered = one.lowered_calls()
    return [_line(call, "." if k in lowered else " ") for k, call in enumerate(one.program.calls)]


def _line(call: Call, mark: str) -> str:
    made = ", ".join([f"{slot!r} {_kind(slot)}" if slot.shape or slot.dtype else repr(slot) for slot in call.makes()])
    given = ", ".join([_word(value) for value in atoms(call.args) if _word(value)])
    name = call.name.rpartition(".")[2] if call.kind == "effect" else call.name
    text = f"{made}{' = ' if made else ''}{name}({given})"
    text = text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
    where = f"{call.path}, " if call.path else ""
    return f"  {mark} {text:{WIDTH}}  {where}{line_of(call.site).rpartition('/')[2]}"


def _word(value: Any) -> str:
    """An argument in a listing; empty for plain values."""
    if isinstance(value, Tensor):
        return value.name or "a Tensor"
    return repr(value) if isinstance(value, (Slot, Given)) else ""
