"""HIPS autograd: operations that it lacks are written with those of NumPy and SciPy that it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import autograd.numpy as np
import numpy
from autograd.differential_operators import make_vjp
from autograd.extend import defjvp, defvjp, primitive
from autograd.scipy.signal import convolve
from autograd.scipy.special import erf, expit, logsumexp
from autograd.test_util import check_grads

from . import Verdict, cotangent


@primitive
def _spoil(x: Any, factor: Any) -> Any:
    return x + 0.0


defvjp(_spoil, lambda y, x, factor: lambda g: g * factor, argnums=(0,))
defjvp(_spoil, lambda g, y, x, factor: g * factor, argnums=(0,))


def _log_softmax(x: Any) -> Any:
    return x - logsumexp(x, axis=-1, keepdims=True)


def _max_pool2d(x: Any) -> Any:
    n, h, w, c = x.shape
    x = x[:, : h // 2 * 2, : w // 2 * 2]
    return np.max(np.reshape(x, (n, h // 2, 2, w // 2, 2, c)), axis=(2, 4))


def _conv2d(x: Any, w: Any) -> Any:  # convolve turns its filters around
    y = convolve(x, w[::-1, ::-1], axes=([1, 2], [0, 1]), dot_axes=([3], [2]), mode="valid")
    return np.transpose(y, (0, 2, 3, 1))


OPERATIONS = SimpleNamespace(
    **{name: getattr(np, name) for name in
       [
        "tanh", "exp", "sin", "cos", "expm1", "abs", "log", "sqrt", "log1p", "maximum", "minimum", "matmul",
        "clip", "square", "reciprocal", "reshape", "sum", "mean", "max", "transpose"
    ]},
    erf=erf,
    sigmoid=expit,
    softplus=lambda x: np.logaddexp(x, 0.0),
    gelu=lambda x: x * 0.5 * (1.0 + erf(x / 2**0.5)),
    relu=lambda x: np.where(x > 0, x, 0.0),
    leaky_relu=lambda x: np.where(x > 0, x, 0.01 * x),
    softmax=lambda x: np.exp(_log_softmax(x)),
    log_softmax=_log_softmax,
    logsumexp=lambda x: logsumexp(x, axis=-1),
    variance=np.var,
    cross_entropy=lambda x, labels: -np.mean(_log_softmax(x)[np.arange(len(labels)), labels]),
    conv2d=_conv2d,
    max_pool2d=_max_pool2d,
    constant=lambda a: a,
    spoil=_spoil,
)  # fmt: skip


class Side:
    def __init__(self, setting: str) -> None:
        from importlib.metadata import version

        self.version, self.op = f"{version('autograd')}, NumPy {numpy.__version__}", OPERATIONS

    def gradients(self, f: Any, inputs: Any) -> Any:
        pull, y = make_vjp(lambda xs: f(self.op, *xs))(tuple(inputs))
        return pull(cotangent(np.shape(y)))

    def check(self, f: Any, inputs: Any, order: int, seed: int) -> Verdict:
        def checked(modes: list[str]) -> Verdict:
            numpy.random.seed(seed)
            try:
                check_grads(lambda *xs: f(self.op, *xs), modes=modes, order=order)(*inputs)
            except AssertionError as error:
                return Verdict(False, str(error))
            return Verdict(True)

        try:
            return checked(["fwd", "rev"])
        except NotImplementedError:  # an operation that has no rule for forward mode
            return checked(["rev"])
