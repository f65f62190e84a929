"""What `fit` records of each step of a run, and the alarm when a loss jumps or is not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.outside import warn
from ..data import DataLoader
from .alarms import Alarm, keep, of_jump
from .callbacks import Callback
from .flight import SELDOM, checksum, generators_of, norm_of
from .run_folder import Run
from .step import Step
from .training import Training

QUIET = 20  # steps before the first alarm
TOGETHER = 8  # losses that are taken into the usual one at a time
MOST = 20  # alarms of a run
TIMES, SPREADS = 10.0, 8.0  # above the usual loss, in which a jump is measured
PEAKS = 2.0  # above the largest loss of late, which small batches bring about
PASSING = 0.99  # what is left of that one after a step
FLOOR = 0.05  # of the loss at the start; below it a loss is small, and its ratios say little
FADE = 0.05  # how much of the usual loss is the last one


class Recorder(Callback):
    """Records each update of a training in its run, and raises the alarm when the loss jumps."""

    def __init__(self, run: Run, step: Step) -> None:
        self.run, self.step, self._add = run, step, run.flight.add
        self._parameters: list[Any] = []
        self._generators: list[np.random.Generator] = []
        self._epoch, self._check = 0, 0  # an epoch, and the checksum of its order
        self._order: np.ndarray | None = None
        self._losses: list[float] = []  # the last ones
        self._bound = math.inf  # above which a loss has jumped
        self._usual = dict.fromkeys(("first", "mean", "spread", "peak", "steps", "since", "alarms"), 0.0)

    def on_start(self, training: Training) -> None:
        """Go on after the last step of the checkpoint."""
        self._parameters = [*training.model.parameters()]
        self._generators = [*training.model.generators()]
        self.run.flight.drop()

    def on_step(self, training: Training) -> None:
        """Record an update, and look at its loss."""
        if training.moved:
            step, epoch, batch, loss, drawn = training.step, training.epoch, training.batch, training.loss, 0
            if epoch != self._epoch:
                self._begin(training)
            if not step % SELDOM or batch <= training.accumulate:
                drawn = generators_of(self._generators)
            self._add(step, epoch, batch, loss, norm_of(self._parameters), training.lr, self._check, drawn)
            self._losses.append(loss)
            if loss > self._bound:
                self._alarm(training)
            if len(self._losses) == TOGETHER:
                self._follow()

    def on_end(self, training: Training) -> None:
        """Write what waits; of a loss that is not finite too."""
        self.run.flight.flush()

    def samples(self, training: Training, batch: int) -> np.ndarray | None:
        """The numbers of the samples in a batch of this epoch, None if the data do not number them."""
        if training.epoch != self._epoch:
            self._begin(training)
        return part_of(self._order, training.source, batch)

    def _begin(self, training: Training) -> None:
        """Look up the order of an epoch, once."""
        self._epoch, self._order = training.epoch, order_of(training.source, training.epoch)
        self._check = 0 if self._order is None else checksum(self._order)

    # -- the alarm --------------------------------------------------------------------------------------------

    def _alarm(self, training: Training) -> None:
        """Say of a loss above the bound what brought it about."""
        self._usual["alarms"] += 1
        samples = self.samples(training, training.batch)
        alarm = of_jump(training, self.step.loss, samples, self._usual["mean"])
        keep(self.run, alarm)
        warn(f"fit: {alarm.words()} {alarm.command(self.run)}")
        self._follow()  # so that the next of its kind is not told too

    def _follow(self) -> None:
        """Take the last losses into the usual one, from which the bound follows."""
        usual = self._usual
        for loss in self._losses:
            if not usual["steps"]:
                usual["first"] = usual["mean"] = loss
            off = loss - usual["mean"]
            usual["mean"] += FADE * off
            usual["spread"] += FADE * (abs(off) - usual["spread"])
            usual["peak"] = max(abs(loss), PASSING * usual["peak"])
            usual["steps"] += 1
        self._losses = []
        self._set_bound()

    def _set_bound(self) -> None:
        """Find the loss above which there is an alarm."""
        usual = self._usual
        if usual["steps"] < QUIET or usual["alarms"] >= MOST:
            self._bound = math.inf
        else:
            level = max(abs(usual["mean"]), FLOOR * abs(usual["first"]))
            far = usual["mean"] + max(SPREADS * usual["spread"], (TIMES - 1) * level)
            self._bound = max(far, PEAKS * usual["peak"])

    def take(self, alarm: Alarm) -> str:
        """Record a step whose loss is not finite, and say how to replay it."""
        self._add(alarm.step, alarm.epoch, alarm.batch, alarm.loss, math.nan, alarm.lr, self._check, 0)
        keep(self.run, alarm)
        return alarm.command(self.run)

    def state_dict(self) -> dict[str, Any]:
        """The usual loss, and how many alarms there were."""
        return {**self._usual, "losses": list(self._losses)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self._losses = [*state["losses"]]
        self._usual.update({name: state[name] for name in self._usual})
        self._set_bound()


def order_of(source: Any, epoch: int) -> np.ndarray | None:
    """The numbers of the samples in the order of an epoch, counted from 1; None if the data do not number them."""
    return source.order(epoch - 1) if isinstance(source, DataLoader) and source.ranks == 1 else None


def part_of(order: np.ndarray | None, source: Any, batch: int) -> np.ndarray | None:
    """Those in a batch, counted from 1."""
    return None if order is None else order[(batch - 1) * source.batch_size : batch * source.batch_size]
