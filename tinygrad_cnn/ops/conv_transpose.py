"""Transposed convolutions: the gradient of a convolution in its input, under the name and with the sizes users know."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.calls import named
from ..autodiff.kinds import Padding, Size2d, Size3d, Whole
from ..autodiff.numbers import whole
from ..core import op
from ..kernels import shapes
from . import _samples
from ._arguments import Input, placed, promoted, shape_of
from .conv import by_sample, conv2d, conv2d_dw, cost_of_windows, geometry
from .conv_forms import as_rows, in_one_row
from .reduce import sum
from .shape import reshape
from .volumes import conv3d, conv3d_dw, conv3d_dx, volume_window

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def _size(who: str, size: Any, window: Any, more: Any, *, stride: Any, padding: Any, dilation: Any) -> shapes.Sizes:
    """(H - 1)*stride - pads + dilation*(I - 1) + 1 + output_padding, and so on; H*stride for "same"."""
    spread = shapes.each(who, "dilation", dilation, len(size))
    fits = tuple(f * d for f, d in zip(window, spread, strict=True))  # an image that the window fits
    win = shapes.resolve(who, fits, window, stride=stride, padding=padding, dilation=dilation)
    if padding == "same":
        return tuple(n * s for n, s in zip(size, win.stride, strict=True))
    return tuple(
        (n - 1) * s + reach - before - after + m
        for n, s, reach, (before, after), m in zip(size, win.stride, win.reach, win.padding, more, strict=True)
    )


def _result_shape(
    who: str, s: Any, f: Any, b: Any, output_padding: Any, groups: Any, axes: int = 2, **options: Any
) -> tuple[int, ...]:
    """The shape of the result of an input, filters and a bias of these shapes, once everything is checked."""
    shapes.batch(who, "x", s, axes)
    padding, form = options["padding"], shapes.FILTERS[axes].replace("C, O", "O/groups, C")
    if len(f) != axes + 2:
        raise ValueError(f"{who}: filters must be {form}, but w has shape {f}: {len(f)} axes.")
    groups = whole(who, "groups", groups)
    if f[-1] % groups:
        raise ValueError(f"{who}: groups={groups} must divide the {f[-1]} input channels of w {f}.")
    if f[-1] != s[-1]:
        swapped = f" Filters are {form}: the input channels come last." if f[-2] == s[-1] else ""
        raise ValueError(f"{who}: filters {f} expect {f[-1]} input channels, but x has shape {s}: {s[-1]}.{swapped}")
    outputs = f[-2] * groups
    if b is not None and b != (outputs,):
        raise ValueError(f"{who}: the bias has shape {b}, expected ({outputs},): one number per output.")
    more = shapes.each(who, "output_padding", output_padding, axes, 0)
    steps = shapes.each(who, "stride", options["stride"], axes)
    if padding == "same" and any(more):
        raise ValueError(f'{who}: output_padding={output_padding!r} must be 0 with padding="same", a size by itself.')
    if any(m >= step for m, step in zip(more, steps, strict=True)):
        raise ValueError(f"{who}: output_padding={output_padding!r} must be smaller than stride={options['stride']!r}.")
    size = _size(who, s[1:-1], f[:axes], more, **options)
    if min(size) < 1:
        thing, unit = shapes.THINGS[axes][0], {1: "places", 2: "pixels", 3: "voxels"}[axes]
        raise ValueError(
            f"{who}: {_of_size(thing, s[1:-1])} with padding={padding!r} give {shapes.by(size)} {unit}. "
            "Use less padding."
        )
    return (s[0], *size, outputs)


def _of_size(thing: str, size: Any) -> str:
    return f"{thing}s of {size[0]}" if len(size) == 1 else f"{shapes.by(size)} {thing}s"


def _ref(
    x: Any, w: Any, b: Any = None, *, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Each pixel stamps the filters, times its value, on a canvas, from which padding is cut off."""
    (n, *size, c), (*window, o, _), axes = x.shape, w.shape, x.ndim - 2
    steps, spread, more, pads = (
        v if isinstance(v, tuple) else (v,) * axes for v in (stride, dilation, output_padding, padding)
    )
    room = [h * s + f * d + 9 for h, s, f, d in zip(size, steps, window, spread)]  # noqa: B905
    canvas = np.zeros((n, *room, o * groups), x.dtype)
    for place in np.ndindex(*size, *window, c):
        at, tap, k = place[:axes], place[axes:-1], place[-1]
        g = k // (c // groups)
        where = [p * s + t * d for p, s, t, d in zip(at, steps, tap, spread)]  # noqa: B905
        stamped, seen = (slice(None), *where, slice(g * o, g * o + o)), (slice(None), *at, k)
        weights = (*tap, slice(None), k)
        canvas[stamped] += x[seen][:, None] * w[weights]
    cut = [slice(None)]
    for h, s, d, f, m, side in zip(size, steps, spread, window, more, pads if padding != "same" else window):  # noqa: B905
        end = (h - 1) * s + d * (f - 1) + 1 + m
        if isinstance(padding, str):
            lost = max(end - h * s, 0) if padding == "same" else 0
            cut.append(slice(lost // 2, max(end, h * s) - lost + lost // 2 if padding == "same" else end))
        else:
            before, after = side if isinstance(side, tuple) else (side, side)
            cut.append(slice(before, end - after))
    y = canvas[tuple(cut)]
    return y if b is None else y + b


def _transposed_by_sample(
    g: Any, x: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Any:
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return by_sample(len(g), g.reshape(-1, *g.shape[2:]), x, w_shape, groups, **options)


@op(
    linear=["x", "w", "b"],
    params=["stride", "padding", "output_padding", "groups", "dilation"],
    floating=["x", "w", "b"],
    samples=[
        S(x=(2, 3, 4, 2), w=(3, 3, 3, 2), b=(3,)), S(x=(2, 3, 2, 2), w=(3, 2, 3, 2), stride=2, padding=1,
        output_padding=1), S(x=(1, 2, 3, 4), w=(2, 2, 3, 4), b=(6,), groups=2, stride=(2, 1)),
        S(x=(1, 3, 3, 1), w=(4, 3, 2, 1), stride=2, padding="same"), S(x=(2, 3, 3, 2), w=(2, 3, 1, 2),
        dilation=(2, 1), padding=((1, 0), (0, 2))), S(x=(1, 2, 2, 1), w=(1, 1, 2, 1), b=(2,), stride=3, padding="same"),
        S(x=(1, 2, 3, 2), w=(2, 2, 1, 2), padding="valid", groups=2),
    ],
    ref=_ref,
    cost=lambda x_shape, w_shape: cost_of_windows(x_shape, w_shape),
    stacks=first_axis("x"),
    per_sample={"w": _transposed_by_sample, "b": _samples.bias},
)  # fmt: skip
def conv_transpose2d(
    x: Any, w: Any, b: Any = None, stride: Size2d = 1, padding: Padding = 0, output_padding: Size2d = 0,
    groups: Whole = 1, dilation: Size2d = 1,
) -> Any:  # fmt: skip
    """Each pixel stamps filters times its value.  x (N,H,W,C) · w (I,J,O/groups,C) · b (O,) -> (N,H',W',O)

    The gradient of a convolution from O to C channels with the same filters, as an op of its own.
    H' = (H - 1)*stride - top - bottom + dilation*(I - 1) + 1 + output_padding, and W' alike.

    Parameters
    ----------
    stride, dilation : int or pair, in pixels.
    padding : what the convolution would add is cut off: int, pair, ((top, bottom), (left, right)), "valid" for none,
        or "same" for H' = H*stride.
    output_padding : int or pair, smaller than the stride: rows and columns more at the bottom and right.
    groups : channels are cut into this many groups that do not mix.

    Raises
    ------
    ValueError : the channels do not match, or nothing is left of the image.

    Examples
    --------
    >>> x = np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
    >>> w = np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
    >>> tg.conv_transpose2d(x, w, stride=2).shape  # the rows in between stay empty
    (1, 1, 4, 1)
    >>> tg.conv_transpose2d(x, w, stride=(1, 2)).ravel()
    array([ 1.,  2., 10., 20.])
    """
    shape = _result_shape(
        "conv_transpose2d", x.shape, w.shape, None if b is None else b.shape, output_padding, groups, stride=stride,
        padding=padding, dilation=dilation,
    )  # fmt: skip
    x, w, b = promoted(x, w, b)
    y = kernels.conv2d_dx(x, w, geometry(shape, w.shape, stride, padding, dilation, groups), groups)
    return y if b is None else y + b


conv_transpose2d.vjp(
    x=lambda g, w, stride, padding, dilation, groups: conv2d(
        g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: conv2d_dw(
        g, x, window=w_shape[:2], stride=stride, padding=padding, dilation=dilation, groups=groups),
    b=lambda g: sum(g, axis=(0, 1, 2)),
)  # fmt: skip
conv_transpose2d.formula(y="conv2d_dx(x, w) + b")


@op(
    linear=["x", "w", "b"],
    params=["stride", "padding", "output_padding", "groups", "dilation"],
    floating=["x", "w", "b"],
    samples=[
        S(x=(2, 2, 3, 2, 2), w=(2, 3, 2, 3, 2), b=(3,)), S(x=(1, 2, 2, 3, 2), w=(3, 2, 2, 1, 2), stride=2, padding=1,
        output_padding=(1, 0, 1)), S(x=(1, 2, 2, 2, 4), w=(2, 1, 2, 2, 4), b=(4,), groups=2, stride=(2, 1, 1)),
        S(x=(1, 2, 3, 2, 1), w=(3, 2, 4, 2, 1), stride=2, padding="same"), S(x=(1, 3, 2, 3, 1), w=(2, 2, 2, 1, 1),
        dilation=(2, 1, 2), padding=((1, 0), (0, 1), (1, 1))), S(x=(1, 2, 2, 2, 2), w=(1, 2, 1, 2, 2), padding="valid"),
    ],
    ref=_ref,
    cost=lambda x_shape, w_shape: cost_of_windows(x_shape, w_shape),
    stacks=first_axis("x"),
)  # fmt: skip
def conv_transpose3d(
    x: Any, w: Any, b: Any = None, stride: Size3d = 1, padding: Padding = 0, output_padding: Size3d = 0,
    groups: Whole = 1, dilation: Size3d = 1,
) -> Any:  # fmt: skip
    """Each voxel stamps filters times its value.  x (N,D,H,W,C) · w (K,I,J,O/groups,C) · b (O,) -> (N,D',H',W',O)

    The gradient of `conv3d` with the same filters.  Sizes and options as in `conv_transpose2d`, along the depth, too:
    an int or three of them; padding as in `conv3d`.

    >>> x, w = np.array([1.0, 10.0]).reshape(1, 2, 1, 1, 1), np.array([1.0, 2.0]).reshape(2, 1, 1, 1, 1)
    >>> tg.conv_transpose3d(x, w, stride=(2, 1, 1)).ravel()
    array([ 1.,  2., 10., 20.])
    """
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
    bias = None if b is None else b.shape
    shape = _result_shape("conv_transpose3d", x.shape, w.shape, bias, output_padding, groups, axes=3, **options)
    x, w, b = promoted(x, w, b)
    y = conv3d_dx(x, w, volume_window(shape, w.shape, groups=groups, **options), groups)
    return y if b is None else y + b


conv_transpose3d.vjp(
    x=lambda g, w, stride, padding, dilation, groups: conv3d(
        g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: conv3d_dw(g, x, volume_window(
        g.shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups), groups),
    b=lambda g: sum(g, axis=(0, 1, 2, 3)),
)  # fmt: skip
conv_transpose3d.formula(y="conv3d_dx(x, w) + b", w="conv3d_dw(g, x)")


@named
def conv_transpose1d(
    x: Input, w: Input, b: Input = None, stride: Whole = 1, padding: Padding = 0, output_padding: Whole = 0,
    groups: Whole = 1, dilation: Whole = 1,
) -> Any:  # fmt: skip
    """Each place stamps filters times its value.  x (N,L,C) · w (K,O/groups,C) · b (O,) -> (N,L',O)

    The gradient of `conv1d` with the same filters.  Sizes and options as in `conv_transpose2d`, of one axis; padding as
    in `conv1d`.

    >>> x, w = np.array([1.0, 10.0]).reshape(1, 2, 1), np.array([1.0, 2.0]).reshape(2, 1, 1)
    >>> tg.conv_transpose1d(x, w, stride=2).ravel()
    array([ 1.,  2., 10., 20.])
    """
    who = placed("conv_transpose1d")
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
    bias = None if b is None else shape_of(who, b)
    w_shape = shape_of(who, w)
    shape = _result_shape(who, shape_of(who, x), w_shape, bias, output_padding, groups, axes=1, **options)
    row = in_one_row(shapes.conv_window(who, shape, w_shape, axes=1, groups=groups, **options))
    if padding == "same":  # a size by itself, which widths do not tell
        row["padding"] = padding
    y = conv_transpose2d(
        as_rows(x), reshape(w, (1, *w_shape)), b, output_padding=(0, output_padding), groups=groups, **row
    )
    return reshape(y, shape)
