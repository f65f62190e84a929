"""Where the first NaN or Inf comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.observing import Call, observing
from ..autodiff.reader import saved
from ..autodiff.wording import input_names
from ..core import Tensor
from ..core.modes import current
from ..core.site import here, line_of
from .cost import outer, values
from .stats import stats


class AnomalyError(FloatingPointError):
    """A NaN or Inf appeared.

    Attributes
    ----------
    phase : "forward" or "backward".
    op, path, site : the op's name, the module's path ("" outside of modules), the user's file:line that called it.
    input : the input that is to blame: the one that held the value already, or in backward the one whose gradient
        it is in; None if the op made it of finite inputs.
    statistics : of each array involved, by name: shape, dtype, min, max and mean of its finite values, shares of
        NaN and Inf.
    """

    def __init__(self, text: str, call: Call, site: str, input: str | None, arrays: dict[str, Any]) -> None:
        self.phase = "forward" if call.node is None else "backward"
        self.op = call.op.name
        self.path = current().path if call.node is None else call.node.path
        self.site, self.input = site, input
        self.statistics = {name: statistics(a) for name, a in arrays.items() if isinstance(a, np.ndarray)}
        lines = [f"  {name}: {_words(s)}" for name, s in self.statistics.items()]
        super().__init__("\n".join([text, *lines]))

    def __reduce__(self) -> Any:
        return type(self).__new__, (type(self), *self.args), vars(self)


@named
@contextmanager
def anomaly(*, inf: bool = True) -> Iterator[None]:
    """A context in which the first NaN (or Inf) of an op or a gradient raises `AnomalyError`, in this thread.

    Every result is looked at, so that it costs time.  NumPy's own warnings of overflow, division by zero and invalid
    values are off inside, since the error says more.

    Parameters
    ----------
    inf : False to let infinite values pass, where they are meant (as masks are).

    Examples
    --------
    >>> x = tg.Tensor([0.0, 1.0], requires_grad=True, name="x")
    >>> with tg.anomaly():
    ...     tg.log(x)
    Traceback (most recent call last):
        ...
    tinygrad_cnn.insight.anomalies.AnomalyError: anomaly: log at ... made 1 Inf of 2 values ...
    """

    def see(call: Call) -> None:
        if outer(call) is not None:
            return  # a part of a rule: the gradient that it ends in is looked at
        if call.node is None:
            _forward(call, inf)
        else:
            _backward(call, inf)

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"), observing(see):
        yield


def bad(array: Any, inf: bool = True) -> bool:
    """Whether an array holds NaN (or Inf)."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fc":
        return False
    return not bool(np.isfinite(array).all()) if inf else bool(np.isnan(array).any())


def _forward(call: Call, inf: bool) -> None:
    names = input_names(call.op, len(call.arrays))
    made = values(call)[:1]
    wrong = any(bad(y, inf) for y in made)
    for name, given, array in zip(names, call.args, call.arrays, strict=True):
        known = isinstance(given, Tensor) and given.node.op is not None  # an op made it, whose result was looked at
        if bad(array, inf and wrong) and (wrong or not known):
            what = f"tensor {given.name!r}" if isinstance(given, Tensor) and given.name else "a value from outside"
            raise AnomalyError(
                f"anomaly: input {name} of {_who(call.op, current().path)} at {line_of(here())} held {_count(array)} "
                f"already ({what}): the op is not to blame. Look at the data, or at the step that updated it.",
                call, line_of(here()), name, dict(zip(names, call.arrays, strict=True)),
            )  # fmt: skip
    if wrong:
        raise AnomalyError(
            f"anomaly: {_who(call.op, current().path)} at {line_of(here())} made {_count(made[0])} of "
            f"{'finite inputs' if inf else 'inputs without NaN'}. Its inputs were:",
            call, line_of(here()), None, dict(zip(names, call.arrays, strict=True)),
        )  # fmt: skip


def _backward(call: Call, inf: bool) -> None:
    node = call.node
    site = line_of(node.site)
    kept = {f"saved {name}": value for name, value in saved(node).items()}
    arrays = {"cotangent g": call.arrays[0], **kept}
    if bad(call.arrays[0], inf):
        raise AnomalyError(
            f"anomaly in backward: the cotangent that reached {_who(node.op, node.path)}, recorded at {site}, held "
            f"{_count(call.arrays[0])} already, though no op made it: it was passed to backward, or finite gradients "
            "overflowed when they were added up. Look at the loss and its scale.",
            call, site, None, arrays,
        )  # fmt: skip
    names = input_names(node.op, len(node.inputs))
    for (edge, _), g in zip(call.result, values(call), strict=True):
        if bad(g, inf):
            name = next(names[k] for k, e in enumerate(node.inputs) if e is edge)
            raise AnomalyError(
                f"anomaly in backward: the gradient of input {name} of {_who(node.op, node.path)}, recorded at {site}, "
                f"got {_count(g)} from a finite cotangent. What it was made of:",
                call, site, name, {**arrays, f"gradient of {name}": g},
            )  # fmt: skip


def _who(op: Any, path: str) -> str:
    return f"{op.name} ({path})" if path else str(op.name)


def statistics(a: np.ndarray) -> dict[str, Any]:
    """Shape, dtype, min, max and mean of the finite values (None without any), shares of NaN and Inf."""
    found = stats(a)
    return {name: getattr(found, name) for name in ("shape", "dtype", "min", "max", "mean", "nan", "inf")}


def _words(s: dict[str, Any]) -> str:
    parts = [f"{s['shape']} {s['dtype']}"]
    if s["min"] is not None:
        parts.append(f"min {s['min']:.6g}, max {s['max']:.6g}, mean {s['mean']:.6g}")
    parts += [f"{s[kind]:.2%} {word}" for kind, word in (("nan", "NaN"), ("inf", "Inf")) if s[kind]]
    return ", ".join(parts)


def _count(a: np.ndarray) -> str:
    found = [(int(np.isnan(a).sum()), "NaN"), (int(np.isinf(a).sum()), "Inf")]
    return f"{' and '.join(f'{n} {word}' for n, word in found if n)} of {a.size} values"
