"""Where layers and initialisers get their random numbers.

Every layer and initialiser takes ``rng``: a `np.random.Generator`, an int seed, or None for the package's generator.
Pass one Generator along while a model is built and the model is reproducible whatever else runs in the process; for
scripts, `manual_seed` fixes the package's generator instead.  An int is a fresh generator each time, so giving the
same int to two layers of one shape gives them the same weights.
"""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator | int | None


class _Default:
    """The package's generator; seeded by the operating system until `manual_seed` is called."""

    generator: np.random.Generator | None = None


def manual_seed(seed: int) -> np.random.Generator:
    """Restart the package's generator, which serves wherever no ``rng`` is given; returns it."""
    if seed is None:
        raise TypeError("manual_seed: needs an int, got None. The generator starts unpredictable by itself.")
    _Default.generator = generator(seed, "manual_seed")
    return _Default.generator


def generator(rng: Rng, who: str) -> np.random.Generator:
    """The generator that `rng` stands for; `who` asks, for the message."""
    if rng is None:
        if _Default.generator is None:
            _Default.generator = np.random.default_rng()
        return _Default.generator
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise TypeError(f"{who}: rng={rng!r} must be a np.random.Generator, an int seed of at least 0, or None.")
