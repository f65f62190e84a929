"""Whether two recordings say the same: the test that tells constants from values that follow the data."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.site import line_of
from .instructions import AsTensor, Call, Given, GradientOf, GroupOf, NodeOf, Program, Slot

PASS = "Pass it as an argument of the compiled function, or compute it with tg's functions."


def difference(a: Program, b: Program) -> str:
    """What is different in two recordings of one function, and where; empty if nothing is that matters."""
    for one, other in zip(a.calls, b.calls, strict=False):
        if one.kind != other.kind or one.name != other.name or not same(one.fn, other.fn):
            return (
                f"the function did {one.name} at {line_of(one.site)} in one call and {other.name} at "
                f"{line_of(other.site)} in the next. A program does the same each time: choose between values with "
                "tg.where, and pass what decides as an argument."
            )
        if found := _in_call(one, other):
            return f"{one.name} at {line_of(one.site)}: {found}"
    if len(a.calls) != len(b.calls):
        rest = max(a.calls, b.calls, key=len)[min(len(a.calls), len(b.calls))]
        return f"{rest.name} at {line_of(rest.site)} ran in only one of two calls. Pass what decides as an argument."
    for slot, twin in zip(a.constants, b.constants, strict=False):
        if found := _of_arrays(slot, twin):
            return found
    if not same(a.outputs, b.outputs):
        return f"{a.name} returned something else in two calls: {a.outputs!r}, then {b.outputs!r}. {PASS}"
    return ""


def _of_arrays(a: Slot, b: Slot) -> str:
    """The difference of two arrays that no call makes."""
    if a.value is b.value:
        return ""
    if a.kind == "constant" or (a.ours and b.ours):
        if equal(a.value, b.value):
            return ""
        return f"an array that was made at {line_of(a.site)} holds other values in two calls. {PASS}"
    return (
        f"an array of shape {a.shape} at {line_of(a.site)} is neither an argument, nor a parameter, nor the result of "
        "an op: a replay could not know how it was made. Make it once, outside of the function, or pass it as an "
        "argument, or compute it with tg's functions."
    )


def _in_call(a: Call, b: Call) -> str:
    shapes = [(s.shape, s.dtype) for s in a.makes()], [(s.shape, s.dtype) for s in b.makes()]
    if shapes[0] != shapes[1]:
        return "its result has another shape in two calls with equal shapes, so the shape depends on values."
    if not same(a.args, b.args) or not same(a.params, b.params) or not same(a.out, b.out):
        pair = _first(list(a.args) if isinstance(a.args, (list, tuple)) else [a.args], b.args)
        pair = pair or _first([*a.params.values()], [*b.params.values()]) or ("", "")
        return f"a constant is different in two calls: {_shown(pair[0])}, then {_shown(pair[1])}. {PASS}"
    return ""


def _first(a: Any, b: Any) -> Any:
    return next(((x, y) for x, y in zip(a, b, strict=False) if not same(x, y)), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def same(a: Any, b: Any) -> bool:
    """Whether two arguments of recorded calls say the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, Slot):
        return a.n == b.n and a.kind == b.kind and a.shape == b.shape and a.dtype == b.dtype and same(a.owner, b.owner)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(map(same, [*a.items()], [*b.items()]))
    if isinstance(a, (AsTensor, GradientOf, NodeOf)):
        return same(*[vars(v)["slot" if isinstance(a, AsTensor) else "owner"] for v in (a, b)])
    if isinstance(a, GroupOf):
        return a.optimizer is b.optimizer and a.k == b.k
    if isinstance(a, Given):
        return a == b
    if isinstance(a, (float, np.generic, np.ndarray)):
        return equal(a, b)
    if isinstance(a, (str, int, bool, bytes, np.dtype, slice, type(...))):
        return bool(a == b)
    return _same_function(a, b)


def _same_function(a: Any, b: Any) -> bool:
    """Whether two functions that were made anew do the same with the same objects."""
    if isinstance(a, functools.partial):
        return same(a.func, b.func) and same(a.args, b.args) and same(a.keywords, b.keywords)
    if isinstance(a, types.MethodType):
        return a.__self__ is b.__self__ and same(a.__func__, b.__func__)
    if isinstance(a, (types.BuiltinMethodType, types.MethodWrapperType)):
        return a.__self__ is b.__self__ and a.__name__ == b.__name__
    if isinstance(a, types.FunctionType):
        cells = [[c.cell_contents for c in f.__closure__ or ()] for f in (a, b)]
        return a.__code__ is b.__code__ and same(a.__defaults__, b.__defaults__) and same(*cells)
    return False


def equal(a: Any, b: Any) -> bool:
    """Whether two arrays or numbers have the same bits."""
    if isinstance(a, Tensor):
        a, b = a._data, b._data
    x, y = np.asarray(a), np.asarray(b)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
