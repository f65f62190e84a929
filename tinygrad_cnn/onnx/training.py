"""`tg.onnx.TrainingStep`: one step of training as a function without side effects, which `export` writes to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.reader import argument_names
from ..core import Tensor, grad, no_grad
from ..core.errors import describe
from ..nn import Module, functional_call
from ..nn.running_norms import _BatchNorm, _Running
from ..optim import Optimizer
from .recording import ExportError

Loss = Callable[..., Any]


@named
class TrainingStep:
    """One step of training as a function of all that it reads: ``loss(model(x), *targets)`` and the update.

    Its inputs are the batch, the weights, the running averages and what the optimiser remembers; its outputs are the
    loss and, for each of these states in the same order, what it is after the step, under the name ``NAME.new``.
    Exported, it trains in any ONNX runtime.  Calling it changes neither the model nor the optimiser.

    Parameters
    ----------
    model : in training mode, or its norms do not learn.  loss : a function of the model's output and the targets.
    optimizer : of the model's parameters; its settings, such as the learning rate, are constants of the file.

    Examples
    --------
    >>> net = nn.Linear(3, 2, rng=0)
    >>> step = tg.onnx.TrainingStep(net, tg.softmax_cross_entropy, optim.SGD(net.parameters(), lr=0.1))
    >>> list(step.state())
    ['weight', 'bias']
    >>> x, labels = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])
    >>> list(step(x, labels, **step.state()))
    ['loss', 'weight.new', 'bias.new']
    >>> tg.onnx.export(step, "step.onnx", x, labels)
    """

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer) -> None:
        for value, kind, what in ((model, Module, "model"), (optimizer, Optimizer, "optimizer")):
            if not isinstance(value, kind):
                raise TypeError(f"TrainingStep: {what} must be of type {kind.__name__}, got {describe(value)}.")
        self.model, self.loss, self.optimizer = model, loss, optimizer
        if type(optimizer).change is Optimizer.change:
            raise ExportError(f"TrainingStep: {optimizer.who} calls a closure several times; it is not one step.")

    def _trained(self) -> dict[str, tuple[Tensor, Any]]:
        """The parameters that the optimiser moves, each with its group of settings, by name."""
        names = {id(p): name for name, p in self.model.named_parameters()}
        found = {}
        for parameter, group in self.optimizer._parameters():
            if parameter.requires_grad:
                if id(parameter) not in names:
                    raise ExportError("TrainingStep: the optimiser moves a parameter that the model does not have.")
                found[names[id(parameter)]] = (parameter, group)
        return found

    def state(self) -> dict[str, np.ndarray]:
        """Weights, running averages and the optimiser's state now, by the names of the file's inputs; copies."""
        found = {name: value.numpy() for name, value in self.model._state().items()}
        for name, (parameter, group) in self._trained().items():
            slot = self.optimizer.state.get(parameter) or self.optimizer.start(parameter, group)
            for key, value in slot.items():
                array = np.array(value, parameter.dtype if isinstance(value, (int, float)) else None)
                if array.dtype.kind not in "fiub":
                    raise ExportError(f"TrainingStep: {self.optimizer.who} remembers {key}={value!r}, not an array.")
                found[f"{name}.{key}"] = array
        return found

    def load_state(self, values: Mapping[str, np.ndarray]) -> None:
        """Write a state, as of a runtime that has trained, into the model and its optimiser."""
        expected = self.state()
        if missing := sorted(expected.keys() - values.keys()):
            raise ValueError(f"TrainingStep.load_state: there is no value for {', '.join(missing)}.")
        self.model.load_state_dict({name: values[name] for name in self.model._state()})
        for name, (parameter, group) in self._trained().items():
            slot = self.optimizer.start(parameter, group)
            for key, value in slot.items():
                new = np.array(values[f"{name}.{key}"])
                slot[key] = type(value)(new) if isinstance(value, (int, float)) else new
            self.optimizer.state[parameter] = slot

    def input_names(self, count: int) -> list[str]:
        """The names of the batch's arrays: the argument of the model, and those of the loss after its first."""
        targets = argument_names(self.loss, count)[1:]
        return [argument_names(self.model, 1)[0], *targets][:count]

    def __call__(self, *batch: Any, **state: Any) -> dict[str, Any]:
        """The loss, and each state after the step."""
        held = {name: _leaf(value) for name, value in state.items()}
        trained = self._trained()
        leaves = {name: held[name] for name in self.model._state()}
        with _norms(self.model) as seen:
            y = functional_call(self.model, leaves, batch[0])
            loss = self.loss(y, *batch[1:])
        gradients = grad(loss, [held[name] for name in trained], create_graph=True, allow_unused=True)
        after = dict(held)
        with no_grad():
            for (name, (_, group)), g in zip(trained.items(), gradients, strict=True):
                slot = {key.removeprefix(f"{name}."): value for key, value in held.items()
                        if key.startswith(f"{name}.") and "." not in key.removeprefix(f"{name}.")}  # fmt: skip
                if g is not None:
                    new, slot = self.optimizer.moved(held[name], g, slot, group)
                    after |= {name: new, **{f"{name}.{key}": value for key, value in slot.items()}}
            for path, x in seen:
                after |= _averages(self.model, path, x, held)
        return {"loss": loss, **{f"{name}.new": _as(after[name], held[name]) for name in held}}


def _leaf(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    leaf = Tensor(value)
    leaf.requires_grad = leaf.dtype.kind == "f"
    return leaf


def _as(value: Any, like: Any) -> Any:
    """A new state in the dtype of the old one."""
    value = value if isinstance(value, Tensor) else Tensor(np.asarray(value))
    return value if value.dtype == like.dtype else ops.cast(value, dtype=like.dtype)


@contextmanager
def _norms(model: Module) -> Iterator[list[tuple[str, Any]]]:
    """A context that notes what goes into norms whose running averages move: pairs of path and input."""
    seen: list[tuple[str, Any]] = []
    with ExitStack() as hooks:
        for path, module in model.named_modules():
            if isinstance(module, _Running) and module.tracks and module.training:
                if not isinstance(module, _BatchNorm) or module.momentum is None:
                    raise ExportError(
                        f"TrainingStep: {path} keeps averages in a way that does not export. Batch norms with a "
                        "momentum do; freeze() others."
                    )
                note = _noting(seen, path)
                hooks.enter_context(module.register_forward_pre_hook(note))
        yield seen


def _noting(seen: list[tuple[str, Any]], path: str) -> Callable[..., None]:
    return lambda module, args: seen.append((path, args[0]))


def _averages(model: Module, path: str, x: Any, held: Mapping[str, Any]) -> dict[str, Any]:
    """The running averages of a batch norm after it has seen x."""
    module: Any = dict(model.named_modules())[path]
    step, axes, place = module.momentum, tuple(range(len(x.shape) - 1)), f"{path}." if path else ""
    mean, var = ops.mean(x, axis=axes), ops.var(x, axis=axes, ddof=1)
    return {
        f"{place}running_mean": held[f"{place}running_mean"] * (1 - step) + mean * step,
        f"{place}running_var": held[f"{place}running_var"] * (1 - step) + var * step,
    }
