"""Bindings of batch norm and of sums over columns, in native/each.h."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .call import contiguous


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def _rowwise(what: int, relu: bool, *arrays: Any) -> Any:
        out = empty(arrays[0].shape, arrays[0].dtype)
        done = native.rowwise(out, *arrays, what, relu)
        if done is False:
            done = native.rowwise(out, *contiguous(arrays), what, relu)
        return out if done is True else NotImplemented

    def column_sum(x: Any) -> Any:
        """Sum over all axes but the last: the gradient of a bias."""
        return _columns(native.COLUMN_SUMS, x, None, None, None)

    def _columns(what: int, *arrays: Any) -> Any:
        out = empty(arrays[0].shape[-1:], arrays[0].dtype)
        out2 = None if what == native.COLUMN_SUMS else empty(out.shape, out.dtype)
        done = native.columns(*arrays, out, out2, what)
        if done is False:
            done = native.columns(*contiguous(arrays), out, out2, what)
        return NotImplemented if done is not True else out if out2 is None else (out, out2)

    # Batch norm, over all axes but the last.  With s = gamma/sqrt(var + eps):
    #     y  = norm_apply(x, s, beta - mean*s, relu)
    #     S0, S1 = norm_sums(dy, x, mean, y if relu else None)
    #     dx = norm_dx(dy, x, mean, s, -s*S1/(m*(var + eps)), -s*S0/m, y if relu else None),   m the number of rows

    def norm_stats(x: Any) -> Any:
        """Mean and (biased) variance over all axes but the last, in one pass over memory, without cancellation."""
        return _columns(native.MOMENTS, x, None, None, None)

    def norm_apply(x: Any, scale: Any, shift: Any, relu: bool = False) -> Any:
        """x*scale + shift along the last axis, then relu if asked."""
        return _rowwise(native.SCALE_SHIFT, relu, x, None, None, scale, shift, None, None)

    def norm_sums(dy: Any, x: Any, mean: Any, y: Any = None) -> Any:
        """Sums of dy and of dy*(x - mean) over all axes but the last; with `y`, dy counts where y > 0 only."""
        return _columns(native.NORM_SUMS, dy, x, y, mean)

    def norm_dx(dy: Any, x: Any, mean: Any, a: Any, b: Any, c: Any, y: Any = None) -> Any:
        """dy*a + (x - mean)*b + c along the last axis; with `y`, dy counts where y > 0 only."""
        return _rowwise(native.NORM_DX, False, dy, x, y, a, b, mean, c)

    return {
        "column_sum": column_sum,
        "norm_stats": norm_stats,
        "norm_apply": norm_apply,
        "norm_sums": norm_sums,
        "norm_dx": norm_dx,
    }
