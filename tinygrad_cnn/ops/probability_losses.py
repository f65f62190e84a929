"""Losses of probabilities of yes or no, and the divergence of distributions."""

from __future__ import annotations

import math
from typing import Any

from ..autodiff.calls import named
from ..autodiff.kinds import Divergence, Number, Reduction
from ..autodiff.means import divides_by
from ..autodiff.numbers import number
from ._arguments import Input
from ._reduced import check_between, pair, reduced
from .arithmetic import where
from .elementwise import exp, log, log1p, sigmoid, softplus
from .reduce import sum

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "sigmoid_focal_loss"]


@named
def binary_cross_entropy_with_logits(
    logits: Input, targets: Input, *, pos_weight: Any = None, reduction: Reduction = "mean"
) -> Any:
    """-(t log s + (1-t) log(1-s)) with s = sigmoid(logits), stable; reduced.  (...) · (...) -> () or (...)

    `pos_weight` multiplies the first term.

    >>> logits, targets = np.array([0.0, 100.0]), np.array([1.0, 0.0])
    >>> tg.binary_cross_entropy_with_logits(logits, targets, reduction="none").round(4)
    array([  0.6931, 100.    ])
    """
    who = "binary_cross_entropy_with_logits"
    logits, targets = pair(who, logits, targets)
    tail = softplus(-logits)  # -log s
    if pos_weight is None:
        return reduced(who, logits * (1 - targets) + tail, reduction)
    return reduced(who, logits * (1 - targets) + tail * (1 + (pos_weight - 1) * targets), reduction)


_LEAST = -100.0  # of a logarithm, as in PyTorch


def _log(p: Any) -> Any:
    """max(log p, -100); its derivative is 0 where that is -100."""
    cut = p < math.exp(_LEAST)
    return where(cut, _LEAST, log(where(cut, 0.5, p)))


def _log_of_rest(p: Any) -> Any:
    """max(log(1 - p), -100), which is cut off at p = 1 only."""
    cut = p >= 1
    return where(cut, _LEAST, log1p(-where(cut, 0.5, p)))


@named
def binary_cross_entropy(
    probabilities: Input, targets: Input, *, weight: Any = None, reduction: Reduction = "mean"
) -> Any:
    """-(t log p + (1-t) log(1-p)), each logarithm of at least -100; reduced.  (...) · (...) -> () or (...)

    `weight`, which broadcasts to the losses, multiplies them; the mean still divides by their number.  A logarithm that
    is cut off, at probabilities of 0 and 1, has gradient 0: `binary_cross_entropy_with_logits` has one everywhere.

    Raises ValueError if a probability is not from 0 to 1.

    >>> tg.binary_cross_entropy(np.array([0.75, 0.0]), np.array([1.0, 1.0]), reduction="none").round(4)
    array([  0.2877, 100.    ])
    """
    who = "binary_cross_entropy"
    p, t = pair(who, probabilities, targets, "probabilities and targets")
    check_between(who, "probabilities", p, 0, 1, "For logits there is binary_cross_entropy_with_logits.")
    losses = -(t * _log(p) + (1 - t) * _log_of_rest(p))
    return reduced(who, losses if weight is None else losses * weight, reduction)


@named
def kl_div(
    log_probabilities: Input, targets: Input, *, log_target: bool = False,
    reduction: Divergence = "mean",
) -> Any:  # fmt: skip
    """t * (log t - log_probabilities), 0 where t is 0; reduced.  (...) · (...) -> () or (...)

    The terms of Kullback and Leibler's divergence of the targets t from the predictions; with `log_target`, targets are
    log t.  "batchmean" is the sum divided by the length of the first axis, which is the mean divergence of rows; "mean"
    divides by the number of elements.

    >>> p, q = np.array([[0.5, 0.5]]), np.array([[0.75, 0.25]])
    >>> float(tg.kl_div(np.log(p), q, reduction="batchmean").round(4))
    0.1308
    """
    who = "kl_div"
    if reduction not in ("mean", "batchmean", "sum", "none"):
        raise ValueError(f'{who}: reduction={reduction!r} must be "mean", "batchmean", "sum" or "none".')
    log_p, t = pair(who, log_probabilities, targets, "log_probabilities and targets")
    if log_target:
        there = t > -math.inf
        t = where(there, t, 0)
        losses = where(there, exp(t) * (t - where(there, log_p, 0)), 0)
    else:
        check_between(who, "targets", t, 0, math.inf, "Set log_target=True if they are logarithms.")
        there = t > 0
        safe = where(there, t, 1)
        losses = where(there, safe * (log(safe) - where(there, log_p, 0)), 0)
    if reduction != "batchmean":
        return reduced(who, losses, reduction)
    if not losses.shape:
        raise ValueError(f'{who}: reduction="batchmean" needs rows, but log_probabilities have no axes.')
    divides_by(losses.shape[0])
    return sum(losses) * (1 / max(losses.shape[0], 1))


@named
def sigmoid_focal_loss(
    logits: Input, targets: Input, *, alpha: Number | None = 0.25, gamma: Number = 2.0, reduction: Reduction = "mean"
) -> Any:
    """a * (1 - q)**gamma * binary cross-entropy, q being the probability of what is right; reduced.

    (...) · (...) -> () or (...)

    With p = sigmoid(logits) and targets t from 0 to 1, q = t*p + (1-t)*(1-p), and a = t*alpha + (1-t)*(1-alpha), or 1
    if alpha is None.  What is right already counts little.  Source: Lin and others, Focal Loss (2017).

    >>> logits, targets = np.array([0.0, 4.0]), np.array([1.0, 1.0])
    >>> tg.sigmoid_focal_loss(logits, targets, alpha=None, reduction="none").round(4)  # log 2 / 4, and next to nothing
    array([0.1733, 0.    ])
    """
    who = "sigmoid_focal_loss"
    x, t = pair(who, logits, targets, "logits and targets")
    gamma = number(who, "gamma", gamma, 0)
    losses = x * (1 - t) + softplus(-x)
    if gamma:
        wrong = t * sigmoid(-x) + (1 - t) * sigmoid(x)
        there = wrong > 0  # or powers below 1 have no slope
        losses = losses * where(there, where(there, wrong, 1) ** gamma, 0)
    if alpha is not None:
        alpha = number(who, "alpha", alpha, 0, 1)
        losses = losses * (t * alpha + (1 - t) * (1 - alpha))
    return reduced(who, losses, reduction)
