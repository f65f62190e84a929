"""How far the training is: a library's bar on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from .callbacks import Callback
from .history import describe_row
from .training import Training


class Progress(Callback):
    """Shows the batches of each epoch and its row of numbers; ``fit(progress=True)`` has one.

    >>> history = tg.fit(model, train, epochs=1, progress=False, callbacks=[tg.train.Progress()])
    epoch 1/1: loss ..., accuracy ... (... s)
    """

    def __init__(self) -> None:
        self._bar: Any = None

    def on_start(self, training: Training) -> None:
        """Say so if there is nothing left to do; otherwise show the first bar."""
        over = len(training.history)
        if training.world.rank:
            return
        if training.stopped or over >= training.epochs:
            how = "was stopped early" if training.stopped else "is finished"
            more = max(training.epochs, over) * 2
            print(f"this run {how} after {over} epochs; to go on with it, ask for more: epochs={more}", flush=True)
        else:
            self._open(training)

    def on_step(self, training: Training) -> None:
        """Move the bar."""
        if self._bar is None and training.batch == 1 and not training.world.rank:
            self._open(training, 0)
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {training.loss:.4f}", refresh=False)
            self._bar.update()

    def on_epoch(self, training: Training) -> None:
        """Print the row."""
        self._close()
        if not training.world.rank:
            print(describe_row(training.row).replace(":", f"/{training.epochs}:", 1), flush=True)

    def on_end(self, training: Training) -> None:
        """Take the bar away."""
        self._close()

    def _open(self, training: Training, done: int | None = None) -> None:
        if sys.stderr is not None and sys.stderr.isatty():  # None: closed, as by 2>&-
            try:
                from tqdm import tqdm
            except ImportError:  # plain lines tell the same
                return
            label = f"epoch {training.epoch}/{training.epochs}"
            done = training.batch if done is None else done
            self._bar = tqdm(total=training.batches, initial=done, desc=label, unit="batch", leave=False)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
