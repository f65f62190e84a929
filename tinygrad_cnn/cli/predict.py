"""``tinygrad-cnn predict``: what a run's network says about images, or about a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import ops
from ..data.images import PIXELS, decode_image
from ..data.prepare import prepare
from ..io.checked import open_file
from ..train import evaluate, recipes
from ..train import predict as outputs
from ..train.run_folder import Run
from . import files
from .words import echo

WITHIN = 2048  # pixels of a side, to which a larger picture is made smaller at once
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
    config = run.check("data", "input_shape", "classes")
    shape = tuple(config["input_shape"])
    for path in images:
        x = prepare(_image(path, shape[2]), shape, config["data"]).x
        echo(f"{path}: {_words(outputs(model, x[None])[0], run.config['classes'])}")


def by_weights(
    path: Path, images: Sequence[Path], model: str | None, input_shape: Any, classes: int | None
) -> None:
    """Print a line for each image, of the network of a file; its classes are numbers."""
    if not images:
        raise click.UsageError("predict: name at least one image, as in: predict --weights net.onnx digit.png")
    net, shape = files.network("predict", path, model, input_shape, classes)
    if len(shape) != 3:
        raise click.ClickException(f"predict: the network of {path} takes arrays of {tuple(shape)}, not images.")
    for image in images:
        x = prepare(_image(image, shape[2]), shape).x
        logits = outputs(net, x[None])[0]
        echo(f"{image}: {_words(logits, [f'class {k}' for k in range(logits.shape[-1])])}")


def _image(path: Path, channels: int) -> np.ndarray:
    """A picture, of bounded size."""
    with open_file(path, "an image") as file:
        return decode_image(file, channels=channels, name=str(path), pixels=PIXELS, within=WITHIN)


def _words(logits: np.ndarray, classes: Sequence[str]) -> str:
    """The likeliest classes and their probabilities, or the most frequent ones of an image's pixels."""
    p = ops.softmax(logits)
    if p.ndim > 1:  # of a segmentation: how many of the pixels
        p = np.bincount(p.argmax(axis=-1).ravel(), minlength=len(classes)) / p[..., 0].size
    best = np.argsort(-p, kind="stable")[:SHOWN]
    return ", ".join(f"{classes[k]} {p[k]:.1%}" for k in best)


def _data_set(model: Any, run: Run, name: str, data_dir: Path | None) -> None:
    run.check("data", "data_dir", "input_shape", "classes")
    if data_dir is None and run.config["data"] == name and run.config["data_dir"]:
        data_dir = Path(run.config["data_dir"])
    _, test = recipes.load(name, data_dir)
    if list(test.image_shape) != list(run.config["input_shape"]):
        raise click.ClickException(
            f"predict: {name} has images of {tuple(test.image_shape)}, the network of {run.path} takes "
            f"{tuple(run.config['input_shape'])}. Name the data set it was trained on: {run.config['data']}."
        )
    if test.targets.ndim > 1:
        found = evaluate(model, test, metrics=recipes.RECIPES[name].metrics)
        echo("\n".join(f"{metric} {value:.4f}" for metric, value in found.items()))
        return
    guesses = outputs(model, test.images).argmax(axis=-1)
    classes = run.config["classes"]
    for k in np.flatnonzero(guesses != test.labels):
        echo(f"test image {k}: {classes[guesses[k]]}, but it is {test.classes[test.labels[k]]}")
    right = int((guesses == test.labels).sum())
    echo(f"{right} of {len(test)} right")
    echo(f"accuracy {right / len(test):.4f}")
