"""What the pictures of a network ask it: one image in, what its layers make of it, a logit out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.numbers import whole
from ..core import Tensor, enable_grad
from ..core.errors import describe, nearest
from ..core.tensor import plain
from ..insight.evaluation import evaluating
from ..nn import Module


def check_model(who: str, model: Any) -> Module:
    """The model, if it is a Module."""
    if not isinstance(model, Module):
        raise TypeError(f"{who}: the model must be a Module, got {describe(model)}. Wrap functions: nn.Lambda.")
    return model


def one_image(who: str, x: Any) -> np.ndarray:
    """An image (H,W,C), or a batch of one, as a batch of one (1,H,W,C)."""
    array = plain(x)
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or len(array) != 1 or not array.size:
        raise ValueError(f"{who}: needs one image (H, W, C), got {array.shape}. Pick one of a batch: x[0].")
    if array.dtype.kind != "f":
        raise TypeError(f"{who}: the image must be floating, as the model saw in training, got {array.dtype}.")
    return array


def find_layer(who: str, model: Module, layer: Any) -> tuple[str, Module]:
    """A module of the model and its path, by either."""
    known = dict(model.named_modules())
    if isinstance(layer, str):
        if layer not in known:
            raise ValueError(f"{who}: the model has no layer {layer!r}.{nearest(layer, known)} "
                             f"Its layers are {listed(known)}.")  # fmt: skip
        return layer, known[layer]
    for path, module in known.items():
        if module is layer:
            return path, module
    raise TypeError(f"{who}: layer must be the path of a layer or a Module in the model, got {describe(layer)}.")


def listed(names: Any, most: int = 12) -> str:
    """Names with commas, not too many."""
    named = [name for name in names if name]
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")


@contextmanager
def outputs_of(model: Module, layers: Sequence[Module]) -> Iterator[list[tuple[Module, Any, Any]]]:
    """A context in evaluation mode that collects (module, input, output) of these layers, in the order of calls.

    The collector stops fusion with neighbours, so that each layer shows what it alone computes.
    """
    seen: list[tuple[Module, Any, Any]] = []

    def collect(module: Module, args: tuple[Any, ...], y: Any) -> None:
        seen.append((module, args[0] if args else None, y))

    handles = [module.register_forward_hook(collect) for module in layers]
    try:
        with evaluating(model), enable_grad():
            yield seen
    finally:
        for handle in handles:
            handle.remove()


def logits_of(who: str, y: Any) -> Any:
    """The output of a classifier for one image, checked."""
    if not isinstance(y, Tensor) or y.ndim != 2 or len(y) != 1:
        raise ValueError(f"{who}: the model must give logits (1, classes) for one image, got {describe(y)}.")
    return y


def class_index(who: str, logits: Any, label: Any) -> int:
    """The class asked for, or else the one predicted."""
    count = logits.shape[1]
    if label is None:
        return int(np.argmax(logits.data[0]))
    return whole(who, "label", label, 0, count - 1, remedy="It is the index of a class.")
