"""Losses as layers: each keeps the options of one function, and is called with predictions and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .. import ops
from ..autodiff.kinds import Number, Reduction, Whole
from ..autodiff.numbers import number
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import integers, uniform
from ..core.tensor import Tensor, as_array
from .module import Module

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss", "NLLLoss"]


class _Loss(Module):
    if TYPE_CHECKING:  # `forward` has one signature for both kinds, and checkers would see Any

        @overload
        def __call__(self, predictions: Tensor, targets: Any, /) -> Tensor: ...
        @overload
        def __call__(self, predictions: np.ndarray, targets: np.ndarray, /) -> np.ndarray: ...
        @overload
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __init__(self, reduction: Reduction, **options: Any) -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'{type(self).__name__}: reduction={reduction!r} must be "mean", "sum" or "none".')
        self.options = {"reduction": reduction, **options}

    def extra_repr(self) -> str:
        usual = ("mean", None, 0.0)
        shown = {k: v for k, v in self.options.items() if isinstance(v, np.ndarray) or v not in usual}
        return ", ".join(f"{k}={v!r}" for k, v in shown.items())


def _weights(layer: str, weight: Any) -> np.ndarray | None:
    if weight is None:
        return None
    array = np.asarray(weight)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or not (np.isfinite(array).all() and (array >= 0).all()):
        raise ValueError(f"{layer}: weight={weight!r} must be one number of at least 0 per class.")
    return array


class CrossEntropyLoss(_Loss):
    """`softmax_cross_entropy` of logits (..., C) and labels: class indices (...), or rows of probabilities (..., C).

    >>> loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    >>> float(loss(np.zeros((1, 10)), np.array([3])).round(4))  # log 10: all classes alike
    2.3026
    """

    samples = [
        L(logits=(4, 3), labels=integers(3, 4)),
        L((), {"weight": [1.0, 2.0, 0.5], "reduction": "none"}, logits=(4, 3), labels=integers(3, 4)),
    ]

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: Whole | None = None,
        label_smoothing: Number = 0.0,
        reduction: Reduction = "mean",
    ) -> None:
        who = type(self).__name__
        smoothing = number(who, "label_smoothing", label_smoothing, 0.0, 1.0)
        weight = _weights(who, weight)
        super().__init__(reduction, weight=weight, ignore_index=ignore_index, label_smoothing=smoothing)

    def forward(self, logits: Any, labels: Any) -> Any:
        return ops.softmax_cross_entropy(logits, labels, **self.options)


class NLLLoss(_Loss):
    """`nll_loss` of log-probabilities (..., C) and class indices (...)."""

    samples = [L(log_probabilities=(4, 3), labels=integers(3, 4))]

    def __init__(self, weight: Any = None, *, ignore_index: Whole | None = None, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, weight=_weights("NLLLoss", weight), ignore_index=ignore_index)

    def forward(self, log_probabilities: Any, labels: Any) -> Any:
        return ops.nll_loss(log_probabilities, labels, **self.options)


class MSELoss(_Loss):
    """`mse_loss` of predictions and targets of one shape."""

    samples = [L(predictions=(4, 3), targets=(4, 3))]

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.mse_loss(predictions, targets, **self.options)


class L1Loss(_Loss):
    """`l1_loss` of predictions and targets of one shape."""

    samples = [L(predictions=(4, 3), targets=(4, 3))]

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.l1_loss(predictions, targets, **self.options)


class HuberLoss(_Loss):
    """`huber_loss` of predictions and targets of one shape: quadratic up to `delta`, then linear."""

    samples = [L((), {"delta": 0.5}, predictions=(4, 3), targets=(4, 3))]

    def __init__(self, *, delta: Number = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, delta=number("HuberLoss", "delta", delta, above=0))

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.huber_loss(predictions, targets, **self.options)


class BCEWithLogitsLoss(_Loss):
    """`binary_cross_entropy_with_logits` of logits and targets in [0, 1] of one shape."""

    samples = [L(logits=(4, 3), targets=uniform(0, 1, 4, 3))]

    def __init__(self, *, pos_weight: Any = None, reduction: Reduction = "mean") -> None:
        plain = pos_weight is None or isinstance(pos_weight, (int, float))  # a Python number is no dtype's
        super().__init__(reduction, pos_weight=pos_weight if plain else as_array(pos_weight, "BCEWithLogitsLoss"))

    def forward(self, logits: Any, targets: Any) -> Any:
        return ops.binary_cross_entropy_with_logits(logits, targets, **self.options)
