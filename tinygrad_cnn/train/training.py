"""Where a training stands: what callbacks are given, and what a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.world import ALONE, World
from ..distributed.together import ParallelOptimizer
from ..nn import Module
from ..optim import EMA, Optimizer, Schedule
from .history import History, Row
from .meter import Meter
from .state import frozen_parts, restore_frozen, restore_rank, states_of_ranks
from .structure import arrays

if TYPE_CHECKING:
    from .run_folder import Run

NOTHING = (None, None, None)  # inputs, targets and outputs between two batches


class Training:
    """Where a training stands.  Every callback of `fit` is given it; read from it, and call `stop` to end the training.

    Attributes
    ----------
    model, optimizer, schedule : what is trained, and how; the schedule may be None.
    epochs : how many there will be in all.
    epoch : the number of the epoch, from 1: of the one under way, or of the one that has just ended.
    step : updates so far, in all epochs.
    batch, batches : batches of this epoch that are over, and how many it has; None if the data have no length.
    loss : the loss of the last batch, a number.
    inputs, targets, outputs : arrays of the last batch, or structures of them.  Only in `on_step`; else None.
    lr : the learning rate of the last update.
    history : the `History` of the epochs that are over.
    run : the `tg.Run` that keeps checkpoints, or None.
    average : a `tg.optim.EMA` whose weights validation goes by, or None.
    resumed, extended : whether this call goes on from a checkpoint, and with more epochs than were wished for then.
    error : the exception that ended training, seen in `on_end`; else None.
    world : the ranks that train together, see `tg.distributed`: its ``rank`` and ``size``.
    """

    def __init__(
        self, model: Module, optimizer: Optimizer, schedule: Schedule | None, source: Any, meter: Meter, epochs: int,
        accumulate: int = 1, run: Run | None = None,
    ) -> None:  # fmt: skip
        self.model, self.optimizer, self.schedule, self.source = model, optimizer, schedule, source
        self.epochs, self.accumulate, self.run = epochs, accumulate, run
        self.average: EMA | None = None
        self.history = History()
        self.meter = meter
        self.epoch, self.step, self.batch, self.examples, self.seconds = 1, 0, 0, 0, 0.0
        self.batches = length_of(source)
        self.loss = float("nan")
        self.moved = False  # whether the last batch ended with an update
        self.given: tuple[Any, Any, Any] = NOTHING  # inputs, targets and outputs of the last batch
        self.lr = self.next_lr
        self.resumed = self.extended = False
        self.error: BaseException | None = None
        self.world: World = optimizer.world if isinstance(optimizer, ParallelOptimizer) else ALONE
        self._row: Row | None = None  # of the epoch that has just ended

    @property
    def inputs(self) -> Any:
        """What the model was given in the last batch."""
        return arrays(self.given[0])

    @property
    def targets(self) -> Any:
        """What was wanted of it."""
        return arrays(self.given[1])

    @property
    def outputs(self) -> Any:
        """What it gave."""
        return arrays(self.given[2])

    @property
    def next_lr(self) -> float:
        """The learning rate of the next update."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def row(self) -> Row:
        """The row of the history: of the epoch that has just ended, or of the one under way as it stands."""
        return self._row if self._row is not None else self.so_far()

    @property
    def share(self) -> float:
        """How much of the epoch is over, from 0 to 1; 0 in an epoch of unknown length."""
        return 1.0 if self._row is not None else self.batch / self.batches if self.batches else 0.0

    @property
    def stopped(self) -> str:
        """Why training ends; empty while it goes on."""
        return self.history.stopped

    def stop(self, reason: str) -> None:
        """End the training after the update under way (in `on_step`), or after this epoch (in `on_epoch`)."""
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"Training.stop: reason={reason!r} must say in words why training ends.")
        self.history.stopped = reason

    def interrupt(self, signal: str) -> None:
        """End the training after the update under way, because of a signal."""
        self.history.signal = signal
        self.stop("interrupted")

    def settle(self) -> str:
        """Return why training ends, empty while it goes on, after bringing all ranks to one answer and equal weights.

        A wish to stop that comes later, as by Ctrl-C, counts the next time.
        """
        ends = self.stopped
        if isinstance(self.optimizer, ParallelOptimizer):
            self.optimizer.settle()
            ends = self.history.stopped = next(filter(None, self.world.all_gather(ends)), "")
        return ends

    def weights(self) -> dict[str, np.ndarray]:
        """The weights that validation goes by, as a `state_dict`: copies of the model's own, or of its averages."""
        return self.model.state_dict() if self.average is None else self.average.weights()

    def applied(self) -> AbstractContextManager[Any]:
        """Return a context in which the model has those weights."""
        return nullcontext() if self.average is None else self.average.apply()

    def __repr__(self) -> str:
        return f"<Training: epoch {self.epoch} of {self.epochs}, {self.step} updates>"

    # -- from epoch to epoch ----------------------------------------------------------------------------------

    def so_far(self, *, whole: bool = False) -> Row:
        """The row of the epoch under way: averages over the examples that it has seen, on all ranks if `whole`."""
        meter = self.meter.of_all(self.world) if whole else self.meter
        return {
            "epoch": self.epoch, "step": self.step, "lr": self.lr, "seconds": self.seconds, **meter.values(),
        }  # fmt: skip

    def begin_epoch(self) -> None:
        """Start counting anew, unless an epoch was cut short and goes on."""
        if self._row is not None:
            self.meter = Meter(self.meter.metrics)
            self.epoch, self.batch, self.examples, self.seconds = len(self.history) + 1, 0, 0, 0.0
            self._row = None

    def end_epoch(self, row: Row) -> None:
        """Take the row of an epoch into the history."""
        self._row = row
        self.history.rows.append(row)

    # -- stopping and going on --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on."""
        over = self._row is not None
        meter = Meter(self.meter.metrics) if over else self.meter
        counted = (0, 0, 0.0) if over else (self.batch, self.examples, self.seconds)
        return {
            "model": self.model.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "loader": self.source.state_dict(),
            **states_of_ranks(self.model, self.optimizer, self.world), "frozen": frozen_parts(self.model),
            "epoch": len(self.history), "epochs": self.epochs, "step": self.step, "last_lr": self.lr,
            "sums": dict(zip(("batches", "examples", "seconds"), counted, strict=True)) | meter.sums,
            "counts": dict(meter.counts),
            "history": self.history.to_json(), "accumulate": self.accumulate,
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where `state_dict` was taken, also by a version in which metrics had no counts."""
        if (state["schedule"] is None) != (self.schedule is None):
            raise ValueError("fit: the checkpoint and this call disagree on whether there is a schedule.")
        if (was := state.get("accumulate", 1)) != self.accumulate:
            raise ValueError(f"fit: the checkpoint is of accumulate={was}, this call has accumulate={self.accumulate}.")
        self.model.load_state_dict(state["model"])
        restore_rank(self.model, self.optimizer, state, self.world)
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.source.load_state_dict(state["loader"])
        restore_frozen(self.model, state.get("frozen"))
        self.step, self.lr, self.history = state["step"], state["last_lr"], History(**state["history"])
        sums = state["sums"]
        self.batch, self.examples, self.seconds = sums["batches"], sums["examples"], sums["seconds"]
        counts = state.get("counts") or dict.fromkeys(self.meter.counts, sums["examples"])  # as it was before
        self.meter.load(sums, counts)
        self.epoch = state["epoch"] + 1
        self.resumed = True
        self.extended = self.epochs > state.get("epochs", self.epochs)  # older ones do not say
        if self.history.stopped != "early stop" or self.extended:
            self.history.stopped = ""  # what ended it then was a wish of then


def length_of(source: Any) -> int | None:
    """How many batches an epoch has; None if that is not known."""
    try:
        return len(source)
    except TypeError:
        return None
