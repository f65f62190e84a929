"""The options of ``tinygrad-cnn bench``, which loads this file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import click

from .sides import SIDES


def _pythons(_context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """SIDE=PATH pairs; "pytorch" stands for both layouts, and a PATH alone is that of all sides."""
    found = {}
    for value in values:
        side, _, path = value.rpartition("=")
        matching = [name for name in SIDES if side in ("", name, SIDES[name].module)]
        if not matching or not path:
            modules = sorted({entry.module for entry in SIDES.values()} - set(SIDES))
            raise click.BadParameter(
                f"{value!r} is not PATH or SIDE=PATH with a side of {', '.join([*SIDES, *modules])}.", param=option
            )
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
@click.option("--threads", type=click.IntRange(1, 256), help="Of every side.  [default: 2]")
@click.option("--json", "save", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the results.")  # fmt: skip
@click.option("--record", is_flag=True,
              help="Add the results to those of this day and class of machine in benchmarks/results.")  # fmt: skip
@click.option("--pictures", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
              help="Draw them (of several machines those of the newest).")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print the tables, nothing else.")
@click.option("--summary", is_flag=True, help="Print ratios and their means alone.")
@click.option("--into", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Put the tables between the marks of a document.")  # fmt: skip
@click.option("--readme", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Put the short table between the marks of a document.")  # fmt: skip
@click.option("--from", "sources", metavar="PATH", type=click.Path(exists=True, path_type=Path), multiple=True,
              help="Measure nothing; take the results in files or folders, side by side.")  # fmt: skip
def bench(**options: Any) -> None:
    """Measure this package beside PyTorch, ONNX Runtime, JAX, MyGrad and autograd: time, memory, size.

    Each runs in a process of its own, in turn; whoever is not installed is reported as absent.
    """
    try:
        _bench(options)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _bench(options: dict[str, Any]) -> None:
    from . import report, store, summary

    quiet = options["markdown"] or options["summary"]
    found = store.read_all(options["sources"]) if options["sources"] else [_measure(options)]
    if not found:
        raise ValueError("bench: --from found no results. Name a file or folder that --json or --record wrote.")
    if options["save"]:
        store.write(found[0], options["save"])
    if options["record"]:
        path = store.path_of(found[0])
        found = [store.add(found[0], path)]
        click.echo(f"added to {path}", err=True)
    text = summary.markdown(found) if options["summary"] else summary.page(found)
    if options["into"]:
        report.put_into(options["into"], text)
    if options["readme"]:
        report.put_into(options["readme"], summary.short(found), summary.BEGIN, summary.END)
    if options["pictures"]:
        from .pictures import draw

        for path in draw(found[0], options["pictures"]):
            click.echo(f"wrote {path}", err=quiet)
    if quiet or not (options["save"] or options["record"] or options["into"] or options["readme"]):
        click.echo(text, nl=False)


def _measure(options: dict[str, Any]) -> dict[str, Any]:
    from .run import Settings, run

    quick = options["quick"]
    settings = Settings(
        threads=options["threads"] or min(2, os.cpu_count() or 1),
        rounds=options["rounds"] or (3 if quick else 7),
        seconds=options["seconds"] or (0.15 if quick else 0.3),
        quick=quick,
        only=options["only"],
        sides=options["sides"] or tuple(SIDES),
        pythons=options["pythons"],
        say=lambda text: click.echo(text, err=True),
    )
    return run(settings)
