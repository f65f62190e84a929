"""NumPy functions called with Tensors: the functions of ops that each means, with NumPy's own signature.

An op that spells its arguments as NumPy does is named by ``@op(numpy=[...])``.  The files here hold the others, one
dictionary for each family: name -> function.  `METHODS` are those of ufuncs, as in ``np.add.reduce``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...autodiff.writing import without_tensors
from ...core.register import registry
from ...core.tensor import Tensor
from . import functions, joining, matrices, moving, picking, products, reductions, series
from .of_ufuncs import METHODS
from .without import KEEPS_OUT, PLAIN, REFUSED

WITH_GRADIENT: dict[str, Callable[..., Any]] = {
    name: fn
    for family in (functions, reductions, moving, joining, picking, products, matrices, series)
    for name, fn in family.GRADIENT.items()
}
STEPS: dict[str, Callable[..., Any]] = {**functions.STEPS, **reductions.STEPS, **picking.STEPS}


def of_numpy(name: str) -> Any:
    """The NumPy function of a name such as "linalg.norm"; None where this NumPy has none."""
    found: Any = np
    for key in name.split("."):
        found = getattr(found, key, None)
    return found


def dispatched() -> dict[str, Any]:
    """Every function of numpy, numpy.linalg and numpy.fft that NumPy lets others answer, under one of its names."""
    found: dict[Any, str] = {}
    for prefix in ("", "linalg.", "fft."):
        module = of_numpy(prefix[:-1]) if prefix else np
        for name in dir(module):
            func = getattr(module, name)
            if isinstance(func, np.ufunc) or hasattr(func, "_implementation"):
                found.setdefault(func, prefix + name)
    return {name: func for func, name in found.items()}


def _plain(name: str, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A NumPy function of the values, once no argument would lose a gradient that matters."""
    for key in KEEPS_OUT & kwargs.keys():
        if isinstance(kwargs[key], Tensor) and kwargs[key].requires_grad:
            raise TypeError(f"np.{name}: {key} requires a gradient, which would be lost; give {key}.data.")
    return func(*without_tensors(args), **without_tensors(kwargs))


def _refused(name: str, remedy: str, *args: Any, **kwargs: Any) -> Any:
    raise TypeError(
        f"np.{name} of a Tensor is refused, as its gradient is unknown. {remedy} For plain values use tensor.data; "
        f"to teach it, register an op with @tg.op(numpy=[np.{name}])."
    )


def _register(names: Any, made: Callable[[str, Any], Callable[..., Any]]) -> None:
    for name in names:
        func = of_numpy(name)
        if func is not None:
            registry.of_numpy[func] = made(name, func)


_register(WITH_GRADIENT, lambda name, func: WITH_GRADIENT[name])
_register(STEPS, lambda name, func: STEPS[name])
_register(PLAIN, lambda name, func: partial(_plain, name, func))
_register(REFUSED, lambda name, func: partial(_refused, name, REFUSED[name]))
registry.of_numpy.update({getattr(np.ufunc, name): method for name, method in METHODS.items()})
