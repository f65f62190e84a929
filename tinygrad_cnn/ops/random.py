"""Ops that draw random numbers, and the generators that they draw from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.effects import effect
from ..autodiff.kinds import Axis, Number, Rng, Whole
from ..autodiff.numbers import is_whole, number, whole
from ..autodiff.randomness import default_generator
from ..core import op
from ..core.modes import current
from ._axes import axes_of, kept
from .arithmetic import where

__all__ = ["dropout"]


def generator(rng: Any, who: str) -> np.random.Generator:
    """A generator from itself or from a whole number, its seed; from None the default one, or a fresh, unseeded one.

    The default generator is this thread's, once `manual_seed` has been called.
    """
    if rng is None:
        rng = default_generator()
        if rng is None:
            made: np.random.Generator = (current().unseeded or np.random.default_rng)()
            return made
    if isinstance(rng, np.random.Generator):
        inside = current().generators
        if inside is not None and id(rng) not in inside:  # a checkpoint draws the same numbers again
            inside[id(rng)] = (rng, rng.bit_generator.state)
        return rng
    if is_whole(rng):
        return np.random.default_rng(whole(who, "rng", rng, 0))
    raise TypeError(f"{who}: rng={rng!r} must be a np.random.Generator, a whole number (a seed) or None.")


def own_generator(rng: Any, who: str) -> np.random.Generator:
    """A generator for a layer to keep: as `generator`, but seeded from the default generator instead of sharing it."""
    given = generator(rng, who)
    return np.random.default_rng(_seed(given)) if given is default_generator() else given


def seed_for(who: str, seed: Whole | None, *, otherwise: int = 0) -> int:
    """A seed to keep: the one given, or for None one from the default generator; `otherwise`, if nobody seeded that."""
    if seed is not None:
        return whole(who, "seed", seed, 0)
    return otherwise if default_generator() is None else _seed(generator(None, who))


def _seed(rng: np.random.Generator) -> int:
    return int(draw_from(rng, "integers", 2**63))


@effect
def draw_from(rng: np.random.Generator, method: str, *settings: Any, into: Any = None, **named: Any) -> Any:
    """Draw random numbers from a generator, by the name of its method; `into` an array of a dtype, if that is given."""
    drawn = getattr(rng, method)(*settings, **named)
    return drawn if into is None else np.asarray(drawn, into)


@op(
    linear=["x"],
    floating=["x"],
    params=["rate", "training"],
    aux=["keep"],
    effects=["rng"],
    samples=[S(x=(4, 5), rate=0.4, rng=0), S(x=(4, 5), rate=0.5, training=False), S(x=(3,), rate=0.0, rng=1),
             S(x=(3, 2, 4), rate=0.5, shared=(1,), rng=0)],
    ref=lambda x, rate, training=True, shared=(), rng=None: (
        x if not training else np.where(
            np.random.default_rng(rng).random([1 if k in shared else n for k, n in enumerate(x.shape)]) >= rate,
            x / (1 - rate), 0)
    ),
)  # fmt: skip
def dropout(x: Any, rate: Number, training: bool = True, *, shared: Axis = (), rng: Rng = None) -> Any:
    """Set a share `rate` of the elements to zero and scale the rest by 1/(1 - rate).  x (...) -> (...)

    Nothing happens unless `training`.  Along the axes in `shared` all elements fare alike, so that whole channels of
    images are dropped with ``shared=(1, 2)``.  `rng`: a ``np.random.Generator``, an int seed, or None for the default
    one.  Source: Srivastava et al. (2014), inverted.

    >>> y = tg.dropout(np.ones(1000), 0.25, rng=0)
    >>> np.unique(y).round(3), bool(0.7 < (y > 0).mean() < 0.8)
    (array([0.   , 1.333]), True)
    >>> tg.dropout(np.ones(3), 0.25, training=False)
    array([1., 1., 1.])
    """
    rate = number("dropout", "rate", rate, 0, below=1)
    alike = axes_of("dropout", shared, x.ndim, "shared")
    if not training or rate == 0:
        return x, np.ones((1,) * x.ndim, bool)
    keep = draw_from(generator(rng, "dropout"), "random", kept(x.shape, alike)) >= rate
    return np.where(keep, x * (1 / (1 - rate)), 0), keep


dropout.vjp(x=lambda g, keep, rate, training: where(keep, g * (1 / (1 - rate)) if training else g, 0))
dropout.formula(x="where(keep, g / (1 - rate), 0) if training else g")
