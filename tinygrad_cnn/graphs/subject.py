"""What `draw` is given, as what it draws: Tensors, with the names of what they were made from."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.failures import Failure, interrupted
from ..autodiff.reader import Graph, behind, graph_of
from ..core import Tensor
from ..core.register import hooks
from .calls import Watched, watching
from .graph import Known

RUN_SEED = 0


@dataclass
class Subject:
    """Outputs, and what is known of the graph behind them."""

    outputs: list[tuple[str, Tensor]]
    known: Known = field(default_factory=Known)
    leaves: Mapping[Any, Tensor] = field(default_factory=dict)  # Tensors of leaves, by node
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
    if isinstance(y, (str, os.PathLike)):
        return _of_run(Path(y), inputs, show)
    if callable(y) and not isinstance(y, (Tensor, BaseException)):
        return _of_call(y, inputs, show)
    graph = graph_of(y, *inputs, caller="draw")
    if graph.failure is not None:
        return _of_graph(graph, title=f"{graph.failure.op.name} failed")
    if not graph.outputs:
        raise ValueError("draw: there is nothing to draw in an empty list. Pass at least one Tensor.")
    return _of_graph(graph)


def _of_graph(graph: Graph, **more: Any) -> Subject:
    classes = {
        path: type(module).__name__ + (", frozen" if module.frozen and next(module.children(), None) is None else "")
        for path, module in graph.modules.items() if path
    }  # fmt: skip
    known = Known(names=graph.paths, inputs=graph.inputs, classes=classes)
    return Subject(graph.outputs, known, graph.leaves, failure=graph.failure, **more)


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
    if "time" in show:
        _read(model, inputs, watching(with_values=False))
    watch = {"time", "values"} & {*show}
    graph, watched = _read(model, inputs, watching(with_values="values" in show) if watch else nullcontext())
    if not graph.outputs:
        raise ValueError(f"draw: {who} returned nothing that could be drawn. Have it return at least one Tensor.")
    own = {x.node for x in inputs if isinstance(x, Tensor)}
    return _of_graph(graph, watched=watched, examples={node for node in graph.inputs if node not in own})


def _read(model: Any, inputs: tuple[Any, ...], watch: AbstractContextManager[Any]) -> tuple[Graph, Any]:
    """The graph of a model, run, and who watched."""
    try:
        with watch as watched:
            return graph_of(model, *inputs, caller="draw"), watched
    except Exception as error:
        if interrupted(error) and hasattr(error, "add_note"):  # Python 3.11
            error.add_note("To see how far it came, draw the error: tg.draw(error)")
        raise
