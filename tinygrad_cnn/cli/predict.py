"""``tinygrad-cnn predict``: what a run's network says about images, or about a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import ops
from ..data import load_image
from ..runs import Run
from ..train import predict as outputs
from . import recipes

SHOWN = 3  # classes in a line


def predict(folder: Path, images: Sequence[Path], data: str | None, data_dir: Path | None) -> None:
    """Print a line for each image, or the accuracy on the test part of a data set."""
    if bool(images) == (data is not None):
        raise click.UsageError("predict: give either images or --data NAME, as in: predict RUN digit.png")
    if data_dir is not None and data is None:
        raise click.UsageError("predict: --data-dir says where the files of --data are; name the data set too.")
    run = Run.open(folder)
    model = run.model()
    if data is not None:
        _data_set(model, run, data, data_dir)
        return
    height, width, channels = run.config["input_shape"]
    for path in images:
        x = load_image(path, (height, width), channels)
        click.echo(f"{path}: {_words(outputs(model, _as_trained(x, run)[None])[0], run.config['classes'])}")


def _as_trained(x: np.ndarray, run: Run) -> np.ndarray:
    """The image as the training data are: where those are bright on black, ink on paper is inverted.

    A picture is taken for ink on paper if its border is brighter than half.
    """
    border = np.concatenate([x[0], x[-1], x[1:-1, 0], x[1:-1, -1]])
    inverted = recipes.RECIPES[run.config["data"]].bright_on_black and border.mean() > 0.5
    return 1 - x if inverted else x


def _words(logits: np.ndarray, classes: Sequence[str]) -> str:
    """The likeliest classes and their probabilities."""
    p = ops.softmax(logits)
    best = np.argsort(-p)[:SHOWN]
    return ", ".join(f"{classes[k]} {p[k]:.1%}" for k in best)


def _data_set(model: Any, run: Run, name: str, data_dir: Path | None) -> None:
    if data_dir is None and run.config["data"] == name and run.config["data_dir"]:
        data_dir = Path(run.config["data_dir"])
    _, test = recipes.load(name, data_dir)
    if list(test.image_shape) != list(run.config["input_shape"]):
        raise click.ClickException(
            f"predict: {name} has images of {tuple(test.image_shape)}, the network of {run.path} takes "
            f"{tuple(run.config['input_shape'])}. Name the data set it was trained on: {run.config['data']}."
        )
    guesses = outputs(model, test.images).argmax(axis=-1)
    classes = run.config["classes"]
    for k in np.flatnonzero(guesses != test.labels):
        click.echo(f"test image {k}: {classes[guesses[k]]}, but it is {test.classes[test.labels[k]]}")
    right = int((guesses == test.labels).sum())
    click.echo(f"{right} of {len(test)} right")
    click.echo(f"accuracy {right / len(test):.4f}")
