"""Less common activations as layers: each names one op."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import apart
from ..ops.activation_forms import check_alpha
from .function import _Function

__all__ = ["CELU", "GLU", "Hardtanh", "LogSigmoid", "Mish", "Softsign"]


class Mish(_Function):
    """x * tanh(softplus(x))."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.mish(x)


class LogSigmoid(_Function):
    """The logarithm of the sigmoid, exact where the sigmoid itself would round to 0."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.log_sigmoid(x)


class Softsign(_Function):
    """x / (1 + abs(x))."""

    samples = [L(x=apart(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.softsign(x)


class CELU(_Function):
    """x where positive, alpha * (e**(x / alpha) - 1) elsewhere."""

    samples = [L((0.5,), x=apart(2, 3))]

    def __init__(self, alpha: Number = 1.0) -> None:
        self.alpha = number("CELU", "alpha", alpha)
        check_alpha("CELU", self.alpha)

    def forward(self, x: Any) -> Any:
        return ops.celu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha}"


class Hardtanh(_Function):
    """x held within [low, high]; flat outside, as `tg.clip`."""

    samples = [L(x=apart(2, 3)), L((-0.5, 2.0), x=apart(2, 3))]

    def __init__(self, low: Number = -1.0, high: Number = 1.0) -> None:
        self.low, self.high = number("Hardtanh", "low", low), number("Hardtanh", "high", high)
        if self.low >= self.high:
            raise ValueError(f"Hardtanh: low={low} must be below high={high}.")

    def forward(self, x: Any) -> Any:
        return ops.clip(x, self.low, self.high)

    def extra_repr(self) -> str:
        return f"{self.low}, {self.high}"


class GLU(_Function):
    """The first half along `axis` times the sigmoid of the second: x (..., 2*C) -> (..., C)."""

    samples = [L(x=(2, 4)), L((1,), x=(2, 4, 3))]

    def __init__(self, axis: Whole = -1) -> None:
        self.axis = whole("GLU", "axis", axis, low=-32)

    def forward(self, x: Any) -> Any:
        return ops.glu(x, axis=self.axis)

    def extra_repr(self) -> str:
        return "" if self.axis == -1 else f"axis={self.axis}"
