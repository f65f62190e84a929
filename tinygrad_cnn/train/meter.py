"""The loss and the metrics over many batches: of an epoch as it is trained, or of a data set as it is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..autodiff.means import with_divisor
from ..autodiff.world import World
from .given import called, number_of
from .metrics import Metric, counting
from .structure import arrays, joined


class Meter:
    """Sums from which means follow: of the loss, of metrics by batch, and the counts of metrics that have counts.

    Parameters
    ----------
    metrics : by name.
    whole : keep outputs and targets for the metrics without counts, so that these are of the whole set; otherwise such
        a metric is the mean of what it is of each batch.
    """

    def __init__(self, metrics: Mapping[str, Metric], *, whole: bool = False) -> None:
        self.metrics, self.whole = metrics, whole
        self._counting = {name: counting(metric) for name, metric in metrics.items()}
        self._keeps = whole and not all(self._counting.values())
        self._given: list[tuple[Any, ...]] = []
        self.sums: dict[str, Any] = {"loss": 0.0, **{name: self._nothing(name) for name in metrics}}
        self.counts = dict.fromkeys(("loss", *metrics), 0.0)  # what the means divide by

    def add(self, loss: float, weight: float, outputs: Any, targets: Any, examples: int) -> None:
        """Take in a batch: its loss, what that divided by, what the model gave and what was wanted."""
        self.sums["loss"] += loss * weight
        self.counts["loss"] += weight
        if not self.metrics:
            return
        outputs, targets = arrays(outputs), arrays(targets)
        given = (outputs,) if targets is None else (outputs, targets)
        for name in self.metrics:
            how = self._counting[name]
            if how is not None:
                total, before = np.asarray(how[0](*given)), self.sums[name]
                self.sums[name] = total if before is None else np.asarray(before + total)
            elif not self.whole:
                found, count = with_divisor(self._called(name), *given, otherwise=examples)
                self.sums[name] += number_of(f"metrics: {name!r}", found) * count
                self.counts[name] += count
        if self._keeps:
            self._given.append(given)

    def _called(self, name: str) -> Metric:
        return partial(called, "metrics", f"{name!r} is called with (outputs, targets)", self.metrics[name])

    def of_all(self, world: World) -> Meter:
        """Return a meter of what all ranks have taken in."""
        if world.size == 1:
            return self
        total = Meter(self.metrics, whole=self.whole)
        for sums, counts, given in world.all_gather((self.sums, self.counts, self._given)):  # in the order of ranks
            for name, value in sums.items():
                before = total.sums[name]
                total.sums[name] = value if before is None else before if value is None else before + value
                total.counts[name] += counts[name]
            total._given += given
        return total

    def values(self) -> dict[str, float]:
        """The loss and each metric of what was taken in so far."""
        return {"loss": self.sums["loss"] / (self.counts["loss"] or 1.0), **self._metrics()}

    def _metrics(self) -> dict[str, float]:
        given = [joined(parts) for parts in zip(*self._given, strict=True)]
        found = {}
        for name in self.metrics:
            how = self._counting[name]
            if how is not None:
                found[name] = 0.0 if self.sums[name] is None else float(how[1](self.sums[name]))
            elif self.whole:
                found[name] = number_of(f"metrics: {name!r}", self._called(name)(*given))
            else:
                found[name] = self.sums[name] / (self.counts[name] or 1.0)
        return found

    def load(self, sums: Mapping[str, Any], counts: Mapping[str, float]) -> None:
        """Go on from the `sums` and `counts` of another time."""
        for name in self.sums:
            value = sums.get(name, self._nothing(name))
            if self._counting.get(name) is not None and isinstance(value, float):  # of before metrics had counts
                value = np.round([value, counts[name]]).astype(np.int64) if counts.get(name) else None
            self.sums[name], self.counts[name] = value, counts.get(name, 0.0)

    def _nothing(self, name: str) -> float | None:
        """The sum of no batches: None for counts, whose shape is not known yet."""
        return 0.0 if self._counting.get(name) is None else None
