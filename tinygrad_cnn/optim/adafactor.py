"""Adafactor: steps scaled by past gradients, of which a matrix keeps only a row and a column."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.kinds import Number
from ..autodiff.numbers import number
from ..ops import maximum, sqrt
from .formulas import average, zeros
from .optimizer import Optimizer, State
from .settings import Params

__all__ = ["Adafactor"]


def _check_eps(who: str, name: str, value: Any) -> tuple[float | None, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{who}: {name}={value!r} must be two numbers of at least 0; the first may be None.")
    first = None if value[0] is None else number(who, f"{name}[0]", value[0], 0)
    return first, number(who, f"{name}[1]", value[1], 0)


class Adafactor(Optimizer):
    """p -= lr' * u / max(1, rms(u) / d),  u = g / sqrt(v),  lr' = max(eps[1], rms(p)) * min(lr, 1 / sqrt(t)).

    v is the running mean of g*g at rate ``1 - t**beta2_decay``.  Of the last two axes it keeps the means along each,
    r and c, and takes r * c / mean(r) for the whole: 1,000 numbers more for a matrix of 500 x 500, where Adam keeps
    500,000.  A vector keeps all of v.  eps[0], by default the precision of the dtype, is the least sqrt(v).  Weight
    decay is decoupled.  Source: Shazeer and Stern (2018), without their momentum, as in PyTorch.

    >>> layer = nn.Linear(500, 500, rng=0)
    >>> adafactor = optim.Adafactor(layer.parameters())
    >>> adafactor.prepare()
    >>> {name: array.shape for name, array in adafactor.state[layer.weight].items() if name != "step"}
    {'row_var': (500, 1), 'col_var': (1, 500)}
    """

    samples = ({}, {"eps": (1e-4, 0.5), "weight_decay": 0.1})
    checks = {
        "eps": _check_eps,
        "beta2_decay": lambda who, name, value: number(who, name, value, high=0),
        "d": lambda who, name, value: number(who, name, value, 1),
    }
    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        *,
        beta2_decay: Number = -0.8,
        eps: tuple[Number | None, Number] = (None, 1e-3),
        d: Number = 1.0,
        weight_decay: Number = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay, maximize=maximize
        )

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        if len(parameter.shape) < 2:
            return {"step": 0, "variance": zeros(parameter)}
        *lead, rows, columns = parameter.shape
        row, column = (np.zeros((*lead, *last), parameter.dtype) for last in ((rows, 1), (1, columns)))
        return {"step": 0, "row_var": row, "col_var": column}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        after = {**state, "step": state["step"] + 1}
        t, (least, floor) = after["step"], settings["eps"]
        least = float(np.finfo(parameter.dtype).eps) if least is None else least
        rate, squares = 1 - t ** settings["beta2_decay"], gradient * gradient
        if len(parameter.shape) > 1:
            row = after["row_var"] = average(state["row_var"], rate, squares.mean(-1, keepdims=True))
            column = after["col_var"] = average(state["col_var"], rate, squares.mean(-2, keepdims=True))
            variance = row * column / maximum(row.mean(-2, keepdims=True), least)
        else:
            variance = after["variance"] = average(state["variance"], rate, squares)
        update = gradient / sqrt(maximum(variance, least * least))
        length = maximum(_rms(parameter), floor) * min(settings["lr"], 1 / math.sqrt(t))
        return update * (-length / maximum(_rms(update) / settings["d"], 1.0)), after


def _rms(x: Any) -> Any:
    """The root of the mean square of all elements."""
    return sqrt((x * x).mean())
