"""``tinygrad-cnn bench``: runs the benchmarks, which are in the source tree and not in the installed package."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click

NAME = "benchmarks"


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure this package beside PyTorch, JAX, MyGrad and autograd: time, memory, size."""
    load(find()).main(list(arguments), prog_name="tinygrad-cnn bench", standalone_mode=False)


def find() -> Path:
    """Return the folder of the benchmarks: in the current folder, or beside the sources of an editable install.

    Raises
    ------
    click.ClickException : it is in neither.
    """
    places = [Path.cwd() / NAME, Path(__file__).parents[2] / NAME]
    for place in places:
        if (place / "command.py").is_file() and (place / "sides" / "ours.py").is_file():
            return place
    raise click.ClickException(
        "bench: the benchmarks are not part of the installed package. "
        "Run this command in a clone of the source code, which has them in its folder benchmarks."
    )


def load(folder: Path) -> click.Command:
    """Return the command that the benchmarks in `folder` define."""
    file = str(folder / "__init__.py")
    spec = spec_from_file_location(NAME, file, submodule_search_locations=[str(folder)])
    assert spec is not None
    sys.modules[NAME] = module_from_spec(spec)
    command: click.Command = import_module("benchmarks.command").bench
    return command
