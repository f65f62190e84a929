"""The training loop: use it, or write your own around `optimizer.step()`; nothing else here depends on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.means import with_divisor
from ..autodiff.numbers import whole
from ..autodiff.randomness import get_rng_state
from ..core.errors import describe
from ..core.tensor import plain
from ..data import DataLoader
from ..data.dataset import Samples
from ..nn import Module
from ..optim import EMA, LBFGS, Adam, Optimizer, ReduceLROnPlateau, Schedule
from ..optim.clip import scale_grad
from .evaluation import Metric, defaults, evaluate
from .history import History, Row
from .interrupt import Interrupt
from .progress import Progress
from .run_folder import Run
from .state import frozen_parts, generator_states, restore_default, restore_frozen, restore_generators


@named
def fit(
    model: Module,
    data: Samples | DataLoader,
    *,
    validation: Samples | DataLoader | None = None,
    epochs: Whole = 10,
    batch_size: Whole = 64,
    lr: Number = 1e-3,
    optimizer: Optimizer | None = None,
    schedule: Schedule | Callable[[Any, int], Schedule] | None = None,
    loss: Callable[[Any, Any], Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    seed: Whole | None = None,
    accumulate: Whole = 1,
    ema: EMA | None = None,
    early_stop: Whole | None = None,
    on_epoch: Callable[[Row], Any] | None = None,
    on_step: Callable[[Row], Any] | None = None,
    progress: bool = True,
    run: Run | None = None,
) -> History:
    """Train a model on a data set; the model is changed in place.

    Parameters
    ----------
    data : a Dataset of (inputs, labels), shuffled with `seed` (as in `DataLoader`) into batches of `batch_size`; or a
        DataLoader, as it is.
    validation : a Dataset or DataLoader that is evaluated after each epoch.
    epochs : how often to go through the data, in all (a resumed run counts those it has behind it).
    lr, optimizer : the step size of an Adam made here; or an optimiser of `tg.optim`, which has its own.
    schedule : one of `tg.optim`'s schedules of this optimiser, or a function that makes one from
        ``(optimizer, steps)``, updates in all; it moves on after each update (`ReduceLROnPlateau`: after each epoch).
    loss : function of (outputs, labels) that gives a mean; default `tg.softmax_cross_entropy`.
    metrics : functions of (outputs, labels) by name; default accuracy, for the default loss.
    accumulate : batches per update, whose gradients are averaged over all their examples (by class weights and without
        ignored labels, as the loss does), so that the update is that of one batch as large as all of them; the rest at
        the end of an epoch makes a smaller one.  Layers that look at a whole batch (`BatchNorm2d`) still see the small
        ones.
    ema : a `tg.optim.EMA` of this model, moved after each update; `validation` and `early_stop` go by its averages.
        The model ends with its own weights all the same (take ``ema.weights()``), unless `early_stop` kept the best.
    early_stop : stop after so many epochs without a lower loss (on `validation` if given), and keep the best weights.
    on_epoch : called after each epoch with its row of numbers; what it returns is ignored, except False: stop.
    on_step : called after each batch with the epoch's row as it stands, and in it ``share``, how much of the epoch is
        over (0 to 1); what it returns is ignored.
    progress : a bar on a terminal (if tqdm is installed), a line an epoch elsewhere; False for silence.
    run : a `tg.Run` that keeps a checkpoint after each epoch; if it holds one already, training goes on from there.

    A model in eval mode is put into train mode.  Of a model in train mode every layer keeps its mode, so a
    `BatchNorm2d` in eval mode keeps its statistics.  Parts that `Module.freeze` froze stay as they are.

    Returns
    -------
    The `History`; its `.stopped` says why training ended.  The first Ctrl-C ends it after the update under way,
    with a checkpoint; the second one at once.

    Raises
    ------
    FloatingPointError : the loss is not finite; the message names the step and the step size.
    TypeError, ValueError : a setting is not a whole number, or is below 1.

    Examples
    --------
    >>> adam = optim.Adam(model.parameters(), lr=3e-3)
    >>> history = tg.fit(model, train, optimizer=adam, epochs=1)
    epoch 1/1: loss ..., accuracy ... (... s)
    >>> history.names
    ['epoch', 'step', 'lr', 'seconds', 'loss', 'accuracy']
    >>> bool(history["loss"][-1] < np.log(10))  # where one starts
    True
    """
    epochs, batch_size, accumulate = (
        whole("fit", name, value)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("accumulate", accumulate))
    )
    if early_stop is not None:
        early_stop = whole("fit", "early_stop", early_stop, remedy="None trains for all epochs.")
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size=batch_size, shuffle=True, seed=seed)
    optimizer = Adam(model.parameters(), lr=lr) if optimizer is None else _checked(optimizer)
    if schedule is not None and not isinstance(schedule, Schedule):
        schedule = schedule(optimizer, epochs * -(-len(loader) // accumulate))
    loss, metrics = defaults(loss, metrics)
    trainer = Trainer(model, loader, optimizer, schedule, loss, metrics, validation, early_stop, run, accumulate, ema)
    return trainer.train(epochs, on_epoch, progress, on_step)


def _checked(optimizer: Any) -> Any:
    if isinstance(optimizer, LBFGS):
        raise TypeError("fit: LBFGS asks for the loss several times an update; write a loop around its step(closure).")
    if not isinstance(optimizer, Optimizer):
        a_class = isinstance(optimizer, type)
        what = f"the class {optimizer.__name__}" if a_class else describe(optimizer)
        name = optimizer.__name__ if a_class and issubclass(optimizer, Optimizer) else "optim.Adam"
        raise TypeError(f"fit: optimizer is {what}; it must be an optimiser. Pass {name}(model.parameters(), lr=...).")
    return optimizer


class Trainer:
    """The pieces of one training, and where it stands."""

    def __init__(
        self, model: Any, loader: Any, optimizer: Any, schedule: Any, loss: Any, metrics: dict[str, Metric],
        validation: Any, early_stop: int | None, run: Any, accumulate: int = 1, ema: Any = None,
    ) -> None:  # fmt: skip
        self.model, self.loader, self.optimizer, self.schedule = model, loader, optimizer, schedule
        self.loss, self.metrics, self.validation, self.run = loss, metrics, validation, run
        self.early_stop, self.accumulate, self.ema = early_stop, accumulate, ema
        if ema is not None and getattr(ema, "model", None) is not model:
            raise ValueError("fit: ema must be a tg.optim.EMA of the model that is trained.")
        self.pending, self.weight = 0, 0.0  # batches whose gradients wait for the update, and how much they count
        self.history = History()
        self.epoch = 0  # epochs that are over
        self.step = 0  # updates in all
        self.last_lr = self._lr()  # of the last update
        self.sums, self.counts = self._zero()  # of the epoch under way, and what its means divide by
        self.best: dict[str, Any] = {"value": math.inf, "epoch": 0, "weights": {}}

    def _zero(self) -> tuple[dict[str, float], dict[str, float]]:
        means = dict.fromkeys(("loss", *self.metrics), 0.0)
        return {"batches": 0, "examples": 0, "seconds": 0.0, **means}, dict(means)

    # -- the loop ---------------------------------------------------------------------------------------------

    def train(
        self, epochs: int, on_epoch: Callable[[Row], Any] | None, show: bool,
        on_step: Callable[[Row], Any] | None = None,
    ) -> History:  # fmt: skip
        """Go on until `epochs` are over, an early stop, or Ctrl-C."""
        if self.run is not None and (state := self.run.load_state()) is not None:
            self.load_state_dict(state)
            if self.history.stopped != "early stop":
                self.history.stopped = ""  # what ended it then was a wish of then
        if not self.model.training:  # else as it is: a layer in eval mode may be frozen on purpose
            self.model.train()
        bar = Progress(show, epochs, len(self.loader))
        with Interrupt() as interrupt:
            while self.epoch < epochs and not self.history.stopped:
                bar.start(self.epoch + 1, int(self.sums["batches"]))
                try:
                    over = self._epoch(bar, interrupt, on_step)
                finally:
                    bar.close()
                if not over:
                    break
                row = self._row()
                self.history.rows.append(row)
                self.epoch, (self.sums, self.counts) = self.epoch + 1, self._zero()
                bar.close(row)
                self._judge(row)
                if on_epoch is not None and on_epoch(row) is False:
                    self.history.stopped = "on_epoch"
                if interrupt.wished or self.history.stopped:
                    break
                if self.epoch < epochs:
                    self._save()
            self.history.stopped = self.history.stopped or ("interrupted" if self.epoch < epochs else "finished")
            self._save()
            self._keep_best()
        return self.history

    def _epoch(self, bar: Progress, interrupt: Interrupt, on_step: Callable[[Row], Any] | None) -> bool:
        """The rest of the epoch; False if Ctrl-C cut it short."""
        began = time.perf_counter()
        for x, y in self.loader:
            bar.step(self._batch(x, y))
            now = time.perf_counter()
            self.sums["seconds"], began = self.sums["seconds"] + now - began, now
            if on_step is not None:
                on_step({**self._so_far(), "share": self.sums["batches"] / len(self.loader)})
            if interrupt.wished and not self.pending and self.sums["batches"] < len(self.loader):
                return False
        return True

    def _batch(self, x: Any, y: Any) -> float:
        """Forward and backward of one batch, and the update if it is due; the loss."""
        outputs = self.model(x)
        loss, weight = with_divisor(self.loss, outputs, y, otherwise=len(x))
        value = float(plain(loss))
        if not math.isfinite(value):
            raise FloatingPointError(
                f"fit: the loss is {value} at step {self.step + 1} (epoch {self.epoch + 1}, lr {self._lr():g}). "
                "Use a smaller lr, or look for inputs that are not finite."
            )
        if not self.pending:
            self.optimizer.zero_grad()
        (loss if self.accumulate == 1 else loss * weight).backward()
        self.pending, self.weight = self.pending + 1, self.weight + weight
        self.sums["batches"] += 1
        self.sums["examples"] += len(x)
        self.sums["loss"] += value * weight
        self.counts["loss"] += weight
        out, labels = plain(outputs), plain(y)
        for name, metric in self.metrics.items():
            found, count = with_divisor(metric, out, labels, otherwise=len(x))
            self.sums[name] += float(found) * count
            self.counts[name] += count
        if self.sums["batches"] % self.accumulate == 0 or self.sums["batches"] == len(self.loader):
            self._update()
        return value

    def _update(self) -> None:
        if self.accumulate > 1:
            scale = 1 / self.weight if self.weight else 0.0  # none, if every label was ignored
            scale_grad((p for group in self.optimizer.param_groups for p in group["params"]), scale)
        self.last_lr, self.pending, self.weight = self._lr(), 0, 0.0
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update()
        if self.schedule is not None and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        self.step += 1

    def _lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    # -- the end of an epoch ----------------------------------------------------------------------------------

    def _so_far(self) -> Row:
        """The row of the epoch under way: averages over the examples that it has seen."""
        row: Row = {"epoch": self.epoch + 1, "step": self.step, "lr": self.last_lr, "seconds": self.sums["seconds"]}
        return row | {name: self.sums[name] / (self.counts[name] or 1) for name in ("loss", *self.metrics)}

    def _row(self) -> Row:
        row = self._so_far()
        if self.validation is not None:
            with nullcontext() if self.ema is None else self.ema.apply():
                found = evaluate(self.model, self.validation, loss=self.loss, metrics=self.metrics)
            row |= {f"val_{name}": value for name, value in found.items()}
        return row

    def _judge(self, row: Row) -> None:
        """Lower the step size where the schedule asks for it; stop when the best weights are too long ago."""
        value = row.get("val_loss", row["loss"])
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(value)
        if self.early_stop is None:
            return
        if value < self.best["value"]:
            weights = self.model.state_dict() if self.ema is None else self.ema.weights()
            self.best = {"value": value, "epoch": self.epoch, "weights": weights}
        elif self.epoch - self.best["epoch"] >= self.early_stop:
            self.history.stopped = "early stop"

    def _keep_best(self) -> None:
        """End with the best weights; the checkpoint, from which training may go on, has the last ones."""
        if self.best["weights"]:
            self.model.load_state_dict(self.best["weights"])
            self.history.best_epoch = self.best["epoch"]
            if self.run is not None:
                self.run.save_weights(self.best["weights"])

    # -- stopping and going on --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "loader": self.loader.state_dict(),
            "generators": generator_states(self.model), "rng": get_rng_state(), "frozen": frozen_parts(self.model),
            "epoch": self.epoch, "step": self.step, "last_lr": self.last_lr, "sums": self.sums, "counts": self.counts,
            "best": self.best,
            "history": self.history.to_json(), "accumulate": self.accumulate,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where `state_dict` was taken."""
        if (state["schedule"] is None) != (self.schedule is None):
            raise ValueError("fit: the checkpoint and this call disagree on whether there is a schedule.")
        if (state.get("ema") is None) != (self.ema is None):
            raise ValueError("fit: the checkpoint and this call disagree on whether there is an ema.")
        if (was := state.get("accumulate", 1)) != self.accumulate:
            raise ValueError(f"fit: the checkpoint is of accumulate={was}, this call has accumulate={self.accumulate}.")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        self.loader.load_state_dict(state["loader"])
        restore_generators(self.model, state["generators"])
        restore_default(state.get("rng"))
        restore_frozen(self.model, state.get("frozen"))
        self.epoch, self.step, self.last_lr = state["epoch"], state["step"], state["last_lr"]
        self.sums, self.best, self.history = state["sums"], state["best"], History(**state["history"])
        self.counts = state.get("counts") or dict.fromkeys(self.counts, self.sums["examples"])  # as it was before

    def _save(self) -> None:
        if self.run is not None:
            self.run.save(self.state_dict(), self.history)
