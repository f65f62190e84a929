"""Are the gradients of this function right?  Several independent answers, compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.numbers import number, whole
from ..core.errors import describe
from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..kernels.precision import exactly
from .arguments import Subject
from .comparing import Comparison
from .exact import check_exactly
from .gradient_report import GradcheckError, GradReport
from .numeric import LARGEST
from .rounding import in_float64


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    *,
    order: int = 1,
    full: bool = False,
    exact: bool = False,
    directions: int = 2,
    rtol: float = 1e-8,
    eps: float = LARGEST,
    domain: Any = (-np.inf, np.inf),
    seed: int = 0,
) -> GradReport:
    """Compare the gradients of f, up to `order`, with what its values say; raise where they differ.

    For each order, with random cotangents u, and separately for each input,

    - <gradient, v> is compared with the extrapolated central difference of <u, f> along random directions v;
    - <gradient, v> is compared with <u, J v>, which needs no step (order 1);
    - a complex step, where f allows it, sharpens the first comparison a thousandfold (order 1).

    Order 2 asks the same of the gradient itself, as a function of the inputs and of u; and so on.

    The points that are differenced lie on one branch of f: each relu, maximum, comparison and winner of a pooling
    decides the same at all of them.  Where no step is small enough, the inputs are moved a little, and the units that
    were too near to their kinks are listed in ``report.not_judged``.  Tolerances follow from the rounding of what was
    differenced, which is measured: f is run again with the last bit of every result changed.

    Parameters
    ----------
    f : gets a float64 Tensor for each floating input, and returns a Tensor, or several in lists, tuples and dicts; it
        must do the same at every call.  Of a module, the parameters are checked as well; it stays as it was.  Random
        numbers that ops draw are the same at every call, and running statistics do not move.
    inputs : one floating array; a list of arguments, or a dict of them by name.  An argument may be a list, tuple or
        dict of arrays.  What is not floating is passed on as it is.  float32 is computed in float64, and the gradients
        that f gives in float32 are compared with those.
    full : compare all entries of the Jacobian, one by one, as well.
    exact : f is linear, or linear on each branch, in each input.  The inputs are made whole numbers, and its gradients
        of order 1 must agree with its values to the last bit.
    directions : how many random directions per input.
    rtol : tolerance relative to the norm of (gradient * v), beside that for rounding and for the step.
    eps : the largest step; smaller ones are tried where it does not do, in units of the size of an input or 1.
    domain : the least and the largest value that an input may have, or a list of such pairs, one for each input.
    seed : for cotangents and directions.

    Returns
    -------
    a `GradReport`: what was compared, how small an error would have been seen, and what could not be judged

    Raises
    ------
    GradcheckError : a gradient is wrong, nothing of f can be judged, or f changes its inputs or what it computes.
    TypeError, ValueError : the inputs or the settings cannot be used.

    Examples
    --------
    >>> x = np.array([0.5, -1.0])
    >>> report = tg.testing.gradcheck(lambda x: tg.tanh(x).sum(), x, order=2)
    >>> report.order
    2
    >>> tg.testing.gradcheck(tg.relu, np.array([0.0, 1.0])).not_judged  # which slope has relu at 0?
    [NotJudged(what='relu', why='nearer to a kink than any step', count=1, places=[(0,)])]
    >>> tg.testing.gradcheck(lambda x: (x * tg.stop_gradient(x)).sum(), x)
    Traceback (most recent call last):
        ...
    tinygrad_cnn.testing.gradient_report.GradcheckError: gradcheck: the gradient in input 0 is wrong ...
    """
    order, directions = whole("gradcheck", "order", order), whole("gradcheck", "directions", directions)
    rtol, eps = number("gradcheck", "rtol", rtol, above=0), number("gradcheck", "eps", eps, above=0)
    if not callable(f):
        raise TypeError(f"gradcheck: f must be a function or a module, got {describe(f)}.")
    if exact and order > 1:
        raise ValueError(
            f"gradcheck: exact=True checks gradients of order 1, but order={order}. Check higher orders by themselves, "
            "without exact=True."
        )
    subject = Subject(f, inputs)
    report = GradReport(order, seed)
    with exactly():
        _check_steady(subject)
        if exact:
            check_exactly(subject, report)
        else:
            check = Comparison(subject, report, directions, rtol, eps, _domains(domain, subject))
            check.run(full)
        subject.check_untouched()
    return report


def _domains(domain: Any, subject: Subject) -> list[tuple[float, float]]:
    """The interval of each input, checked."""
    pairs = [domain] * len(subject.points) if np.ndim(domain) == 1 else list(np.atleast_1d(domain))
    if len(pairs) != len(subject.points) or any(np.shape(p) != (2,) or not p[0] < p[1] for p in pairs):
        raise ValueError(
            f"gradcheck: domain={domain!r} must be a pair (least, largest), or a list of {len(subject.points)} pairs, "
            "one for each input."
        )
    for name, point, (low, high) in zip(subject.names, subject.points, pairs, strict=True):
        if np.any(point < low) or np.any(point > high):
            raise ValueError(f"gradcheck: {name} has values outside of its domain, {low} to {high}.")
    return [(float(low), float(high)) for low, high in pairs]


def _check_steady(f: Subject) -> None:
    """f gives float64 Tensors, the same twice, and leaves its inputs alone."""
    copies = [p.copy() for p in f.points]
    with no_grad(), in_float64([]):
        ys, again = (f([Tensor(p, copy=False) for p in copies]) for _ in range(2))
    for name, value, before in zip(f.names, copies, f.points, strict=True):
        if not np.array_equal(value, before):
            raise GradcheckError(f"gradcheck: f changed {name} in place. Work on a copy inside f.")
    f.check_result(ys)
    for y, other in zip(ys, again, strict=True):
        if not np.array_equal(y.data, other.data, equal_nan=True):
            raise GradcheckError(
                "gradcheck: f is not deterministic: two calls with the same inputs differ. "
                "If it draws random numbers, make the generator inside f, from a fixed seed."
            )
        if not np.all(np.isfinite(y.data)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(y.data))[0])
            raise GradcheckError(
                f"gradcheck: f gives {y.data[where]} at index {where}. Move the inputs into its domain."
            )
