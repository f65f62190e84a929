"""Losses as layers: each keeps the options of one function, and is called with predictions and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .. import ops
from ..autodiff.kinds import Divergence, Number, Outputs, Reduction, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import integers, probabilities, uniform
from ..core.tensor import Tensor, as_array
from .module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CrossEntropyLoss", "DiceLoss", "FocalLoss", "GaussianNLLLoss",
    "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss", "PoissonNLLLoss", "SmoothL1Loss",
]  # fmt: skip


class _Loss(Module):
    """What all losses are: the options of a function, to be called with predictions and targets."""

    if TYPE_CHECKING:  # `forward` has one signature for both kinds, and checkers would see Any

        @overload
        def __call__(self, predictions: Tensor, targets: Any, /) -> Tensor: ...
        @overload
        def __call__(self, predictions: np.ndarray, targets: np.ndarray, /) -> np.ndarray: ...
        @overload
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    reductions: tuple[str, ...] = ("mean", "sum", "none")

    def __init__(self, reduction: str, **options: Any) -> None:
        if reduction not in self.reductions:
            *first, last = [f'"{name}"' for name in self.reductions]
            known = f"{', '.join(first)} or {last}"
            raise ValueError(f"{type(self).__name__}: reduction={reduction!r} must be {known}.")
        self.options = {"reduction": reduction, **options}

    def extra_repr(self) -> str:
        usual = ("mean", None, 0.0, False)
        shown = {k: v for k, v in self.options.items() if isinstance(v, np.ndarray) or v not in usual}
        return ", ".join(f"{k}={v!r}" for k, v in shown.items())


def weights_of(layer: str, weight: Any) -> np.ndarray | None:
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
        weight = weights_of(who, weight)
        super().__init__(reduction, weight=weight, ignore_index=ignore_index, label_smoothing=smoothing)

    def forward(self, logits: Any, labels: Any) -> Any:
        return ops.softmax_cross_entropy(logits, labels, **self.options)


class NLLLoss(_Loss):
    """`nll_loss` of log-probabilities (..., C) and class indices (...)."""

    samples = [L(log_probabilities=(4, 3), labels=integers(3, 4))]

    def __init__(self, weight: Any = None, *, ignore_index: Whole | None = None, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, weight=weights_of("NLLLoss", weight), ignore_index=ignore_index)

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


class BCELoss(_Loss):
    """`binary_cross_entropy` of probabilities and targets in [0, 1] of one shape."""

    samples = [L(probabilities=uniform(0.1, 0.9, 4, 3), targets=uniform(0, 1, 4, 3))]

    def __init__(self, *, weight: Any = None, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, weight=None if weight is None else as_array(weight, "BCELoss"))

    def forward(self, probabilities: Any, targets: Any) -> Any:
        return ops.binary_cross_entropy(probabilities, targets, **self.options)


class FocalLoss(_Loss):
    """`sigmoid_focal_loss` of logits and targets in [0, 1] of one shape: what is right already counts little."""

    samples = [L(logits=(4, 3), targets=uniform(0, 1, 4, 3)),
               L((), {"alpha": None, "gamma": 1.5}, logits=(4, 3), targets=uniform(0, 1, 4, 3))]  # fmt: skip

    def __init__(self, *, alpha: Number | None = 0.25, gamma: Number = 2.0, reduction: Reduction = "mean") -> None:
        alpha = alpha if alpha is None else number("FocalLoss", "alpha", alpha, 0, 1)
        super().__init__(reduction, alpha=alpha, gamma=number("FocalLoss", "gamma", gamma, 0))

    def forward(self, logits: Any, targets: Any) -> Any:
        return ops.sigmoid_focal_loss(logits, targets, **self.options)


class KLDivLoss(_Loss):
    """`kl_div` of log-probabilities and target probabilities (their logarithms with `log_target`) of one shape."""

    samples = [
        L(log_probabilities=(4, 3), targets=probabilities(4, 3)),
        L((), {"reduction": "batchmean", "log_target": True}, log_probabilities=(4, 3), targets=(4, 3)),
    ]
    reductions = ("mean", "batchmean", "sum", "none")

    def __init__(self, *, log_target: bool = False, reduction: Divergence = "mean") -> None:
        super().__init__(reduction, log_target=log_target)

    def forward(self, log_probabilities: Any, targets: Any) -> Any:
        return ops.kl_div(log_probabilities, targets, **self.options)


class SmoothL1Loss(_Loss):
    """`smooth_l1_loss` of predictions and targets of one shape: quadratic up to `beta`, then of slope 1."""

    samples = [L((), {"beta": 0.5}, predictions=(4, 3), targets=(4, 3))]

    def __init__(self, *, beta: Number = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, beta=number("SmoothL1Loss", "beta", beta, 0))

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.smooth_l1_loss(predictions, targets, **self.options)


class GaussianNLLLoss(_Loss):
    """`gaussian_nll_loss` of predictions, targets and variances."""

    samples = [L(predictions=(4, 3), targets=(4, 3), variance=uniform(0.5, 2, 4, 3))]

    def __init__(self, *, full: bool = False, eps: Number = 1e-6, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, full=full, eps=number("GaussianNLLLoss", "eps", eps, above=0))

    def forward(self, predictions: Any, targets: Any, variance: Any) -> Any:
        return ops.gaussian_nll_loss(predictions, targets, variance, **self.options)


class PoissonNLLLoss(_Loss):
    """`poisson_nll_loss` of logarithms of rates (rates, unless `log_input`) and counts of one shape."""

    samples = [L(predictions=(4, 3), targets=uniform(0, 5, 4, 3)),
               L((), {"log_input": False, "full": True}, predictions=uniform(0.5, 2, 4, 3),
                 targets=uniform(0, 5, 4, 3))]  # fmt: skip

    def __init__(
        self, *, log_input: bool = True, full: bool = False, eps: Number = 1e-8, reduction: Reduction = "mean"
    ) -> None:
        eps = number("PoissonNLLLoss", "eps", eps, above=0)
        super().__init__(reduction, log_input=log_input, full=full, eps=eps)

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.poisson_nll_loss(predictions, targets, **self.options)


class DiceLoss(_Loss):
    """`dice_loss` of predictions (N, ..., C) and targets of the same shape, or labels (N, ...)."""

    samples = [
        L(predictions=probabilities(2, 5, 3), targets=integers(3, 2, 5)),
        L((), {"activation": "softmax"}, predictions=(2, 3, 4, 3), targets=integers(3, 2, 3, 4)),
        L((), {"activation": "sigmoid", "squared": True}, predictions=(2, 5, 1), targets=integers(2, 2, 5)),
    ]

    def __init__(
        self, *, activation: Outputs = None, smooth: Number = 1.0, squared: bool = False,
        ignore_index: Whole | None = None, reduction: Reduction = "mean",
    ) -> None:  # fmt: skip
        if activation not in (None, "softmax", "sigmoid"):
            raise ValueError(f'DiceLoss: activation={activation!r} must be "softmax", "sigmoid" or None.')
        smooth = number("DiceLoss", "smooth", smooth, 0)
        super().__init__(reduction, activation=activation, smooth=smooth, squared=squared, ignore_index=ignore_index)

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.dice_loss(predictions, targets, **self.options)


class CTCLoss(_Loss):
    """`ctc_loss` of log-probabilities (T, N, C), targets (N, S) or in one row, and the lengths of both, (N,) each."""

    samples = [L(log_probabilities=(5, 2, 3), targets=np.array([[1, 2], [2, 0]]), input_lengths=np.array([5, 4]),
                 target_lengths=np.array([2, 1]))]  # fmt: skip

    def __init__(self, *, blank: Whole = 0, reduction: Reduction = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction, blank=whole("CTCLoss", "blank", blank, 0), zero_infinity=zero_infinity)

    def forward(self, log_probabilities: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return ops.ctc_loss(log_probabilities, targets, input_lengths, target_lengths, **self.options)
