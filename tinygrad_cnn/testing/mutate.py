"""Break rules on purpose, one at a time, to see whether the checks notice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff.methods import stop_gradient
from ..core.engine import grad
from ..core.operation import Op
from ..core.tensor import Tensor, plain
from .case import Case, cotangent
from .gradient_check import gradcheck
from .gradient_report import GradcheckError

Rule = Callable[..., Any]


def _drop_largest(r: Any) -> Any:
    """A gradient without its largest entry."""
    values = plain(r)
    kept = np.ones(values.shape, values.dtype)
    if values.size:
        kept.reshape(-1)[np.argmax(np.abs(values))] = 0
    return r * kept


def _square(value: Any) -> bool:
    return getattr(value, "ndim", 0) >= 2 and value.shape[-1] == value.shape[-2]


def _swap(value: Any) -> Any:
    return value.swapaxes(-1, -2)


def _result(change: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """A mutation of what a rule returns."""

    def mutate(rule: Rule) -> Rule:
        @functools.wraps(rule)  # the engine reads the signature
        def mutant(*args: Any, **params: Any) -> Any:
            return change(rule(*args, **params))

        return mutant

    return mutate


def _arguments(change: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """A mutation of the arrays that a rule names, the cotangent excepted."""

    def mutate(rule: Rule) -> Rule:
        @functools.wraps(rule)
        def mutant(g: Any, *args: Any, **params: Any) -> Any:
            return rule(g, *[tuple(map(change, a)) if isinstance(a, tuple) else change(a) for a in args], **params)

        return mutant

    return mutate


MUTATIONS: dict[str, Callable[[Rule], Rule]] = {
    "sign": _result(lambda r: -r),
    "factor 1.01": _result(lambda r: r * 1.01),
    "factor 2": _result(lambda r: r * 2.0),
    "factor 12345": _result(lambda r: r * 12345.0),
    "zeroed": _result(lambda r: r * 0.0),
    "shifted": _result(lambda r: r + 0.1),
    "largest entry dropped": _result(_drop_largest),
    "result transposed": _result(lambda r: _swap(r) if _square(r) else r),
    "operands transposed": _arguments(lambda a: _swap(a) if _square(a) else a),
    "cut from the graph": _arguments(stop_gradient),
}
AT_ORDER = {"cut from the graph": 2}  # right at order 1: only the second derivative shows it


@contextmanager
def mutated(op: Op, name: str, mutation: Callable[[Rule], Rule]) -> Iterator[None]:
    """`op` with the rule of one input mutated, inside the block."""
    before = dict(op.rules)
    try:
        op.vjp(**{name: mutation(before[name])})
        yield
    finally:
        op.vjp(**before)


@dataclass
class Trial:
    """What became of one mutation of one rule."""

    op: str
    input: str
    mutation: str
    samples: int = 0  # on which the mutation changed a gradient
    survived: str = ""  # the sample on which it changed one and no check noticed

    def __str__(self) -> str:
        return f"{self.op}.vjp({self.input}=...), {self.mutation}: " + (self.survived or f"rejected on {self.samples}")


def try_mutations(op: Op) -> list[Trial]:
    """Mutate each rule of `op` in each way; on every sample where that changes a gradient, gradcheck must object."""
    trials = []
    for name in op.rules:
        for kind, mutation in MUTATIONS.items():
            trial = Trial(op.name, name, kind)
            trials.append(trial)
            order = AT_ORDER.get(kind, 1)
            for sample in op.samples:
                case = Case(op, sample, order)
                if not case.moving or np.asarray(case(case.inputs)).dtype.kind != "f":
                    continue
                right = derivatives(case)
                with mutated(op, name, mutation):
                    if not _differ(right, derivatives(case)):
                        continue
                    trial.samples += 1
                    if not _rejected(case):
                        trial.survived = f"survived on {sample!r}"
                        break
    return trials


def derivatives(case: Case) -> list[Any]:
    """The gradients of a case at its order, for fixed cotangents; None where there is none, or no rule copes."""
    tensors = list(case.inputs)
    for k in case.moving:
        tensors[k] = Tensor(case.inputs[k], requires_grad=True)
    xs = [tensors[k] for k in case.moving]
    y = case(tensors)
    try:
        found = grad(y, xs, grad_outputs=cotangent(y), create_graph=case.order > 1, allow_unused=True)
        if case.order > 1:
            found = [g for g in found if g is not None and g.requires_grad]
            if not found:  # the gradients are constants
                return [None] * len(xs)
            found = grad(found, xs, grad_outputs=[cotangent(g) for g in found], allow_unused=True)
    except (TypeError, ValueError, RuntimeError):
        return ["error"]
    return [None if g is None else np.asarray(g) for g in found]


def _differ(right: list[Any], wrong: list[Any]) -> bool:
    """Whether two lists of gradients differ by more than rounding."""
    if len(right) != len(wrong):
        return True
    for a, b in zip(right, wrong, strict=True):
        a, b = (np.zeros(()) if g is None else g for g in (a, b))
        if isinstance(a, str) or isinstance(b, str) or not np.allclose(a, b, rtol=1e-9, atol=1e-12):
            return True
    return False


def _rejected(case: Case) -> bool:
    try:
        gradcheck(case.of_moving, [case.inputs[k] for k in case.moving], order=case.order)
    except (GradcheckError, TypeError, ValueError, RuntimeError):  # a transposed operand may also just not fit
        return True
    return False
