"""Bindings of native/pool.h."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..shapes import Window
from .call import run


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def max_pool2d(x: Any, win: Window) -> Any:
        y = empty((x.shape[0], *win.out, x.shape[3]), x.dtype)
        tap = empty(y.shape, win.tap_dtype)
        done = native.pool2d(x, tap, y, win, native.MAX_POOL)
        if done is False:
            done = native.pool2d(np.require(x, requirements=["C", "A"]), tap, y, win, native.MAX_POOL)
        return (y, tap) if done is True else NotImplemented

    def max_pool2d_put(dy: Any, tap: Any, win: Window) -> Any:
        dx = empty((dy.shape[0], *win.size, dy.shape[3]), dy.dtype)
        return run(native.pool2d, (dy, tap), dx, win, native.MAX_PUT)

    def max_pool2d_take(x: Any, tap: Any, win: Window) -> Any:
        y = empty(tap.shape, x.dtype)
        return run(native.pool2d, (x, tap), y, win, native.TAKE_POOL)

    def avg_pool2d(x: Any, win: Window, counts: Any) -> Any:
        y = empty((x.shape[0], *win.out, x.shape[3]), x.dtype)
        return run(native.pool2d, (x, counts.astype(x.dtype)), y, win, native.AVG_POOL)

    def avg_pool2d_put(dy: Any, win: Window, counts: Any) -> Any:
        dx = empty((dy.shape[0], *win.size, dy.shape[3]), dy.dtype)
        return run(native.pool2d, (dy, counts.astype(dy.dtype)), dx, win, native.AVG_PUT)

    return {
        "max_pool2d": max_pool2d,
        "max_pool2d_put": max_pool2d_put,
        "max_pool2d_take": max_pool2d_take,
        "avg_pool2d": avg_pool2d,
        "avg_pool2d_put": avg_pool2d_put,
    }
