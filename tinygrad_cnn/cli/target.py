"""What a command's argument names: something of the user's (``module:function``), a run, or a network of tg.models."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

Shape = Any  # (height, width, channels); what takes it checks it
INPUT, CLASSES = (28, 28, 1), 10  # of a built-in network, unless the user says otherwise


def find(who: str, what: str) -> Any:
    """What ``module:name`` stands for; the current folder comes first, as for ``python -m``."""
    module, _, name = what.rpartition(":")
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, something that it imports is not
        raise click.ClickException(f"{who}: there is no module {module!r} here or on Python's path.") from error
    finally:
        sys.path.remove("")
    function = getattr(found, name, None)
    if not callable(function):
        raise click.ClickException(f"{who}: module {module} has no function {name!r} that could be called.")
    return function


def call(who: str, what: str, function: Any) -> Any:
    """function(), or how it failed in a line."""
    try:
        return function()
    except Exception as error:
        raise click.ClickException(f"{who}: {what}() failed with {type(error).__name__}: {error}") from error


def model(who: str, what: str, input_shape: Shape | None, classes: int | None) -> tuple[Any, Shape, int]:
    """(model, shape of one input, number of classes) of what the user named; a run's has fresh weights."""
    from .. import models
    from ..nn import Module
    from ..train.recipes import known

    if Path(what).is_dir():
        from ..train.run_folder import Run

        run = Run.open(what)
        run.check("input_shape", "classes")
        shape = input_shape or tuple(run.config["input_shape"])
        return run.model(trained=False), shape, classes or len(run.config["classes"])
    shape, classes = input_shape or INPUT, classes or CLASSES
    if ":" not in what:
        known(what, models.names, "run folder or model")
        return models.build(what, shape, classes, 0), shape, classes
    found = find(who, what)
    if not isinstance(found, Module):
        found = call(who, what, found)
    if not isinstance(found, Module):
        raise click.ClickException(f"{who}: {what}() returned a {type(found).__name__}; it must return an nn.Module.")
    return found, shape, classes
