"""The ops, one file per family that is closed under differentiation."""

from . import numpy_names as numpy_names
from .activation import clip, elu, gelu, hard_sigmoid, hard_swish, leaky_relu, prelu, relu, relu6, selu, silu
from .algebra import add as add
from .algebra import broadcast_to as broadcast_to
from .algebra import cast as cast
from .arithmetic import div, maximum, minimum, mul, neg, pow, sub, where
from .border import pad
from .conv import conv2d, conv2d_dw, conv2d_dx, conv_transpose2d
from .conv_forms import conv1d, depthwise_conv2d, separable_conv2d
from .creation import arange, eye, full, ones, rand, randn, tensor, zeros
from .elementwise import abs, cos, erf, exp, expm1, log, log1p, sigmoid, sin, softplus, sqrt, tanh
from .fused import (
    add_relu,
    batch_norm,
    batch_norm_relu,
    conv2d_relu,
    linear,
    linear_relu,
    scale_shift,
    scale_shift_relu,
)
from .indexing import getitem, put, setitem, take
from .linalg import einsum, matmul, outer, tensordot
from .logic import (
    all,
    any,
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
from .losses import (
    binary_cross_entropy_with_logits,
    huber_loss,
    l1_loss,
    log_softmax,
    mse_loss,
    nll_loss,
    softmax,
    softmax_cross_entropy,
)
from .normalization import group_norm, instance_norm, layer_norm, normalize, rms_norm
from .pool import avg_pool2d, global_avg_pool2d, max_pool2d
from .random import dropout
from .reduce import argmax, argmin, cumsum, logsumexp, max, mean, min, norm, prod, std, sum, var
from .resample import adaptive_avg_pool2d, resize
from .shape import (
    concatenate,
    expand_dims,
    flatten,
    flip,
    moveaxis,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from .unpool import max_pool2d_with_indices, max_unpool2d
from .windows import fold, unfold

__all__ = [
    "abs", "adaptive_avg_pool2d", "add", "add_relu", "all", "any", "arange", "argmax", "argmin", "avg_pool2d",
    "batch_norm", "batch_norm_relu", "binary_cross_entropy_with_logits", "broadcast_to", "cast", "clip",
    "concatenate", "conv1d", "conv2d", "conv2d_dw", "conv2d_dx", "conv2d_relu", "conv_transpose2d", "cos", "cumsum",
    "depthwise_conv2d", "div", "dropout", "einsum", "elu", "equal", "erf", "exp", "expand_dims", "expm1", "eye",
    "flatten", "flip", "fold", "full", "gelu", "getitem", "global_avg_pool2d", "greater", "greater_equal",
    "group_norm", "hard_sigmoid", "hard_swish", "huber_loss", "instance_norm", "isfinite", "isinf", "isnan",
    "l1_loss", "layer_norm", "leaky_relu", "less", "less_equal", "linear", "linear_relu", "log", "log1p",
    "log_softmax", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp", "matmul", "max",
    "max_pool2d", "max_pool2d_with_indices", "max_unpool2d", "maximum", "mean", "min", "minimum", "moveaxis",
    "mse_loss", "mul", "neg", "nll_loss", "norm", "normalize", "not_equal", "ones", "outer", "pad", "pow", "prelu",
    "prod", "put", "rand", "randn", "relu", "relu6", "repeat", "reshape", "resize", "rms_norm", "roll",
    "scale_shift", "scale_shift_relu", "selu", "separable_conv2d", "setitem", "sigmoid", "silu", "sin", "softmax",
    "softmax_cross_entropy", "softplus", "split", "sqrt", "squeeze", "stack", "std", "sub", "sum", "swapaxes",
    "take", "tanh", "tensor", "tensordot", "transpose", "unfold", "var", "where", "zeros",
]  # fmt: skip
