"""The dense layer."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..ops.fused import fused
from . import checks
from .init import Initialiser, Rng, draw, zeros
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = ["Linear"]


class Linear(Module):
    """A dense layer, x @ weight + bias: x (..., in) -> (..., out).

    Weights start He-uniform and biases at zero, as in `Conv2d`.

    Attributes: ``weight`` (in, out), ``bias`` (out,) or None.

    >>> layer = nn.Linear(3, 2, rng=0)
    >>> weight = layer.weight.assign([[1, 0], [0, 1], [1, 1]])
    >>> layer(np.array([1.0, 2.0, 10.0], np.float32)).data  # x @ weight + bias
    array([11., 12.], dtype=float32)
    """

    in_torch = {"weight": Layout(axes=(1, 0))}  # (out, in)
    in_keras = {"weight": Layout("kernel")}
    keras_name = "dense"
    samples = [L((3, 2), x=(4, 3)), L((3, 2), {"bias": False}, x=(2, 2, 3))]

    def __init__(
        self,
        in_features: Whole,
        out_features: Whole,
        bias: bool = True,
        *,
        rng: Rng = None,
        init: str | Initialiser = "he_uniform",
    ) -> None:
        who = type(self).__name__
        self.in_features = whole(who, "in_features", in_features)
        self.out_features = whole(who, "out_features", out_features)
        self.weight = Parameter(draw(who, init, (in_features, out_features), rng), copy=False)
        self.bias = Parameter(zeros((out_features,)), copy=False) if bias else None

    def forward(self, x: Any, relu: bool = False) -> Tensor:
        shape = getattr(x, "shape", None)
        if not shape or shape[-1] != self.in_features:
            remedy = " Put nn.Flatten() before a dense layer." if shape and len(shape) > 2 else ""
            raise checks.misfit("Linear", f"rows (..., {self.in_features})", x, remedy)
        y: Tensor = fused(ops.linear_relu if relu else ops.linear)(x, self.weight, self.bias)
        return y

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")
