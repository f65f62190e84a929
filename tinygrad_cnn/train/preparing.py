"""A training made ready from what `fit` is given; `fit` carries it out, and a replay goes through it again."""

from __future__ import annotations

from typing import Any

from ..autodiff.numbers import whole
from ..autodiff.world import ALONE
from ..data import DataLoader
from .meter import Meter
from .names import loss_of, metrics_of, optimizer_of, schedule_of
from .run_folder import Run
from .source import batches_of
from .step import Step, check_compile
from .training import Training, length_of


def prepared(
    who: str, model: Any, data: Any, *, epochs: Any = 10, batch_size: Any = 64, loss: Any = None, metrics: Any = None,
    optimizer: Any = "adam", lr: Any = None, schedule: Any = None, accumulate: Any = 1, seed: Any = None,
    run: Run | None = None, compile: Any = False,
) -> tuple[Training, Step]:  # fmt: skip
    """Return where a training stands before its first step, and what it does with a batch; arguments as for `fit`."""
    epochs, batch_size, accumulate = (
        whole(who, name, value)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("accumulate", accumulate))
    )
    check_compile(compile, accumulate)
    moving = optimizer_of(who, model, optimizer, lr)
    together = getattr(moving, "world", ALONE).size > 1
    if compile and together and any(getattr(module, "sync", False) for module in model.modules()):
        raise ValueError("fit: compile=True cannot record the exchanges of batch norm with sync=True. Leave out one.")
    source = batches_of(who, data, batch_size, shuffle=True, seed=seed, epochs=epochs, shard=together)
    _check_shares(source, together)
    batches = length_of(source)
    steps = None if batches is None else epochs * -(-batches // accumulate)
    schedule = schedule_of(who, schedule, moving, steps)
    wanted = loss_of(who, loss)
    meter = Meter(metrics_of(who, metrics, wanted))
    training = Training(model, moving, schedule, source, meter, epochs, accumulate, run)
    return training, Step(training, wanted, compile)


def _check_shares(source: Any, together: bool) -> None:
    """Refuse a loader that gives each rank a share for an optimiser by which each rank would train alone."""
    if not together and isinstance(source, DataLoader) and source.ranks > 1:
        raise ValueError(
            f"fit: the loader gives each of {source.ranks} ranks its share, but the optimizer moves this rank alone. "
            "Pass the optimizer that tg.distributed.parallel returns, or make the loader with shard=False."
        )
