"""``tinygrad-cnn draw``: the graph of a run's network, or of what a function returns."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np


def draw(what: str, out: Path | None) -> None:
    """Write the picture and say where it is."""
    from ..viz import draw as picture

    if Path(what).is_dir() or ":" not in what:
        from ..runs import Run
        from .network import restore

        run = Run.open(what)
        x = np.zeros((1, *run.config["input_shape"]), np.float32)
        drawing, out = picture(restore(run), x, title=run.config["model"]), out or run.path / "graph.svg"
    else:
        function = _find(what)
        drawing, out = picture(_call(what, function)), out or Path(f"{what.rpartition(':')[2]}.svg")
    click.echo(f"drawn: {drawing.render(out)}")


def _find(what: str) -> Any:
    """The function that ``module:function`` names; the current folder comes first, as for ``python -m``."""
    module, _, name = what.rpartition(":")
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, something that it imports is not
        raise click.ClickException(f"draw: there is no module {module!r} here or on Python's path.") from error
    finally:
        sys.path.remove("")
    function = getattr(found, name, None)
    if not callable(function):
        raise click.ClickException(f"draw: module {module} has no function {name!r} that could be called.")
    return function


def _call(what: str, function: Any) -> Any:
    try:
        return function()
    except Exception as error:
        raise click.ClickException(f"draw: {what}() failed with {type(error).__name__}: {error}") from error
