"""Pooling and resizing, with their gradients.

Max pooling's winners are ONNX's flat indices there: the gradient is scattered to them.  Means over bins and resized
images are products with a constant matrix per axis, and so are their adjoints.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import registry
from ...kernels import shapes
from ..recording import Size
from ..table import exports
from ..writer import Value, Writer, channels_first
from .reductions import count, reduce
from .windows import pads_of, stamped

FIRST = channels_first(4)


def window_of(x_shape: Any, window: Any, **options: Any) -> shapes.Window:
    """The geometry of a pooling."""
    return shapes.pool_window("pool", tuple(int(n) for n in x_shape), window, **options)


def product(sizes: Any) -> int:
    """How many elements an array of this shape has, which may go with the batch."""
    one = count(sizes)
    other = 1
    for n in sizes:
        other *= n.other if isinstance(n, Size) else int(n)
    return one if one == other else Size(one, other)


def moved(shape: Any) -> list[int]:
    """A shape of images with channels first."""
    return [shape[0], shape[-1], *shape[1:-1]]


@exports("max_pool2d")
def max_pool2d(w: Writer, x: Value, *, window: Any, **options: Any) -> Any:
    win = window_of(x.shape, window, **options)
    y, indices = w.node(
        "MaxPool", w.first(x), outputs=2, kernel_shape=list(win.window), strides=list(win.stride), pads=pads_of(win),
        dilations=list(win.dilation),
    )  # fmt: skip
    w.winners.add(indices)
    return w.turned(y), Value(indices, w.outs[0][0], np.dtype(np.int64), FIRST)


def _winners(w: Writer, tap: Value) -> str:
    """Flat indices of the pixels that a max pooling before it chose."""
    if tap.name not in w.winners:
        raise w.refuse("the taps do not come from a max_pool2d of the same function")
    return _flat(w, w.ordered(tap, FIRST))


def _flat(w: Writer, name: str) -> str:
    made: str = w.node("Reshape", name, w.ints(-1))
    return made


@exports("max_pool2d_put")
def max_pool2d_put(w: Writer, dy: Value, tap: Value, **_: Any) -> Value:
    shape = w.outs[0][0]
    zero = w.helper.make_tensor("value", w.code(dy.dtype), [1], [0])
    zeros = w.node("ConstantOfShape", w.ints(product(shape)), value=zero)
    flat = w.node("ScatterElements", zeros, _winners(w, tap), _flat(w, w.first(dy)), reduction="add")
    return w.turned(w.reshaped(flat, moved(shape)))


@exports("max_pool2d_take")
def max_pool2d_take(w: Writer, x: Value, tap: Value, **_: Any) -> Value:
    taken = w.node("GatherElements", _flat(w, w.first(x)), _winners(w, tap))
    return w.turned(w.reshaped(taken, moved(w.outs[0][0])))


@exports("avg_pool2d")
def avg_pool2d(w: Writer, x: Value, *, window: Any, count_include_pad: bool, **options: Any) -> Value:
    win = window_of(x.shape, window, **options)
    x = w.as_type(x, w.outs[0][1])
    attributes: dict[str, Any] = {"kernel_shape": list(win.window), "strides": list(win.stride)}
    if not any(win.extra):
        return w.turned(w.node(
            "AveragePool", w.first(x), pads=pads_of(win), count_include_pad=int(count_include_pad), **attributes
        ))  # fmt: skip
    (top, bottom), (left, right) = win.padding
    padded = w.node("Pad", w.first(x), w.ints(0, 0, top, left, 0, 0, bottom, right))
    scale = np.prod(win.window) / shapes.tap_counts(win, count_include_pad)
    means = w.node("AveragePool", padded, **attributes)
    return w.turned(w.node("Mul", means, w.constant(scale, x.dtype)))


@exports("avg_pool2d_put")
def avg_pool2d_put(w: Writer, dy: Value, *, size: Any, window: Any, count_include_pad: bool, **options: Any) -> Value:
    shape = w.outs[0][0]
    win = window_of(shape, window, **options)
    share = w.constant(1 / shapes.tap_counts(win, count_include_pad), dy.dtype)
    shared = Value(w.node("Mul", w.first(dy), share), dy.shape, dy.dtype, FIRST)
    return w.turned(stamped(w, shared, shape, win))


@exports("resize")
def resize(w: Writer, x: Value, *, size: Any, mode: str, align_corners: bool) -> Value:
    if mode in ("area", "bicubic"):  # onnxruntime takes bicubic for some layouts only
        return _by_matrices(w, x, "resize", mode=mode, align_corners=align_corners)
    sizes = w.ints(*moved(w.outs[0][0]))  # of all axes: onnxruntime's optimiser loses the attribute `axes`
    attributes: dict[str, Any] = {
        "mode": {"nearest": "nearest", "bilinear": "linear"}[mode],
        "coordinate_transformation_mode": "align_corners" if align_corners else "half_pixel",
    }
    if mode == "nearest":
        attributes["nearest_mode"] = "round_prefer_ceil"
    return w.turned(w.node("Resize", w.first(x), "", "", sizes, **attributes))


def _by_matrices(w: Writer, x: Value, name: str, adjoint: bool = False, **options: Any) -> Value:
    """An op that is linear along rows and columns by itself, as a product with a matrix for each of both."""
    x, shape = w.as_type(x, w.outs[0][1]), w.outs[0][0]
    rows, columns = (
        _matrix(name, x.shape[k], shape[k], adjoint, x.dtype, **options) for k in (1, 2)
    )  # fmt: skip
    tall = w.node("MatMul", w.constant(rows), w.first(x))
    return w.turned(w.node("MatMul", tall, w.constant(columns.T)))


def _matrix(name: str, n: int, m: int, adjoint: bool, dtype: Any, **options: Any) -> np.ndarray:
    """The matrix (m, n) of an op along one axis, read off what it makes of unit images."""
    old, new = (m, n) if adjoint else (n, m)
    units = np.eye(int(old)).reshape(int(old), int(old), 1, 1)
    found: np.ndarray = registry[name].fn(units, (int(new), 1), **options)[:, :, 0, 0].astype(dtype)
    return found if adjoint else found.T


@exports("resize_put")
def resize_put(w: Writer, dy: Value, *, size: Any, mode: str, align_corners: bool) -> Value:
    return _by_matrices(w, dy, "resize", True, mode=mode, align_corners=align_corners)


@exports("adaptive_avg_pool2d")
def adaptive_avg_pool2d(w: Writer, x: Value, *, size: Any) -> Value:
    if w.outs[0][0][1:3] == (1, 1):
        return reduce(w, "ReduceMean", w.as_type(x, w.outs[0][1]), (1, 2))
    return _by_matrices(w, x, "adaptive_avg_pool2d")


@exports("adaptive_avg_pool2d_put")
def adaptive_avg_pool2d_put(w: Writer, dy: Value, *, size: Any) -> Value:
    return _by_matrices(w, dy, "adaptive_avg_pool2d", True)
