"""The loss of sequences whose alignment with their labels is not known: connectionist temporal classification.

An alignment writes a label or a blank at each time.  It reads as what is left when repetitions, and then blanks, are
taken out.  The states of a sequence are its labels with blanks between and around them, 2S+1 of them; an alignment
stays in a state, goes to the next, or passes over a blank between two different labels.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.kinds import Reduction, Whole
from ..autodiff.means import divides_by
from ..autodiff.numbers import whole
from ..core import op
from ._arguments import placed
from ._reduced import check_reduction
from .algebra import cast
from .arithmetic import where
from .indexing import getitem
from .logic import isfinite
from .reduce import logsumexp, sum
from .shape import concatenate, stack

__all__ = ["ctc_loss"]

_NONE = -math.inf


def _in_rows(log_p: Any, targets: Any, lengths: Any, sizes: Any, blank: Any) -> tuple[Any, Any, Any]:
    """Checked targets as rows (N, S), with their lengths and those of the inputs, (N,) each."""
    who = placed("ctc_loss")
    if log_p.ndim != 3 or not log_p.shape[2]:
        raise ValueError(f"{who}: log_probabilities have shape {log_p.shape}, expected (T, N, C): time comes first.")
    time, n, classes = log_p.shape
    whole(who, "blank", blank, 0, classes - 1)
    for name, row in (("input_lengths", lengths), ("target_lengths", sizes), ("targets", targets)):
        if row.dtype.kind not in "iu" or (name != "targets" and row.shape != (n,)):
            raise ValueError(f"{who}: {name} are {row.shape} {row.dtype}, expected whole numbers{_of(name, n)}.")
    _within(who, "input_lengths", lengths, time, f"log_probabilities {log_p.shape} have {time} steps")
    if targets.ndim == 1 and targets.shape[0] == sizes.sum() and (sizes >= 0).all():  # one after the other
        rows = np.full((n, max(sizes, default=0)), blank, np.int64)
        rows[np.arange(rows.shape[1]) < sizes[:, None]] = targets
    elif targets.ndim == 2 and len(targets) == n:
        columns = targets.shape[1]
        _within(who, "target_lengths", sizes, columns, f"targets {targets.shape} have {columns} columns")
        rows = np.where(np.arange(targets.shape[1]) < sizes[:, None], targets, blank).astype(np.int64)
    else:
        raise ValueError(
            f"{who}: targets have shape {targets.shape}, expected ({n}, S), or all labels in one row, "
            f"({sizes.sum()},) by target_lengths."
        )
    held = np.arange(rows.shape[1]) < sizes[:, None]
    wrong = held & ((rows < 0) | (rows >= classes) | (rows == blank))
    if wrong.any():
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(
            f"{who}: the target of sequence {place[0]} at {place[1]} is {rows[place]}, not a label: log_probabilities "
            f"{log_p.shape} have classes 0 to {classes - 1}, and {blank} is the blank."
        )
    return rows, lengths.astype(np.int64), sizes.astype(np.int64)


def _of(name: str, n: int) -> str:
    return "" if name == "targets" else f", one for each sequence: ({n},)"


def _within(who: str, name: str, row: Any, most: int, why: str) -> None:
    if ((row < 0) | (row > most)).any():
        raise ValueError(f"{who}: {name} go from {row.min()} to {row.max()}, but {why}.")


def _states(rows: Any, blank: Whole) -> tuple[Any, Any]:
    """The label of each state, (N, 2S+1), and whether it can be reached from the state before the last one."""
    states = np.full((len(rows), 2 * rows.shape[1] + 1), blank)
    states[:, 1::2] = rows
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    return states, skips


def _ends(sizes: Any, count: int) -> Any:
    """Which states an alignment may end in: the last label, or the blank after it.  (N, 2S+1)"""
    places = np.arange(count)
    return (places == 2 * sizes[:, None]) | (places == 2 * sizes[:, None] - 1)


def _plain_sum(*terms: Any) -> Any:
    """log(exp(a) + exp(b) + ...) by element."""
    return np.logaddexp(np.logaddexp(terms[0], terms[1]), terms[2])


def _moved(a: Any, by: int) -> Any:
    """Each state gets what the one `by` places before it has, and the first ones nothing."""
    found = np.full_like(a, _NONE)
    found[:, by:] = a[:, : max(a.shape[1] - by, 0)]
    return found


def _forward(emitted: Any, skips: Any, lengths: Any) -> Any:
    """alpha[t, n, s]: the logarithm of the probability of all alignments up to t that are in state s there."""
    alpha = np.full(emitted.shape, _NONE, emitted.dtype)
    alpha[:1, :, :2] = emitted[:1, :, :2]
    for t in range(1, len(emitted)):
        before = alpha[t - 1]
        new = emitted[t] + _plain_sum(before, _moved(before, 1), np.where(skips, _moved(before, 2), _NONE))
        alpha[t] = np.where((t < lengths)[:, None], new, before)
    return alpha


def _backward(emitted: Any, skips: Any, lengths: Any, ends: Any) -> Any:
    """beta[t, n, s]: the logarithm of the probability of all that can follow after t, from state s."""
    beta = np.full(emitted.shape, _NONE, emitted.dtype)
    last = np.where(ends, 0, _NONE).astype(emitted.dtype)
    for t in range(len(emitted) - 1, -1, -1):
        if t == len(emitted) - 1:
            beta[t] = last
            continue
        after = (beta[t + 1] + emitted[t + 1])[:, ::-1]
        skipping = np.where(skips, (beta[t + 1] + emitted[t + 1]), _NONE)[:, ::-1]
        new = _plain_sum(after, _moved(after, 1), _moved(skipping, 2))[:, ::-1]
        beta[t] = np.where((t + 1 < lengths)[:, None], new, last)
    return beta


def _emitted(log_p: Any, states: Any) -> Any:
    """The logarithm of the probability of each state's label.  (T, N, 2S+1) float64: sums over time grow large"""
    return log_p[:, np.arange(len(states))[:, None], states].astype(np.float64)


def _total(last: Any, ends: Any, lengths: Any, sizes: Any) -> Any:
    """The losses; of no time at all, 0 for nothing to say and infinity for anything."""
    with np.errstate(divide="ignore"):
        losses = -np.logaddexp.reduce(np.where(ends, last, _NONE), axis=1, initial=_NONE)
    return np.where(lengths > 0, losses, np.where(sizes > 0, math.inf, 0))


def _divided(sizes: Any, reduction: str) -> Any:
    """What each loss is multiplied by: in a mean, by the length of its target and the size of the batch."""
    if reduction != "mean":
        return np.ones(len(sizes))
    return 1 / (np.maximum(sizes, 1) * max(len(sizes), 1))


def _composition(
    log_probabilities: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """The same in terms of ops: a loop over time of logsumexp."""
    log_p = log_probabilities
    rows, lengths, sizes = _in_rows(log_p, targets, input_lengths, target_lengths, blank)
    states, skips = _states(rows, blank)
    (n, count), time = states.shape, log_p.shape[0]
    emitted = cast(getitem(log_p, key=(slice(None), np.arange(n)[:, None], states)), dtype=np.float64)
    nothing = np.full((n, count), _NONE)
    alpha = where(np.arange(count) < 2, emitted[0], _NONE) if time else nothing
    for t in range(1, time):
        one = concatenate([nothing[:, :1], alpha[:, :-1]], axis=1)
        two = concatenate([nothing[:, :2], alpha[:, :-2]], axis=1) if count > 1 else nothing
        new = emitted[t] + logsumexp(stack([alpha, one, where(skips, two, _NONE)]), axis=0)
        alpha = where((t < lengths)[:, None], new, alpha)
    losses = -logsumexp(where(_ends(sizes, count), alpha, _NONE), axis=1)
    losses = where(lengths > 0, losses, np.where(sizes > 0, math.inf, 0))
    if zero_infinity:
        losses = where(isfinite(losses), losses, 0)
    return cast(losses if reduction == "none" else sum(losses * _divided(sizes, reduction)), dtype=log_p.dtype)


def _brute_force(
    log_probabilities: np.ndarray, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> np.ndarray:  # fmt: skip
    """The definition: the sum over all alignments that read as the target."""
    losses, start = [], 0
    for k, (time, size) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        wanted = list(targets[start : start + size] if targets.ndim == 1 else targets[k, :size])
        start += size
        total = 0.0
        for path in itertools.product(range(log_probabilities.shape[2]), repeat=int(time)):
            if [label for label, _ in itertools.groupby(path) if label != blank] == wanted:
                total += math.exp(math.fsum(log_probabilities[t, k, c] for t, c in enumerate(path)))
        losses.append(-math.log(total) if total else 0.0 if zero_infinity else math.inf)
    found = np.array(losses)
    if reduction == "mean":
        return np.array(np.mean(found / np.maximum(target_lengths, 1)))
    return found if reduction == "none" else np.array(found.sum())


_SAMPLES = [
    S(log_probabilities=(4, 2, 3), targets=np.array([[1, 2], [2, 0]]), input_lengths=np.array([4, 3]),
      target_lengths=np.array([2, 1])),
    S(log_probabilities=(4, 3, 3), targets=np.array([2, 2, 0, 2]), input_lengths=np.array([4, 2, 3]),
      target_lengths=np.array([2, 0, 2]), blank=1, reduction="sum"),
    S(log_probabilities=(3, 2, 3), targets=np.array([[1, 1, 1], [1, 2, 1]]), input_lengths=np.array([3, 3]),
      target_lengths=np.array([3, 2]), reduction="none", zero_infinity=True),
]  # fmt: skip


@op(
    floating=["log_probabilities"],
    samples=_SAMPLES,
    ref=_brute_force,
    composition=_composition,
    cost=lambda log_probabilities_shape, targets_shape: (
        12 * math.prod(log_probabilities_shape[:2]) * (2 * targets_shape[-1] + 1)
    ),
)
def ctc_loss(
    log_probabilities: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: Whole = 0,
    reduction: Reduction = "mean", zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """-log of the probability of all alignments that read as the target; reduced.

    log_probabilities (T, N, C) · targets (N, S) int or (sum of lengths,) int · lengths (N,) int -> () or (N,)

    Parameters
    ----------
    log_probabilities : of each class at each time, as from `log_softmax`; time comes first, as in PyTorch.
    targets : labels, without blanks; rows filled up with anything, or all in one row, one sequence after the other.
    input_lengths, target_lengths : how much of each row counts.
    blank : the class that stands for no label.
    reduction : "mean" divides each loss by the length of its target, and averages these; "sum" or "none".
    zero_infinity : losses of targets that do not fit into their input count as 0 instead of infinity.  Their gradient
        is 0 either way.

    Gradients are those in log_probabilities themselves, whether their exponentials add up to 1 or not.
    Source: Graves and others, Connectionist temporal classification (2006).

    >>> log_p = np.log([[[0.4, 0.6]], [[0.3, 0.7]]])  # two steps, blank and one label
    >>> loss = tg.ctc_loss(log_p, np.array([[1]]), np.array([2]), np.array([1]))
    >>> float(np.exp(-loss).round(6))  # 1 - 0.4 * 0.3: all but two blanks
    0.88
    """
    check_reduction("ctc_loss", reduction)
    rows, lengths, sizes = _in_rows(log_probabilities, targets, input_lengths, target_lengths, blank)
    states, skips = _states(rows, blank)
    ends = _ends(sizes, states.shape[1])
    last = _forward(_emitted(log_probabilities, states), skips, lengths)[-1:].sum(axis=0)
    losses = _total(last, ends, lengths, sizes)
    if zero_infinity:
        losses = np.where(np.isfinite(losses), losses, 0)
    if reduction == "none":
        return losses.astype(log_probabilities.dtype)
    if reduction == "mean":
        divides_by(len(sizes))
    return np.asarray(np.sum(losses * _divided(sizes, reduction)), log_probabilities.dtype)


def _rule(
    g: Any, log_probabilities: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: Any, reduction: Any
) -> Any:  # fmt: skip
    """Minus how often each class is used at each time, on average over alignments."""
    rows, lengths, sizes = _in_rows(log_probabilities, targets, input_lengths, target_lengths, blank)
    states, skips = _states(rows, blank)
    ends, emitted = _ends(sizes, states.shape[1]), _emitted(log_probabilities, states)
    alpha, beta = _forward(emitted, skips, lengths), _backward(emitted, skips, lengths, ends)
    losses = _total(alpha[-1:].sum(axis=0), ends, lengths, sizes)
    fits = np.isfinite(losses)
    counts = (np.arange(len(emitted))[:, None] < lengths) & fits
    share = np.exp(np.where(counts[..., None], alpha + beta + np.where(fits, losses, 0)[:, None], _NONE))
    found = np.zeros(log_probabilities.shape)
    weighed = -share * (g * _divided(sizes, reduction))[:, None]
    places: Any = (slice(None), np.arange(len(states))[:, None], states)
    np.add.at(found, places, weighed)
    return found.astype(log_probabilities.dtype)


ctc_loss.vjp(log_probabilities=_rule)
ctc_loss.formula(log_probabilities="-(by_length(g) * visits)")
