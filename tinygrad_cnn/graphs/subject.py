"""What `draw` is given, as what it draws: Tensors, with the names of what they were made from."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.checkpointing import set_generators
from ..core import Tensor, enable_grad
from ..core.errors import describe
from ..core.modes import current, switched
from ..core.register import hooks
from .calls import Watched, watching
from .graph import Failure, Known, behind
from .partial import failure_of

RUN_SEED = 0


@dataclass
class Subject:
    """Outputs, and what is known of the graph behind them."""

    outputs: list[tuple[str, Tensor]]
    known: Known = field(default_factory=Known)
    leaves: dict[Any, Tensor] = field(default_factory=dict)  # Tensors of leaves, by node
    watched: Watched | None = None
    failure: Failure | None = None
    title: str | None = None
    notes: list[str] = field(default_factory=list)
    examples: set[Any] = field(default_factory=set)  # inputs that require a gradient only so that all is recorded

    def wanted(self) -> list[tuple[str, Any]]:
        """The leaves whose gradients are drawn: those that require one, but not example inputs, unless that is all."""
        order = behind([y.node for _, y in self.outputs])
        leaves = [node for node in order if node.op is None and node.requires_grad]
        known = self.known
        named = [(node.name or known.names.get(node) or known.inputs.get(node) or "tensor", node) for node in leaves]
        return [pair for pair in named if pair[1] not in self.examples] or named


def subject_of(y: Any, inputs: tuple[Any, ...], show: Collection[str]) -> Subject:
    """Whatever `draw` takes, as outputs; a model is run, and watched if what is to be shown asks for it."""
    if isinstance(y, BaseException):
        _no_inputs(y, inputs)
        return of_error(y)
    if isinstance(y, (str, os.PathLike)):
        return _of_run(Path(y), inputs, show)
    if callable(y) and not isinstance(y, Tensor):
        return _of_call(y, inputs, show)
    _no_inputs(y, inputs)
    outputs = list(_outputs(y, "output"))
    if not outputs:
        raise ValueError("draw: there is nothing to draw in an empty list. Pass at least one Tensor.")
    return Subject(outputs)


def _no_inputs(y: Any, inputs: tuple[Any, ...]) -> None:
    if inputs:
        raise TypeError(f"draw: only a module or function takes example inputs, but the first is {describe(y)}.")


def _outputs(y: Any, label: str) -> Iterator[tuple[str, Tensor]]:
    """Each Tensor in y, with the word that marks it."""
    if isinstance(y, Tensor):
        yield label, y
    elif isinstance(y, dict):
        for key, value in y.items():
            yield from _outputs(value, f"{label} {key}")
    elif isinstance(y, (list, tuple)):
        for k, value in enumerate(y):
            yield from _outputs(value, f"{label} {k}" if len(y) > 1 else label)
    else:
        raise TypeError(
            f"draw: expected a Tensor, several of them, or a module with an example input; got {describe(y)}, "
            "which has no history. Pass the Tensor that the ops returned."
        )


def of_error(error: BaseException) -> Subject:
    """The graph that led to an exception."""
    failure, model = failure_of(error)
    known = _known(model) if model is not None else Known()
    return Subject([], known, _leaves(model), failure=failure, title=f"{failure.op.name} failed")


def _of_run(path: Path, inputs: tuple[Any, ...], show: Collection[str]) -> Subject:
    """The trained network of a run folder, on an image of random numbers unless one is given."""
    run = hooks["open_run"](path)
    model = run.model()
    told = []
    if not inputs:
        shape = (1, *run.config["input_shape"])
        inputs = (np.random.default_rng(RUN_SEED).standard_normal(shape).astype(np.float32),)
        if "values" in show:
            told = [f"the input is standard normal numbers (seed {RUN_SEED}); pass images: draw(run, images)"]
    found = _of_call(model, inputs, show)
    found.title, found.notes = str(run.config["model"]), [*found.notes, *told]
    return found


def _of_call(model: Callable[..., Any], inputs: tuple[Any, ...], show: Collection[str]) -> Subject:
    """Run a model, recorded; twice if time is asked for, so that the second run finds all warm.

    No trace is left in the model: running statistics and random generators stay as they were.
    """
    who = getattr(model, "__name__", None) or type(model).__name__
    if not inputs:
        raise TypeError(f"draw: {who} needs an example input to be drawn: draw({who}, x).")
    points = [_example(x) for x in inputs]
    words = _argument_names(model, len(points))
    given = {p.node: word for p, word in zip(points, words, strict=True) if isinstance(p, Tensor)}
    if "time" in show:
        _record(model, points, watching(with_values=False))
    watch = {"time", "values"} & {*show}
    y, watched = _record(model, points, watching(with_values="values" in show) if watch else nullcontext())
    known = _known(model)
    known.inputs = given
    tensors = [p for p in points if isinstance(p, Tensor)]
    outputs = list(_outputs(y, "output"))
    if not outputs:
        raise ValueError(f"draw: {who} returned nothing that could be drawn. Have it return at least one Tensor.")
    examples = {p.node for p, x in zip(points, inputs, strict=True) if isinstance(p, Tensor) and p is not x}
    leaves = {t.node: t for t in tensors} | _leaves(model)
    return Subject(outputs, known, leaves, watched, examples=examples)


def _record(model: Callable[..., Any], points: list[Any], watch: AbstractContextManager[Any]) -> tuple[Any, Any]:
    """model(*points), recorded, and who watched; random generators are put back."""
    with enable_grad(), switched(recomputing=True, generators={}, path="", prefix="", below={}):
        try:
            with watch as watched:
                return model(*points), watched
        except Exception as error:
            if hasattr(error, "add_note"):  # Python 3.11
                error.add_note("To see how far it came, draw the error: tg.draw(error)")
            raise
        finally:
            set_generators((current().generators or {}).values())


def _leaves(model: Any) -> dict[Any, Tensor]:
    """A model's parameters and buffers by their nodes."""
    found = [value for kind in ("parameters", "buffers") for value in getattr(model, kind, tuple)()]
    return {value.node: value for value in found if isinstance(value, Tensor)}


def _known(model: Any) -> Known:
    """The names of a model's parameters and the classes of its modules."""
    leaves = [pair for kind in ("named_parameters", "named_buffers") for pair in getattr(model, kind, tuple)()]
    modules = list(getattr(model, "named_modules", tuple)())
    return Known(
        names={value.node: name for name, value in leaves if isinstance(value, Tensor)},
        classes={name: type(module).__name__ for name, module in modules if name},
    )


def _example(x: Any) -> Any:
    """An input as a leaf of its own, which requires a gradient so that every op is recorded."""
    if isinstance(x, Tensor) and x.requires_grad:
        return x
    values = x.data if isinstance(x, Tensor) else x
    if not isinstance(values, (np.ndarray, np.generic, list, float)):
        return x
    point = Tensor(values, name=x.name if isinstance(x, Tensor) else None)
    if point.dtype.kind == "f":
        point.requires_grad = True
    return point


def _argument_names(model: Any, count: int) -> list[str]:
    """What the model calls its inputs: the names of its first positional arguments."""
    try:
        signature = inspect.signature(getattr(model, "forward", model))
    except (TypeError, ValueError):
        return [f"input {k}" for k in range(count)]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    words = [p.name for p in signature.parameters.values() if p.kind in kinds][:count]
    return words + [f"input {k}" for k in range(len(words), count)]
