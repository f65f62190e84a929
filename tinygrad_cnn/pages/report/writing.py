"""The report of a training, one page with all that is worth knowing about it; and a page that compares several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...io import atomic_write
from ...train.run_folder import REPORT, WATCH
from ..rendering import render
from . import network
from . import sections as parts
from .facts import Facts, gather
from .settings import repeat, sessions, settings


@dataclass
class Report:
    """Where a page was written, and what could not be put on it: {reason: [what]}."""

    path: Path
    missing: dict[str, list[str]] = field(default_factory=dict)
    missing_line: str = ""

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return f"{self.path}" + (f"; {self.missing_line}" if self.missing_line else "")


def report(
    run: Any, *, model: Any = None, test: Any = None, out: str | os.PathLike[str] | None = None, watch: Any = None,
    history: Any = None, status: str = "",
) -> Report:  # fmt: skip
    """Write the page of a run: settings, curves, mistakes, the network, its weights, versions.

    One self-contained file, to look at or to send.  Training that was not by `tinygrad-cnn train` is reported too::

        run = tg.Run.create("runs/mine", {"lr": 1e-3})
        watch = tg.plots.Watch()
        tg.fit(model, data, run=run, callbacks=[watch])
        print(tg.report(run, model=model, test=test_data, watch=watch))

    Parameters
    ----------
    run : a `tg.Run` or its folder.
    model : the trained network; by default the one that the settings describe.  It is left as it was.
    test : held-out images and labels: a Dataset, or a pair of arrays (N,H,W,C) and (N,); by default the test part of
        the data set that the settings name, if it is on this machine.  Its first 10,000 images are used.
    out : the file; by default ``report.html`` in the run's folder.  A symbolic link there is replaced by the file.
    watch : a `tg.plots.Watch` of the training, for histograms of weights and gradients.
    history, status : the history that `fit` returned and how it ended; by default as the run's checkpoint says.

    Returns
    -------
    Report : usable as a path.  A part of the page that cannot be made is left out; `.missing` says which and why.

    Raises
    ------
    RunError : `run` is not a run.
    ImportError : Jinja2 is missing.
    """
    facts = gather(run, model=model, test=test, watch=watch, history=history, status=status)
    path = facts.run.path / REPORT if out is None else Path(out)
    _write(path, html(facts))
    return Report(path, facts.missing, facts.missing_line)


def _write(path: Path, text: str) -> None:
    with atomic_write(path, "w") as file:
        file.write(text)


SECTIONS = [
    ("charts", "training", "Training"), ("alarms", "alarms", "Alarms"),
    ("confusion", "classes", "Classes"), ("confusion", "mistakes", "Mistakes"),
    ("masks", "masks", "Masks"),
    ("layers", "network", "Network"), ("filters", "weights", "Weights"), ("step", "time", "Time"),
    ("settings", "settings", "Settings"),
]  # fmt: skip


def html(facts: Facts) -> str:
    """The page as text; what fails is noted in `facts.missing`."""
    values: dict[str, Any] = {"settings": settings(facts), "sessions": sessions(facts), "repeat": repeat(facts)}
    makers = {
        "charts": ("the curves", parts.charts), "alarms": ("the alarms", parts.alarms),
        "epochs": ("the table of epochs", parts.epochs),
        "confusion": ("the confusion matrix", parts.confusion), "mistakes": ("the worst mistakes", parts.mistakes),
        "masks": ("the masks", parts.masks),
        "graph": ("the graph", network.graph), "layers": ("the table of layers", network.layers),
        "filters": ("the filters of the first layer", network.filters),
        "watched": ("histograms of weights and gradients", network.watched),
        "step": ("the time of a step", network.step),
    }  # fmt: skip
    for name, (what, make) in makers.items():
        values[name] = None
        with facts.attempt(what):
            values[name] = make(facts)
    without = "mistakes" if values["masks"] else "masks"
    shown = [(anchor, words) for name, anchor, words in SECTIONS if values[name] and anchor != without]
    return render(
        "report.html.jinja", name=facts.name, subtitle=subtitle(facts), numbers=parts.headline(facts), sections=shown,
        best=facts.history.best_epoch, missing=facts.missing, made=parts.now(), **values,
    )  # fmt: skip


def subtitle(facts: Facts) -> str:
    """What was trained on what, how it ended, and when."""
    config = facts.settings
    what = " on ".join(str(config[k]) for k in ("model", "data") if config.get(k))
    began = parts.date(facts.sessions[0].get("began", "")) if facts.sessions else ""
    return " · ".join(words for words in (what, parts.status(facts), began) if words)


def compare(runs: Sequence[Any], out: str | os.PathLike[str] = "comparison.html") -> Report:
    """Write a page that compares several runs: settings side by side, curves overlaid, final numbers, mistakes.

    Parameters
    ----------
    runs : each a `tg.Run` or its folder, at least two.
    out : the file.

    Raises
    ------
    RunError : one of them is not a run, or damaged; the message names it.
    ImportError : Jinja2 is missing.
    """
    from .comparison import html as page

    runs = list(runs)
    if len(runs) < 2:
        raise ValueError(f"compare: takes at least two runs, got {len(runs)}. For one there is tg.report(run).")
    found = [gather(run) for run in runs]
    for facts in found:
        facts.missing = {why: what for why, what in facts.missing.items() if WATCH not in why}
    text = page(found)
    _write(Path(out), text)
    missing = [f"{one.name}: {one.missing_line}" for one in found if one.missing_line]
    return Report(Path(out), {one.name: list(one.missing) for one in found if one.missing}, "; ".join(missing))
