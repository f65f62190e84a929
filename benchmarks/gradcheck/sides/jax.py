"""JAX on the CPU, in float64."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from jax import lax, nn
from jax import numpy as jnp
from jax.scipy.special import erf, logsumexp
from jax.test_util import check_grads

from . import Verdict, cotangent


def _spoil(x: Any, factor: Any) -> Any:
    @jax.custom_jvp
    def spoiled(x: Any) -> Any:
        return x

    spoiled.defjvp(lambda primals, tangents: (spoiled(*primals), tangents[0] * factor))
    return spoiled(x)


def _conv2d(x: Any, w: Any) -> Any:
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _max_pool2d(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


OPERATIONS = SimpleNamespace(
    **{name: getattr(jnp, name) for name in
       [
        "tanh", "exp", "sin", "cos", "expm1", "abs", "log", "sqrt", "log1p", "maximum", "minimum", "matmul",
        "clip", "square", "reciprocal", "reshape", "sum", "mean", "max", "transpose"
    ]},
    **{name: getattr(nn, name) for name in ["sigmoid", "softplus", "relu", "leaky_relu", "softmax", "log_softmax"]},
    erf=erf,
    gelu=lambda x: nn.gelu(x, approximate=False),
    logsumexp=lambda x: logsumexp(x, -1),
    variance=jnp.var,
    cross_entropy=lambda x, labels: -jnp.take_along_axis(nn.log_softmax(x), labels[:, None], 1).mean(),
    conv2d=_conv2d,
    max_pool2d=_max_pool2d,
    constant=jnp.asarray,
    spoil=_spoil,
)  # fmt: skip


class Side:
    def __init__(self, setting: str) -> None:
        jax.config.update("jax_enable_x64", True)
        self.version, self.op = jax.__version__, OPERATIONS

    def gradients(self, f: Any, inputs: Any) -> Any:
        y, pull = jax.vjp(lambda *xs: f(self.op, *xs), *map(jnp.asarray, inputs))
        return pull(jnp.asarray(cotangent(y.shape)))

    def check(self, f: Any, inputs: Any, order: int, seed: int) -> Verdict:
        arrays = tuple(jnp.asarray(x) for x in inputs)
        try:
            check_grads(lambda *xs: f(self.op, *xs), arrays, order)
        except AssertionError as error:
            return Verdict(False, str(error))
        return Verdict(True)
