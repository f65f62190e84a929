"""Who looks on while `fit` trains, or takes part: the protocol of callbacks, and the list of those of one training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..core.errors import describe, nearest
from ..optim import EMA
from .given import refusal
from .training import Training

METHODS = ("on_start", "on_step", "on_epoch", "on_end")


class Callback:
    """What `fit(callbacks=[...])` calls; an object needs only the methods that it has a use for, and no base class.

    Each is called with one `tg.train.Training`, which says where the training stands; what it returns is ignored.

    - ``on_start`` once, before the first batch, when a run that goes on has been read already;
    - ``on_step`` after each batch;
    - ``on_epoch`` after each epoch and its validation, when its row is in the history;
    - ``on_end`` once, when training is over, in the reverse order of the callbacks, also if an error ended it.

    One that keeps a state on which its later answers depend has ``state_dict`` and ``load_state_dict`` too: `fit` keeps
    the state in the run's checkpoint, so that a run that goes on does so with the same bits.  It is a structure of
    dicts, lists, arrays and plain values.

    A plain function in the place of an object is called after each epoch.

    >>> class Slowest(tg.train.Callback):
    ...     seconds = 0.0
    ...     def on_epoch(self, training):
    ...         self.seconds = max(self.seconds, training.row["seconds"])
    >>> slowest, losses = Slowest(), []
    >>> history = tg.fit(model, train, epochs=1, progress=False,
    ...                  callbacks=[slowest, lambda training: losses.append(training.loss)])
    >>> slowest.seconds == history["seconds"][0], len(losses)
    (True, 1)
    """

    def on_start(self, training: Training) -> None:
        """Take part from here on."""

    def on_step(self, training: Training) -> None:
        """Look on after a batch."""

    def on_epoch(self, training: Training) -> None:
        """Look on after an epoch."""

    def on_end(self, training: Training) -> None:
        """Finish."""


class _Function:
    """A plain function as a callback."""

    def __init__(self, function: Callable[[Training], Any]) -> None:
        self.on_epoch = function


class Callbacks:
    """The callbacks of one training, in order."""

    def __init__(self, given: Any) -> None:
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise TypeError(f"fit: callbacks is {describe(given)}; it must be a list of callbacks.")
        self.given = [_checked(one) for one in given]
        self._started: list[Any] = []
        self._methods = {name: [*_methods(self.given, name)] for name in METHODS}

    def on_start(self, training: Training) -> None:
        self._started = []
        for one in self.given:
            for method in _methods([one], "on_start"):
                method(training)
            self._started.append(one)

    def each_step(self) -> list[Callable[[Training], Any]]:
        """What is called after each batch of an epoch."""
        return self._methods["on_step"]

    def on_epoch(self, training: Training) -> None:
        for method in self._methods["on_epoch"]:
            method(training)

    def on_end(self, training: Training) -> None:
        """End those that were started, last first, and all of them, whatever one raises."""
        try:
            while self._started:
                for method in _methods([self._started.pop()], "on_end"):
                    method(training)
        finally:
            if self._started:
                self.on_end(training)

    def _stateful(self) -> dict[str, Any]:
        """Those that keep a state, by the name of their class, with a number behind it from the second one on."""
        found: dict[str, Any] = {}
        for one in self.given:
            if hasattr(one, "state_dict") and hasattr(one, "load_state_dict"):
                name, k = type(one).__name__, 2
                while name in found:
                    name, k = f"{type(one).__name__} {k}", k + 1
                found[name] = one
        return found

    def state_dict(self) -> dict[str, Any]:
        """The states of all that keep one."""
        return {name: one.state_dict() for name, one in self._stateful().items()}

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """Give each its state of another time; a new one begins, and the state of one that is gone is dropped.

        Raises
        ------
        ValueError : averages of weights are on one side only; then the run would not be the same training.
        """
        mine = self._stateful()
        if ("AverageWeights" in mine) != ("AverageWeights" in states):
            raise ValueError(
                "fit: the checkpoint and this call disagree on whether there is an ema: "
                "callbacks=[train.AverageWeights(...)]."
            )
        for name, one in mine.items():
            if name in states:
                one.load_state_dict(states[name])


def states_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the states of callbacks that a checkpoint keeps, also one of before there were callbacks.

    >>> from tinygrad_cnn.train.callbacks import states_of
    >>> states_of({"ema": None, "best": {"value": 0.5, "epoch": 3, "weights": {"w": 1.0}}})
    {'EarlyStop': {'value': 0.5, 'epoch': 3, 'weights': {'w': 1.0}}}
    """
    if "callbacks" in checkpoint:
        return dict(checkpoint["callbacks"])
    states = {"AverageWeights": checkpoint.get("ema"), "EarlyStop": checkpoint.get("best")}
    if not (states["EarlyStop"] or {}).get("weights"):
        del states["EarlyStop"]
    return {name: state for name, state in states.items() if state is not None}


def _methods(objects: Iterable[Any], name: str) -> Iterator[Callable[[Training], Any]]:
    for one in objects:
        if hasattr(one, name) and getattr(type(one), name, None) is not getattr(Callback, name):
            yield getattr(one, name)


def _checked(one: Any) -> Any:
    """A callback, with a plain function wrapped; whatever is none is refused with what may be meant."""
    if isinstance(one, EMA):
        raise TypeError("fit: callbacks holds an EMA; pass train.AverageWeights(ema), which moves it.")
    if isinstance(one, type):
        raise TypeError(f"fit: callbacks holds the class {one.__name__}; pass an object of it: {one.__name__}(...).")
    if isinstance(one, Callback) or any(hasattr(one, name) for name in METHODS):
        return one
    if not callable(one):
        alike = [name for name in dir(one) if name.startswith("on_")]
        hint = f" It has {', '.join(alike)}." + nearest(alike[0], METHODS) if alike else ""
        raise TypeError(
            f"fit: callbacks holds {describe(one)}, which is not a function and has none of {', '.join(METHODS)}.{hint}"
        )
    if takes := refusal(one, (None,)):
        raise TypeError(f"fit: a function in callbacks is called with one Training after each epoch, but {takes}.")
    return _Function(one)
