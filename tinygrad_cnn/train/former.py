"""Former keywords, which work for one release with a warning that names the new form."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..autodiff.outside import deprecated
from ..optim import EMA
from .callbacks import METHODS, Callback
from .shipped import AverageWeights, EarlyStop
from .training import Training

F = TypeVar("F", bound=Callable[..., Any])


def former(**renamed: str) -> Callable[[F], F]:
    """Take former names of keywords, given as ``old="new"``; a decorator."""

    def decorate(fn: F) -> F:
        @wraps(fn)
        def call(*args: Any, **given: Any) -> Any:
            for old in renamed.keys() & given.keys():
                deprecated(f"{fn.__name__}: {old}=", f"{renamed[old]}=")
                given[renamed[old]] = given.pop(old)
            return fn(*args, **given)

        return cast(F, call)

    return decorate


def former_callbacks(fn: F) -> F:
    """Take the keywords that `fit` had before there were callbacks; a decorator."""

    @wraps(fn)
    def call(*args: Any, **given: Any) -> Any:
        if not given.keys().isdisjoint(MADE):
            first = []
            for name, (make, form) in MADE.items():
                if (value := given.pop(name, None)) is not None:
                    deprecated(f"{fn.__name__}: {name}=", form)
                    first.append(make(value))
            given["callbacks"] = [*first, *given.get("callbacks", ())]
        return fn(*args, **given)

    return cast(F, call)


class OnEpoch(Callback):
    """Calls a function of before with the row of each epoch; False from it stops the training."""

    def __init__(self, function: Callable[[dict[str, float]], Any]) -> None:
        self.function = function

    def on_epoch(self, training: Training) -> None:
        """Call it."""
        if self.function(training.row) is False:
            training.stop("on_epoch")


class OnStep(Callback):
    """Calls a function of before with the row of the epoch as it stands, and ``share`` in it."""

    def __init__(self, function: Callable[[dict[str, float]], Any]) -> None:
        self.function = function

    def on_step(self, training: Training) -> None:
        """Call it."""
        self.function({**training.row, "share": training.share})


def _average(ema: Any) -> AverageWeights:
    if not isinstance(ema, EMA):
        raise ValueError("fit: ema must be a tg.optim.EMA of the model that is trained.")
    return AverageWeights(ema)


def _on_epoch(function: Any) -> Any:
    return function if any(hasattr(function, name) for name in METHODS) else OnEpoch(function)


# In the order in which they were called.
MADE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "ema": (_average, "callbacks=[train.AverageWeights(ema)]"),
    "early_stop": (EarlyStop, "callbacks=[train.EarlyStop(patience)]"),
    "on_step": (OnStep, "callbacks=[an object with a method on_step(training)]"),
    "on_epoch": (_on_epoch, "callbacks=[f], where f is a function of a tg.train.Training"),
}
