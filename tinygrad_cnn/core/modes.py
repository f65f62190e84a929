"""What holds for the code that runs now, in this thread: recording or not, and in which module."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

Site = tuple[CodeType, int]
_ours: dict[str, bool] = {}  # whether a source file is of this package
_PACKAGE = str(Path(__file__).parents[1])
_COMMANDS = str(Path(__file__).parents[1] / "cli")


class State(threading.local):
    """The modes of one thread; class attributes are the defaults of each new one."""

    recording = True
    path = ""  # of the module whose forward runs, as in "features.3"
    prefix = ""  # of the module that the user called
    below: Mapping[Any, str] = {}  # modules below that one, and their paths from there
    recomputing = False  # a checkpoint repeats a forward pass: running statistics must not move again
    generators: dict[int, tuple[Any, Any]] | None = None  # those drawn from inside a checkpoint, with their states


state = State()


@contextmanager
def switched(**modes: Any) -> Iterator[None]:
    """A context in which these modes of the thread have other values: ``switched(recording=False)``."""
    before = {name: getattr(state, name) for name in modes}
    try:
        for name, value in modes.items():
            setattr(state, name, value)
        yield
    finally:  # an exception must not leave a mode behind
        for name, value in before.items():
            setattr(state, name, value)


def no_grad() -> Any:
    """A context (or decorator) in which nothing is recorded, in this thread.

    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    return switched(recording=False)


def enable_grad() -> Any:
    """A context (or decorator) in which ops are recorded even inside `no_grad`.

    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     y = w * 2
    >>> y.requires_grad
    True
    """
    return switched(recording=True)


def scope(name: str) -> Any:
    """A context that files what is recorded inside it under `name`, below the current path.

    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.scope("head"):
    ...     y = tg.relu(x)
    >>> y.node.path
    'head'
    """
    return switched(path=f"{state.path}.{name}" if state.path else name)


def drawn_from(rng: Any) -> None:
    """Say that an op is about to draw from `rng`, so that a checkpoint can draw the same numbers again."""
    if state.generators is not None and id(rng) not in state.generators:
        state.generators[id(rng)] = (rng, rng.bit_generator.state)


def here() -> Site:
    """Where the user's code is: the innermost frame outside this package.

    A code object and an offset, which cost little to take; `line_of` finds the line if anybody asks.  A command of
    this package, run from a shell, stands for its user.
    """
    frame: Any = sys._getframe(2)
    code = frame.f_code
    while (ours := _ours.get(code.co_filename)) is not False:
        if ours is None:
            name = code.co_filename
            _ours[name] = name.startswith(_PACKAGE) and not name.startswith(_COMMANDS)
            continue
        if frame.f_back is None:
            break
        frame = frame.f_back
        code = frame.f_code
    return code, frame.f_lasti


def line_of(site: Site | None) -> str:
    """A site as ``file:line``."""
    if site is None:
        return "an unknown place"
    code, offset = site
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
            break
    return f"{code.co_filename}:{line}"
