"""From two recordings to one ONNX model: values by the arrays that they were, steps by the table of writers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..version import __version__
from .recording import ExportError, Recording, Step, array_of, merged, sizes
from .table import EXPORTERS
from .writer import Value, Writer

IR_VERSION = 10  # the first whose nodes have metadata
COMPARES = {"equal", "not_equal", "greater", "greater_equal", "less", "less_equal"}


@dataclass
class Written:
    """A model, and which value of it each recorded array became, with the step that made it."""

    model: Any
    values: list[tuple[Value, Step, np.ndarray]] = field(default_factory=list)


def key_of(array: np.ndarray) -> Any:
    """What is equal for views of the same elements: recordings keep their arrays alive, so no address is used twice."""
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


class Assembly:
    """One model while it is made of two recordings.

    Parameters
    ----------
    inputs : names of the recordings' inputs.  known : names of arrays that are parameters or buffers, by `key_of`.
    batched : which inputs have the batch as their first axis.
    """

    def __init__(
        self, one: Recording, other: Recording, inputs: Sequence[str], known: Mapping[Any, str],
        batched: Sequence[bool], opset: int,
    ) -> None:  # fmt: skip
        import onnx

        self.onnx, self.one, self.other, self.known, self.opset = onnx, one, other, known, opset
        self.values: dict[Any, Value] = {}
        self.written: list[tuple[Value, Step, np.ndarray]] = []
        self.inputs: list[Any] = []
        batch = None
        lengths = next(
            ((len(a), len(b)) for a, b, yes in zip(one.inputs, other.inputs, batched, strict=True) if yes), None
        )
        self.w = w = Writer(onnx.helper, None)
        for name, a, b in zip(inputs, one.inputs, other.inputs, strict=True):
            name, shape = w.fresh(name), sizes(a.shape, b.shape)
            self.values[key_of(a)] = Value(name, shape, a.dtype)
            self.inputs.append(self._info(name, shape, a.dtype))
        if lengths is not None and lengths[0] != lengths[1]:
            first = self.inputs[list(batched).index(True)].name
            batch = (w.node("Shape", first, start=0, end=1), *lengths)
        w.batch = batch

    def _info(self, name: str, shape: Sequence[int], dtype: Any) -> Any:
        dims = ["batch" if hasattr(n, "other") and k == 0 else None if hasattr(n, "other") else int(n)
                for k, n in enumerate(shape)]  # fmt: skip
        return self.onnx.helper.make_tensor_value_info(name, self.w.code(dtype), dims)

    def run(self) -> None:
        """Write every step."""
        if len(self.one.steps) != len(self.other.steps):
            raise ExportError(
                f"export: {len(self.one.steps)} ops ran for one batch and {len(self.other.steps)} for another, with "
                "other values: the function depends on values that it reads. Choose between values with tg.where."
            )
        for a, b in zip(self.one.steps, self.other.steps, strict=True):
            self._step(a, b)
        self.w.step = None

    def _step(self, a: Step, b: Step) -> None:
        w = self.w
        w.step = a
        if a.op is not b.op:
            raise w.refuse(f"another op ran for another batch, {b.label}, so the function depends on values it reads")
        w.outs = [(sizes(x.shape, y.shape), x.dtype) for x, y in zip(a.results, b.results, strict=True)]
        if a.op is None:
            self._keep(a, [self.value(a.arrays[0], b.arrays[0])])
            return
        if a.op.name not in EXPORTERS:
            raise w.refuse(f"the op {a.op.name} has no counterpart in ONNX (docs/design/onnx.md lists those that do)")
        effects = set(a.op.effects)
        params = {k: merged(v, b.params[k], a.label) for k, v in a.params.items() if k not in effects}
        if self._settled(a, b):
            name = f"{a.path}.{a.op.name}" if a.path else a.op.name
            self._keep(a, [Value(w.constant(a.results[0], name=name), a.results[0].shape, a.results[0].dtype)])
            return
        inputs = [self._input(a, b, k) for k in range(len(a.arrays))]
        made = EXPORTERS[a.op.name](w, *inputs, **params)
        self._keep(a, made if isinstance(made, tuple) else [made])

    def _settled(self, a: Step, b: Step) -> bool:
        """Whether a result depends on parameters alone: then it is computed now, once."""
        if a.op.effects or a.results[0].shape != b.results[0].shape:
            return False
        named = [v for v in a.arrays if isinstance(v, np.ndarray)]
        settled = [key_of(v) in self.known or getattr(self.values.get(key_of(v)), "name", "") in self.w.constants
                   for v in named]  # fmt: skip
        return bool(named) and all(settled) and np.array_equal(a.results[0], b.results[0], equal_nan=True)

    def _keep(self, step: Step, made: Sequence[Value]) -> None:
        for k, (value, array) in enumerate(zip(made, step.results, strict=False)):
            shape, _ = self.w.outs[k]
            value = Value(value.name, shape, value.dtype, value.order)
            self.values[key_of(array)] = value
            self.written.append((value, step, array))

    def _input(self, a: Step, b: Step, k: int) -> Value | None:
        one, other = a.arrays[k], b.arrays[k]
        if one is None:
            return None
        if not isinstance(one, np.ndarray):
            dtype = self.w.outs[0][1]
            if a.op.name in COMPARES or dtype.kind == "b":
                dtype = np.result_type(*[v for v in a.arrays if v is not None])
            return self.w.number(merged(one, other, a.label), dtype)
        given, theirs = array_of(a.args[k]), array_of(b.args[k])
        if isinstance(given, np.ndarray) and key_of(one) not in self.values and given.shape == one.shape:
            return self.w.as_type(self.value(given, theirs), one.dtype)
        return self.value(one, other)

    def value(self, one: np.ndarray, other: np.ndarray) -> Value:
        """The value that an array is in the file; what is not known is a constant, if it is the same each time."""
        key = key_of(one)
        if key in self.values:
            return self.values[key]
        shape = sizes(one.shape, other.shape)
        if key in self.known:
            name = self.w.constant(one, name=self.known[key])
        elif one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            name = self.w.constant(one)
        elif one.dtype == np.int64 and one.shape == other.shape and one.ndim < 2 and self._proportional(one, other):
            name = self.w.ints(*sizes(one.reshape(-1).tolist(), other.reshape(-1).tolist()))
            name = name if one.ndim else self.w.node("Squeeze", name)
        elif one.size and (one == one.flat[0]).all() and (other == one.flat[0]).all():
            name = self.w.node("Expand", self.w.constant(one.flat[0], one.dtype), self.w.ints(*shape))
        else:
            raise self.w.refuse(
                f"an array of shape {one.shape} that changes from call to call was not made by an op of this package, "
                "so the file would hold old numbers. Compute it with functions of tinygrad_cnn, or pass it as an input"
            )
        self.values[key] = made = Value(name, shape, one.dtype)
        return made

    def _proportional(self, one: np.ndarray, other: np.ndarray) -> bool:
        """Whether numbers that differ grow as the batch does, as lengths in a shape do."""
        if self.w.batch is None:
            return False
        _, a, b = self.w.batch
        return bool(((one == other) | (one * b == other * a)).all())

    def finish(self, outputs: Sequence[tuple[str, Value]], metadata: Mapping[str, str]) -> Written:
        """The model, with outputs under these names, without what no output needs."""
        onnx, w, infos = self.onnx, self.w, []
        made = [(w.fresh(name), w.plain(value), value) for name, value in outputs]
        for name, source, value in made:
            w.nodes.append(onnx.helper.make_node("Identity", [source], [name], name=name))
            infos.append(self._info(name, value.shape, value.dtype))
        nodes = needed(w.nodes, [name for name, _, _ in made])
        nodes = _renamed(nodes, {name for name, _, _ in made})
        used = dict.fromkeys(name for node in nodes for name in node.input)  # in the order in which they are
        original = self._original_names(used)
        for node in nodes:
            for k, name in enumerate(node.input):
                node.input[k] = original.get(name, name)
        initialisers = [
            onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), original.get(name, name))
            for name, array in ((name, w.constants[name]) for name in used if name in w.constants)
        ]  # fmt: skip
        graph = onnx.helper.make_graph(nodes, "tinygrad_cnn", self.inputs, infos, initialisers)
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", self.opset)], producer_name="tinygrad_cnn",
            producer_version=__version__, ir_version=IR_VERSION,
        )  # fmt: skip
        onnx.helper.set_model_props(model, {f"tinygrad_cnn.{key}": text for key, text in metadata.items()})
        onnx.checker.check_model(model, full_check=True)
        return Written(model, self.written)


    def _original_names(self, used: Collection[str]) -> dict[str, str]:
        """Names of constants that others were turned into, for these others, where only one of all is used."""
        made = Counter(self.w.sources[name] for name in used if name in self.w.sources)
        return {
            name: source for name, source in self.w.sources.items()
            if name in used and made[source] == 1 and source not in used
        }  # fmt: skip


def needed(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """The nodes that outputs depend on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _renamed(nodes: list[Any], outputs: set[str]) -> list[Any]:
    """The nodes without copies at the end, where the node before can have the output's name."""
    makers = {name: node for node in nodes for name in node.output}
    taken: dict[str, str] = {}
    kept = []
    for node in nodes:
        source, target = (node.input[0], node.output[0]) if node.op_type == "Identity" else ("", "")
        if target in outputs and source in makers and source not in outputs and source not in taken:
            taken[source] = target
        else:
            kept.append(node)
    for node in kept:
        for names in (node.input, node.output):
            for k, name in enumerate(names):
                names[k] = taken.get(name, name)
    return kept
