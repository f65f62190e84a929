"""Kernels: raw arrays in, raw arrays out; they know shapes, not gradients.

A backend is a module that holds some of the kernels.  The first backend of the chain that has the name and does not
decline (by returning ``NotImplemented``) computes; the NumPy set has every name and never declines.  It gives kernels
their names, arguments and documentation: `help(kernels.conv2d)`, `docs/kernels.md`.

`win` is a `shapes.Window`.  Ties of max go to the first tap in row-major order, a NaN wins, padding never does.
Arrays may be strided, read-only or empty in N; all floating inputs of one call share a dtype, and the result has it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import update_wrapper as _update_wrapper
from os import environ
from types import ModuleType
from typing import Any

import numpy as np

from . import native, numpy_, slow
from .arithmetic import *
from .examples import EXAMPLES as _EXAMPLES
from .gates import *
from .group_norms import *
from .numpy_ import *
from .passes import *
from .reductions import *
from .rows import *
from .smooth import *

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
    def kernel(first: Any, *others: Any) -> Any:
        chain = _in_use.get() if isinstance(first, np.ndarray) else _portable
        for function in chain[name]:
            result = function(first, *others)
            if result is not NotImplemented:
                return result
        raise NotImplementedError(f"{name}: no backend in use has this kernel for these arguments.")

    return _update_wrapper(kernel, getattr(numpy_, name), ("__name__", "__qualname__", "__doc__"), ())


_names = tuple(name for name in _EXAMPLES if hasattr(numpy_, name))  # those that are exported
globals().update({name: _kernel(name) for name in _names})  # what was imported are NumPy's, with the same signatures

_find_native()
_portable = _chain(numpy_)  # for arrays of other libraries: NumPy's functions dispatch to theirs
_wish = environ.get(VARIABLE)
if _wish and _wish not in _present and _wish != "native":
    raise ValueError(
        f"{VARIABLE}={_wish!r}, in the environment, names no kernels; they are 'native', 'numpy' and 'slow'. "
        "Set it to one of these, or unset it for the fastest that there is."
    )
_default = _chain_named(_wish or ("native" if "native" in _present else "numpy"))
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


def in_use() -> Chain:
    """Return the functions to try for each kernel, in this thread: the same object as long as nothing is switched."""
    return _in_use.get()


def backends() -> dict[str, str]:
    """What became of each backend: "in use", "available", or why it is absent."""
    used = {function for functions in _in_use.get().values() for function in functions}
    found = {
        name: "in use" if any(getattr(module, kernel, None) in used for kernel in _names) else "available"
        for name, module in _present.items()
    }
    return {**found, **{name: f"absent: {reason}" for name, reason in _absent.items()}}
