"""A run's network, built again and given its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import models
from ..runs import Run, RunError


def build(config: dict[str, Any]) -> Any:
    """The network that a run's settings describe, with fresh weights."""
    rng = np.random.default_rng(config["seed"])
    return models.build(config["model"], tuple(config["input_shape"]), len(config["classes"]), rng)


def restore(run: Run) -> Any:
    """The network of a run with its weights, in evaluation mode."""
    try:
        model = build(run.config)
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.path}: its settings do not describe a network ({error}).") from error
    model.load_state_dict(run.load_weights())
    model.eval()
    return model
