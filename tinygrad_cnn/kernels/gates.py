"""Steps of LSTM and GRU and their gradients, in plain NumPy.  The compiled forms are in native/gates.h.

Gates lie side by side in PyTorch's order: i, f, g, o of LSTM; r, z, n of GRU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from .examples import Args, Array, Draw, kernel, normal
from .smooth import sigmoid

__all__ = ["gru_gates", "gru_gates_dx", "lstm_gates", "lstm_gates_dx"]


def _calls(*wide: int) -> Callable[[Draw], list[Args]]:
    """Arrays of so many gates each, for several counts of rows and of numbers in a state."""

    def calls(e: Draw) -> list[Args]:
        found = []
        for rows, hidden in ((1024, 256),) if e.large else ((3, 5), (2, 16), (1, 33)):
            found.append(tuple(normal((rows, hidden * n), e.dtype, k + 1)[k] for k, n in enumerate(wide)))
        return found

    return calls


def _loop(fn: Callable[..., tuple[float, ...]], wide: tuple[int, ...], outs: tuple[int, ...]) -> Callable[..., Any]:
    """A function of the numbers of all gates at one place, applied at each; `wide` and `outs` are gates an array."""

    def loop(*arrays: Array) -> tuple[Array, ...]:
        rows, hidden = len(arrays[0]), arrays[0].shape[1] // wide[0]
        split = [a.astype(float).reshape(rows, n, hidden) for a, n in zip(arrays, wide, strict=True)]
        found = np.empty((rows, sum(outs), hidden))
        for r, j in np.ndindex(rows, hidden):
            found[r, :, j] = fn(*[v for a in split for v in a[r, :, j].tolist()])
        ends = np.cumsum((0, *outs))
        return tuple(found[:, p:q].reshape(rows, -1).astype(arrays[0].dtype) for p, q in pairwise(ends))

    return loop


def _sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _lstm(ai: float, af: float, ag: float, ao: float, bi: float, bf: float, bg: float, bo: float, c: float) -> Any:
    i, f, g, o = _sigma(ai + bi), _sigma(af + bf), math.tanh(ag + bg), _sigma(ao + bo)
    after = f * c + i * g
    return i, f, g, o, after, o * math.tanh(after)


@kernel(_calls(4, 4, 1), _loop(_lstm, (4, 4, 1), (4, 1, 1)))
def lstm_gates(a: Array, b: Array, c: Array) -> tuple[Array, Array, Array]:
    """Gates i, f, o = sigmoid(a + b) and g = tanh(a + b); c' = f * c + i * g; h' = o * tanh(c').

    a (N, 4H) · b (N, 4H) · c (N, H) -> (N, 4H), (N, H), (N, H)
    """
    gates = a + b
    i, f, g, o = np.split(gates, 4, axis=1)
    for part in (i, f, o):
        part[...] = sigmoid(part)
    np.tanh(g, out=g)
    after = f * c + i * g
    return gates, after, o * np.tanh(after)


def _lstm_dx(dh: float, dc: float, i: float, f: float, g: float, o: float, c: float, after: float) -> Any:
    t = math.tanh(after)
    dc += dh * o * (1 - t * t)
    return dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o), dc * f


@kernel(_calls(1, 1, 4, 1, 1), _loop(_lstm_dx, (1, 1, 4, 1, 1), (4, 1)))
def lstm_gates_dx(dh: Array, dc: Array, gates: Array, c: Array, after: Array) -> tuple[Array, Array]:
    """The gradients of a + b and of c, from those of h' and c'; `gates` and `after` are what `lstm_gates` gave.

    dh (N, H) · dc (N, H) · gates (N, 4H) · c (N, H) · after (N, H) -> (N, 4H), (N, H)
    """
    i, f, g, o = np.split(gates, 4, axis=1)
    t = np.tanh(after)
    dc = dc + dh * o * (1 - t * t)
    parts = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)
    return np.concatenate(parts, axis=1), dc * f


def _gru(ar: float, az: float, an: float, br: float, bz: float, bn: float, h: float) -> Any:
    r, z = _sigma(ar + br), _sigma(az + bz)
    n = math.tanh(an + r * bn)
    return r, z, n, bn, n + z * (h - n)


@kernel(_calls(3, 3, 1), _loop(_gru, (3, 3, 1), (4, 1)))
def gru_gates(a: Array, b: Array, h: Array) -> tuple[Array, Array]:
    """Gates r, z = sigmoid(a + b), n = tanh(a + r * b), and b of the last; h' = n + z * (h - n).

    a (N, 3H) · b (N, 3H) · h (N, H) -> (N, 4H), (N, H)
    """
    (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
    r, z = sigmoid(ar + br), sigmoid(az + bz)
    n = np.tanh(an + r * bn)
    return np.concatenate((r, z, n, bn), axis=1), n + z * (h - n)


def _gru_dx(dh: float, r: float, z: float, n: float, b: float, h: float) -> Any:
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz = dn * b * r * (1 - r), dh * (h - n) * z * (1 - z)
    return dr, dz, dn, dr, dz, dn * r, dh * z


@kernel(_calls(1, 4, 1), _loop(_gru_dx, (1, 4, 1), (3, 3, 1)))
def gru_gates_dx(dh: Array, gates: Array, h: Array) -> tuple[Array, Array, Array]:
    """The gradients of a, of b, and of h but for what comes through b; `gates` is what `gru_gates` gave.

    dh (N, H) · gates (N, 4H) · h (N, H) -> (N, 3H), (N, 3H), (N, H)
    """
    r, z, n, b = np.split(gates, 4, axis=1)
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz = dn * b * r * (1 - r), dh * (h - n) * z * (1 - z)
    return np.concatenate((dr, dz, dn), axis=1), np.concatenate((dr, dz, dn * r), axis=1), dh * z
