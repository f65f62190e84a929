"""Recording for export: the calls of ops behind a function's results, seen at two batch sizes.

What differs between the two recordings depends on the batch size: a whole number becomes a `Size`, a factor a `Share`.
What differs otherwise would be frozen into a file, and is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autodiff.observing import Call, observing, observing_effects
from ..core import Tensor, no_grad
from ..core.modes import current
from ..core.site import here, line_of
from ..kernels.shapes import is_whole
from .table import EXPORTERS


class ExportError(ValueError):
    """What cannot be written to, or read from, an ONNX file; the message names the op and where it stands."""


class Size(int):
    """A whole number that goes with the batch: `other` is what it is at the second batch size."""

    other: int

    def __new__(cls, one: int, other: int) -> Size:
        made = super().__new__(cls, one)
        made.other = other
        return made


class Share(float):
    """A factor that goes with the batch, as 1 / N does."""

    other: float

    def __new__(cls, one: float, other: float) -> Share:
        made = super().__new__(cls, one)
        made.other = other
        return made


@dataclass(eq=False)
class Step:
    """One call of an op.

    Attributes
    ----------
    op : the op; None for a result that is another one under a new name, as of a fused op and its composition.
    args : the inputs as they were given.  arrays : their values, as the op got them.  params : its parameters.
    results : what it returned, side results after the value.
    path : of the module that ran.  site : file and line of the user's code.
    """

    op: Any
    args: tuple[Any, ...]
    arrays: list[Any]
    params: dict[str, Any]
    results: list[np.ndarray]
    path: str
    site: str

    @property
    def label(self) -> str:
        name = self.op.name if self.op is not None else "alias"
        return f"{name} ({self.path})" if self.path else name


@dataclass(eq=False)
class Recording:
    """What a function did with its inputs: steps in order, inputs and results as arrays."""

    steps: list[Step] = field(default_factory=list)
    inputs: list[np.ndarray] = field(default_factory=list)
    results: list[np.ndarray] = field(default_factory=list)


def array_of(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value._data if isinstance(value, Tensor) else value


def record(fn: Callable[[], Sequence[Any]]) -> Recording:
    """Run a function that returns its results, and note each op that it called."""
    found = Recording()

    def note(call: Call) -> None:
        if call.node is not None or call.op is None or not _outermost(call):
            return  # a step back is told of by the ops that it called
        result = call.result if call.op.aux else (call.result,)
        results = [np.asarray(value) for value in result]
        site = line_of(here())
        step = Step(call.op, tuple(call.args), list(call.arrays), call.params, results, current().path, site)
        if call.op.name not in EXPORTERS and call.op.composition is not None:
            _compose(found, call, step)
        else:
            found.steps.append(step)

    with observing(note), observing_effects(_refuse_steps), _reads_refused():
        results = fn()
    found.results = [np.asarray(array_of(y)) for y in results]
    return found


READS = ("item", "tolist", "__bool__", "__float__", "__int__", "__index__")


@contextmanager
def _reads_refused() -> Iterator[None]:
    """A context in which this thread may not read values of Tensors: what Python does with them no file would do."""
    thread = threading.get_ident()
    methods = {name: getattr(Tensor, name) for name in READS}

    def refusing(name: str) -> Callable[..., Any]:
        def read(self: Tensor, *args: Any) -> Any:
            if threading.get_ident() != thread:
                return methods[name](self, *args)
            raise ExportError(
                f"export: {line_of(here())} reads a value ({name.strip('_')}), and the result depends on what is done "
                "with it. Choose between values with tg.where, or do it outside of the function."
            )

        return read

    for name in READS:
        setattr(Tensor, name, refusing(name))
    try:
        yield
    finally:
        for name, method in methods.items():
            setattr(Tensor, name, method)


def _refuse_steps(call: Call) -> None:
    """Refuse backward passes into `.grad` and steps of optimisers, of which a file would hold nothing."""
    if call.effect.endswith(".add_gradients") or ".optim." in call.effect:
        raise ExportError(
            f"export: {line_of(here())} changes state ({call.effect.rpartition('.')[2]}), which a file cannot. Export "
            "gradients by tg.grad(..., create_graph=True), training as tg.onnx.TrainingStep(model, loss, optimizer)."
        )


def _outermost(call: Call) -> bool:
    """Whether a call is not part of another op's; a step back is not an op of its own."""
    within = call.within
    while within is not None:
        if within.node is None:
            return False
        within = within.within
    return True


def _compose(found: Recording, call: Call, step: Step) -> None:
    """Record the ops that a fused op stands for, in its place."""
    params = {name: value for name, value in call.params.items() if name not in call.op.effects}
    with no_grad():
        inputs = [_tensor(a) for a in call.arrays]
        y = call.op.composition(*inputs, **params)
    found.steps.append(Step(None, (y,), [array_of(y)], {}, step.results[:1], step.path, step.site))


def _tensor(array: Any) -> Any:
    return Tensor(array, copy=False) if isinstance(array, np.ndarray) else array


def merged(one: Any, other: Any, where: str) -> Any:
    """A parameter as it is in both recordings; numbers that differ become a `Size` or a `Share`."""
    if isinstance(one, (tuple, list)) and type(one) is type(other) and len(one) == len(other):
        parts = [merged(a, b, where) for a, b in zip(one, other, strict=True)]
        return tuple(parts) if isinstance(one, tuple) else parts
    if isinstance(one, slice) and isinstance(other, slice):
        return slice(*[merged(getattr(one, k), getattr(other, k), where) for k in ("start", "stop", "step")])
    if is_whole(one) and is_whole(other):
        return one if one == other else Size(int(one), int(other))
    if isinstance(one, (float, np.floating)) and isinstance(other, (float, np.floating)):
        return one if one == other or (one != one and other != other) else Share(float(one), float(other))
    if one is other or (type(one) is type(other) and one == other):
        return one
    raise ExportError(f"export: {where}: a parameter is {one!r} for one batch and {other!r} for another.")


def sizes(one: Any, other: Any) -> tuple[int, ...]:
    """The shape of an array that has one shape in the first recording and another in the second."""
    return tuple(a if a == b else Size(a, b) for a, b in zip(one, other, strict=True))
