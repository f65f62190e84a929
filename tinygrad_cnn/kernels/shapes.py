"""Window and padding arithmetic, for any number of axes: the only place with that formula.

Letters: ``H W`` image, ``I J`` window, ``H' W'`` output, ``C`` input channels, ``O`` output channels,
``n f p s d`` size, window, padding, stride and dilation along one axis; ``L`` and ``D`` are lengths of sequences and
depths of volumes, ``K`` windows along these.  The output size is

    floor((n + p_before + p_after - d*(f - 1) - 1) / s) + 1
"""

from __future__ import annotations

import math
from functools import reduce
from operator import index
from typing import Any, NamedTuple

import numpy as np

Pair = tuple[int, int]
Sizes = tuple[int, ...]  # one for each axis of a window
Count = int | np.integer[Any]
THINGS = {1: ("sequence", "(N, L, C)"), 2: ("image", "(N, H, W, C)"), 3: ("volume", "(N, D, H, W, C)")}
FILTERS = {1: "(K, C, O)", 2: "(I, J, C, O)", 3: "(K, I, J, C, O)"}
_SIDES = {1: "(before, after)", 2: "((top, bottom), (left, right))",
          3: "((front, back), (top, bottom), (left, right))"}  # fmt: skip
_MANY = {1: "", 2: ", or a pair of them", 3: ", or three of them"}


def rows_of(x: Any) -> Any:
    """All axes but the last as one, (rows, C); ``reshape(-1, C)`` fails where C is 0."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class Window(NamedTuple):
    """A sliding window with every option worked out; what kernels are given, who know those of two axes.

    ``padding`` is ``((top, bottom), (left, right))`` and already holds what ceil mode adds below and to
    the right, so no kernel knows of ``"same"`` or of ceil mode.  ``extra`` says how much of it that was.
    """

    size: Sizes
    window: Sizes
    stride: Sizes
    padding: tuple[Pair, ...]
    dilation: Sizes
    out: Sizes
    extra: Sizes = (0, 0)

    @property
    def reach(self) -> Sizes:
        """Pixels from the first to the last tap, both counted: d*(f - 1) + 1."""
        return tuple(d * (f - 1) + 1 for f, d in zip(self.window, self.dilation, strict=True))

    @property
    def sides(self) -> tuple[Pair, ...]:
        """The padding that was asked for, without what ceil mode added."""
        return tuple((before, after - more) for (before, after), more in zip(self.padding, self.extra, strict=True))

    @property
    def tap_dtype(self) -> type[np.integer]:
        """The type of a tap's number i*J + j: uint8, or int32 past 256 taps."""
        return np.uint8 if math.prod(self.window) <= 256 else np.int32


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
    return each(op, name, value, 2, least)  # type: ignore[return-value]


def each(op: str, name: str, value: object, axes: int, least: int = 1) -> Sizes:
    """Return a whole number, or as many as there are axes, each at least `least`, as a tuple of ints."""
    items = value if isinstance(value, (tuple, list)) else (value,) * axes
    known = all(map(is_whole, items)) and (axes > 1 or len(items) == 1)
    if known and len(items) == axes and min(items) >= least:
        return tuple(map(index, items))
    raise (ValueError if known else TypeError)(
        f"{op}: {name}={value!r} must be a whole number of at least {least}{_MANY[axes]}."
    )


def _sides(op: str, padding: object, axes: int) -> tuple[Pair, ...]:
    """Explicit padding, in any of its forms, as a pair (before, after) for each axis."""
    numbers = {1: "an int", 2: "an int, a pair", 3: "an int, three of them"}[axes]
    forms = f'{numbers}, {_SIDES[axes]}, "same" or "valid"'
    if isinstance(padding, str):
        raise ValueError(f"{op}: padding={padding!r} is not known; it is {forms}.")
    items: Any = padding if isinstance(padding, (tuple, list)) else (padding,) * axes
    if axes == 1 and len(items) == 2:
        items = (items,)
    nested = [isinstance(p, (tuple, list)) for p in items]
    try:
        if any(nested) and not all(nested):
            raise TypeError
        if len(items) != axes or (any(nested) and any(len(p) != 2 for p in items)):
            raise ValueError
        return tuple(pair(op, "padding", p, 0) for p in items)
    except TypeError:
        raise TypeError(f"{op}: padding={padding!r} must be {forms}.") from None
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(op) else f"{op}: padding={padding!r} must be {forms}.") from None


def _same(n: int, s: int, reach: int) -> Pair:
    """TensorFlow's rule: ceil(n/s) outputs; the odd pixel goes to the bottom or right."""
    total = max((-(-n // s) - 1) * s + reach - n, 0)
    return total // 2, total - total // 2


def by(sizes: Sizes) -> str:
    """Sizes in words: 3x3; of one axis, the number."""
    return "x".join(map(str, sizes))


def _window(sizes: Sizes) -> str:
    return f"window of {sizes[0]}" if len(sizes) == 1 else f"{by(sizes)} window"


def _thing(size: Sizes) -> str:
    thing = THINGS[len(size)][0]
    return f"{thing} of {size[0]}" if len(size) == 1 else f"{by(size)} {thing}"


def resolve(
    op: str,
    size: Sizes,
    window: object,
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    ceil_mode: bool = False,
) -> Window:
    """Work out a window over an image of `size` = (H, W), or a sequence or volume, which have as many sizes as axes.

    Raises, in the words of `op`, if it does not fit.
    """
    axes = len(size)
    window_, stride_, dilation_ = (
        each(op, name, v, axes) for name, v in (("window", window), ("stride", stride), ("dilation", dilation))
    )
    reach = tuple(d * (f - 1) + 1 for f, d in zip(window_, dilation_, strict=True))
    if padding == "same":
        sides = tuple(_same(n, s, r) for n, s, r in zip(size, stride_, reach, strict=True))
    elif padding == "valid":
        sides = ((0, 0),) * axes
    else:
        sides = _sides(op, padding, axes)
    out, extra = [], []
    for n, r, s, (before, after) in zip(size, reach, stride_, sides, strict=True):
        room = n + before + after - r
        count = room // s + 1
        if ceil_mode and room >= 0 and room % s and count * s < n + before:
            count += 1  # one window more, provided that it starts on the image or before it
        out.append(count)
        extra.append(max((count - 1) * s - room, 0))
    if min(out) < 1 or min(size) < 1:
        axis = next(k for k, n in enumerate(size) if out[k] < 1 or n < 1)
        n, r, s, (before, after) = size[axis], reach[axis], stride_[axis], sides[axis]
        pads = f"2*{before}" if before == after else f"{before} + {after}"
        spread = f" (dilation {by(dilation_)})" if max(dilation_) > 1 else ""
        raise ValueError(
            f"{op}: a {_window(window_)}{spread} does not fit a {_thing(size)} with padding "
            f"{padding!r}: ({n} + {pads} - {r})/{s} + 1 = {out[axis]}. "
            'Use padding="same" or a smaller window.'
        )
    full = tuple((before, after + more) for (before, after), more in zip(sides, extra, strict=True))
    return Window(size, window_, stride_, full, dilation_, tuple(out), tuple(extra))


def batch(op: str, name: str, shape: tuple[int, ...], axes: int) -> None:
    """Refuse what is not a batch of sequences, images or volumes, which have one, two and three axes."""
    if len(shape) != axes + 2:
        thing, form = THINGS[axes]
        hint = " Add a batch axis: x[None]." if len(shape) == axes + 1 else ""
        raise ValueError(f"{op}: {name} must be {thing}s {form}, but has shape {shape}: {len(shape)} axes.{hint}")


def image(op: str, name: str, shape: tuple[int, ...]) -> None:
    """Refuse what is not a batch of images (N, H, W, C)."""
    batch(op, name, shape, 2)


def conv_window(
    op: str,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: Count = 1,
    axes: int = 2,
) -> Window:
    """The window of a convolution of images (N, H, W, C) with filters (I, J, C/groups, O), after checking both.

    With `axes`, of sequences (N, L, C) or volumes (N, D, H, W, C), with filters of as many axes.
    """
    batch(op, "x", x_shape, axes)
    if len(w_shape) != axes + 2:
        raise ValueError(f"{op}: filters must be {FILTERS[axes]}, but w has shape {w_shape}: {len(w_shape)} axes.")
    if type(groups) is not int or groups < 1:
        groups = whole(op, "groups", groups)
    c, per, o = x_shape[-1], w_shape[-2], w_shape[-1]
    if c != per * groups:
        in_all = f" in each of {groups} groups, {per * groups} in all" if groups > 1 else ""
        thing, form = THINGS[axes]
        raise ValueError(
            f"{op}: filters {w_shape} expect {per} input channels{in_all}, "
            f"but x has shape {x_shape}: {c} channels."
            + (f" Is x channels first? {thing.capitalize()}s are {form}." if x_shape[1] == per * groups else "")
        )
    if o % groups:
        raise ValueError(f"{op}: {o} output channels (w has shape {w_shape}) do not divide into groups={groups}.")
    return resolve(op, x_shape[1:-1], w_shape[:axes], stride=stride, padding=padding, dilation=dilation)


def pool_window(
    op: str,
    x_shape: tuple[int, ...],
    window: object,
    *,
    stride: object = None,
    padding: object = 0,
    dilation: object = 1,
    ceil_mode: bool = False,
    axes: int = 2,
) -> Window:
    """The window of a pooling of images (N, H, W, C), or what has as many `axes`; `stride` defaults to the window."""
    batch(op, "x", x_shape, axes)
    stride = window if stride is None else stride
    win = resolve(op, x_shape[1:-1], window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    for sides, reach in zip(win.sides, win.reach, strict=True):
        if max(sides) >= reach:
            raise ValueError(
                f"{op}: padding={padding!r} must be smaller than the window's reach of {reach} pixels, "
                "or a window would see padding only."
            )
    if not tap_counts(win, False).all():
        raise ValueError(
            f"{op}: with padding={padding!r} and dilation={dilation!r} some {_window(win.window)} "
            f"touches no pixel of the {_thing(win.size)}. Use less padding or dilation."
        )
    return win


def tap_counts(win: Window, count_include_pad: bool) -> np.ndarray:
    """How many taps of each window an average divides by: (H', W') int64, or of as many axes.

    Padding asked for counts if `count_include_pad`; what ceil mode added never does (PyTorch's rule).
    """
    counts = []
    for n, f, s, d, out, (before, after) in zip(*win[:3], win.dilation, win.out, win.sides, strict=True):
        low, high = (-before, n + after) if count_include_pad else (0, n)
        taps = (np.arange(out) * s - before)[:, None] + np.arange(f) * d
        counts.append(((taps >= low) & (taps < high)).sum(axis=1))
    return reduce(np.multiply.outer, counts)
