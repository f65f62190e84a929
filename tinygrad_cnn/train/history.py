"""What a training did: one row of numbers for each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..autodiff.foreign import answering

Row = dict[str, float]


@answering("History")
@dataclass
class History:
    """The rows that `fit` wrote, one an epoch: iterate over them, or take a column, ``history["val_accuracy"][-1]``.

    Columns: ``epoch`` (from 1), ``step`` (updates so far), ``lr`` (of the last update), ``seconds`` (of this epoch),
    ``loss`` and each metric (averages over the epoch's examples, as they were seen), and, with a validation set,
    ``val_loss`` and ``val_<metric>`` (of the whole set, after the epoch).
    """

    rows: list[Row] = field(default_factory=list)
    stopped: str = ""  # "finished", "early stop", "interrupted", or what a callback said
    best_epoch: int | None = None  # whose weights the model has, if `EarlyStop` chose them
    signal: str = ""  # the name of the signal that interrupted this call of `fit`; checkpoints do not keep it

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.names:
            raise KeyError(f"History: no column {name!r}; there are {', '.join(self.names) or 'none yet'}.")
        return [row.get(name, float("nan")) for row in self.rows]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        """The columns, in the order in which they are written."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def as_csv(self) -> str:
        """The rows as comma-separated text with a head line; every number reads back exactly."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "stopped": self.stopped, "best_epoch": self.best_epoch}

    def __repr__(self) -> str:
        last = describe_row(self.rows[-1]) if self.rows else "no epochs yet"
        return f"<History of {len(self.rows)} epochs: {last}>"


def describe_row(row: Row) -> str:
    """One row in words, for a terminal."""
    shown = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in row.items() if name not in PLAIN]
    return f"epoch {int(row['epoch'])}: {', '.join(shown)} ({row['seconds']:.1f} s)"


PLAIN = ("epoch", "step", "lr", "seconds")
