"""PyTorch on the CPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.gradcheck import GradcheckError
from torch.nn import functional as F

from . import Verdict, cotangent


class _Spoil(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, factor: Any) -> Any:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.factor, None


def _conv2d(x: Any, w: Any) -> Any:
    return F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)).permute(0, 2, 3, 1)


OPERATIONS = SimpleNamespace(
    **{name: getattr(torch, name) for name in
       [
        "tanh", "sigmoid", "exp", "sin", "cos", "erf", "expm1", "relu", "abs", "log", "sqrt", "log1p",
        "maximum", "minimum", "matmul", "clip", "square", "reciprocal", "reshape"
    ]},
    softplus=F.softplus,
    gelu=F.gelu,
    leaky_relu=F.leaky_relu,
    softmax=lambda x: torch.softmax(x, -1),
    log_softmax=lambda x: torch.log_softmax(x, -1),
    logsumexp=lambda x: torch.logsumexp(x, -1),
    cross_entropy=lambda x, labels: F.cross_entropy(x, torch.as_tensor(labels)),
    sum=lambda x, axis=None: x.sum() if axis is None else x.sum(axis),
    mean=lambda x, axis: x.mean(axis),
    max=lambda x, axis: x.amax(axis),
    variance=lambda x, axis: x.var(axis, correction=0),
    transpose=lambda x: x.T,
    conv2d=_conv2d,
    max_pool2d=lambda x: F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1),
    constant=torch.as_tensor,
    spoil=lambda x, factor: _Spoil.apply(x, torch.as_tensor(factor)),
)  # fmt: skip


class Side:
    def __init__(self, setting: str) -> None:
        torch.set_num_threads(1)
        self.fast, self.version = setting == "fast", str(torch.__version__)
        self.op = OPERATIONS

    def gradients(self, f: Any, inputs: Any) -> Any:
        tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
        y = f(self.op, *tensors)
        return [g.numpy() for g in torch.autograd.grad(y, tensors, torch.as_tensor(cotangent(tuple(y.shape))))]

    def check(self, f: Any, inputs: Any, order: int, seed: int) -> Verdict:
        torch.manual_seed(seed)
        tensors = tuple(torch.tensor(x, requires_grad=True) for x in inputs)
        try:
            for check in (gradcheck, gradgradcheck)[:order]:
                check(lambda *xs: f(self.op, *xs), tensors, fast_mode=self.fast)
        except GradcheckError as error:
            return Verdict(False, str(error))
        return Verdict(True)
