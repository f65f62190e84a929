"""Bindings of native/gates.h: steps of LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .call import run


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def step(what: int, inputs: tuple[Any, ...], gates: int, wide: tuple[int, ...]) -> Any:
        """Results of so many gates each; the first input has `gates`."""
        first = inputs[0]
        outs = [empty((first.shape[0], first.shape[1] // gates * n), first.dtype) for n in wide]
        more = (*outs[1:], *(None,) * (3 - len(outs)))
        done = run(native.gates, (*inputs, *(None,) * (5 - len(inputs))), outs[0], *more, what)
        return done if done is NotImplemented else tuple(outs)

    return {
        "lstm_gates": lambda a, b, c: step(native.LSTM_GATES, (a, b, c), 4, (4, 1, 1)),
        "lstm_gates_dx": lambda dh, dc, gates, c, after: step(
            native.LSTM_GATES_DX, (dh, dc, gates, c, after), 1, (4, 1)
        ),
        "gru_gates": lambda a, b, h: step(native.GRU_GATES, (a, b, h), 3, (4, 1)),
        "gru_gates_dx": lambda dh, gates, h: step(native.GRU_GATES_DX, (dh, gates, h), 1, (3, 3, 1)),
    }
