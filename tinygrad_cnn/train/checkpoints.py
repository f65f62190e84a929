"""The checkpoints of a run: one file for each, named by its step, with a checksum.

``checkpoints/step-00000120.safetensors`` is the one after 120 updates.  The last ones are kept, the best, and that of
step 0, from which every step can be replayed.  A damaged one is passed over with a warning.  The runs of earlier
versions have a single ``state.safetensors``, which is read, too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..autodiff.outside import warn
from ..io import load, read_metadata, save
from ..io.atomic import inside
from ..io.checksums import check_seal
from .history import History
from .state import join, split

FOLDER, FORMER = "checkpoints", "state.safetensors"
NAME = re.compile(r"step-(\d{8,12})\.safetensors")
KEEP = 3  # the last ones
DAMAGE = (KeyError, ValueError, TypeError, RecursionError, OSError)


class Damaged(ValueError):
    """No checkpoint can be read, though there are some; the message names the last one."""


class Checkpoints:
    """The checkpoints in a folder of a run."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def steps(self) -> list[int]:
        """The steps after which there is a checkpoint, in order."""
        folder = self.run / FOLDER
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        return sorted(int(found[1]) for name in names if (found := NAME.fullmatch(name)))

    def place(self, step: int) -> Path:
        """The file of a step."""
        return self.run / FOLDER / f"step-{step:08d}.safetensors"

    def write(self, state: dict[str, Any], *, keep: int = KEEP) -> None:
        """Write a checkpoint, then remove those that are not kept, and those of a future that did not come."""
        folder = inside(self.run, FOLDER)
        folder.mkdir(exist_ok=True)
        tree, arrays = split(state)
        step = int(state["step"])
        save(self.place(step), arrays, metadata={"state": json.dumps(tree)})
        steps = [one for one in self.steps() if one <= step]
        kept = {0, *steps[-keep:], best_step(History(**state["history"]), steps)}
        for one in self.steps():
            if one not in kept:
                self.place(one).unlink(missing_ok=True)
        (self.run / FORMER).unlink(missing_ok=True)

    def read(self, at_most: int | None = None) -> dict[str, Any] | None:
        """The last checkpoint that is whole, of step `at_most` at the latest; None if there is none yet.

        Raises
        ------
        Damaged : there are some, but none can be read.
        """
        for file, tree in self._whole(at_most):
            state: dict[str, Any] = join(tree, load(file))
            return state
        return None

    def described(self) -> dict[str, Any] | None:
        """The plain values of the last checkpoint that is whole, without its arrays."""
        return next((tree for _, tree in self._whole(None)), None)

    def _whole(self, at_most: int | None) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Files that can be read, the last one first, with what stands beside their arrays."""
        files = [self.place(step) for step in self.steps()[::-1] if at_most is None or step <= at_most]
        former = self.run / FORMER
        if not files and former.exists() and at_most is None:
            files = [former]
        damaged: list[str] = []
        for file in files:
            try:
                if file != former:
                    with open(file, "rb") as opened:
                        check_seal(file, opened, required=True)
                tree = json.loads(read_metadata(file)["state"])
                int(tree["epoch"]), int(tree["step"]), History(**tree["history"])
            except DAMAGE as error:
                damaged.append(f"{file} is not a checkpoint, or is damaged: {error}")
                continue
            if damaged:
                warn(f"{damaged[0].rstrip('.')}. The one before counts instead: {file.name}, of step {tree['step']}.")
                damaged = []
            yield file, tree
        if damaged:
            raise Damaged(damaged[0])


def best_step(history: History, steps: list[int]) -> int | None:
    """The step among `steps` at the end of the epoch with the lowest loss, of the validation if there is one.

    >>> from tinygrad_cnn.train.checkpoints import best_step
    >>> rows = [{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.3}, {"step": 30, "loss": 0.4}]
    >>> best_step(tg.History(rows), [10, 20, 30])
    20
    """
    name = "val_loss" if "val_loss" in history.names else "loss"
    there = [row for row in history if row.get("step") in steps and math.isfinite(row.get(name, math.nan))]
    return int(min(there, key=lambda row: row[name])["step"]) if there else None
