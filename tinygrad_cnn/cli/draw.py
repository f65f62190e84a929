"""``tinygrad-cnn draw``: the graph of a run's network, or of what a function returns."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from . import target


def draw(what: str, out: Path | None) -> None:
    """Write the picture and say where it is."""
    from ..viz import draw as picture

    if Path(what).is_dir() or ":" not in what:
        from ..runs import Run

        run = Run.open(what)
        x = np.zeros((1, *run.config["input_shape"]), np.float32)
        drawing, out = picture(run.model(), x, title=run.config["model"]), out or run.path / "graph.svg"
    else:
        function = target.find("draw", what)
        drawing, out = picture(target.call("draw", what, function)), out or Path(f"{what.rpartition(':')[2]}.svg")
    click.echo(f"drawn: {drawing.render(out)}")
