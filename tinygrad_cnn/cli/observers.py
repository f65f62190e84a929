"""Who looks on while `tinygrad-cnn train` trains: a recorder for the report, a live page, TensorBoard's files.

They only read, so the training computes the same bits with and without them.
"""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import ExitStack
from typing import Any

import click

from .. import plots
from ..train.run_folder import WATCH, Run
from .browser import open_page

MOST_RECORDS = 60  # of weights and gradients, in a long training every second epoch, or every third, ...
PAUSE = 5.0  # seconds between two times that the recording is written
TENSORBOARD = "tensorboard"  # the folder in the run's


def check(live: bool, tensorboard: bool) -> None:
    """Refuse what could not be done, before anything is made."""
    try:
        if tensorboard:
            from ..train.tensorboard import writer_class

            writer_class()
        if live:
            from ..pages.rendering import render

            render("live.html.jinja", name="", about="")
    except ImportError as error:
        raise click.ClickException(f"{'--tensorboard' if tensorboard else '--live'}: {error}") from None


class Observers:
    """A context around the training; `on_epoch` and `on_step` are what `fit` calls."""

    def __init__(self, run: Run, model: Any, *, live: bool, tensorboard: bool, quiet: bool, about: str) -> None:
        self.run, self.epochs = run, run.config["epochs"]
        self.watch = _recording(run, model)
        self._every = max(1, math.ceil(self.epochs / MOST_RECORDS))
        self._written = time.monotonic()
        self._board: Any = None
        self.live: Any = None
        self._stack = ExitStack()
        if tensorboard:
            from ..train.tensorboard import TensorBoard

            self._board = self._stack.enter_context(TensorBoard(run.folder(TENSORBOARD), model))
        if live:
            from ..pages.live import Live

            self.live = self._stack.enter_context(Live(run, self.epochs, about=about))
            click.echo(f"live: {self.live.url}", err=quiet)
            if sys.stdout is not None and sys.stdout.isatty() and open_page(self.live.url):
                self.live.expect()

    def __enter__(self) -> Observers:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    @property
    def on_step(self) -> Any:
        """What `fit` calls after each step; None if nobody wants to know."""
        return self.live and self.live.on_step

    def on_epoch(self, row: dict[str, float]) -> None:
        """Take a row of the history."""
        epoch = int(row["epoch"])
        if epoch % self._every == 0 or epoch in (1, self.epochs):
            self.watch(row)
        if self._board is not None:
            self._board(row)
        if self.live is not None:
            self.live.on_epoch(row)
        if time.monotonic() - self._written > PAUSE:
            self.keep()

    def keep(self) -> None:
        """Write the recording of weights and gradients into the run."""
        self._written = time.monotonic()
        if self.watch.records:
            self.run.write(WATCH, json.dumps(self.watch.to_json(), separators=(",", ":")) + "\n")


def _recording(run: Run, model: Any) -> plots.Watch:
    """A new recording, or the run's own to go on with; a damaged one is begun again."""
    try:
        text = (run.path / WATCH).read_text(encoding="utf-8")
        return plots.Watch.from_json(json.loads(text), model)
    except (OSError, ValueError):
        return plots.Watch(model, bins=40)
