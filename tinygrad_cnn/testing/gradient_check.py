"""Are the gradients of this function right?  Several independent answers, compared."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autodiff.numbers import number, whole
from ..autodiff.transforms import jvp
from ..core.modes import no_grad
from ..core.tensor import Tensor, plain
from .gradient_report import Failure, GradcheckError, GradReport
from .level import Function, Level, unit, weights
from .numeric import STEPS, Path, central, complex_step, kink, slope


def gradcheck(
    f: Function,
    inputs: Any,
    *,
    order: int = 1,
    full: bool = False,
    directions: int = 2,
    rtol: float = 1e-6,
    seed: int = 0,
) -> GradReport:
    """Compare the gradients of f, up to `order`, with what its values say; raise where they differ.

    f is called with one float64 Tensor per input and must return one Tensor; it must do the same at every call.
    For each order, with random cotangents u, and separately for each input,

    - <gradient, v> is compared with the extrapolated central difference of <u, f> along random directions v;
    - <gradient, v> is compared with <u, J v>, which needs no step (order 1);
    - a complex step, where f allows it, sharpens the first comparison a thousandfold (order 1).

    Order 2 asks the same of the gradient itself, as a function of the inputs and of u; and so on.

    Parameters
    ----------
    inputs : a floating array, or a sequence of them; float32 is converted, with a warning.
    full : compare all entries of the Jacobian, one by one, as well.
    directions : how many random directions per input.
    rtol : tolerance relative to the norm of (gradient * v).  The differences' own error, of about 1e-11 of the
        values' size, is added to it; where they do not settle to 1e-3, the check fails.
    seed : for cotangents and directions.

    Raises
    ------
    GradcheckError : a gradient is wrong, or f has a kink at the inputs, changes its inputs, or is not deterministic.
    TypeError, ValueError : the inputs or the settings cannot be used.

    Examples
    --------
    >>> x = np.array([0.5, -1.0])
    >>> report = tg.testing.gradcheck(lambda x: tg.tanh(x).sum(), x, order=2)
    >>> report.order
    2
    >>> tg.testing.gradcheck(lambda x: (x * tg.stop_gradient(x)).sum(), x)
    Traceback (most recent call last):
        ...
    tinygrad_cnn.testing.gradient_report.GradcheckError: gradcheck: the gradient in input 0 is wrong ...
    """
    order, directions = whole("gradcheck", "order", order), whole("gradcheck", "directions", directions)
    rtol = number("gradcheck", "rtol", rtol, above=0)
    given = [inputs] if isinstance(inputs, (np.ndarray, np.generic, Tensor, float, int)) else list(inputs)
    points = []
    for k, value in enumerate(given):
        points.append(_usable(value, k))
    if not points:
        raise ValueError("gradcheck: there are no inputs, so no gradient. Pass inputs=[array, ...].")
    before = [np.array(v) for v in map(plain, given)]
    report = GradReport(order, seed)
    rng = np.random.default_rng(seed)
    _check_steady(f, points)
    for n in range(1, order + 1):
        level = Level(f, len(given), n, points, rng, seed)
        _along_directions(level, directions, rtol, rng, report)
        if n == 1:
            _dot_product(level, rng, report)
        if full:
            _entry_by_entry(level, rtol, report)
        points = [*level.points, *level.cotangents]
    _check_untouched(map(plain, given), before)
    return report


def _check_untouched(values: Iterable[np.ndarray], before: Iterable[np.ndarray]) -> None:
    for k, (value, old) in enumerate(zip(values, before, strict=True)):
        if not np.array_equal(value, old, equal_nan=True):
            raise GradcheckError(f"gradcheck: f changed input {k} in place. Work on a copy inside f.")


def _usable(value: Any, k: int) -> np.ndarray:
    """An input as a float64 array of our own."""
    array = plain(value)
    if array.dtype.kind in "biu":
        raise TypeError(
            f"gradcheck: input {k} has dtype {array.dtype}, and integers cannot be moved by a small step. Pass "
            "array.astype(np.float64), or keep it out of the inputs: gradcheck(lambda x: f(x, labels), [x])."
        )
    if array.dtype.kind != "f":
        raise TypeError(f"gradcheck: input {k} has dtype {array.dtype}; it must be a floating-point array.")
    if array.dtype.itemsize < 8:
        warnings.warn(
            f"gradcheck: input {k} is {array.dtype}, too coarse for differences; computing in float64. "
            "Pass float64 to silence this.",
            UserWarning,
            stacklevel=3,
        )
    if not np.all(np.isfinite(array)):
        raise ValueError(f"gradcheck: input {k} holds nan or inf; there is no gradient there.")
    return np.array(array, dtype=np.float64)


def _check_steady(f: Function, points: list[np.ndarray]) -> None:
    """f gives a float64 Tensor, the same twice, and leaves its inputs alone."""
    copies = [p.copy() for p in points]
    with no_grad():
        y, again = (f(*[Tensor(p, copy=False) for p in copies]) for _ in range(2))
    _check_untouched(copies, points)
    if not isinstance(y, Tensor):
        raise GradcheckError(f"gradcheck: f must return one Tensor, it returned {type(y).__name__}.")
    if y.dtype != np.float64:
        raise GradcheckError(
            f"gradcheck: f returned {y.dtype} for float64 inputs; differences need float64. "
            "Take the conversion out of f, or return a floating-point result."
        )
    if not np.array_equal(y.data, again.data, equal_nan=True):
        raise GradcheckError(
            "gradcheck: f is not deterministic: two calls with the same inputs differ. "
            "If it draws random numbers, make the generator inside f, from a fixed seed."
        )
    if not np.all(np.isfinite(y.data)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(y.data))[0])
        raise GradcheckError(f"gradcheck: f gives {y.data[where]} at index {where}. Move the inputs into its domain.")


def _along_directions(
    level: Level, directions: int, rtol: float, rng: np.random.Generator, report: GradReport
) -> None:
    for k, (point, gradient) in enumerate(zip(level.points, level.gradients, strict=True)):
        if gradient.shape != point.shape:
            raise GradcheckError(f"gradcheck: {level.name(k)} has shape {gradient.shape}, the input {point.shape}.")
        for _ in range(directions if point.size > 1 else point.size):
            v = weights(rng, point.shape)
            analytic = float(np.vdot(gradient, v))
            scale = max(abs(analytic), float(np.linalg.norm(gradient * v)))
            found = slope(level.line(k, v), level.size, 0.1 * rtol * scale)
            scale = max(scale, abs(found.value))
            settled = found.error <= max(1e-3 * scale, 1e3 * found.rounding)
            if not settled or not abs(found.value - analytic) <= rtol * scale + found.error:
                raise GradcheckError(_locate(level, k, v, rtol))
            report.counts["differences"] += 1
            if level.order == 1 and (exact := complex_step(level.f, level.points, k, v)) is not None:
                _sharpen(level, k, v, exact, found.value, analytic, rtol * scale + found.error, rtol * scale, report)


def _sharpen(
    level: Level, k: int, v: np.ndarray, exact: Any, numeric: float, analytic: float, loose: float, tight: float,
    report: GradReport,
) -> None:  # fmt: skip
    """Hold the gradient against a complex step; one that contradicts the differences was not analytic: ignored."""
    if exact.size != level.weights.size:
        return
    value = float(level.weights @ exact.ravel())
    if not abs(value - numeric) <= loose:
        return
    tolerance = 1e-3 * tight + 1e3 * np.finfo(np.float64).eps * float(np.abs(level.weights) @ np.abs(exact.ravel()))
    if abs(value - analytic) > tolerance:
        what = f"{level.name(k)} (along a random direction, by complex step)"
        raise GradcheckError(Failure(1, what, analytic, value, tolerance, level.seed, k))
    report.counts["complex steps"] += 1


def _locate(level: Level, k: int, v: np.ndarray, rtol: float) -> Failure:
    """The worst entry behind a failure along v: halve the direction, follow the half that is further off."""
    gradient = level.gradients[k].ravel()

    def off(entries: np.ndarray) -> float:
        part = np.zeros(v.size)
        part[entries] = v.ravel()[entries]
        value = central(level.line(k, part.reshape(v.shape)), STEPS[1])
        return abs(value - float(gradient @ part)) if np.isfinite(value) else np.inf

    entries = np.arange(v.size)
    while entries.size > 32:
        entries = max(np.array_split(entries, 2), key=off)
    worst = int(max(entries, key=lambda e: off(np.array([e]))))
    path = level.line(k, unit(worst, v.shape))
    found = slope(path, level.size, 0.0)
    scale = max(abs(gradient[worst]), abs(found.value))
    index = tuple(int(i) for i in np.unravel_index(worst, v.shape))
    return Failure(
        level.order, level.name(k), float(gradient[worst]), float(found.value), rtol * scale + float(found.error),
        level.seed, k, index, steps=[(h, float(central(path, h))) for h in STEPS],
        kink=_kink(level, k, index, path, scale), hint=level.hint(k),
    )  # fmt: skip


def _kink(level: Level, k: int, index: tuple[int, ...], path: Path, scale: float) -> str:
    if not kink(path, level.size, scale):
        return ""
    where = f"input {k}, index {index}, where it is {level.points[k][index]:.6g}"
    return f"there is a kink or a jump near {where}; move the inputs away from it."


def _dot_product(level: Level, rng: np.random.Generator, report: GradReport) -> None:
    """<u, J v> = <J^T u, v>: both sides exact, so a rule that is not linear in its cotangent cannot pass."""
    vs = [weights(rng, p.shape) for p in level.points]
    try:
        tangent = jvp(level.f, tuple(level.points), tuple(vs))[1]
    except (TypeError, NotImplementedError) as error:
        report.notes.append(f"gradcheck: no Jacobian-vector product, a rule works on plain arrays only: {error}")
        return
    forward = float(level.weights @ np.ravel(tangent))
    reverse = float(sum(np.vdot(g, v) for g, v in zip(level.gradients, vs, strict=True)))
    parts = [*(g * v for g, v in zip(level.gradients, vs, strict=True)), level.weights * np.ravel(tangent)]
    tolerance = 1e-10 * max(float(np.linalg.norm(part)) for part in parts)
    if not abs(forward - reverse) <= tolerance:
        what = "the dot product <J^T u, v>, which must equal <u, J v>,"
        hint = "A rule is not linear in its cotangent g, or its own gradient in g is wrong."
        raise GradcheckError(Failure(1, what, reverse, forward, tolerance, level.seed, hint=hint))
    report.counts["dot products"] += 1


def _entry_by_entry(level: Level, rtol: float, report: GradReport) -> None:
    """The whole Jacobian of all outputs in all points."""
    jacobians = level.jacobians()
    size = np.abs(level.values(level.points))
    worst: tuple[float, Any] = (0.0, None)
    for k, (point, jacobian) in enumerate(zip(level.points, jacobians, strict=True)):
        for e in range(point.size):
            path, column = level.line(k, unit(e, point.shape), each=True), jacobian[:, e]
            scale = np.max(np.abs(column), initial=0.0)
            found = slope(path, size, 0.1 * rtol * scale)
            tolerance = rtol * max(scale, np.max(np.abs(found.value), initial=0.0)) + found.error
            settled = found.error <= np.maximum(1e-3 * np.abs(found.value), 1e3 * found.rounding)
            excess = np.abs(found.value - column) - np.where(settled, tolerance, 0.0)
            excess = np.nan_to_num(excess, nan=np.inf)
            if excess.size and excess.max() > max(worst[0], 0.0):
                worst = excess.max(), (level, k, e, int(excess.argmax()), column, found, tolerance, path)
            report.counts["Jacobian entries"] += column.size
    if worst[1] is not None:
        raise GradcheckError(_worst(*worst[1]))


def _worst(
    level: Level, k: int, e: int, row: int, column: np.ndarray, found: Any, tolerance: np.ndarray, path: Path
) -> Failure:
    """What to say of one entry of a Jacobian."""
    index = tuple(int(i) for i in np.unravel_index(e, level.points[k].shape))
    shape = level.outputs[0].shape
    output = tuple(int(i) for i in np.unravel_index(row, shape)) if len(level.outputs) == 1 else (row,)

    def one(t: float) -> float:
        return float(path(t)[row])

    scale = max(abs(column[row]), abs(found.value[row]))
    return Failure(
        level.order, level.name(k), float(column[row]), float(found.value[row]), float(tolerance[row]), level.seed, k,
        index, output, [(h, central(one, h)) for h in STEPS], _kink(level, k, index, one, scale), level.hint(k),
    )  # fmt: skip
