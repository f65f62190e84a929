"""What was asked for and what computed it, as rows of a table, with what differs marked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .facts import Facts
from .sections import date

LONG = 12  # values of a list that are shown


@dataclass
class Row:
    """A name and a value for each column; `differs` if they are not all the same."""

    name: str
    values: list[str]
    differs: bool = False


def words(value: Any) -> str:
    """A value of a settings file as text: lists by their items, folders without the reader's home."""
    if value is None:
        return "default"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(map(words, value[:LONG]))
        return shown + (f", ... ({len(value)} in all)" if len(value) > LONG else "")
    if isinstance(value, dict):
        return ", ".join(f"{k}: {words(v)}" for k, v in value.items())
    text = str(value)
    home = str(Path.home())
    return "~" + text[len(home) :] if len(home) > 1 and text.startswith(home) else text


def table(columns: Sequence[dict[str, Any]]) -> list[Row]:
    """Rows of all names that any column has; an empty column, of which nothing is known, differs from none."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = []
    for name in names:
        values = [words(column[name]) if name in column else "" for column in columns]
        known = {value for value, column in zip(values, columns, strict=True) if column}
        rows.append(Row(name if name == "tinygrad_cnn" else name.replace("_", " "), values, len(known) > 1))
    return rows


def settings(facts: Facts) -> list[tuple[str, str]]:
    """What was asked for."""
    return [(row.name, row.values[0]) for row in table([facts.settings])]


def session(one: dict[str, Any]) -> dict[str, Any]:
    """What computed, with the time in words."""
    return {name: date(value) if name == "began" else value for name, value in one.items()}


def sessions(facts: Facts) -> dict[str, Any]:
    """A column for each time that training began or went on."""
    rows = table([session(one) for one in facts.sessions])
    for row in rows:
        row.differs = row.differs and row.name != "began"
    return {"rows": rows, "count": len(facts.sessions)}


def repeat(facts: Facts) -> str:
    """The command that trains the same again; "" for a run that did not come from the command line."""
    config = facts.settings
    if not {"data", "model", "epochs", "batch_size", "lr", "seed"} <= config.keys():
        return ""
    command = ["tinygrad-cnn", "train"]
    for name in ("data", "data_dir", "model", "epochs", "batch_size", "lr", "seed", "threads"):
        if config.get(name) is not None:
            command += [f"--{name.replace('_', '-')}", words(config[name])]
    return shlex.join(command).replace("'~/", "~'/")
