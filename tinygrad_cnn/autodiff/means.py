"""What the means of losses divide by: how much a batch counts beside others, which its loss alone does not tell.

The mean of a loss over several batches is their mean weighted by these divisors: sums of class weights, or counts of
labels that are not ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_told: ContextVar[list[float] | None] = ContextVar("divisors of means", default=None)


def divides_by(total: Any) -> None:
    """Report what the mean of a loss divides by; every loss with ``reduction="mean"`` does."""
    told = _told.get()
    if told is not None:
        told.append(float(total))


def with_divisor(fn: Callable[..., Any], *args: Any, otherwise: float) -> tuple[Any, float]:
    """Call a loss or a metric; return its value and what its mean divided by.

    A function that reports nothing, or is made of several means that differ in what they divide by, counts `otherwise`,
    the number of examples.

    >>> from tinygrad_cnn.autodiff.means import with_divisor
    >>> loss = lambda logits, labels: tg.softmax_cross_entropy(logits, labels, ignore_index=9)
    >>> with_divisor(loss, np.zeros((3, 2)), np.array([0, 9, 1]), otherwise=3)[1]
    2.0
    """
    told: list[float] = []
    token = _told.set(told)
    try:
        value = fn(*args)
    finally:
        _told.reset(token)
    if len(told) == 1 or (told and told.count(told[0]) == len(told)):
        return value, told[0]
    return value, float(otherwise)
