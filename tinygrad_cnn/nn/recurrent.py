"""Recurrent layers: cells run along sequences, in one or both directions, in one or more layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..autodiff.kinds import Number, Whole, Wholes
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..core.tensor import plain
from ..ops.random import generator
from . import checks
from .containers import ModuleList
from .dropout import Dropout
from .init import Rng
from .layouts import Layout
from .module import Module
from .recurrent_cells import GRUCell, LSTMCell, RNNCell, steps_of

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Module):
    """What recurrent layers share: the walk along time, its two directions, and layers above each other."""

    cell: ClassVar[type[Any]]

    def __init__(
        self,
        input_size: Whole,
        hidden_size: Whole,
        num_layers: Whole = 1,
        bias: bool = True,
        *,
        dropout: Number = 0.0,
        bidirectional: bool = False,
        rng: Rng = None,
    ) -> None:
        who = type(self).__name__
        self.input_size, self.hidden_size = (
            whole(who, name, value) for name, value in (("input_size", input_size), ("hidden_size", hidden_size))
        )
        self.num_layers = whole(who, "num_layers", num_layers)
        self.bidirectional, rng = bool(bidirectional), generator(rng, who)
        directions = 1 + self.bidirectional
        inputs = [self.input_size] + [directions * self.hidden_size] * (self.num_layers - 1)
        self.cells = ModuleList([self._made(size, bias, rng) for size in inputs for _ in range(directions)])
        rate = number(who, "dropout", dropout, 0, below=1)
        self.dropout = Dropout(rate, rng=rng) if rate and self.num_layers > 1 else None

    def _made(self, size: int, bias: bool, rng: np.random.Generator) -> Any:
        """One cell for rows of `size` numbers."""
        return self.cell(size, self.hidden_size, bias, rng=rng)

    @property
    def in_torch(self) -> dict[str, Layout]:  # type: ignore[override]
        """The arrays of all cells, which stand side by side there: "weight_hh_l1_reverse"."""
        found = {}
        for k, cell in enumerate(self.cells):
            layer, back = divmod(k, 1 + self.bidirectional)
            for name, _ in cell.named_parameters():
                there = f"{name}_l{layer}{'_reverse' * back}"
                found[f"cells.{k}.{name}"] = Layout(there, axes=(1, 0) if name.startswith("weight") else None)
        return found

    def forward(self, x: Any, state: Any = None, *, lengths: Wholes | np.ndarray | None = None) -> tuple[Any, Any]:
        """What each step gave, and the state after the last.  x (N,L,I) -> (N,L,H*D), state (layers*D,N,H)

        D is 2 if it goes both ways, else 1; the forward direction comes first.  `state` is what it begins with, by
        default zeros.  With `lengths` (N,), sequence n ends after lengths[n] steps: what follows is ignored, results
        there are 0, and the state is that after its own last step.
        """
        who = type(self).__name__
        shape: tuple[int, ...] = getattr(x, "shape", ())
        if len(shape) != 3 or shape[2] != self.input_size:
            raise checks.misfit(who, f"sequences (N, L, {self.input_size})", x)
        if not shape[1]:
            raise checks.misfit(who, f"sequences (N, L, {self.input_size}) of at least one step", x)
        inside = None if lengths is None else _inside(who, lengths, shape)
        y, ends = ops.swapaxes(x, 0, 1), []
        directions = 1 + self.bidirectional
        begin = self._begin(state, shape[0])
        for k in range(self.num_layers):
            if k and self.dropout is not None:
                y = self.dropout(y)
            ways = []
            for d in range(directions):
                place = k * directions + d
                outputs, end = self._walk(self.cells[place], y, begin[place], inside, bool(d))
                ways.append(outputs)
                ends.append(end)
            y = ways[0] if directions == 1 else ops.concatenate(ways, axis=-1)
        parts = [ops.stack([_parts(end)[j] for end in ends]) for j in range(self.cell.states)]
        return ops.swapaxes(y, 0, 1), parts[0] if len(parts) == 1 else tuple(parts)

    def _begin(self, state: Any, count: int) -> list[Any]:
        """The state with which each cell begins; None for zeros."""
        size = (len(self.cells), count, self.hidden_size)
        if state is None:
            return [None] * len(self.cells)
        parts = _parts(state)
        if len(parts) != self.cell.states:
            raise TypeError(f"{type(self).__name__}: state must be a tuple of {self.cell.states} arrays {size}.")
        for part in parts:
            if getattr(part, "shape", ()) != size:
                raise checks.misfit(type(self).__name__, f"a state {size}", part)
        found = [tuple(part[k] for part in parts) for k in range(len(self.cells))]
        return found if self.cell.states > 1 else [one for (one,) in found]

    def _walk(
        self, cell: Any, x: Any, state: Any, inside: list[np.ndarray] | None, back: bool
    ) -> tuple[Any, Any]:
        """One cell along x (L,N,C); where a sequence has ended, or not begun from behind, the state stays."""
        if inside is None:
            y, state = cell(ops.flip(x, axis=0) if back else x, state, steps=True)
            return ops.flip(y, axis=0) if back else y, state
        rows, outputs = steps_of(x), []
        for t in reversed(range(len(rows))) if back else range(len(rows)):
            state = cell.begin(rows[t]) if state is None else state
            after = cell(rows[t], state)
            output = ops.where(inside[t], _parts(after)[0], 0.0)
            kept = [ops.where(inside[t], a, b) for a, b in zip(_parts(after), _parts(state), strict=True)]
            state = tuple(kept) if len(kept) > 1 else kept[0]
            outputs.append(output)
        return ops.stack(outputs[::-1] if back else outputs), state

    def extra_repr(self) -> str:
        words = [f"{self.input_size}, {self.hidden_size}"]
        words += [f"num_layers={self.num_layers}"] if self.num_layers > 1 else []
        return ", ".join(words + ["bidirectional=True"] * self.bidirectional)


def _parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


def _inside(who: str, lengths: Any, shape: tuple[int, ...]) -> list[np.ndarray]:
    """For each step, which of the sequences are not over, (N, 1)."""
    given = np.asarray(plain(lengths))
    if given.shape != shape[:1] or given.dtype.kind not in "iu":
        raise ValueError(
            f"{who}: lengths must be {shape[0]} whole numbers, one for each sequence of x {tuple(shape)}, "
            f"got {given.dtype} {given.shape}."
        )
    if given.size and (given.min() < 1 or given.max() > shape[1]):
        raise ValueError(f"{who}: lengths go from {given.min()} to {given.max()}; they must be from 1 to {shape[1]}.")
    return [(t < given)[:, None] for t in range(shape[1])]


class RNN(_Recurrent):
    """An `RNNCell` along sequences: x (N,L,I) -> y (N,L,H), state (layers,N,H).

    Parameters
    ----------
    num_layers : how many run above each other, each on what the one below gave.
    bidirectional : a second one runs from the end, and results stand side by side: y (N,L,2*H), state (2*layers,N,H).
    dropout : between layers, in training.
    nonlinearity : "tanh" or "relu".

    Examples
    --------
    >>> y, state = nn.RNN(3, 5, rng=0)(np.ones((2, 4, 3), np.float32))
    >>> y.shape, state.shape
    ((2, 4, 5), (1, 2, 5))
    """

    cell = RNNCell
    samples = [L((3, 2), x=(2, 3, 3)), L((2, 3, 2), {"bidirectional": True, "nonlinearity": "relu"}, x=(2, 3, 2))]

    def __init__(
        self, input_size: Whole, hidden_size: Whole, num_layers: Whole = 1, bias: bool = True, *, dropout: Number = 0.0,
        bidirectional: bool = False, nonlinearity: str = "tanh", rng: Rng = None,
    ) -> None:  # fmt: skip
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, dropout=dropout, bidirectional=bidirectional, rng=rng
        )

    def _made(self, size: int, bias: bool, rng: np.random.Generator) -> Any:
        return RNNCell(size, self.hidden_size, bias, self.nonlinearity, rng=rng)


class LSTM(_Recurrent):
    """An `LSTMCell` along sequences: x (N,L,I) -> y (N,L,H), (h, c) with h, c (layers,N,H).

    Options as in `RNN`.

    >>> lstm = nn.LSTM(3, 5, bidirectional=True, rng=0)
    >>> y, (h, c) = lstm(np.ones((2, 4, 3), np.float32), lengths=[4, 2])
    >>> y.shape, h.shape
    ((2, 4, 10), (2, 2, 5))
    >>> bool(y.data[1, 2:].any())  # after its end
    False
    """

    cell = LSTMCell
    samples = [L((3, 2), x=(2, 3, 3)), L((2, 2, 2), {"bidirectional": True}, x=(2, 3, 2))]


class GRU(_Recurrent):
    """A `GRUCell` along sequences: x (N,L,I) -> y (N,L,H), state (layers,N,H).  Options as in `RNN`.

    >>> y, state = nn.GRU(3, 5, num_layers=2, rng=0)(np.ones((2, 4, 3), np.float32))
    >>> y.shape, state.shape
    ((2, 4, 5), (2, 2, 5))
    """

    cell = GRUCell
    samples = [L((3, 2), x=(2, 3, 3)), L((2, 3, 2), {"bidirectional": True, "bias": False}, x=(2, 3, 2))]
