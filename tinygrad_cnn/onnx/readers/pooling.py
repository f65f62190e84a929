"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...kernels import shapes
from ..layouts import Held, array, last, last_order
from ..reading import Node, reads
from .elementwise import as_type, is_float
from .reductions import reduced
from .windows import axes_of, each, for_axes, pads_of

MAX = (ops.max_pool1d, ops.max_pool2d, ops.max_pool3d)
AVG = (ops.avg_pool1d, ops.avg_pool2d, ops.avg_pool3d)
GIVEN = "auto_pad ceil_mode dilations kernel_shape pads strides"


def _geometry(node: Node, x: Any) -> tuple[dict[str, Any], list[int], bool]:
    """The options of a pooling here, its window, and whether a last window may stick out."""
    axes = axes_of(node, x)
    window, strides, dilations = (each(node, name, axes) for name in ("kernel_shape", "strides", "dilations"))
    if node.get("auto_pad", "NOTSET") == "VALID" and node.get("ceil_mode", 0):
        pads = [(0, 0)] * axes
    else:
        pads = pads_of(node, x.shape[2:], window, strides, dilations)
    options = {"stride": for_axes(strides), "padding": for_axes(pads), "dilation": for_axes(dilations)}
    return options, window, bool(node.get("ceil_mode", 0))


@reads("MaxPool", attributes=f"{GIVEN} storage_order")
def max_pool(node: Node, x: Any) -> Any:
    options, window, ceil = _geometry(node, x)
    wide = x if is_float(x) else as_type(x, np.float64)
    images = last(wide)
    y = Held(MAX[len(window) - 1](images, for_axes(window), ceil_mode=ceil, **options), last_order(x.ndim))
    found = y if is_float(x) else as_type(y, x.dtype)
    if len(node.outputs) == 1 or not node.outputs[1]:
        return found
    if len(window) != 2:
        raise node.refuse("the indices of winners are given for images only")
    _, tap = ops.max_pool2d.fn(array(images), tuple(window), ceil_mode=ceil, **options)
    return found, _indices(node, x.shape, tap, tuple(window), ceil, options)


def _indices(node: Node, shape: Any, tap: np.ndarray, window: Any, ceil: bool, options: Any) -> np.ndarray:
    """Flat indices of winners, from their numbers in the window: (N, C, H', W')."""
    n, c, h, w = shape
    win = shapes.pool_window("MaxPool", (n, h, w, c), window, ceil_mode=ceil, **options)
    taps = np.moveaxis(tap.astype(np.int64), -1, 1)
    (s, t), (d, e), ((top, _), (left, _)) = win.stride, win.dilation, win.padding
    rows = np.arange(taps.shape[2])[:, None] * s + taps // window[1] * d - top
    columns = np.arange(taps.shape[3]) * t + taps % window[1] * e - left
    image = np.arange(n * c).reshape(n, c, 1, 1) * (h * w)
    found: np.ndarray = image + (columns * h + rows if node.get("storage_order", 0) else rows * w + columns)
    return found


@reads("AveragePool", attributes=f"{GIVEN} count_include_pad")
def average_pool(node: Node, x: Any) -> Any:
    options, window, ceil = _geometry(node, x)
    include = bool(node.get("count_include_pad", 0))
    if any(d != 1 for d in each(node, "dilations", len(window))):
        return _dilated(node, x, options, window, ceil, include)
    del options["dilation"]
    y = AVG[len(window) - 1](last(x), for_axes(window), ceil_mode=ceil, count_include_pad=include, **options)
    return Held(y, last_order(x.ndim))


def _dilated(node: Node, x: Any, options: Any, window: Any, ceil: bool, include: bool) -> Any:
    """Means of windows with gaps: a convolution of each channel by itself, divided by how many pixels were seen."""
    images = last(x)
    axes, c = len(window), images.shape[-1]
    win = shapes.pool_window("AveragePool", images.shape, tuple(window), ceil_mode=ceil, axes=axes,
                             **{k: v if axes > 1 else (v,) for k, v in options.items()})  # fmt: skip
    counts = shapes.tap_counts(win, include)
    ones = np.ones((*window, 1, c), images.dtype)
    conv = (ops.conv1d, ops.conv2d, ops.conv3d)[axes - 1]
    sums = conv(
        images, ones, stride=options["stride"], padding=for_axes(win.padding), dilation=options["dilation"], groups=c
    )
    return Held(sums * (1 / counts)[..., None].astype(images.dtype), last_order(x.ndim))


@reads("LpPool", attributes=f"{GIVEN} p")
def lp_pool(node: Node, x: Any) -> Any:
    p = float(node.get("p", 2))
    power = Held(ops.pow(ops.abs(last(x)), p), last_order(x.ndim))
    options, window, ceil = _geometry(node, x)
    images = power.tensor
    axes, c = len(window), images.shape[-1]
    win = shapes.pool_window("LpPool", images.shape, tuple(window), ceil_mode=ceil, axes=axes,
                             **{k: v if axes > 1 else (v,) for k, v in options.items()})  # fmt: skip
    conv = (ops.conv1d, ops.conv2d, ops.conv3d)[axes - 1]
    sums = conv(
        images, np.ones((*window, 1, c), images.dtype), stride=options["stride"], padding=for_axes(win.padding),
        dilation=options["dilation"], groups=c,
    )  # fmt: skip
    return Held(ops.pow(sums, 1 / p), last_order(x.ndim))


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", attributes="p")
def global_pool(node: Node, x: Any) -> Any:
    axes = tuple(range(2, x.ndim))
    if node.kind == "GlobalLpPool":
        p = float(node.get("p", 2))
        return ops.pow(ops.sum(ops.pow(ops.abs(last(x)), p), axis=tuple(range(1, x.ndim - 1))), 1 / p).reshape(
            *x.shape[:2], *(1,) * len(axes))  # fmt: skip
    return reduced(ops.mean if node.kind == "GlobalAveragePool" else ops.max, x, axes, True)


