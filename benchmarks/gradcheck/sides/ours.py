"""This package."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.testing import GradcheckError, gradcheck

from . import Verdict, cotangent

SPOIL = "spoil_of_benchmark"


def _spoil(x: Any, factor: Any) -> Any:
    if SPOIL not in tg.registry:
        op = tg.op(name=SPOIL, linear=("x",))(lambda x, factor: x + 0.0)
        op.vjp(x=lambda g, factor: g * factor)
    return tg.registry[SPOIL](x, factor)


OPERATIONS = SimpleNamespace(
    **{name: getattr(tg, name) for name in [
        "tanh", "sigmoid", "exp", "sin", "cos", "softplus", "gelu", "erf", "expm1", "relu", "abs", "leaky_relu",
        "log", "sqrt", "log1p", "maximum", "minimum", "matmul", "softmax", "log_softmax", "logsumexp", "sum",
        "mean", "max", "transpose", "clip", "conv2d", "reshape"
    ]},
    square=lambda x: x * x,
    reciprocal=lambda x: 1.0 / x,
    variance=lambda x, axis: tg.var(x, axis),
    cross_entropy=tg.softmax_cross_entropy,
    max_pool2d=lambda x: tg.max_pool2d(x, 2),
    constant=lambda a: a,
    spoil=_spoil,
)  # fmt: skip


class Side:
    def __init__(self, setting: str) -> None:
        self.version = f"{tg.__version__}, NumPy {np.__version__}"
        self.op = OPERATIONS

    def gradients(self, f: Any, inputs: Any) -> Any:
        tensors = [tg.Tensor(x, requires_grad=True) for x in inputs]
        y = f(self.op, *tensors)
        return tg.grad(y, tensors, grad_outputs=cotangent(y.shape))

    def check(self, f: Any, inputs: Any, order: int, seed: int) -> Verdict:
        try:
            report = gradcheck(lambda *xs: f(self.op, *xs), list(inputs), order=order, seed=seed)
        except GradcheckError as error:
            return Verdict(False, str(error))
        return Verdict(True, hidden=bool(report.not_judged))
