"""The exponential moving average of a model's weights, which often predicts better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.effects import effect
from ..autodiff.kinds import Number
from .settings import check

__all__ = ["EMA"]


@named
class EMA:
    """``average = decay * average + (1 - decay) * weights``, after each update of a model's parameters::

        ema = optim.EMA(model, 0.999)
        ...
        optimizer.step()
        ema.update()
        ...
        with ema.apply():
            evaluate(model, test)

    Buffers (the running statistics of batch norm) are taken as they are, not averaged: they are averages themselves.
    So are frozen parameters, which do not move.

    Parameters
    ----------
    model : a Module; the average starts at its weights.
    decay : at least 0 and below 1; about 1 / (1 - decay) updates count.
    warmup : use min(decay, (1 + t) / (10 + t)) in update t = 0, 1, ..., so that the start is soon forgotten.

    Attributes: ``updates``, the number so far.

    Examples
    --------
    >>> layer = nn.Linear(1, 1, rng=0)
    >>> weight = layer.weight.assign([[1.0]])
    >>> ema = optim.EMA(layer, decay=0.75)
    >>> weight = layer.weight.assign([[5.0]])
    >>> ema.update()
    >>> ema.weights()["weight"]  # 0.75 * 1 + 0.25 * 5
    array([[2.]], dtype=float32)
    """

    def __init__(self, model: Any, decay: Number = 0.999, *, warmup: bool = False) -> None:
        if not all(hasattr(model, name) for name in ("named_parameters", "state_dict", "load_state_dict")):
            raise TypeError(f"EMA: needs a Module, got {type(model).__name__}.")
        self.model = model
        self.decay, self.warmup = check("EMA", "decay", decay), check("EMA", "warmup", warmup)
        self.updates = 0
        self._applied = False
        self._average: dict[str, np.ndarray] = model.state_dict()

    @effect
    def update(self) -> None:
        """Take in the model's weights as they are now."""
        self._outside("update")
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay
        parameters = dict(self.model.named_parameters())
        for name, value in self.model.state_dict().items():  # copies
            average = self._average[name]
            if name in parameters and parameters[name].requires_grad:  # a frozen one would drift by rounding
                if decay:
                    np.multiply(average, decay, out=average)
                    np.multiply(value, 1 - decay, out=value)
                    average += value
                else:  # 0 times an infinite average would be NaN
                    average[...] = value
            else:
                self._average[name] = value
        self.updates += 1

    def weights(self) -> dict[str, np.ndarray]:
        """The averages, by path, as a model's `state_dict`: copies."""
        return {name: value.copy() for name, value in self._average.items()}

    @contextmanager
    def apply(self) -> Iterator[Any]:
        """Inside, the model has the averages as weights; after, its own again, also when an error leaves the block."""
        self._outside("apply")
        own = self.model.state_dict()
        self.model.load_state_dict(self._average)
        self._applied = True
        try:
            yield self.model
        finally:
            self._applied = False
            self.model.load_state_dict(own)

    def __copy__(self) -> Any:
        """An average of the same model that goes on by itself."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self), _average=self.weights())
        return other

    def _outside(self, what: str) -> None:
        if self._applied:
            raise RuntimeError(f"EMA: {what}() inside `with ema.apply()`, where the model holds the averages already.")

    def state_dict(self) -> dict[str, Any]:
        """A flat dict of arrays (copies) and plain numbers."""
        averages = {f"average.{name}": value for name, value in self.weights().items()}
        return {"decay": self.decay, "warmup": self.warmup, "updates": self.updates, **averages}

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, settings included; nothing is loaded unless all fits.

        Raises
        ------
        ValueError : it is of another model; the message names the first difference.
        """
        given = {key.removeprefix("average."): v for key, v in values.items() if key.startswith("average.")}
        if odd := sorted(given.keys() ^ self._average.keys()):
            raise ValueError(f"EMA.load_state_dict: the weights differ: {', '.join(odd[:5])} on one side only.")
        if missing := [name for name in ("decay", "warmup", "updates") if name not in values]:
            raise ValueError(f"EMA.load_state_dict: the state lacks {', '.join(missing)}.")
        for name, mine in self._average.items():
            if np.shape(given[name]) != mine.shape:
                raise ValueError(
                    f"EMA.load_state_dict: {name} has shape {np.shape(given[name])}, the model's {mine.shape}."
                )
        self.decay = check("EMA", "decay", values["decay"])
        self.warmup, self.updates = bool(values["warmup"]), int(values["updates"])
        self._average = {name: np.array(given[name], mine.dtype) for name, mine in self._average.items()}
