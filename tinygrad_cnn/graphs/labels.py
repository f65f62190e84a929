"""The words in a picture: shapes, parameters and names, cut to a length that can be read."""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..insight.stats import BLOCKS
from . import looks

LONGEST = 40  # characters of a name or of one parameter
WIDEST = 34  # characters of a line of parameters
NOTE = 90  # characters of a line of notes
MEMBERS = 8  # of a list that is a parameter
LINES = 12  # of a message that somebody else wrote
_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="0">'
_SPACE = '<tr><td fixedsize="true" width="6" height="{}"></td></tr>'
_BAR = '<tr><td fixedsize="true" width="6" height="{}" bgcolor="' + looks.LINE + '"></td></tr>'
TALLEST = 2 * (len(BLOCKS) - 1) + 2  # points
WARNING = "#B03A00"  # vermilion, dark enough to be read
MEASURED = "#333333"  # of lines about what was measured

# What XML forbids, which an SVG is, and halves of characters, which UTF-8 forbids.
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def cut(text: str, longest: int = LONGEST) -> str:
    """One printable line; the middle of a long one gives way, since names differ at their ends."""
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    if len(text) <= longest:
        return text
    head = (longest - 3) // 2
    return f"{text[:head]}...{text[head + 3 - longest :]}"


def shape_text(shape: tuple[int, ...], dtype: Any, usual: Any = np.float32) -> str:
    """``(64, 14, 14, 6)``, with the dtype where it is not the usual one."""
    return f"{tuple(int(n) for n in shape)}" + ("" if dtype == usual else f" {dtype}")


def parameters(node: Any) -> list[str]:
    """``name=value`` of each parameter that differs from the op's default."""
    return [cut(f"{name}={value}") for name, value in parameter_texts(node).items()]


def parameter_texts(node: Any, most: int | None = MEMBERS) -> dict[str, str]:
    """Each parameter that differs from the op's default, as one would write it (see `value_text`)."""
    defaults = getattr(node.op, "defaults", {})
    return {
        name: value_text(value, most)
        for name, value in node.params.items()
        if name not in defaults or _differs(value, defaults[name])
    }


def _differs(value: Any, default: Any) -> bool:
    if value is default:
        return False
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return True
    try:
        return bool(value != default)
    except Exception:  # whatever a user's parameter does when it is compared, the picture is drawn
        return True


def value_text(value: Any, most: int | None = MEMBERS) -> str:
    """A parameter as one would write it; never an address, or equal graphs would give unequal texts.

    Of a list or tuple the first `most` members are shown; None shows all.
    """
    if isinstance(value, str):
        return f'"{value}"'
    if value is None or value is Ellipsis or isinstance(value, (bool, int, float, complex)):
        return "..." if value is Ellipsis else repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, slice):
        ends = ["" if v is None else value_text(v, most) for v in (value.start, value.stop, value.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if isinstance(value, (tuple, list)):
        more = ", ..." if most is not None and len(value) > most else ""
        inner = ", ".join(value_text(v, most) for v in value[:most]) + more
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, (np.dtype, type)):
        return value.name if isinstance(value, np.dtype) else value.__name__
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"array{shape_text(value.shape, value.dtype)}"
    return getattr(value, "__name__", None) or type(value).__name__


def lines_of(parts: list[str], widest: int = WIDEST) -> list[str]:
    """The parts, separated by commas, in as few lines as hold them."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= widest:
            lines[-1] += f", {part}"
        else:
            if lines:
                lines[-1] += ","
            lines.append(part)
    return lines


def markup(
    title: str,
    lines: Sequence[str],
    last: str = "",
    said: Sequence[str] = (),
    warnings: Sequence[str] = (),
    number: str = "",
) -> str:
    """The inside of a label in Graphviz's HTML: number and title, small grey lines, the shape, badges and warnings."""
    rows = [(f'<font color="{looks.GREY}">{escaped(number)}</font>  ' if number else "") + f"<b>{escaped(title)}</b>"]
    rows += [_small(line, looks.SOFT) for line in lines]
    if last:
        rows.append(f'<font point-size="11">{escaped(last)}</font>')
    bars = {len(rows) + k: line for k, line in enumerate(said) if line[:1] in BLOCKS}
    rows += [_small(line, MEASURED) for line in said]
    rows += [f'<font point-size="11" color="{WARNING}"><b>{escaped(line)}</b></font>' for line in warnings]
    if not bars:
        return "<br/>".join(rows)
    cells = "".join(f"<tr><td>{_bars(bars[k]) if k in bars else row}</td></tr>" for k, row in enumerate(rows))
    return f"{_TABLE}{cells}</table>"


def _small(text: str, colour: str) -> str:
    return f'<font point-size="11" color="{colour}">{escaped(text)}</font>'


def _bars(line: str) -> str:
    """A histogram as bars, since few fonts have the block characters in which it is told; and the words behind it."""
    heights = line[: len(line) - len(line.lstrip(BLOCKS))]
    cells = "".join(f"<td>{_bar(BLOCKS.index(mark))}</td>" for mark in heights)
    words = line[len(heights) :].strip()
    told = f"<td>{_small(f' {words}', MEASURED)}</td>" if words else ""
    size = f'fixedsize="true" width="{7 * len(heights) + 1}" height="{TALLEST + 2}"'
    row = f'<table border="0" cellborder="0" cellspacing="1" cellpadding="0" {size}><tr>{cells}</tr></table>'
    return f"{_TABLE}<tr><td>{row}</td>{told}</tr></table>"


def _bar(step: int) -> str:
    height = max(1, 2 * step)
    rows = _SPACE.format(TALLEST - height) + _BAR.format(height)
    return f"{_TABLE}{rows}</table>"


def heading(title: str, notes: Sequence[str], legend: Sequence[tuple[str, str]]) -> str:
    """The inside of the picture's own label: title, notes, and a row of coloured cells that explain the fills."""
    rows = [f"<b>{escaped(title)}</b>"] if title else []
    lines = [line for note in notes for line in wrapped(note)]
    rows += [_small(line, looks.SOFT) for line in lines]
    if not legend:
        return "<br/>".join(rows)
    cells = "".join(
        f'<td bgcolor="{colour}" border="1" color="{looks.GREY}" width="14"></td>'
        f'<td align="left"><font point-size="11">{escaped(text)}</font></td>'
        for colour, text in legend
    )
    table = f'<table border="0" cellborder="0" cellspacing="3"><tr>{cells}</tr></table>'
    whole = "".join(f"<tr><td>{row}</td></tr>" for row in [*rows, table])
    return f'<table border="0" cellborder="0" cellspacing="0">{whole}</table>'


def wrapped(text: str, widest: int = NOTE) -> list[str]:
    """A text in lines of a readable length, and of about equal ones; the middle of a very long one gives way."""
    words = cut(text, LINES * widest)
    lines = textwrap.wrap(words, widest)
    for width in range(len(words) // max(len(lines), 1), widest):
        balanced = textwrap.wrap(words, max(width, 1))
        if len(balanced) == len(lines):
            return balanced
    return lines or [""]


def frame_label(path: str, kind: str, repeated: str = "") -> str:
    """The inside of a frame's label: the module's path, its class if known, and how often it occurs if not once."""
    line, words = '<br align="left"/>', f'<font color="{looks.BLACK}">{escaped(repeated)}</font>'
    more = f"{line}{words}{line}" if repeated else ""
    return f"<b>{escaped(path)}</b>{'  ' + escaped(kind) if kind else ''}{more}"


def escaped(text: str) -> str:
    readable = html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text), quote=False)
    return readable.replace("\\", "\\\\") or " "  # or Graphviz puts names in the places of \\N, \\G and others


def least_width(texts: list[str], size: float = 13) -> float | None:
    """Inches that the longest line needs, if it has characters whose width a renderer without fonts cannot know."""
    if all(c < "\u0100" or c == "…" for text in texts for c in text):
        return None
    ems = max(sum(1.05 if unicodedata.east_asian_width(c) in "WF" else 0.62 for c in text) for text in texts)
    return round((ems * size + 16) / 72, 2)
