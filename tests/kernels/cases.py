"""Shapes and options on which every set of kernels must agree with the loops of `kernels.slow`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels import examples, shapes

CONV: dict[str, examples.ConvCase] = {
    **examples.CONV,
    "one channel": ((3, 7, 7, 1), (5, 5, 1, 6), {"padding": "same"}),
    "odd channels": ((2, 5, 6, 7), (2, 3, 7, 5), {"padding": 1}),
    "many channels": ((2, 4, 4, 17), (3, 3, 17, 33), {"padding": "same"}),
    "1x1": ((2, 4, 5, 6), (1, 1, 6, 3), {}),
    "1x1 strided": ((2, 5, 4, 3), (1, 1, 3, 2), {"stride": 2}),
    "1x1 padded": ((2, 3, 3, 4), (1, 1, 4, 2), {"padding": 1}),
    "1x1 grouped": ((2, 3, 4, 6), (1, 1, 2, 6), {"groups": 3}),
    "stride past the window": ((2, 9, 9, 2), (2, 2, 2, 3), {"stride": 4}),
    "asymmetric padding": ((2, 5, 5, 4), (3, 3, 4, 3), {"padding": ((2, 0), (0, 1))}),
    "more padding than window": ((1, 3, 3, 2), (2, 2, 2, 3), {"padding": 4, "stride": 2}),
    "same, even window": ((2, 6, 5, 3), (4, 2, 3, 3), {"padding": "same"}),
    "same, stride 2": ((2, 7, 8, 2), (3, 3, 2, 4), {"padding": "same", "stride": 2}),
    "valid": ((2, 5, 5, 2), (3, 2, 2, 2), {"padding": "valid"}),
    "dilation": ((2, 8, 9, 3), (3, 2, 3, 4), {"dilation": (2, 3), "padding": 2}),
    "dilation, many channels": ((1, 6, 6, 18), (3, 3, 18, 4), {"dilation": 2, "padding": "same"}),
    "groups, many channels": ((1, 4, 5, 36), (3, 3, 18, 4), {"groups": 2, "padding": 1}),
    "depthwise, stride": ((2, 7, 6, 4), (3, 3, 1, 4), {"groups": 4, "padding": "same", "stride": 2}),
    "depthwise, dilation": ((2, 7, 6, 8), (3, 2, 1, 8), {"groups": 8, "padding": 2, "dilation": 2}),
    "depthwise, one column": ((2, 5, 4, 6), (3, 1, 1, 6), {"groups": 6, "padding": (1, 0)}),
    "depthwise, many columns": ((2, 3, 12, 6), (2, 9, 1, 6), {"groups": 6, "padding": "same"}),
    "depth multiplier": ((2, 5, 4, 3), (3, 3, 1, 6), {"groups": 3, "padding": 1}),
    "window as large as the image": ((2, 4, 5, 3), (4, 5, 3, 4), {}),
    "window larger than the image": ((2, 2, 3, 3), (5, 4, 3, 2), {"padding": 2}),
    "1x1 image": ((3, 1, 1, 4), (3, 3, 4, 5), {"padding": "same"}),
    "batch of none, depthwise": ((0, 5, 5, 4), (3, 3, 1, 4), {"groups": 4}),
    "batch of one": ((1, 5, 5, 2), (3, 3, 2, 9), {}),
}

POOL: dict[str, examples.PoolCase] = {
    **examples.POOL,
    "crumbs left": ((2, 5, 7, 3), {"window": 2}),
    "one channel": ((2, 6, 6, 1), {"window": (2, 3)}),
    "many channels": ((1, 4, 4, 37), {"window": 2}),
    "overlap, stride 1": ((2, 5, 5, 2), {"window": 3, "stride": 1, "padding": 1}),
    "asymmetric padding": ((2, 5, 5, 3), {"window": 3, "stride": 2, "padding": ((0, 2), (1, 0))}),
    "same": ((2, 5, 6, 3), {"window": (3, 2), "stride": (2, 1), "padding": "same"}),
    "gaps": ((2, 8, 9, 2), {"window": 2, "stride": 3}),
    "dilation": ((2, 8, 7, 2), {"window": (2, 3), "stride": 2, "dilation": (3, 2)}),
    "ceil": ((2, 6, 5, 2), {"window": 2, "stride": 2, "ceil_mode": True}),
    "ceil, padding": ((2, 6, 6, 3), {"window": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    "whole image": ((3, 4, 5, 2), {"window": (4, 5)}),
    "1x1": ((2, 3, 3, 2), {"window": 1}),
    "1x1 image": ((2, 1, 1, 3), {"window": 3, "padding": 1}),
    "more taps than uint8 counts": ((1, 18, 17, 2), {"window": (17, 16)}),
    "as many taps as uint8 counts": ((1, 17, 17, 2), {"window": 16, "stride": 1}),
}


def conv(name: str, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, shapes.Window, int]:
    """x, w, b, a cotangent, the window and groups of a case."""
    x_shape, w_shape, options = CONV[name]
    win = shapes.conv_window("conv2d", x_shape, w_shape, **options)
    rng = np.random.default_rng(len(name))
    sizes = x_shape, w_shape, w_shape[3:], (x_shape[0], *win.out, w_shape[3])
    x, w, b, g = (rng.standard_normal(size).astype(dtype) for size in sizes)
    return x, w, b, g, win, options.get("groups", 1)


def pool(name: str, dtype: Any) -> tuple[np.ndarray, np.ndarray, shapes.Window]:
    """x, a cotangent and the window of a case; few different values, so that there are ties."""
    shape, options = POOL[name]
    win = shapes.pool_window("max_pool2d", shape, **options)
    rng = np.random.default_rng(len(name))
    x = rng.integers(-4, 4, shape).astype(dtype)
    return x, rng.standard_normal((shape[0], *win.out, shape[3])).astype(dtype), win


def awkward(x: np.ndarray) -> list[np.ndarray]:
    """Equal arrays in unusual memory: column-major, reversed, every other one, unaligned with what lies around."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    versions = [np.asfortranarray(x), np.flip(np.flip(x).copy()), wide[..., ::2]]
    for version in versions:
        version.flags.writeable = False
    return versions
