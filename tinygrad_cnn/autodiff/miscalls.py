"""Calls with arguments that a function does not take: what the message says, and the call as it should be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..core.errors import nearest
from ..core.register import hooks
from .foreign import PLACES, Row, arguments, line

_UNKNOWN = re.compile(r"got an unexpected keyword argument '(\w+)'")
_COUNTED = re.compile(r"([\w.]+)\(\) (?:takes|missing) .*positional argument")
_NAMED = re.compile(r"\w+=")
_SELF = {  # what examples call the object of a method
    "TensorMethods": "x", "Tensor": "x", "Tensor.backward": "loss", "_Spelled": "x", "Module": "net",
    "Optimizer": "optimizer", "Schedule": "schedule", "DataLoader": "loader",
}  # fmt: skip


def miscalled(error: Exception, name: str, fn: Any, args: Any, given: Any, skip: int) -> str:
    """What to say where Python says that a call does not fit a function's arguments; nothing of other errors.

    `name` is the callable's, `fn` the function that was called with `args` and `given`, of which the first `skip` are
    not the user's.
    """
    if not isinstance(error, TypeError):
        return ""
    if inspect.ismethod(fn):  # the forward of a layer
        begins = "layer"
    elif skip and fn.__name__ == "__init__":
        begins = spelled(name, type(args[0]).__module__)
    elif "." in fn.__qualname__:
        owner = _SELF.get(fn.__qualname__) or _SELF.get(fn.__qualname__.partition(".")[0], "it")
        begins, skip = f"{owner}.{fn.__name__}", 1
    else:
        begins = spelled(name, fn.__module__)
    parameters = inspect.signature(fn).parameters
    if found := _UNKNOWN.search(str(error)):
        key = found[1]
        by_name = [k for k, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if key not in given or key in by_name or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return ""  # another function's, which was called inside
        return f"unknown parameter {key!r}.{keyword(begins, fn, args[skip:], given, key)}"
    found = _COUNTED.match(str(error))
    if found and found[1] == fn.__qualname__:
        if (row := _inplace(parameters, args)) is not None:
            return f"takes no inplace. {row.lacks} It is called as {begins}{arguments(fn)}."
        return _counted(parameters, len(args), given, skip) + f" It is called as {begins}{arguments(fn)}."
    return ""


def _inplace(parameters: Mapping[str, inspect.Parameter], args: tuple[Any, ...]) -> Row | None:
    """What is said of PyTorch's inplace, if a layer that has it there is given one more argument, True or False."""
    places = [p for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    layer = type(args[0]).__module__ if args else ""
    has = layer.endswith((".nn.activation", ".nn.activation_forms", ".nn.dropout"))
    return line("keywords", "inplace") if has and len(args) == len(places) + 1 and isinstance(args[-1], bool) else None


def _counted(parameters: Mapping[str, inspect.Parameter], count: int, given: Mapping[str, Any], skip: int) -> str:
    """What is missing, or how many arguments are too many."""
    places = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [k for k in places[count:] if k not in given and parameters[k].default is inspect.Parameter.empty]
    if needed:
        return f"{' and '.join(needed)} {'is' if len(needed) == 1 else 'are'} missing."
    more = "; the others go by name" if len(places) < len(parameters) else ""
    got = f"{count - skip} argument{'s' * (count - skip != 1)} without names"
    return f"got {got}, but takes {f'at most {most}' if (most := len(places) - skip) else 'none'}{more}."


def spelled(name: str, module: str) -> str:
    """How a call begins of a function or class of that module: "tg.relu", "nn.Conv2d"."""
    package, _, path = module.partition(".")
    if package != __name__.partition(".")[0]:
        return name
    if path.startswith("train.") and name not in hooks["front"]().__all__:
        return f"tg.train.{name}"
    places = [p for p in PLACES[1:-1] if f"{path}.".startswith(f"{p}.")]  # all but tg, and train, of which tg has most
    place = max(places, key=len, default="tg")
    return f"{place}.{name}"


def keyword(begins: str, fn: Callable[..., Any], args: tuple[Any, ...], given: Mapping[str, Any], key: str) -> str:
    """What to say, with a space in front, of a call with a keyword that the function does not have.

    It is the call as it should be, or else what is near and how the function is called.  `begins` is how the call
    begins ("nn.Conv2d"); `args` and `given` are what it got, without ``self``.
    """
    known = {name: p for name, p in inspect.signature(fn).parameters.items() if name != "self"}
    placed = list(_placed(known, args))
    taken = {*given, *(name for name, _ in placed)}
    by_place = [name for name, p in known.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    first, last = [_shown(value, name) for name, value in placed], list[str]()
    ours: dict[str, str | None] = {}
    for name, value in given.items():
        ours[name] = part = _translated(_line(begins, name), name, value, known, taken)
        part = f"{name}={_shown(value, name)}" if part is None else part
        own, _, text = part.partition("=")
        taken.add(own)
        if own == text and by_place[len(first) : len(first) + 1] == [own]:
            part = own  # tg.add(a, b), not tg.add(a, b=b)
        (last if _NAMED.match(part) else first).append(part)
    for name in by_place:
        if name not in taken and known[name].default is inspect.Parameter.empty:  # it was forgotten, too
            next_in_place = by_place[len(first)] == name
            (first if next_in_place else last).append(name if next_in_place else f"{name}={name}")
    call = f"{begins}({', '.join(part for part in (*first, *last) if part)})"
    if key in known:
        return f" Give {key} without its name: {call}."
    if ours[key] is None or len(placed) < len(args):
        return f"{nearest(key, known)} It is called as {begins}{arguments(fn)}."
    row = _line(begins, key)
    assert row is not None
    return (row._replace(lacks="") if ours[key] else row).says(call)


def _placed(known: Mapping[str, inspect.Parameter], args: tuple[Any, ...]) -> Iterable[tuple[str, Any]]:
    """The arguments without names, each with the name of its parameter."""
    names = [name for name, p in known.items() if p.kind is not p.KEYWORD_ONLY]
    for k, value in enumerate(args[: None if any(p.kind is p.VAR_POSITIONAL for p in known.values()) else len(names)]):
        yield names[min(k, len(names) - 1)], value


def _line(begins: str, key: str) -> Row | None:
    """What is said of a keyword: of this function ("tg.normalize.dim"), in its part ("nn.dtype"), or in any."""
    places = (f"{begins}.", f"{begins.rpartition('.')[0]}.", "")
    row = next(filter(None, (line("keywords", place + key) for place in places)), None)
    return None if row is None else row._replace(name=key)


def _translated(
    row: Row | None, name: str, value: Any, known: Mapping[str, inspect.Parameter], taken: set[str]
) -> str | None:
    """A keyword argument as the function takes it, nothing if it is to be left out; None if that is not known."""
    meant = [name] if name in known else row.write.split() if row is not None else []
    for word in meant:
        own, _, form = word.partition("=")
        if own in known and (own == name or own not in taken):
            text = form.format(value).replace(",", ", ") if form else _shown(value, own)
            unnamed = known[own].kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY)
            return text if unnamed else f"{own}={text}"
    return "" if row is not None and row.lacks else None


def _shown(value: Any, name: str) -> str:
    """A value as it is written, if that is short; else the name of its parameter."""
    if isinstance(value, type):
        return f"np.{value.__name__}" if value.__module__ == "numpy" else value.__name__
    plain = value is None or isinstance(value, (bool, int, float, str, tuple, list))
    return text if plain and len(text := repr(value)) <= 40 else name
