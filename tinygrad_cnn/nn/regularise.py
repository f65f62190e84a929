"""Layers that behave differently in training: dropout and batch normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..core.modes import state
from . import checks
from .module import Module
from .parameter import Parameter
from .seed import Rng, generator


class Dropout(Module):
    """In training, sets each value to 0 with probability `rate` and divides the others by 1 - rate; else x itself.

    `rng` : Generator or int seed of the draws.  Generators are listed by `Module.generators`, for whoever
    stops a training and resumes it.
    """

    def __init__(self, rate: float = 0.5, *, rng: Rng = None) -> None:
        self.rate = checks.number("Dropout", "rate", rate, 0.0, 1.0)
        self.rng = generator(rng, "Dropout")

    def forward(self, x: Any) -> Any:
        return ops.dropout(x, self.rate, training=self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"{self.rate}"


class BatchNorm2d(Module):
    """Normalise each channel: x (N,H,W,C) -> (x - mean) / sqrt(var + eps) * weight + bias.

    In training mean and variance are the batch's, and the running averages move towards them,
    ``running = (1 - momentum) * running + momentum * batch`` (the variance with N*H*W - 1 in the denominator, as
    in PyTorch).  In `eval` the running averages are used.

    Attributes: ``weight``, ``bias`` (channels,) parameters; ``running_mean``, ``running_var`` (channels,) buffers.
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.channels = checks.whole("BatchNorm2d", "channels", channels)
        self.eps = checks.number("BatchNorm2d", "eps", eps, 0.0)
        self.momentum = checks.number("BatchNorm2d", "momentum", momentum, 0.0, 1.0)
        self.weight = Parameter(np.ones(channels, np.float32), copy=False)
        self.bias = Parameter(np.zeros(channels, np.float32), copy=False)
        self.register_buffer("running_mean", np.zeros(channels, np.float32))
        self.register_buffer("running_var", np.ones(channels, np.float32))

    def forward(self, x: Any) -> Any:
        shape = getattr(x, "shape", ())
        if len(shape) != 4 or shape[3] != self.channels:
            raise checks.misfit("BatchNorm2d", f"images (N, H, W, {self.channels})", x)
        if self.training:
            if not state.recomputing:  # a checkpoint's second pass sees the same batch again
                self._observe(getattr(x, "data", x) if not isinstance(x, np.ndarray) else x)
            return ops.batch_norm(x, self.weight, self.bias, eps=self.eps)
        scale = self.weight / ops.sqrt(self.running_var + self.eps)
        return x * scale + (self.bias - self.running_mean * scale)

    def _observe(self, x: np.ndarray) -> None:
        """Move the running averages towards this batch's."""
        count = math.prod(x.shape[:-1])
        if count < 2:
            where = f" ({state.path})" if state.path else ""
            raise ValueError(
                f"BatchNorm2d{where}: training needs at least 2 values per channel, x has shape {x.shape}: {count}. "
                "Use a larger batch, or eval()."
            )
        m = self.momentum
        mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2), ddof=1)
        dtype = self.running_mean.dtype
        self.running_mean.assign(((1 - m) * self.running_mean.data + m * mean).astype(dtype))
        self.running_var.assign(((1 - m) * self.running_var.data + m * var).astype(dtype))

    def extra_repr(self) -> str:
        text = f"{self.channels}"
        text += f", eps={self.eps}" if self.eps != 1e-5 else ""
        return text + (f", momentum={self.momentum}" if self.momentum != 0.1 else "")
