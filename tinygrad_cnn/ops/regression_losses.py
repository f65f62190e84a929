"""Losses of numbers: of differences, and of distributions whose parameters are predicted."""

from __future__ import annotations

import math
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Number, Reduction
from ..autodiff.numbers import number
from ._arguments import Input, shape_of
from ._reduced import check_between, pair, reduced
from .activation import clip
from .algebra import broadcast_to, floats
from .arithmetic import maximum, where
from .elementwise import abs, exp, log

__all__ = ["gaussian_nll_loss", "huber_loss", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss"]


@named
def mse_loss(predictions: Input, targets: Input, *, reduction: Reduction = "mean") -> Any:
    """(predictions - targets)**2, reduced.  (...) · (...) -> () or (...)

    >>> predictions, targets = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 4.0])
    >>> round(float(tg.mse_loss(predictions, targets)), 4)  # (0 + 4 + 1) / 3
    1.6667
    """
    predictions, targets = pair("mse_loss", predictions, targets)
    d = predictions - targets
    return reduced("mse_loss", d * d, reduction)


@named
def l1_loss(predictions: Input, targets: Input, *, reduction: Reduction = "mean") -> Any:
    """``|predictions - targets|``, reduced.  (...) · (...) -> () or (...)

    >>> predictions, targets = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 4.0])
    >>> float(tg.l1_loss(predictions, targets))  # (0 + 2 + 1) / 3
    1.0
    """
    predictions, targets = pair("l1_loss", predictions, targets)
    return reduced("l1_loss", abs(predictions - targets), reduction)


@named
def huber_loss(predictions: Input, targets: Input, *, delta: Number = 1.0, reduction: Reduction = "mean") -> Any:
    """``d**2 / 2`` where ``|d| <= delta``, else ``delta * (|d| - delta/2)``; reduced.  (...) · (...) -> () or (...)

    >>> tg.huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    predictions, targets = pair("huber_loss", predictions, targets)
    delta = number("huber_loss", "delta", delta, above=0)
    d = predictions - targets
    near = clip(d, -delta, delta)  # d**2 / 2 near 0, and beyond a slope that stays finite at infinity
    return reduced("huber_loss", near * (d - near * 0.5), reduction)


@named
def smooth_l1_loss(predictions: Input, targets: Input, *, beta: Number = 1.0, reduction: Reduction = "mean") -> Any:
    """``d**2 / (2 * beta)`` where ``|d| < beta``, else ``|d| - beta/2``; reduced.  (...) · (...) -> () or (...)

    It is `huber_loss` divided by beta, and `l1_loss` for ``beta=0``.  Source: Girshick, Fast R-CNN (2015).

    >>> tg.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    predictions, targets = pair("smooth_l1_loss", predictions, targets)
    beta = number("smooth_l1_loss", "beta", beta, 0)
    d = predictions - targets
    if beta == 0:
        return reduced("smooth_l1_loss", abs(d), reduction)
    near = clip(d, -beta, beta)
    return reduced("smooth_l1_loss", near * (d - near * 0.5) * (1 / beta), reduction)


@named
def gaussian_nll_loss(
    predictions: Input, targets: Input, variance: Input, *, full: bool = False, eps: Number = 1e-6,
    reduction: Reduction = "mean",
) -> Any:  # fmt: skip
    """(log v + (predictions - targets)**2 / v) / 2 with v = max(variance, eps); reduced.

    (...) · (...) · (...) -> () or (...)

    The negative logarithm of a normal density; `full` adds its constant, log(2 pi) / 2.  `variance` is at least 0 and
    broadcasts to the predictions; its gradient is 0 below `eps`.  Source: Nix and Weigend (1994).

    >>> float(tg.gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([4.0])).round(4))  # (log 4 + 4/4) / 2
    1.1931
    """
    who = "gaussian_nll_loss"
    predictions, targets = pair(who, predictions, targets)
    eps = number(who, "eps", eps, above=0)
    shape_of(who, variance)
    predictions, targets, variance = floats(who, predictions, targets, variance)
    check_between(who, "variance", variance, 0, math.inf, "Predict its logarithm, and give exp of that.")
    v = maximum(broadcast_to(variance, predictions.shape), eps)
    losses = (log(v) + (predictions - targets) ** 2 / v) * 0.5
    return reduced(who, losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


@named
def poisson_nll_loss(
    predictions: Input, targets: Input, *, log_input: bool = True, full: bool = False, eps: Number = 1e-8,
    reduction: Reduction = "mean",
) -> Any:  # fmt: skip
    """exp(x) - targets * x, or x - targets * log(x + eps) unless `log_input`; reduced.  (...) · (...) -> () or (...)

    The negative logarithm of a Poisson probability of the counts `targets`; predictions x are logarithms of rates, or
    rates.  `full` adds Stirling's formula for log(targets!), where targets are above 1.

    >>> float(tg.poisson_nll_loss(np.array([0.0]), np.array([3.0])))
    1.0
    """
    who = "poisson_nll_loss"
    predictions, targets = pair(who, predictions, targets)
    eps = number(who, "eps", eps, above=0)
    if log_input:
        losses = exp(predictions) - targets * predictions
    else:
        check_between(who, "predictions", predictions, 0, math.inf, "Set log_input=True if they are logarithms.")
        losses = predictions - targets * log(predictions + eps)
    if full:
        many = targets > 1
        t = where(many, targets, 1)
        losses = losses + where(many, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0)
    return reduced(who, losses, reduction)
