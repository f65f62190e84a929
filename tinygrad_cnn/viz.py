"""The old name of `tg.graphs` and `tg.plots`: it still works in this release, with a warning."""

from __future__ import annotations

from typing import Any

from . import graphs, plots
from .autodiff.outside import deprecated


def __getattr__(name: str) -> Any:
    for package in (graphs, plots):
        if not name.startswith("_") and hasattr(package, name):
            new = f"tg.{package.__name__.rpartition('.')[2]}.{name}"
            deprecated(f"tg.viz.{name}", new)
            return getattr(package, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def __dir__() -> list[str]:
    return sorted(name for package in (graphs, plots) for name in vars(package) if not name.startswith("_"))
