"""Can this model be trained?  Tests that a right model passes, each with a remedy for those that do not.

Each returns a `Finding` and raises `SanityError` where the model fails, so that they serve in a test suite as they
are.  The model is left as it was: weights, gradients, running statistics, modes and random generators.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..autodiff import explain_grad
from ..autodiff.calls import named
from ..autodiff.checkpointing import set_generators
from ..autodiff.numbers import whole
from ..autodiff.randomness import fork_rng
from ..core import Tensor, enable_grad, grad, no_grad
from ..core.tensor import plain
from ..nn import Dropout, Module
from ..optim import Adam
from .anomalies import anomaly
from .evaluation import evaluating, kept_modes

Loss = Callable[[Any, Any], Any]


@dataclass
class Finding:
    """What one test found: `remedy` is set where something should be looked at."""

    name: str
    ok: bool
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.text}" + (f" {self.remedy}" if self.remedy else "")


class SanityError(AssertionError):
    """A model that cannot be trained as it is; `finding` says why and what helps."""

    def __init__(self, name: str, text: str, remedy: str) -> None:
        self.finding = Finding(name, False, text, remedy)
        super().__init__(str(self.finding))

    def __reduce__(self) -> Any:
        return type(self).__new__, (type(self), *self.args), vars(self)


@contextmanager
def preserved(model: Module) -> Iterator[None]:
    """A context after which the model is as before."""
    _check_module(model)
    values = model.state_dict()
    grads = [(p, None if p.grad is None else p.grad.copy()) for p in model.parameters()]
    generators = [(rng, copy.deepcopy(rng.bit_generator.state)) for rng in model.generators()]
    with fork_rng(), kept_modes(model):
        try:
            yield
        finally:
            model.load_state_dict(values)
            for parameter, g in grads:
                parameter.grad = g
            set_generators(generators)


def _check_module(model: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"sanity: the model must be a Module, got {type(model).__name__}. Wrap functions: nn.Lambda.")


@named
def check_forward(model: Module, x: Any, classes: int | None = None) -> Finding:
    """The model takes x (N, ...) and gives finite numbers, (N, ..., classes) if `classes` is given."""
    with preserved(model), no_grad(), anomaly():
        model.train()
        y = model(x)
    shape = getattr(y, "shape", None)
    if shape is None or len(shape) < 1 or shape[0] != len(x):
        raise SanityError("forward", f"{len(x)} samples went in and {_kind(y)} came out.",
                          "The first axis must stay the batch: use nn.Flatten(), not reshape(-1).")  # fmt: skip
    if classes is not None and (len(shape) < 2 or shape[-1] != classes):
        raise SanityError("forward", f"the output has shape {shape}, expected {(len(x), classes)}, a logit per class.",
                          f"Give the last layer {classes} outputs, or name the right number of classes.")  # fmt: skip
    return Finding("forward", True, f"{tuple(np.shape(x))} -> {tuple(shape)}, all finite.")


def _kind(y: Any) -> str:
    return f"shape {tuple(y.shape)}" if hasattr(y, "shape") else f"a {type(y).__name__}"


@named
def check_start_loss(
    model: Module, x: Any, labels: Any, *, loss: Loss = ops.softmax_cross_entropy, tolerance: float = 0.3
) -> Finding:
    """The loss of an untrained model is log(C): it knows nothing, so that all C classes are equally likely.

    `tolerance` is relative to log(C).
    """
    with preserved(model), no_grad():
        model.train()
        logits = model(x)
        value = float(loss(logits, labels).item())
    classes = int(logits.shape[-1])
    expected = math.log(classes)
    text = f"{value:.4g}, where log({classes}) = {expected:.4g}."
    if not abs(value - expected) <= tolerance * expected:
        cause = (
            "Start the last layer with smaller weights (0.01), and bring the input to mean 0 and deviation 1."
            if not value < expected
            else "It knows too much: was it trained before, or do the labels leak into the input?"
        )
        raise SanityError("loss at start", text, cause)
    return Finding("loss at start", True, text)


@named
def check_gradients(model: Module, x: Any, labels: Any, *, loss: Loss = ops.softmax_cross_entropy) -> Finding:
    """A backward gives every parameter a gradient; `explain_grad` says why one has none."""
    with preserved(model), enable_grad():
        model.train()
        model.zero_grad()
        value = loss(model(x), labels)
        names = dict(model.named_parameters())
        training = {name: p for name, p in names.items() if p.requires_grad}
        if not training:
            raise SanityError("gradients", f"none of {len(names)} parameters is trained.",
                              "Make weights nn.Parameter, or unfreeze them: model.requires_grad_().")  # fmt: skip
        if not value.requires_grad:
            raise SanityError("gradients", f"the loss has no history: {explain_grad(value)}.",
                              "Keep Tensors inside forward: .data, .numpy() and no_grad cut the graph.")  # fmt: skip
        value.backward()
        without = {name: explain_grad(p, value) for name, p in training.items() if p.grad is None}
        zero = [name for name, p in training.items() if p.grad is not None and not p.grad.any()]
    if without:
        listed = "; ".join(f"{name}: {why}" for name, why in list(without.items())[:5])
        more = f"; and {len(without) - 5} more" if len(without) > 5 else ""
        raise SanityError("gradients", f"{len(without)} of {len(training)} parameters get none: {listed}{more}.",
                          "Call every layer in forward, and keep Tensors on the way to the loss.")  # fmt: skip
    frozen = len(names) - len(training)
    text = f"{len(training)} of {len(training)} parameters" + (f", {frozen} more are frozen" if frozen else "") + "."
    if zero:
        return Finding("gradients", True, f"{text} All zero: {', '.join(zero[:5])}.",
                       "Zero weights above them or dead relus do that; they may wake up, or never learn.")  # fmt: skip
    return Finding("gradients", True, text)


@named
def check_independence(model: Module, x: Any, *, seed: int = 0) -> Finding:
    """In evaluation mode each output depends on its own sample only.

    Each sample in turn is changed, which may not move the outputs of the rest, and the gradient of each
    output (with a random cotangent) is zero in the others' inputs.
    """
    _check_module(model)
    x = plain(x)
    if len(x) < 2:
        raise ValueError(f"check_independence: needs a batch of at least 2 samples, got {len(x)}.")
    rng = np.random.default_rng(seed)
    remedy = "Axis 0 is the batch: look for a reshape, transpose, mean or softmax that runs over it."
    with preserved(model), evaluating(model):
        with no_grad():
            before = np.asarray(model(x).data)
            size = float(np.abs(before).max(initial=0.0)) or 1.0
            for j in range(len(x)):
                other = x.copy()
                if x.dtype.kind == "f":  # added, since what is drawn afresh may be what the user drew
                    other[j] += (float(x.std()) or 1.0) * rng.standard_normal(x.shape[1:])
                else:
                    other[j] = x[j - 1]
                moved = np.abs(np.asarray(model(other).data) - before).reshape(len(x), -1).max(axis=1)
                moved[j] = 0
                if moved.max() > 1e-4 * size:
                    raise SanityError("independence", f"changing sample {j} moves the output of sample "
                                      f"{int(moved.argmax())} by {moved.max():.3g}.", remedy)  # fmt: skip
        if x.dtype.kind == "f":
            _check_no_gradient_across(model, x, rng, remedy)
    return Finding("independence", True, f"each of {len(x)} outputs depends on its own sample only.")


def _check_no_gradient_across(model: Module, x: np.ndarray, rng: np.random.Generator, remedy: str) -> None:
    with enable_grad():
        given = Tensor(x, requires_grad=True)
        y = model(given)
        for i in range(len(x)):
            cotangent = np.zeros(y.shape, y.dtype)
            cotangent[i] = rng.standard_normal(y.shape[1:])
            g = grad(y, given, grad_outputs=cotangent, retain_graph=True, allow_unused=True)
            strength = np.zeros(len(x)) if g is None else np.abs(g).reshape(len(x), -1).max(axis=1)
            own, strength[i] = strength[i], 0
            if strength.max() > 1e-6 * max(own, 1e-30):
                raise SanityError("independence", f"the output of sample {i} has a gradient in sample "
                                  f"{int(strength.argmax())}, {strength.max():.3g}.", remedy)  # fmt: skip


@named
def check_overfit(
    model: Module, x: Any, labels: Any, *, loss: Loss = ops.softmax_cross_entropy, steps: int = 100,
    lrs: tuple[float, ...] = (1e-3, 1e-2, 1e-4),
) -> Finding:  # fmt: skip
    """One batch can be learnt by heart: Adam brings its loss below a tenth of the first, with dropout off.

    Each step size in `lrs` is given as many as `steps` updates from the same start.
    """
    steps = whole("check_overfit", "steps", steps)
    first, best, tried = math.nan, math.inf, []
    for lr in lrs:
        with preserved(model), enable_grad():
            model.train()
            for module in model.modules():
                if isinstance(module, Dropout):
                    module.eval()
            losses = _descend(model, x, labels, loss, steps, lr)
        first, best = losses[0], min(best, *losses)
        if losses[-1] <= 0.1 * first:
            return Finding("overfit", True, f"loss {first:.4g} -> {losses[-1]:.4g} after {len(losses) - 1} steps "
                           f"of Adam with lr={lr:g}.")  # fmt: skip
        tried.append(f"{lr:g}")
    raise SanityError(
        "overfit", f"one batch of {len(x)} was not learnt: loss {first:.4g} -> {best:.4g} at best, in {steps} steps of "
        f"Adam with lr {', '.join(tried)}.",
        "Look for a softmax before a loss that has its own, labels in another order than the samples, a cut graph, or "
        "dead activations.",
    )  # fmt: skip


def _descend(model: Module, x: Any, labels: Any, loss: Loss, steps: int, lr: float) -> list[float]:
    """Losses of a training on one batch, until it is learnt or the loss is not a number."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = Adam(parameters, lr)
    losses: list[float] = []
    while True:
        value = loss(model(x), labels)
        losses.append(float(value.item()))
        if len(losses) > steps or losses[-1] <= 0.1 * losses[0] or not math.isfinite(losses[-1]):
            return losses
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
