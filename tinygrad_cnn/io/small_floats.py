"""Floats of 8 and 16 bits that NumPy does not have, as float32, which holds each of their values exactly."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """A float of one byte: its bits, the exponent that stands for 1, and which patterns are not finite."""

    exponent: int
    mantissa: int
    bias: int
    infinities: bool = False  # the largest exponent means infinity and NaN, as in IEEE 754
    one_nan: bool = False  # minus zero is the only NaN


LAYOUTS = {
    "e4m3fn": Layout(4, 3, 7), "e5m2": Layout(5, 2, 15, infinities=True), "e4m3fnuz": Layout(4, 3, 8, one_nan=True),
    "e5m2fnuz": Layout(5, 2, 16, one_nan=True),
}  # fmt: skip


@cache
def table_of(name: str) -> np.ndarray:
    """What each of the 256 bytes means."""
    code = np.arange(256)
    if name == "e8m0fnu":  # a power of two
        return np.where(code == 255, np.nan, np.exp2(code - 127.0)).astype(np.float32)
    layout = LAYOUTS[name]
    power, rest = (code & 127) >> layout.mantissa, code & ((1 << layout.mantissa) - 1)
    share = rest / (1 << layout.mantissa)
    size = np.where(power > 0, (1 + share) * np.exp2(power - layout.bias), share * np.exp2(1.0 - layout.bias))
    value = np.where(code < 128, size, -size)
    if layout.one_nan:
        value[128] = np.nan
    elif layout.infinities:
        top = power == (1 << layout.exponent) - 1
        value = np.where(top, np.where(rest > 0, np.nan, np.where(code < 128, np.inf, -np.inf)), value)
    else:
        value[[127, 255]] = np.nan
    return value.astype(np.float32)


def from_float8(codes: np.ndarray, name: str) -> np.ndarray:
    """Bytes as float32; `name` is the layout, such as "e4m3fn"."""
    found: np.ndarray = table_of(name)[codes]
    return found


def from_bfloat16(codes: np.ndarray) -> np.ndarray:
    """16-bit codes as float32, whose upper half they are."""
    wide = codes.astype(np.uint32)
    wide <<= 16
    found: np.ndarray = wide.view(np.float32)
    return found
