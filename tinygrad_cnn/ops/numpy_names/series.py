"""NumPy's functions of rows of samples: differences, slopes, areas, lines between points."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..algebra import broadcast_to
from ..arithmetic import where
from ..indexing import getitem
from ..reduce import sum
from ..shape import concatenate, reshape, stack
from .given import array, as_dtype, axis_of, flat, floating, given, only, plain


def _part(x: Any, axis: int, start: Any, stop: Any) -> Any:
    return getitem(x, key=(slice(None),) * axis + (slice(start, stop),))


def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    a = array(a)
    axis = axis_of(axis, a.ndim)
    one = tuple(1 if k == axis else length for k, length in enumerate(a.shape))
    front, back = ([] if given(end) is None else [_end(array(end), one)] for end in (prepend, append))
    if front or back:
        a = concatenate([*front, a, *back], axis=axis)
    for _ in range(n):
        a = _part(a, axis, 1, None) - _part(a, axis, None, -1)
    return a


def _end(end: Any, one: tuple[int, ...]) -> Any:
    return end if end.ndim else broadcast_to(end, one)


def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    ary = flat(array(ary))
    parts = [to_begin, _diff(ary), to_end]
    rows = [flat(as_dtype(array(p), ary.dtype)) for p in parts if p is not None]
    return rows[0] if len(rows) == 1 else concatenate(rows, axis=0)


def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    y = array(y)
    axis = axis_of(axis, y.ndim)
    if x is None:
        step = dx
    else:
        step = _diff(array(x), axis=axis if array(x).ndim > 1 else -1)
        if step.ndim == 1:
            step = reshape(step, tuple(-1 if k == axis else 1 for k in range(y.ndim)))
    return sum(step * (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2.0, axis=axis)


def _slopes(f: Any, space: Any, axis: int, edge_order: int) -> Any:
    """The slope along one axis: second order inside, of `edge_order` at the ends."""
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"np.gradient: {n} elements along axis {axis}; edge_order={edge_order} needs more.")
    space = array(space)
    shape = tuple(-1 if k == axis else 1 for k in range(f.ndim))
    steps = _diff(space) if space.ndim else broadcast_to(space, (n - 1,))
    if steps.shape != (n - 1,):
        raise ValueError(f"np.gradient: {space.shape[0]} places for {n} elements along axis {axis}; give as many.")

    def at(k: int) -> Any:
        return reshape(getitem(steps, key=k), (1,) * f.ndim)

    def row(k: int) -> Any:
        return _part(f, axis, k, k + 1 or None)

    first, last = (row(1) - row(0)) / at(0), (row(-1) - row(-2)) / at(-1)
    inside = []
    if n > 2:
        before, after = (reshape(_part(steps, 0, *ends), shape) for ends in ((None, -1), (1, None)))
        a, b, c = (_part(f, axis, *ends) for ends in ((None, -2), (1, -1), (2, None)))
        learnt = getattr(space, "requires_grad", False)
        if not space.ndim or not (learnt or np.ptp(plain(steps))):  # b counts 0 times, which it may not bear
            inside = [(c - a) / (before + after)]
        else:
            weighed = before**2 * c + (after**2 - before**2) * b - after**2 * a
            inside = [weighed / (before * after * (before + after))]
    if edge_order == 2:
        p, q, r, s = at(0), at(1), at(-1), at(-2)
        first = (-(2 * p + q) / (p * (p + q))) * row(0) + (p + q) / (p * q) * row(1) - p / (q * (p + q)) * row(2)
        last = r / (s * (s + r)) * row(-3) - (r + s) / (s * r) * row(-2) + (2 * r + s) / (r * (s + r)) * row(-1)
    return as_dtype(concatenate([first, *inside, last], axis=axis), f.dtype)


def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = floating(array(f))
    axes = range(f.ndim) if axis is None else [axis_of(k, f.ndim) for k in np.atleast_1d(axis).tolist()]
    spaces = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    if len(spaces) != len(axes):
        raise TypeError(f"np.gradient: {len(varargs)} spacings for {len(axes)} axes; give one, or one for each.")
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient: edge_order={edge_order!r} must be 1 or 2.")
    found = tuple(_slopes(f, space, k, edge_order) for space, k in zip(spaces, axes, strict=True))
    return found[0] if len(found) == 1 else found


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    only("interp", period=(period, None))
    x, xp, fp = (as_dtype(array(v), np.float64) for v in (x, xp, fp))  # as NumPy does
    n = xp.shape[0]
    if n == 1:
        raise ValueError("np.interp: one point gives no line; give at least two.")
    values, spots = plain(x), plain(xp)
    k = np.clip(np.searchsorted(spots, values, "right") - 1, 0, n - 2)
    x0, y0 = getitem(xp, key=k), getitem(fp, key=k)
    slope = (getitem(fp, key=k + 1) - y0) / (getitem(xp, key=k + 1) - x0)
    y = y0 + slope * (x - x0)
    y = where(values < spots[0], getitem(fp, key=0) if left is None else left, y)
    return where(values > spots[-1], getitem(fp, key=n - 1) if right is None else right, y)


def _linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    only("linspace", axis=(axis, 0), dtype=(dtype, None))
    start, stop = (v if isinstance(v, (int, float)) else array(v) for v in (start, stop))
    parts = max(num - 1 if endpoint else num, 1)
    step = (stop - start) / parts
    rows = [start + step * k for k in range(num)]
    if endpoint and num > 1:
        rows[-1] = start * 0 + stop
    y = stack(rows)
    return (y, step) if retstep else y


def _logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    only("logspace", axis=(axis, 0), dtype=(dtype, None))
    return base ** _linspace(start, stop, num, endpoint)


GRADIENT: dict[str, Any] = {
    "diff": _diff,
    "ediff1d": _ediff1d,
    "trapezoid": _trapezoid,
    "gradient": _gradient,
    "interp": _interp,
    "linspace": _linspace,
    "logspace": _logspace,
}
