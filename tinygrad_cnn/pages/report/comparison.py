"""Several runs on one page: what differs, how they went, which is best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...insight.numbers import duration
from ..rendering import render
from . import sections as parts
from .charts import Series
from .facts import Facts
from .settings import session, table

UNCOMPARED = ("began",)  # that these differ is no news


@dataclass
class Line:
    """A number of each run as text; `best` are the places of the best ones."""

    name: str
    values: list[str]
    best: list[int] = field(default_factory=list)


def html(runs: Sequence[Facts]) -> str:
    """The page as text."""
    names = distinct([one.name for one in runs], [str(one.run.path) for one in runs])
    matrices = []
    for name, facts in zip(names, runs, strict=True):
        with facts.attempt("the confusion matrix"):
            if (found := parts.confusion(facts)) is not None:
                matrices.append((name, found))
    lines = [Series(name, (), (), slot) for slot, name in enumerate(names)]
    return render(
        "compare.html.jinja", names=names, numbers=numbers(runs), charts=charts(runs, names),
        runs=[{"name": name, "subtitle": subtitle(facts), "line": line}
              for name, facts, line in zip(names, runs, lines, strict=True)],
        matrices=[pair for pair in matrices if pair[1]["rows"]], found=found_of_each(matrices),
        tables=settings(runs), missing=missing(runs, names), made=parts.now(),
    )  # fmt: skip


def distinct(names: list[str], paths: list[str]) -> list[str]:
    """Names of the runs; where two are the same, their paths."""
    return [path if names.count(name) > 1 else name for name, path in zip(names, paths, strict=True)]


def subtitle(facts: Facts) -> str:
    """What was trained on what, and how it ended."""
    what = " on ".join(str(facts.settings[k]) for k in ("model", "data") if facts.settings.get(k))
    return ", ".join(words for words in (what, parts.status(facts)) if words)


def missing(runs: Sequence[Facts], names: Sequence[str]) -> dict[str, list[str]]:
    """What each page lacks, with the run's name."""
    found: dict[str, list[str]] = {}
    for name, facts in zip(names, runs, strict=True):
        for why, what in facts.missing.items():
            found.setdefault(why, []).extend(f"{one} of {name}" for one in what)
    return found


# -- numbers --------------------------------------------------------------------------------------------------


def numbers(runs: Sequence[Facts]) -> list[Line]:
    """The final numbers, the best of each marked."""
    columns = dict.fromkeys(n for one in runs for n in one.history.names if n not in ("epoch", "step", "lr", "seconds"))
    ordered = sorted(columns, key=lambda name: (not name.startswith("val_"), "accuracy" not in name))
    lines = [_line(spelt(name), [one.last(name) for one in runs],
                   _percent if "accuracy" in name else "{:.4f}".format, _better(name)) for name in ordered]  # fmt: skip
    lines.append(_line("epochs", [len(one.history) for one in runs], "{:,}".format, None))
    lines.append(_line("parameters", [parts.parameters(one) for one in runs], "{:,}".format, None))
    lines.append(_line("time to train", [parts.seconds(one) or None for one in runs], duration, None))
    each = [parts.seconds(one) / len(one.history) if len(one.history) else None for one in runs]
    lines.append(_line("time an epoch", [value or None for value in each], duration, min))
    return [line for line in lines if any(value != NONE for value in line.values)]


def spelt(column: str) -> str:
    """A column of the history in words."""
    part, name = ("validation", column[4:]) if column.startswith("val_") else ("training", column)
    return f"{part} {name}".replace("_", " ")


NONE = "–"


def _better(name: str) -> Any:
    """Which way a column is good; None where nobody knows."""
    return max if "accuracy" in name else min if name.endswith("loss") else None


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _line(name: str, values: Sequence[Any], text: Callable[[Any], str], better: Any) -> Line:
    shown = [NONE if value is None else text(value) for value in values]
    known = [value for value in values if value is not None and math.isfinite(value)]
    best: list[int] = []
    if better is not None and len(known) > 1 and len(set(known)) > 1:
        winner = text(better(known))  # what reads the same is as good
        best = [k for k, value in enumerate(shown) if value == winner]
    return Line(name, shown, best if len(best) < len(values) else [])


def found_of_each(matrices: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The share found of each class, where all runs have the same classes."""
    if len({tuple(one["names"]) for _, one in matrices}) != 1:
        return {"names": [], "rows": []}
    rows = [{"name": name, "shares": [one["classes"][k]["recall"] for _, one in matrices]}
            for k, name in enumerate(matrices[0][1]["names"])]  # fmt: skip
    return {"names": [name for name, _ in matrices], "rows": rows}


TITLES = {"lr": "Step size", "seconds": "Time"}


# -- curves and settings --------------------------------------------------------------------------------------


def charts(runs: Sequence[Facts], names: Sequence[str]) -> list[dict[str, Any]]:
    """One for each column of the histories, a line for each run."""
    columns = dict.fromkeys(n for one in runs for n in one.history.names if n not in ("epoch", "step"))
    last = len(runs) - 1
    ordered = sorted(columns, key=lambda name: (name in TITLES, not name.startswith("val_")))
    found = []
    for column in ordered:
        series = [
            Series(name, facts.history["epoch"], facts.history[column], slot, width=2 + min(4, 1.5 * (last - slot)))
            for slot, (name, facts) in enumerate(zip(names, runs, strict=True))
            if {column, "epoch"} <= set(facts.history.names)
        ]
        title = TITLES.get(column) or spelt(column).capitalize()
        unit = parts.UNITS.get(column.removeprefix("val_"), "")
        found.append(parts.chart(title, series, column.endswith("accuracy"), unit))
    return [one for one in found if one["svg"]]


def settings(runs: Sequence[Facts]) -> list[tuple[str, Any]]:
    """What was asked for and what computed it, side by side."""
    computed = table([session(one.sessions[-1]) if one.sessions else {} for one in runs])
    for row in computed:
        row.differs = row.differs and row.name not in UNCOMPARED
    asked = table([one.settings for one in runs])
    found = [("What was asked for", asked), ("What computed it, when last begun", computed)]
    return [pair for pair in found if pair[1]]
