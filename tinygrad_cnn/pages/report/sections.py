"""The sections of a report: each takes facts and returns what the template shows, numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

from ...graphs.png import png_uri
from ...insight.numbers import duration
from ...plots import mistakes_of
from ...plots.masks import colours, painted
from ...plots.training import confusion_counts
from ...train.alarms import read as read_alarms
from .charts import Series, line_chart, value_text
from .facts import Facts
from .pixels import pixels

MOST_CLASSES = 25  # in a matrix that can be read
MOST_MISTAKES = 18
MOST_MASKS = 6


# -- training -------------------------------------------------------------------------------------------------


def status(facts: Facts) -> str:
    """How training ended, in words."""
    n = len(facts.history)
    epochs = f"{n} epoch{'s' * (n != 1)}"
    if facts.status:
        return f"{facts.status} after {epochs}"
    wished = facts.settings.get("epochs")
    words = {
        "finished": f"finished {epochs}",
        "early stop": f"stopped early after {epochs}, with the weights of epoch {facts.history.best_epoch}",
        "interrupted": f"interrupted after {epochs}" + (f" of {wished}" if wished else ""),
        "on_epoch": f"stopped by on_epoch after {epochs}",
        "unknown": epochs,
    }
    why = facts.history.stopped
    return words.get(why) or (f"stopped after {epochs}: {why}" if why else epochs)


def date(text: Any) -> str:
    """A moment in ISO form as words; what is none, as it is."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    return f"{when.day} {when:%B %Y, %H:%M} {when.tzname() or ''}".strip()


def now() -> str:
    """The time, in words."""
    return date(datetime.now(timezone.utc).isoformat(timespec="seconds"))


def seconds(facts: Facts) -> float:
    """Of all epochs, evaluation not counted."""
    return float(np.nansum(facts.history["seconds"])) if "seconds" in facts.history.names else 0.0


def headline(facts: Facts) -> list[tuple[str, str]]:
    """The few numbers that are read first, as (name, value)."""
    found = []
    columns = (
        ("val_miou", "validation mIoU"), ("val_accuracy", "validation accuracy"), ("accuracy", "training accuracy"),
    )  # fmt: skip
    for column, name in columns:
        if (value := facts.last(column)) is not None:
            found.append((name, f"{value:.2%}"))
    for column, name in (("val_loss", "validation loss"), ("loss", "training loss")):
        if (value := facts.last(column)) is not None:
            found.append((name, f"{value:.4f}"))
            break
    if facts.guesses is not None and facts.labels is not None:
        wrong = int((facts.guesses != facts.labels).sum())
        found.append(("wrong pixels" if facts.masks else "mistakes", f"{wrong:,} of {facts.labels.size:,}"))
    if (count := parameters(facts)) is not None:
        found.append(("parameters", f"{count:,}"))
    if len(facts.history):
        found.append(("time to train", duration(seconds(facts))))
    return found


def parameters(facts: Facts) -> int | None:
    """How many numbers training learned."""
    return None if facts.model is None else sum(p.size for p in facts.model.parameters())


def charts(facts: Facts) -> list[dict[str, Any]]:
    """One for the loss and one for each metric, training beside validation; and the step size."""
    history, found = facts.history, []
    if not len(history):
        return []
    epochs = history["epoch"] if "epoch" in history.names else list(range(1, len(history) + 1))
    plain = ("epoch", "step", "lr", "seconds")
    for name in dict.fromkeys(n.removeprefix("val_") for n in history.names if n not in plain):
        series = [
            Series(word, epochs, history[column], slot, dash)
            for column, word, slot, dash in ((name, "training", 0, 0), (f"val_{name}", "validation", 1, 1))
            if column in history.names
        ]
        percent = name in ("accuracy", "miou", "f1", "top5")
        marks = alarm_marks(facts) if name == "loss" else []
        found.append(chart(name.replace("_", " ").capitalize(), series, percent, UNITS.get(name, ""), marks))
    if "lr" in history.names:
        found.append(chart("Step size", [Series("lr", epochs, history["lr"], 2)], unit=UNITS["lr"]))
    if "seconds" in history.names:
        found.append(chart("Time", [Series("time", epochs, history["seconds"], 4)], unit=UNITS["seconds"]))
    return [one for one in found if one["svg"]]


def alarms(facts: Facts) -> list[dict[str, str]]:
    """The steps at which the loss jumped or was not finite, and how to replay them."""
    return [{"words": one.words(), "command": one.command(facts.run)} for one in read_alarms(facts.run)]


def alarm_marks(facts: Facts) -> list[tuple[float, str]]:
    """Where on an axis of epochs these steps are."""
    if "step" not in facts.history.names or not facts.history["step"][0]:
        return []
    steps = facts.history["step"][0] / facts.history["epoch"][0]  # in an epoch
    return [(one.step / steps, f"step {one.step}: loss {one.loss:.3g}") for one in read_alarms(facts.run)]


def masks(facts: Facts) -> list[dict[str, str]]:
    """The first images with their true and their predicted masks, as pictures."""
    if not facts.masks or facts.images is None or facts.labels is None or facts.guesses is None:
        return []
    shades = colours(len(facts.classes))
    return [
        {"image": png_uri(pixels(image)), "truth": png_uri(painted(truth, shades)),
         "guess": png_uri(painted(guess, shades))}
        for image, truth, guess in zip(facts.images[:MOST_MASKS], facts.labels, facts.guesses, strict=False)
    ]  # fmt: skip


UNITS = {
    "loss": "mean cross-entropy, nats", "accuracy": "images classified correctly", "lr": "of the epoch's last update",
    "miou": "intersection over union, mean of the classes",
    "seconds": "seconds an epoch took",
}  # fmt: skip


def chart(
    title: str, series: list[Series], percent: bool = False, unit: str = "", marks: Sequence[tuple[float, str]] = ()
) -> dict[str, Any]:
    """A chart with its title and legend."""
    words = f"{title}: {', '.join(one.label for one in series)}"
    log = title.lower().endswith("loss")
    svg = line_chart(series, title=words, percent=percent, log=log, marks=marks)
    if log and "log-scale" in svg:
        unit += ", logarithmic" if unit else "logarithmic"
    return {"title": title, "unit": unit, "svg": svg, "series": series if len(series) > 1 else []}


def epochs(facts: Facts) -> dict[str, Any]:
    """Every row of the history, as text."""
    names = facts.history.names
    rows = [[_cell(name, row.get(name)) for name in names] for row in facts.history]
    return {"names": [name.replace("_", " ") for name in names], "rows": rows}


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name in ("epoch", "step"):
        return f"{value:,.0f}"
    return value_text(value, "accuracy" in name) if name in ("lr", "seconds") or "accuracy" in name else f"{value:.4f}"


# -- classes and mistakes -------------------------------------------------------------------------------------


def confusion(facts: Facts) -> dict[str, Any] | None:
    """The counts with the shade of each cell (share of its row), and each class by itself."""
    if facts.labels is None or facts.guesses is None:
        return None
    n = len(facts.classes)
    counts = confusion_counts(facts.labels.ravel(), facts.guesses.ravel(), n)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [{"count": int(counts[i, j]), "shade": round(_shade(share[i, j], i == j), 1), "right": i == j,
          "words": f"{counts[i, j]:,} of class {facts.classes[i]} taken for {facts.classes[j]}"} for j in range(n)]
        for i in range(n)
    ]  # fmt: skip
    return {
        "names": facts.classes, "rows": rows if n <= MOST_CLASSES else [], "classes": _classes(facts, counts),
        "right": int(np.trace(counts)), "total": int(counts.sum()), "what": "pixels" if facts.masks else "images",
    }  # fmt: skip


def _shade(share: float, right: bool) -> float:
    """Percent of the colour; mistakes by the root of their share, since one in fifty should be seen."""
    return 100 * share if right else 100 * math.sqrt(share)


def _classes(facts: Facts, counts: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for k, name in enumerate(facts.classes):
        images, taken, right = int(counts[k].sum()), int(counts[:, k].sum()), int(counts[k, k])
        wrong = counts[k].copy()
        wrong[k] = 0
        found.append({
            "name": name, "images": images, "recall": right / images if images else None,
            "precision": right / taken if taken else None,
            "iou": right / (images + taken - right) if facts.masks and images + taken else None,
            "taken_for": facts.classes[int(wrong.argmax())] if wrong.any() else "",
        })  # fmt: skip
    return found


def mistakes(facts: Facts) -> list[dict[str, Any]]:
    """The mistakes that the network was surest of, as pictures."""
    if facts.labels is None or facts.logits is None or facts.images is None or facts.images.ndim != 4:
        return []
    surest = mistakes_of(facts.logits, (facts.images, facts.labels), MOST_MISTAKES)
    return [
        {"image": png_uri(pixels(facts.images[m.index])), "number": m.index, "truth": facts.classes[m.label],
         "guess": facts.classes[m.predicted], "sure": "" if math.isnan(m.probability) else f"{m.probability:.0%}"}
        for m in surest
    ]  # fmt: skip
