"""Bindings of convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..shapes import Window
from .call import run


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def conv2d(x: Any, w: Any, b: Any, win: Window, groups: int) -> Any:
        y = empty((x.shape[0], *win.out, w.shape[3]), x.dtype)
        return run(native.conv2d, (x, w, b), y, win, groups, False)

    def conv2d_relu(x: Any, w: Any, b: Any, win: Window, groups: int) -> Any:
        """max(conv2d(...), 0) in one pass."""
        y = empty((x.shape[0], *win.out, w.shape[3]), x.dtype)
        return run(native.conv2d, (x, w, b), y, win, groups, True)

    def conv2d_dx(dy: Any, w: Any, win: Window, groups: int) -> Any:
        dx = empty((dy.shape[0], *win.size, w.shape[2] * groups), dy.dtype)
        return run(native.conv2d_dx, (dy, w), dx, win, groups)

    def conv2d_dw(x: Any, dy: Any, win: Window, groups: int) -> Any:
        dw = empty((*win.window, x.shape[3] // groups, dy.shape[3]), x.dtype)
        return run(native.conv2d_dw, (x, dy), dw, win, groups)

    def matmul(
        a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, bias: Any = None, relu: bool = False
    ) -> Any:
        """a @ b of matrices, either one (not both) transposed first; plain products may add a row and clip at zero."""
        out = empty((a.shape[1 if transpose_a else 0], b.shape[0 if transpose_b else 1]), a.dtype)
        return run(native.matmul, (a, b, bias), out, transpose_a, transpose_b, relu)

    return {
        "conv2d": conv2d,
        "conv2d_relu": conv2d_relu,
        "conv2d_dx": conv2d_dx,
        "conv2d_dw": conv2d_dw,
        "matmul": matmul,
    }
