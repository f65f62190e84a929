"""The writer: nodes, constants and layouts of one ONNX graph while it is made.

A `Value` may lie in the file with its axes in another order than here, as images do between convolutions: channels
first.  Ops that do not mind hand the order on, so transposes remain only at the borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .recording import ExportError, Share, Size, Step

Order = tuple[int, ...] | None  # of axes: the k-th axis in the file is axis order[k] here; None if they are the same


@dataclass(frozen=True, eq=False)
class Value:
    """An array of the graph: its name in the file, its shape and dtype here, and the order of its axes there."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Order = None

    @property
    def ndim(self) -> int:
        return len(self.shape)


def channels_first(ndim: int) -> Order:
    """The order of images (N, ..., C) that lie as (N, C, ...)."""
    return (0, ndim - 1, *range(1, ndim - 1)) if ndim > 2 else None


def tidy(order: Sequence[int] | None) -> Order:
    """An order; None if it changes nothing."""
    return None if order is None or tuple(order) == tuple(range(len(order))) else tuple(order)


class Writer:
    """One graph while it is made.

    `step` is the call that is being written, `outs` the shapes and dtypes of its results; `batch` the name and the two
    sizes of the batch, or None for a file of one size.
    """

    def __init__(self, helper: Any, batch: tuple[str, int, int] | None) -> None:
        self.helper, self.batch = helper, batch
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.step: Step | None = None
        self.outs: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
        self.sources: dict[str, str] = {}  # constant -> the one that it was made of
        self.winners: set[str] = set()  # indices of max pooling
        self._names: dict[str, int] = {}
        self._known: dict[Any, Any] = {}  # node -> its outputs: what is the same is written once

    # -- names, nodes, constants ------------------------------------------------------------------------------

    def fresh(self, name: str) -> str:
        """A name that no other value has."""
        count = self._names.get(name, -1) + 1
        self._names[name] = count
        return self.fresh(f"{name}_{count}") if count else name

    def node(self, kind: str, *inputs: str, outputs: int = 1, once: bool = True, **attributes: Any) -> Any:
        """Write a node, and return the name of its output, or a tuple of them; the same node is not written twice."""
        key = (kind, inputs, outputs, repr(sorted(attributes.items())))
        if once and key in self._known:
            return self._known[key]
        path = self.step.path.replace(".", "/") if self.step is not None else ""
        name = self.fresh(f"{path}/{kind}" if path else kind)
        names = [name if k == 0 else f"{name}:{k}" for k in range(outputs)]
        made = self.helper.make_node(kind, list(inputs), names, name=name, **attributes)
        if self.step is not None:
            for key_, text in (("module", self.step.path), ("op", self.step.label), ("source", self.step.site)):
                made.metadata_props.add(key=f"tinygrad_cnn.{key_}", value=text)
        self.nodes.append(made)
        result = names[0] if outputs == 1 else tuple(names)
        self._known[key] = result
        return result

    def constant(self, array: Any, dtype: Any = None, name: str | None = None) -> str:
        """The name of a constant; equal small ones are written once."""
        array = np.asarray(array, dtype)
        key = ("constant", array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 and name is None else None
        if key is None or key not in self._known:
            name = self.fresh(name or "constant")
            self.constants[name] = array
            if key is None:
                return name
            self._known[key] = name
        known: str = self._known[key]
        return known

    def _derived(self, array: np.ndarray, source: str) -> str:
        """A constant that is another one turned; it gets that one's name in the end, if that is not used itself."""
        name = self.constant(array, name=source)
        self.sources[name] = self.sources.get(source, source)
        return name

    def ints(self, *values: int) -> str:
        """The name of whole numbers as int64 (k,), which go with the batch where they are a `Size`."""
        if not any(isinstance(v, Size) for v in values):
            return self.constant(np.array(values, np.int64).reshape(-1))
        parts = [self._size(v) if isinstance(v, Size) else self.constant([v], np.int64) for v in values]
        name: str = parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)
        return name

    def _size(self, size: Size) -> str:
        if self.batch is None:
            raise self.refuse(f"a size is {int(size)} for one batch and {size.other} for another")
        name, one, other = self.batch
        factor, rest = divmod(size.other - int(size), other - one)
        if rest:
            raise self.refuse(f"a size is {int(size)} for a batch of {one} and {size.other} for one of {other}")
        if factor != 1:
            name = self.node("Mul", name, self.constant([factor], np.int64))
        shift = int(size) - factor * one
        made: str = self.node("Add", name, self.constant([shift], np.int64)) if shift else name
        return made

    def number(self, value: Any, dtype: Any) -> Value:
        """A number as a value of a dtype."""
        dtype = np.dtype(dtype)
        if isinstance(value, Share):
            return Value(self._share(value, dtype), (), dtype)
        if isinstance(value, Size):
            name = self.node("Squeeze", self.ints(value))
            return Value(self.node("Cast", name, to=self.code(dtype)), (), dtype)
        return Value(self.constant(value, dtype), (), dtype)

    def _share(self, share: Share, dtype: np.dtype[Any]) -> str:
        if self.batch is None:
            raise self.refuse(f"a number is {float(share)} for one batch and {share.other} for another")
        batch, one, other = self.batch
        count = self.node("Cast", self.node("Squeeze", batch), to=self.code(dtype))
        if np.isclose(share * one, share.other * other, rtol=1e-12):
            made: str = self.node("Div", self.constant(float(share) * one, dtype), count)
        elif np.isclose(share / one, share.other / other, rtol=1e-12):
            made = self.node("Mul", self.constant(float(share) / one, dtype), count)
        else:
            raise self.refuse(f"a number is {float(share)} for a batch of {one} and {share.other} for one of {other}")
        return made

    def code(self, dtype: Any) -> int:
        """ONNX's number of a dtype."""
        code: int = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return code

    def refuse(self, why: str) -> ExportError:
        """The error of the call that is being written."""
        where = f"{self.step.label} at {self.step.site}" if self.step is not None else "the graph"
        return ExportError(f"export: {where}: {why}.")

    # -- layouts ----------------------------------------------------------------------------------------------

    def plain(self, v: Value) -> str:
        """The name of a value with its axes in the order that they have here."""
        return self.ordered(v, None)

    def ordered(self, v: Value, order: Sequence[int] | None) -> str:
        """The name of a value with its axes in an order."""
        order = tidy(order)
        if v.order == order or v.ndim < 2:
            return v.name
        now, wanted = v.order or tuple(range(v.ndim)), order or tuple(range(v.ndim))
        turn = [now.index(axis) for axis in wanted]
        if v.name in self.constants:
            key = ("turned", v.name, tuple(turn))
            if key not in self._known:
                self._known[key] = self._derived(np.transpose(self.constants[v.name], turn), v.name)
            known: str = self._known[key]
            return known
        sizes = [v.shape[axis] for axis in now]
        moved = [k for k in turn if int(sizes[k]) != 1 or isinstance(sizes[k], Size)]
        if moved == sorted(moved):  # only axes of length 1 move
            return self.reshaped(v.name, [v.shape[axis] for axis in wanted])
        name: str = self.node("Transpose", v.name, perm=turn)
        return name

    def first(self, v: Value) -> str:
        """The name of images with channels first."""
        return self.ordered(v, channels_first(v.ndim))

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        """A value in a shape; one size that goes with the batch is left for the runtime to find."""
        moving = [k for k, n in enumerate(shape) if isinstance(n, Size)]
        if len(moving) == 1 and 0 not in shape:
            shape = [-1 if k == moving[0] else n for k, n in enumerate(shape)]
        zeros: dict[str, Any] = {"allowzero": 1} if 0 in shape else {}
        made: str = self.node("Reshape", name, self.ints(*shape), **zeros)
        return made

    def aligned(self, values: Sequence[Value], ndim: int) -> tuple[list[str], Order]:
        """Names of values that broadcast against each other to `ndim` axes, and the order that these axes have."""
        order = next((v.order for v in values if v.ndim == ndim and v.order is not None), None)
        return [self._broadcastable(v, ndim, order) for v in values], order

    def _broadcastable(self, v: Value, ndim: int, order: Order) -> str:
        if v.ndim == ndim:
            return self.ordered(v, order)
        if order is None or v.ndim == 0:
            return self.plain(v)
        name, padded = self.plain(v), (1,) * (ndim - v.ndim) + v.shape
        shape = [padded[axis] for axis in order]
        if name in self.constants:
            key = ("padded", name, order)
            if key not in self._known:
                array = np.transpose(self.constants[name].reshape(padded), order)
                self._known[key] = self._derived(array, name)
            known: str = self._known[key]
            return known
        if sum(int(n) != 1 for n in shape) > 1:
            made: str = self.node("Transpose", self.reshaped(name, padded), perm=list(order))
            return made
        return self.reshaped(name, shape)

    # -- results ----------------------------------------------------------------------------------------------

    def result(self, name: str, order: Sequence[int] | None = None, k: int = 0) -> Value:
        """The value of result number k of the call that is being written."""
        shape, dtype = self.outs[k]
        return Value(name, shape, dtype, tidy(order))

    def turned(self, name: str, k: int = 0) -> Value:
        """A result that lies with channels first."""
        return self.result(name, channels_first(len(self.outs[k][0])), k)

    def as_type(self, v: Value, dtype: Any) -> Value:
        """A value as another dtype."""
        dtype = np.dtype(dtype)
        if v.dtype == dtype:
            return v
        if v.name in self.constants:
            return Value(self.constant(self.constants[v.name].astype(dtype), name=v.name), v.shape, dtype, v.order)
        return Value(self.node("Cast", v.name, to=self.code(dtype)), v.shape, dtype, v.order)
