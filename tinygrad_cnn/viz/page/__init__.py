"""Interactive pages of graphs, each one self-contained file, and the look that all pages of the package share."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def _asset(name: str) -> str:
    """The text of a file that lies beside this one."""
    return files(__package__).joinpath(*name.split("/")).read_text(encoding="utf-8")


def look() -> str:
    """The style sheet of every page: colours for light and dark, type, buttons, tables.  See the file for the names."""
    return _asset("look.css")
