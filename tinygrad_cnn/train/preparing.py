"""A training made ready from what `fit` is given; `fit` carries it out, and a replay goes through it again."""

from __future__ import annotations

from typing import Any

from ..autodiff.numbers import whole
from .meter import Meter
from .names import loss_of, metrics_of, optimizer_of, schedule_of
from .run_folder import Run
from .source import batches_of
from .step import Step
from .training import Training, length_of


def prepared(
    who: str, model: Any, data: Any, *, epochs: Any = 10, batch_size: Any = 64, loss: Any = None, metrics: Any = None,
    optimizer: Any = "adam", lr: Any = None, schedule: Any = None, accumulate: Any = 1, seed: Any = None,
    run: Run | None = None,
) -> tuple[Training, Step]:  # fmt: skip
    """Return where a training stands before its first step, and what it does with a batch; arguments as for `fit`."""
    epochs, batch_size, accumulate = (
        whole(who, name, value)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("accumulate", accumulate))
    )
    source = batches_of(who, data, batch_size, shuffle=True, seed=seed, epochs=epochs)
    moving = optimizer_of(who, model, optimizer, lr)
    batches = length_of(source)
    steps = None if batches is None else epochs * -(-batches // accumulate)
    schedule = schedule_of(who, schedule, moving, steps)
    wanted = loss_of(who, loss)
    meter = Meter(metrics_of(who, metrics, wanted))
    training = Training(model, moving, schedule, source, meter, epochs, accumulate, run)
    return training, Step(training, wanted)
