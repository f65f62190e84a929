"""An explanation as people read it: text, Markdown with LaTeX, HTML with MathML."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import formulas
from .formulas import Formula
from .numbers import number


@dataclass
class Part:
    """What one step passes on to one of its inputs."""

    input: str  # the input's name in the op
    to: str  # what gets it: a tensor's name, or "" for the result of another step
    target: int  # the number of the step that gets it; 0 for the tensor that was asked for
    shape: tuple[int, ...]
    formula: Formula
    norm: float | None = None
    summed: bool = False  # over the axes along which the input was broadcast


@dataclass
class Step:
    """One op on the way back."""

    number: int
    op: str
    path: str
    site: str
    shape: tuple[int, ...]  # of the op's result, and so of g
    value: Formula
    parts: list[Part]
    norm: float | None = None  # of g, once all that comes here has been added up
    sources: list[int] = field(default_factory=list)  # the steps whose gradients are added here, if several

    @property
    def label(self) -> str:
        return f"{self.op} ({self.path})" if self.path else self.op


@dataclass
class Gap:
    """Steps that are not listed."""

    text: str
    steps: list[Step]


CONVOLUTIONS = {"conv2d": "g", "conv2d_dx": "x", "conv2d_dw": "w"}  # whose gradient of the trilinear form each is
FORM = (r"\langle g,\,x\star w\rangle=\sum_{n,p,q,i,j,c,o} g_{n,p,q,o}\;x_{n,p+i,q+j,c}\;w_{i,j,c,o}",
        "<g, conv2d(x, w)> = sum of g[n,p,q,o] * x[n,p+i,q+j,c] * w[i,j,c,o] over all letters")  # fmt: skip
TRILINEAR = "Convolution is trilinear.  At stride 1 and without padding,"
LONGEST_PERIOD = 24


@dataclass(repr=False)
class Explanation:
    """What `tg.explain` returns: `steps` from y back to x, and how to tell them.

    Attributes
    ----------
    steps : with op, path, site, shapes, formulas and norms.
    norm : of the gradient that arrives; None if it could not be measured.
    notes : what is missing, or was chosen.
    reason : why no gradient arrives; "" if one does.
    """

    y: str
    x: str
    y_shape: tuple[int, ...]
    x_shape: tuple[int, ...]
    limit: int = 40
    steps: list[Step] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    norm: float | None = None
    notes: list[str] = field(default_factory=list)
    reason: str = ""

    # -- what is said, whatever it is written in --------------------------------------------------------------------

    @property
    def title(self) -> str:
        return f"The gradient of {self.y} {self.y_shape} in {self.x} {self.x_shape}"

    @property
    def result(self) -> str:
        if self.reason:
            return f"There is none: {self.reason}."
        if not self.steps:
            return f"{self.x} is {self.y} itself: its gradient is the cotangent g, of norm {_norm(self.norm)}."
        sum_of = f"; it is the sum of {_added(self.sources)}" if len(self.sources) > 1 else ""
        norm = f"norm {number(self.norm)}" if self.norm is not None else "a norm that could not be measured"
        return f"What arrives at {self.x} has shape {self.x_shape} and {norm}{sum_of}."

    def rows(self) -> list[Step | Gap]:
        """The steps to list: all, or with repeats folded and then the middle left out."""
        if len(self.steps) <= self.limit:
            return list(self.steps)
        rows = list(_folded(self.steps))
        if len(rows) <= self.limit:
            return rows
        head, tail = (self.limit + 1) // 2, self.limit // 2
        hidden = [s for row in rows[head : len(rows) - tail] for s in (row.steps if isinstance(row, Gap) else [row])]
        return [*rows[:head], Gap(f"{_range(hidden)}: {_counted(hidden)}; {_norms(hidden)}", hidden),
                *rows[len(rows) - tail :]]  # fmt: skip

    def words(self) -> dict[str, str]:
        """What the functions in the listed formulas mean."""
        found: dict[str, str] = {}
        for step in self._listed():
            for part in step.parts:
                found |= formulas.words(part.formula.plain) if part.formula.origin != "general" else {}
        if any(part.formula.origin == "general" for step in self._listed() for part in step.parts):
            found["(dy/dx)^T g"] = "the transposed Jacobian times g, by a rule that does not read as one formula"
        return {name: said for name, said in found.items() if name not in CONVOLUTIONS}  # faces() tells of these

    def faces(self) -> list[str]:
        """Which face of convolution's trilinear form each step is."""
        found: dict[str, list[int]] = {}
        for step in self._listed():
            for part in step.parts:
                for name, face in CONVOLUTIONS.items():
                    if f"{name}(" in part.formula.plain:
                        found.setdefault(f"({step.op}, in {part.input}): the face in {face}, {name}", []).append(
                            step.number
                        )
        return [f"step{'s' * (len(at) > 1)} {', '.join(map(str, at))} {said}" for said, at in found.items()]

    def _listed(self) -> list[Step]:
        return [row for row in self.rows() if isinstance(row, Step)]

    # -- how it is written ------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        lines = [self.title, ""]
        if self.steps and not self.reason:
            lines += [*_text_table(self.rows()), ""]
        lines.append(self.result)
        lines += [f"Note: {note}" for note in self.notes]
        if words := self.words():
            width = max(map(len, words))
            lines += ["", READ]
            lines += [f"  {name.ljust(width)}  {meaning}" for name, meaning in words.items()]
        if faces := self.faces():
            lines += ["", f"{TRILINEAR} {FORM[1]}.", *[f"  {line}" for line in (*THREE, *faces)]]
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def markdown(self) -> str:
        """A page with a table of steps, formulas between dollar signs."""
        return _page(self, _Markdown())

    @property
    def html(self) -> str:
        """A piece of a page: formulas as MathML if latex2mathml is installed, otherwise as plain text."""
        return _page(self, _Html())

    def _repr_markdown_(self) -> str:
        return self.markdown

    def _repr_html_(self) -> str:
        return self.html


THREE = (
    "Fix two of g, x and w, and this is linear in the third; its gradients in the three are the three faces:",
    "in g: conv2d(x, w), the forward pass; in x: conv2d_dx(g, w); in w: conv2d_dw(x, g).",
)
READ = "In the formulas, g is the gradient of the step's result y; what is passed on is the g of the step it goes to."


# -- which steps are listed ---------------------------------------------------------------------------------------


def _sign(step: Step) -> Any:
    """What makes two steps the same but for numbers."""
    parts = tuple((p.input, p.formula.plain, p.shape, p.target - step.number if p.target else 0) for p in step.parts)
    return step.op, step.shape, parts


def _folded(steps: Sequence[Step]) -> Iterator[Step | Gap]:
    """The steps, with those left out that repeat what stands before them."""
    signs = [_sign(step) for step in steps]
    k = 0
    while k < len(steps):
        period, times = _repeats(signs, k)
        yield from steps[k : k + period]
        k += period
        if times > 1:
            hidden = list(steps[k : k + period * (times - 1)])
            again = f"the same {f'{period} steps' if period > 1 else 'step'} {_often(times - 1)} more"
            yield Gap(f"{_range(hidden)}: {again}; {_norms(hidden)}", hidden)
            k += len(hidden)


def _repeats(signs: Sequence[Any], k: int) -> tuple[int, int]:
    """The period, from k on, that saves most lines, and how often it comes; (1, 1) if none saves any."""
    best = (1, 1)
    for period in range(1, LONGEST_PERIOD + 1):
        times = 1
        while signs[k + times * period : k + (times + 1) * period] == signs[k : k + period] and signs[k + period :]:
            times += 1
            if k + (times + 1) * period > len(signs):
                break
        saved = period * (times - 1) - 1
        if saved > 1 and saved > best[0] * (best[1] - 1) - 1:
            best = period, times
    return best


def _range(steps: Sequence[Step]) -> str:
    first, last = steps[0].number, steps[-1].number
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _norms(steps: Sequence[Step]) -> str:
    return f"|g| from {_norm(steps[0].norm)} to {_norm(steps[-1].norm)}"


def _counted(steps: Sequence[Step]) -> str:
    return ", ".join(f"{n} {op}" if n > 1 else op for op, n in Counter(s.op for s in steps).most_common())


def _added(numbers: Sequence[int]) -> str:
    """Which steps' gradients are added: "what steps 3 and 4 (twice) pass on"."""
    counted = Counter(numbers)
    if len(counted) == 1:
        return f"what step {numbers[0]} passes on {_often(len(numbers))}"
    texts = [f"{n} ({_often(t)})" if t > 1 else str(n) for n, t in counted.items()]
    listed = [*texts[:3], f"{len(texts) - 3} more"] if len(texts) > 6 else texts
    return f"what steps {', '.join(listed[:-1])} and {listed[-1]} pass on"


def _often(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times} times")


def _sum_line(step: Step) -> str:
    return f"paths meet: the g of step {step.number} is the sum of {_added(step.sources)}"


def _norm(value: float | None) -> str:
    return "?" if value is None else number(value)


# -- text ---------------------------------------------------------------------------------------------------------


def _text_table(rows: Sequence[Step | Gap]) -> list[str]:
    """Columns: step, op, norm of g, what is passed on, to what."""
    cells: list[list[str]] = [["step", "op", "|g|", "passes on", "to"]]
    for row in rows:
        if isinstance(row, Gap):
            cells.append(["...", row.text])
            continue
        if row.sources:
            cells.append(["", _sum_line(row)])
        for k, part in enumerate(row.parts):
            lead = ["", "", ""] if k else [str(row.number), row.label, _norm(row.norm)]
            cells.append([*lead, part.formula.plain, _to(row, part)])
    widths = [max(len(row[k]) for row in cells if len(row) > 2) for k in range(5)]
    align: list[Callable[..., str]] = [str.rjust, str.ljust, str.ljust, str.ljust, str.ljust]
    return [
        "  ".join(a(c, w) for a, c, w in zip(align, row, widths, strict=False)).rstrip() if len(row) > 2
        else f"{row[0].rjust(widths[0])}  {row[1]}" for row in cells
    ]  # fmt: skip


def _to(step: Step, part: Part) -> str:
    """What gets a gradient: the tensor at the end, the next step, or a step further on by its number."""
    name = f"{part.input} = {part.to}" if part.to and part.to != part.input else part.input
    far = f" of step {part.target}" if part.target > step.number + 1 else ""
    what = f"{name} {part.shape}" if not far else f"{name} {part.shape}, the result{far}"
    return f"{what}, summed to it" if part.summed else what


# -- Markdown and HTML ----------------------------------------------------------------------------------------------


class _Markdown:
    def text(self, text: str) -> str:
        return "".join("\\" + c if c in "\\`*_|<>[]#$" else c for c in text)

    def formula(self, formula: Formula, before: str = "") -> str:
        return f"${before}{formula.latex}$"

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        rows = [[*row, *[""] * (len(head) - len(row))] for row in rows]
        lines = [head, ["--:" if k in (0, 3) else "---" for k in range(len(head))], *rows]
        return [*(f"| {' | '.join(line)} |" for line in lines), ""]

    def heading(self, text: str) -> list[str]:
        return [f"**{self.text(text)}**", ""]

    def lines(self, texts: Sequence[str]) -> list[str]:
        return [*(f"- {text}" for text in texts), ""]

    def paragraph(self, text: str) -> list[str]:
        return [text, ""]

    def whole(self, lines: Sequence[str]) -> str:
        return "\n".join(lines)

    strong = staticmethod(lambda text: f"**{text}**")
    code = staticmethod(lambda text: f"`{text}`")


class _Html:
    def __init__(self) -> None:
        self.convert: Callable[[str], str] | None = None
        try:
            from latex2mathml.converter import convert
        except ImportError:
            return
        self.convert = convert

    def text(self, text: str) -> str:
        return html.escape(text)

    def formula(self, formula: Formula, before: str = "") -> str:
        if self.convert is None:
            return self.code(formula.plain)
        title = f'<math displaystyle="true" title="{html.escape(formula.plain)}" '
        return str(self.convert(before + formula.latex)).replace("<math ", title, 1)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        cell = "text-align:left;vertical-align:baseline;padding:.3em .7em"
        heads = "".join(f'<th style="{cell}">{c}</th>' for c in head)
        lines = ['<table style="border-collapse:collapse">', f"<tr>{heads}</tr>"]
        for row in rows:
            span = f' colspan="{len(head) - len(row) + 1}"' if len(row) < len(head) else ""
            inner = [f'<td style="{cell}"{span if k == len(row) - 1 else ""}>{c}</td>' for k, c in enumerate(row)]
            lines.append(f'<tr style="border-top:1px solid #8885">{"".join(inner)}</tr>')
        return [*lines, "</table>"]

    def heading(self, text: str) -> list[str]:
        return [f"<p><b>{self.text(text)}</b></p>"]

    def lines(self, texts: Sequence[str]) -> list[str]:
        return ["<ul>", *(f"<li>{text}</li>" for text in texts), "</ul>"]

    def paragraph(self, text: str) -> list[str]:
        return [f"<p>{text}</p>"]

    def whole(self, lines: Sequence[str]) -> str:
        cases = "<style>.tg-explanation mtd { text-align: left }</style>"  # which browsers do not read off the MathML
        return f'<div class="tg-explanation">{cases}{"".join(lines)}</div>'

    strong = staticmethod(lambda text: f"<b>{text}</b>")
    code = staticmethod(lambda text: f"<code>{html.escape(text)}</code>")


def _page(made: Explanation, to: Any) -> str:
    lines = to.heading(made.title)
    if made.steps and not made.reason:
        head = ["step", "op", "computes y", _math(to, "|g|", r"\lVert g\rVert"), "passes on", "to"]
        lines += to.table(head, [row for step in made.rows() for row in _cells(step, to)])
    lines += to.paragraph(to.text(made.result))
    lines += [line for note in made.notes for line in to.paragraph(to.text(f"Note: {note}"))]
    if words := made.words():
        lines += to.paragraph(to.text(READ))
        known = {name: to.formula(formulas.written(name)) for name in words if name.isidentifier()}
        lines += to.lines([f"{known.get(name) or to.code(name)}: {to.text(told)}" for name, told in words.items()])
    if faces := made.faces():
        lines += to.paragraph(f"{TRILINEAR} {_math(to, FORM[1], FORM[0])}. {to.text(THREE[0])}")
        ways = [("g", "conv2d", r"x\star w"), ("x", "conv2d_dx", r"\nabla_{\!x}\langle g,\,x\star w\rangle"),
                ("w", "conv2d_dw", r"\nabla_{\!w}\langle g,\,x\star w\rangle")]  # fmt: skip
        three = [
            f"in {to.formula(Formula(v, v))}: {to.formula(Formula(op, tex))}, {to.code(op)}" for v, op, tex in ways
        ]
        lines += to.lines([*three, *map(to.text, faces)])
    return str(to.whole(lines))


def _math(to: Any, plain: str, latex: str) -> str:
    return str(to.formula(Formula(plain, latex)))


def _cells(row: Step | Gap, to: Any) -> Iterator[list[str]]:
    if isinstance(row, Gap):
        yield ["…", to.text(row.text)]
        return
    if row.sources:
        yield ["", to.text(_sum_line(row))]
    for k, part in enumerate(row.parts):
        op = to.strong(to.text(row.op)) + (f" {to.text(row.path)}" if row.path else "")
        y = to.formula(row.value, "y=")
        lead = ["", "", "", ""] if k else [str(row.number), op, y, _norm(row.norm)]
        yield [*lead, to.formula(part.formula), to.text(_to(row, part))]
