"""Where the user's code is: call sites that cost little to take and are worded only if somebody asks."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import Any

Site = tuple[CodeType, int]
_ours: dict[str, bool] = {}  # whether a source file is of this package
_PACKAGE = str(Path(__file__).parents[1])
_COMMANDS = str(Path(__file__).parents[1] / "cli")


def here() -> Site:
    """Return where the user's code is: the innermost frame outside this package.

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
    """Return a site as ``file:line``."""
    if site is None:
        return "an unknown place"
    code, offset = site
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
            break
    return f"{code.co_filename}:{line}"
