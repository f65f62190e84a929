"""A model as a table: what each layer makes, how much it holds, what it costs."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.kinds import Wholes
from ..autodiff.numbers import wholes
from ..autodiff.observing import Call, observing
from ..core import Tensor, no_grad
from ..core.modes import current
from ..nn import Module, Parameter, ReLU
from ..nn.hooks import looking_on
from .cost import forward_cost, fresh, multiply_adds, nbytes, outer, values
from .evaluation import evaluating
from .numbers import amount, memory
from .table import table


class SummaryError(ValueError):
    """The model could not be run; the message says where it failed and shows the layers before."""


@dataclass
class Row:
    """One layer, or the ops that a model calls outside of its layers."""

    path: str  # "" for the model itself
    kind: str  # its class; "ops" where there is none
    output: tuple[int, ...] | None = None  # shape; None if it was not called or returned no array
    parameters: int = 0  # that no row above has
    frozen: int = 0  # of these
    macs: int = 0  # multiply-adds of all its calls
    flop: int = 0
    bytes: int = 0  # of the arrays that its ops made
    calls: int = 0
    note: str = ""


@dataclass(repr=False)
class Summary:
    """What `tg.summary` found; `print` shows it as a table.

    Attributes: ``rows``, ``input_shape`` (with the batch), ``total_parameters`` (each once, however often it is
    used), ``trainable_parameters``, and for the whole batch ``total_macs``, ``total_flop``, ``total_bytes``.
    """

    name: str
    input_shape: tuple[int, ...]
    total_parameters: int
    trainable_parameters: int
    rows: list[Row] = field(default_factory=list)

    @property
    def total_macs(self) -> int:
        """Multiply-adds in convolutions and matrix products, for the whole batch."""
        return sum(row.macs for row in self.rows)

    @property
    def total_flop(self) -> int:
        """Floating-point operations of all ops, for the whole batch."""
        return sum(row.flop for row in self.rows)

    @property
    def total_bytes(self) -> int:
        """Bytes of all arrays that the ops made, parameters and input not counted."""
        return sum(row.bytes for row in self.rows)

    def __str__(self) -> str:
        head = ("layer", "kind", "output", "parameters", "multiply-adds", "activations")
        body = [
            (
                row.path or "(model)", row.kind + (f" x{row.calls}" if row.calls > 1 else ""),
                row.note or ("-" if row.output is None else str(row.output)),
                _parameters(row), f"{row.macs:,}" if row.macs else "-",
                memory(row.bytes) if row.bytes else "-",
            )
            for row in self.rows
        ]  # fmt: skip
        total = ("total", "", "", f"{self.total_parameters:,}", f"{self.total_macs:,}", memory(self.total_bytes))
        frozen = self.total_parameters - self.trainable_parameters
        parts = f", {frozen:,} of them frozen and {self.trainable_parameters:,} trainable" if frozen else ""
        return "\n".join([
            f"{self.name}, input {self.input_shape}",
            *table(head, [*body, total], left=3),
            f"{amount(self.total_parameters)} parameters{parts}"
            f"; {amount(self.total_macs)} multiply-adds, {amount(self.total_flop)} FLOP in all, "
            f"for a batch of {self.input_shape[0] if self.input_shape else 1}",
        ])  # fmt: skip

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _parameters(row: Row) -> str:
    """How many parameters a layer has, with a mark if they are frozen."""
    if not row.parameters:
        return "-"
    part = "frozen" if row.frozen == row.parameters else f"{row.frozen:,} frozen"
    return f"{row.parameters:,}" + (f" ({part})" if row.frozen else "")


@named
def summary(model: Module, example: Wholes | np.ndarray | Tensor) -> Summary:
    """Run a model once, in evaluation mode, and tell what each layer makes and costs.

    Parameters
    ----------
    model : a Module; it is left as it was.
    example : the shape of one input without the batch, as (H, W, C), which is run on zeros as a batch of one;
        or an array or Tensor to run it on.

    Returns
    -------
    Summary : shapes and multiply-adds of the calls that really ran.  Convolutions and matrix products count as
        multiply-adds; biases, norms, pooling and activations are in `total_flop` only.

    Raises
    ------
    SummaryError : the model fails on this input.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    >>> print(tg.summary(net, (8, 8, 1)))
    Sequential, input (1, 8, 8, 1)
    layer  kind     output                         parameters  multiply-adds  activations
    -----  -------  -----------------------------  ----------  -------------  -----------
    0      Conv2d   (1, 6, 6, 4)                           40          1,296    576 bytes
    1      ReLU     (fused into the layer before)           -              -            -
    2      Flatten  (1, 144)                                -              -            -
    3      Linear   (1, 10)                             1,450          1,440     40 bytes
    total                                               1,490          2,736    616 bytes
    1.49 k parameters; 2.736 k multiply-adds, 5.472 k FLOP in all, for a batch of 1
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: the model must be a Module, got {type(model).__name__}. Wrap functions: nn.Lambda.")
    x = _example(example)
    modules = dict(model.named_modules())
    parameters = list(model.parameters())
    found = Summary(
        type(model).__name__, tuple(x.shape), sum(p.size for p in parameters),
        sum(p.size for p in parameters if p.requires_grad),
    )  # fmt: skip
    rows = {path: Row(path, type(module).__name__) for path, module in modules.items()}
    _count_parameters(modules, rows)
    try:
        fused = _run(model, modules, rows, x)
    except Exception as error:
        found.rows = [row for row in rows.values() if row.calls]
        raise SummaryError(f"summary: the model failed with {type(error).__name__}: {error}\nIt got so far:\n{found}"
                           ) from error  # fmt: skip
    for path, row in rows.items():
        leaf = path not in modules or next(modules[path].children(), None) is None
        if not row.calls:
            row.note = "(fused into the layer before)" if path in fused else "(not called)" if leaf else ""
        if leaf or row.parameters or row.flop or row.bytes:
            found.rows.append(row)
    return found


def _example(example: Any) -> Any:
    if isinstance(example, (np.ndarray, Tensor)):
        return example
    form = "a shape without the batch, as in (28, 28, 1)"
    shape = wholes("summary", "input", example, form=form, remedy="Instead of a shape, an array is taken too.")
    return np.zeros((1, *shape), np.float32)


def _count_parameters(modules: dict[str, Module], rows: dict[str, Row]) -> None:
    """Give each parameter to the first module that has it."""
    seen: set[int] = set()
    for path, module in modules.items():
        for value in vars(module).values():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                rows[path].parameters += value.size
                rows[path].frozen += 0 if value.requires_grad else value.size


def _run(model: Module, modules: dict[str, Module], rows: dict[str, Row], x: Any) -> set[str]:
    """One forward pass that fills the rows; the paths of activations that a layer before them took over."""
    start = len(current().path) + 1 if current().path else 0
    takers: set[str] = set()

    def see(call: Call) -> None:
        if outer(call) is None:
            path = current().path[start:]
            row = rows.setdefault(path, Row(path, "ops"))
            made = values(call)
            flop = forward_cost(call).flop
            row.flop += flop
            row.macs += multiply_adds(call.op, flop, made[0].size if made else 1)
            row.bytes += nbytes(fresh(call))
            if path not in modules:
                row.calls, row.output = 1, made[0].shape if made else None

    paths = {module: path for path, module in modules.items()}

    def note(module: Module, args: Any, kwargs: Mapping[str, Any], y: Any) -> None:
        row = rows[paths[module]]
        row.calls += 1
        row.output = getattr(y, "shape", None)
        if kwargs.get("relu"):
            takers.add(row.path)

    with evaluating(model), no_grad(), looking_on(paths, note), observing(see):
        model(x)
    return {path for path in _followers(modules, takers) if isinstance(modules[path], ReLU) and not rows[path].calls}


def _followers(modules: dict[str, Module], paths: set[str]) -> Iterator[str]:
    """The modules that come after these ones, in the same parent."""
    for path in paths:
        parent = path.rpartition(".")[0]
        siblings = [f"{parent}.{name}".lstrip(".") for name, _ in modules[parent].named_children()]
        yield from siblings[siblings.index(path) + 1 :][:1] if path in siblings else ()
