"""Signs that a training goes wrong: parameters without a gradient, and a loss that runs away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from ..autodiff.outside import warn
from ..core.tensor import Tensor
from .callbacks import Callback
from .training import Training

UPDATES = 4  # in which a parameter must have a gradient once: behind a factor 0 it has none in the first
AT_START = 5  # batches whose median loss is the start
TIMES, BATCHES = 4.0, 100  # a loss so many times the start for so many batches in a row runs away
NAMED = 6  # parameters in a message


class Gradients(Callback):
    """Warns of parameters that had no gradient in any of the first updates, and of weights that had only zeros.

    Not named are frozen parameters, and zeros of parameters with one axis: the bias in front of a relu may have them.
    """

    def __init__(self) -> None:
        self._left = UPDATES
        self._none: dict[str, Tensor] = {}
        self._zero: dict[str, Tensor] = {}
        self._looked = 0  # the updates after which it looked

    def on_start(self, training: Training) -> None:
        """Suspect all of them."""
        self._none = {path: p for path, p in training.model.named_parameters() if p.requires_grad}
        self._zero = {path: p for path, p in self._none.items() if p.ndim > 1 and p.size}
        self._looked = training.step

    def on_step(self, training: Training) -> None:
        """Strike out those that have a gradient."""
        if not self._left or training.step == self._looked:
            return
        self._left, self._looked = self._left - 1, training.step
        self._none = {path: p for path, p in self._none.items() if p.grad is None}
        self._zero = {
            path: p for path, p in self._zero.items() if p.grad is not None and training.loss and not p.grad.any()
        }
        if not self._left:
            self._warn(training)

    def on_end(self, training: Training) -> None:
        """Warn now if training was shorter than that."""
        if 0 < self._left < UPDATES and training.error is None:
            self._warn(training)
        self._left = 0

    def _warn(self, training: Training) -> None:
        for found, what, why in (
            (self._none, "no gradient", "The loss does not depend on them; freeze them if that is meant."),
            (self._zero, "only zeros as gradient", "A relu behind them is 0 everywhere, or their inputs are all 0."),
        ):
            paths = [path for path, parameter in found.items() if parameter.requires_grad]
            if paths:
                more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
                warn(
                    f"fit: {what} in the first {UPDATES - self._left} updates: {', '.join(paths[:NAMED])}{more}. {why}",
                )


class Divergence(Callback):
    """Warns once of a loss that stays far above its start."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._bound = math.inf  # above which a loss counts
        self._above = 0  # batches in a row

    def on_step(self, training: Training) -> None:
        """Count the batches whose loss is far above the start."""
        if len(self._first) < AT_START:
            self._first.append(training.loss)
            self._set_bound()
        elif training.loss <= self._bound:
            self._above = 0
            return
        else:
            self._above += 1
        if self._above == BATCHES:
            start, self._bound = self._bound / TIMES, math.inf  # said once
            warn(
                f"fit: the loss has been above {TIMES:g} times its start ({start:.3g}) for {BATCHES} batches; it is "
                f"{training.loss:.3g} at step {training.step}, so the training diverges. Try a tenth of the lr "
                f"({training.lr:g}), a warm-up (optim.WarmupLR), or optim.clip_grad_norm.",
            )

    def _set_bound(self) -> None:
        start = median(self._first)
        if len(self._first) == AT_START and start > 0:
            self._bound = TIMES * start

    def state_dict(self) -> dict[str, Any]:
        """The first losses, and for how many batches the loss has been far above them."""
        return {"first": list(self._first), "above": self._above}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self._first, self._above = list(state["first"]), state["above"]
        if self._first:
            self._set_bound()
