"""How far the training is: a library's bar on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from .history import Row, describe_row


class Progress:
    """Shows the steps of each epoch and its row of numbers; with ``show=False`` it shows nothing."""

    def __init__(self, show: bool, epochs: int, steps: int) -> None:
        self.show, self.epochs, self.steps = show, epochs, steps
        self._bar: Any = None

    def start(self, epoch: int, done: int) -> None:
        """Epoch number `epoch` (from 1) begins, with `done` of its steps behind it."""
        self._bar = None
        if self.show and sys.stderr is not None and sys.stderr.isatty():  # None: closed, as by 2>&-
            try:
                from tqdm import tqdm
            except ImportError:  # plain lines tell the same
                return
            label = f"epoch {epoch}/{self.epochs}"
            self._bar = tqdm(total=self.steps, initial=done, desc=label, unit="batch", leave=False)

    def step(self, loss: float) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            self._bar.update()

    def close(self, row: Row | None = None) -> None:
        """The epoch is over, or was left."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self.show and row is not None:
            print(describe_row(row).replace(":", f"/{self.epochs}:", 1), flush=True)
