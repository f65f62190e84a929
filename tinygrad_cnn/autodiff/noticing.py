"""Warnings about the dtype of what a module receives: right results, but slower or worse than the user expects.

The first layer with weights notices, so that a model that converts its input by itself is left in peace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.modes import Modes, current
from ..core.site import Site, here
from .outside import warn

_OUTSIDE = Modes().below  # of code that no module runs
_BRIGHT = 128  # bytes that reach this are pixels, and not classes or counts
_warned: set[tuple[str, Site]] = set()

_WIDE = (
    "received float64 and has float32 weights, so it computes in float64, at half the speed. Convert what it gets, as "
    "with x.astype(np.float32), or the model: model.to(np.float64)."
)
_BYTES = (
    "received bytes up to {most}, which look like an image. Weights start out for numbers around 1: divide by 255, as "
    "with (x / 255).astype(np.float32)."
)


def notice(op: Any, arrays: list[Any]) -> None:
    """Warn, once for each line of the user's, if the weights of a layer meet float64 or the bytes of an image."""
    if op.broadcasts or op.inputs[0] != "x" or len(op.inputs) < 2 or current().below is _OUTSIDE:
        return
    x, weights = arrays[0], {a.dtype for a in arrays[1:] if isinstance(a, np.ndarray) and a.dtype.kind == "f"}
    if not isinstance(x, np.ndarray) or not weights:
        return
    if x.dtype == np.float64 and weights == {np.dtype(np.float32)}:
        _warn("float64", op, _WIDE)
    elif x.dtype == np.uint8 and x.ndim > 1 and x.size and (most := int(x.max())) >= _BRIGHT:
        _warn("bytes", op, _BYTES.format(most=most))


def _warn(kind: str, op: Any, words: str) -> None:
    site = here()
    if (kind, site) in _warned:
        return
    _warned.add((kind, site))
    path = current().path
    warn(f"{op.name}{f' ({path})' if path else ''} {words}")
