"""Borders: `pad`, and its adjoint for the modes whose border is made of the array itself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import by_parameters
from ..autodiff.kinds import Number, PadMode, Width
from ..autodiff.numbers import is_number
from ..core import Tensor, op
from ._arguments import fitting
from ._taps import Taps, gather, taps
from .indexing import _put_ref, getitem

__all__ = ["pad"]


def _widths(who: str, width: Any, ndim: int) -> list[tuple[int, int]]:
    """NumPy's pad widths: an int, a pair, or a pair per axis."""
    error: type[Exception] = ValueError
    try:
        given = np.asarray(None if isinstance(width, Tensor) else width)  # a setting is not part of a graph
        if given.dtype.kind not in "iu":
            error = TypeError
            raise ValueError
        pairs = np.broadcast_to(given, (ndim, 2))
        if (pairs < 0).any():
            raise ValueError
    except ValueError:
        rule = "must be whole numbers of at least 0: one, a pair, or a pair per axis"
        raise error(f"{who}: width={width!r} {rule}.") from None
    return [(int(a), int(b)) for a, b in pairs]


def _inner(width: Any, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(a, a + n) for (a, _), n in zip(_widths("pad", width, len(shape)), shape, strict=True))


def _beside(who: str, width: Any, shape: tuple[int, ...]) -> Any:
    """The widths of a stack of arrays of `shape`: nothing is added to the stack."""
    return ((0, 0), *_widths(who, width, len(shape)))


def _unpad_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    (x,), shape = inputs, params["shape"]
    return op(x, **{**params, "shape": (len(x), *shape), "width": _beside("unpad", params["width"], shape)})


# Borders made of x itself: of an axis of n elements, from how many a side of a border is at most made.
BORDERS: dict[str, Callable[[int], int | None]] = {
    "edge": lambda n: None if n else 0, "reflect": lambda n: max(n - 1, 0), "symmetric": lambda n: n,
    "wrap": lambda n: n,
}  # fmt: skip

# What convolutions call these borders, as PyTorch does.
BORDER_NAMES: dict[str, PadMode] = {
    "zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap",
}  # fmt: skip


@lru_cache(256)
def _border(n: int, width: tuple[int, int], mode: str) -> tuple[Taps, Taps]:
    """Which of n elements stands at each place of the padded axis, and the adjoint."""
    source = np.pad(np.arange(n), width, mode=mode)  # type: ignore[call-overload]
    place, one = np.arange(len(source)), np.ones(len(source))
    return taps(len(source), place, source, one), taps(n, source, place, one)


def _check_border(shape: tuple[int, ...], widths: list[tuple[int, int]], mode: str) -> None:
    if mode != "constant" and mode not in BORDERS:
        known = ", ".join(repr(m) for m in ("constant", *BORDERS))
        raise ValueError(f"pad: mode={mode!r} is not known; there are {known}.")
    for axis, (n, width) in enumerate(zip(shape, widths, strict=True)):
        most = BORDERS[mode](n) if mode != "constant" else None
        if most is not None and max(width) > most:
            raise ValueError(
                f"pad: mode={mode!r} adds at most {most} at each end of the {n} elements of axis {axis}, not {width}."
            )


def _padded_ref(x: np.ndarray, width: Any, mode: str = "constant", *, value: float = 0.0) -> np.ndarray:
    widths = _widths("pad", width, x.ndim)
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    if mode == "constant":
        return _put_ref(x - value, key=_inner(width, x.shape), shape=shape) + value

    def source(k: int, n: int) -> int:
        if mode == "edge":
            return min(max(k, 0), n - 1)
        if mode == "wrap":
            return k + n if k < 0 else k - n if k >= n else k
        beyond = 0 if mode == "reflect" else 1  # whether the last element is its own neighbour in the mirror
        return -k - beyond if k < 0 else 2 * (n - 1) - k + beyond if k >= n else k

    out = np.empty(shape, x.dtype)
    for p in itertools.product(*map(range, shape)):
        out[p] = x[tuple(source(k - a, n) for k, (a, _), n in zip(p, widths, x.shape, strict=True))]
    return out


@op(
    linear=["x"],
    params=["width", "mode", "value"],
    samples=[
        S(x=(2, 3), width=1), S(x=(2, 3), width=((1, 0), (0, 2)), value=2.0), S(x=(2, 3), width=(0, 0)),
        S(x=(3,), width=(2, 1)), S(x=(3, 4), width=((2, 1), (0, 3)), mode="reflect"),
        S(x=(2, 3, 2), width=((0, 0), (2, 4), (1, 0)), mode="edge"), S(x=(2, 3), width=((2, 1), (0, 3)), mode="wrap"),
        S(x=(2, 3), width=(1, 2), mode="symmetric"),
    ],
    ref=_padded_ref,
    cost=lambda: 0,
    numpy=[np.pad],
    stacks=by_parameters(lambda shape, width, **p: {"width": _beside("pad", width, shape)}),
)  # fmt: skip
def pad(x: Any, width: Width, mode: PadMode = "constant", value: Number = 0.0) -> Any:
    """A border around x; `width` as in ``np.pad``: one int, a pair, or a pair per axis.  x (...) -> (...)

    Parameters
    ----------
    mode : "constant", all `value`; "edge", the last element again; "reflect", a mirror in the last element;
        "symmetric", a mirror behind it; "wrap", from the other end.

    Examples
    --------
    >>> tg.pad(np.array([1.0, 2.0, 3.0]), 2)
    array([0., 0., 1., 2., 3., 0., 0.])
    >>> tg.pad(np.array([1.0, 2.0, 3.0]), 2, "reflect")
    array([3., 2., 1., 2., 3., 2., 1.])
    """
    widths = _widths("pad", width, x.ndim)
    _check_border(x.shape, widths, mode)
    if mode != "constant":
        for axis, w in enumerate(widths):
            x = gather(x, axis, _border(x.shape[axis], w, mode)[0]) if any(w) else x
        return np.copy(x) if not any(map(any, widths)) else x
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    if not is_number(value):
        raise TypeError(f"pad: value={value!r} must be a number.")
    out = np.full_like(x, fitting("pad", "value", value, x.dtype), shape=shape)
    out[_inner(width, x.shape)] = x
    return out


def _unpad_ref(g: np.ndarray, *, shape: Any, width: Any, mode: str) -> np.ndarray:
    units = np.eye(math.prod(shape)).reshape(-1, *shape)
    sums: np.ndarray = np.array([(_padded_ref(unit, width, mode) * g).sum() for unit in units]).reshape(shape)
    return sums


@op(
    linear=["x"],
    floating=["x"],
    samples=[S(x=(6, 7), shape=(3, 4), width=((2, 1), (0, 3)), mode="reflect"),
             S(x=(8, 5), shape=(2, 3), width=((2, 4), (1, 1)), mode="edge"),
             S(x=(4, 5), shape=(2, 3), width=1, mode="wrap")],
    ref=lambda x, **p: _unpad_ref(x, **p),
    cost=lambda x_shape: math.prod(x_shape),
    stacks=_unpad_stack,
)  # fmt: skip
def unpad(x: Any, *, shape: tuple[int, ...], width: Any, mode: str) -> Any:
    """What pad copied to the border added back where it came from: the adjoint of pad.  x (...) -> shape"""
    for axis, (n, w) in enumerate(zip(shape, _widths("unpad", width, x.ndim), strict=True)):
        x = gather(x, axis, _border(n, w, mode)[1])
    return x


def _pad_x(g: Any, x_shape: Any, width: Any, mode: str) -> Any:
    if mode == "constant":
        return getitem(g, key=_inner(width, x_shape))
    return unpad(g, shape=x_shape, width=width, mode=mode)


pad.vjp(x=_pad_x)
pad.formula(x="unpad(g, width, mode)")
unpad.vjp(x=lambda g, width, mode: pad(g, width, mode))
