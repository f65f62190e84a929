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
from ..train import Callback, Training
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


class Recorder(Callback):
    """Records weights and gradients, in a long training not of every epoch, and writes the recording into the run."""

    def __init__(self, run: Run, model: Any) -> None:
        self.run, self.watch = run, _recording(run, model)
        self._written = time.monotonic()

    def on_epoch(self, training: Training) -> None:
        """Record, and write if the last time is long ago."""
        every = max(1, math.ceil(training.epochs / MOST_RECORDS))
        if training.epoch % every == 0 or training.epoch in (1, training.epochs):
            self.watch.record(training.epoch)
        if time.monotonic() - self._written > PAUSE:
            self.keep()

    def keep(self) -> None:
        """Write the recording into the run."""
        self._written = time.monotonic()
        if self.watch.records:
            self.run.write(WATCH, json.dumps(self.watch.to_json(), separators=(",", ":")) + "\n")


class Observers:
    """A context around the training; `callbacks` are what `fit` calls."""

    def __init__(self, run: Run, model: Any, *, live: bool, tensorboard: bool, quiet: bool, about: str) -> None:
        self.recorder = Recorder(run, model)
        self.callbacks: list[Any] = [self.recorder]
        self.live: Any = None
        self._stack = ExitStack()
        if tensorboard:
            from ..train.tensorboard import TensorBoard

            self.callbacks.append(self._stack.enter_context(TensorBoard(run.folder(TENSORBOARD), model)))
        if live:
            from ..pages.live import Live

            self.live = self._stack.enter_context(Live(run, run.config["epochs"], about=about))
            self.callbacks.append(self.live)
            click.echo(f"live: {self.live.url}", err=quiet)
            if sys.stdout is not None and sys.stdout.isatty() and open_page(self.live.url):
                self.live.expect()

    def __enter__(self) -> Observers:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()


def _recording(run: Run, model: Any) -> plots.Watch:
    """A new recording, or the run's own to go on with; a damaged one is begun again."""
    try:
        text = (run.path / WATCH).read_text(encoding="utf-8")
        return plots.Watch.from_json(json.loads(text), model)
    except (OSError, ValueError):
        return plots.Watch(model, bins=40)
