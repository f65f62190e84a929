"""Callbacks that most trainings can use: averages of weights, early stopping, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import monotonic
from typing import Any, Literal

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.errors import describe, nearest
from ..optim import EMA
from .callbacks import Callback, Callbacks, states_of
from .checkpoints import KEEP
from .run_folder import Run
from .training import Training

__all__ = ["AverageWeights", "Checkpoint", "EarlyStop"]

FALLS = ("loss", "mae", "mse")  # how the names of columns end that are better the lower they are


@named
class AverageWeights(Callback):
    """Moves a `tg.optim.EMA` of the model after each update; validation and `EarlyStop` go by its averages.

    The model ends with its own weights all the same (take ``ema.weights()``), unless `EarlyStop` kept the best.

    >>> ema = optim.EMA(model, 0.9)
    >>> history = tg.fit(model, train, epochs=1, callbacks=[tg.train.AverageWeights(ema)], progress=False)
    >>> ema.updates == history["step"][-1]
    True
    """

    def __init__(self, ema: EMA) -> None:
        if not isinstance(ema, EMA):
            raise TypeError(f"AverageWeights: ema is {describe(ema)}; it must be a tg.optim.EMA of the model.")
        self.ema = ema

    def on_start(self, training: Training) -> None:
        """Have `fit` move the averages."""
        if self.ema.model is not training.model:
            raise ValueError("AverageWeights: ema must be a tg.optim.EMA of the model that is trained.")
        training.average = self.ema

    def state_dict(self) -> dict[str, Any]:
        """The averages."""
        return self.ema.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from averages of another time."""
        self.ema.load_state_dict(state)


@named
class EarlyStop(Callback):
    """Stops after some epochs in which a column of the history did not improve, and keeps the best weights.

    Parameters
    ----------
    patience : how many such epochs.
    monitor : the column; by default ``val_loss``, or ``loss`` if there is no validation.
    mode : whether "min" or "max" is better; by default "max", but "min" for names that end in loss, mae or mse.
    min_delta : by how much more than before it must improve.

    A run that was stopped so and is given more epochs has all its patience again.

    >>> history = tg.fit(model, train, epochs=9, callbacks=[tg.train.EarlyStop(2, min_delta=9.0)], progress=False)
    >>> history.stopped, len(history), history.best_epoch
    ('early stop', 3, 1)
    """

    def __init__(
        self, patience: Whole, *, monitor: str | None = None, mode: Literal["min", "max"] | None = None,
        min_delta: Number = 0.0,
    ) -> None:  # fmt: skip
        self.patience = whole("EarlyStop", "patience", patience)
        if mode not in (None, "min", "max"):
            raise ValueError(f'EarlyStop: mode={mode!r} must be "min" or "max".')
        self.monitor, self.mode, self.min_delta = monitor, mode, number("EarlyStop", "min_delta", min_delta, 0)
        self.best: dict[str, Any] = {"value": None, "epoch": 0, "weights": {}, "since": 0}

    def on_start(self, training: Training) -> None:
        """Wait anew if the run was given more epochs."""
        if training.extended:
            self.best["since"] = len(training.history)

    def on_epoch(self, training: Training) -> None:
        """Keep the weights if they are the best so far; else stop if there was no better epoch for too long."""
        row = training.row
        name = self.monitor or ("val_loss" if "val_loss" in row else "loss")
        if name not in row:
            raise ValueError(f"EarlyStop: no column {name!r}; there are {', '.join(row)}.{nearest(name, row)}")
        value, best, epoch = row[name], self.best["value"], training.epoch
        lower = self.mode == "min" or (self.mode is None and name.endswith(FALLS))
        if not math.isnan(value) and (
            best is None or (value < best - self.min_delta if lower else value > best + self.min_delta)
        ):
            self.best = {"value": value, "epoch": epoch, "weights": training.weights(), "since": epoch}
        elif epoch - self.best["since"] >= self.patience:
            training.stop("early stop")

    def on_end(self, training: Training) -> None:
        """End with the best weights; the checkpoint, from which training may go on, has the last ones."""
        if self.best["weights"] and training.error is None:
            training.model.load_state_dict(self.best["weights"])
            training.history.best_epoch = self.best["epoch"]
            if training.run is not None:
                training.run.save_weights(self.best["weights"])

    def state_dict(self) -> dict[str, Any]:
        """The best epoch: its value, its number and its weights; and from when on it is waited for a better one."""
        return dict(self.best)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        value = state["value"]
        self.best = {"since": state["epoch"], **state, "value": None if value is None or math.isinf(value) else value}


@named
class Checkpoint(Callback):
    """Keeps the training in a run's folder, so that it can go on from there; ``fit(run=run)`` has one for each epoch.

    There is one at the start and at the end in any case, and these come in addition to each other.

    Parameters
    ----------
    run : the `tg.Run`.
    every : how many epochs lie between two checkpoints.
    steps : how many updates lie between two checkpoints; None for none within an epoch.
    minutes : how many minutes lie between two checkpoints, at the least; None for none by time.
    keep : how many of the last ones are kept, beside that with the lowest loss and that of the start.

    >>> run = tg.Run.create("kept")
    >>> history = tg.fit(model, train, batch_size=64, epochs=2, progress=False,
    ...                  callbacks=[tg.train.Checkpoint(run, steps=5, keep=2)])
    >>> run.checkpoints.steps()
    [0, 43, 46]
    """

    def __init__(
        self, run: Run, *, every: Whole = 1, steps: Whole | None = None, minutes: Number | None = None,
        keep: Whole = KEEP,
    ) -> None:  # fmt: skip
        if not isinstance(run, Run):
            raise TypeError(f"Checkpoint: run is {describe(run)}; it must be a tg.Run, such as tg.Run.create(folder).")
        self.run, self.every, self.keep = run, whole("Checkpoint", "every", every), whole("Checkpoint", "keep", keep)
        self.steps = None if steps is None else whole("Checkpoint", "steps", steps)
        self.minutes = None if minutes is None else number("Checkpoint", "minutes", minutes, 0)
        self.others = Callbacks([])  # whose states are kept too; `fit` says which
        self._step, self._time = 0, 0.0  # of the last checkpoint

    def restore(self, training: Training) -> None:
        """Bring a training, with its callbacks, to where the run's last checkpoint was taken, if there is one."""
        here = training.world
        if (state := here.same(None if here.rank else self.run.load_state())) is not None:
            training.load_state_dict(state)
            self.others.load_state_dict(states_of(state))

    def write(self, training: Training) -> None:
        """Write a checkpoint now."""
        state = {**training.state_dict(), "callbacks": self.others.state_dict()}
        self.run.save(state, training.history, keep=self.keep)
        self._step, self._time = training.step, monotonic()

    def on_start(self, training: Training) -> None:
        """Write the first one of a new run, from which every step can be replayed."""
        self._step, self._time = training.step, monotonic()
        if not training.resumed:
            self.write(training)

    def on_step(self, training: Training) -> None:
        """Write one if it is time, but for the epoch's last batch, after which `on_epoch` decides."""
        if (self.steps or self.minutes) and training.batch != training.batches and self._due(training):
            self.write(training)

    def on_epoch(self, training: Training) -> None:
        """Write one if it is time, unless training ends here."""
        ends = training.settle() or training.epoch >= training.epochs
        if not ends and (training.epoch % self.every == 0 or self._due(training)):
            self.write(training)

    def _due(self, training: Training) -> bool:
        """Whether steps or minutes ask for one; never between the batches of one update."""
        if not training.moved:
            return False
        if self.steps is not None and training.step - self._step >= self.steps:
            return True
        if self.minutes is None:
            return False
        return bool(training.world.same(monotonic() - self._time >= 60 * self.minutes))  # by the clock of one rank

    def on_end(self, training: Training) -> None:
        """Write the last one; after an error the one before remains."""
        if training.error is None:
            self.write(training)
