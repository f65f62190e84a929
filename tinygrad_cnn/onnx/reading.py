"""A file's graph, checked before anything of it runs: names, order, operators, attributes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..io import FileFormatError
from ..io.onnx_file import array_of, read_onnx
from .recording import ExportError

OLDEST = 6  # up to 12 operators have some settings as attributes that are inputs since
READERS: dict[str, tuple[Callable[..., Any], frozenset[str]]] = {}  # operator -> function(node, *inputs), attributes
PROPERTY, IMAGES = "tinygrad_cnn.module", "tinygrad_cnn.images"


class ImportRefused(ExportError):
    """What is not read from an ONNX file; the message names the operator, attribute or value."""


def reads(*kinds: str, attributes: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say that a function computes these operators, with these attributes; a decorator.

    The function gets the `Node` and its inputs, None where left out, and returns the output, or a tuple of outputs.
    """

    def add(fn: Callable[..., Any]) -> Callable[..., Any]:
        for kind in kinds:
            READERS[kind] = fn, frozenset(attributes.split())
        return fn

    return add


@dataclass(eq=False)
class Node:
    """One node of a file.

    Attributes
    ----------
    kind : the operator.  name : of the node.  path : of the module that it was written from, if the file says it.
    inputs, outputs : names of values, empty where left out.  given : attributes.  opset : the version of operators.
    """

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    given: dict[str, Any]
    opset: int
    path: str = ""

    @property
    def label(self) -> str:
        return f"{self.kind} ({self.name})" if self.name else self.kind

    def get(self, name: str, otherwise: Any = None) -> Any:
        """An attribute, or what it is if it is not given."""
        return self.given.get(name, otherwise)

    def refuse(self, why: str) -> ImportRefused:
        """The error of something that this node asks for."""
        return ImportRefused(f"load: {self.label}: {why}.")

    def run(self, *inputs: Any) -> Sequence[Any]:
        """The outputs for some inputs."""
        made = READERS[self.kind][0](self, *inputs)
        return made if isinstance(made, tuple) else (made,)


MOST = 1 << 28  # elements of an array that a file asks for


def room(node: Node, shape: Iterable[int]) -> tuple[int, ...]:
    """A shape that a file asks for, if it is not too large."""
    sizes = tuple(int(n) for n in shape)
    if any(n < 0 for n in sizes) or math.prod(sizes) > MOST:
        raise node.refuse(f"an array of shape {sizes} is too large, or none")
    return sizes


@dataclass(eq=False)
class Program:
    """A file's graph: its nodes in order, its inputs and outputs, and its arrays."""

    nodes: list[Node]
    inputs: list[str]
    outputs: list[str]
    arrays: dict[str, np.ndarray]
    opset: int
    shapes: list[tuple[int | None, ...] | None] = field(default_factory=list)  # of the inputs, as far as they are known
    channels_last: bool = False  # whether inputs and outputs are, as in files written here


def read_program(path: str | os.PathLike[str]) -> Program:
    """Read and check a file.

    Raises
    ------
    FileFormatError : it is damaged: a value that nothing makes, a name twice, a cycle.
    ImportRefused : it is valid, but has an operator, an attribute, a subgraph or a domain that is not supported.
    """
    model, arrays = read_onnx(path)
    return program_of(path, model, arrays)


def program_of(path: Any, model: Any, arrays: dict[str, np.ndarray]) -> Program:
    """The checked graph of a model whose initialisers have been read."""
    from . import readers as readers  # which fill the table

    opset = _opset(path, model)
    graph = model.graph
    if model.functions or graph.quantization_annotation:
        raise ImportRefused(f"load: {os.fspath(path)}: functions and quantisation of a model are not supported.")
    inputs = [v.name for v in graph.input if v.name not in arrays]
    if len(set(inputs)) != len(inputs) or not all(inputs):
        raise FileFormatError(f"{os.fspath(path)}: an input has no name, or one that another has.")
    known = {*inputs, *arrays}
    nodes = []
    made_later = {name for node in graph.node for name in node.output if name}
    for k, proto in enumerate(graph.node):
        node = _node(path, proto, k, opset)
        for name in node.inputs:
            if name and name not in known:
                why = "is made later, so the graph has a cycle or a wrong order" if name in made_later else "is missing"
                raise FileFormatError(f"{os.fspath(path)}: {node.label} needs {name!r}, which {why}.")
        for name in node.outputs:
            if name and name in known:
                raise FileFormatError(f"{os.fspath(path)}: {node.label} makes {name!r}, which exists already.")
            known.add(name)
        if node.kind == "Constant" and isinstance(node.get("value"), np.ndarray) and len(node.outputs) == 1:
            arrays[node.outputs[0]] = node.get("value")  # as good as an initialiser; some tools write all weights so
        else:
            nodes.append(node)
    outputs = [v.name for v in graph.output]
    for name in outputs:
        if name not in known:
            raise FileFormatError(f"{os.fspath(path)}: nothing makes the output {name!r}.")
    if not outputs:
        raise FileFormatError(f"{os.fspath(path)}: has no outputs.")
    shapes = [_shape(v) for v in graph.input if v.name not in arrays]
    ours = any(entry.key == IMAGES for entry in model.metadata_props)
    return Program(nodes, inputs, outputs, arrays, opset, shapes, ours)


def _shape(info: Any) -> tuple[int | None, ...] | None:
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.HasField("shape"):
        return None
    dims = info.type.tensor_type.shape.dim
    return tuple(int(d.dim_value) if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims)


def _opset(path: Any, model: Any) -> int:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx"))
    newest = _newest()
    if opset is None or not OLDEST <= opset <= newest:
        raise ImportRefused(f"load: {os.fspath(path)}: opset {opset} is not supported; {OLDEST} to {newest} are.")
    return int(opset)


def _newest() -> int:
    import onnx

    return int(onnx.defs.onnx_opset_version())


def _node(path: Any, proto: Any, k: int, opset: int) -> Node:
    kind = proto.op_type
    if proto.domain not in ("", "ai.onnx"):
        raise ImportRefused(f"load: node {k}: the operator {proto.domain}.{kind} is not one of ONNX's own.")
    if kind not in READERS:
        raise ImportRefused(f"load: node {k}: the operator {kind} is not supported.")
    given: dict[str, Any] = {}
    node = Node(kind, proto.name, list(proto.input), list(proto.output), given, opset)
    node.path = next((entry.value for entry in proto.metadata_props if entry.key == PROPERTY), "")
    for attribute in proto.attribute:
        if attribute.type in (5, 10) or attribute.HasField("g") or attribute.graphs:
            raise node.refuse(f"the subgraph {attribute.name!r} is not supported")
        if attribute.name not in READERS[kind][1]:
            raise node.refuse(f"the attribute {attribute.name!r} is not supported")
        given[attribute.name] = _attribute(path, node, attribute)
    return node


def _attribute(path: Any, node: Node, attribute: Any) -> Any:
    kind = attribute.type
    if attribute.ref_attr_name:
        raise node.refuse(f"the attribute {attribute.name!r} refers to a function's")
    if kind == 1:
        return float(attribute.f)
    if kind == 2:
        return int(attribute.i)
    if kind == 3:
        return attribute.s.decode("utf-8", "replace")
    if kind == 4:
        return array_of(path, attribute.t)
    if kind in (6, 7):
        return list(attribute.floats if kind == 6 else attribute.ints)
    if kind == 8:
        return [s.decode("utf-8", "replace") for s in attribute.strings]
    raise node.refuse(f"the attribute {attribute.name!r} is of a type that is not supported")
