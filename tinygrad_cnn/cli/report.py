"""``tinygrad-cnn report``: the page of a run, or one that compares several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click


def report(runs: Sequence[Path], out: Path | None) -> None:
    """Write it and say where it is."""
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--out {out}: a report is an HTML page; give a name that ends in .html.")
    from ..pages.report import writing as pages

    made = pages.report(runs[0], out=out) if len(runs) == 1 else pages.compare(runs, out or Path("comparison.html"))
    if made.missing_line:
        click.echo(made.missing_line, err=True)
    click.echo(f"written: {made.path}")
