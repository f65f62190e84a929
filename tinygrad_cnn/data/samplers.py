"""Which samples an epoch visits, and how often, where classes or samples should not count alike.

A sampler has a length and ``order(rng) -> sample numbers``; `DataLoader(sampler=...)` hands it a generator that depends
on the loader's seed and the epoch alone, so that runs can be repeated and resumed.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import whole


class Sampler:
    """Base of samplers.  Subclasses define `order`; `count` is the number of samples of an epoch."""

    count: int

    def __len__(self) -> int:
        return self.count

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """The sample numbers of one epoch, (count,) int64."""
        raise NotImplementedError(f"{type(self).__name__}: define order(rng), the sample numbers of an epoch.")

    def fingerprint(self) -> int:
        """A number that differs, nearly surely, between samplers that give other orders: for resumed runs."""
        return 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.count} samples an epoch>"


@named
class WeightedSampler(Sampler):
    """Draw samples with probabilities in proportion to `weights`.

    Parameters
    ----------
    weights : (N,), one per sample, at least 0; they need not add up to 1.
    count : samples in an epoch; None: N.
    replacement : False: no sample twice in an epoch; then at least `count` weights must be above 0.
    """

    def __init__(self, weights: Any, count: int | None = None, *, replacement: bool = True) -> None:
        values = np.array(weights, np.float64)
        if values.ndim != 1 or not values.size:
            raise ValueError(f"WeightedSampler: weights must be a row (N,), one per sample, got shape {values.shape}.")
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(f"WeightedSampler: weight {values[at]} of sample {at} must be finite and at least 0.")
        possible = int(np.count_nonzero(values))
        if not possible:
            raise ValueError("WeightedSampler: all weights are 0; there is nothing to draw.")
        self.count = _count("WeightedSampler", count, len(values))
        self.replacement = bool(replacement)
        if not self.replacement and self.count > possible:
            raise ValueError(
                f"WeightedSampler: count={self.count} without replacement, but only {possible} weights are above 0."
            )
        self.samples = len(values)
        self.probabilities = values / values.sum()

    def order(self, rng: np.random.Generator) -> np.ndarray:
        return rng.choice(self.samples, self.count, replace=self.replacement, p=self.probabilities)

    def fingerprint(self) -> int:
        return zlib.crc32(self.probabilities.tobytes(), self.replacement)


@named
class BalancedSampler(Sampler):
    """Every class equally often, up to one sample; within a class, too, every sample equally often, up to once.

    Small classes are repeated, each time in a new order, and large ones give a new choice each epoch.

    Parameters
    ----------
    labels : (N,) class indices, or a data set that has them as ``labels``.  Classes without samples are left out.
    count : samples in an epoch; None: N.

    Examples
    --------
    >>> labels = np.array([0] * 90 + [1] * 10)
    >>> pictures = data.ArrayDataset(np.zeros((100, 8, 8, 1), np.uint8), labels)
    >>> loader = data.DataLoader(pictures, 100, sampler=data.BalancedSampler(labels))
    >>> np.bincount(next(iter(loader))[1])
    array([50, 50])
    """

    def __init__(self, labels: Any, count: int | None = None) -> None:
        values = _class_indices(labels)
        self.count = _count("BalancedSampler", count, len(values))
        self.samples = len(values)
        self.members = [np.flatnonzero(values == label) for label in np.unique(values)]

    def order(self, rng: np.random.Generator) -> np.ndarray:
        classes = len(self.members)
        extra = rng.permutation(classes) < self.count % classes  # which classes give one sample more
        chosen = []
        for members, more in zip(self.members, extra, strict=True):
            wanted = self.count // classes + int(more)
            rounds = -(-wanted // len(members))
            chosen.append(np.concatenate([rng.permutation(members) for _ in range(rounds)] or [members[:0]])[:wanted])
        return rng.permutation(np.concatenate(chosen))

    def fingerprint(self) -> int:
        value = 0
        for members in self.members:
            value = zlib.crc32(members.tobytes(), value)
        return value


def _class_indices(labels: Any) -> np.ndarray:
    """Class indices (N,), or those of a data set."""
    if hasattr(labels, "labels") or not hasattr(labels, "batch"):
        given = getattr(labels, "labels", labels)
        values = np.asarray(given) if np.ndim(given) else np.zeros(())
        if values.ndim == 1 and values.size and values.dtype.kind in "iu":
            return values
        got = f"got {values.dtype} {values.shape}"
    else:
        got = f"but the targets of {labels!r} are others; pass an index for each sample to balance by"
    raise ValueError(f"BalancedSampler: labels must be class indices (N,), or of a data set with such labels, {got}.")


def _count(who: str, count: Any, default: int) -> int:
    return default if count is None else whole(who, "count", count, remedy="None visits as many as there are.")
