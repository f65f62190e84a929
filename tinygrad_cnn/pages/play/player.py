"""A run's network, asked about one picture at a time: the side of the page to play with that computes."""

from __future__ import annotations

import base64
import threading
from time import perf_counter
from typing import Any

import numpy as np

from ... import core, nn, ops
from ...core.tensor import plain
from ...plots.probe import outputs_of
from ...train.run_folder import Run
from ..server import Refused

MAPS, TILE, BUDGET = 64, 32, 400_000  # feature maps of a layer, pixels along their sides, numbers in an answer
PASSING = nn.Dropout, nn.Flatten, nn.Identity  # layers that change no value when a network is asked
ELEMENTWISE = tuple(  # the files of layers that work on each value by itself
    part.__name__ for part in (nn.activation, nn.activation_forms, nn.normalization, nn.running_norms)
)
TITLES = {
    "Conv2d": "convolution", "DepthwiseConv2d": "depthwise convolution", "MaxPool2d": "max pooling",
    "AvgPool2d": "average pooling", "GlobalAvgPool2d": "global average", "Linear": "dense", "BatchNorm2d": "batch norm",
    "ReLU": "relu", "ReLU6": "relu6", "BasicBlock": "residual block",
}  # fmt: skip


class PlayError(ValueError):
    """There is nothing to play with in a run; the message says why."""


class Player:
    """A run's network, asked about one picture at a time.

    Raises
    ------
    PlayError : the network takes no pictures of one or three channels, or does not sort them into the run's classes.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        run.check("input_shape", "classes")
        self.model = run.model().requires_grad_(False)
        self.classes = [str(name) for name in run.config["classes"]]
        self.shape = tuple(run.config["input_shape"])
        self.data = run.config.get("data")
        if self.shape[2] not in (1, 3):
            raise PlayError(
                f"{run.path}: its network takes images of {by(self.shape)}; the page draws in grey (1 channel) or in "
                "colour (3 channels)."
            )
        self._lock = threading.Lock()
        self._layers = _layers(self.model)
        x = np.zeros((1, *self.shape), np.float32)
        y = np.shape(plain(self.model(x)))
        if y != (1, len(self.classes)):
            raise PlayError(
                f"{run.path}: {run.config.get('model')} gives {y} for one image, not a number for each of the "
                f"{len(self.classes)} classes: it sorts no pictures, so there is no answer to show. "
                "Play with a run of a classifier, such as lenet."
            )
        self.ask(x[0], None)  # the first call is slower than the others

    def ask(self, x: np.ndarray, label: int | None) -> dict[str, Any]:
        """Probabilities, feature maps of every layer and, of the logit of class `label`, the gradient; for the page.

        x (H,W,C) float32 as the network was trained on.
        """
        began = perf_counter()
        with self._lock, outputs_of(self.model, list(self._layers)) as seen:
            given = core.Tensor(x[None], requires_grad=label is not None)
            logits = self.model(given)
            gradient = None if label is None else core.grad(logits[0, label], given)
        if not all(np.isfinite(plain(y)).all() for y in (logits, *(y for *_, y in seen))):
            raise Refused(422, "the network's answer is not finite: its weights are damaged, or too large. Train anew.")
        return {
            "probabilities": [round(float(p), 6) for p in ops.softmax(plain(logits)[0])],
            "input": _thinned(x, 64, MAPS),
            "layers": self._described(seen),
            "saliency": None if gradient is None else _saliency(plain(gradient)[0], label),
            "milliseconds": round(1000 * (perf_counter() - began), 2),
        }

    def _described(self, seen: list[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
        """The layers' outputs in order; what works on each value by itself joins the layer before."""
        found: list[dict[str, Any]] = []
        last: Any = None
        for module, _, y in seen:
            values = plain(y)
            if y is last or values.ndim not in (2, 4) or len(values) != 1:
                continue  # a module that hands on what its last layer made
            entry = {"path": self._layers[module], "title": _title(module), "values": values[0]}
            joins = type(module).__module__ in ELEMENTWISE
            if joins and found and found[-1]["values"].shape == entry["values"].shape:
                before = found.pop()
                entry = {**entry, "path": before["path"], "title": f"{before['title']} + {entry['title']}"}
            found.append(entry)
            last = y
        share = BUDGET // max(1, len(found))
        for entry in found:
            entry.update(_thinned(entry.pop("values"), TILE, MAPS, share))
        return found


def _layers(model: Any) -> dict[Any, str]:
    """The modules whose outputs are shown, with their paths: layers, and blocks that do more than call theirs."""
    rows = nn.Sequential, nn.ModuleList, nn.ModuleDict
    return {
        module: path for path, module in model.named_modules()
        if path and not isinstance(module, (*rows, *PASSING))
    }  # fmt: skip


def _title(module: Any) -> str:
    kind = type(module).__name__
    window = getattr(module, "window", None)
    pair = (window, window) if isinstance(window, int) else window
    return TITLES.get(kind, kind) + (f" {by(pair)}" if isinstance(pair, tuple) else "")


def by(shape: Any) -> str:
    """A shape as people write it: 8x8x1."""
    return "x".join(map(str, shape))


def _thinned(values: np.ndarray, side: int, most: int, share: int = BUDGET) -> dict[str, Any]:
    """(H,W,C) or (F,) as bytes from `low` to `high`, channel by channel; large ones thinned out, as `shown` says."""
    shape = values.shape
    if values.ndim == 3:
        step = max(1, -(-max(shape[:2]) // side))
        values = values[::step, ::step, : max(4, min(most, share * step * step // (shape[0] * shape[1])))]
        values = values.transpose(2, 0, 1)
    else:
        values = values.reshape(-1)[:1024]
    low, high = float(values.min()), float(values.max())
    scale = 255 / (high - low) if high > low else 0.0
    pixels = np.uint8(np.round((values - np.float64(low)) * scale))
    return {"shape": shape, "shown": values.shape, "low": low, "high": high, "pixels": packed(pixels)}


def _saliency(gradient: np.ndarray, label: int | None) -> dict[str, Any]:
    """The gradient as bytes, its largest channel: 128 is zero; above, a brighter pixel would raise the logit."""
    strongest = np.take_along_axis(gradient, np.abs(gradient).argmax(axis=2)[..., None], axis=2)[..., 0]
    largest = float(np.abs(strongest).max())
    pixels = np.uint8(np.round(128 + 127 * strongest / (largest or 1.0)))
    return {"class": label, "shape": strongest.shape, "largest": largest, "pixels": packed(pixels)}


def packed(pixels: np.ndarray) -> str:
    """Bytes as text."""
    return base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode("ascii")
