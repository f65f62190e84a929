"""The compiled kernels, if they were built: same names and contracts as the rest of `tinygrad_cnn.kernels`.

``available`` says whether they are here, ``reason`` why not, or what is in use.  They take float32 and float64 and
return ``NotImplemented`` for the rest.  Environment: ``TINYGRAD_CNN_ISA`` picks an instruction set,
``TINYGRAD_CNN_THREADS`` (else ``OMP_NUM_THREADS``, else every core) the number of threads.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Any

import numpy as np

from ..shapes import Window

VERSION = 1  # of the calls between this file and module.c (setup.py compiles it in); raise it when one changes

available: bool = False
reason: str = ""
_native: Any = None

_NAMES = {
    "v4": "AVX-512 (x86-64-v4)",
    "v3": "AVX2 (x86-64-v3)",
    "v2": "SSE4.2 (x86-64-v2)",
    "base": "the compiler's default instructions",
}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _default_threads() -> int:
    for name in ("TINYGRAD_CNN_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").strip()
        if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 256:
            return int(text)
        if text:
            warnings.warn(f"{name}={text!r} is not a number of threads from 1 to 256; it is ignored.", stacklevel=2)
    return _cores()


def set_num_threads(n: int) -> None:
    """Use `n` threads from now on.  Results have the same bits whatever the number."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= 256:
        raise ValueError(f"set_num_threads: n={n!r} must be an int from 1 to 256.")
    if _native is not None:
        _native.set_num_threads(int(n))
        _describe()


def get_num_threads() -> int:
    """How many threads the compiled kernels use (1 without them)."""
    return int(_native.get_num_threads()) if _native is not None else 1


def isas() -> list[str]:
    """The instruction sets compiled in that this machine runs, best first."""
    return list(_native.isas()) if _native is not None else []


def use_isa(name: str) -> str:
    """Use an instruction set of `isas()`; returns the one used before."""
    global _isa
    before = str(_native.use_isa(name))
    _isa = name
    _describe()
    return before


def _describe() -> None:
    global reason
    n = get_num_threads()
    reason = f"{_NAMES.get(_isa, _isa)}, {n} thread{'s' if n > 1 else ''}"


def _load() -> None:
    global _native, available, reason, _isa
    try:
        found = import_module("._native", __name__)
    except ImportError as error:
        name = f"{__name__}._native"
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        reason = "not built: install from source with a C compiler" if missing else f"does not load: {error}"
        return
    if getattr(found, "VERSION", None) != VERSION:
        reason = f"built for another version (kernel interface {getattr(found, 'VERSION', '?')}, not {VERSION}): reinstall"
        sys.modules.pop(f"{__name__}._native", None)
        return
    _native, available = found, True
    _native.set_num_threads(_default_threads())
    _isa = _native.isas()[0]
    wish = os.environ.get("TINYGRAD_CNN_ISA", "").strip()
    if wish and wish not in _native.isas():
        warnings.warn(f"TINYGRAD_CNN_ISA={wish!r} is not one of {_native.isas()}; it is ignored.", stacklevel=2)
    elif wish:
        _native.use_isa(wish)
        _isa = wish
    _describe()


_isa = ""
_load()


def _run(kernel: Any, inputs: tuple[Any, ...], out: Any, *rest: Any) -> Any:
    """Call `kernel`; inputs that are strided or unaligned are copied.  Returns `out`, or NotImplemented."""
    done = kernel(*inputs, out, *rest)
    if done is False:
        inputs = tuple(a if a is None else np.require(a, requirements="CA") for a in inputs)
        done = kernel(*inputs, out, *rest)
    return out if done is True else NotImplemented


def conv2d(x: Any, w: Any, b: Any, win: Window, groups: int) -> Any:
    y = np.empty((x.shape[0], *win.out, w.shape[3]), x.dtype)
    return _run(_native.conv2d, (x, w, b), y, win, groups, False)


def conv2d_relu(x: Any, w: Any, b: Any, win: Window, groups: int) -> Any:
    """max(conv2d(...), 0) in one pass."""
    y = np.empty((x.shape[0], *win.out, w.shape[3]), x.dtype)
    return _run(_native.conv2d, (x, w, b), y, win, groups, True)


def conv2d_dx(dy: Any, w: Any, win: Window, groups: int) -> Any:
    dx = np.empty((dy.shape[0], *win.size, w.shape[2] * groups), dy.dtype)
    return _run(_native.conv2d_dx, (dy, w), dx, win, groups)


def conv2d_dw(x: Any, dy: Any, win: Window, groups: int) -> Any:
    dw = np.empty((*win.window, x.shape[3] // groups, dy.shape[3]), x.dtype)
    return _run(_native.conv2d_dw, (x, dy), dw, win, groups)
