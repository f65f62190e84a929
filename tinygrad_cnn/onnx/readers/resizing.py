"""Resize: along each axis a product with a matrix of weights, or elements taken by their numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops
from ..layouts import Held, array
from ..reading import Node, reads, room
from .elementwise import is_float

GIVEN = (
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode"
)


@reads("Resize", attributes=GIVEN)
def resize(node: Node, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    ndim = x.ndim
    axes = [a % ndim for a in node.get("axes", list(range(ndim)))]
    factors, out = _sizes(node, [x.shape[a] for a in axes], scales, sizes)
    room(node, [dict(zip(axes, out, strict=True)).get(k, n) for k, n in enumerate(x.shape)])
    order = x.order if isinstance(x, Held) else tuple(range(ndim))
    y = x.tensor if isinstance(x, Held) else x
    y = y if is_float(y) else array(y)
    regions = array(roi).reshape(2, -1) if roi is not None and array(roi).size else None
    outside = np.zeros((1,) * ndim, bool)
    for k, axis in enumerate(axes):
        n, place = x.shape[axis], order.index(axis)
        region = None if regions is None else (float(regions[0, k]), float(regions[1, k]))
        at = places(node, n, out[k], factors[k], region)
        if node.get("coordinate_transformation_mode") == "tf_crop_and_resize":
            beyond = ((at < 0) | (at > n - 1)).reshape([-1 if j == place else 1 for j in range(ndim)])
            outside = outside | beyond
        if out[k] != n or not np.array_equal(at, np.arange(n)):
            y = _along(node, y, place, at, n, factors[k])
    if outside.any():
        y = ops.where(outside, node.get("extrapolation_value", 0.0), y)
    return y if order == tuple(range(ndim)) else Held(y, order)


def _sizes(node: Node, old: list[int], scales: Any, sizes: Any) -> tuple[list[float], list[int]]:
    """The factor and the new size of each axis."""
    if scales is not None and array(scales).size:
        factors = [float(v) for v in array(scales)]
        return factors, [math.floor(n * v) for n, v in zip(old, factors, strict=True)]
    if sizes is None:
        raise node.refuse("has neither scales nor sizes")
    wanted, policy = [int(v) for v in array(sizes)], node.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return [m / n for m, n in zip(wanted, old, strict=True)], wanted
    pick = min if policy == "not_larger" else max
    factor = pick(m / n for m, n in zip(wanted, old, strict=True))
    return [factor] * len(old), [math.floor(n * factor + 0.5) for n in old]


def places(node: Node, n: int, m: int, factor: float, region: tuple[float, float] | None) -> np.ndarray:
    """Where the m new elements of an axis lie among the n old ones."""
    mode, k = node.get("coordinate_transformation_mode", "half_pixel"), np.arange(m, dtype=np.float64)
    length = n * factor
    if mode == "align_corners":
        return k * (n - 1) / (length - 1) if length != 1 else np.zeros(m)
    if mode == "asymmetric":
        return k / factor
    if mode == "pytorch_half_pixel":
        return (k + 0.5) / factor - 0.5 if length > 1 else np.full(m, -0.5)
    if mode == "half_pixel":
        return (k + 0.5) / factor - 0.5
    if mode == "half_pixel_symmetric":
        shift = n / 2 * (1 - m / length)
        return shift + (k + 0.5) / factor - 0.5
    if mode == "tf_crop_and_resize" and region is not None:
        start, end = region
        if m == 1:
            return np.full(1, 0.5 * (start + end) * (n - 1))
        return start * (n - 1) + k * (end - start) * (n - 1) / (length - 1)
    raise node.refuse(f"coordinate_transformation_mode={mode!r} is not supported")


def _along(node: Node, y: Any, axis: int, at: np.ndarray, n: int, factor: float) -> Any:
    mode = node.get("mode", "nearest")
    if mode == "nearest":
        return ops.take(y, np.clip(_nearest(node, at), 0, n - 1).astype(np.int64), axis)
    if not is_float(y):
        raise node.refuse(f"mode={mode!r} of whole numbers is not supported")
    matrix = _weights(node, mode, at, n, factor).astype(y.dtype)
    return ops.moveaxis(ops.matmul(ops.moveaxis(y, axis, -1), np.ascontiguousarray(matrix.T)), -1, axis)


def _nearest(node: Node, at: np.ndarray) -> np.ndarray:
    how = node.get("nearest_mode", "round_prefer_floor")
    modes: dict[str, Any] = {
        "round_prefer_floor": lambda v: np.ceil(v - 0.5), "round_prefer_ceil": lambda v: np.floor(v + 0.5),
        "floor": np.floor, "ceil": np.ceil,
    }  # fmt: skip
    rounded = modes.get(how)
    if rounded is None:
        raise node.refuse(f"nearest_mode={how!r} is not supported")
    found: np.ndarray = rounded(at)
    return found


def _weights(node: Node, mode: str, at: np.ndarray, n: int, factor: float) -> np.ndarray:
    """How much each old element is worth to each new one: (new, old)."""
    if mode not in ("linear", "cubic"):
        raise node.refuse(f"mode={mode!r} is not supported")
    wide = 1.0 if not node.get("antialias", 0) or factor >= 1 else factor  # a shrinking image is smoothed
    reach = (1 if mode == "linear" else 2) / wide
    taps = np.arange(math.floor(-reach) - 1, math.ceil(reach) + 2)
    base = np.floor(at).astype(np.int64)
    places_ = base[:, None] + taps
    distance = np.abs(at[:, None] - places_) * wide
    weights = np.maximum(1 - distance, 0) if mode == "linear" else _cubic(distance, node.get("cubic_coeff_a", -0.75))
    if node.get("exclude_outside", 0):
        weights = np.where((places_ < 0) | (places_ >= n), 0, weights)
    total = weights.sum(axis=1, keepdims=True)
    weights = weights / np.where(total == 0, 1, total)
    matrix = np.zeros((len(at), n))
    np.add.at(matrix, (np.arange(len(at))[:, None], np.clip(places_, 0, n - 1)), weights)
    return matrix


def _cubic(d: np.ndarray, a: float) -> np.ndarray:
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
