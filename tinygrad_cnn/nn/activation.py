"""Element-wise functions, and softmax, as layers: each names one op."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autodiff.dtypes import get_default_dtype
from ..autodiff.kinds import Approximation, Number, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import apart
from ..core import Tensor
from . import checks
from .function import _Function
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = [
    "ELU", "GELU", "SELU", "HardSigmoid", "HardSwish", "Identity", "Lambda", "LeakyReLU", "LogSoftmax", "PReLU",
    "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
]  # fmt: skip


class Identity(_Function):
    """x itself."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return x


class Lambda(Module):
    """Any function of one value as a layer: ``Lambda(tg.abs)``.

    A model that is to be pickled, as for a pool of processes, takes an op or a function of a module here: Python cannot
    pickle a lambda.

    >>> net = nn.Sequential(nn.Lambda(lambda x: x / 255), nn.Flatten())
    >>> net(np.full((1, 2, 2, 1), 51.0))
    array([[0.2, 0.2, 0.2, 0.2]])
    """

    samples = [L((ops.tanh,), x=(2, 3))]

    def __init__(self, fn: Any) -> None:
        if not callable(fn) or isinstance(fn, type):
            raise TypeError(f"Lambda: needs a function, got {fn!r}.")
        self.fn = fn

    def forward(self, x: Any) -> Any:
        return self.fn(x)

    def extra_repr(self) -> str:
        return getattr(self.fn, "__name__", type(self.fn).__name__)


class ReLU(_Function):
    """max(x, 0)."""

    samples = [L(x=apart(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.relu(x)


class ReLU6(_Function):
    """min(max(x, 0), 6)."""

    samples = [L(x=apart(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.relu6(x)


class LeakyReLU(_Function):
    """x where positive, slope * x elsewhere."""

    samples = [L((0.2,), x=apart(2, 3))]

    def __init__(self, slope: Number = 0.01) -> None:
        self.slope = number("LeakyReLU", "slope", slope)

    def forward(self, x: Any) -> Any:
        return ops.leaky_relu(x, slope=self.slope)

    def extra_repr(self) -> str:
        return f"{self.slope}"


class PReLU(Module):
    """LeakyReLU with learned slopes: one for all, or one for each of `channels`.  ``weight`` (channels,)."""

    in_keras = {"weight": Layout("alpha", shape=lambda shape: (1, 1, *shape))}  # of images, shared over the pixels
    keras_name = "p_re_lu"
    samples = [L(x=apart(2, 3)), L((3,), x=apart(2, 3))]

    def __init__(self, channels: Whole = 1, slope: Number = 0.25) -> None:
        self.channels = whole("PReLU", "channels", channels)
        start = number("PReLU", "slope", slope)
        self.weight = Parameter(np.full(channels, start, get_default_dtype()), copy=False)

    def forward(self, x: Any) -> Tensor:
        if self.channels > 1 and getattr(x, "shape", ())[-1:] != (self.channels,):
            raise checks.misfit("PReLU", f"values (..., {self.channels})", x)
        return ops.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"{self.channels}"


class ELU(_Function):
    """x where positive, alpha * (e**x - 1) elsewhere."""

    samples = [L((0.5,), x=apart(2, 3))]

    def __init__(self, alpha: Number = 1.0) -> None:
        self.alpha = number("ELU", "alpha", alpha)

    def forward(self, x: Any) -> Any:
        return ops.elu(x, alpha=self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha}"


class SELU(_Function):
    """The self-normalising ELU of Klambauer et al. (2017); use with ``init="lecun_normal"``."""

    samples = [L(x=apart(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.selu(x)


class GELU(_Function):
    """x times the normal distribution function at x; ``approximate="tanh"`` for the usual shortcut."""

    samples = [L(x=(2, 3)), L(("tanh",), x=(2, 3))]

    def __init__(self, approximate: Approximation = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f'GELU: approximate={approximate!r} must be "none" or "tanh".')
        self.approximate: Approximation = approximate

    def forward(self, x: Any) -> Any:
        return ops.gelu(x, approximate=self.approximate)

    def extra_repr(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class SiLU(_Function):
    """x * sigmoid(x)."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.silu(x)


class HardSwish(_Function):
    """x * min(max(x/6 + 1/2, 0), 1)."""

    samples = [L(x=apart(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.hard_swish(x)


class HardSigmoid(_Function):
    """min(max(x/6 + 1/2, 0), 1)."""

    samples = [L(x=apart(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.hard_sigmoid(x)


class Sigmoid(_Function):
    """1 / (1 + e**-x)."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.sigmoid(x)


class Tanh(_Function):
    """The hyperbolic tangent."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.tanh(x)


class Softplus(_Function):
    """log(1 + e**x)."""

    samples = [L(x=(2, 3))]

    def forward(self, x: Any) -> Any:
        return ops.softplus(x)


class Softmax(_Function):
    """e**x over its sum along `axis`."""

    samples = [L(x=(2, 3)), L((0,), x=(2, 3))]

    def __init__(self, axis: Whole = -1) -> None:
        self.axis = whole(type(self).__name__, "axis", axis, low=-32)

    def forward(self, x: Any) -> Any:
        return ops.softmax(x, axis=self.axis)

    def extra_repr(self) -> str:
        return "" if self.axis == -1 else f"axis={self.axis}"


class LogSoftmax(Softmax):
    """The logarithm of softmax, exact where softmax itself would round to 0."""

    def forward(self, x: Any) -> Any:
        return ops.log_softmax(x, axis=self.axis)
