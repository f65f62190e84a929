"""`parallel`: the one line by which a script for one process becomes one for many."""

from __future__ import annotations

from typing import Any, TypeVar

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.errors import describe
from ..nn import Module
from ..optim import Optimizer
from .alike import draw_apart, start_alike
from .outer import Outer
from .reducing import BUCKET_BYTES, Reducer
from .starting import start
from .together import ParallelOptimizer

M = TypeVar("M", bound=Module)


@named
def parallel(
    model: M,
    optimizer: Optimizer,
    *,
    overlap: bool = False,
    bucket_bytes: Whole = BUCKET_BYTES,
    sync: bool = False,
    local_steps: Whole = 1,
    outer_lr: Number = 0.7,
    outer_momentum: Number = 0.9,
    stall_timeout: Number = 600.0,
    elastic: bool = False,
) -> tuple[M, ParallelOptimizer]:
    """Train a model on all processes that ``mpiexec`` started, each with its share of every batch.

    All ranks start from the model and the optimiser of rank 0.  From here on `backward` gives them the mean of their
    gradients, so that they move alike, and loaders give each rank its share of the samples.  Without ``mpiexec`` the
    script trains alone, as it would without this line.

    Parameters
    ----------
    model, optimizer : built alike on all ranks; the optimiser may hold a part of the model's parameters.
    overlap : exchange gradients in a thread while backward computes the others.  It pays where a core is free for it.
    bucket_bytes : about how many bytes of gradients make a message.
    sync : batch norm uses the mean and the variance of all ranks' batches, which must be of one size; otherwise each
        rank's own.  `tg.fit` averages running averages after each epoch, in a loop of your own `optimizer.settle()`.
    local_steps : above 1, ranks exchange nothing for so many updates, and then the mean of how far they went, by which
        an outer SGD with `outer_lr` and Nesterov's `outer_momentum` moves all of them (DiLoCo).
    stall_timeout : after how many seconds in which a rank waits for others the job is ended, with those that are
        silent named; 0 for never.  The first call in a process counts.
    elastic : go on without ranks that die; needs ``mpiexec --with-ft ulfm``.  The step under way is repeated by those
        that are left, numbered anew; the samples of the lost are missed for the rest of the epoch.

    Returns
    -------
    ``(model, optimizer)``: the same model, and a `ParallelOptimizer` around the optimiser.

    Raises
    ------
    ValueError : the ranks have built different models; elastic and overlap exclude each other.
    RuntimeError : the launcher belongs to another MPI library, so that every process is alone.

    Notes
    -----
    Dropout and other layers draw from streams that follow from the seed and the rank.  An error on one rank ends the
    job.  Every rank must call `backward` equally often.  Gradients of `tg.grad` are this rank's own.

    Examples
    --------
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> model, optimizer = tg.distributed.parallel(model, optimizer)
    >>> tg.distributed.rank(), tg.distributed.size()
    (0, 1)
    """
    if not isinstance(model, Module):
        raise TypeError(f"parallel: model is {describe(model)}; it must be an nn.Module.")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"parallel: optimizer is {describe(optimizer)}; it must be an optimiser of tg.optim.")
    if isinstance(optimizer, ParallelOptimizer):
        raise ValueError("parallel: the optimizer is parallel already. Call parallel once for each optimizer.")
    every = whole("parallel", "local_steps", local_steps)
    bucket_bytes = whole("parallel", "bucket_bytes", bucket_bytes)
    rates = number("parallel", "outer_lr", outer_lr, 0), number("parallel", "outer_momentum", outer_momentum, 0, 1)
    if elastic and overlap:
        raise ValueError(
            "parallel: elastic=True repeats a step when a rank is lost, which overlap=True cannot. Choose."
        )
    world = start(stall_timeout=stall_timeout, elastic=elastic)
    start_alike(model, optimizer, world)
    draw_apart(model, world)
    if sync:
        for module in model.modules():
            if hasattr(module, "sync"):
                module.sync = True

    def parameters() -> list[Any]:
        return [parameter for group in optimizer.param_groups for parameter in group["params"]]

    sharing = (
        Reducer(world, parameters, bucket_bytes=bucket_bytes, overlap=overlap) if every == 1
        else Outer(parameters, every, *rates)
    )  # fmt: skip
    return model, ParallelOptimizer(model, optimizer, world, sharing)
