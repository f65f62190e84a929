"""Public functions and classes by name: an error that comes out of the middle of one is worded with its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

import numpy as np

from ..core.errors import describe
from ..core.modes import current
from .miscalls import miscalled
from .wording import kind_of

OURS = __name__.partition(".")[0] + "."  # how the names of this package's modules begin
F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = str(Path(__file__).parents[1])
_NUMPY, _PYTHON = str(Path(np.__file__).parent), str(Path(inspect.__file__).parent)
_WORDED = re.compile(r"(data set|[\w.]+)( \([^)]*\))?(\.\w+|\[[^]]*\])*: ")  # "conv2d (features.1): ..."


def named(thing: F) -> F:
    """Have the errors of a public function or class begin with its name; a decorator.

    An error that one of its own messages words stays as it is, and so does one that was raised in the user's code (a
    loss, a data set, a layer that was passed).  What NumPy or Python says of a wrong argument, or another function of
    this package, gets the name in front, and the arguments behind.  A class's errors are those of making an instance.
    A call that succeeds costs a frame more, about 0.1 µs.

    >>> tg.nn.init.orthogonal("ab")
    Traceback (most recent call last):
        ...
    TypeError: orthogonal: shape=('ab',) must be a tuple of whole numbers of at least 0.
    >>> tg.zeros(2, dtype="word")
    Traceback (most recent call last):
        ...
    TypeError: zeros: data type 'word' not understood. Given: sizes 2, dtype 'word'.
    """
    if isinstance(thing, type):
        made: Any = thing
        if "__init__" in vars(made):  # or it inherits one, which names the class of the instance
            made.__init__ = _guarded(made.__init__, lambda args: type(args[0]).__name__, skip=1)
        return thing
    return cast(F, _guarded(thing, lambda args: thing.__qualname__, skip=0))


def method(fn: F, name: str = "") -> F:
    """Have arguments that a method of Tensor does not take worded as those of functions are."""
    who = name or fn.__name__

    @wraps(fn)
    def call(*args: Any, **given: Any) -> Any:
        try:
            return fn(*args, **given)
        except TypeError as error:
            if said := miscalled(error, who, fn, args, given, 1):
                raise TypeError(f"{_located(who)}: {said}") from None
            raise

    return cast(F, call)


def of_layer(error: BaseException, layer: Any, args: Any, given: Any) -> BaseException:
    """The error that a call of one of this package's layers ended in: worded, if NumPy or Python had worded it."""
    if isinstance(error, Exception) and type(layer).__module__.startswith(OURS) and not _WORDED.match(str(error)):
        return _worded(error, type(layer).__name__, layer.forward, args, given, 0)
    return error


def _guarded(fn: Callable[..., Any], name: Callable[[Any], str], skip: int) -> Callable[..., Any]:
    @wraps(fn)
    def call(*args: Any, **given: Any) -> Any:
        try:
            return fn(*args, **given)
        except Exception as error:
            worded = _worded(error, name(args), fn, args, given, skip)
            if worded is error:
                raise
            vars(worded).update({k: v for k, v in vars(error).items() if k == "__notes__"})
            raise worded from error

    return call


def _worded(error: Exception, name: str, fn: Any, args: Any, given: Any, skip: int) -> Exception:
    """The error with the name of the call in front, or the same error if it has it, or is the user's."""
    kind = kind_of(error) or {AttributeError: TypeError, KeyError: KeyError}.get(type(error))
    if kind is None:
        return error
    if said := not _is_foreign(error.__traceback__) and miscalled(error, name, fn, args, given, skip):
        return TypeError(f"{_located(name)}: {said}")
    message = str(vars(error).get("_unworded", error))  # a function inside has worded it: the outermost is the user's
    if _has(message, name) or _is_foreign(error.__traceback__):
        return error
    path, who = current().path, _located(name)
    if _WORDED.match(message):  # another function of this package has worded it
        return kind(f"{who}: {message.replace(f' ({path}): ', ': ', 1) if path else message}")
    told = ", ".join(f"{n} {describe(v)}" for n, v in _bound(fn, args, given, skip))
    worded = kind(f"{who}: {message.strip().rstrip('.')}. Given: {told or 'nothing'}.")
    vars(worded)["_unworded"] = message
    return worded


def _located(name: str) -> str:
    """The name of a callable, with the path of the layer that it runs in."""
    path = current().path
    return f"{name} ({path})" if path else name


def _has(message: str, name: str) -> bool:
    """Whether a message names the callable, or begins with a function it is a form of, as grad_cam of grad_cam_map."""
    head = re.match(r"\w*", message)
    family = head[0] if head else ""
    return name in message or (len(family) > 3 and name.startswith(f"{family}_"))


def _is_foreign(trace: TracebackType | None) -> bool:
    """Whether the error passed through code that is neither ours, nor NumPy's or Python's own."""
    while trace is not None:
        if not _is_library(trace.tb_frame.f_code.co_filename):
            return True
        trace = trace.tb_next
    return False


def _is_library(name: str) -> bool:
    """Whether a source file is ours, NumPy's or Python's own; what is installed beside them is the user's choice."""
    ours = name.startswith((_PACKAGE, _NUMPY, "<frozen")) or name.endswith(".pyx")  # NumPy's compiled parts
    return ours or (name.startswith(_PYTHON) and "-packages" not in name)


def _bound(fn: Any, args: Any, given: Any, skip: int) -> list[tuple[str, Any]]:
    """The arguments of a call with their names, as far as they fit."""
    names = [p.name for p in inspect.signature(fn).parameters.values() if p.kind is not p.VAR_KEYWORD]
    names = [*names, *[f"argument {k + 1}" for k in range(len(names), len(args))]]
    return [*zip(names[skip:], args[skip:], strict=False), *given.items()]
