"""A step of a run, computed again with the same bits, so that it can be looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from .. import optim
from ..autodiff.numbers import whole
from ..core import Tensor
from ..data.batches import inputs_and_targets
from ..optim import ReduceLROnPlateau
from . import recipes
from .alarms import gradient_shares, losses_by_sample
from .callbacks import Callback, Callbacks
from .flight import checksum, generators_of, norm_of
from .loop import one_epoch
from .preparing import prepared
from .recorder import order_of, part_of
from .run_folder import Run, RunError
from .settings import RULES
from .state import generator_states, restore_default, restore_generators
from .step import Step, examples_in, forward
from .training import Training


class Replay:
    """A step of a run as it was before its update; `Run.replay` makes one.

    Each `run` computes it anew from the same weights and generators, so any observer can look on::

        replay = tg.Run.open("runs/mine").replay(812)
        with tg.profile() as profile:
            replay.run()
        tg.draw(replay.loss, show=["values", "grads"]).render("step.html")

    Attributes
    ----------
    step, epoch : the numbers of the update and of its epoch, from 1.
    model : with the weights before the update.
    batch : (inputs, targets) of the step; of the last of its batches, if several were accumulated.
    samples : the numbers of the batch's samples in the data set; None if the data do not number them.
    outputs, loss : what the model gave and what the loss is, with their graph.
    record : what was recorded of the step, an element of `train.flight.STEP`; None if there is nothing.
    differs : the first step on the way whose loss had other bits, or which had other samples, than recorded; or None.
    """

    def __init__(self, training: Training, step: Step, record: Any, differs: int | None) -> None:
        self.training, self.record, self.differs = training, record, differs
        self.model, self.epoch, self.step = training.model, training.epoch, training.step + 1
        self._step = step
        source = training.source
        source.load_state_dict(source.state_dict())  # so that the next loop goes on in mid-epoch
        self.batches = [*islice(iter(source), training.accumulate)]
        if not self.batches:
            raise RunError(f"replay: the data have no batch for step {self.step}.")
        number = training.batch + len(self.batches)
        self._order = order_of(source, self.epoch)
        self.samples = part_of(self._order, source, number)
        self._before = (self.model.state_dict(), generator_states(self.model), training.state_dict()["rng"])
        self.batch: tuple[Any, Any] = (None, None)
        self.outputs: Any = None
        self.loss: Any = None
        self.forward()
        if record is not None and differs is None and not (self._same_loss() and self._same_samples()):
            self.differs = self.step

    def forward(self) -> Any:
        """Compute the loss of the step, with its graph; of the last of its batches."""
        self._restore()
        for batch in self.batches:
            self._one(batch)
        return self.loss

    def run(self) -> Any:
        """Compute the step's loss and its gradients, which are in the parameters then; return the loss."""
        self._restore()
        self.training.optimizer.zero_grad()
        for batch in self.batches:
            self._one(batch).backward()
        return self.loss

    @property
    def same(self) -> bool | None:
        """Whether loss and all losses on the way have the recorded bits; None if nothing was recorded."""
        return None if self.record is None else self.differs is None

    def losses(self) -> np.ndarray | None:
        """The loss of each sample of the batch by itself (N,); None where the loss is not of that kind."""
        return losses_by_sample(self._step.loss, self.outputs, self.batch[1])

    def shares(self) -> dict[str, float]:
        """Each module's share of the squared gradient of the last `run`, by path."""
        return gradient_shares(self.model)

    def norm(self) -> float:
        """The norm of the gradients of the last `run`."""
        return norm_of(self.model.parameters())

    def generators(self) -> int:
        """The checksum of the states of all generators, as it is recorded after a step."""
        return generators_of(self.model.generators())

    def _one(self, batch: Any) -> Any:
        inputs, targets = inputs_and_targets(batch)
        examples = examples_in(inputs, targets)
        with np.errstate(all="ignore"):  # a bad step is what one wants to see
            outputs, loss, _, _ = forward("replay", self.model, self._step, inputs, targets, examples)
        self.batch, self.outputs, self.loss = (inputs, targets), outputs, loss
        return loss

    def _restore(self) -> None:
        weights, generators, default = self._before
        self.model.load_state_dict(weights)
        restore_generators(self.model, generators)
        restore_default(default)

    def _same_loss(self) -> bool:
        value = float(self.loss.item() if isinstance(self.loss, Tensor) else self.loss)
        recorded = float(self.record["loss"])
        return value == recorded or (math.isnan(value) and math.isnan(recorded))

    def _same_samples(self) -> bool:
        return self._order is None or not self.record["samples"] or checksum(self._order) == self.record["samples"]

    def __repr__(self) -> str:
        words = {True: "the same bits", False: f"other bits from step {self.differs} on", None: "nothing to compare"}
        return f"<Replay of step {self.step} (epoch {self.epoch}): {words[self.same]}>"


class _Until(Callback):
    """Stops before a step, and compares each loss on the way with what was recorded."""

    def __init__(self, last: int, recorded: np.ndarray) -> None:
        self.last, self.recorded = last, recorded
        self.differs: int | None = None

    def on_step(self, training: Training) -> None:
        step = training.step
        if training.moved and self.differs is None and 0 < step <= len(self.recorded):
            record = self.recorded[step - 1]
            if record["epoch"] and record["loss"] != training.loss:
                self.differs = step
        if step >= self.last and training.moved:
            training.stop("replay")


def replay(run: Run, number: int, model: Any = None, data: Any = None, **settings: Any) -> Replay:
    """Return a step of a run; see `Run.replay`."""
    recorded = run.flight.read()
    _check(run, number, recorded)
    state = run.load_state(at_most=number - 1)
    if state is None:
        raise RunError(f"{run.path}: there is no checkpoint before step {number}, from which to start.")
    callbacks = settings.pop("callbacks", ())
    if model is None:
        model, settings = _of_settings(run, state, data, settings)
        data = settings.pop("data")
    settings.setdefault("epochs", state.get("epochs", 1))
    training, step = prepared("replay", model, data, **settings)
    training.load_state_dict(state)
    training.history.stopped = ""
    if not model.training:
        model.train()
    until = _Until(number - 1, recorded)
    looking = Callbacks([*callbacks, until])
    looking.on_start(training)
    _advance(training, step, looking, number - 1, _rows(run))
    return Replay(training, step, run.flight.at(number), until.differs)


def _check(run: Run, number: Any, recorded: np.ndarray) -> None:
    whole("replay", "step", number)
    newest = max(run.checkpoints.steps()[-1:], default=0)
    last = max(newest, len(recorded))
    if number > last + 1:
        raise RunError(f"{run.path} has {last} steps behind it; step {number} has not been taken.")


def _of_settings(
    run: Run, state: Mapping[str, Any], data: Any, settings: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The model and the arguments of `fit`, of a run of ``tinygrad-cnn train``."""
    if data is not None or settings:
        raise TypeError("replay: give the model too, and the other arguments that fit had; or none of them.")
    config = {**run.check(*RULES), "epochs": state.get("epochs", run.config.get("epochs"))}
    folder = config["data_dir"]
    samples, _ = recipes.load(config["data"], folder)
    model = run.model(trained=False)
    return model, recipes.arguments(config, optim.Adam(model.parameters(), config["lr"]), samples)


def _rows(run: Run) -> list[dict[str, float]]:
    """The rows of the epochs that are over, which say what the validation found."""
    newest = run.checkpoints.described()
    return [] if newest is None else newest["history"]["rows"]


def _advance(training: Training, step: Step, looking: Callbacks, last: int, rows: list[dict[str, float]]) -> None:
    """Train until `last` updates are done, with the rows that validation gave then."""
    training.begin_epoch()
    while training.step < last:
        if not one_epoch(training, step, looking):
            break
        over = len(training.history)
        row = dict(rows[over]) if over < len(rows) else training.so_far()
        training.end_epoch(row)
        if isinstance(training.schedule, ReduceLROnPlateau):
            training.schedule.step(row.get("val_loss", row["loss"]))
        looking.on_epoch(training)
        training.begin_epoch()
    training.history.stopped = ""
