"""What may be given by name: losses, metrics, optimisers and schedules.  The names follow from what is exported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from .. import ops, optim
from ..autodiff.outside import warn
from ..core.errors import describe, nearest
from ..nn import Module
from ..optim import LBFGS, Optimizer, Schedule
from . import metrics as shipped
from .given import called, check_trains
from .metrics import Metric

SHORTER = {"bce": "binary_cross_entropy_with_logits", "cross_entropy": "softmax_cross_entropy", "mae": "l1_loss"}
TAKEN = ("epoch", "step", "lr", "seconds", "loss", "share")  # columns of the history


@cache
def loss_names() -> dict[str, Callable[..., Any]]:
    """Losses by name: those of the ops, also without "_loss", and the short names that people use."""
    found = {name: getattr(ops, name) for name in ops.__all__ if _takes_two(getattr(ops, name))}
    shorter = {name.removesuffix("_loss"): loss for name, loss in found.items()}
    return {**{name: found[long] for name, long in SHORTER.items()}, **shorter, **found}


def _takes_two(fn: Any) -> bool:
    """Whether it is a loss of outputs and targets, without further inputs."""
    if not callable(fn) or "reduction" not in (parameters := inspect.signature(fn).parameters):
        return False
    return sum(p.default is p.empty for p in parameters.values()) == 2


@cache
def metric_names() -> dict[str, Metric]:
    """The metrics of `tg.train` by name."""
    found = {name: getattr(shipped, name) for name in shipped.__all__}
    return {name: metric for name, metric in found.items() if shipped.counting(metric) is not None}


@cache
def optimizer_names() -> dict[str, type[Optimizer]]:
    """The optimisers of `tg.optim` by the name of their class in small letters."""
    return {kind.__name__.lower(): kind for kind in _classes(Optimizer) if kind is not LBFGS}


@cache
def schedule_names() -> dict[str, type[Schedule]]:
    """The schedules that an optimiser and the number of updates are enough for, by their names without "LR"."""
    found = {}
    for kind in _classes(Schedule):
        name = kind.__name__.removesuffix("LR").removeprefix("ReduceLROn").lower()
        if all(p.default is not p.empty or n == "steps" for n, p in _settings(kind).items()) and name != "warmup":
            found[name] = kind
    return found


def _classes(base: type) -> list[Any]:
    return [c for c in vars(optim).values() if isinstance(c, type) and issubclass(c, base) and c is not base]


@cache
def _settings(kind: Any) -> dict[str, inspect.Parameter]:
    """What a class is made with, after its first argument."""
    return dict([*inspect.signature(kind).parameters.items()][1:])


def _known(who: str, what: str, name: str, table: Mapping[str, Any], more: str = "") -> Any:
    key = name if name in table else name.lower().replace("-", "_")
    if key not in table:
        first: dict[int, str] = {}  # of several names for one thing
        for known_name, value in table.items():
            first.setdefault(id(value), known_name)
        known = f"Known are {', '.join(first.values())}.{more}"
        raise ValueError(f"{who}: {what}={name!r} is not known.{nearest(name, table)} {known}")
    return table[key]


def loss_of(who: str, loss: Any) -> Any:
    """Return the loss that a name, a class, a layer or a function stands for; None stays None.

    Raises
    ------
    ValueError, TypeError : there is none of this name, or it is nothing to call.
    """
    if isinstance(loss, str):
        return _known(who, "loss", loss, loss_names())
    if isinstance(loss, type) and issubclass(loss, Module):
        return loss()
    if loss is not None and not callable(loss):
        raise TypeError(f"{who}: loss is {describe(loss)}; it must be a name, such as 'mse', or a function.")
    return loss


def metrics_of(who: str, metrics: Any, loss: Any) -> dict[str, Metric]:
    """Return metrics by name: of a dict, or of one or several names and functions; None stands for the loss's usual.

    Raises
    ------
    ValueError, TypeError : a metric is not known, has no name, or the name of another column.
    """
    if metrics is None:
        metrics = {"accuracy": shipped.accuracy} if loss is None or loss is ops.softmax_cross_entropy else {}
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if isinstance(metrics, Mapping):
        pairs: Iterable[tuple[str, Any]] = metrics.items()
    elif isinstance(metrics, Iterable):
        pairs = [(_name_of(who, metric), metric) for metric in metrics]
    else:
        raise TypeError(f"{who}: metrics is {describe(metrics)}; it must be names or functions, or a dict of them.")
    found: dict[str, Metric] = {}
    for name, metric in pairs:
        if name in TAKEN or name.startswith("val_"):
            raise ValueError(f"metrics: the name {name!r} is taken by a column of the history; choose another.")
        if name in found:
            raise ValueError(f"{who}: there are two metrics {name!r}. Name them in a dict: metrics={{name: function}}.")
        found[name] = _known(who, "metrics", metric, metric_names()) if isinstance(metric, str) else metric
        if not callable(found[name]):
            raise TypeError(f"{who}: the metric {name!r} is {describe(metric)}; it must be a function or a name.")
    return found


def _name_of(who: str, metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    name = getattr(metric.func if isinstance(metric, partial) else metric, "__name__", type(metric).__name__)
    if name == "<lambda>":
        raise ValueError(f"{who}: a metric that is a lambda has no name. Give it one: metrics={{name: function}}.")
    return str(name)


def optimizer_of(who: str, model: Module, optimizer: Any, lr: Any) -> Optimizer:
    """Return the optimiser that a name, a class, or a function of parameters and `lr` makes; an object is itself.

    Raises
    ------
    ValueError, TypeError : it is not known, is not an optimiser, or needs an `lr`.
    """
    optimizer = "adam" if optimizer is None else optimizer
    if isinstance(optimizer, str):
        if optimizer.lower() == "lbfgs":
            optimizer = LBFGS
        else:
            optimizer = _known(who, "optimizer", optimizer, optimizer_names())
    if isinstance(optimizer, LBFGS) or optimizer is LBFGS:
        raise TypeError(
            f"{who}: LBFGS asks for the loss several times an update; write a loop around its step(closure)."
        )
    if not isinstance(optimizer, Optimizer) and callable(optimizer):
        a_class = isinstance(optimizer, type)
        if a_class and not issubclass(optimizer, Optimizer):
            raise TypeError(f"{who}: optimizer is the class {optimizer.__name__}; {_REMEDY}")
        if a_class and lr is None and _settings(optimizer)["lr"].default is inspect.Parameter.empty:
            raise TypeError(f"{who}: {optimizer.__name__} has no usual learning rate. Give one, such as lr=0.1.")
        check_trains(who, model)
        optimizer = optimizer(model.parameters(), **({} if lr is None else {"lr": lr}))
        lr = None
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{who}: optimizer is {describe(optimizer)}; {_REMEDY}")
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    own = [id(p) for p in model.parameters()]
    if own and moved.isdisjoint(own):
        warn(
            f"{who}: the {optimizer.who} holds none of the model's parameters, so the model stays as it is. Make it "
            "of this model, after the model was made: model.parameters()."
        )
    if lr is not None:
        warn(f"{who}: lr={lr} is ignored, since the {optimizer.who} that was given has its own.")
    return optimizer


_REMEDY = 'it must be an optimiser. Pass optim.Adam(model.parameters(), lr=...), or a name, optimizer="adam", lr=....'


def schedule_of(who: str, schedule: Any, optimizer: Optimizer, steps: int | None) -> Schedule | None:
    """Return the schedule that a name, a class or a function of (optimizer, steps) makes; an object is itself.

    `steps` is the number of updates in all, None if that is not known.

    Raises
    ------
    ValueError, TypeError : it is not known, is not a schedule, or needs a number of steps or settings of its own.
    """
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, str):
        more = " Others have settings: pass a function of (optimizer, steps) that makes one."
        schedule = _known(who, "schedule", schedule, schedule_names(), more)
    if not callable(schedule):
        raise TypeError(f"{who}: schedule is {describe(schedule)}; it must be a schedule, a name, or a function.")
    if schedule in schedule_names().values() and "steps" not in _settings(schedule):
        made = schedule(optimizer)
    elif steps is None:
        raise ValueError(
            f"{who}: the data have no length, so the number of updates that the schedule is made for is not known. "
            "Pass a schedule that is made, such as optim.CosineLR(optimizer, steps)."
        )
    else:
        made = called(who, "schedule is called with (optimizer, steps)", schedule, optimizer, steps)
    if not isinstance(made, Schedule):
        raise TypeError(f"{who}: schedule returned {describe(made)}; it must return a schedule of tg.optim.")
    return made


def no_loss(*given: Any) -> float:
    """Stand for a loss where none is known and none is needed."""
    return 0.0


def usual_loss(who: str, outputs: Any, targets: Any, *, needed: bool = True) -> Callable[..., Any]:
    """Return the loss for outputs and targets where only one comes into question: that of classes.

    For others it is `no_loss`, unless one is needed.

    Raises
    ------
    TypeError : a loss is needed, and the targets are not classes; the message says which loss may be meant.
    """
    if _are_classes(np.shape(outputs), targets):
        return ops.softmax_cross_entropy  # which says so if the shapes do not fit
    if not needed:
        return no_loss
    shape, wanted = np.shape(outputs), np.shape(targets) if hasattr(targets, "dtype") else None
    if targets is None:
        raise TypeError(f"{who}: the data have no targets, so the loss must be given: loss=function of the outputs.")
    hint = 'loss="bce" for yes and no, ' if wanted is not None and targets.dtype.kind in "biu" else ""
    more = " Class indices are whole numbers: astype(np.int64)." if wanted == shape[:-1] and shape[-1:] != (1,) else ""
    raise TypeError(
        f"{who}: outputs of shape {shape} and targets {describe(targets)} are not classes, so the loss must be given: "
        f'{hint}loss="mse" or "mae" for numbers and images, or a function of (outputs, targets).{more}'
    )


def _are_classes(shape: tuple[int, ...], targets: Any) -> bool:
    """Whether targets are classes for outputs of this shape: whole numbers, or rows of probabilities, as of mixup."""
    if not hasattr(targets, "dtype") or len(shape) < 2 or shape[-1] < 2:
        return False
    if targets.dtype.kind != "f" or np.shape(targets) != shape:
        return bool(targets.dtype.kind in "iu")
    rows = np.asarray(targets)
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=-1), 1, atol=1e-4))
