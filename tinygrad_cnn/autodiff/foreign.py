"""What messages say of names that PyTorch, Keras, TensorFlow, JAX and NumPy have, and this package spells otherwise.

The names stand in ``foreign_names/``, below the class or module of this package that users look for them in.  A line
begins with the names that have one answer, and the libraries of each; every other field begins with a mark:

    >  what to write here, in examples of `x`, `net`, `optimizer` and the like, where ``{name}`` is the name itself; of
       keywords, the parameters that mean it
    =  what the foreign name means, in NumPy, of the same values: tests compare the two
    +  a sentence after that
    -  a sentence that says what is missing here, or not needed; what to write is then a way round
    ?  a public name that fills the gap: as soon as it exists, the line no longer holds
    !  a public name that the line speaks of: the line holds as soon as it exists
    ~  of keywords, a call that has it: tests make the call, and what the message says instead

Of several lines about a name, the first that holds is the answer.  A line without such fields is about functions of
this package that are methods elsewhere.

The files are read when the first error is worded.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..core.errors import nearest
from ..core.register import hooks

LIBRARIES = {"torch": "PyTorch", "keras": "Keras", "tf": "TensorFlow", "jax": "JAX", "numpy": "NumPy"}
PLACES = ("tg", "nn", "nn.init", "optim", "data", "data.transforms", "models", "train")  # where a name is looked for
CLASSES = {  # whose instances may lack a name
    "Module": "nn.Module", "Optimizer": "optim.Optimizer", "Schedule": "optim.Schedule",
    "DataLoader": "data.DataLoader", "Dataset": "data.Dataset",
}  # fmt: skip
MARKS = {">": "write", "=": "meaning", "+": "note", "-": "lacks", "?": "filled_by", "!": "needs"}
C = TypeVar("C", bound=type)


class Row(NamedTuple):
    """A name of other libraries: where users look for it, and what to say of it."""

    where: str
    name: str
    libraries: tuple[str, ...]
    write: str = ""
    meaning: str = ""
    note: str = ""
    lacks: str = ""
    filled_by: str = ""
    needs: str = ""
    calls: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the line is true of the names that this package has."""
        return not (self.filled_by and _has(self.filled_by)) and not (self.needs and not _has(self.needs))

    def says(self, write: str) -> str:
        """The sentences of a message, with a space in front."""
        if self.lacks:
            begins = "write" if self.lacks.endswith(",") else "Write"
            return f" {self.lacks}" + (f" {begins} {write}." if write else "")
        have = [LIBRARIES[library] for library in self.libraries]
        verb = "has" if len(have) == 1 else "have"
        who = " and ".join(have) if len(have) <= 2 else "other libraries"
        return f" Where {who} {verb} {self.name}, write {write}." + (f" {self.note}" if self.note else "")


@cache
def table() -> Mapping[str, Mapping[str, list[Row]]]:
    """Every line, by where users look for a name and by name."""
    found: dict[str, dict[str, list[Row]]] = {}
    where = ""
    for path in sorted((Path(__file__).parent / "foreign_names").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                where = line.strip("[]")
            elif line and not line.startswith("#"):
                for row in _rows(where, line):
                    found.setdefault(where, {}).setdefault(row.name, []).append(row)
    return found


def stands(row: Row) -> bool:
    """Whether a line still says something: this package has not got the name since."""
    ours = row.where != "keywords" and _has(f"{CLASSES.get(row.where, row.where)}.{row.name}")
    return not ours and row is line(row.where, row.name)


def line(where: str, name: str) -> Row | None:
    """The line about a name that holds, if there is one."""
    return next((row for row in table().get(where, {}).get(name, ()) if row.holds), None)


def count() -> int:
    """How many names have an answer."""
    return sum(stands(row) for names in table().values() for rows in names.values() for row in rows)


def _rows(where: str, line: str) -> Iterable[Row]:
    names, *fields = line.split(" | ")
    marked: dict[str, list[str]] = {}
    for field in fields:
        mark, _, text = field.partition(" ")
        marked.setdefault(mark, []).append(text)
    if odd := marked.keys() - MARKS.keys() - {"~"}:
        raise ValueError(f"{line!r}: fields cannot begin with {', '.join(odd)}.")
    one = {mark: " ".join(texts) for mark, texts in marked.items()}
    for group in names.split("; "):
        these, _, libraries = group.partition(" : ")
        for name in these.split():
            texts = {field: one.get(mark, "").replace("{name}", name) for mark, field in MARKS.items()}
            yield Row(where, name, tuple(libraries.split()), calls=tuple(marked.get("~", ())), **texts)


def _has(path: str) -> bool:
    """Whether the package has a public name, such as "nn.LSTM" or "Tensor.topk"."""
    found: Any = hooks["front"]()
    for name in path.removeprefix("tg.").split("."):
        if name not in dir(found):  # getattr would word an error, which asks again
            return False
        found = getattr(found, name)
    return True


# -- attributes -------------------------------------------------------------------------------------------------


def about(where: str, name: str, known: Iterable[str]) -> str:
    """What to say, with a space in front, of a name that is none of the known ones; nothing if nothing is near."""
    return _about(where, name, tuple(known))


@lru_cache(256)  # for programs that ask again and again with hasattr
def _about(where: str, name: str, known: tuple[str, ...]) -> str:
    row = next(filter(None, (line(place, name) for place in _places(where))), None)
    if (row is None or row.lacks or not row.write) and (place := elsewhere(where, name)):
        return f" Here it is {place}."
    if row is not None and (row.write or row.lacks):
        return row.says(row.write)
    return nearest(name, [k for k in known if k.lower() == name.lower()] or known)


def _places(where: str) -> tuple[str, ...]:
    """Where a name may be found: names of modules in other modules, too, those of classes among functions."""
    return (where, *(place for place in PLACES if place != where and (where in PLACES or place == "tg")))


def elsewhere(where: str, name: str) -> str:
    """How a public name of another part of the package is called; a class's missing method may be a function."""
    front = hooks["front"]()
    for place in _places(where)[1:]:
        module = front if place == "tg" else attrgetter(place)(front)
        if name in public(module.__name__, vars(module)) and callable(value := getattr(module, name)):
            text = arguments(value)
            return f"{place}.{name}{text if len(text) <= 80 else text.partition(', *')[0] + ', ...)'}"
    return ""


def arguments(value: Any) -> str:
    """The arguments of a function as a reader wants them, without types; nothing for a class."""
    if isinstance(value, type):
        return ""
    signature = inspect.signature(getattr(value, "fn", value))
    plain = [p.replace(annotation=p.empty) for name, p in signature.parameters.items() if name != "self"]
    text = str(signature.replace(parameters=plain, return_annotation=signature.empty))
    return re.sub(r"<class '(?:numpy\.)?(\w+)'>", r"np.\1", text)


def error(what: str, where: str, name: str, known: Callable[[], Iterable[str]]) -> AttributeError:
    """The error of a missing attribute.  Names with an underscore in front, which protocols ask for, get no advice."""
    advice = "." if name.startswith("_") else "." + about(where, name, known())
    return AttributeError(f"{what} has no attribute {name!r}{advice}", name=name, obj=None)  # Python would guess, too


def answering(where: str) -> Callable[[C], C]:
    """Have the missing attributes of a class's instances answered from the table; a decorator.

    A method `_missing(name)` of the class is asked first: it gives a value, or NotImplemented.
    """

    def answer(self: Any, name: str) -> Any:
        kind = type(self)
        if hasattr(kind, "_missing") and (value := self._missing(name)) is not NotImplemented:
            return value
        if any(name in vars(base) for base in kind.__mro__):  # a property whose own code has raised: again, to be seen
            return object.__getattribute__(self, name)
        raise error(f"{kind.__name__!r} object", where, name, lambda: [n for n in dir(self) if n[0] != "_"])

    def decorate(cls: C) -> C:
        cls.__getattr__ = answer  # type: ignore[attr-defined]  # by assignment: type checkers go on refusing such names
        return cls

    return decorate


def answers(names: dict[str, Any]) -> None:
    """Have the missing names of a module answered from the table, given its ``globals()``."""
    module: str = names["__name__"]
    where = module.partition(".")[2]

    def __getattr__(name: str) -> Any:
        raise error(f"module {module!r}", where, name, lambda: public(module, names))

    names["__getattr__"] = __getattr__  # not in sight of type checkers, which would accept any name


def public(module: str, names: Mapping[str, Any]) -> list[str]:
    """The names that a module offers: its `__all__`, or else what it or its own files define."""
    own = (k for k, v in names.items() if k[0] != "_" and getattr(v, "__module__", "").startswith(module))
    return [*names.get("__all__", own)]
