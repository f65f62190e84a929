"""The loss around a network's weights: a slice along one or two directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.numbers import is_whole, number, whole
from ..core import no_grad
from ..core.errors import describe
from ..core.tensor import plain
from ..insight.sanity import preserved
from ..ops.random import draw_from, generator
from . import figures
from .examples import batch, network, picture
from .probe import check_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LossSurface", "loss_landscape", "loss_surface", "random_direction"]

Direction = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class LossSurface:
    """Losses at weights + a * first direction (+ b * second).

    Attributes
    ----------
    a : (K,) steps along the first direction; the network itself is at 0.
    b : (L,) along the second, or None for a slice of one dimension.
    losses : (K,), or (L, K) with a row for each b; not finite where the loss was not.
    """

    a: np.ndarray
    b: np.ndarray | None
    losses: np.ndarray

    @property
    def lowest(self) -> tuple[float, ...]:
        """Where the smallest finite loss is: (a,) or (a, b); () if none is finite."""
        if not np.isfinite(self.losses).any():
            return ()
        k = int(np.argmin(np.where(np.isfinite(self.losses), self.losses, np.inf)))
        if self.b is None:
            return (float(self.a[k]),)
        return float(self.a[k % len(self.a)]), float(self.b[k // len(self.a)])


@named
def random_direction(model: Any, seed: int = 0) -> dict[str, np.ndarray]:
    """A random direction with the scale of each filter's own weights (Li et al. 2018), by parameter path.

    Each filter, (I,J,C) of a bank (I,J,C,O), and each column of a dense layer's weights is normal noise brought to
    the norm of these weights, so that one step means as much in every layer.  Parameters of one axis (biases, norms)
    stay where they are.
    """
    rng, direction = generator(seed, "random_direction"), {}
    for name, parameter in check_model("loss_landscape", model).named_parameters():
        w = parameter.data.astype(np.float64)
        if w.ndim < 2:
            direction[name] = np.zeros_like(w)
            continue
        d, axes = draw_from(rng, "standard_normal", w.shape), tuple(range(w.ndim - 1))
        size = np.sqrt((w * w).sum(axis=axes))
        direction[name] = d * (size / np.maximum(np.sqrt((d * d).sum(axis=axes)), 1e-30))
    return direction


@named
def loss_surface(
    model: Any, data: Any, *, loss: Any = None, directions: Sequence[Direction] | int = 2, span: float = 1.0,
    steps: int = 21, seed: int = 0, training: bool = False,
) -> LossSurface:  # fmt: skip
    """The loss on one batch, at weights moved along one or two directions.

    The model ends as it was, bit for bit, weights, running statistics, gradients and modes, also if the loss raises.

    Parameters
    ----------
    data : the batch, (inputs, labels); or a data set, all of whose samples are taken as one.
    loss : function of (outputs, labels) that gives a number; default `tg.softmax_cross_entropy`.
    directions : 1 or 2 random ones (`random_direction` with `seed` and ``seed + 1``); or one or two mappings from
        parameter paths to arrays of the parameters' shapes, for example the difference of two state dicts.  What a
        mapping does not name stays where it is.
    span, steps : so many points, an odd number, from -span to span, with 0 among them.
    training : whether layers behave as in training; batch norm then takes the batch's statistics.

    Raises
    ------
    ValueError, TypeError : bad settings, or directions that do not fit the parameters.
    """
    who = "loss_landscape"
    model = check_model(who, model)
    data = _one_batch(who, data)
    steps, span = whole(who, "steps", steps, 3), number(who, "span", span, above=0)
    if not steps % 2:
        raise ValueError(f"{who}: steps={steps} must be odd, so that 0 is among them.")
    chosen = _directions(who, model, directions, seed)
    x, labels = data
    loss = loss or ops.softmax_cross_entropy
    a = np.linspace(-span, span, steps)
    a[steps // 2] = 0.0
    start = {name: (p, p.numpy()) for name, p in model.named_parameters()}
    with preserved(model), no_grad(), np.errstate(all="ignore"):
        model.train(training)

        def at(*place: float) -> float:
            for name, (parameter, w) in start.items():
                moved = w.astype(np.float64)
                for length, direction in zip(place, chosen, strict=True):
                    if name in direction:
                        moved += length * direction[name]
                parameter.assign(moved.astype(w.dtype))
            return float(plain(loss(model(x), labels)))

        if len(chosen) == 1:
            return LossSurface(a, None, np.array([at(s) for s in a]))
        return LossSurface(a, a.copy(), np.array([[at(s, t) for s in a] for t in a]))


def _directions(who: str, model: Any, given: Any, seed: int) -> list[dict[str, np.ndarray]]:
    if is_whole(given):
        count = whole(who, "directions", given, 1, 2, remedy="For other directions pass mappings.")
        first = whole(who, "seed", seed, 0)
        return [random_direction(model, first + k) for k in range(count)]
    listed = [given] if isinstance(given, Mapping) else list(given) if isinstance(given, (tuple, list)) else []
    if len(listed) not in (1, 2) or not all(isinstance(d, Mapping) for d in listed):
        raise TypeError(f"{who}: directions must be 1, 2, or one or two mappings from parameter paths to arrays, got "
                        f"{describe(given)}.")  # fmt: skip
    parameters = dict(model.named_parameters())
    for direction in listed:
        known = {name: value for name, value in direction.items() if name in parameters}
        if not known:
            raise ValueError(f"{who}: a direction names no parameter of the model. Take names from named_parameters().")
        for name, value in known.items():
            if np.shape(plain(value)) != parameters[name].shape:
                raise ValueError(f"{who}: the direction of {name} has shape {np.shape(plain(value))}, the parameter "
                                 f"{parameters[name].shape}.")  # fmt: skip
    return [
        {name: plain(v).astype(np.float64) for name, v in direction.items() if name in parameters}
        for direction in listed
    ]


def _one_batch(who: str, data: Any) -> Any:
    """The pair (inputs, labels), of a data set all of it."""
    if hasattr(data, "batch") and hasattr(data, "__len__"):
        return data.batch(range(len(data)))
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"{who}: data must be a data set, or a batch (inputs, labels), got {describe(data)}.")
    return data


@picture(lambda: (network(), batch()), options={"steps": 3})
def loss_landscape(
    model: Any, data: Any, *, loss: Any = None, directions: Sequence[Direction] | int = 2, span: float = 1.0,
    steps: int = 21, seed: int = 0, training: bool = False, ax: Axes | None = None,
) -> Figure:  # fmt: skip
    """The loss around the weights, as contours of two directions or a line of one.

    The network itself and the lowest point are marked.
    Arguments and errors as of `loss_surface`, which gives the numbers.
    """
    data = _one_batch("loss_landscape", data)
    surface = loss_surface(model, data, loss=loss, directions=directions, span=span, steps=steps, seed=seed,
                           training=training)  # fmt: skip
    fig, place = figures.one_axis(ax, 6, 3.4 if surface.b is None else 5)
    kind = "random, filter-normalised" if is_whole(directions) else "given"
    figures.headline(fig, ax, f"Loss around the weights, {len(plain(data[0]))} samples")
    if surface.b is None:
        _line(place, surface)
        place.set_xlabel(f"step along the direction ({kind}; 1 = norm of the weights)" if kind[0] == "r"
                         else "step along the direction given", fontsize=9)  # fmt: skip
    else:
        _contours(fig, place, surface)
        place.set_xlabel(f"step along direction 1 ({kind})", fontsize=9)
        place.set_ylabel("step along direction 2", fontsize=9)
    if place.get_legend_handles_labels()[0]:
        place.legend(fontsize=9, loc="upper right", framealpha=0.9)
    return fig


def _line(ax: Axes, surface: LossSurface) -> None:
    figures.plain_axes(ax)
    ax.plot(surface.a, np.where(np.isfinite(surface.losses), surface.losses, np.nan), color=figures.BLUE, lw=2)
    ax.set_ylabel("loss", fontsize=9)
    here = float(surface.losses[len(surface.a) // 2])
    if np.isfinite(here):
        ax.plot(0, here, "o", color="black", ms=7, label=f"the network: {here:.4g}")
    if surface.lowest:
        low = float(np.nanmin(np.where(np.isfinite(surface.losses), surface.losses, np.nan)))
        ax.plot(*surface.lowest, low, "*", color=figures.VERMILION, ms=13, label=f"lowest: {low:.4g}")
    else:
        ax.text(0.5, 0.5, "no finite loss", transform=ax.transAxes, ha="center", color=figures.QUIET)


def _contours(fig: Figure, ax: Axes, surface: LossSurface) -> None:
    """Levels are even in the order of the values, so that the bottom is seen beside steep walls."""
    kept = surface.losses[np.isfinite(surface.losses)]
    ax.patch.set(hatch="xxx", edgecolor=figures.QUIET, facecolor="white")  # shows where no contour lies
    ax.set_aspect("equal")
    levels = np.unique(np.quantile(kept, np.linspace(0, 1, 15))) if kept.size else kept
    if len(levels) > 1:
        masked = np.ma.masked_invalid(surface.losses)
        from matplotlib.colors import BoundaryNorm

        norm = BoundaryNorm(levels, 256)
        filled = ax.contourf(surface.a, surface.b, masked, levels=levels, cmap=figures.AMOUNTS, norm=norm)
        ax.contour(surface.a, surface.b, masked, levels=levels, colors="white", linewidths=0.5)
        bar = fig.colorbar(filled, ax=ax, shrink=0.85, ticks=levels[::2], format="%.3g")
        bar.set_label("loss", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    else:
        words = f"the loss is {kept[0]:.4g} everywhere" if kept.size else "no finite loss"
        ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", backgroundcolor="white")
    middle = len(surface.a) // 2
    ax.plot(0, 0, "o", mfc="white", mec="black", ms=8, label=f"the network: {surface.losses[middle, middle]:.4g}")
    if surface.lowest:
        ax.plot(*surface.lowest, "*", mfc=figures.VERMILION, mec="white", ms=14, label=f"lowest: {kept.min():.4g}")
    if len(kept) < surface.losses.size:
        ax.fill([], [], hatch="xxx", edgecolor=figures.QUIET, facecolor="white", label="not finite")
    ax.set_xlim(surface.a[0], surface.a[-1])
    ax.set_ylim(surface.a[0], surface.a[-1])
