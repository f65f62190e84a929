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

from ..shapes import whole
from . import arithmetic as _arithmetic
from . import columns as _columns
from . import convolution as _convolution
from . import gates as _gates
from . import group_norms as _group_norms
from . import passes as _passes
from . import pooling as _pooling
from . import reductions as _reductions
from . import rows as _rows
from . import smooth as _smooth
from . import updates as _updates
from .shadow import notice

VERSION = 8  # of the calls between this file and module.c (setup.py compiles it in); raise it when one changes

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


def use_isa(name: str | None = None) -> str:
    """Use an instruction set of `isas()`; returns what was in use ("" without kernels), which None leaves as it is."""
    global _isa
    if name is None:
        return _isa
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


def _bf16_sets() -> list[str]:
    return [] if _native is None else [name for name in _native.bf16_sets() if name != "emulated"]  # that is for tests


def bf16_set() -> str:
    """The instructions for products of bf16 numbers beside the instruction set in use, "amx" or "dot"; "" if none."""
    return next(iter(_bf16_sets()), "") if _isa == "v4" else ""


def use_bf16(on: bool) -> None:
    """Round operands of float32 products to bf16 where there are instructions for it, or do not."""
    if _native is not None:
        _native.use_bf16(next(iter(_bf16_sets()), None) if on else None)


def exactly(on: bool) -> None:
    """Begin (or end) a part of this thread's work in which no operand is rounded to bf16."""
    if _native is not None:
        _native.exactly(on)


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
_subjects = (
    _convolution, _pooling, _passes, _columns, _updates, _smooth, _rows, _group_norms, _reductions, _arithmetic, _gates,
)  # fmt: skip


def bound(compiled: Any, lent: Any) -> dict[str, Any]:
    """The kernels by name, which compute by the module `compiled` into ``lent(shape, dtype)``."""
    return {name: kernel for subject in _subjects for name, kernel in subject.bindings(compiled, lent).items()}


globals().update(bound(_native, empty))


def traced(watch: Any, lent: Any) -> dict[str, Any]:
    """The kernels by name, for whoever wants to see what they call: ``watch(name, function, arguments)`` calls it."""
    return bound(_Traced(watch), lent) if _native is not None else {}


class _Traced:
    """The compiled module, whose functions tell of their calls."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(_native, name)
        return (lambda *args: self._watch(name, found, args)) if callable(found) else found
