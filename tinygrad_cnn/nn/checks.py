"""Checks of what only layers are given: windows, and inputs of a form.  Those of numbers are in `autodiff.numbers`."""

from __future__ import annotations

from operator import index
from typing import Any

from ..autodiff.numbers import is_whole
from ..core.errors import describe
from ..core.modes import current
from ..kernels import shapes


def plain(value: Any) -> Any:
    """A stride, padding or the like in the form in which it was given, with NumPy's whole numbers as ints."""
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, value))
    return index(value) if is_whole(value) else value


def window(layer: str, size: Any, *, pooling: bool = False, axes: int = 2, **options: Any) -> shapes.Sizes:
    """A window with its stride, padding and dilation, tried on an image that it fits; the window as a tuple."""
    sizes = shapes.each(layer, "window", size, axes)
    side = max(sizes) * max(shapes.each(layer, "dilation", options.get("dilation", 1), axes)) + 1
    if pooling:
        return shapes.pool_window(layer, (1, *(side,) * axes, 1), sizes, axes=axes, **options).window
    return shapes.resolve(layer, (side,) * axes, sizes, **options).window


def misfit(layer: str, form: str, x: Any, remedy: str = "") -> Exception:
    """The error of a layer, named by its path, whose input is not of `form`, as in "images (N, H, W, 32)"."""
    path = current().path
    who = f"{layer} ({path})" if path else layer
    if not hasattr(x, "shape"):
        return TypeError(f"{who}: x must be an array or a Tensor, got {describe(x)}.")
    return ValueError(f"{who}: expects {form}, but x has shape {tuple(x.shape)}.{remedy}")
