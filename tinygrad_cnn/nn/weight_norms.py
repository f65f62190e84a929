"""Norms of weights, as parametrisations: spectral norm, and weight norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.effects import effect
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core import Tensor
from ..core.errors import describe
from ..core.tensor import plain
from ..ops.random import draw_from, generator
from .init import Rng
from .layouts import SAME, Layout
from .module import Module
from .parametrizations import _Shown, moves, parametrize

__all__ = ["spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


class _SpectralNorm(_Shown):
    """A weight over its largest singular value, which a power iteration finds."""

    _u: Tensor
    _v: Tensor
    of_inputs = ("_v",)  # what has an element for each column, as `io.from_torch` has to know

    def __init__(
        self, weight: np.ndarray, form: Sequence[int], order: Sequence[int], steps: int, eps: float, rng: Any
    ) -> None:
        self._form, self._order = tuple(form), tuple(order)
        self.n_power_iterations, self.eps = steps, eps
        if weight.ndim > 1:
            m = self._matrix(weight)
            for name, size in (("_u", m.shape[0]), ("_v", m.shape[1])):
                start = draw_from(rng, "standard_normal", size).astype(weight.dtype)
                self.register_buffer(name, self._unit(start))
            self._iterate(m, 15)

    def _matrix(self, w: Any) -> Any:
        """A row for each output."""
        turned = ops.transpose(ops.reshape(w, self._form), self._order)
        return ops.reshape(turned, (turned.shape[0], math.prod(turned.shape[1:])))

    def _unit(self, x: np.ndarray) -> np.ndarray:
        return x / max(float(np.sqrt((x * x).sum())), self.eps)

    @effect
    def _iterate(self, m: np.ndarray, steps: int) -> None:
        """Move the vectors towards the first singular ones of the matrix."""
        u, v = self._u.data, self._v.data
        for _ in range(steps):
            u = self._unit(m @ v)
            v = self._unit(m.T @ u)
        self._u.assign(u)
        self._v.assign(v)

    def forward(self, w: Any) -> Any:
        if len(w.shape) < 2:
            return w / ops.maximum(ops.sqrt(ops.sum(w * w)), self.eps)
        m = self._matrix(w)
        if moves(self):
            self._iterate(plain(m), self.n_power_iterations)
        u, v = (Tensor(side.data) for side in (self._u, self._v))  # copies: the next call moves the buffers
        return w / ops.sum(u * ops.matmul(m, v))

    def extra_repr(self) -> str:
        return f"n_power_iterations={self.n_power_iterations}" * (self.n_power_iterations != 1)


class _WeightNorm(_Shown):
    """direction * length / norm of direction, over all axes but `axes`."""

    def __init__(self, axes: Sequence[int], ndim: int) -> None:
        self._over = tuple(k for k in range(ndim) if k not in axes)

    def _norm(self, w: Any) -> Any:
        return ops.sqrt(ops.sum(w * w, axis=self._over, keepdims=True))

    def forward(self, length: Any, direction: Any) -> Any:
        return direction * (length / self._norm(direction))

    def right_inverse(self, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The length and the direction of a weight."""
        return self._norm(value), value


def _weight(who: str, layer: Any, name: str) -> np.ndarray:
    """The value of a parameter of a layer, for `parametrize` to find fault with if it is missing."""
    if not isinstance(layer, Module):
        raise TypeError(f"{who}: needs a layer first, got {describe(layer)}.")
    value = getattr(layer, name, None) if isinstance(name, str) else None
    if not isinstance(value, Tensor):
        known = [key for key, part in vars(layer).items() if isinstance(part, Tensor) and key not in layer._buffers]
        raise ValueError(
            f"{who}: {type(layer).__name__} has no parameter {name!r} of its own. It has {', '.join(known) or 'none'}."
        )
    return value.data


def _layout(layer: Module, name: str) -> Layout:
    layout = layer.in_torch.get(name, SAME)
    return layout if isinstance(layout, Layout) else SAME


def _rows_and_columns(layer: Module, name: str, shape: tuple[int, ...], axis: int | None) -> tuple[Any, Any]:
    """How a weight becomes a matrix with a row for each output: its shape, and the order of that shape's axes."""
    if axis is not None:
        return shape, (axis, *[k for k in range(len(shape)) if k != axis])
    layout = _layout(layer, name)
    form = layout.shape(shape) if layout.shape is not None else shape
    order = list(layout.axes or range(len(form)))
    if any(kind.__name__.startswith("ConvTranspose") for kind in type(layer).__mro__) and len(order) > 1:
        order.insert(0, order.pop(1))  # PyTorch's filters of these have the outputs second
    return form, order


def _outputs(layer: Module, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a weight that are the first one of PyTorch's: along these the number of its row there changes."""
    layout = _layout(layer, name)
    there = layout.shape_there(shape)
    rows = np.broadcast_to(np.arange(there[0]).reshape(-1, *[1] * (len(there) - 1)), there)
    here = layout.here(rows, shape)
    return tuple(k for k in range(len(shape)) if (here != here.take([0], k)).any())


def _axis(who: str, axis: Whole | None, ndim: int) -> int | None:
    return None if axis is None else whole(who, "axis", axis, -ndim, ndim - 1) % ndim


@named
def spectral_norm(
    layer: M, name: str = "weight", n_power_iterations: Whole = 1, eps: Number = 1e-12, axis: Whole | None = None, *,
    rng: Rng = None,
) -> M:  # fmt: skip
    """Divide a weight by its largest singular value, in each call of the layer; returns the layer.

    The weight is taken as a matrix with a row for each output.  A power iteration goes on from call to call in
    training, and stands still in `eval` and while frozen.  The original is the parameter that is trained, see
    `parametrize`; `remove_parametrization` undoes it.  Source: Miyato et al. (2018).

    Parameters
    ----------
    n_power_iterations : steps in each call.
    axis : of the outputs; by default the one that the layer has for them.
    rng : of the vectors to begin with.

    Examples
    --------
    >>> layer = nn.spectral_norm(nn.Linear(20, 30, rng=0), rng=1)
    >>> bool(abs(np.linalg.norm(layer.eval().weight.data, 2) - 1) < 0.1)
    True
    """
    who = "spectral_norm"
    value = _weight(who, layer, name)
    steps, small = whole(who, "n_power_iterations", n_power_iterations), number(who, "eps", eps, 0.0)
    form, order = _rows_and_columns(layer, name, value.shape, _axis(who, axis, value.ndim))
    return parametrize(layer, name, _SpectralNorm(value, form, order, steps, small, generator(rng, who)))


@named
def weight_norm(layer: M, name: str = "weight", axis: Whole | None = None) -> M:
    """Train the length and the direction of each of a layer's filters apart; returns the layer.

    weight = original0 * original1 / norm(original1), with a norm for each index along `axis`: by default PyTorch's
    `dim=0`, which is the last axis of dense weights and filters, and the first of an embedding.
    `remove_parametrization` undoes it.  Source: Salimans and Kingma (2016).

    >>> layer = nn.weight_norm(nn.Linear(3, 2, rng=0))
    >>> {name: p.shape for name, p in layer.named_parameters()}
    {'bias': (2,), 'parametrizations.weight.original0': (1, 2), 'parametrizations.weight.original1': (3, 2)}
    """
    value = _weight("weight_norm", layer, name)
    one = _axis("weight_norm", axis, value.ndim)
    axes = _outputs(layer, name, value.shape) if one is None else (one,)
    return parametrize(layer, name, _WeightNorm(axes, value.ndim))
