"""One step of a recurrent network: RNN, LSTM and GRU cells, with the gates in PyTorch's order."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import ops
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..ops.random import generator
from . import checks
from .init import Rng, uniform
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


def steps_of(x: Any) -> list[Any]:
    """The steps of x (L,N,C), each (N,C).

    Cut in halves again and again: a gradient put back into a whole sequence for each step would take time in proportion
    to the square of its length.
    """
    length = x.shape[0]
    if length == 1:
        return [x[0]]
    return steps_of(x[: length // 2]) + steps_of(x[length // 2 :])


class _Cell(Module):
    """What cells share: weights of the input and of the state, for all gates side by side."""

    in_torch = {"weight_ih": Layout(axes=(1, 0)), "weight_hh": Layout(axes=(1, 0))}
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1  # how many arrays a state is

    def __init__(self, input_size: Whole, hidden_size: Whole, bias: bool = True, *, rng: Rng = None) -> None:
        who = type(self).__name__
        self.input_size = whole(who, "input_size", input_size)
        self.hidden_size = whole(who, "hidden_size", hidden_size)
        rng, wide, limit = generator(rng, who), self.gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)

        def drawn(*shape: int) -> Parameter:
            return Parameter(uniform(shape, -limit, limit, rng=rng), copy=False)

        self.weight_ih = drawn(self.input_size, wide)
        self.weight_hh = drawn(self.hidden_size, wide)
        self.bias_ih = drawn(wide) if bias else None
        self.bias_hh = drawn(wide) if bias else None

    def forward(self, x: Any, state: Any = None, *, steps: bool = False) -> Any:
        """The state after one more row of each sequence: x (N,I).

        With ``steps=True`` x is all steps, (L,N,I); the result is what each gave, (L,N,H), and the last state.
        """
        shape: tuple[int, ...] = getattr(x, "shape", ())
        if len(shape) != 2 + steps or shape[-1] != self.input_size or (steps and not shape[0]):
            raise checks.misfit(type(self).__name__, f"rows ({'L, ' * steps}N, {self.input_size})", x)
        shape = shape[steps:]
        state = self.begin(x[0] if steps else x) if state is None else state
        parts = state if self.states > 1 else (state,)
        if not isinstance(parts, tuple) or len(parts) != self.states:
            raise TypeError(f"{type(self).__name__}: state must be a tuple of {self.states} arrays (N, hidden_size).")
        for part in parts:
            if getattr(part, "shape", ()) != (shape[0], self.hidden_size):
                raise checks.misfit(type(self).__name__, f"a state ({shape[0]}, {self.hidden_size})", part)
        return self.along(x, state) if steps else self.step(x, state)

    def begin(self, x: Any) -> Any:
        """The state before the first step: zeros (N, hidden_size) for rows x (N, input_size)."""
        zeros = ops.zeros((x.shape[0], self.hidden_size), dtype=self.weight_hh.dtype)
        return zeros if self.states == 1 else (zeros,) * self.states

    def step(self, x: Any, state: Any) -> Any:
        """The state after one more row of each sequence."""
        raise NotImplementedError

    def along(self, x: Any, state: Any) -> tuple[Any, Any]:
        """What each step gave, (L,N,H), and the state after the last."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")

    def _parts(self, y: Any) -> list[Any]:
        """The gates of (N, gates * hidden_size), one by one."""
        n = self.hidden_size
        return [y[:, k * n : (k + 1) * n] for k in range(self.gates)]


class RNNCell(_Cell):
    """h' = tanh(x @ weight_ih + bias_ih + h @ weight_hh + bias_hh), or relu: x (N,I), h (N,H) -> (N,H).

    Attributes: ``weight_ih`` (I, H), ``weight_hh`` (H, H), ``bias_ih`` and ``bias_hh`` (H,) or None.
    Source: Elman (1990).

    >>> cell = nn.RNNCell(3, 2, rng=0)
    >>> cell(np.ones((4, 3), np.float32)).shape
    (4, 2)
    """

    samples = [L((3, 2), x=(4, 3)), L((3, 2), {"nonlinearity": "relu", "bias": False}, x=(4, 3), state=(4, 2))]

    def __init__(
        self, input_size: Whole, hidden_size: Whole, bias: bool = True, nonlinearity: str = "tanh", *, rng: Rng = None
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'RNNCell: nonlinearity={nonlinearity!r} must be "tanh" or "relu".')
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, rng=rng)

    def step(self, x: Any, state: Any) -> Tensor:
        return self._next(ops.linear(x, self.weight_ih, self.bias_ih), state)

    def along(self, x: Any, state: Any) -> tuple[Any, Any]:
        found = []
        for row in steps_of(ops.linear(x, self.weight_ih, self.bias_ih)):
            state = self._next(row, state)
            found.append(state)
        return ops.stack(found), state

    def _next(self, x: Any, state: Any) -> Tensor:
        total = x + ops.linear(state, self.weight_hh, self.bias_hh)
        y: Tensor = ops.tanh(total) if self.nonlinearity == "tanh" else ops.relu(total)
        return y

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class LSTMCell(_Cell):
    """c' = f * c + i * g and h' = o * tanh(c'), with gates i, f, o = sigmoid(...) and g = tanh(...): -> (h', c').

    Each gate is x @ weight_ih + bias_ih + h @ weight_hh + bias_hh, in the order i, f, g, o.

    Attributes: ``weight_ih`` (I, 4H), ``weight_hh`` (H, 4H), ``bias_ih`` and ``bias_hh`` (4H,) or None.  Source:
    Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000).

    >>> cell = nn.LSTMCell(3, 2, rng=0)
    >>> h, c = cell(np.ones((4, 3), np.float32))  # from a state of zeros
    >>> h, c = cell(np.ones((4, 3), np.float32), (h, c))
    >>> h.shape, c.shape
    ((4, 2), (4, 2))
    """

    gates, states = 4, 2
    samples = [L((3, 2), x=(4, 3)), L((2, 3), {"bias": False}, x=(2, 2))]

    def step(self, x: Any, state: Any) -> tuple[Tensor, Tensor]:
        h, c = state
        total = ops.linear(x, self.weight_ih, self.bias_ih) + ops.linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = self._parts(total)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c

    def along(self, x: Any, state: Any) -> tuple[Any, Any]:
        bias = None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh
        y = ops.lstm_sequence(ops.linear(x, self.weight_ih, bias), self.weight_hh, *state)
        return y[0], (y[0, -1], y[1, -1])


class GRUCell(_Cell):
    """h' = (1 - z) * n + z * h, with r, z = sigmoid(...) and n = tanh(x @ w_n + b_n + r * (h @ u_n + c_n)).

    Each gate has its columns of the weights, in the order r, z, n.

    Attributes: ``weight_ih`` (I, 3H), ``weight_hh`` (H, 3H), ``bias_ih`` and ``bias_hh`` (3H,) or None.
    Source: Cho et al. (2014), with the reset gate after the product, as in PyTorch.

    >>> cell = nn.GRUCell(3, 2, rng=0)
    >>> cell(np.ones((4, 3), np.float32)).shape
    (4, 2)
    """

    gates = 3
    samples = [L((3, 2), x=(4, 3)), L((3, 2), {"bias": False}, x=(4, 3), state=(4, 2))]

    def step(self, x: Any, state: Any) -> Tensor:
        rx, zx, nx = self._parts(ops.linear(x, self.weight_ih, self.bias_ih))
        rh, zh, nh = self._parts(ops.linear(state, self.weight_hh, self.bias_hh))
        z, n = ops.sigmoid(zx + zh), ops.tanh(nx + ops.sigmoid(rx + rh) * nh)
        y: Tensor = n + z * (state - n)
        return y

    def along(self, x: Any, state: Any) -> tuple[Any, Any]:
        bias = ops.zeros((3 * self.hidden_size,), dtype=self.weight_hh.dtype) if self.bias_hh is None else self.bias_hh
        y = ops.gru_sequence(ops.linear(x, self.weight_ih, self.bias_ih), self.weight_hh, bias, state)
        return y, y[-1]
