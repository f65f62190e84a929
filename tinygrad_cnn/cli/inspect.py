"""``tinygrad-cnn summary`` and ``tinygrad-cnn doctor``: a model's layers, and whether it can be trained."""

from __future__ import annotations

from pathlib import Path

import click

from . import files, target


def summary(what: str, input_shape: target.Shape | None, classes: int | None, model: str | None = None) -> None:
    """Print the table of layers; of a file without a graph that of its arrays."""
    from .. import insight

    if files.is_file(what):
        _of_file(Path(what), input_shape, classes, model)
        return
    net, shape, _ = target.model("summary", what, input_shape, classes)
    click.echo(insight.summary(net, shape))


def _of_file(path: Path, input_shape: target.Shape | None, classes: int | None, model: str | None) -> None:
    from .. import insight
    from ..io import formats

    if model is None and formats.recognised(path) != "onnx":
        files.table(path)
    else:
        net, shape = files.network("summary", path, model, input_shape, classes)
        click.echo(insight.summary(net, shape))


def doctor(what: str, input_shape: target.Shape | None, classes: int | None, steps: int) -> int:
    """Print what every test found, and the verdict; 1 if one failed, else 0."""
    from .. import insight

    model, shape, classes = target.model("doctor", what, input_shape, classes)
    report = insight.doctor(model, shape, classes, steps=steps)
    click.echo(f"{what}: {report}")
    return 0 if report.ok else 1
