"""Arrays as the user's code sees them while a program is recorded: NumPy's functions of them become calls."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Tensor
from .arrays import is_same


def nobody() -> Any:
    """Return None: no recorder listens."""
    return None


recorder_here: Callable[[], Any] = nobody  # gives the recorder of this thread, if it listens

READS = {
    "__bool__": "a condition", "__float__": "float()", "__int__": "int()", "__complex__": "complex()",
    "__index__": "an index", "item": "item()", "tolist": "tolist()", "tobytes": "tobytes()", "__format__": "a format",
    "__repr__": "printing", "__str__": "printing", "__contains__": "in", "nonzero": "nonzero()", "dump": "dump()",
    "dumps": "dumps()", "tofile": "tofile()", "__reduce__": "pickling", "__reduce_ex__": "pickling",
    "__copy__": "copy.copy", "__deepcopy__": "copy.deepcopy",
}  # fmt: skip
CHOOSING = {  # functions whose results have a shape that depends on values
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.extract, np.compress, np.bincount, np.histogram,
    np.setdiff1d, np.intersect1d, np.union1d, np.trim_zeros,
}  # fmt: skip
BY_SHAPE = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.shares_memory, np.may_share_memory,
            np.broadcast_shapes, np.iscomplexobj, np.isrealobj}  # fmt: skip
REMEDY = (
    "Read it outside of the function; choose between values with np.where or tg.where. A program replays functions of "
    "arrays, not what Python does with their values."
)


def watch(a: Any) -> Any:
    """An array that reports what is done with it; shares the memory."""
    if isinstance(a, np.generic):
        a = np.asarray(a)
        recorder = recorder_here()
        if recorder is not None:
            recorder.scalar(a)
    return a.view(Watched) if isinstance(a, np.ndarray) else a


def bare(value: Any) -> Any:
    """The same values as plain arrays."""
    if isinstance(value, Watched):
        return value.view(np.ndarray)
    if type(value) in (list, tuple):
        return type(value)([bare(v) for v in value])
    return {k: bare(v) for k, v in value.items()} if type(value) is dict else value


class Watched(np.ndarray):
    """An array whose use by NumPy is recorded, and whose use by Python is refused."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **named: Any) -> Any:
        if any([isinstance(a, Tensor) for a in inputs]):
            return NotImplemented  # the Tensor makes an op of it
        if out is not None:
            named["out"] = out
        return _call(ufunc if method == "__call__" else getattr(ufunc, method), ufunc.__name__, inputs, named)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any([issubclass(kind, Tensor) for kind in types]):
            return NotImplemented
        return _call(func, getattr(func, "__name__", "?"), args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if any([isinstance(k, (list, np.ndarray)) and np.asarray(bare(k)).dtype == bool for k in keys]):
            _refuse("choosing by a mask, whose result has as many elements as the mask says")
        return _call(operator.getitem, "getitem", (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        _call(operator.setitem, "setitem", (self, key, value), {})

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))


def _refuse(how: str) -> None:
    recorder = recorder_here()
    if recorder is not None:
        recorder.refuse(f"Python reads the value of an array ({how})", REMEDY)


def _call(fn: Any, name: str, args: Any, named: Any) -> Any:
    """Run a function of NumPy's, and record it."""
    recorder, plain, rest = recorder_here(), bare(args), bare(named)
    if recorder is None or fn in BY_SHAPE:
        return fn(*plain, **rest)
    if fn in CHOOSING or (fn is np.where and len(args) == 1):
        _refuse(f"np.{name}, whose result has as many elements as the values say")
    specs, more = recorder.spec(list(plain)), recorder.spec(rest)
    y = recorder.inside(fn, *plain, **rest)
    if isinstance(y, (bool, int, float)):
        _refuse(f"np.{name}")
        return y
    if isinstance(y, np.generic):
        y = np.asarray(y)
        recorder.scalar(y)
    recorder.emit("numpy", fn, name, specs, more, y)
    if y is None:
        return None
    for a in (*args, *named.values(), *(named.get("out") or ())):
        if isinstance(a, Watched) and isinstance(y, np.ndarray) and is_same(a, y):
            return a
    if isinstance(y, (list, tuple)):
        seen = [watch(v) for v in y]
        return type(y)(*seen) if hasattr(y, "_fields") else type(y)(seen)  # a named tuple takes one by one
    return watch(y)


def _method(name: str) -> Any:
    plain = getattr(np.ndarray, name)

    def method(self: Watched, *args: Any, **named: Any) -> Any:
        return _call(plain, name, (self, *args), named)

    method.__name__ = name
    return method


def _read(name: str, how: str) -> Any:
    plain = getattr(np.ndarray, name)

    def method(self: Watched, *args: Any) -> Any:
        _refuse(how)
        return plain(self.view(np.ndarray), *args)

    method.__name__ = name
    return method


_METHODS = (
    "all any argmax argmin argsort astype clip conj copy cumprod cumsum diagonal dot fill flatten max mean min prod "
    "ravel repeat reshape round searchsorted sort squeeze std sum swapaxes take trace transpose var partition put"
)
for _name in _METHODS.split():
    setattr(Watched, _name, _method(_name))
for _name, _how in READS.items():
    setattr(Watched, _name, _read(_name, _how))
