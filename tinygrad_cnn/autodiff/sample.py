"""Samples: the arguments on which an op is tested, written beside the op.

``Sample(x=(2, 3), w=positive(3), stride=2)``: a tuple of ints is a shape, filled from the normal distribution; a
callable draws its own array; anything else is passed on.  For an op of many inputs, ``xs=[(2, 3), (2, 3)]``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .calls import named

Draw = Callable[[np.random.Generator, Any], np.ndarray]


class Sample:
    """One set of arguments of an op, drawn afresh for each seed and dtype.

    >>> sample = tg.Sample(a=(2, 3), b=tg.testing.positive(3))
    >>> inputs, parameters = sample.draw(tg.div)
    >>> [x.shape for x in inputs], bool((inputs[1] > 0).all())
    ([(2, 3), (3,)], True)
    """

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def __repr__(self) -> str:
        return f"Sample({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"

    def draw(self, op: Any, seed: int = 0, dtype: Any = np.float64) -> tuple[list[Any], dict[str, Any]]:
        """Inputs and parameters for `op`; floating inputs have `dtype`."""
        rng = np.random.default_rng(seed)
        values = dict(self.arguments)
        if op.variadic:
            *lead, rest = op.inputs
            inputs = [_fill(v, rng, dtype) for v in (*[values.pop(n) for n in lead], *values.pop(rest, ()))]
        else:
            inputs = [_fill(values.pop(n, op.optional.get(n)), rng, dtype) for n in op.inputs]
        return inputs, values


@named
class LayerSample:
    """One way to make a layer, and inputs to call it with: ``LayerSample((3, 2), x=(4, 3))`` for ``Linear(3, 2)``.

    Arguments of the class come first, its options in a dict after them; inputs are written as in `Sample`.

    >>> sample = tg.testing.LayerSample((3, 2), {"bias": False}, x=(4, 3))
    >>> layer, (x,) = sample.make(nn.Linear), sample.draw()
    >>> layer, x.shape
    (Linear(3, 2, bias=False), (4, 3))
    """

    def __init__(self, args: tuple[Any, ...] = (), options: dict[str, Any] | None = None, /, **inputs: Any) -> None:
        self.args, self.options, self.inputs = args, options or {}, inputs

    def __repr__(self) -> str:
        options = (*map(repr, self.args), *[f"{k}={v!r}" for k, v in self.options.items()])
        return f"layer({', '.join(options)}) called with {', '.join(f'{k}={v!r}' for k, v in self.inputs.items())}"

    def make(self, layer: Callable[..., Any], seed: int = 0) -> Any:
        """A layer with these arguments; one that draws its weights gets the seed."""
        drawn = {"rng": seed} if "rng" in inspect.signature(layer).parameters else {}
        return layer(*self.args, **self.options, **drawn)

    def draw(self, seed: int = 0, dtype: Any = np.float32) -> list[Any]:
        """The inputs; floating ones have `dtype`."""
        rng = np.random.default_rng(seed)
        return [_fill(value, rng, dtype) for value in self.inputs.values()]


def _fill(value: Any, rng: np.random.Generator, dtype: Any) -> Any:
    if isinstance(value, tuple):
        return rng.standard_normal(value).astype(dtype)
    return value(rng, dtype) if callable(value) else value


class _Domain:
    """A way to draw an array, with a repr that shows how it was written."""

    def __init__(self, text: str, draw: Draw) -> None:
        self.text, self.draw = text, draw

    def __repr__(self) -> str:
        return self.text

    def __call__(self, rng: np.random.Generator, dtype: Any) -> np.ndarray:
        array: np.ndarray = self.draw(rng, dtype)
        return array


@named
def uniform(low: float, high: float, *shape: int) -> Draw:
    """Uniform in [low, high)."""
    return _Domain(f"uniform({low}, {high}, {shape})", lambda rng, dt: rng.uniform(low, high, shape).astype(dt))


def these(*numbers: float) -> Draw:
    """These very numbers, in a row."""
    return _Domain(f"these{numbers}", lambda rng, dt: np.array(numbers, dt))


def positive(*shape: int) -> Draw:
    """Uniform in [0.5, 2)."""
    return uniform(0.5, 2.0, *shape)


def apart(*shape: int) -> Draw:
    """Distinct values of both signs, over 0.06 from zero and 0.1 from each other: no kink or tie is near."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        size = int(np.prod(shape, dtype=np.int64))
        steps = np.arange(size) - size // 2
        return (rng.permutation(0.13 * steps + 0.065).reshape(shape)).astype(dtype)

    return _Domain(f"apart{shape}", draw)


@named
def integers(high: int, *shape: int) -> Draw:
    """Whole numbers in [0, high)."""
    return _Domain(f"integers({high}, {shape})", lambda rng, _: rng.integers(0, high, shape))


def booleans(*shape: int) -> Draw:
    """True and False, evenly."""
    return _Domain(f"booleans{shape}", lambda rng, _: rng.random(shape) < 0.5)


def probabilities(*shape: int) -> Draw:
    """Rows, along the last axis, that sum to one."""

    def draw(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        e = np.exp(rng.standard_normal(shape))
        rows: np.ndarray = (e / e.sum(-1, keepdims=True)).astype(dtype)
        return rows

    return _Domain(f"probabilities{shape}", draw)
