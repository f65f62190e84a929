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
from .flight import checksum, generators_of, norm_of
from .run_folder import Run
from .step import Step
from .training import Training

QUIET = 20  # steps before the first alarm, and between two
MOST = 20  # alarms of a run
TIMES, SPREADS = 5.0, 8.0  # above the usual loss, in which a jump is measured
FLOOR = 0.05  # of the loss at the start; below it a loss is small, and its ratios say little
FADE = 0.05  # how much of the usual loss is the last one


class Recorder(Callback):
    """Records each update of a training in its run, and raises the alarm when the loss jumps."""

    def __init__(self, run: Run, step: Step) -> None:
        self.run, self.step = run, step
        self._parameters: list[Any] = []
        self._generators: list[np.random.Generator] = []
        self._order: tuple[int, np.ndarray | None] = (-1, None)
        self._usual = {"first": math.nan, "mean": math.nan, "spread": 0.0, "steps": 0, "since": 0, "alarms": 0}

    def on_start(self, training: Training) -> None:
        """Go on after the last step of the checkpoint."""
        self._parameters = [*training.model.parameters()]
        self._generators = [*training.model.generators()]
        self.run.flight.cut(training.step)

    def on_step(self, training: Training) -> None:
        """Record an update, and look at its loss."""
        if training.moved:
            norm = norm_of(self._parameters)
            loss = training.loss
            samples = self.samples(training, training.batch)
            self.run.flight.add(
                training.step, training.epoch, training.batch, loss, norm, training.lr,
                0 if samples is None else checksum(samples), generators_of(self._generators),
            )  # fmt: skip
            if self._jumps(loss):
                self._usual["alarms"] += 1
                self._usual["since"] = 0
                alarm = of_jump(training, self.step.loss, samples, self._usual["mean"])
                keep(self.run, alarm)
                warn(f"fit: {alarm.words()} {alarm.command(self.run)}")
            self._follow(loss)

    def on_end(self, training: Training) -> None:
        """Write what waits; of a loss that is not finite too."""
        self.run.flight.flush()

    def samples(self, training: Training, batch: int) -> np.ndarray | None:
        """The numbers of the samples in a batch of this epoch, None if the data do not number them."""
        return samples_of(training.source, training.epoch, batch, self)

    def order(self, loader: DataLoader, epoch: int) -> np.ndarray:
        """The order of an epoch, drawn once."""
        if self._order[0] != epoch:
            self._order = (epoch, loader.order(epoch))
        found = self._order[1]
        assert found is not None
        return found

    # -- the alarm --------------------------------------------------------------------------------------------

    def _jumps(self, loss: float) -> bool:
        usual = self._usual
        if usual["steps"] < QUIET or usual["since"] < QUIET or usual["alarms"] >= MOST:
            return False
        level = max(abs(usual["mean"]), FLOOR * abs(usual["first"]))
        return bool(loss - usual["mean"] > max(SPREADS * usual["spread"], (TIMES - 1) * level))

    def _follow(self, loss: float) -> None:
        """Take a loss into the usual one."""
        usual = self._usual
        if not usual["steps"]:
            usual["first"] = usual["mean"] = loss
        off = loss - usual["mean"]
        usual["mean"] += FADE * off
        usual["spread"] += FADE * (abs(off) - usual["spread"])
        usual["steps"] += 1
        usual["since"] += 1

    def take(self, alarm: Alarm, samples: np.ndarray | None) -> str:
        """Record a step whose loss is not finite, and say how to replay it."""
        check = 0 if samples is None else checksum(samples)
        self.run.flight.add(alarm.step, alarm.epoch, alarm.batch, alarm.loss, math.nan, alarm.lr, check, 0)
        keep(self.run, alarm)
        return alarm.command(self.run)

    def state_dict(self) -> dict[str, Any]:
        """The usual loss, and how many alarms there were."""
        return dict(self._usual)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self._usual.update(state)


def samples_of(source: Any, epoch: int, batch: int, recorder: Recorder | None = None) -> np.ndarray | None:
    """The numbers of the samples in a batch, both counted from 1; None if the data do not number them."""
    if not isinstance(source, DataLoader):
        return None
    order = recorder.order(source, epoch - 1) if recorder is not None else source.order(epoch - 1)
    return order[(batch - 1) * source.batch_size : batch * source.batch_size]
