"""Warnings at the user's line, however deep in this package something is noticed."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from ..core.site import end_walks_here, here, line_of, walk_ends

_shown: dict[str, dict[Any, Any]] = {}  # by file: where Python notes which warnings it has shown


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside this package; once for each line, unless Python is told to repeat warnings.

    A count of frames, as `warnings.warn` takes it, would be wrong: calls of this package pass through decorators.
    """
    file, _, line = line_of(here()).rpartition(":")
    script = getattr(sys.modules["__main__"], "__file__", None)
    typed = not os.path.isfile(file)  # at a prompt, or in a cell of a notebook
    module = "__main__" if typed or file == script else Path(file).stem  # elsewhere Python hides deprecations
    warnings.warn_explicit(message, category, file, int(line), module, _shown.setdefault(file, {}))


def deprecated(old: str, new: str) -> None:
    """Warn of a former name or form, which works for one release, and name the new one."""
    warn(f"{old} is deprecated and will be removed in the next release. Use {new}.", DeprecationWarning)


class one_site:
    """A context in which `here` finds the user's line above the calling function once, for all calls that it makes.

    It saves a loop the walk through the frames above it at each op; what `here` returns stays the same.
    """

    def __enter__(self) -> None:
        self._token = end_walks_here()

    def __exit__(self, *_: Any) -> None:
        walk_ends.reset(self._token)
