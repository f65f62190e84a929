"""Convolutions."""

from __future__ import annotations

from typing import Any

from ... import ops
from ..layouts import Held, last, last_order, plain
from ..reading import Node, reads, room

CONV = (ops.conv1d, ops.conv2d, ops.conv3d)
TRANSPOSED = (ops.conv_transpose1d, ops.conv_transpose2d, ops.conv_transpose3d)
GIVEN = "auto_pad dilations group kernel_shape pads strides"


def each(node: Node, name: str, axes: int) -> list[int]:
    """An attribute that has a number for each axis, 1 if it is not given."""
    given = [int(n) for n in node.get(name, [1] * axes)]
    if len(given) != axes or min(given) < 1:
        raise node.refuse(f"{name}={given} of {axes} axes")
    return given


def pads_of(node: Node, size: Any, window: Any, strides: Any, dilations: Any) -> list[tuple[int, int]]:
    """What is added before and after each axis."""
    auto, axes = node.get("auto_pad", "NOTSET"), len(window)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = []
        for n, f, s, d in zip(size, window, strides, dilations, strict=True):
            total = max((-(-n // s) - 1) * s + d * (f - 1) + 1 - n, 0)
            half = (total // 2, total - total // 2)
            pads.append(half if auto == "SAME_UPPER" else half[::-1])
        return pads
    if auto not in ("NOTSET", "VALID"):
        raise node.refuse(f"auto_pad={auto!r} is not supported")
    given = node.get("pads") if auto == "NOTSET" else None
    given = [0] * (2 * axes) if given is None else given
    if len(given) != 2 * axes or min(given) < 0:
        raise node.refuse(f"pads={given} of {axes} axes")
    sides = [(given[k], given[k + axes]) for k in range(axes)]
    room(node, [n + before + after for n, (before, after) in zip(size, sides, strict=True)])
    return sides


def for_axes(values: Any) -> Any:
    """Numbers or pairs for each axis as our ops take them: of one axis the number itself, or one pair."""
    values = tuple(values)
    return values[0] if len(values) == 1 else values


def axes_of(node: Node, x: Any) -> int:
    """How many axes of places images have."""
    if not 3 <= x.ndim <= 5:
        raise node.refuse(f"inputs of {x.ndim} axes are not supported; sequences, images and volumes are")
    return int(x.ndim - 2)


@reads("Conv", attributes=GIVEN)
def conv(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    axes = axes_of(node, x)
    window, strides, dilations = w.shape[2:], each(node, "strides", axes), each(node, "dilations", axes)
    pads = pads_of(node, x.shape[2:], window, strides, dilations)
    filters = ops.transpose(plain(w), (*range(2, axes + 2), 1, 0))
    y = CONV[axes - 1](
        last(x), filters, None if b is None else plain(b), stride=for_axes(strides), padding=for_axes(pads),
        dilation=for_axes(dilations), groups=node.get("group", 1),
    )  # fmt: skip
    return Held(y, last_order(x.ndim))


@reads("ConvTranspose", attributes=f"{GIVEN} output_padding output_shape")
def conv_transpose(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    axes = axes_of(node, x)
    size, window = x.shape[2:], w.shape[2:]
    strides, dilations = each(node, "strides", axes), each(node, "dilations", axes)
    more = list(node.get("output_padding", [0] * axes))
    whole = [(n - 1) * s + d * (f - 1) + 1 for n, s, d, f in zip(size, strides, dilations, window, strict=True)]
    room(node, [*x.shape[:1], w.shape[1], *whole])
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if wanted is not None or auto.startswith("SAME"):
        sizes = wanted[-axes:] if wanted is not None else [n * s for n, s in zip(size, strides, strict=True)]
        pads = []
        for n, m, k in zip(whole, more, sizes, strict=True):
            total = n + m - k
            half = (total // 2, total - total // 2)
            pads.append(half if auto == "SAME_UPPER" else half[::-1])
    else:
        pads = pads_of(node, size, window, strides, dilations)
    filters = ops.transpose(plain(w), (*range(2, axes + 2), 1, 0))
    y = TRANSPOSED[axes - 1](
        last(x), filters, None, stride=for_axes(strides), dilation=for_axes(dilations), groups=node.get("group", 1)
    )
    ends = [(-a, m - z) for (a, z), m in zip(pads, more, strict=True)]  # what is added; less than 0 is cut off
    if any(max(pair) > 0 for pair in ends):
        y = ops.pad(y, ((0, 0), *(tuple(max(v, 0) for v in pair) for pair in ends), (0, 0)))
    cut = tuple(slice(max(-a, 0), n - max(-z, 0)) for (a, z), n in zip(ends, y.shape[1:-1], strict=True))
    key = (slice(None), *cut)
    y = y[key]
    return Held(y if b is None else y + plain(b), last_order(x.ndim))
