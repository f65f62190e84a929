"""A learning rate that follows a metric instead of a count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..autodiff.effects import effect
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.errors import describe
from .optimizer import Optimizer
from .schedule import Schedule

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(Schedule):
    """Multiply by `factor` when ``step(metric)`` has brought nothing better for more than `patience` steps.

    Parameters
    ----------
    mode : "min" if small metrics are good, as of a loss; "max" if large ones are.
    threshold : better means better by this share of the best.
    cooldown : steps after a reduction during which none are counted.
    min_lr : the rate never falls below.

    Examples
    --------
    >>> sgd = optim.SGD(model.parameters(), lr=1.0)
    >>> schedule = optim.ReduceLROnPlateau(sgd, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> schedule.lrs
    [0.1]
    """

    samples = ({"patience": 0}, {"mode": "max", "patience": 1, "cooldown": 1, "min_lr": 0.01})

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        *,
        factor: Number = 0.1,
        patience: Whole = 10,
        threshold: Number = 1e-4,
        cooldown: Whole = 0,
        min_lr: Number = 0.0,
    ) -> None:
        who = "ReduceLROnPlateau"
        if mode not in ("min", "max"):
            raise ValueError(f'{who}: mode={mode!r} must be "min" or "max".')
        self.mode = mode
        self.shrink = number(who, "factor", factor, 0, 1)
        self.patience, self.cooldown = whole(who, "patience", patience, 0), whole(who, "cooldown", cooldown, 0)
        self.threshold, self.min_lr = number(who, "threshold", threshold, 0), number(who, "min_lr", min_lr, 0)
        self.best: float | None = None
        self.bad = self.cooling = 0
        super().__init__(optimizer)

    def settings(self) -> dict[str, Any]:
        return {"factor": self.shrink, **super().settings()}

    def _set(self) -> None:
        pass  # rates follow from metrics, not from the count

    def _better(self, metric: float) -> bool:
        if self.best is None:
            return True
        margin = self.threshold * self.best if self.mode == "max" else -self.threshold * self.best
        return metric > self.best + margin if self.mode == "max" else metric < self.best + margin

    @effect
    def step(self, metric: Any = None) -> None:
        """Count one step that ended with `metric`, a finite number."""
        try:
            value = float(metric)
        except (TypeError, ValueError):
            raise TypeError(f"ReduceLROnPlateau.step: needs the metric, a number, got {metric!r}.") from None
        if not math.isfinite(value):
            raise ValueError(f"ReduceLROnPlateau.step: metric={value} is not finite; the training has diverged.")
        self.t += 1
        if self._better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.shrink, min(self.min_lr, group["lr"]))
            self.bad, self.cooling = 0, self.cooldown

    def state_dict(self) -> dict[str, Any]:
        """Count, best metric and waiting times; the rates are in the optimiser's own state_dict."""
        best = {} if self.best is None else {"best": self.best}
        return {"t": self.t, "bad": self.bad, "cooling": self.cooling, **best}

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        if not isinstance(values, Mapping):
            raise TypeError(f"{self.who}.load_state_dict: needs what state_dict() returned, got {describe(values)}.")
        if values.keys() - {"best"} != {"t", "bad", "cooling"}:
            got = ", ".join(values) or "nothing"
            raise ValueError(f"{self.who}.load_state_dict: needs t, bad, cooling; got {got}.")
        self.t, self.bad, self.cooling = (int(values[name]) for name in ("t", "bad", "cooling"))
        self.best = float(values["best"]) if "best" in values else None
