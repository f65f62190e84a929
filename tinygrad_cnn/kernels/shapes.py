"""Window and padding arithmetic: the only place with that formula.

Letters: ``H W`` image, ``I J`` window, ``H' W'`` output, ``C`` input channels, ``O`` output channels,
``n f p s d`` image size, window size, padding, stride and dilation along one axis.  The output size is

    floor((n + p_before + p_after - d*(f - 1) - 1) / s) + 1
"""

from __future__ import annotations

import math
from operator import index
from typing import Any, NamedTuple

import numpy as np

Pair = tuple[int, int]
Count = int | np.integer[Any]


def rows_of(x: Any) -> Any:
    """All axes but the last as one, (rows, C); ``reshape(-1, C)`` fails where C is 0."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class Window(NamedTuple):
    """A sliding window with every option worked out; what kernels are given.

    ``padding`` is ``((top, bottom), (left, right))`` and already holds what ceil mode adds below and to
    the right, so no kernel knows of ``"same"`` or of ceil mode.  ``extra`` says how much of it that was.
    """

    size: Pair
    window: Pair
    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair
    out: Pair
    extra: Pair = (0, 0)

    @property
    def reach(self) -> Pair:
        """Pixels from the first to the last tap, both counted: d*(f - 1) + 1."""
        (i, j), (di, dj) = self.window, self.dilation
        return di * (i - 1) + 1, dj * (j - 1) + 1

    @property
    def tap_dtype(self) -> type[np.integer]:
        """The type of a tap's number i*J + j: uint8, or int32 past 256 taps."""
        return np.uint8 if self.window[0] * self.window[1] <= 256 else np.int32


def is_whole(value: object) -> bool:
    """Return whether this is a Python int, a NumPy integer or an integer array without axes, and not a bool."""
    if type(value) is int:
        return True
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer, np.ndarray)):
        return False
    try:
        index(value)
    except TypeError:  # an array of floats or with axes, a time
        return False
    return True


def whole(op: str, name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number from `least` to `most` as an int."""
    known = is_whole(value)
    if known and least <= (number := index(value)) and (most is None or number <= most):  # type: ignore[arg-type]
        return number
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise (ValueError if known else TypeError)(f"{op}: {name}={value!r} must be a whole number {bounds}.")


def pair(op: str, name: str, value: object, least: int = 1) -> Pair:
    """Return a whole number, or a pair of them, each at least `least`, as a pair of ints."""
    # Each call of a convolution comes here several times, nearly always with one of the first two forms.
    if type(value) is int and value >= least:
        return value, value
    if type(value) is tuple and len(value) == 2:
        a, b = value
        if type(a) is int and type(b) is int and a >= least and b >= least:
            return a, b
    items = value if isinstance(value, (tuple, list)) else (value, value)
    known = all(map(is_whole, items))
    if known and len(items) == 2 and min(items) >= least:
        return index(items[0]), index(items[1])
    raise (ValueError if known else TypeError)(
        f"{op}: {name}={value!r} must be a whole number of at least {least}, or a pair of them."
    )


def _sides(op: str, padding: object) -> tuple[Pair, Pair]:
    """Explicit padding, in any of its three forms, as ``((top, bottom), (left, right))``."""
    forms = 'an int, a pair, ((top, bottom), (left, right)), "same" or "valid"'
    if isinstance(padding, str):
        raise ValueError(f"{op}: padding={padding!r} is not known; it is {forms}.")
    try:
        if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
            rows, columns = padding
            if isinstance(rows, (tuple, list)) and isinstance(columns, (tuple, list)):
                if len(rows) != 2 or len(columns) != 2:
                    raise ValueError
                return pair(op, "padding", rows, 0), pair(op, "padding", columns, 0)
            raise TypeError
        if isinstance(padding, (tuple, list)) and len(padding) != 2:
            raise ValueError
        p, q = pair(op, "padding", padding, 0)
    except TypeError:
        raise TypeError(f"{op}: padding={padding!r} must be {forms}.") from None
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(op) else f"{op}: padding={padding!r} must be {forms}.") from None
    return (p, p), (q, q)


def _same(n: int, s: int, reach: int) -> Pair:
    """TensorFlow's rule: ceil(n/s) outputs; the odd pixel goes to the bottom or right."""
    total = max((-(-n // s) - 1) * s + reach - n, 0)
    return total // 2, total - total // 2


def resolve(
    op: str,
    size: Pair,
    window: object,
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    ceil_mode: bool = False,
) -> Window:
    """Work out a window over an image of `size` = (H, W).  Raises, in the words of `op`, if it does not fit."""
    window_, stride_, dilation_ = (
        pair(op, name, v) for name, v in (("window", window), ("stride", stride), ("dilation", dilation))
    )
    reach = tuple(d * (f - 1) + 1 for f, d in zip(window_, dilation_, strict=True))
    if padding == "same":
        sides = tuple(_same(n, s, r) for n, s, r in zip(size, stride_, reach, strict=True))
    elif padding == "valid":
        sides = ((0, 0), (0, 0))
    else:
        sides = _sides(op, padding)
    out, extra = [], []
    for n, r, s, (before, after) in zip(size, reach, stride_, sides, strict=True):
        room = n + before + after - r
        count = room // s + 1
        if ceil_mode and room >= 0 and room % s and count * s < n + before:
            count += 1  # one window more, provided that it starts on the image or before it
        out.append(count)
        extra.append(max((count - 1) * s - room, 0))
    if min(out) < 1 or min(size) < 1:
        axis = 0 if out[0] < 1 or size[0] < 1 else 1
        n, r, s, (before, after) = size[axis], reach[axis], stride_[axis], sides[axis]
        pads = f"2*{before}" if before == after else f"{before} + {after}"
        spread = f" (dilation {dilation_[0]}x{dilation_[1]})" if dilation_ != (1, 1) else ""
        raise ValueError(
            f"{op}: a {window_[0]}x{window_[1]} window{spread} does not fit a {size[0]}x{size[1]} image with padding "
            f"{padding!r}: ({n} + {pads} - {r})/{s} + 1 = {out[axis]}. "
            'Use padding="same" or a smaller window.'
        )
    (t, b), (l, r_) = sides
    full = ((t, b + extra[0]), (l, r_ + extra[1]))
    return Window(size, window_, stride_, full, dilation_, (out[0], out[1]), (extra[0], extra[1]))


def image(op: str, name: str, shape: tuple[int, ...]) -> None:
    """Refuse what is not a batch of images (N, H, W, C)."""
    if len(shape) != 4:
        hint = " Add a batch axis: x[None]." if len(shape) == 3 else ""
        raise ValueError(f"{op}: {name} must be images (N, H, W, C), but has shape {shape}: {len(shape)} axes.{hint}")


def conv_window(
    op: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: int = 1,
) -> Window:
    """The window of a convolution of images (N, H, W, C) with filters (I, J, C/groups, O), after checking both."""
    image(op, "x", x_shape)
    if len(w_shape) != 4:
        raise ValueError(f"{op}: filters must be (I, J, C, O), but w has shape {w_shape}: {len(w_shape)} axes.")
    if type(groups) is not int or groups < 1:
        groups = whole(op, "groups", groups)
    c, o = x_shape[3], w_shape[3]
    if c != w_shape[2] * groups:
        per = f" in each of {groups} groups, {w_shape[2] * groups} in all" if groups > 1 else ""
        raise ValueError(
            f"{op}: filters {w_shape} expect {w_shape[2]} input channels{per}, "
            f"but x has shape {x_shape}: {c} channels."
            + (" Is x channels first? Images are (N, H, W, C)." if x_shape[1] == w_shape[2] * groups else "")
        )
    if o % groups:
        raise ValueError(f"{op}: {o} output channels (w has shape {w_shape}) do not divide into groups={groups}.")
    size = (x_shape[1], x_shape[2])
    return resolve(op, size, w_shape[:2], stride=stride, padding=padding, dilation=dilation)


def pool_window(
    op: str,
    x_shape: tuple[int, ...],
    window: object,
    *,
    stride: object = None,
    padding: object = 0,
    dilation: object = 1,
    ceil_mode: bool = False,
) -> Window:
    """The window of a pooling over images (N, H, W, C); `stride` defaults to the window."""
    image(op, "x", x_shape)
    stride = window if stride is None else stride
    size = (x_shape[1], x_shape[2])
    win = resolve(op, size, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    for (before, after), more, reach in zip(win.padding, win.extra, win.reach, strict=True):
        if max(before, after - more) >= reach:
            raise ValueError(
                f"{op}: padding={padding!r} must be smaller than the window's reach of {reach} pixels, "
                "or a window would see padding only."
            )
    if not tap_counts(win, False).all():
        raise ValueError(
            f"{op}: with padding={padding!r} and dilation={dilation!r} some {win.window[0]}x{win.window[1]} window "
            f"touches no pixel of the {win.size[0]}x{win.size[1]} image. Use less padding or dilation."
        )
    return win


def tap_counts(win: Window, count_include_pad: bool) -> np.ndarray:
    """How many taps of each window an average divides by: (H', W') int64.

    Padding asked for counts if `count_include_pad`; what ceil mode added never does (PyTorch's rule).
    """
    counts = []
    for axis in (0, 1):
        n, f, s, d = win.size[axis], win.window[axis], win.stride[axis], win.dilation[axis]
        (before, after), more = win.padding[axis], win.extra[axis]
        low, high = (-before, n + after - more) if count_include_pad else (0, n)
        taps = (np.arange(win.out[axis]) * s - before)[:, None] + np.arange(f) * d
        counts.append(((taps >= low) & (taps < high)).sum(axis=1))
    return np.multiply.outer(counts[0], counts[1])
