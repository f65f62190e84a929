"""The training loop: use it, or write your own around `optimizer.step()`; nothing else here depends on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import whole
from ..autodiff.outside import one_site
from ..autodiff.world import ALONE
from ..data import DataLoader
from ..nn import Module
from ..optim import Optimizer, ReduceLROnPlateau, Schedule
from .callbacks import Callbacks
from .evaluation import Loss, Metrics, evaluate
from .former import former_callbacks
from .given import model_and_data
from .history import History
from .interrupt import Interrupt
from .meter import Meter
from .names import loss_of, metrics_of, optimizer_of, schedule_of
from .progress import Progress
from .run_folder import Run
from .shipped import Checkpoint
from .signs import Divergence, Gradients
from .source import Data, batches_of
from .step import Step, check_compile
from .training import NOTHING, Training, length_of


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
    The `History`; its `.stopped` says why training ended.  The first Ctrl-C ends it after the update under way,
    with a checkpoint; the second one at once.

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
    epochs, batch_size, accumulate = (
        whole("fit", name, value)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("accumulate", accumulate))
    )
    check_compile(compile, accumulate)
    moving = optimizer_of("fit", model, optimizer, lr)
    together = getattr(moving, "world", ALONE).size > 1
    source = batches_of("fit", data, batch_size, shuffle=True, seed=seed, epochs=epochs, shard=together)
    _check_ranks(model, source, together, compile)
    batches = length_of(source)
    steps = None if batches is None else epochs * -(-batches // accumulate)
    schedule = schedule_of("fit", schedule, moving, steps)
    wanted = loss_of("fit", loss)
    meter = Meter(metrics_of("fit", metrics, wanted))
    looking, keeper = _looking_on(callbacks, run, progress)
    kept = None if keeper is None else keeper.run
    training = Training(model, moving, schedule, source, meter, epochs, accumulate, kept)
    if keeper is not None:
        keeper.restore(training)
    held_out = None if validation is None else batches_of(
        "fit", validation, min(256, 4 * batch_size), seed=0, epochs=epochs, name="validation", shard=together
    )  # fmt: skip
    return _train(training, Step(training, wanted, compile), looking, held_out)


def _train(training: Training, step: Step, callbacks: Callbacks, validation: Any) -> History:
    """Go on until all epochs are over, a callback stops, or Ctrl-C."""
    if not training.model.training:  # else as it is: a layer in eval mode may be frozen on purpose
        training.model.train()
    try:
        with Interrupt(lambda: training.stop("interrupted")):
            callbacks.on_start(training)
            ends = training.settle()
            while len(training.history) < training.epochs and not ends:
                training.begin_epoch()
                whole_epoch = _epoch(training, step, callbacks)
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


def _looking_on(callbacks: Sequence[Any], run: Run | None, progress: bool) -> tuple[Callbacks, Checkpoint | None]:
    """All callbacks of a training, in the order in which they are called, and the first that keeps checkpoints."""
    given = Callbacks(callbacks)
    keepers = [one for one in given.given if isinstance(one, Checkpoint)]
    if run is not None and not keepers:
        keepers = [Checkpoint(run)]
    others = [one for one in given.given if one not in keepers]
    looking = Callbacks([*[Progress()] * bool(progress), *others, Gradients(), Divergence(), *keepers])
    for keeper in keepers:
        keeper.others = looking
    return looking, next(iter(keepers), None)


def _check_ranks(model: Module, source: Any, together: bool, compile: bool) -> None:
    """Refuse what several ranks cannot do: train alone on a share of the samples, replay what they exchange."""
    if compile and together and any(getattr(module, "sync", False) for module in model.modules()):
        raise ValueError("fit: compile=True cannot record the exchanges of batch norm with sync=True. Leave out one.")
    if not together and isinstance(source, DataLoader) and source.ranks > 1:
        raise ValueError(
            f"fit: the loader gives each of {source.ranks} ranks its share, but the optimizer moves this rank alone. "
            "Pass the optimizer that tg.distributed.parallel returns, or make the loader with shard=False."
        )


def _epoch(training: Training, step: Step, callbacks: Callbacks) -> bool:
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
