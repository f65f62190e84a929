"""NumPy functions called with Tensors: which function of ours each means, and where results are written.

`registry.of_numpy` says what a NumPy function means: an op, or a function with NumPy's own signature.  The methods of
ufuncs are found under ``np.ufunc.reduce`` and so on, and called with the ufunc first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import nearest
from ..core.operation import Op
from ..core.register import registry
from ..core.tensor import Tensor
from .dtypes import weak

_DEFAULTS = {"where": True, "casting": "same_kind", "order": "K", "subok": True}  # of the keywords of every ufunc


# a scalar of NumPy's that is compared with what is on its right hands itself over as an array without axes
_COMPARISONS = frozenset([np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal])


class NumpyMethods(Tensor):
    """NumPy's two protocols."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        first = args[0][()] if ufunc in _COMPARISONS and type(args[0]) is np.ndarray and not args[0].ndim else args[0]
        args = tuple([weak(a) for a in (first, *args[1:])])
        if method == "__call__" and not kwargs:
            return meant(ufunc)(*args)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        out = kwargs.pop("out", None)
        if method != "__call__":
            y = _called(name, meant(getattr(np.ufunc, method)), (ufunc, *args), kwargs)
        else:
            kwargs = {k: v for k, v in kwargs.items() if v is not None and v is not _DEFAULTS.get(k, NotImplemented)}
            y = _masked(name, ufunc, args, out, **kwargs)
        return delivered(name, y, out, args)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        fn, name, args = meant(func), name_of(func), tuple([weak(a) for a in args])
        kwargs = {key: weak(value) for key, value in kwargs.items()}
        if isinstance(fn, Op):
            out = kwargs.pop("out", None)
            return delivered(name, fn(*args, **kwargs), out, ())
        return _called(name, fn, args, kwargs)


def name_of(func: Any) -> str:
    """A NumPy function as users write it, without the ``np.``: "linalg.norm"."""
    module = getattr(func, "__module__", None) or "numpy"
    inner = module.removeprefix("numpy").lstrip(".")
    return f"{inner}.{func.__name__}" if inner and not inner.startswith("_") else getattr(func, "__name__", str(func))


def meant(func: Callable[..., Any]) -> Any:
    """The op or function that a NumPy function means; refuses others by name."""
    fn = registry.of_numpy.get(func)
    if fn is not None:
        return fn
    name = name_of(func)
    raise TypeError(
        f"np.{name} has no op in tinygrad_cnn, so its gradient is unknown.{nearest(name, registry)} "
        "For plain values use tensor.data; to teach it, register an op with @tg.op(numpy=[...])."
    )


def _called(name: str, fn: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function with NumPy's signature; its `out`, by position or by name, is written to afterwards."""
    try:
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"np.{name} of a Tensor: {error}; the arguments are {_arguments(fn)}.") from None
    out = bound.arguments.pop("out", None) if "out" in bound.signature.parameters else None
    if out is None:
        return fn(*bound.args, **bound.kwargs)
    by_place = {k for k, p in bound.signature.parameters.items() if p.kind is p.POSITIONAL_ONLY}
    given = {k: v for k, v in bound.arguments.items() if k not in ("args", "kwargs")}
    first = [given.pop(k) for k in list(given) if k in by_place]  # what stands behind `out` goes by name
    more = bound.arguments.get("args", ())
    return delivered(name, fn(*first, *more, **given, **bound.arguments.get("kwargs", {})), out, ())


def _arguments(fn: Callable[..., Any]) -> str:
    return ", ".join(k for k in inspect.signature(fn).parameters if k not in ("args", "kwargs"))


def _masked(name: str, ufunc: Any, args: Any, out: Any, *, where: Any = None, dtype: Any = None, **more: Any) -> Any:
    """A call of a ufunc with `where` and `dtype`."""
    if more:
        raise TypeError(f"np.{name} of a Tensor: {', '.join(more)} cannot be set; leave it out.")
    if dtype is not None:
        args = [registry["cast"](a, dtype=np.dtype(dtype)) if hasattr(a, "dtype") else a for a in args]
    y = meant(ufunc)(*args)
    if where is None:
        return y
    if out is None or isinstance(y, tuple):
        raise TypeError(
            f"np.{name}: without out=, nothing says what stands where the mask does not hold. "
            f"Give out=, or write np.where(mask, np.{name}(...), otherwise)."
        )
    return registry["where"](where, y, out[0] if isinstance(out, tuple) else out)


def delivered(name: str, y: Any, out: Any, args: Any) -> Any:
    """Write a result to `out`, where one was given, and return that.

    ``array += tensor`` reaches this as ``np.add(array, tensor, out=array)``: the name gets the Tensor, and the array
    keeps its values, as it cannot hold a graph.
    """
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if out is None or (isinstance(out, tuple) and all(o is None for o in out)):
        return y
    if isinstance(y, tuple) or isinstance(out, tuple):
        raise TypeError(f"np.{name} of a Tensor: out= of a function with several results cannot be set; leave it out.")
    if isinstance(out, Tensor):
        out[...] = y
        return out
    if args and args[0] is out:
        return y
    if isinstance(y, Tensor) and y.requires_grad:
        raise TypeError(
            f"np.{name}: out is a plain array, and writing the result into it would cut its gradient. "
            "Leave out= out, or give a Tensor."
        )
    np.copyto(out, y.data if isinstance(y, Tensor) else y, casting="same_kind")
    return out
