"""How a notebook shows a Tensor and a Module: small tables that stand by themselves, on light pages and dark ones.

Colours are inherited from the page or let it shine through, so that no theme needs to be known.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.graph import Node
from ..core.site import line_of
from ..insight.numbers import brief, memory, percent
from ..insight.stats import Stats, stats
from ..nn import Module, Parameter
from .thumbnails import thumbnails

BAR = "#3987c9"  # 3 : 1 and more on white and on black
OPEN = 24  # modules; of more, none is shown unfolded
BOX = "font:13px/1.5 system-ui,sans-serif;max-width:60em;overflow-x:auto"
SOFT = "opacity:.72"
CHIP = "background:#8884;border-radius:.6em;padding:0 .5em;margin-left:.5em;white-space:nowrap"
WARN = "background:#e0780040;border-radius:.3em;padding:0 .4em"
CELL = "text-align:left;padding:0 1em 0 0;border:0;background:none"
LINE = "margin-left:1.15em"  # where the text of a line with a triangle begins
MONO = "font-family:ui-monospace,monospace;font-size:12px"


def html_of(value: Any) -> str:
    """A Tensor or a Module as HTML, which needs no style sheet, script or network."""
    if isinstance(value, Tensor):
        return f'<div style="{BOX}">{"".join(_tensor(value))}</div>'
    if isinstance(value, Module):
        return f'<div style="{BOX}">{"".join(_module(value))}</div>'
    raise TypeError(f"html_of: shows a Tensor or a Module, got {type(value).__name__}.")


# -- tensors --------------------------------------------------------------------------------------------------


def _tensor(t: Tensor) -> Iterator[str]:
    s = stats(t.data)
    node = t.node
    if isinstance(node, Node):
        chips = [f"from {node.label}"]
    else:
        chips = ["requires_grad"] * node.requires_grad + [f"no history: {node.why}"] * bool(node.why)
    named = f" <b>{_esc(t.name)}</b>" if t.name else ""
    yield f"<div><b>{type(t).__name__}</b>{named} {_esc(_shape(t.shape))} <span style='{SOFT}'>{t.dtype}</span>"
    yield "".join(f"<span style='{CHIP}'>{_esc(chip)}</span>" for chip in chips) + "</div>"
    yield "<div style='display:flex;flex-wrap:wrap;gap:.6em 1.4em;align-items:flex-end;margin:.4em 0'>"
    yield from _pictures(t.data)
    yield _histogram(s)
    yield from _facts(t, s)
    yield "</div>"
    text = f"<pre style='{MONO};margin:.3em 0'>{_esc(repr(t))}</pre>"
    yield f"<details><summary style='{SOFT};cursor:pointer'>values</summary>{text}</details>"


def _facts(t: Tensor, s: Stats) -> Iterator[str]:
    rows: list[tuple[str, str]] = []
    if s.mean is not None and s.std is not None and s.min is not None and s.max is not None:
        if s.size == 1:
            rows.append(("value", brief(s.mean)))
        else:
            rows.append(("mean ± deviation", f"{brief(s.mean)} ± {brief(s.std)}"))
            rows.append(("range", f"{brief(s.min)} to {brief(s.max)}"))
            rows.append(("norm", brief(s.norm)))
    if s.zeros and s.size > 1:
        rows.append(("zero", percent(s.zeros)))
    rows.append(("size", f"{s.size:,} number{'s' if s.size != 1 else ''}, {memory(t.data.nbytes)}"))
    if t.grad is not None:
        rows.append(("gradient", f"norm {brief(stats(t.grad).norm)}"))
    if t.node.op is not None:
        rows.append(("made at", line_of(t.node.site)))
    yield "<table style='border-collapse:collapse;margin:0'>"
    for what, text in rows:
        yield f"<tr style='background:none'><td style='{CELL};{SOFT}'>{what}</td>"
        yield f"<td style='{CELL}'>{_esc(text)}</td></tr>"
    for share, what in ((s.nan, "NaN"), (s.inf, "Inf")):
        if share:
            yield f"<tr style='background:none'><td colspan=2 style='{CELL}'>"
            yield f"<span style='{WARN}'>⚠ {percent(share)} {what}</span></td></tr>"
    yield "</table>"


def _histogram(s: Stats) -> str:
    """Bars of the finite values, with the ends of the range below; every bar tells its count when it is pointed at."""
    if s.min is None or s.max is None or s.min == s.max:
        return ""
    most, step = max(s.counts), s.max / len(s.counts) - s.min / len(s.counts)
    bars = []
    for k, count in enumerate(s.counts):
        tall = max(54 * count / most, 1.5 if count else 0)
        span = f"{brief(s.min + k * step)} to {brief(s.min + (k + 1) * step)}: {count:,}"
        bars.append(
            f'<rect x="{12 * k}" y="{54 - tall:.1f}" width="11" height="{tall:.1f}" fill="{BAR}">'
            f"<title>{span}</title></rect>"
        )
    label = f"histogram from {brief(s.min)} to {brief(s.max)}"
    ends = f'<text x="0" y="67">{brief(s.min)}</text><text x="143" y="67" text-anchor="end">{brief(s.max)}</text>'
    return (
        f'<svg role="img" aria-label="{label}" width="143" height="70" style="overflow:visible">{"".join(bars)}'
        f'<path d="M0 54.5H143" stroke="currentColor" stroke-opacity=".5"/>'
        f'<g font-size="11" fill="currentColor" font-family="system-ui,sans-serif">{ends}</g></svg>'
    )


def _pictures(a: np.ndarray) -> Iterator[str]:
    found = thumbnails(a)
    if found is None:
        return
    tall = 112 if len(found.pictures) == 1 else 56
    yield "<div><div style='display:flex;flex-wrap:wrap;gap:3px;max-width:245px'>"
    for k, picture in enumerate(found.pictures):
        width, height = picture.size
        pixelated = "image-rendering:pixelated;" if max(picture.size) <= tall else ""
        size = f"height:{tall}px;width:{max(1, round(tall * width / height))}px;max-width:none;margin:0"
        alt = f"picture {k} of {width} by {height} pixels"
        yield f"<img alt='{alt}' src='{picture.uri}' style='{pixelated}{size}'>"
    more = f", {found.left_out:,} more" if found.left_out else ""
    yield f"</div>{_small(f'black {brief(found.low)}, white {brief(found.high)}{more}')}</div>"


# -- modules --------------------------------------------------------------------------------------------------


def _module(model: Module) -> Iterator[str]:
    parameters = list(model.parameters())
    total = sum(p.size for p in parameters)
    frozen = sum(p.size for p in parameters if not p.requires_grad)
    modules = sum(1 for _ in model.modules())
    chips = ["training" if model.training else "evaluation", *([f"{frozen:,} frozen"] if frozen else [])]
    size = memory(sum(p.data.nbytes for p in parameters))
    yield f"<div style='margin-bottom:.3em'>{_kind(model)} "
    yield f"{total:,} parameter{'s' if total != 1 else ''} <span style='{SOFT}'>{size}</span>"
    yield "".join(f"<span style='{CHIP}'>{chip}</span>" for chip in chips) + "</div>"
    yield from _tree(model, "", max(total, 1), modules <= OPEN, {})
    if modules > 1:
        yield _small("model.summary(input_shape) tells the shapes and costs of the layers")


def _tree(module: Module, path: str, total: int, unfolded: bool, seen: dict[int, str]) -> Iterator[str]:
    """What is in a module, each with its share of the parameters; a module that stands twice is shown once."""
    seen[id(module)] = path or "the model itself"
    for name, value in vars(module).items():
        if isinstance(value, Parameter) or (name in module._buffers and isinstance(value, Tensor)):
            kind = "" if isinstance(value, Parameter) and value.requires_grad else "buffer"
            kind = "frozen" if isinstance(value, Parameter) and not value.requires_grad else kind
            yield f"<div style='{LINE};{SOFT}'>{_esc(name)} {_shape(value.shape)} {value.dtype} {kind}</div>"
    for name, child in module.named_children():
        below = f"{path}.{name}" if path else name
        head = f"{_esc(name)}: {_kind(child)}"
        if id(child) in seen:
            yield f"<div style='{LINE}'>{head} <i style='{SOFT}'>the same as {_esc(seen[id(child)])}</i></div>"
            continue
        count = child.num_parameters()
        head += _share(count, total) if count else ""
        inside = "".join(_tree(child, below, total, unfolded, seen))
        if not inside:
            yield f"<div style='{LINE}'>{head}</div>"
            continue
        shown = " open" if unfolded and next(child.children(), None) is not None else ""
        yield f"<details{shown}><summary style='cursor:pointer'>{head}</summary>"
        yield f"<div style='margin-left:.35em;padding-left:.7em;border-left:1px solid #8886'>{inside}</div></details>"


def _kind(module: Module) -> str:
    """A module's class and settings."""
    settings = module.extra_repr()
    soft = f"<span style='{SOFT}'>({_esc(settings)})</span>" if settings else ""
    return f"<b>{_esc(type(module).__name__)}</b>{soft}"


def _share(count: int, total: int) -> str:
    """A number of parameters, and a bar for its share of all."""
    wide = max(1, round(60 * count / total))
    bar = f"<span style='display:inline-block;width:{wide}px;height:.6em;background:{BAR};margin:0 .4em'></span>"
    return f"{bar}<span style='{SOFT}'>{count:,}</span>"


def _small(text: str) -> str:
    return f"<div style='{SOFT};font-size:11px'>{text}</div>"


def _shape(shape: tuple[int, ...]) -> str:
    return str(tuple(int(n) for n in shape))


def _esc(text: str) -> str:
    return html.escape(str(text))
