"""LSTM and GRU along whole sequences, one product a step; each equals its composition, step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..core import op
from ._arguments import promoted
from .elementwise import sigmoid, tanh
from .products import matmul
from .shape import stack

__all__ = ["gru_sequence", "lstm_sequence"]


def _checked(who: str, gates: int, x: Any, w: Any, *states: Any) -> Any:
    hidden = w.shape[0] if w.ndim == 2 else 0
    wanted = (x.shape[1] if x.ndim == 3 else 0, hidden)
    if (
        x.ndim != 3
        or not len(x)
        or w.shape != (hidden, gates * hidden)
        or x.shape[2] != gates * hidden
        or any(state.shape != wanted for state in states)
    ):
        shapes = ", ".join(str(state.shape) for state in states)
        raise ValueError(
            f"{who}: x {x.shape}, w {w.shape} and states {shapes} must be (L, N, {gates}H) of at least one step, "
            f"(H, {gates}H) and (N, H)."
        )
    return promoted(x, w, *states)


def _product(h: Any, w: Any, b: Any = None) -> Any:
    return kernels.matmul(h, w, False, False, b, False)


def _before(first: Any, y: Any) -> Any:
    """The state before each step, as rows."""
    return np.concatenate((first[None], y[:-1])).reshape(-1, first.shape[1])


def _lstm_composed(x: Any, w: Any, h: Any, c: Any) -> Any:
    n, states = w.shape[0], []
    for t in range(x.shape[0]):
        total = x[t] + matmul(h, w)
        i, f, g, o = (total[:, k * n : (k + 1) * n] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        states.append(stack([h, c]))
    return stack(states, axis=1)


def _sigma(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _lstm_ref(x: Any, w: Any, h: Any, c: Any) -> Any:
    states = []
    for step in x:
        i, f, g, o = np.split(step + h @ w, 4, axis=1)
        c = _sigma(f) * c + _sigma(i) * np.tanh(g)
        h = _sigma(o) * np.tanh(c)
        states.append(np.stack([h, c]))
    return np.stack(states, axis=1)


def _cost(x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> int:
    return 2 * math.prod(x_shape[:2]) * math.prod(w_shape)


@op(
    floating=["x", "w", "h", "c"],
    aux=["gates"],
    samples=[S(x=(3, 2, 8), w=(2, 8), h=(2, 2), c=(2, 2)), S(x=(1, 2, 12), w=(3, 12), h=(2, 3), c=(2, 3))],
    ref=_lstm_ref,
    composition=_lstm_composed,
    cost=_cost,
)
def lstm_sequence(x: Any, w: Any, h: Any, c: Any) -> Any:
    """The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)

    x holds what the inputs give to the gates i, f, g, o, biases included; w is the weight of the state.
    """
    x, w, h, c = _checked("lstm_sequence", 4, x, w, h, c)
    y, gates = np.empty((2, *x.shape[:2], w.shape[0]), x.dtype), np.empty_like(x)
    for t in range(len(x)):
        gates[t], c, h = kernels.lstm_gates(x[t], _product(h, w), c)
        y[0, t], y[1, t] = h, c
    return y, gates


def _lstm_back(g: Any, gates: Any, w: Any, c: Any, y: Any) -> Any:
    """The gradients of the gates before they are squashed, and of h and c."""
    totals, dh, dc, turned = np.empty_like(gates), g[0, -1], g[1, -1], np.ascontiguousarray(w.T)
    for t in reversed(range(len(gates))):
        totals[t], dc = kernels.lstm_gates_dx(dh, dc, gates[t], y[1, t - 1] if t else c, y[1, t])
        dh = _product(totals[t], turned)
        if t:
            dh, dc = dh + g[0, t - 1], dc + g[1, t - 1]
    return totals, dh, dc


def _weights(totals: Any, h: Any, y: Any) -> Any:
    return kernels.matmul(_before(h, y), totals.reshape(-1, totals.shape[2]), True, False, None, False)


lstm_sequence.vjp(
    g=lambda g, gates, w, c, y: _lstm_back(g, gates, w, c, y),
    x=lambda g: g[0],
    w=lambda g, h, y: _weights(g[0], h, y[0]),
    h=lambda g: g[1],
    c=lambda g: g[2],
)


def _gru_composed(x: Any, w: Any, b: Any, h: Any) -> Any:
    n, states = w.shape[0], []
    for t in range(x.shape[0]):
        (rx, zx, nx), total = (x[t][:, k * n : (k + 1) * n] for k in range(3)), matmul(h, w) + b
        rh, zh, nh = (total[:, k * n : (k + 1) * n] for k in range(3))
        z, new = sigmoid(zx + zh), tanh(nx + sigmoid(rx + rh) * nh)
        h = new + z * (h - new)
        states.append(h)
    return stack(states)


def _gru_ref(x: Any, w: Any, b: Any, h: Any) -> Any:
    states = []
    for step in x:
        (rx, zx, nx), (rh, zh, nh) = np.split(step, 3, axis=1), np.split(h @ w + b, 3, axis=1)
        z, new = _sigma(zx + zh), np.tanh(nx + _sigma(rx + rh) * nh)
        h = new + z * (h - new)
        states.append(h)
    return np.stack(states)


@op(
    floating=["x", "w", "b", "h"],
    aux=["gates"],
    samples=[S(x=(3, 2, 6), w=(2, 6), b=(6,), h=(2, 2)), S(x=(1, 2, 9), w=(3, 9), b=(9,), h=(2, 3))],
    ref=_gru_ref,
    composition=_gru_composed,
    cost=_cost,
)
def gru_sequence(x: Any, w: Any, b: Any, h: Any) -> Any:
    """The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)

    x holds what the inputs give to the gates r, z, n, their bias included; w and b are weight and bias of the state.
    """
    if b.shape != w.shape[1:]:
        raise ValueError(f"gru_sequence: the bias has shape {b.shape}, expected {w.shape[1:]}: one number per gate.")
    x, w, h = _checked("gru_sequence", 3, x, w, h)
    b = b.astype(x.dtype, copy=False)
    y, gates = np.empty((*x.shape[:2], w.shape[0]), x.dtype), np.empty((*x.shape[:2], 4 * w.shape[0]), x.dtype)
    for t in range(len(x)):
        gates[t], h = kernels.gru_gates(x[t], _product(h, w, b), h)
        y[t] = h
    return y, gates


def _gru_back(g: Any, gates: Any, w: Any, h: Any, y: Any) -> Any:
    """The gradients of what x and what the state gives to the gates, and of h."""
    shape = (*g.shape[:2], w.shape[1])
    dx, totals, dh = np.empty(shape, g.dtype), np.empty(shape, g.dtype), g[-1]
    for t in reversed(range(len(gates))):
        dx[t], totals[t], dh = kernels.gru_gates_dx(dh, gates[t], y[t - 1] if t else h)
        dh = dh + kernels.matmul(totals[t], w, False, True, None, False)
        if t:
            dh += g[t - 1]
    return dx, totals, dh


gru_sequence.vjp(
    g=lambda g, gates, w, h, y: _gru_back(g, gates, w, h, y),
    x=lambda g: g[0],
    w=lambda g, h, y: _weights(g[1], h, y),
    b=lambda g: kernels.column_sum(g[1]),
    h=lambda g: g[2],
)
