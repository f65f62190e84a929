"""The words in the boxes of an outline: ``conv2d 3×3 /2 · batch_norm · relu`` and below ``16→32   conv1, norm1``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...insight.numbers import amount
from .. import looks
from ..graph import Box
from ..labels import cut, escaped, least_width, parameter_texts, wrapped
from ..modules import Path, common, words
from .pieces import Link, Piece, Pieces

NAME, SMALL = 11, 9.5  # points
GREY, ORANGE = "#555555", looks.ORANGE
SAME = 3  # equal rows in a box become one
SHOWN = 2  # parameters of an op that are written, at most
WINDOW, STRIDE = ("window", "size"), "stride"
SILENT = {
    "padding",
    "ceil_mode",
    "stride",
    "training",
    "keepdims",
    "eps",
    "start",
}  # not written: the shapes tell, or it is a detail
TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{}</table>'
BAR = 100  # points of a bar of shares


def label(found: Pieces, piece: Piece, said: Sequence[str] = (), warnings: Sequence[str] = ()) -> str:
    """The inside of a box, in Graphviz's HTML: a row for each row of ops, names and channels, what was measured."""
    if piece.closed:
        rows = [f"<b>{escaped(block_title(piece))}</b>", small(block_line(found, piece))]
    elif piece.is_op:
        rows = [(f"{n} × " if n > 1 else "") + " · ".join(_row(found, row)) for row, n in rows_of(found, piece.rows)]
        below = "   ".join(filter(None, (channels(found, piece), names(found, piece))))
        rows += [small(below)] if below else []
    else:
        box = piece.boxes[0]
        node = box.node or next((x.tail.boxes[-1].node for x in found.links if x.head is piece), None)
        rows = [f"<b>{escaped(cut(box.title))}</b>  {small(_times(node.shape) if node is not None else box.shape, '')}"]
        rows += [small(line) for line in box.lines]
    rows += [small(line, looks.SOFT) for line in said]
    rows += [f'<font point-size="{SMALL}" color="#B03A00"><b>{escaped(line)}</b></font>' for line in warnings]
    return TABLE.format("".join(f"<tr><td>{row}</td></tr>" for row in rows)) if len(rows) > 1 else rows[0]


def width(found: Pieces, piece: Piece) -> float | None:
    """Inches that a box needs at least, where it has characters whose width a renderer may not know."""
    if piece.closed:
        return least_width([block_line(found, piece)], SMALL)
    return least_width(["   ".join(filter(None, (channels(found, piece), names(found, piece))))], SMALL)


def small(text: str, colour: str = GREY) -> str:
    """Small grey words."""
    return f'<font point-size="{SMALL}"' + (f' color="{colour}"' if colour else "") + f">{escaped(text)}</font>"


def rows_of(found: Pieces, rows: Sequence[list[Box]]) -> list[tuple[list[Box], int]]:
    """The rows of a box as they are drawn: three or more equal ones in a row become one, with their number."""
    groups: list[list[list[Box]]] = []
    for row in rows:
        if groups and _told(found, groups[-1][0]) == _told(found, row):
            groups[-1].append(row)
        else:
            groups.append([row])
    drawn: list[tuple[list[Box], int]] = []
    for group in groups:
        drawn += [(group[0], len(group))] if len(group) >= SAME else [(row, 1) for row in group]
    return drawn


def _told(found: Pieces, row: Sequence[Box]) -> list[str]:
    return [word for box in row for word in op_words(found, box)]


def _row(found: Pieces, row: Sequence[Box]) -> list[str]:
    """The ops of a row, each as its name and what tells it from others of its kind."""
    told = []
    for k, box in enumerate(row):
        first, *rest = op_words(found, box)
        name, _, more = first.partition(" ")
        told.append((f"<b>{escaped(name)}</b>" if k == 0 else escaped(name)) + (f" {_details(more)}" if more else ""))
        told[-1] += "".join(_leaf(leaf) for leaf in found.inside.get(box, ()) if is_loose(leaf))
        told += [escaped(word) for word in rest]
    return told


def is_loose(leaf: Box) -> bool:
    """Whether a parameter is of no module; a loop is none."""
    return all(step.name.startswith("× ") for step in leaf.path)


def _details(text: str) -> str:
    """A stride is bold, since it changes the shape."""
    return " ".join(f"<b>{escaped(w)}</b>" if w.startswith("/") else escaped(w) for w in text.split(" "))


def _leaf(leaf: Box) -> str:
    """A parameter that stands in no module: its name, which the user gave, and its shape."""
    shape = _times(leaf.node.shape) if leaf.node is not None else ""
    return f'  <font color="{ORANGE}"><b>{escaped(cut(leaf.title, 24))}</b></font> {small(shape)}'


def op_words(found: Pieces, box: Box) -> list[str]:
    """What an op does, as one name or, of a fused op, several: ``["conv2d 3×3 /2", "relu"]``."""
    if box.node is None:
        return [box.title]
    op, name = box.node.op, box.title
    parts = [name]
    if getattr(op, "composition", None) is not None and name.endswith("_relu"):
        parts = [name.removesuffix("_relu"), "relu"]
    if parts[0] in ("add", "sub") and len([e for e in box.node.inputs if e is not None]) == 2:
        parts[0] = parts[0] if found.inside.get(box) else {"add": "+", "sub": "\N{MINUS SIGN}"}[parts[0]]
    return [" ".join([parts[0], *_marks(found, box)]), *parts[1:]]


def _marks(found: Pieces, box: Box) -> list[str]:
    """The window, the stride and the other parameters of an op."""
    texts = parameter_texts(box.node)
    params = box.node.params
    marks = []
    window = next((params[name] for name in WINDOW if name in texts and box.node.op.name.find("pool") >= 0), None)
    weight = next((leaf.node.shape for leaf in found.inside.get(box, ()) if leaf.node is not None
                   and len(leaf.node.shape) > 2), None)  # fmt: skip
    if window is not None:
        marks.append(_window(window))
    elif weight is not None:
        marks.append(_times(weight[:-2]))
    stride = params.get(STRIDE)
    if stride is not None and stride != 1 and _window(stride) != (marks[0] if window is not None else ""):
        marks.append(f"/{_window(stride)}")
    if params.get("groups", 1) != 1 and params["groups"] == box.node.inputs[0].shape[-1]:
        marks.append("depthwise")
        texts.pop("groups")
    others = [
        f"{k}={v}" for k, v in texts.items() if k not in SILENT and k not in (WINDOW if window is not None else ())
    ]
    others = [text for text in others if "array" not in text]
    return [*marks, *([cut(", ".join(others[:SHOWN]), 30)] if others else [])]


def _window(value: Any) -> str:
    """``2`` or ``2×3``."""
    if isinstance(value, (tuple, list)):
        return str(value[0]) if len(set(value)) == 1 else _times(value)
    return str(value)


def _times(shape: Iterable[int]) -> str:
    """``32×32×16``; ``()`` of a number."""
    return "×".join(str(int(n)) for n in shape) or "()"


def channels(found: Pieces, piece: Piece) -> str:
    """``16→32→32``: the last axis before the first op with weights, and after each."""
    seen: list[str] = []
    for box in piece.boxes:
        if not any(len(leaf.node.shape) > 1 for leaf in found.inside.get(box, ()) if leaf.node and not is_loose(leaf)):
            continue
        source = box.node.inputs[0] if box.node is not None else None
        if source is None or not source.shape or not box.node.shape:
            continue
        seen += [str(source.shape[-1])] if not seen else []
        seen.append(str(box.node.shape[-1]))
    return "→".join(seen)


def names(found: Pieces, piece: Piece) -> str:
    """The modules whose parameters are in a box, without the path of the frame around it; of none, those of its ops."""
    known = [box.path for box in piece.boxes if found.inside.get(box)] or piece.modules
    inner = list(dict.fromkeys(path[len(piece.path) :] for path in known if len(path) > len(piece.path)))
    shared = inner[0] if inner else ()
    for path in inner[1:]:
        shared = common(shared, path)
    return cut(words(shared) if shared else ", ".join(dict.fromkeys(words(path) for path in inner)), 30)


def block_title(piece: Piece) -> str:
    """``2 × BasicBlock``."""
    return f"{piece.times} × {piece.boxes[0].title}" if piece.times > 1 else piece.boxes[0].title


def block_line(found: Pieces, piece: Piece) -> str:
    """Channels, which blocks they are, and where an equal one is drawn open."""
    own = [words(path[len(piece.path) :]) for path in piece.blocks]
    own = [name for name in own if name != piece.boxes[0].title]
    which = (
        ""
        if not own
        else own[0]
        if len(own) == 1
        else f"{own[0]} and {own[1]}"
        if len(own) == 2
        else f"{own[0]} to {own[-1]}"
    )
    like = f", as in {words(piece.like)}" if piece.like else ""
    return "   ".join(filter(None, (piece.rows[0][0].shape, cut((which + like).removeprefix(", "), 40))))


def heading(title: str, facts: Sequence[str]) -> str:
    """The picture's own label: its name, and a grey line of totals."""
    rows = [f'<font point-size="15"><b>{escaped(cut(title, 100))}</b></font>'] if title else []
    lines = [line for fact in facts for line in wrapped(fact)]
    rows += [f'<font point-size="10" color="{GREY}">{escaped(line)}</font>' for line in lines]
    cells = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
    return TABLE.format(f'{cells}<tr><td height="4"></td></tr>')


def frame_names(path: Path, kind: str, parameters: int, share: float | None) -> str:
    """What stands on the left in a frame: the module's name, class and parameters, and a bar of its share."""
    rows = [f"<b>{escaped(cut(words(path), 24))}</b>"]
    rows += [small(cut(kind, 28))] if kind else []
    rows += [small(f"{parameters:,} parameters" if parameters < 10_000 else f"{amount(parameters)} parameters")] * bool(
        parameters
    )
    if share is not None:
        filled = max(1, round(BAR * share))
        cell = '<td bgcolor="{}" width="{}" height="5" fixedsize="true"></td>'
        cells = cell.format(looks.BLUE, filled) + (cell.format("#DDDDDD", BAR - filled) if filled < BAR else "")
        rows.append(f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>')
    return TABLE.format("".join(f'<tr><td align="left">{row}</td></tr>' for row in rows))


def arrow_label(link: Link, batch: int | None) -> str:
    """The shape of what an arrow carries, without the axis of the batch."""
    shape = link.tail.shape or ()
    return _times(shape[1:] if batch is not None and len(shape) > 1 and shape[0] == batch else shape)
