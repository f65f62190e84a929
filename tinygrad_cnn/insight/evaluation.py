"""A model as it predicts: in evaluation mode, with nothing recorded, its outputs as plain arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import no_grad
from ..core.tensor import plain


@contextmanager
def kept_modes(model: Any) -> Iterator[None]:
    """A context after which each layer is in the mode that it was in before; a function has no layers."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    before = [(module, vars(module).get("training", True)) for module in modules]  # frozen or not, what was asked for
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """A context in which a model is in evaluation mode, and after which each layer is in its own mode again."""
    with kept_modes(model):
        for module in model.modules() if hasattr(model, "modules") else ():
            module.training = False
        yield


def outputs_for(model: Any, inputs: np.ndarray, batch_size: int) -> np.ndarray:
    """The model's outputs for all inputs, which it is given in batches, in evaluation mode and unrecorded."""
    starts = range(0, max(len(inputs), 1), batch_size)  # one empty batch says what shape no outputs have
    with evaluating(model), no_grad():
        return np.concatenate([plain(model(inputs[k : k + batch_size])) for k in starts])
