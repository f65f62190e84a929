"""What is said of calls that went wrong, and of arguments and results that ops cannot have."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..core.errors import describe, interrupts
from ..core.modes import current
from ..core.register import hooks
from .miscalls import keyword, spelled

_KINDS = {  # how an error of Python's or NumPy's is raised when it is worded
    ValueError: ValueError, TypeError: TypeError, IndexError: IndexError, ZeroDivisionError: ZeroDivisionError,
    OverflowError: ValueError, MemoryError: MemoryError, UnicodeEncodeError: ValueError,
    UnicodeDecodeError: ValueError,
}  # fmt: skip


def kind_of(error: BaseException) -> type[Exception] | None:
    """The class that a worded error has: the nearest built-in one; None for classes of the user's, which stay."""
    if type(error).__module__.startswith("numpy"):  # an axis out of range; a ufunc on a dtype it lacks
        return next((kind for kind in (MemoryError, TypeError, ValueError) if isinstance(error, kind)), None)
    return _KINDS.get(type(error))


def located(error: Exception, op: Any, path: str, arguments: dict[str, Any]) -> Exception:
    """The same error, saying which op in which layer failed and on what arguments."""
    kind = kind_of(error)
    if kind is None and isinstance(error, AttributeError) and op.fn.__module__.startswith(__package__.split(".")[0]):
        kind = TypeError  # of None, or of something that is not an array: ops of the user's may have other reasons
    message = str(error)
    if kind is None or message.startswith(f"{op.name} ("):
        return error
    who = f"{op.name} ({path})" if path else op.name
    if message.startswith(f"{op.name}: "):  # the op has worded it already
        return error if not path else kind(f"{who}{message[len(op.name) :]}")
    shown = {name: value for k, (name, value) in enumerate(arguments.items()) if value is not None or k == 0}
    given = ", ".join(f"{name} {describe(value)}" for name, value in shown.items())
    return kind(f"{who}: {message.strip().rstrip('.')}. Given: {given or 'no inputs'}.")


def input_names(op: Any, count: int) -> list[str]:
    """Return the names of so many inputs: ``xs[0]``, ``xs[1]`` where there can be any number."""
    named = op.inputs[: op.last] if op.variadic else op.inputs
    return [*named, *[f"{op.inputs[-1]}[{k}]" for k in range(count - len(named))]]


def checked_result(op: Any, y: Any, traced: bool) -> Any:
    """What the function returned, if it is an array of another library or a NumPy scalar; refuse the rest."""
    if isinstance(y, (np.generic, np.ndarray)):
        if y.dtype.kind not in "biufc" or (traced and y.dtype.kind == "c"):
            raise TypeError(f"the result would have dtype {y.dtype}; inputs must hold numbers or booleans")
        return np.asarray(y) if traced else y
    if hasattr(y, "node") or not (hasattr(y, "shape") and hasattr(y, "dtype")):
        wanted = f"(y, {', '.join(op.aux)})" if op.aux else "an array"
        raise TypeError(
            f"{op.name}: the op's function returned {describe(y) if not hasattr(y, 'node') else 'a Tensor'}, "
            f"expected {wanted}. It is given plain arrays, and computes with NumPy."
        )
    return y


def _missing(op: Any, args: tuple[Any, ...]) -> Exception | None:
    """The error of a call with None for an input that it needs, if it is such a call."""
    inputs = args if op.variadic else args[: len(op.inputs)]
    if op.variadic and inputs and isinstance(inputs[0], (list, tuple)):
        inputs = tuple(inputs[0])
    for name, value in zip(input_names(op, len(inputs)), inputs, strict=False):
        if value is None and name not in op.optional:
            path = current().path
            who = f"{op.name} ({path})" if path else op.name
            return TypeError(f"{who}: input {name} is None; it must be a Tensor, an array or a number.")
    return None


def fail(op: Any, error: Any, args: tuple[Any, ...], params: dict[str, Any], arrays: list[Any]) -> None:
    """Note on an error which call it interrupts; raise it worded, with the op, the layer and the arguments."""
    names = input_names(op, len(arrays))
    named: Any = error
    if str(error).startswith(f"{op.name}: needs ") and len(arrays) < len(args):  # an input that cannot be an array
        which = input_names(op, len(args))[len(arrays)]
        named = TypeError(str(error).replace(": needs", f": input {which} needs", 1))
    worded = _missing(op, args) or located(named, op, current().path, dict(zip(names, arrays, strict=False)) | params)
    interrupts(worded, op, args, params, current().path)
    try:
        if worded is not error:
            raise worded from error
    finally:
        del worded  # its traceback holds this frame: a cycle that would keep the arguments alive


def unknown(op: Any, args: tuple[Any, ...], params: dict[str, Any], name: str) -> TypeError:
    """The error of a call with a parameter that the op does not have."""
    advice = keyword(spelled(op.name, op.__module__), op.fn, args, params, name)
    return TypeError(f"{op.name}: unknown parameter {name!r}.{advice}")


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
        elif isinstance(value, np.generic):  # a NumPy float64 would make a result of float32 float64
            plain[name] = value.item()
        elif isinstance(value, type):  # a dtype
            continue
        elif (callable(value) or isinstance(value, np.random.Generator)) and name not in op.effects:
            raise TypeError(
                f"{op.name}: {name} is a {type(value).__name__}, which a graph that is replayed or exported cannot "
                f"show. If the op is yours, declare that it calls or changes it: @tg.op(effects=[{name!r}])."
            )
    return plain


def checked_rule(op: Any, own: str, fn: Any) -> Any:
    """The parameters of a rule, which must be a function of names, without defaults.

    Raises
    ------
    TypeError : it is not a function, its signature cannot be read, or a parameter has a default.
    """
    form = f"{op.name}.vjp({own}=lambda g, ...: ...)"
    if not callable(fn):
        raise TypeError(f"{op.name}.vjp: the rule for {own} must be a function of g, got {describe(fn)}. Write {form}.")
    try:
        signature = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        raise TypeError(
            f"{op.name}.vjp: the rule for {own} is {getattr(fn, '__name__', describe(fn))}, whose arguments have no "
            f"names that Python can read. Wrap it: {form}."
        ) from None
    for p in signature.values():
        if p.default is not p.empty and p.name not in (*op.inputs, *op.defaults, *op.aux, "g", "y"):
            raise TypeError(
                f"{op.name}.vjp: the rule for {own} gives {p.name} the default {describe(p.default)}, but rules are "
                f"called with what they name of the op. Write the value into the rule: {form}."
            )
    return signature


hooks.update(unknown=unknown, rule=checked_rule, plain=plain_parameters, result=checked_result, failed=fail)
