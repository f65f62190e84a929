"""The compiled kernels, if they were built: same names and contracts as the rest of `tinygrad_cnn.kernels`.

``available`` says whether they are here, ``reason`` why not, or what is in use; ``shadowing`` says so if an
installation that has them is hidden by sources that do not.  They take float32 and float64 and return
``NotImplemented`` for the rest.  Environment: ``TINYGRAD_CNN_ISA`` picks an instruction set,
``TINYGRAD_CNN_THREADS`` (else ``OMP_NUM_THREADS``, else every core) the number of threads; ``TINYGRAD_CNN_KEEP`` says
how many megabytes of freed memory may be kept for the next arrays (0: none; results are then made as NumPy makes
arrays), ``TINYGRAD_CNN_HUGE_PAGES=0`` keeps it in pages of the usual size;
``TINYGRAD_CNN_WINOGRAD=0`` keeps 3x3 convolutions from minimal filtering, ``=2`` from its larger squares.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Any

import numpy as np

from ..shapes import Window, whole
from . import smooth as _smooth
from .shadow import notice

VERSION = 6  # of the calls between this file and module.c (setup.py compiles it in); raise it when one changes

available: bool = False
reason: str = ""
shadowing: str = ""
_native: Any = None
empty: Any = np.empty  # for results: as np.empty(shape, dtype), where compiled in memory that is kept (memory.c)

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


def _default_keep() -> int:
    """An eighth of the machine's memory, at least 512 megabytes."""
    try:
        return max(512, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 23)
    except (AttributeError, OSError, ValueError):
        return 512


def _keep_memory() -> None:
    text = os.environ.get("TINYGRAD_CNN_KEEP", "").strip()
    known = text.isascii() and text.isdigit()
    if text and not known:
        warnings.warn(f"TINYGRAD_CNN_KEEP={text!r} is not a number of megabytes; it is ignored.", stacklevel=2)
    megabytes = int(text[:9]) if known else _default_keep()
    huge = os.environ.get("TINYGRAD_CNN_HUGE_PAGES", "").strip() != "0"
    if megabytes:
        _native.keep_memory(megabytes << 20, huge)


def empty_cache() -> None:
    """Hand memory that is kept for the next arrays and kernels back to the system."""
    if _native is not None:
        _native.empty_cache()


def set_num_threads(n: int) -> None:
    """Use `n` threads from now on.  Results have the same bits whatever the number."""
    n = whole("set_num_threads", "n", n, 1, 256)
    if _native is not None:
        _native.set_num_threads(n)
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


_WHEN = ("never", "2x2", "faster", "possible 2x2", "possible 4x4")


def use_winograd(when: str | None = None) -> str:
    """Say when 3x3 windows use minimal filtering; returns what was in use, which None leaves as it is.

    "faster" uses it wherever it was measured to be faster, "2x2" there too, but with the smaller squares only, which
    round less, and "never" not at all.  "possible 2x2" and "possible 4x4" use one size wherever it can be used; they
    are for tests.  Each rounds differently: see docs/design/native_kernels.md.
    """
    if when is None:
        return str(_native.use_winograd(None)) if _native is not None else "never"
    if when not in _WHEN:
        raise ValueError(f"use_winograd: when={when!r} must be one of {_WHEN}.")
    return str(_native.use_winograd(when)) if _native is not None else "never"


def squares(arrays: list[Any]) -> float | None:
    """The sum of the squares of all numbers in some float32 arrays; None where that must be computed by NumPy.

    None in the list counts as 0.  The bits depend on neither threads nor instruction set.

    >>> from tinygrad_cnn.kernels import native
    >>> native.squares([np.float32([3.0]), np.float32([4.0])]) in (25.0, None)
    True
    """
    found: float | None = _native.squares(arrays) if hasattr(_native, "squares") else None
    return found


def _describe() -> None:
    global reason
    n = get_num_threads()
    reason = f"{_NAMES.get(_isa, _isa)}, {n} thread{'s' if n > 1 else ''}"


def _load() -> None:
    global _native, available, reason, shadowing, _isa, empty
    try:
        found = import_module("._native", __name__)
    except ImportError as error:
        name = f"{__name__}._native"
        if not isinstance(error, ModuleNotFoundError) or error.name != name:
            reason = f"does not load: {error}"
            return
        shadowing = notice()
        reason = f"not built: {shadowing or 'install from source with a C compiler'}"
        return
    if getattr(found, "VERSION", None) != VERSION:
        theirs = getattr(found, "VERSION", "?")
        reason = f"built for another version (kernel interface {theirs}, not {VERSION}): reinstall"
        sys.modules.pop(f"{__name__}._native", None)
        return
    _native, available, empty = found, True, found.empty
    _native.set_num_threads(_default_threads())
    _keep_memory()
    when = {"0": "never", "2": "2x2"}.get(os.environ.get("TINYGRAD_CNN_WINOGRAD", "").strip())
    use_winograd(when)
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
globals().update(_smooth.bindings(_native, empty))


def _run(kernel: Any, inputs: tuple[Any, ...], out: Any, *rest: Any) -> Any:
    """Call `kernel`; inputs that are strided or unaligned are copied.  Returns `out`, or NotImplemented."""
    done = kernel(*inputs, out, *rest)
    if done is False:
        done = kernel(*_contiguous(inputs), out, *rest)
    return out if done is True else NotImplemented


def conv2d(x: Any, w: Any, b: Any, win: Window, groups: int) -> Any:
    y = empty((x.shape[0], *win.out, w.shape[3]), x.dtype)
    return _run(_native.conv2d, (x, w, b), y, win, groups, False)


def conv2d_relu(x: Any, w: Any, b: Any, win: Window, groups: int) -> Any:
    """max(conv2d(...), 0) in one pass."""
    y = empty((x.shape[0], *win.out, w.shape[3]), x.dtype)
    return _run(_native.conv2d, (x, w, b), y, win, groups, True)


def conv2d_dx(dy: Any, w: Any, win: Window, groups: int) -> Any:
    dx = empty((dy.shape[0], *win.size, w.shape[2] * groups), dy.dtype)
    return _run(_native.conv2d_dx, (dy, w), dx, win, groups)


def conv2d_dw(x: Any, dy: Any, win: Window, groups: int) -> Any:
    dw = empty((*win.window, x.shape[3] // groups, dy.shape[3]), x.dtype)
    return _run(_native.conv2d_dw, (x, dy), dw, win, groups)


# -- pooling ---------------------------------------------------------------------------------------------------------


def max_pool2d(x: Any, win: Window) -> Any:
    y = empty((x.shape[0], *win.out, x.shape[3]), x.dtype)
    tap = empty(y.shape, win.tap_dtype)
    done = _native.pool2d(x, tap, y, win, _native.MAX_POOL)
    if done is False:
        done = _native.pool2d(np.require(x, requirements=["C", "A"]), tap, y, win, _native.MAX_POOL)
    return (y, tap) if done is True else NotImplemented


def max_pool2d_put(dy: Any, tap: Any, win: Window) -> Any:
    dx = empty((dy.shape[0], *win.size, dy.shape[3]), dy.dtype)
    return _run(_native.pool2d, (dy, tap), dx, win, _native.MAX_PUT)


def max_pool2d_take(x: Any, tap: Any, win: Window) -> Any:
    y = empty(tap.shape, x.dtype)
    return _run(_native.pool2d, (x, tap), y, win, _native.TAKE_POOL)


def avg_pool2d(x: Any, win: Window, counts: Any) -> Any:
    y = empty((x.shape[0], *win.out, x.shape[3]), x.dtype)
    return _run(_native.pool2d, (x, counts.astype(x.dtype)), y, win, _native.AVG_POOL)


def avg_pool2d_put(dy: Any, win: Window, counts: Any) -> Any:
    dx = empty((dy.shape[0], *win.size, dy.shape[3]), dy.dtype)
    return _run(_native.pool2d, (dy, counts.astype(dy.dtype)), dx, win, _native.AVG_PUT)


# -- matrix product --------------------------------------------------------------------------------------------------


def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, bias: Any = None, relu: bool = False
) -> Any:
    """a @ b of matrices, either one (not both) transposed first; plain products may add a row and clip at zero."""
    out = empty((a.shape[1 if transpose_a else 0], b.shape[0 if transpose_b else 1]), a.dtype)
    return _run(_native.matmul, (a, b, bias), out, transpose_a, transpose_b, relu)


# -- one pass over memory --------------------------------------------------------------------------------------------


def _contiguous(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a if a is None else np.require(a, requirements=["C", "A"]) for a in arrays)


def _each(what: int, a: Any, b: Any = None) -> Any:
    out = empty(a.shape, a.dtype)
    if b is not None and b.shape != a.shape:
        return NotImplemented
    done = _native.each(what, out, a, b, None, None, None)
    if done is False:
        done = _native.each(what, out, *_contiguous((a, b)), None, None, None)
    return out if done is True else NotImplemented


def relu(x: Any) -> Any:
    """max(x, 0); NaN stays."""
    return _each(_native.RELU, x)


def relu_dx(dy: Any, y: Any) -> Any:
    """dy where y > 0, else 0."""
    return _each(_native.RELU_DX, dy, y)


def add_relu(a: Any, b: Any) -> Any:
    """max(a + b, 0) of equal shapes."""
    return _each(_native.ADD_RELU, a, b)


def _rowwise(what: int, relu: bool, *arrays: Any) -> Any:
    out = empty(arrays[0].shape, arrays[0].dtype)
    done = _native.rowwise(out, *arrays, what, relu)
    if done is False:
        done = _native.rowwise(out, *_contiguous(arrays), what, relu)
    return out if done is True else NotImplemented


def column_sum(x: Any) -> Any:
    """Sum over all axes but the last: the gradient of a bias."""
    return _columns(_native.COLUMN_SUMS, x, None, None, None)


def _columns(what: int, *arrays: Any) -> Any:
    out = empty(arrays[0].shape[-1:], arrays[0].dtype)
    out2 = None if what == _native.COLUMN_SUMS else empty(out.shape, out.dtype)
    done = _native.columns(*arrays, out, out2, what)
    if done is False:
        done = _native.columns(*_contiguous(arrays), out, out2, what)
    return NotImplemented if done is not True else out if out2 is None else (out, out2)


# Batch norm, over all axes but the last.  With s = gamma/sqrt(var + eps):
#     y  = norm_apply(x, s, beta - mean*s, relu)
#     S0, S1 = norm_sums(dy, x, mean, y if relu else None)
#     dx = norm_dx(dy, x, mean, s, -s*S1/(m*(var + eps)), -s*S0/m, y if relu else None),   m the number of rows


def norm_stats(x: Any) -> Any:
    """Mean and (biased) variance over all axes but the last, in one pass over memory, without cancellation."""
    return _columns(_native.MOMENTS, x, None, None, None)


def norm_apply(x: Any, scale: Any, shift: Any, relu: bool = False) -> Any:
    """x*scale + shift along the last axis, then relu if asked."""
    return _rowwise(_native.SCALE_SHIFT, relu, x, None, None, scale, shift, None, None)


def norm_sums(dy: Any, x: Any, mean: Any, y: Any = None) -> Any:
    """Sums of dy and of dy*(x - mean) over all axes but the last; with `y`, dy counts where y > 0 only."""
    return _columns(_native.NORM_SUMS, dy, x, y, mean)


def norm_dx(dy: Any, x: Any, mean: Any, a: Any, b: Any, c: Any, y: Any = None) -> Any:
    """dy*a + (x - mean)*b + c along the last axis; with `y`, dy counts where y > 0 only."""
    return _rowwise(_native.NORM_DX, False, dy, x, y, a, b, mean, c)


def add_(a: Any, b: Any) -> Any:
    """a += b in place, computed as a step of SGD with lr = -1."""
    if a.size < 1 << 14:  # NumPy's call is shorter
        return NotImplemented
    return _step(_native.SGD, a, b, None, None, (-1.0, 0.0, 0.0, 0.0, 0.0))


def sgd_(
    p: Any,
    g: Any,
    buf: Any,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Any:
    """One step of SGD in place, in one pass.  `buf` is the momentum, None without.  Returns p, or NotImplemented."""
    numbers = (lr, momentum, dampening, weight_decay, float(nesterov))
    return _step(_native.SGD, p, g, buf, None, numbers)


def adam_(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> Any:
    """One step of Adam (AdamW if decoupled) in place; `step` counts from 1.  Returns p, or NotImplemented."""
    numbers = (lr, beta1, beta2, eps, weight_decay, float(decoupled), 1 - beta1**step, 1 - beta2**step)
    return _step(_native.ADAM, p, g, m, v, numbers)


def _step(what: int, p: Any, g: Any, m: Any, v: Any, numbers: tuple[float, ...]) -> Any:
    shape = p.shape
    if g.shape != shape or (m is not None and m.shape != shape) or (v is not None and v.shape != shape):
        return NotImplemented
    done = _native.each(what, p, g, None, m, v, numbers)
    if done is False:  # what is written in place cannot be copied
        done = _native.each(what, p, *_contiguous((g,)), None, m, v, numbers)
    return p if done is True else NotImplemented
