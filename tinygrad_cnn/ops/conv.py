"""Convolution: three faces of one trilinear form <dy, conv2d(x, w)>, each the rule of the others.

Fix two of x, w and dy, and the form is linear in the third: ``conv2d`` is its gradient in dy, ``conv2d_dx`` in x,
``conv2d_dw`` in w.  So six one-call rules give every order of derivative.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff import Sample as S
from ..autodiff.batching import first_axis
from ..autodiff.kinds import Padding, Size2d, Whole, Wholes
from ..core import op
from ..kernels import shapes, slow
from . import _samples
from ._arguments import promoted
from .reduce import sum

__all__ = ["conv2d", "conv2d_dw", "conv2d_dx"]


@lru_cache(1024, typed=True)  # typed, since True and 1.0 equal 1 but are refused
def _window(x_shape: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> shapes.Window:
    return shapes.conv_window(
        "conv2d", x_shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def geometry(x_shape: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> shapes.Window:
    """The window of a convolution, worked out once for each set of shapes and options."""
    try:
        return _window(x_shape, w_shape, stride, padding, dilation, groups)
    except TypeError:  # a list among the options cannot be looked up; the check words what is really wrong
        return _window.__wrapped__(x_shape, w_shape, stride, padding, dilation, groups)


def filters_window(x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: Whole) -> shapes.Window:
    """The window of images, filters and bias that go together."""
    win = geometry(x.shape, w.shape, stride, padding, dilation, groups)
    if b is not None and b.shape != w.shape[3:]:
        raise bias_misfit("conv2d", b.shape, w.shape[3:])
    return win


def bias_misfit(who: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> ValueError:
    """The error of a bias that has not one number for each filter."""
    known = f"the bias has shape {shape}, expected {expected}: one number per filter."
    remedy = "" if shape else f" By position, the stride comes after it: {who}(x, w, None, 2)."
    return ValueError(f"{who}: {known}{remedy}")


def cost_of_windows(y_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> int:
    """A product and a sum for each weight that a place of y sees, of filters (..., C/groups, O) or without the O."""
    return 2 * math.prod(y_shape) * math.prod(w_shape[: len(y_shape) - 1])


def _filters_apart(w: Any, groups: int) -> Any:
    """A stack of filters, or of what they give, as more filters.  w (K,...,O) -> (...,K*O), group by group"""
    k, o = len(w), w.shape[-1]
    return np.moveaxis(w.reshape(*w.shape[:-1], groups, o // groups), 0, -2).reshape(*w.shape[1:-1], k * o)


def _filters_stacked(y: Any, k: int, groups: int) -> Any:
    """The other way round.  y (...,K*O) -> (K,...,O)"""
    o = y.shape[-1] // k
    return np.moveaxis(y.reshape(*y.shape[:-1], groups, k, o // groups), -2, 0).reshape(k, *y.shape[:-1], o)


_BY_IMAGE = first_axis("x")


def _conv2d_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    """Stacks of images are more images, stacks of filters are more filters."""
    x, w, *b = inputs
    if stacked[0] or (b and stacked[2]):
        return _BY_IMAGE(op, inputs, stacked, params)
    groups = params["groups"]
    y = _filters_stacked(op(x, _filters_apart(w, groups), **params), len(w), groups)
    return y if not b or b[0] is None else y + b[0]


def _dw_stack(op: Any, inputs: list[Any], stacked: Any, params: dict[str, Any]) -> Any:
    x, dy = inputs
    if stacked[0]:
        return NotImplemented
    groups = params["groups"]
    return _filters_stacked(op(x, _filters_apart(dy, groups), **params), len(dy), groups)


def by_sample(n: int, x: Any, dy: Any, w_shape: Any, groups: int, **options: Any) -> Any:
    """The gradient in the filters of each of n samples; the kernel is quicker for each than for n groups."""
    parts = (a.reshape(n, len(a) // n, *a.shape[1:]) for a in (x, dy))
    dw = [conv2d_dw.fn(a, b, window=w_shape[:2], groups=groups, **options) for a, b in zip(*parts, strict=True)]
    return np.stack(dw)


def filters_by_sample(g: Any, x: Any, w_shape: Any, **p: Any) -> Any:
    """What each sample contributes to the gradient of filters.  g (N,K,H',W',O) -> (N,*w.shape)"""
    return by_sample(len(g), x, g.reshape(-1, *g.shape[2:]), w_shape, **p)


def _slow_window(x_shape: Any, w_shape: Any, **options: Any) -> shapes.Window:
    return shapes.conv_window("conv2d", x_shape, w_shape, **options)


def _conv2d_ref(x: Any, w: Any, b: Any = None, *, groups: int = 1, **options: Any) -> Any:
    return slow.conv2d(x, w, b, _slow_window(x.shape, w.shape, groups=groups, **options), groups)


_SAMPLES = [
    S(x=(2, 5, 6, 2), w=(3, 3, 2, 3), b=(3,)), S(x=(2, 5, 4, 3), w=(2, 3, 3, 2), stride=2, padding=1),
    S(x=(1, 6, 6, 1), w=(4, 3, 1, 2), b=(2,), padding="same", stride=(2, 1)),
    S(x=(2, 6, 5, 2), w=(3, 2, 2, 2), dilation=(2, 1), padding=((2, 0), (1, 1))),
    S(x=(2, 4, 4, 4), w=(3, 3, 2, 6), b=(6,), groups=2, padding="valid"),
    S(x=(2, 4, 5, 3), w=(3, 3, 1, 6), groups=3, padding="same", dilation=1), S(x=(3, 2, 2, 4), w=(1, 1, 4, 2), b=(2,)),
    S(x=(2, 6, 6, 1), w=(3, 3, 1, 1), stride=2),
]  # fmt: skip


@op(
    linear=["x", "w", "b"],
    params=["stride", "padding", "dilation", "groups"],
    floating=["x", "w", "b"],
    samples=_SAMPLES,
    ref=_conv2d_ref,
    cost=cost_of_windows,
    stacks=_conv2d_stack,
    per_sample={"w": filters_by_sample, "b": _samples.bias},
)
def conv2d(
    x: Any, w: Any, b: Any = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1
) -> Any:
    """Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)

    H' = floor((H + top + bottom - dilation*(I - 1) - 1) / stride) + 1, and W' alike.

    Parameters
    ----------
    stride, dilation : int or pair, in pixels.
    padding : int, pair, ((top, bottom), (left, right)), "same" (TensorFlow's rule) or "valid".
    groups : channels are cut into this many groups that do not mix; C for a depthwise convolution.

    Raises
    ------
    ValueError : the channels do not match, or the window does not fit the image.

    Examples
    --------
    >>> image = np.zeros((1, 1, 6, 1), np.float32)
    >>> image[0, 0, :3] = 10  # light on the left, dark on the right
    >>> edge = np.array([1.0, 0.0, -1.0], np.float32).reshape(1, 3, 1, 1)  # (I, J, C, O)
    >>> tg.conv2d(image, edge).ravel()
    array([ 0., 10., 10.,  0.], dtype=float32)
    >>> x, w = tg.randn(8, 32, 32, 3, rng=0), tg.randn(5, 5, 3, 6, rng=1)
    >>> tg.conv2d(x, w).shape, tg.conv2d(x, w, stride=2, padding="same").shape
    ((8, 28, 28, 6), (8, 16, 16, 6))
    """
    x, w, b = promoted(x, w, b)
    return kernels.conv2d(x, w, b, filters_window(x, w, b, stride, padding, dilation, groups), groups)


@op(
    linear=["dy", "w"],
    floating=["dy", "w"],
    samples=[
        S(dy=(2, 3, 4, 3), w=(3, 3, 2, 3), size=(5, 6)),
        S(dy=(2, 3, 3, 2), w=(2, 3, 3, 2), size=(5, 5), stride=2, padding=1),
        S(dy=(2, 2, 3, 6), w=(3, 3, 2, 6), size=(4, 5), groups=2), S(dy=(1, 3, 3, 2), w=(3, 3, 2, 2), size=(6, 6),
        stride=2, padding="same"), S(dy=(2, 4, 4, 3), w=(3, 3, 1, 3), size=(4, 4), groups=3, padding=1),
    ],
    ref=lambda dy, w, *, size, groups=1, **options: slow.conv2d_dx(
        dy, w, _slow_window((len(dy), *size, w.shape[2] * groups), w.shape, groups=groups, **options), groups),
    cost=lambda dy_shape, w_shape: cost_of_windows(dy_shape, w_shape),
    stacks=first_axis("dy"),
)  # fmt: skip
def conv2d_dx(
    dy: Any, w: Any, *, size: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1
) -> Any:
    """The gradient of conv2d in its images of `size` (H, W).  dy (N,H',W',O) · w (I,J,C/groups,O) -> (N,H,W,C)

    >>> dy, w = np.ones((1, 1, 2, 1)), np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    >>> tg.conv2d_dx(dy, w, size=(1, 4)).ravel()  # each dy puts the filter back
    array([1., 3., 5., 3.])
    """
    x_shape = (dy.shape[0], *size, w.shape[2] * groups)
    win = geometry(x_shape, w.shape, stride, padding, dilation, groups)
    _check_dy("conv2d_dx", dy.shape, (dy.shape[0], *win.out, w.shape[3]))
    dy, w = promoted(dy, w)
    return kernels.conv2d_dx(dy, w, win, groups)


def _check_dy(who: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise ValueError(f"{who}: dy has shape {got}, but these images and filters give outputs of {expected}.")


@op(
    linear=["x", "dy"],
    floating=["x", "dy"],
    samples=[
        S(x=(2, 5, 6, 2), dy=(2, 3, 4, 3), window=(3, 3)),
        S(x=(2, 5, 5, 3), dy=(2, 3, 3, 2), window=(2, 3), stride=2, padding=1),
        S(x=(2, 4, 5, 4), dy=(2, 2, 3, 6), window=(3, 3), groups=2), S(x=(1, 6, 6, 2), dy=(1, 3, 3, 2), window=(3, 3),
        stride=2, padding="same"), S(x=(2, 4, 4, 3), dy=(2, 4, 4, 3), window=(3, 3), groups=3, padding=1),
    ],
    ref=lambda x, dy, *, window, groups=1, **options: slow.conv2d_dw(
        x, dy, _slow_window(x.shape, (*window, x.shape[3] // groups, dy.shape[3]), groups=groups, **options), groups),
    cost=lambda x_shape, dy_shape, window, groups: cost_of_windows(dy_shape, (*window, x_shape[3] // groups)),
    stacks=_dw_stack,
)  # fmt: skip
def conv2d_dw(
    x: Any, dy: Any, *, window: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1,
    groups: Whole = 1,
) -> Any:  # fmt: skip
    """The gradient of conv2d in its filters of `window` (I, J).  x (N,H,W,C) · dy (N,H',W',O) -> (I,J,C/groups,O)

    >>> x, dy = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1), np.ones((1, 1, 2, 1))
    >>> tg.conv2d_dw(x, dy, window=(1, 3)).ravel()  # a weight's gradient sums over places
    array([3., 5., 7.])
    """
    w_shape = (*window, x.shape[3] // groups, dy.shape[3])
    win = geometry(x.shape, w_shape, stride, padding, dilation, groups)
    _check_dy("conv2d_dw", dy.shape, (x.shape[0], *win.out, dy.shape[3]))
    x, dy = promoted(x, dy)
    return kernels.conv2d_dw(x, dy, win, groups)


conv2d.vjp(
    x=lambda g, w, x_shape, **p: conv2d_dx(g, w, size=x_shape[1:3], **p),
    w=lambda g, x, w_shape, **p: conv2d_dw(x, g, window=w_shape[:2], **p),
    b=lambda g: sum(g, axis=(0, 1, 2)),
)
conv2d.formula(y="conv2d(x, w) + b")
conv2d_dx.vjp(
    dy=lambda g, w, stride, padding, dilation, groups: conv2d(
        g, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    w=lambda g, dy, w_shape, stride, padding, dilation, groups: conv2d_dw(
        g, dy, window=w_shape[:2], stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
conv2d_dw.vjp(
    x=lambda g, dy, x_shape, stride, padding, dilation, groups: conv2d_dx(
        dy, g, size=x_shape[1:3], stride=stride, padding=padding, dilation=dilation, groups=groups),
    dy=lambda g, x, stride, padding, dilation, groups: conv2d(
        x, g, stride=stride, padding=padding, dilation=dilation, groups=groups),
)  # fmt: skip
