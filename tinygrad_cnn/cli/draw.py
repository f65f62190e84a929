"""``tinygrad-cnn draw``: the graph of a run's network, or of what a function returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from . import files, target

SEED = 0  # of an example input


def draw(what: str, out: Path | None, show: str, **options: Any) -> None:
    """Write the picture and say where it is."""
    from ..graphs import draw as picture

    network = options.pop("model"), options.pop("input_shape"), options.pop("classes")
    words = [word.strip() for word in show.split(",") if word.strip()]
    options["show"] = words
    if files.is_file(what):
        net, shape = files.network("draw", Path(what), *network)
        example = np.random.default_rng(SEED).standard_normal((1, *shape)).astype(np.float32)
        drawing, usual = picture(net, example, **options), Path(what).with_suffix(".svg")
    elif Path(what).is_dir() or ":" not in what:
        drawing, usual = picture(Path(what), **options), Path(what, "graph.svg")
    else:
        function, usual = target.find("draw", what), Path(f"{what.rpartition(':')[2]}.svg")
        try:
            found = target.call("draw", what, function)
        except click.ClickException as failed:
            where = _of_failure(failed, out or usual)
            raise click.ClickException(f"{failed.message}{where}") from failed
        given = found if isinstance(found, tuple) and found and callable(found[0]) else (found,)  # (model, example)
        drawing = picture(*given, **options)
    click.echo(f"drawn: {drawing.render(out or usual)}")


def _of_failure(failed: click.ClickException, out: Path) -> str:
    """Draw how far a function came, if an op failed in it; in words where that is."""
    from ..graphs import draw as picture

    if failed.__cause__ is None:
        return ""
    try:
        drawing = picture(failed.__cause__)
    except ValueError:  # no op was running
        return ""
    return f" The graph up to there is drawn: {drawing.render(out)}"
