"""The options of ``tinygrad-cnn bench``, which loads this file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import click

from tinygrad_cnn.io import atomic_write

from .sides import SIDES


def _pythons(_context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """SIDE=PATH pairs; "pytorch" stands for both layouts."""
    found = {}
    for value in values:
        side, _, path = value.partition("=")
        matching = [name for name in SIDES if name == side or SIDES[name].module == side]
        if not matching or not path:
            raise click.BadParameter(f"{value!r} is not SIDE=PATH with a side of {', '.join(SIDES)}.", param=option)
        executable = shutil.which(path)
        if executable is None:
            raise click.BadParameter(f"{path} is not a program.", param=option)
        found.update(dict.fromkeys(matching, executable))
    return found


@click.command()
@click.option("--quick", is_flag=True, help="Fewer cases, fewer and shorter rounds: about two minutes.")
@click.option("--only", metavar="TEXT", multiple=True, help='Cases whose "suite/name" contains TEXT; may be repeated.')
@click.option("--side", "sides", type=click.Choice(list(SIDES)), multiple=True, help="Who takes part.  [default: all]")
@click.option("--python", "pythons", metavar="SIDE=PATH", multiple=True, callback=_pythons,
              help="The interpreter of a side that lives in another environment.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1, 1000), help="Turns of each side.  [default: 7, quick 3]")
@click.option("--seconds", type=click.FloatRange(0.001, 60), help="Length of a turn.  [default: 0.3, quick 0.15]")
@click.option("--threads", type=click.IntRange(1, 256), help="Of every side.  [default: every core]")
@click.option("--json", "save", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the results.")  # fmt: skip
@click.option("--pictures", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path), help="Draw them.")
@click.option("--markdown", is_flag=True, help="Print the tables, nothing else.")
@click.option("--into", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Put the tables between the marks of a document.")  # fmt: skip
@click.option("--from", "source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Measure nothing; take the results of an earlier --json.")  # fmt: skip
def bench(**options: Any) -> None:
    """Measure this package beside PyTorch, JAX, MyGrad and autograd: time, memory, size.

    Each runs in a process of its own, in turn; whoever is not installed is reported as absent.
    """
    from . import report

    save, into, quiet = options["save"], options["into"], options["markdown"]
    results = _read(options["source"]) if options["source"] else _measure(options)
    if save:
        save.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(save, "w") as file:
            file.write(json.dumps(results, indent=1) + "\n")
    text = report.markdown(results)
    if into:
        try:
            report.put_into(into, text)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if options["pictures"]:
        from .pictures import draw

        for path in draw(results, options["pictures"]):
            click.echo(f"wrote {path}", err=quiet)
    if quiet or not (save or into):
        click.echo(text, nl=False)


def _measure(options: dict[str, Any]) -> dict[str, Any]:
    from .run import Settings, run

    quick = options["quick"]
    settings = Settings(
        threads=options["threads"] or os.cpu_count() or 1,
        rounds=options["rounds"] or (3 if quick else 7),
        seconds=options["seconds"] or (0.15 if quick else 0.3),
        quick=quick,
        only=options["only"],
        sides=options["sides"] or tuple(SIDES),
        pythons=options["pythons"],
        say=lambda text: click.echo(text, err=True),
    )
    try:
        return run(settings)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _read(path: Path) -> dict[str, Any]:
    from .run import FORMAT

    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = results.get("format")
    except (ValueError, AttributeError, UnicodeDecodeError):
        known = None
    if known != FORMAT:
        raise click.ClickException(f"bench: {path} does not hold results that this version writes (format {FORMAT}).")
    return results
