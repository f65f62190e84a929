"""Binds calls of ops that are not plain, inputs by keyword or parameters by position, and words what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import describe, interrupts, located, nearest
from .modes import current

REQUIRED = inspect.Parameter.empty


def bind(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort what was passed into inputs and parameters, all of them, and see to it that parameters are plain values."""
    missing = op.left_out.get(len(args), op.others)
    if missing is not None and params.keys() <= op.defaults.keys() and op.required <= params.keys():
        args, bound = args + missing, {**op.defaults, **params}
    else:
        args, bound = _sorted(op, args, {**params})
    if op.arrange is not None:
        args, bound = op.arrange(*args, **bound)
    for p in bound.values():
        if type(p) not in PLAIN:
            return args, plain_parameters(op, bound)
    return args, bound


def _sorted(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same for inputs by keyword, parameters by position and any number of inputs; words mistakes."""
    if op.variadic:
        if not op.last and args and isinstance(args[0], (list, tuple)):  # concatenate([a, b]) as NumPy writes it
            args, more = tuple(args[0]), args[1:]
        else:
            more = ()
    else:
        args, more = args[: len(op.inputs)], args[len(op.inputs) :]
        inputs = list(args)
        for name in op.inputs[len(args) :]:
            if name not in params and name not in op.optional:
                raise TypeError(f"{op.name}: input {name} is missing. It is called as {op!r}.")
            inputs.append(params.pop(name) if name in params else op.optional[name])
        args = tuple(inputs)
    if len(more) > len(op.positional):
        raise TypeError(
            f"{op.name}: takes {len(op.inputs) + len(op.positional)} positional arguments, "
            f"got {len(args) + len(more)}. It is called as {op!r}; parameters go by keyword."
        )
    given = dict(zip(op.positional, more, strict=False))
    if twice := given.keys() & params.keys():
        raise TypeError(f"{op.name}: {', '.join(twice)} was given twice.")
    for name in params.keys() - op.defaults.keys():
        known = f" Its parameters are {', '.join(op.defaults)}." if op.defaults else " It has no parameters."
        raise TypeError(f"{op.name}: unknown parameter {name!r}.{nearest(name, op.defaults)}{known}")
    bound = {**op.defaults, **given, **params}
    for name in op.required:
        if bound[name] is REQUIRED:
            raise TypeError(f"{op.name}: parameter {name} is missing. It is called as {op!r}.")
    return args, bound


PLAIN = frozenset([bool, int, float, str, tuple, list, slice, type(None), type(Ellipsis), type]) | {
    type(np.dtype(kind)) for kind in "?bhilqBHILQefdg"
}


def plain_parameters(op: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters without arrays: a number as a Python number, a row of whole numbers, as in a shape, as a tuple.

    Raises
    ------
    TypeError : a parameter is a Tensor or another array: what is computed belongs among the inputs; or it is a
        function or a generator that the op does not declare.
    """
    plain = dict(params)
    for name, value in params.items():
        if hasattr(value, "node"):
            take = f"{name}.item()" if value._data.size == 1 else f"{name}.data"
            raise TypeError(
                f"{op.name}: {name}=Tensor of shape {value.shape} must be a plain value, since no gradient flows "
                f"through a parameter. Pass {take} for its value; only inputs ({', '.join(op.inputs)}) can be Tensors."
            )
        if isinstance(value, np.ndarray):
            if value.ndim and (value.ndim > 1 or value.dtype.kind not in "iu"):
                raise TypeError(
                    f"{op.name}: {name}={describe(value)} must be a plain value: a graph that is drawn, replayed or "
                    f"exported shows arrays as inputs. If the op is yours, make {name} an input, "
                    f"which is positional: def {op.name}({', '.join((*op.inputs, name))})."
                )
            plain[name] = value.item() if not value.ndim else tuple(value.tolist())
        elif (callable(value) or isinstance(value, np.random.Generator)) and name not in op.effects:
            raise TypeError(
                f"{op.name}: {name} is a {type(value).__name__}, which a graph that is replayed or exported cannot "
                f"show. If the op is yours, declare that it calls or changes it: @tg.op(effects=[{name!r}])."
            )
    return plain


def signature_of(
    fn: Callable[..., Any], params: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, Any], dict[str, Any], bool]:
    """Read an op's function: its inputs, defaults of those that may be left out, and of parameters; if any number."""
    inputs: list[str] = []
    optional, defaults, variadic = {}, {}, False
    for p in inspect.signature(fn).parameters.values():
        variadic |= p.kind is p.VAR_POSITIONAL
        if p.kind is p.KEYWORD_ONLY or p.name in params:
            defaults[p.name] = p.default
        else:
            inputs.append(p.name)
            if p.default is not REQUIRED:
                optional[p.name] = p.default
    return tuple(inputs), optional, defaults, variadic


def input_names(op: Any, count: int) -> list[str]:
    """Return the names of so many inputs: ``xs[0]``, ``xs[1]`` where there can be any number."""
    named = op.inputs[: op.last] if op.variadic else op.inputs
    return [*named, *[f"{op.inputs[-1]}[{k}]" for k in range(count - len(named))]]


def checked_result(op: Any, y: Any, traced: bool) -> Any:
    """What the function returned, if it is an array of another library or a NumPy scalar; refuse the rest."""
    if isinstance(y, np.generic):
        return np.asarray(y) if traced else y
    if hasattr(y, "node") or not (hasattr(y, "shape") and hasattr(y, "dtype")):
        wanted = f"(y, {', '.join(op.aux)})" if op.aux else "an array"
        raise TypeError(
            f"{op.name}: the op's function returned {describe(y) if not hasattr(y, 'node') else 'a Tensor'}, "
            f"expected {wanted}. It is given plain arrays, and computes with NumPy."
        )
    return y


def fail(op: Any, error: Any, args: tuple[Any, ...], params: dict[str, Any], arrays: list[Any]) -> None:
    """Note on an error which call it interrupts; raise it worded, with the op, the layer and the arguments."""
    names = input_names(op, len(arrays))
    worded = located(error, op.name, current().path, dict(zip(names, arrays, strict=False)) | params)
    interrupts(worded, op, args, params, current().path)
    try:
        if worded is not error:
            raise worded from error
    finally:
        del worded  # its traceback holds this frame: a cycle that would keep the arguments alive


def bare(fn: Callable[..., Any]) -> inspect.Signature:
    """Return a signature without annotations, to be read by people."""
    signature = inspect.signature(fn)
    plain = [p.replace(annotation=REQUIRED) for p in signature.parameters.values()]
    return signature.replace(parameters=plain, return_annotation=REQUIRED)
