"""The registry of ops (name -> Op), from which tests, docs, labels and costs are read; and what lower packages ask of
higher ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import nearest

if TYPE_CHECKING:
    from .operation import Op


class Registry(dict[str, "Op"]):
    """A dict of ops by name that says, for an unknown name, which are near."""

    def __init__(self) -> None:
        super().__init__()
        self.of_numpy: dict[Callable[..., Any], Callable[..., Any]] = {}  # which op a NumPy function means

    def __missing__(self, name: str) -> Op:
        raise KeyError(f"no op is named {name!r}.{nearest(name, self)} tg.registry lists them all.")


registry = Registry()

upward: dict[str, Callable[..., Any]] = {}
"""What lower packages ask of higher ones: "html" (an object as a notebook shows it), "summary" (of a module) and
"open_run" (a run folder).  The front door fills it with functions that import what they need when they are called."""
