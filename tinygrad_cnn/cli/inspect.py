"""``tinygrad-cnn summary`` and ``tinygrad-cnn doctor``: a model's layers, and whether it can be trained."""

from __future__ import annotations

import click

from . import target


def summary(what: str, input_shape: target.Shape | None, classes: int | None) -> None:
    """Print the table of layers."""
    from .. import insight

    model, shape, _ = target.model("summary", what, input_shape, classes)
    click.echo(insight.summary(model, shape))


def doctor(what: str, input_shape: target.Shape | None, classes: int | None, steps: int) -> int:
    """Print what every test found, and the verdict; 1 if one failed, else 0."""
    from .. import insight

    model, shape, classes = target.model("doctor", what, input_shape, classes)
    report = insight.doctor(model, shape, classes, steps=steps)
    click.echo(f"{what}: {report}")
    return 0 if report.ok else 1
