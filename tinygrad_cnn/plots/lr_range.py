"""Which step size?  A learning-rate range test (Smith 2017): train with ever larger steps and watch the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.numbers import number, whole
from ..core import enable_grad
from ..core.errors import describe
from ..core.tensor import plain
from ..data import DataLoader
from ..insight.sanity import preserved
from ..optim import LBFGS, Adam, Optimizer
from . import figures
from .probe import check_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LRFinder", "lr_finder"]

PAST, WORSE = 0.9, 4.0  # weight of the past in the average that ends the test, when it is so many times its best
WIDTH = 0.03  # of the smoothing, as a share of the steps
FLAT = 1e-6  # of the loss: a smaller fall may be rounding, since losses in float32 and their smoothing are rounded


@dataclass(frozen=True)
class LRFinder:
    """What `lr_finder` found.

    Attributes
    ----------
    lrs : (K,) step sizes tried, each by a constant factor larger.
    losses : (K,) of the batch before the step, as they were; the last may be not finite.
    smoothed : (K,) the same without the noise of batches: a Gaussian mean over neighbours on both sides, which does not
        lag behind.  NaN where the loss is not finite.
    suggestion : the step size at which the smoothed loss falls fastest, before it is lowest and before a batch shows a
        loss clearly above the first ones; None if it never fell.
    """

    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None

    def figure(self, *, ax: Axes | None = None) -> Figure:
        """Loss over step size, with the suggestion marked."""
        fig, place = figures.one_axis(ax, 6, 3.4)
        figures.plain_axes(place)
        figures.headline(fig, ax, "Learning-rate range test")
        place.set_xscale("log")
        shown = [np.where(np.isfinite(v), v, np.nan) for v in (self.losses, self.smoothed)]
        place.plot(self.lrs, shown[0], ".", color=figures.SKY, ms=4, label="loss of a batch")
        place.plot(self.lrs, shown[1], "-", color=figures.BLUE, lw=2, label="smoothed")
        if self.suggestion is not None:
            k = int(np.argmin(np.abs(np.log(self.lrs / self.suggestion))))
            place.axvline(self.suggestion, color=figures.VERMILION, lw=1, ls="--")
            place.plot(self.suggestion, shown[1][k], "o", color=figures.VERMILION, ms=8,
                       label=f"falls fastest: {self.suggestion:.2g}")  # fmt: skip
        else:
            place.plot([], [], " ", label="the loss never fell")
        kept = shown[1][np.isfinite(shown[1])]
        if kept.size:
            low, start = float(min(kept.min(), np.nanmin(shown[0]))), float(kept[0])
            place.set_ylim(low - 0.05 * (abs(start) or 1), max(start * 1.6, low + 2 * abs(start - low), low + 1e-12))
        place.set_xlim(self.lrs[0], self.lrs[-1] if len(self.lrs) > 1 else self.lrs[0] * 10)
        place.set_xlabel("step size (lr)", fontsize=9)
        place.set_ylabel("loss", fontsize=9)
        place.legend(frameon=False, fontsize=9)
        return fig

    def __repr__(self) -> str:
        said = "none" if self.suggestion is None else f"{self.suggestion:.3g}"
        return f"<LRFinder: {len(self.lrs)} steps from {self.lrs[0]:.3g} to {self.lrs[-1]:.3g}, suggestion {said}>"

    def _repr_png_(self) -> bytes:
        return self.figure()._repr_png_()  # type: ignore[attr-defined]


@named
def lr_finder(
    model: Any, data: Any, *, optimizer: Any = None, loss: Callable[[Any, Any], Any] | None = None,
    low: float = 1e-6, high: float = 10.0, steps: int = 100, batch_size: int = 64, seed: int = 0,
) -> LRFinder:  # fmt: skip
    """Train for some steps with a step size that grows from `low` to `high`, and say where the loss falls fastest.

    The test ends early when the average loss is four times its best, or a loss is not finite.  After it model,
    optimiser, loader and random generators are as before, also if something raises.

    Parameters
    ----------
    data : a Dataset of (inputs, labels), shuffled with `seed` into batches of `batch_size`; or a DataLoader, as it is.
        It is gone through as often as it takes.
    optimizer : of `tg.optim`, whose groups keep the ratios of their step sizes; default `Adam`.
    loss : function of (outputs, labels) that gives a mean; default `tg.softmax_cross_entropy`.

    Raises
    ------
    ValueError, TypeError : bad settings.  FloatingPointError : the loss is not finite before any step.
    """
    who = "lr_finder"
    model = check_model(who, model)
    low, high = number(who, "low", low, above=0), number(who, "high", high, above=0)
    steps = whole(who, "steps", steps, 5)
    if not low < high:
        raise ValueError(f"{who}: needs low < high, got low={low!r} and high={high!r}.")
    optimizer = Adam(model.parameters(), lr=low) if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, LBFGS):
        raise TypeError(f"{who}: needs an optimiser of tg.optim other than LBFGS, got {describe(optimizer)}.")
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size, shuffle=True, seed=seed)
    lrs = np.geomspace(low, high, steps)
    where, state = loader.state_dict(), optimizer.state_dict()
    try:
        with preserved(model), enable_grad(), np.errstate(all="ignore"):
            if not model.training:
                model.train()
            losses = _climb(model, _endless(loader), optimizer, loss or ops.softmax_cross_entropy, lrs)
    finally:
        optimizer.load_state_dict(state)
        loader.load_state_dict(where)
    lrs, smoothed = lrs[: len(losses)], _smooth(losses, WIDTH * steps)
    return LRFinder(lrs, losses, smoothed, _suggestion(lrs, losses, smoothed))


def _endless(loader: DataLoader) -> Iterator[Any]:
    while True:
        yield from loader


def _climb(
    model: Any, batches: Iterator[Any], optimizer: Optimizer, loss: Callable[[Any, Any], Any], lrs: np.ndarray
) -> np.ndarray:
    """Losses, one for each step size, until they get much worse."""
    first = float(optimizer.param_groups[0]["lr"]) or 1.0
    ratios = [float(group["lr"]) / first for group in optimizer.param_groups]
    losses: list[float] = []
    average, best = 0.0, math.inf
    for k, lr in enumerate(lrs):
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = float(lr) * ratio
        x, y = next(batches)
        value = loss(model(x), y)
        losses.append(float(plain(value)))
        if not math.isfinite(losses[-1]):
            if k == 0:
                raise FloatingPointError(f"lr_finder: the loss is {losses[0]} before any step. Look for inputs or "
                                         "weights that are not finite.")  # fmt: skip
            break
        average = PAST * average + (1 - PAST) * losses[-1]
        recent = average / (1 - PAST ** (k + 1))
        best = min(best, recent)
        if recent > losses[0] and recent > WORSE * best:
            break
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return np.array(losses)


def _smooth(values: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian mean of so many places' standard deviation over the finite values."""
    kept, k = np.isfinite(values), np.arange(len(values))
    weights = np.exp(-0.5 * ((k[:, None] - k) / max(width, 1e-9)) ** 2) * kept
    mean: np.ndarray = weights @ np.where(kept, values, 0.0) / np.maximum(weights.sum(axis=1), 1e-300)
    return np.where(kept, mean, np.nan)


def _suggestion(lrs: np.ndarray, losses: np.ndarray, smoothed: np.ndarray) -> float | None:
    """Where the smoothed loss falls most for the same factor in lr."""
    early = losses[: max(3, len(losses) // 10)]
    limit = early.mean() + max(0.2 * abs(early.mean()), 4 * early.std())
    too_high = np.flatnonzero(~(losses <= limit))
    end = int(too_high[0]) if too_high.size else len(losses)
    if end < 2:
        return None
    best = int(np.argmin(smoothed[:end]))
    if best < 1 or np.ptp(smoothed[: best + 1]) <= FLAT * np.abs(smoothed[: best + 1]).max():
        return None
    slope = np.gradient(smoothed[: best + 1], np.log(lrs[: best + 1]))
    k = int(np.argmin(slope))
    return float(lrs[k]) if slope[k] < 0 else None
