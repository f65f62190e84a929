"""A model over a whole data set, without recording: its outputs, its loss, its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, TypeAlias, overload

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.world import ALONE, world
from ..core import Tensor, no_grad
from ..core.tensor import plain
from ..data import ArrayDataset, DataLoader
from ..data.batches import inputs_and_targets
from ..insight.evaluation import evaluating, outputs_for
from .former import former
from .given import check_model, model_and_data
from .meter import Meter
from .metrics import Metric
from .names import loss_of, metrics_of, no_loss
from .source import Data, batches_of
from .step import examples_in, forward
from .structure import arrays, call, joined

Loss: TypeAlias = str | type | Callable[..., Any] | None
Metrics: TypeAlias = str | Metric | Iterable[str | Metric] | Mapping[str, str | Metric] | None


@overload
def predict(model: Callable[..., Any], inputs: Tensor | np.ndarray, *, batch_size: Whole = 256) -> np.ndarray: ...
@overload
def predict(model: Callable[..., Any], inputs: Any, *, batch_size: Whole = 256) -> Any: ...
@former(images="inputs")
@named
def predict(model: Callable[..., Any], inputs: Any, *, batch_size: Whole = 256) -> Any:
    """The model's outputs for all inputs, in evaluation mode, nothing recorded.

    Parameters
    ----------
    inputs : an array (N, ...), such as images (N,H,W,C); a tuple of arrays for a model of several inputs, or a dict of
        arrays for one that takes them by name; or whatever else `evaluate` takes, whose targets are not used.
    batch_size : how many go through the model at a time.

    Returns
    -------
    An array (N, ...), such as logits, or the structure of arrays that the model returns.

    >>> logits = tg.predict(model, images)
    >>> logits.shape, logits.argmax(axis=1).shape
    ((16, 10), (16,))
    """
    check_model("predict", model)
    batch_size = whole("predict", "batch_size", batch_size)
    if isinstance(inputs, (Tensor, np.ndarray, np.generic)):
        inputs = plain(inputs)
        if inputs.ndim == 0:
            raise ValueError("predict: inputs must be an array, such as images (N, H, W, C), got a number.")
        if not len(inputs):  # one empty batch says what shape no outputs have
            return outputs_for(model, inputs, batch_size)
        parts: Iterable[Any] = (inputs[k : k + batch_size] for k in range(0, len(inputs), batch_size))
    else:
        if isinstance(inputs, (tuple, Mapping)):
            inputs = ArrayDataset(arrays(inputs))
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], (list, int, float)):
            raise TypeError("predict: inputs is a list of plain numbers. Make an array of it: np.array(inputs).")
        batches = batches_of("predict", inputs, batch_size, seed=0, name="inputs", shard=False)
        parts = (inputs_and_targets(batch)[0] for batch in batches)
    with evaluating(model), no_grad():
        return joined([arrays(call("predict", model, part)) for part in parts])


@model_and_data
@named
def evaluate(
    model: Callable[..., Any],
    data: Data | DataLoader,
    *,
    loss: Loss = None,
    metrics: Metrics = None,
    batch_size: Whole = 256,
) -> dict[str, float]:
    """The loss and the metrics of a model on a whole data set.

    Parameters
    ----------
    data, loss, metrics : as for `fit`.  The mean of the loss over the data set does not depend on `batch_size`, also
        where class weights or ignored labels make rows count differently.  Metrics are of the whole set: those with
        counts add these up; for others all outputs and targets are put together, which takes their memory.  If `data`
        is a loader that gives each rank its share, all ranks call this and get what is true of all samples.

    Returns
    -------
    ``{"loss": ..., "accuracy": ...}``, Python numbers; metrics alone where the targets are not classes and no loss is
    given.

    Raises
    ------
    ValueError : the data set is empty.
    TypeError : the targets are not classes, and neither a loss nor metrics are given.

    Examples
    --------
    >>> found = tg.evaluate(model, test)
    >>> sorted(found), 0 <= found["accuracy"] <= 1
    (['accuracy', 'loss'], True)
    >>> found = tg.evaluate(model, test, metrics=["top5", "f1"])
    >>> sorted(found)
    ['f1', 'loss', 'top5']
    >>> tg.evaluate(tg.sin, (np.zeros((2, 3)), np.ones((2, 3))), metrics="mae")
    {'mae': 1.0}
    """
    batch_size = whole("evaluate", "batch_size", batch_size)
    loss = loss_of("evaluate", loss)
    batches = batches_of("evaluate", data, batch_size, seed=0, shard=False)
    shared = isinstance(batches, DataLoader) and batches.ranks > 1
    meter = Meter(metrics_of("evaluate", metrics, loss), whole=True)
    holder = SimpleNamespace(loss=loss)
    with evaluating(model), no_grad():
        for batch in batches.without_repeats() if shared else batches:
            inputs, targets = inputs_and_targets(batch)
            examples = examples_in(inputs, targets)
            outputs, _, value, weight = forward(
                "evaluate", model, holder, inputs, targets, examples, needed=metrics is None or not meter.metrics
            )
            meter.add(value, weight, outputs, targets, examples)
    found = meter.of_all(world() if shared else ALONE).values()
    if holder.loss is no_loss:
        del found["loss"]
    return found
