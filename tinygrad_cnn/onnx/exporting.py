"""`tg.onnx.export`: a model or a function as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.checkpointing import set_generators
from ..autodiff.reader import argument_names
from ..core import Tensor, enable_grad
from ..core.errors import describe
from ..core.modes import current, switched
from ..io import atomic_write
from ..nn import Module
from ..program import Compiled
from . import writers as writers
from .assembling import Assembly, Written, key_of
from .needs import library
from .recording import ExportError, Recording, record
from .training import TrainingStep
from .verifying import verify_model

OLDEST, BATCHES = 18, (2, 3)  # the first opset whose reductions take axes as inputs; the batch sizes of recordings


@named
def export(
    model_or_fn: Callable[..., Any],
    path: str | os.PathLike[str],
    *examples: Any,
    opset: int = OLDEST,
    verify: bool = True,
    dynamic: bool = True,
) -> None:
    """Write a model or a function of arrays to an ONNX file, with its weights.

    It is run twice and its ops are recorded; layers that act differently in training are written as they are now, and
    the file's metadata says which.  Inputs have the names of the arguments and the layout that they have here (images
    (N, H, W, C)); between them and the outputs images lie channels first.

    Parameters
    ----------
    model_or_fn : a module, a function of Tensors, either of them compiled, or a `TrainingStep`.
    examples : the inputs, arrays or Tensors.  Inputs as long as the first one share its first axis, the batch.
    opset : the version of ONNX's operators, from 18 on.
    verify : whether to run the file in onnxruntime, at two batch sizes, and compare; needs ``pip install onnxruntime``.
    dynamic : whether the batch may have any size; otherwise it has that of the examples.

    Raises
    ------
    ExportError : an op has no counterpart, or the result depends on values that Python reads; or the file computes
        something else, and the message names the node.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU(), nn.GlobalAvgPool2d()).eval()
    >>> tg.onnx.export(net, "net.onnx", np.ones((1, 8, 8, 1), np.float32))
    >>> tg.onnx.load("net.onnx")(np.ones((5, 8, 8, 1), np.float32)).shape
    (5, 4)
    """
    onnx = library("export")
    if isinstance(model_or_fn, Compiled):
        model_or_fn = model_or_fn.fn
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST <= opset <= newest:
        raise ValueError(f"export: opset={opset!r} must be between {OLDEST} and {newest}, the installed onnx's newest.")
    written, run = _write(model_or_fn, [_example(x, k) for k, x in enumerate(examples)], opset, dynamic)
    if verify:
        verify_model(written, run.names, run.inputs, run.again)
    with atomic_write(path) as file:
        file.write(written.model.SerializeToString())


def _example(x: Any, k: int) -> np.ndarray:
    array = x.data if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"export: example {k} is {describe(x)}; examples are arrays of numbers.")
    return array


class _Run:
    """A function, its inputs by name, and how to run it again."""

    def __init__(self, fn: Callable[..., Any], inputs: list[np.ndarray]) -> None:
        self.fn, self.inputs, self.batch = fn, inputs, len(inputs)
        names = argument_names(fn, len(inputs))
        if isinstance(fn, TrainingStep):
            state = fn.state()
            names = [*fn.input_names(len(inputs)), *state]
            self.inputs = [*inputs, *state.values()]
            count = len(inputs)
            self.fn = lambda *values: fn(*values[:count], **dict(zip(state, values[count:], strict=True)))
        self.names = [name.replace(" ", "_") for name in names]
        self.labels: list[str] = []

    def __call__(self, points: Sequence[Any]) -> list[Any]:
        found = list(outputs_of(self.fn(*points)))
        self.labels = [label for label, _ in found]
        return [y for _, y in found]

    def again(self, inputs: Sequence[np.ndarray]) -> tuple[list[str], list[np.ndarray], Recording]:
        """Names of the outputs, their arrays, and the recording, for other inputs."""
        found = self.recorded(inputs)
        return [label.replace(" ", "_") for label in self.labels], found.results, found

    def recorded(self, inputs: Sequence[np.ndarray]) -> Recording:
        points = [_point(x) for x in inputs]
        with undisturbed():
            found = record(lambda: self(points))
        found.inputs = [p._data for p in points]
        return found


def _point(x: np.ndarray) -> Tensor:
    point = Tensor(x)
    if point.dtype.kind == "f":
        point.requires_grad = True
    return point


@contextmanager
def undisturbed() -> Iterator[None]:
    """A context that records, as if called from outside of modules, and moves no statistics and no generators."""
    with enable_grad(), switched(recomputing=True, generators={}, path="", prefix="", below={}):
        try:
            yield
        finally:
            set_generators((current().generators or {}).values())


def outputs_of(y: Any, label: str = "output") -> Iterator[tuple[str, Tensor]]:
    """Each Tensor in a result, with a name for it."""
    if isinstance(y, (Tensor, np.ndarray)):
        yield label, y if isinstance(y, Tensor) else Tensor(y)
    elif isinstance(y, dict):
        for key, value in y.items():
            yield from outputs_of(value, str(key) if label == "output" else f"{label}_{key}")
    elif isinstance(y, (list, tuple)):
        for k, value in enumerate(y):
            yield from outputs_of(value, f"{label}_{k}" if len(y) > 1 else label)
    else:
        raise ExportError(f"export: the function returned {describe(y)}; a file has Tensors as outputs.")


def other_batch(inputs: Sequence[np.ndarray], batched: Sequence[bool], count: int, step: int) -> list[np.ndarray]:
    """Inputs of another batch size, made of the rows of these, with other numbers where they are floats.

    From number `step` on they are the state of a training step, in which single numbers count: much later, perhaps in
    another regime.
    """
    return [
        x + np.array(1000, x.dtype) if k >= step and not x.ndim and x.dtype.kind == "f" else
        _stirred(np.take(x, np.arange(count)[::-1] % len(x), axis=0)) if yes else _stirred(x)
        for k, (x, yes) in enumerate(zip(inputs, batched, strict=True))
    ]  # fmt: skip


def _stirred(x: np.ndarray) -> np.ndarray:
    return (x * np.array(0.8125, x.dtype) + np.array(0.03125, x.dtype)).astype(x.dtype) if x.dtype.kind == "f" else x


def _write(fn: Any, inputs: list[np.ndarray], opset: int, dynamic: bool) -> tuple[Written, _Run]:
    run = _Run(fn, inputs)
    length = len(inputs[0]) if inputs and inputs[0].ndim else None
    batched = [
        bool(dynamic and length and k < len(inputs) and x.ndim and len(x) == length) for k, x in enumerate(run.inputs)
    ]
    inputs = run.inputs
    one, other = (
        run.recorded(other_batch(inputs, batched, count, run.batch) if k else _rows(inputs, batched, count))
        for k, count in enumerate(BATCHES)
    )
    module = fn if isinstance(fn, Module) else None
    known = {key_of(value._data): name for name, value in module._state().items()} if module is not None else {}
    assembly = Assembly(one, other, run.names, known, batched, opset)
    assembly.run()
    outputs = [
        (label.replace(" ", "_"), assembly.value(a, b))
        for label, a, b in zip(run.labels, one.results, other.results, strict=True)
    ]
    mode = {"mode": "training step" if isinstance(fn, TrainingStep) else "function"}
    if module is not None:
        mode = {"mode": "train" if module.training else "eval"}
    return assembly.finish(outputs, {**mode, "images": "channels last at inputs and outputs"}), run


def _rows(inputs: Sequence[np.ndarray], batched: Sequence[bool], count: int) -> list[np.ndarray]:
    return [np.take(x, np.arange(count) % len(x), axis=0) if yes else x for x, yes in zip(inputs, batched, strict=True)]
