"""Binds calls of ops that are not plain, inputs by keyword or parameters by position, and words what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .register import hooks

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
            return args, hooks["plain"](op, bound)
    return args, bound


def _sorted(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same for inputs by keyword, parameters by position and any number of inputs; words mistakes."""
    if odd := params.keys() - op.defaults.keys() - {*op.inputs[: len(op.inputs) * (not op.variadic)]}:
        raise hooks["unknown"](op, args, params, next(name for name in params if name in odd))
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
            f"got {len(op.inputs) + len(more)}. It is called as {op!r}; parameters go by keyword."
        )
    given = dict(zip(op.positional, more, strict=False))
    if twice := given.keys() & params.keys():
        raise TypeError(f"{op.name}: {', '.join(twice)} was given twice.")
    bound = {**op.defaults, **given, **params}
    for name in op.required:
        if bound[name] is REQUIRED:
            raise TypeError(f"{op.name}: parameter {name} is missing. It is called as {op!r}.")
    return args, bound


PLAIN = frozenset([bool, int, float, str, tuple, list, slice, type(None), type(Ellipsis), type]) | {
    type(np.dtype(kind)) for kind in "?bhilqBHILQefdg"
}


def signature_of(
    fn: Callable[..., Any], name: str, params: Sequence[str], aux: Sequence[str], effects: Sequence[str]
) -> dict[str, Any]:
    """Read an op's function.

    Returns `inputs`, `optional` (inputs that may be left out, with their defaults), `defaults` of parameters,
    `positional` ones among them, `required` ones; whether there can be any number of inputs (`variadic`) and which they
    are (`last`); how many otherwise (`arity`); `left_out`: by the number of inputs given, the defaults of the rest, and
    `others`, the same for any other number.
    """
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
    if odd := {*effects} - defaults.keys():
        raise ValueError(f"op {name}: effects={sorted(odd)} must be names of its parameters.")
    if clash := {"g", "y", "i"} & {*inputs, *defaults, *aux}:
        raise ValueError(f"op {name}: {', '.join(sorted(clash))} is a name that rules reserve; call it otherwise.")
    arity, rest = len(inputs), tuple(optional.values())
    counts = range(arity - len(rest), arity + 1) if not variadic else ()
    return {
        "inputs": tuple(inputs), "optional": optional, "defaults": defaults, "positional": tuple(params),
        "required": frozenset([k for k, v in defaults.items() if v is REQUIRED]), "variadic": variadic,
        "last": arity - 1, "arity": -1 if variadic else arity,
        "left_out": {n: rest[len(rest) - (arity - n) :] for n in counts},
        "others": () if variadic and arity > 1 else None,
    }  # fmt: skip
