"""Kernels: raw arrays in, raw arrays out; they know shapes, not gradients.

A backend is a module that holds some of the names below.  The first backend of the chain that has the name
and does not decline (by returning ``NotImplemented``) computes; the NumPy set has every name and never declines.

===================  ==========================================================================================
``conv2d``           ``(x, w, b, win, groups) -> y``           x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) or None
``conv2d_dx``        ``(dy, w, win, groups) -> dx``            dy (N,H',W',O) -> (N,H,W,C)
``conv2d_dw``        ``(x, dy, win, groups) -> dw``            -> (I,J,C/groups,O)
``max_pool2d``       ``(x, win) -> y, tap``                    tap: winner's number i*J + j, uint8 (int32 past 256 taps)
``max_pool2d_put``   ``(dy, tap, win) -> dx``                  each dy added at its winner's pixel
``max_pool2d_take``  ``(x, tap, win) -> y``                    the pixel of each winner
``avg_pool2d``       ``(x, win, counts) -> y``                 window sums divided by counts (H',W')
``avg_pool2d_put``   ``(dy, win, counts) -> dx``               its adjoint
``conv2d_relu``      as ``conv2d``                             clipped at zero in the same pass
``matmul``           ``(a, b, transpose_a, transpose_b, bias, relu) -> y``   matrices, either one transposed first
``relu``             ``(x) -> y``                              max(x, 0)
``relu_dx``          ``(dy, y) -> dx``                         dy where y > 0, else 0
``add_relu``         ``(a, b) -> y``                           max(a + b, 0), equal shapes
``column_sum``       ``(x) -> s``                              over all axes but the last: (C,)
``norm_stats``       ``(x) -> mean, var``                      over all axes but the last: (C,) each
``norm_apply``       ``(x, scale, shift, relu) -> y``          x*scale + shift along the last axis, clipped if asked
``norm_sums``        ``(dy, x, mean, y) -> s0, s1``            sums of dy and dy*(x - mean); with y, where y > 0 only
``norm_dx``          ``(dy, x, mean, a, b, c, y) -> dx``       dy*a + (x - mean)*b + c; with y, dy where y > 0 only
``add_``             ``(a, b) -> a``                           a += b in place, equal shapes
``sgd_``             ``(p, g, buf, lr, momentum, dampening, weight_decay, nesterov) -> p``   in place; buf: momentum
``adam_``            ``(p, g, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step) -> p``   in place, step from 1
===================  ==========================================================================================

`win` is a `shapes.Window`.  Ties of max go to the first tap in row-major order, a NaN wins, padding never does.
Arrays may be strided, read-only or empty in N; all floating inputs of one call share a dtype, and the result has it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from os import environ
from types import ModuleType
from typing import Any

import numpy as np

from . import native, numpy_, slow

Kernel = Callable[..., Any]
Chain = dict[str, tuple[Kernel, ...]]

VARIABLE = "TINYGRAD_CNN_KERNELS"

_present: dict[str, ModuleType] = {"numpy": numpy_, "slow": slow}
_absent: dict[str, str] = {}


def _find_native() -> None:
    """Put the compiled set among those present, or the reason why not among those absent."""
    if environ.get(VARIABLE) in ("numpy", "slow"):
        _absent["native"] = f"the environment says {VARIABLE}={environ[VARIABLE]}"
    elif native.available:
        _present["native"] = native
    else:
        _absent["native"] = native.reason
        if native.shadowing:
            warnings.warn(f"tinygrad_cnn computes slowly, in NumPy alone: {native.shadowing}", RuntimeWarning, 2)


def _chain(*backends: ModuleType) -> Chain:
    """For each kernel the functions to try, in order."""
    return {name: tuple(getattr(b, name) for b in backends if hasattr(b, name)) for name in _names}


def _chain_named(name: str) -> Chain:
    """The chain that `name` forces: that backend and, for what it lacks or declines, the NumPy set."""
    if name in _present:
        return _chain(_present[name], *([] if name == "numpy" else [numpy_]))
    known = ", ".join(map(repr, sorted(_present)))
    absent = "".join(f" {other!r} is absent: {reason}." for other, reason in _absent.items())
    raise ValueError(f"use_kernels: there are no kernels {name!r}, only {known}.{absent}")


def _kernel(name: str) -> Kernel:
    _names.append(name)

    def kernel(first: Any, *others: Any) -> Any:
        chain = _in_use.get() if isinstance(first, np.ndarray) else _portable
        for function in chain[name]:
            result = function(first, *others)
            if result is not NotImplemented:
                return result
        raise NotImplementedError(f"{name}: no backend in use has this kernel for these arguments.")

    kernel.__name__ = kernel.__qualname__ = name
    kernel.__doc__ = f"See the table in `{__name__}`."
    return kernel


_names: list[str] = []

conv2d = _kernel("conv2d")
conv2d_dx = _kernel("conv2d_dx")
conv2d_dw = _kernel("conv2d_dw")
max_pool2d = _kernel("max_pool2d")
max_pool2d_put = _kernel("max_pool2d_put")
max_pool2d_take = _kernel("max_pool2d_take")
avg_pool2d = _kernel("avg_pool2d")
avg_pool2d_put = _kernel("avg_pool2d_put")
conv2d_relu = _kernel("conv2d_relu")
matmul = _kernel("matmul")
relu = _kernel("relu")
relu_dx = _kernel("relu_dx")
add_relu = _kernel("add_relu")
column_sum = _kernel("column_sum")
norm_stats = _kernel("norm_stats")
norm_apply = _kernel("norm_apply")
norm_sums = _kernel("norm_sums")
norm_dx = _kernel("norm_dx")
add_ = _kernel("add_")
sgd_ = _kernel("sgd_")
adam_ = _kernel("adam_")

_find_native()
_portable = _chain(numpy_)  # for arrays of other libraries: NumPy's functions dispatch to theirs
_default = _chain_named(environ.get(VARIABLE) or ("native" if "native" in _present else "numpy"))
_in_use: ContextVar[Chain] = ContextVar("kernels in use", default=_default)


@contextmanager
def use_kernels(name: str) -> Iterator[None]:
    """Compute with the backend "native", "numpy" or "slow" inside the block, in this thread only.

    >>> with tg.use_kernels("numpy"):
    ...     y = tg.conv2d(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 1)))
    """
    token = _in_use.set(_chain_named(name))
    try:
        yield
    finally:
        _in_use.reset(token)


def backends() -> dict[str, str]:
    """What became of each backend: "in use", "available", or why it is absent."""
    used = {function for functions in _in_use.get().values() for function in functions}
    found = {
        name: "in use" if any(getattr(module, kernel, None) in used for kernel in _names) else "available"
        for name, module in _present.items()
    }
    return {**found, **{name: f"absent: {reason}" for name, reason in _absent.items()}}
