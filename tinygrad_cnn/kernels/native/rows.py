"""Bindings of native/rows.h: softmax and the norms of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .call import run


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def rows(what: int, *inputs: Any, outs: tuple[Any, ...] = (None, None), eps: float = 0.0) -> Any:
        """Rows shaped like the first input, and after them what `outs` holds."""
        out = empty(inputs[0].shape, inputs[0].dtype)
        done = run(native.rows, (*inputs, *(None,) * (5 - len(inputs))), out, *outs, what, eps)
        more = [o for o in outs if o is not None]
        return (out, *more) if more and done is not NotImplemented else done

    def along(what: int, axis: int, *arrays: Any) -> Any:
        last = arrays[0].ndim - 1
        return rows(what, *arrays) if axis in (-1, last) and last >= 0 else NotImplemented

    def per_row(x: Any) -> Any:
        return empty(x.shape[:-1], x.dtype)

    def per_column(x: Any) -> Any:
        return empty(x.shape[-1:], x.dtype)

    return {
        "softmax": lambda x, axis: along(native.SOFTMAX, axis, x),
        "log_softmax": lambda x, axis: along(native.LOG_SOFTMAX, axis, x),
        "softmax_dx": lambda g, y, axis: along(native.SOFTMAX_DX, axis, g, y),
        "log_softmax_dx": lambda g, y, axis: along(native.LOG_SOFTMAX_DX, axis, g, y),
        "softmax_sums": lambda x: rows(native.SOFTMAX, x, outs=(per_row(x), per_row(x))),
        "layer_norm": lambda x, gamma, beta, eps: rows(
            native.LAYER_NORM, x, gamma, beta, outs=(per_row(x), per_row(x)), eps=eps
        ),
        "layer_norm_dx": lambda g, x, gamma, mean, scale: rows(
            native.LAYER_NORM_DX, g, x, gamma, mean, scale, outs=(per_column(x), per_column(x))
        ),
        "rms_norm": lambda x, gamma, eps: rows(native.RMS_NORM, x, gamma, outs=(None, per_row(x)), eps=eps),
        "rms_norm_dx": lambda g, x, gamma, scale: rows(
            native.RMS_NORM_DX, g, x, gamma, None, scale, outs=(per_column(x), None)
        ),
    }
