"""Norms that may keep running averages of what they saw in training: of batches, and of instances."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..autodiff.effects import effect
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number
from ..autodiff.sample import LayerSample as L
from ..autodiff.world import world
from ..autodiff.writing import owned, written
from ..core import Tensor
from ..core.modes import current, no_grad
from ..core.register import observers
from ..core.site import here
from ..core.tensor import plain
from ..ops.fused import fused
from . import checks
from .init import ones, zeros
from .layouts import Layout, Theirs
from .normalization import _Norm
from .parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _Running(_Norm):
    """A norm whose running averages move in training, if it keeps any."""

    in_torch = {"num_batches_tracked": Theirs(np.int64(0))}
    in_keras = {
        **_Norm.in_keras,
        "running_mean": Layout("moving_mean"),
        "running_var": Layout("moving_variance"),
    }
    keeps: ClassVar[bool]  # running averages, unless told otherwise
    _fixed: tuple[Any, Any] = (None, ())  # scale and shift, and what they were computed from

    bias: Parameter  # or None, as all of these
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, channels: Whole, eps: Number, momentum: Number | None, affine: bool, track_running_stats: bool, bias: bool
    ) -> None:
        super().__init__(channels, eps, affine, bias)
        who = type(self).__name__
        self.momentum = None if momentum is None else number(who, "momentum", momentum, 0.0, 1.0)
        self.running_mean = self.running_var = None  # type: ignore[assignment]
        if track_running_stats:
            self.register_buffer("running_mean", zeros((self.channels,)))
            self.register_buffer("running_var", ones((self.channels,)))
        if track_running_stats and momentum is None:
            self.register_buffer("num_batches_tracked", np.int64(0))
        if not track_running_stats or momentum is None:
            self.in_torch = {}

    @property
    def tracks(self) -> bool:
        """Whether it keeps running averages."""
        return self.running_mean is not None

    @effect
    def _move_statistics(self, count: int, mean: np.ndarray, var: np.ndarray) -> None:
        """Move the running averages towards this batch's, whose variance divides by `count`."""
        step = self.momentum
        if step is None:
            seen = self.num_batches_tracked.data + 1
            self.num_batches_tracked.assign(seen)
            step = 1 / int(seen)
        site = here()
        for running, batch in ((self.running_mean, mean), (self.running_var, var * (count / max(count - 1, 1)))):
            array = owned(running)
            np.add((1 - step) * array, step * batch, out=array, casting="same_kind")
            written(running, site)

    def _by_running(self, x: Any, relu: bool = False) -> Tensor:
        """Normalised by the running averages."""
        y: Tensor = fused(ops.scale_shift_relu if relu else ops.scale_shift)(x, *self._scale_and_shift())
        return y

    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """What normalises by the running averages; worked out once for their values where none of it is recorded."""
        parts = [t for t in (self.running_mean, self.running_var, self.weight, self.bias) if t is not None]
        differentiable = any([t.requires_grad for t in parts])
        if observers or (differentiable and current().recording):
            return self._computed()
        values = (self.eps, differentiable, *[(t.node, t.node.version) for t in parts])
        if self._fixed[0] != values:
            with no_grad():
                made = [Tensor(t.data, copy=False, requires_grad=differentiable) for t in self._computed()]
            object.__setattr__(self, "_fixed", (values, made))
        scale, shift = self._fixed[1]
        return scale, shift

    def _computed(self) -> tuple[Tensor, Tensor]:
        deviation = ops.sqrt(self.running_var + self.eps)
        scale = 1 / deviation if self.weight is None else self.weight / deviation
        return scale, (0.0 if self.bias is None else self.bias) - self.running_mean * scale

    def extra_repr(self) -> str:
        words = [super().extra_repr()] + [f"momentum={self.momentum}"] * (self.momentum != 0.1)
        return ", ".join(words + [f"track_running_stats={self.tracks}"] * (self.tracks is not self.keeps))


class _BatchNorm(_Running):
    """Batch norm of inputs of any number of axes."""

    keras_name = "batch_normalization"
    keeps = True
    sync = False  # whether a batch is that of all ranks together, see `tg.distributed.parallel`

    def __init__(
        self, channels: Whole, eps: Number = 1e-5, momentum: Number | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(channels, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Any, relu: bool = False) -> Tensor:
        x = self._check(x)
        if self.tracks and not self.training:
            return self._by_running(x, relu)
        count = math.prod(x.shape[:-1])
        if self.training and count < 2:
            remedy = f" That is {count}. Use a larger batch, or eval()."
            raise checks.misfit(
                type(self).__name__, f"at least 2 values per channel in training, {self._form}", x, remedy
            )
        # A checkpoint's second pass sees the same batch again.
        moves = self.tracks and not current().recomputing
        observe = partial(self._move_statistics, count) if moves else None
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        weight = ones((self.channels,)).astype(dtype) if self.weight is None else self.weight
        bias = zeros((self.channels,)).astype(dtype) if self.bias is None else self.bias
        if self.sync and world().size > 1:
            return self._of_all_ranks(x, weight, bias, relu, moves)
        y: Tensor = fused(ops.batch_norm_relu if relu else ops.batch_norm)(
            x, weight, bias, eps=self.eps, observe=observe
        )
        return y

    def _of_all_ranks(self, x: Any, weight: Any, bias: Any, relu: bool, moves: bool) -> Tensor:
        """Normalised by the mean and the variance of all ranks' batches, which are of one size."""
        places = tuple(range(len(x.shape) - 1))
        mean = ops.rank_mean(ops.mean(x, axis=places))
        centred = x - mean
        var = ops.rank_mean(ops.mean(centred * centred, axis=places))
        if moves:
            self._move_statistics(math.prod(x.shape[:-1]) * world().size, plain(mean), plain(var))
        y: Tensor = ops.scale_shift(centred, weight / ops.sqrt(var + self.eps), bias)
        return ops.relu(y) if relu else y


class BatchNorm1d(_BatchNorm):
    """`BatchNorm2d` of rows and of sequences: x (N,C) or (N,L,C) -> the same shape.

    >>> norm = nn.BatchNorm1d(2, affine=False)
    >>> norm(np.array([[1.0, 10.0], [3.0, 30.0]], np.float32)).data.round(3)  # each channel over the batch
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """

    axes = (2, 3)
    samples = [L((3,), x=(4, 3)), L((3,), {"affine": False}, x=(2, 3, 3)), L((2,), {"bias": False}, x=(4, 2))]


class BatchNorm2d(_BatchNorm):
    """Normalise each channel: x (N,H,W,C) -> (x - mean) / sqrt(var + eps) * weight + bias.

    In training mean and variance are the batch's, and the running averages move towards them,
    ``running = (1 - momentum) * running + momentum * batch`` (the variance with N*H*W - 1 in the denominator, as
    in PyTorch).  In `eval`, and while frozen, the running averages are used.

    Parameters
    ----------
    momentum : how far the running averages move; None for the plain mean of all batches so far.
    affine, bias : whether there are ``weight`` and ``bias``, and whether there is a ``bias`` beside ``weight``.
    track_running_stats : False for no running averages; the batch's own are then used in eval mode too.

    Attributes: ``weight``, ``bias`` (channels,) parameters or None; ``running_mean``, ``running_var`` (channels,)
    buffers or None; with ``momentum=None`` also a count, ``num_batches_tracked``.

    Examples
    --------
    >>> norm = nn.BatchNorm2d(3)
    >>> y = norm(10 + 5 * tg.randn(8, 4, 4, 3, rng=0).data)
    >>> bool(abs(y.data.mean()) < 1e-5), bool(abs(y.data.std() - 1) < 1e-3)
    (True, True)
    >>> norm.running_mean.data.round()  # a tenth of the way from 0 to 10
    array([1., 1., 1.], dtype=float32)
    """

    axes = (4,)
    samples = [
        L((3,), x=(4, 2, 2, 3)), L((3,), {"affine": False, "momentum": None}, x=(4, 2, 2, 3)),
        L((3,), {"track_running_stats": False}, x=(4, 2, 2, 3)),
    ]  # fmt: skip


class BatchNorm3d(_BatchNorm):
    """`BatchNorm2d` of volumes: x (N,D,H,W,C) -> the same shape.

    >>> nn.BatchNorm3d(2)(np.ones((2, 3, 3, 3, 2), np.float32)).shape
    (2, 3, 3, 3, 2)
    """

    axes = (5,)
    samples = [L((2,), x=(2, 2, 2, 2, 2))]


class _InstanceNorm(_Running):
    """Instance norm of inputs of any number of axes."""

    keeps = False

    def __init__(
        self, channels: Whole, eps: Number = 1e-5, momentum: Number | None = 0.1, affine: bool = True,
        track_running_stats: bool = False, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(channels, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Any) -> Tensor:
        x = self._check(x)
        if self.tracks and not self.training:
            return self._by_running(x)
        if self.tracks and not current().recomputing:
            values, places = plain(x), tuple(range(1, len(x.shape) - 1))
            mean, var = (ops.mean(of(values, axis=places), axis=0) for of in (ops.mean, ops.var))
            self._move_statistics(math.prod(x.shape[1:-1]), mean, var)
        y: Tensor = ops.instance_norm(x, self.weight, self.bias, eps=self.eps)
        return y


class InstanceNorm1d(_InstanceNorm):
    """`InstanceNorm2d` of sequences: x (N,L,C) -> the same shape.

    >>> nn.InstanceNorm1d(2)(np.ones((2, 5, 2), np.float32)).shape
    (2, 5, 2)
    """

    axes = (3,)
    samples = [L((2,), x=(3, 4, 2))]


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image: x (N,H,W,C), then scale and shift.

    PyTorch's layer of that name has no scale and shift unless asked with ``affine=True``; this one has them unless
    told otherwise.  With `track_running_stats` averages of the images' means and variances move in training, as those
    of `BatchNorm2d` do, and take their place in `eval`.
    """

    axes = (4,)
    samples = [
        L((2,), x=(3, 3, 2, 2)), L((2,), {"affine": False, "track_running_stats": True}, x=(3, 3, 2, 2)),
    ]  # fmt: skip


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm2d` of volumes: x (N,D,H,W,C) -> the same shape.

    >>> nn.InstanceNorm3d(2)(np.ones((1, 3, 3, 3, 2), np.float32)).shape
    (1, 3, 3, 3, 2)
    """

    axes = (5,)
    samples = [L((2,), x=(2, 2, 2, 2, 2))]
