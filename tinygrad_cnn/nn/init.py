"""Starting values of weights.

Each takes a shape and an explicit ``rng`` and returns an array of the default dtype (float32, unless
`tg.set_default_dtype` says otherwise).  Fans are read off the shape: dense weights (in, out) have fan_in = in,
fan_out = out; filters (I, J, C, O) have fan_in = I*J*C, fan_out = I*J*O, where C is what one filter sees, so the
channels of one group.

Here and in every layer, ``rng`` is a `np.random.Generator`, an int seed, or None for the default generator of this
thread: call `tg.manual_seed`, or pass one Generator along while a model is built, and the model is reproducible.
Without either, None gives numbers that nobody can repeat.  An int starts afresh each time, so giving the same int to
two layers of one shape gives them the same weights; `Sequential` warns of that.

The scale keeps the variance of signals the same from layer to layer:

- He (2015), for relu, which halves it:      variance = 2 / fan_in
- LeCun (1998), for linear and selu layers:  variance = 1 / fan_in
- Glorot (2010), a compromise between the signals' way forward and the gradients' way back: 2 / (fan_in + fan_out)

A uniform distribution over [-a, a] has variance a*a / 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import get_default_dtype
from ..autodiff.calls import named
from ..autodiff.foreign import answers as _answers
from ..autodiff.kinds import Number, Wholes
from ..autodiff.kinds import Rng as Rng
from ..autodiff.kinds import Shape as Shape
from ..autodiff.numbers import number, wholes
from ..ops.random import draw_from, generator

Initialiser = Callable[..., np.ndarray]


def _shape(who: str, shape: Any) -> tuple[int, ...]:
    return wholes(who, "shape", shape if isinstance(shape, (tuple, list)) else (shape,), 0)


def fans(shape: Shape, who: str = "fans") -> tuple[int, int]:
    """How many numbers one output sums over, and how many outputs one input reaches: (fan_in, fan_out)."""
    sizes = _shape(who, shape)
    if len(sizes) < 2:
        raise ValueError(
            f"{who}: fans need weights (in, out) or filters (I, J, C, O), got shape {sizes}. "
            "For biases and scales use zeros, ones, normal or uniform."
        )
    window = math.prod(sizes[:-2])
    return max(window * sizes[-2], 1), max(window * sizes[-1], 1)


@named
def constant(shape: Shape, value: Number, *, rng: Rng = None) -> np.ndarray:
    """Every element is `value`."""
    return np.full(_shape("constant", shape), number("constant", "value", value), get_default_dtype())


@named
def zeros(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """All zero."""
    return np.zeros(_shape("zeros", shape), get_default_dtype())


@named
def ones(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """All one."""
    return np.ones(_shape("ones", shape), get_default_dtype())


@named
def normal(shape: Shape, mean: Number = 0.0, std: Number = 1.0, *, rng: Rng = None) -> np.ndarray:
    """Normal with the given mean and standard deviation."""
    mean, std = number("normal", "mean", mean), number("normal", "std", std, 0)
    values = draw_from(generator(rng, "normal"), "normal", mean, std, _shape("normal", shape))
    return np.asarray(values, get_default_dtype())


@named
def uniform(shape: Shape, low: Number = 0.0, high: Number = 1.0, *, rng: Rng = None) -> np.ndarray:
    """Uniform in [low, high)."""
    low, high = number("uniform", "low", low), number("uniform", "high", high)
    if high < low:
        raise ValueError(f"uniform: low={low} must not exceed high={high}.")
    values = draw_from(generator(rng, "uniform"), "uniform", low, high, _shape("uniform", shape))
    return np.asarray(values, get_default_dtype())


def _scaled(who: str, shape: Shape, rng: Rng, variance: Callable[[int, int], float]) -> np.ndarray:
    """Random weights of the given variance, of the distribution that the initialiser's name ends with."""
    sizes, scale = _shape(who, shape), variance(*fans(shape, who))
    source = generator(rng, who)
    if who.endswith("normal"):
        values = draw_from(source, "normal", 0.0, math.sqrt(scale), sizes)
    else:
        limit = math.sqrt(3.0 * scale)
        values = draw_from(source, "uniform", -limit, limit, sizes)
    return np.asarray(values, get_default_dtype())


@named
def he_normal(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """Normal with variance 2 / fan_in: for layers before a relu."""
    return _scaled("he_normal", shape, rng, lambda i, o: 2.0 / i)


@named
def he_uniform(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """Uniform with variance 2 / fan_in, so in ±sqrt(6 / fan_in): for layers before a relu."""
    return _scaled("he_uniform", shape, rng, lambda i, o: 2.0 / i)


@named
def lecun_normal(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """Normal with variance 1 / fan_in."""
    return _scaled("lecun_normal", shape, rng, lambda i, o: 1.0 / i)


@named
def lecun_uniform(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """Uniform with variance 1 / fan_in, so in ±sqrt(3 / fan_in)."""
    return _scaled("lecun_uniform", shape, rng, lambda i, o: 1.0 / i)


@named
def glorot_normal(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """Normal with variance 2 / (fan_in + fan_out)."""
    return _scaled("glorot_normal", shape, rng, lambda i, o: 2.0 / (i + o))


@named
def glorot_uniform(shape: Shape, *, rng: Rng = None) -> np.ndarray:
    """Uniform with variance 2 / (fan_in + fan_out), so in ±sqrt(6 / (fan_in + fan_out))."""
    return _scaled("glorot_uniform", shape, rng, lambda i, o: 2.0 / (i + o))


@named
def orthogonal(shape: Shape, gain: Number = 1.0, *, rng: Rng = None) -> np.ndarray:
    """Orthonormal columns (or rows, if those are fewer) times `gain`, of the matrix (fan_in, out)."""
    sizes = _shape("orthogonal", shape)
    rows, _ = fans(sizes, "orthogonal")
    columns = sizes[-1]
    tall = draw_from(generator(rng, "orthogonal"), "normal", size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))  # makes the distribution uniform over orthogonal matrices
    matrix = q if rows >= columns else q.T
    return (number("orthogonal", "gain", gain) * matrix).reshape(sizes).astype(get_default_dtype())


kaiming_normal, kaiming_uniform = he_normal, he_uniform
xavier_normal, xavier_uniform = glorot_normal, glorot_uniform

BY_NAME: dict[str, Initialiser] = {
    f.__name__: f
    for f in (
        zeros, ones, normal, uniform, he_normal, he_uniform, lecun_normal, lecun_uniform, glorot_normal,
        glorot_uniform, orthogonal,
    )
} | {
    "kaiming_normal": he_normal, "kaiming_uniform": he_uniform,
    "xavier_normal": glorot_normal, "xavier_uniform": glorot_uniform,
}  # fmt: skip


def draw(who: str, init: str | Initialiser, shape: Wholes, rng: Rng) -> np.ndarray:
    """Starting values for a layer: `init` is a name from this module, or a function of (shape, rng=...).

    Floats become the default dtype: a function that draws by NumPy gives float64, which few want for the weights alone.
    """
    if isinstance(init, str):
        if init not in BY_NAME:
            raise ValueError(f"{who}: init={init!r} is not known; there are {', '.join(BY_NAME)}.")
        init = BY_NAME[init]
    if not callable(init):
        raise TypeError(f"{who}: init={init!r} must be a name or a function of (shape, rng=...).")
    values = np.asarray(init(shape, rng=generator(rng, who)))
    if values.shape != tuple(shape):
        raise ValueError(f"{who}: init returned shape {values.shape}, the weights have {tuple(shape)}.")
    return values.astype(get_default_dtype(), copy=False) if values.dtype.kind == "f" else values


_answers(globals())
