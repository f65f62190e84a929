"""Where the user's code is: call sites that cost little to take and are worded only if somebody asks."""

from __future__ import annotations

import sys
from contextvars import ContextVar, Token
from pathlib import Path
from types import CodeType
from typing import Any

Site = tuple[CodeType, int]
_ours: set[str] = set()  # source files of this package, of those met so far
_theirs: set[str] = set()  # and the others
_PACKAGE = str(Path(__file__).parents[1])
_COMMANDS = str(Path(__file__).parents[1] / "cli")
_NOWHERE: Site = (compile("", "an unknown place", "exec"), 0)  # where no frame is the user's
# the frame at which a walk may end, and what it then finds; None is above the outermost one
walk_ends: ContextVar[tuple[Any, Site]] = ContextVar("where walks end", default=(None, _NOWHERE))


def here() -> Site:
    """Return where the user's code is: the innermost frame outside this package.

    A code object and an offset, which cost little to take; `line_of` finds the line if anybody asks.  A command of
    this package, run from a shell, stands for its user.
    """
    frame: Any = sys._getframe(2)
    end, site = walk_ends.get()
    while frame is not end:
        code = frame.f_code
        if code.co_filename not in _ours and (code.co_filename in _theirs or not is_ours(code.co_filename)):
            return code, frame.f_lasti
        frame = frame.f_back
    return site


def caller_is_ours(between: tuple[str, ...]) -> bool:
    """Whether this package called what runs now; frames of its parts `between`, paths inside it, are passed over."""
    passed = tuple([str(Path(_PACKAGE, name)) for name in between])
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(passed):
        frame = frame.f_back
    return frame is not None and is_ours(frame.f_code.co_filename)


def end_walks_here() -> Token[tuple[Any, Site]]:
    """Have walks that come to the caller's caller end there, with the site that it has; returns what `reset` takes."""
    return walk_ends.set((sys._getframe(2), here()))


def is_ours(name: str) -> bool:
    """Whether a source file is of this package, and not of its commands; asked once for each."""
    ours = name.startswith(_PACKAGE) and not name.startswith(_COMMANDS)
    (_ours if ours else _theirs).add(name)
    return ours


def line_of(site: Site | None) -> str:
    """Return a site as ``file:line``."""
    if site is None:
        return "an unknown place"
    code, offset = site
    lines = [line for start, end, line in code.co_lines() if start <= offset < end and line is not None]
    return f"{code.co_filename}:{lines[0] if lines else code.co_firstlineno}"
