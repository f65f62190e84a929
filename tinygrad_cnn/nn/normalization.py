"""Layers that normalise: over the batch, over each sample, over groups of channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from .. import ops
from ..autodiff.effects import effect
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..core import Tensor
from ..core.modes import current
from ..ops.fused import fused
from . import checks
from .function import _Function
from .init import ones, zeros
from .layouts import Layout, Theirs
from .module import Module
from .parameter import Parameter

__all__ = ["BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class _Norm(Module):
    """What they share: a scale and a shift per channel.  ``weight`` starts at one, ``bias`` at zero, (channels,)."""

    bias: Parameter | None
    in_keras: Mapping[str, Layout] = {"weight": Layout("gamma"), "bias": Layout("beta")}

    axes: int = 4  # of its inputs; 0 for any number

    def __init__(self, channels: Whole, eps: Number) -> None:
        who = type(self).__name__
        self.channels = whole(who, "channels", channels)
        self.eps = number(who, "eps", eps, 0.0)
        self.weight = Parameter(ones((self.channels,)), copy=False)
        self.bias = Parameter(zeros((self.channels,)), copy=False)

    def _check(self, x: Any) -> None:
        shape: tuple[int, ...] = getattr(x, "shape", ())
        if len(shape) < 2 or shape[-1] != self.channels or (self.axes and len(shape) != self.axes):
            form = f"images (N, H, W, {self.channels})" if self.axes else f"samples (N, ..., {self.channels})"
            raise checks.misfit(type(self).__name__, form, x)

    def extra_repr(self) -> str:
        return f"{self.channels}" + (f", eps={self.eps}" if self.eps != 1e-5 else "")


class BatchNorm2d(_Norm):
    """Normalise each channel: x (N,H,W,C) -> (x - mean) / sqrt(var + eps) * weight + bias.

    In training mean and variance are the batch's, and the running averages move towards them,
    ``running = (1 - momentum) * running + momentum * batch`` (the variance with N*H*W - 1 in the denominator, as
    in PyTorch).  In `eval`, and while frozen, the running averages are used.

    Attributes: ``weight``, ``bias`` (channels,) parameters; ``running_mean``, ``running_var`` (channels,) buffers.

    >>> norm = nn.BatchNorm2d(3)
    >>> y = norm(10 + 5 * tg.randn(8, 4, 4, 3, rng=0).data)
    >>> bool(abs(y.data.mean()) < 1e-5), bool(abs(y.data.std() - 1) < 1e-3)
    (True, True)
    >>> norm.running_mean.data.round()  # a tenth of the way from 0 to 10
    array([1., 1., 1.], dtype=float32)
    """

    in_torch = {"num_batches_tracked": Theirs(np.int64(0))}
    in_keras = {
        **_Norm.in_keras,
        "running_mean": Layout("moving_mean"),
        "running_var": Layout("moving_variance"),
    }
    keras_name = "batch_normalization"
    samples = [L((3,), x=(4, 2, 2, 3))]

    bias: Parameter  # which other layers may lack
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: Whole, eps: Number = 1e-5, momentum: Number = 0.1) -> None:
        super().__init__(channels, eps)
        self.momentum = number("BatchNorm2d", "momentum", momentum, 0.0, 1.0)
        self.register_buffer("running_mean", zeros((self.channels,)))
        self.register_buffer("running_var", ones((self.channels,)))

    def forward(self, x: Any, relu: bool = False) -> Tensor:
        self._check(x)
        if self.training:
            count = math.prod(x.shape[:-1])
            if count < 2:
                raise checks.misfit(
                    "BatchNorm2d", f"at least 2 values per channel in training, (N, H, W, {self.channels})", x,
                    f" That is {count}. Use a larger batch, or eval().",
                )  # fmt: skip
            # A checkpoint's second pass sees the same batch again.
            observe = None if current().recomputing else partial(self._move_statistics, count)
            op = fused(ops.batch_norm_relu if relu else ops.batch_norm)
            y: Tensor = op(x, self.weight, self.bias, eps=self.eps, observe=observe)
            return y
        scale = self.weight / ops.sqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        fused_shift: Tensor = fused(ops.scale_shift_relu if relu else ops.scale_shift)(x, scale, shift)
        return fused_shift

    @effect
    def _move_statistics(self, count: int, mean: np.ndarray, var: np.ndarray) -> None:
        """Move the running averages towards this batch's, whose variance divides by `count`."""
        for running, batch in ((self.running_mean, mean), (self.running_var, var * (count / (count - 1)))):
            moved = (1 - self.momentum) * running.data + self.momentum * batch
            running.assign(moved.astype(running.dtype))

    def extra_repr(self) -> str:
        return super().extra_repr() + (f", momentum={self.momentum}" if self.momentum != 0.1 else "")


class LayerNorm(_Norm):
    """Normalise each place over its channels: x (N,...,C), over the last axis, then scale and shift."""

    keras_name = "layer_normalization"
    samples = [L((3,), x=(4, 3))]

    axes = 0

    def __init__(self, channels: Whole, eps: Number = 1e-5) -> None:
        super().__init__(channels, eps)

    def forward(self, x: Any) -> Tensor:
        self._check(x)
        return ops.layer_norm(x, self.weight, self.bias, eps=self.eps)


class RMSNorm(_Norm):
    """Divide each place by the root of its mean square: x (N,...,C), over the last axis, then scale.  No ``bias``."""

    in_keras = {"weight": Layout("scale")}
    keras_name = "rms_normalization"
    samples = [L((3,), x=(4, 3))]

    axes = 0

    def __init__(self, channels: Whole, eps: Number = 1e-5) -> None:
        super().__init__(channels, eps)
        self.bias = None

    def forward(self, x: Any) -> Tensor:
        self._check(x)
        return ops.rms_norm(x, self.weight, eps=self.eps)


class GroupNorm(_Norm):
    """Normalise each sample over place and the channels of each of `groups`: x (N,...,C), then scale and shift."""

    keras_name = "group_normalization"
    samples = [L((2, 4), x=(3, 2, 2, 4))]

    axes = 0

    def __init__(self, groups: Whole, channels: Whole, eps: Number = 1e-5) -> None:
        super().__init__(channels, eps)
        self.groups = whole("GroupNorm", "groups", groups)
        if self.channels % self.groups:
            raise ValueError(f"GroupNorm: channels={channels} must be divisible by groups={groups}.")

    def forward(self, x: Any) -> Tensor:
        self._check(x)
        return ops.group_norm(x, self.groups, self.weight, self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.groups}, {super().extra_repr()}"


class InstanceNorm2d(_Norm):
    """Normalise each channel of each image: x (N,H,W,C), then scale and shift.

    PyTorch's layer of that name has no scale and shift unless asked with ``affine=True``; this one always has.
    """

    samples = [L((2,), x=(3, 3, 2, 2))]

    def __init__(self, channels: Whole, eps: Number = 1e-5) -> None:
        super().__init__(channels, eps)

    def forward(self, x: Any) -> Tensor:
        self._check(x)
        return ops.instance_norm(x, self.weight, self.bias, eps=self.eps)


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
