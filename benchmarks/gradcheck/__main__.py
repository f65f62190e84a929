"""The command: ``python -m benchmarks.gradcheck``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from tinygrad_cnn.io import atomic_write

from ..report import put_into
from . import CHECKERS, cases, power, table
from .run import run


def _pythons(_context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """SIDE=PATH pairs."""
    found, sides = {}, {checker.module for checker in CHECKERS.values()}
    for value in values:
        side, _, path = value.partition("=")
        if side not in sides or not path:
            raise click.BadParameter(f"{value!r} is not SIDE=PATH with a side of {', '.join(sides)}.", param=option)
        executable = shutil.which(path)
        if executable is None:
            raise click.BadParameter(f"{path} is not a program.", param=option)
        found[side] = executable
    return found


@click.command()
@click.option("--python", "pythons", metavar="SIDE=PATH", multiple=True, callback=_pythons,
              help="The interpreter of a side that lives in another environment.")  # fmt: skip
@click.option("--checker", "names", type=click.Choice(list(CHECKERS)), multiple=True, help="Who takes part.  [all]")
@click.option("--every", type=click.IntRange(1), default=1, help="Take each n-th case only.")
@click.option("--seeds", type=click.IntRange(0, power.SEEDS), default=power.SEEDS, help="Trials of each error.  [20]")
@click.option("--json", "save", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write all verdicts, with the messages.")  # fmt: skip
@click.option("--from", "source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Run nothing; take the verdicts of an earlier --json.")  # fmt: skip
@click.option("--into", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Put the tables between the marks of a document.")  # fmt: skip
def main(
    pythons: dict[str, str], names: tuple[str, ...], every: int, seeds: int, save: Path | None, source: Path | None,
    into: Path | None,
) -> None:  # fmt: skip
    """Print the false alarms and the power of gradient checkers; whoever is not installed is left out."""
    if source:
        found = json.loads(source.read_text(encoding="utf-8"))
    else:
        numbers = range(0, len(cases.every()), every)
        trials = [each for each in power.every() if each[2] < seeds]
        found = run(pythons, names or tuple(CHECKERS), numbers, trials, lambda text: click.echo(text, err=True))
    if save:
        with atomic_write(save, "w") as file:
            file.write(json.dumps(found) + "\n")
    text = table.markdown(found)
    if into:
        try:
            put_into(into, text, table.BEGIN, table.END)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    else:
        click.echo(text, nl=False)


if __name__ == "__main__":
    main()
