"""One batch: forward, backward, and the update if it is due."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..autodiff.means import with_divisor
from ..autodiff.outside import one_site
from ..autodiff.world import ALONE, using
from ..core import Tensor
from ..core.errors import GraphError, describe
from ..data.batches import inputs_and_targets, length
from ..distributed.together import ParallelOptimizer
from ..optim import ReduceLROnPlateau
from ..optim.clip import scale_grad
from ..program import compile
from .alarms import of_not_finite
from .given import number_of, refuse
from .names import usual_loss
from .structure import ONE_INPUT, call
from .training import Training


class Step:
    """What `fit` does with a batch.  `pending` says how many batches' gradients wait for their update."""

    def __init__(self, training: Training, loss: Callable[..., Any] | None, replayed: bool = False) -> None:
        self.training, self.loss = training, loss
        self.recorder: Any = None  # the `Recorder` of a run, which is told of a loss that is not finite
        self._replayed = compile(self._run) if replayed else None
        self.pending, self._weight = 0, 0.0  # and how much these batches count
        moving = training.optimizer
        self._together = moving if isinstance(moving, ParallelOptimizer) and moving.world.size > 1 else None
        self._schedule = None if isinstance(training.schedule, ReduceLROnPlateau) else training.schedule

    def __call__(self, batch: Any) -> None:
        """Forward and backward of one batch, and the update if it is due."""
        t = self.training
        inputs, targets = batch if type(batch) is tuple and len(batch) == 2 else inputs_and_targets(batch)
        examples = examples_in(inputs, targets)
        try:
            with one_site():
                if self._replayed is not None:
                    with nullcontext() if self._together is None else using(ALONE):
                        outputs, loss, value, weight = self._by_program(inputs, targets, examples)
                    counted = self._shared(weight)
                else:
                    outputs, loss, value, weight = forward("fit", t.model, self, inputs, targets, examples)
                    self._check(value, (inputs, targets, outputs))
                    counted = self._backward(loss, weight)
        except MemoryError as error:
            raise too_large(error, examples) from error
        del loss  # and with it what is left of the graph, before callbacks look on
        t.batch += 1
        t.moved = False
        t.examples += examples
        t.loss, t.given = value, (inputs, targets, outputs)
        t.meter.add(value, weight, outputs, targets, examples)
        if t.accumulate == 1 and self._together is None:
            self._move()
            return
        self.pending += 1
        self._weight += counted
        if t.batch % t.accumulate == 0 or t.batch == t.batches:
            self.update()

    def _backward(self, loss: Any, weight: float) -> float:
        """Add up the gradients of a batch; how much they count, beside those of other batches and of other ranks."""
        t, together = self.training, self._together
        if together is not None:
            together.wish = bool(t.stopped)
            with together.weighted(weight) as total:
                self._own_backward(loss * weight)
                return total()
        self._own_backward(loss if t.accumulate == 1 else loss * weight)
        return weight

    def _own_backward(self, loss: Any) -> None:
        if not getattr(loss, "requires_grad", False):
            raise no_gradient(loss)
        if not self.pending:
            self.training.optimizer.zero_grad()
        loss.backward()

    def _shared(self, weight: float) -> float:
        """Make the gradients of a program those of all ranks; how much they count."""
        if self._together is None:
            return weight
        self._together.wish = bool(self.training.stopped)
        return self._together.share(weight)

    def _run(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        """Forward and backward, which `tg.compile` records: a loss that is not finite is noticed before the update."""
        outputs = outputs_of("fit", self.training.model, self, inputs, targets)
        loss = loss_of("fit", self.loss, outputs, targets)  # type: ignore[arg-type]
        self._own_backward(loss)
        return outputs, loss

    def _by_program(self, inputs: Any, targets: Any, examples: int) -> tuple[Any, Any, float, float]:
        """The same by a program, once there is one."""
        assert self._replayed is not None
        (outputs, loss), weight = with_divisor(self._replayed, inputs, targets, otherwise=examples)
        value = number_of("fit: the loss", loss)
        self._check(value, (inputs, targets, outputs))
        return outputs, loss, value, weight

    def _check(self, value: float, given: tuple[Any, Any, Any]) -> None:
        if not math.isfinite(value):
            raise self._not_finite(value, given)

    @property
    def stops(self) -> bool:
        """Whether training ends after this update: for several ranks, once all of them know of the wish."""
        return bool(self.training.stopped) if self._together is None else self._together.agreed

    def update(self) -> None:
        """Move the weights by the gradients of several batches, which wait."""
        scale = 1 / self._weight if self._weight else 0.0  # none, if every label was ignored
        scale_grad((p for group in self.training.optimizer.param_groups for p in group["params"]), scale)
        self.pending, self._weight = 0, 0.0
        self._move()

    def _move(self) -> None:
        """Move the weights by their gradients, and on to the next update."""
        t = self.training
        t.lr = float(t.optimizer.param_groups[0]["lr"])
        t.optimizer.step()
        if t.average is not None:
            t.average.update()
        if self._schedule is not None:
            self._schedule.step()
        t.step += 1
        t.moved = True

    def _not_finite(self, value: float, given: tuple[Any, Any, Any]) -> FloatingPointError:
        t, recorder = self.training, self.recorder
        samples = None if recorder is None else recorder.samples(t, t.batch + 1)
        alarm = of_not_finite(t, self.loss, value, given, samples)
        words = f"fit: {alarm.words()} Use a smaller lr, or look for inputs that are not finite."
        return FloatingPointError(words if recorder is None else f"{words} {recorder.take(alarm)}")


def check_compile(wished: Any, accumulate: int) -> None:
    """Refuse what `fit` cannot compile: a loss is weighed by what it divided by only after it is known."""
    if not isinstance(wished, bool):
        raise TypeError(f"fit: compile={wished!r} must be True or False.")
    if wished and accumulate != 1:
        raise ValueError(f"fit: compile=True needs accumulate=1, got {accumulate}. Use a larger batch_size instead.")


def examples_in(inputs: Any, targets: Any) -> int:
    """Return how many examples a batch has; two arrays, the usual case, are looked at without detours."""
    if type(inputs) is np.ndarray and type(targets) is np.ndarray and inputs.shape[:1] == targets.shape[:1]:
        return len(inputs)
    return length((inputs, targets))


def forward(
    who: str, model: Callable[..., Any], holder: Any, inputs: Any, targets: Any, examples: int, *, needed: bool = True
) -> tuple[Any, Any, float, float]:
    """Return a model's outputs for a batch, the loss, its value, and what the loss divided by.

    `holder.loss` is the loss; where it is None, the usual one for these targets takes its place; where there is none
    and none is `needed`, that is `no_loss`.
    """
    outputs = outputs_of(who, model, holder, inputs, targets, needed=needed)
    loss, weight = with_divisor(loss_of, who, holder.loss, outputs, targets, otherwise=examples)
    value = loss.item() if type(loss) is Tensor and loss.shape == () else number_of(f"{who}: the loss", loss)
    return outputs, loss, value, weight


def outputs_of(
    who: str, model: Callable[..., Any], holder: Any, inputs: Any, targets: Any, *, needed: bool = True
) -> Any:  # fmt: skip
    """Return a model's outputs for a batch, and give `holder` its loss if it has none."""
    if type(inputs) is np.ndarray:  # the usual case, without detours
        try:
            outputs = model(inputs)
        except TypeError as error:
            refuse(who, ONE_INPUT, model, (inputs,), {}, error)
            raise
    else:
        outputs = call(who, model, inputs)
    if holder.loss is None:
        holder.loss = usual_loss(who, outputs, targets, needed=needed)
    return outputs


def loss_of(who: str, loss: Callable[..., Any], outputs: Any, targets: Any) -> Any:
    """Return the loss of a model's outputs."""
    given = (outputs,) if targets is None else (outputs, targets)
    try:
        return loss(*given)
    except TypeError as error:
        form = "outputs" if targets is None else "outputs, targets"
        refuse(who, f"the loss is called with ({form})", loss, given, {}, error)
        raise


def no_gradient(loss: Any) -> Exception:
    """Say of a loss why it cannot be trained with."""
    if not isinstance(loss, Tensor):
        return TypeError(
            f"fit: the loss returned {describe(loss)}, a plain number, which has no gradient. Compute it from the "
            "outputs with functions of tg, without float(), .item(), .data and NumPy."
        )
    return GraphError(
        "fit: the loss has no gradient: it does not depend on any parameter that is trained. Are all of them frozen "
        "(model.unfreeze()), or does the model compute with .data or under no_grad?"
    )


def too_large(error: MemoryError, examples: int) -> MemoryError:
    """Say of an error of memory where it happened, and what to try."""
    inside = [one for one in vars(error).get("_interrupted", ()) if len(one) > 1]
    path = next((str(one[-1]) for one in inside if isinstance(one[-1], str) and one[-1]), "")
    where = f" in {path}" if path else ""
    remedy = (
        f"Try batch_size={examples // 2} with accumulate=2, which makes the same update." if examples > 1
        else "Try smaller images or fewer channels."
    )  # fmt: skip
    return MemoryError(f"fit: not enough memory for a batch of {examples}{where}: {error}. {remedy}")
