"""`tg.onnx.load`: a file's graph as a Module, whose weights are parameters."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..core import Tensor, scope
from ..nn import Module, Parameter
from .layouts import Held, held, last, last_order, plain
from .needs import library
from .reading import ImportRefused, Node, Program, read_program

LAYOUTS = ("file", "channels_last")
FIXED = {"BatchNormalization": (3, 4)}  # inputs that are statistics, which no gradient moves
SETTINGS = {  # inputs of these operators from here on are settings, not weights
    "Clip": 1, "Pad": 1, "Resize": 1, "Dropout": 1, "OneHot": 1, "Range": 0, "TopK": 1, "Reshape": 1, "Expand": 1,
    "Tile": 1, "Slice": 1, "Split": 1, "CumSum": 1,
}  # fmt: skip


@named
def load(path: str | os.PathLike[str], *, layout: str = "file") -> OnnxModule:
    """Read an ONNX file as a Module: trainable, differentiable, drawn, summarised and exported like any other.

    Floating initialisers become parameters under their names in the file, statistics of batch norms become buffers.
    Batch norms are computed as the file says, in training too.

    Parameters
    ----------
    layout : "file", arrays go in and come out as the file has them, images (N, C, H, W); or "channels_last", where
        inputs and outputs of three and more axes are (N, ..., C).

    Raises
    ------
    FileFormatError : the file is damaged.
    ExportError : it has an operator, attribute or subgraph that is not supported; the message names it.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU())
    >>> tg.onnx.export(net, "net.onnx", np.ones((1, 5, 5, 1), np.float32))
    >>> again = tg.onnx.load("net.onnx")
    >>> x = tg.randn(2, 5, 5, 1, rng=1).data
    >>> bool(np.allclose(again(x).data, net(x).data, atol=1e-6))
    True
    >>> [name for name, _ in again.named_parameters()]
    ['0.weight', '0.bias']
    """
    if layout not in LAYOUTS:
        raise ValueError(f"load: layout={layout!r} must be 'file' or 'channels_last'.")
    library("load")
    return OnnxModule(read_program(path), layout)


class _Part(Module):
    """Parameters of a file under a common path; and the node that uses them, if there is one."""

    def forward(self, node: Node, *inputs: Any) -> Any:
        return node.run(*inputs)


class OnnxModule(Module):
    """The graph of an ONNX file; `tg.onnx.load` makes one.

    Called with arrays or Tensors in the order of `input_names`, it returns the output, or a tuple of several.
    """

    def __init__(self, program: Program, layout: str = "file") -> None:
        super().__init__()
        self._program, self.layout = program, layout
        self.input_names, self.output_names = tuple(program.inputs), tuple(program.outputs)
        self._places: dict[str, tuple[Module, str]] = {}
        self._constants: dict[str, np.ndarray] = {}
        statistics, settings = _roles(program)
        for name, array in program.arrays.items():
            if array.dtype.kind != "f" or name in settings:
                self._constants[name] = array
            else:
                self._place(name, array, name in statistics)
        program.arrays = {}
        self._owners = self._owned()
        self._last_use = _last_uses(program)

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """The shape of the first input in the file, None for lengths that are left open; None if it is not known."""
        return self._program.shapes[0] if self._program.shapes else None

    @property
    def channels_last(self) -> bool:
        """Whether images are channels last at the file's inputs and outputs, as in files that `export` wrote."""
        return self._program.channels_last

    def _place(self, name: str, array: np.ndarray, statistic: bool) -> None:
        """Make an initialiser a parameter or buffer of the module at its path."""
        *path, leaf = name.split(".")
        module: Module = self
        for part in path:
            part = _free(module, part, _Part)
            below = vars(module).get(part)
            if below is None:
                below = _Part()
                setattr(module, part, below)
            module = below
        leaf = _free(module, leaf)
        if statistic:
            module.register_buffer(leaf, array)
        else:
            setattr(module, leaf, Parameter(array))
        self._places[name] = module, leaf

    def _owned(self) -> dict[int, Module]:
        """The module that stands for a node: the one that has its weights, if no other node uses that one's."""
        users: dict[Module, set[int]] = {}
        for k, node in enumerate(self._program.nodes):
            for name in node.inputs:
                if name in self._places and self._places[name][0] is not self:
                    users.setdefault(self._places[name][0], set()).add(k)
        return {next(iter(nodes)): module for module, nodes in users.items() if len(nodes) == 1}

    def forward(self, *inputs: Any) -> Any:
        program = self._program
        if len(inputs) != len(program.inputs):
            names = ", ".join(program.inputs)
            raise TypeError(f"the file has {len(program.inputs)} inputs, {names}; got {len(inputs)}.")
        values: dict[str, Any] = {"": None, **self._constants}
        values |= {name: getattr(module, leaf) for name, (module, leaf) in self._places.items()}
        for name, x in zip(program.inputs, inputs, strict=True):
            x = x if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x)
            turned = self.layout == "channels_last" and x.ndim > 2
            values[name] = held(x, last_order(x.ndim)) if turned else x
        for k, node in enumerate(program.nodes):
            self._run(k, node, values)
        found = [self._result(values[name]) for name in program.outputs]
        return found[0] if len(found) == 1 else tuple(found)

    def _run(self, k: int, node: Node, values: dict[str, Any]) -> None:
        given, owner = [values[name] for name in node.inputs], self._owners.get(k)
        try:
            if owner is not None:
                outputs = owner(node, *given)
            elif node.path:
                with scope(node.path):
                    outputs = node.run(*given)
            else:
                outputs = node.run(*given)
        except ImportRefused:
            raise
        except Exception as error:
            shapes = ", ".join("none" if v is None else str(tuple(v.shape)) for v in given)
            raise ValueError(f"{node.label} with inputs of shapes {shapes}: {error}") from error
        values |= {name: value for name, value in zip(node.outputs, outputs, strict=False) if name}
        for name in self._last_use[k]:
            del values[name]

    def _result(self, value: Any) -> Any:
        if self.layout == "channels_last" and value.ndim > 2:
            return last(value)
        return plain(value) if isinstance(value, Held) else value

    def extra_repr(self) -> str:
        kinds = Counter(node.kind for node in self._program.nodes)
        words = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        return f"{len(self._program.nodes)} nodes: {words}{', ...' if len(kinds) > 4 else ''}"


def _free(module: Module, name: str, kind: type | None = None) -> str:
    """A name for something in a module that hides nothing of it."""
    name = name or "_"
    while hasattr(Module, name) or (name in vars(module) and not (kind and isinstance(vars(module)[name], kind))):
        name += "_"
    return name


def _roles(program: Program) -> tuple[set[str], set[str]]:
    """Names of initialisers that are statistics, and of those that are settings of operators or single numbers."""
    statistics, settings = set(), {name for name, array in program.arrays.items() if array.ndim == 0}
    for node in program.nodes:
        for k, name in enumerate(node.inputs):
            if k in FIXED.get(node.kind, ()):
                statistics.add(name)
            if k >= SETTINGS.get(node.kind, len(node.inputs)):
                settings.add(name)
    return statistics, settings


def _last_uses(program: Program) -> list[list[str]]:
    """For each node the values that nothing needs after it."""
    seen, found = set(program.outputs), []
    for node in reversed(program.nodes):
        names = {name for name in (*node.inputs, *node.outputs) if name} - seen
        seen |= names
        found.append([name for name in names if name not in program.inputs])
    return found[::-1]


