"""Layers that normalise each sample by itself, and what all norms share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import ops
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from . import checks
from .function import _Function
from .init import ones, zeros
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]

FORMS = {2: "rows (N, {})", 3: "sequences (N, L, {})", 4: "images (N, H, W, {})", 5: "volumes (N, D, H, W, {})"}


class _Norm(Module):
    """What they share: a scale and a shift per channel.  ``weight`` starts at one, ``bias`` at zero, (channels,).

    Without `affine` there is neither, and without `bias` no shift.
    """

    weight: Parameter  # or None, as `bias` here; most layers have them
    bias: Parameter | None
    in_keras: Mapping[str, Layout] = {"weight": Layout("gamma"), "bias": Layout("beta")}

    axes: tuple[int, ...] = ()  # how many its inputs may have; empty for any number

    def __init__(self, channels: Whole, eps: Number, affine: bool = True, bias: bool = True) -> None:
        who = type(self).__name__
        self.channels = whole(who, "channels", channels)
        self.eps = number(who, "eps", eps, 0.0)
        self.weight = Parameter(ones((self.channels,)), copy=False) if affine else None  # type: ignore[assignment]
        self.bias = Parameter(zeros((self.channels,)), copy=False) if affine and bias else None

    def _check(self, x: Any) -> Any:
        """Refuse x if it does not fit; an array as a Tensor if there is no weight that makes the result one."""
        shape: tuple[int, ...] = getattr(x, "shape", ())
        if len(shape) < 2 or shape[-1] != self.channels or (self.axes and len(shape) not in self.axes):
            raise checks.misfit(type(self).__name__, self._form, x)
        return x if self.weight is not None or isinstance(x, Tensor) else Tensor(x)

    @property
    def _form(self) -> str:
        known = [FORMS[n].format(self.channels) for n in self.axes]
        return " or ".join(known) or f"samples (N, ..., {self.channels})"

    _without_bias = True  # whether a layer that has no shift says so

    def extra_repr(self) -> str:
        words = [f"{self.channels}"] + [f"eps={self.eps}"] * (self.eps != 1e-5)
        if self.weight is None:
            words.append("affine=False")
        elif self.bias is None and self._without_bias:
            words.append("bias=False")
        return ", ".join(words)


class LayerNorm(_Norm):
    """Normalise each place over its channels: x (N,...,C), over the last axis, then scale and shift.

    `affine` : whether there are ``weight`` and ``bias``; `bias` : whether there is a ``bias`` beside ``weight``.
    """

    keras_name = "layer_normalization"
    samples = [L((3,), x=(4, 3)), L((3,), {"bias": False}, x=(2, 2, 3)), L((3,), {"affine": False}, x=(4, 3))]

    def __init__(self, channels: Whole, eps: Number = 1e-5, affine: bool = True, bias: bool = True) -> None:
        super().__init__(channels, eps, affine, bias)

    def forward(self, x: Any) -> Tensor:
        x = self._check(x)
        y: Tensor = ops.layer_norm(x, self.weight, self.bias, eps=self.eps)
        return y


class RMSNorm(_Norm):
    """Divide each place by the root of its mean square: x (N,...,C), over the last axis, then scale.  No ``bias``."""

    in_keras = {"weight": Layout("scale")}
    keras_name = "rms_normalization"
    samples = [L((3,), x=(4, 3)), L((3,), {"affine": False}, x=(4, 3))]

    _without_bias = False

    def __init__(self, channels: Whole, eps: Number = 1e-5, affine: bool = True) -> None:
        super().__init__(channels, eps, affine, bias=False)

    def forward(self, x: Any) -> Tensor:
        x = self._check(x)
        y: Tensor = ops.rms_norm(x, self.weight, eps=self.eps)
        return y


class GroupNorm(_Norm):
    """Normalise each sample over place and the channels of each of `groups`: x (N,...,C), then scale and shift."""

    keras_name = "group_normalization"
    samples = [L((2, 4), x=(3, 2, 2, 4)), L((2, 4), {"affine": False}, x=(3, 2, 4))]

    def __init__(
        self, groups: Whole, channels: Whole, eps: Number = 1e-5, affine: bool = True, *, bias: bool = True
    ) -> None:
        super().__init__(channels, eps, affine, bias)
        self.groups = whole("GroupNorm", "groups", groups)
        if self.channels % self.groups:
            raise ValueError(f"GroupNorm: channels={channels} must be divisible by groups={groups}.")

    def forward(self, x: Any) -> Tensor:
        x = self._check(x)
        y: Tensor = ops.group_norm(x, self.groups, self.weight, self.bias, eps=self.eps)
        return y

    def extra_repr(self) -> str:
        return f"{self.groups}, {super().extra_repr()}"


class LocalResponseNorm(_Function):
    """x / (k + alpha * m)**beta, with m the mean square of `size` channels around each: x (N,...,C) -> (N,...,C).

    As in PyTorch, alpha multiplies the mean of the squares, in the paper their sum.  Source: Krizhevsky, Sutskever and
    Hinton (2012).
    """

    samples = [L((3,), x=(2, 2, 3, 4)), L((2,), {"alpha": 0.5, "beta": 0.5, "k": 2.0}, x=(3, 5))]

    def __init__(self, size: Whole, alpha: Number = 1e-4, beta: Number = 0.75, k: Number = 1.0) -> None:
        who = type(self).__name__
        self.size = whole(who, "size", size)
        self.alpha, self.beta, self.k = (
            number(who, name, v) for name, v in (("alpha", alpha), ("beta", beta), ("k", k))
        )

    def forward(self, x: Any) -> Any:
        return ops.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha:g}, beta={self.beta:g}, k={self.k:g}"
