"""The training loop: use it, or write your own around `optimizer.step()`; nothing else here depends on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import whole
from ..autodiff.outside import one_site
from ..data import DataLoader
from ..nn import Module
from ..optim import Optimizer, ReduceLROnPlateau, Schedule
from .callbacks import Callbacks
from .evaluation import Loss, Metrics, evaluate
from .former import former_callbacks
from .given import model_and_data
from .history import History
from .interrupt import Interrupt
from .preparing import prepared
from .progress import Progress
from .recorder import Recorder
from .run_folder import Run
from .shipped import Checkpoint
from .signs import Divergence, Gradients
from .source import Data, batches_of
from .step import Step
from .training import NOTHING, Training


@former_callbacks
@model_and_data
@named
def fit(
    model: Module,
    data: Data | DataLoader,
    *,
    validation: Data | DataLoader | None = None,
    epochs: Whole = 10, batch_size: Whole = 64,
    loss: Loss = None, metrics: Metrics = None,
    optimizer: str | Optimizer | Callable[..., Optimizer] | None = "adam", lr: Number | None = None,
    schedule: str | Schedule | Callable[..., Schedule] | None = None,
    accumulate: Whole = 1, seed: Whole | None = None, callbacks: Sequence[Any] = (),
    compile: bool = False, progress: bool = True,
    run: Run | None = None,
) -> History:  # fmt: skip
    """Train a model on data; the model is changed in place.

    Parameters
    ----------
    data : a data set (what has a length and samples by number), or arrays ``(x, y)``, shuffled with `seed` (as in
        `DataLoader`) into batches of `batch_size`; or a DataLoader, a list or other iterable of batches, or a function
        that returns one for each epoch (see `tg.data.Batches`), as they are.  A batch is ``(inputs, targets)``, or
        inputs alone.  The model is called with the inputs: by position if they are a tuple, by name if they are a dict.
        A list of pairs whose second entry is a plain number is a data set.
    validation : the same, evaluated after each epoch.
    epochs : how often to go through the data, in all.  A resumed run counts those that it has behind it, so that more
        of them than before extend it; a schedule that is made here is then made for the new length.
    loss : function of (outputs, targets), or of (outputs) if there are no targets, that gives a mean; or its name:
        "cross_entropy", "mse", "mae", "huber", "bce", ...  By default `tg.softmax_cross_entropy`, if the targets are
        classes; for others it must be given.
    metrics : names ("accuracy", "top5", "f1", "miou", "mae", "mse") or functions of (outputs, targets), one or several,
        or a dict of them by name; default accuracy, for the default loss.
    optimizer, lr : an optimiser of `tg.optim`; or its name or class, made with this learning rate or its own usual one.
    schedule : one of `tg.optim`'s schedules of this optimiser; or its name ("cosine", ...), or a function that makes
        one from ``(optimizer, steps)``, updates in all.  It moves on after each update (`ReduceLROnPlateau`: after each
        epoch).
    accumulate : batches per update, whose gradients are averaged over all their examples (by class weights and without
        ignored labels, as the loss does), so that the update is that of one batch as large as all of them; the rest at
        the end of an epoch makes a smaller one.  Layers that look at a whole batch (`BatchNorm2d`) still see the small
        ones.
    callbacks : objects or functions that look on or take part (see `tg.train.Callback`), such as
        `tg.train.EarlyStop`.
    compile : record forward and backward once and replay them, by `tg.compile`, with the same results; needs
        ``accumulate=1``.
    progress : a bar on a terminal (if tqdm is installed), a line an epoch elsewhere; False for silence.
    run : a `tg.Run` that keeps a checkpoint after each epoch; if it holds one already, training goes on from there.

    A model in eval mode is put into train mode.  Of a model in train mode every layer keeps its mode, so a
    `BatchNorm2d` in eval mode keeps its statistics.  Parts that `Module.freeze` froze stay as they are.

    Returns
    -------
    The `History`; its `.stopped` says why training ended.  The first Ctrl-C (or SIGTERM, SIGHUP) ends it after the
    update under way, with a checkpoint; the second one at once.

    Raises
    ------
    FloatingPointError : the loss is not finite; the message names the step and the step size.
    TypeError, ValueError : a setting is not what it can be; the message says what is known.
    MemoryError : a batch is too large; the message names the layer and a smaller batch.

    Warns
    -----
    UserWarning : parameters have no gradient, or the loss stays far above its start.

    Examples
    --------
    >>> history = tg.fit(model, train, lr=3e-3, epochs=1)
    epoch 1/1: loss ..., accuracy ... (... s)
    >>> history.names
    ['epoch', 'step', 'lr', 'seconds', 'loss', 'accuracy']
    >>> bool(history["loss"][-1] < np.log(10))  # where one starts
    True

    A regression, on arrays:

    >>> line = nn.Linear(1, 1, rng=0)
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    >>> history = tg.fit(line, (x, 3 * x + 1), loss="mse", optimizer="sgd", lr=0.2, epochs=50, progress=False)
    >>> np.allclose(line.weight.data, 3, atol=0.01), np.allclose(line.bias.data, 1, atol=0.01)
    (True, True)
    """
    given = Callbacks(callbacks)
    keepers = [one for one in given.given if isinstance(one, Checkpoint)]
    if run is not None and not keepers:
        keepers = [Checkpoint(run)]
    kept = keepers[0].run if keepers else None
    training, step = prepared(
        "fit", model, data, epochs=epochs, batch_size=batch_size, loss=loss, metrics=metrics, optimizer=optimizer,
        lr=lr, schedule=schedule, accumulate=accumulate, seed=seed, run=kept, compile=compile,
    )  # fmt: skip
    others = [one for one in given.given if one not in keepers]
    signs: list[Any] = [Gradients(), Divergence()]
    if kept is not None and not training.world.rank:
        step.recorder = Recorder(kept, step)
        signs.append(step.recorder)
    looking = Callbacks([*[Progress()] * bool(progress), *others, *signs, *keepers])
    for keeper in keepers:
        keeper.others = looking
    held_out = None if validation is None else batches_of(
        "fit", validation, min(256, 4 * whole("fit", "batch_size", batch_size)), seed=0, epochs=training.epochs,
        name="validation", shard=training.world.size > 1,
    )  # fmt: skip
    with ExitStack() as stack:
        for keeper in keepers:
            stack.enter_context(keeper.run.writing())
        if keepers:
            keepers[0].restore(training)
        return _train(training, step, looking, held_out)


def _train(training: Training, step: Step, callbacks: Callbacks, validation: Any) -> History:
    """Go on until all epochs are over, a callback stops, or Ctrl-C."""
    if not training.model.training:  # else as it is: a layer in eval mode may be frozen on purpose
        training.model.train()
    try:
        with Interrupt(training.interrupt):
            callbacks.on_start(training)
            ends = training.settle()
            while len(training.history) < training.epochs and not ends:
                training.begin_epoch()
                whole_epoch = one_epoch(training, step, callbacks)
                training.settle()
                if not whole_epoch:
                    break
                _validate(training, step, validation)
                callbacks.on_epoch(training)
                ends = training.settle()
        over = len(training.history) >= training.epochs
        if not training.stopped or (over and training.stopped == "interrupted"):
            training.stop("finished")
    except BaseException as error:
        training.error = error
        raise
    finally:
        callbacks.on_end(training)
    return training.history


def one_epoch(training: Training, step: Step, callbacks: Callbacks) -> bool:
    """The rest of the epoch; False if it was cut short."""
    looking = callbacks.each_step()
    began = perf_counter() - training.seconds
    with one_site():
        for batch in training.source:
            step(batch)
            training.seconds = perf_counter() - began
            for look in looking:
                look(training)
            training.given = NOTHING  # so that the next batch has their memory
            if step.stops and not step.pending and training.batch != training.batches:
                return False
    if step.pending:  # the data were shorter than they said, or did not say
        step.update()
    return True


def _validate(training: Training, step: Step, validation: Any) -> None:
    """Put the epoch's row into the history, and lower the learning rate where the schedule asks for it."""
    row = training.so_far(whole=True)
    if validation is not None:
        with training.applied():
            found = evaluate(training.model, validation, loss=step.loss, metrics=training.meter.metrics)
        row |= {f"val_{name}": value for name, value in found.items()}
    training.end_epoch(row)
    if isinstance(training.schedule, ReduceLROnPlateau):
        training.schedule.step(row.get("val_loss", row["loss"]))
