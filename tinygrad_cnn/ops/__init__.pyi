"""The ops for type checkers and editors: a Tensor among the inputs gives a Tensor, arrays give arrays.

Written by `python docs/make_stubs.py` from the registry; do not edit.
"""
# ruff: noqa
# mypy: disable-error-code="overload-overlap"

from collections.abc import Callable
from typing import Any, TypeAlias, overload

import numpy as np

from ..autodiff.kinds import Approximation, Array, Axis, Beyond, ConvPadMode, Counts, Divergence, Dtype, GridOrder, Key, Number, Outputs, PadMode, Padding, Places, QuantileMethod, Reduction, ResizeMode, Rng, SampleMode, Shape, Side, Sides, Size2d, Size3d, Sizes, Whole, Wholes, Width
from ..core import Op, Tensor

_Input: TypeAlias = Tensor | Array

__all__ = [
    "abs",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "add",
    "add_along_axis",
    "add_relu",
    "affine_grid",
    "all",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argrank",
    "argsort",
    "argtopk",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "batch_norm_relu",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "blur_pool2d",
    "broadcast_to",
    "cast",
    "cbrt",
    "ceil",
    "celu",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv2d_dw",
    "conv2d_dx",
    "conv2d_relu",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "copysign",
    "cos",
    "cosh",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross",
    "ctc_loss",
    "cumprod",
    "cumsum",
    "deg2rad",
    "depthwise_conv2d",
    "diag",
    "diagonal",
    "dice_loss",
    "div",
    "dot",
    "dropout",
    "einsum",
    "elu",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "eye",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "fold",
    "full",
    "full_like",
    "gaussian_nll_loss",
    "gelu",
    "getitem",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_avg_pool3d",
    "global_max_pool1d",
    "global_max_pool2d",
    "global_max_pool3d",
    "glu",
    "greater",
    "greater_equal",
    "grid_sample",
    "group_norm",
    "gru_sequence",
    "hard_sigmoid",
    "hard_swish",
    "heaviside",
    "hinge_embedding_loss",
    "huber_loss",
    "hypot",
    "instance_norm",
    "isfinite",
    "isinf",
    "isnan",
    "kl_div",
    "kron",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "linear",
    "linear_relu",
    "linspace",
    "local_response_norm",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logspace",
    "logsumexp",
    "lstm_sequence",
    "margin_ranking_loss",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_unpool2d",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mish",
    "mod",
    "moveaxis",
    "mse_loss",
    "mul",
    "multi_margin_loss",
    "nan_to_num",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "neg",
    "nll_loss",
    "norm",
    "normalize",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "outer",
    "pad",
    "percentile",
    "permutation",
    "pixel_shuffle",
    "pixel_unshuffle",
    "place_diagonal",
    "poisson_nll_loss",
    "pow",
    "prelu",
    "prod",
    "put",
    "put_along_axis",
    "quantile",
    "rad2deg",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "rank_mean",
    "reciprocal",
    "relu",
    "relu6",
    "remainder",
    "repeat",
    "reshape",
    "resize",
    "rms_norm",
    "roll",
    "rot90",
    "round",
    "rsqrt",
    "scale_shift",
    "scale_shift_relu",
    "scaled_dot_product_attention",
    "searchsorted",
    "selu",
    "separable_conv2d",
    "setitem",
    "sigmoid",
    "sigmoid_focal_loss",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "smooth_l1_loss",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensor",
    "tensordot",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "triplet_margin_loss",
    "triu",
    "trunc",
    "unfold",
    "var",
    "where",
    "zeros",
    "zeros_like",
]

class _abs(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The absolute value; its derivative at 0 is 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The absolute value; its derivative at 0 is 0.  x (...) -> (...)"""

abs: _abs
"""The absolute value; its derivative at 0 is 0.  x (...) -> (...)"""

@overload
def adaptive_avg_pool1d(x: Tensor, size: Whole) -> Tensor:
    """Means over `size` bins that cover the sequence, whatever its length.  x (N,L,C) -> (N,L',C)

    Bins as in `adaptive_avg_pool2d`.

    >>> tg.adaptive_avg_pool1d(np.arange(5.0).reshape(1, 5, 1), 2).ravel()  # places 0 to 2, and 2 to 4
    array([1., 3.])
    """
@overload
def adaptive_avg_pool1d(x: Array, size: Whole) -> np.ndarray:
    """Means over `size` bins that cover the sequence, whatever its length.  x (N,L,C) -> (N,L',C)"""

class _adaptive_avg_pool2d(Op):
    @overload
    def __call__(self, x: Tensor, size: Size2d) -> Tensor:
        """Means over H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)

        Bin k holds rows floor(k * H/H') to ceil((k + 1) * H/H') (excluded), columns alike: PyTorch's bins, which overlap
        where H' does not divide H.  `size` is (H', W'), or an int for both.

        >>> x = np.arange(5.0).reshape(1, 1, 5, 1)
        >>> tg.adaptive_avg_pool2d(x, (1, 2)).ravel()  # of 0, 1, 2 and of 2, 3, 4
        array([1., 3.])
        """
    @overload
    def __call__(self, x: Array, size: Size2d) -> np.ndarray:
        """Means over H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)"""

adaptive_avg_pool2d: _adaptive_avg_pool2d
"""Means over H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)

Bin k holds rows floor(k * H/H') to ceil((k + 1) * H/H') (excluded), columns alike: PyTorch's bins, which overlap
where H' does not divide H.  `size` is (H', W'), or an int for both.

>>> x = np.arange(5.0).reshape(1, 1, 5, 1)
>>> tg.adaptive_avg_pool2d(x, (1, 2)).ravel()  # of 0, 1, 2 and of 2, 3, 4
array([1., 3.])
"""

@overload
def adaptive_avg_pool3d(x: Tensor, size: Size3d) -> Tensor:
    """Means over D' x H' x W' bins that cover the volume, whatever its size.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Bins as in `adaptive_avg_pool2d`.

    >>> tg.adaptive_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), (2, 1, 1)).ravel()
    array([1.5, 5.5])
    """
@overload
def adaptive_avg_pool3d(x: Array, size: Size3d) -> np.ndarray:
    """Means over D' x H' x W' bins that cover the volume, whatever its size.  x (N,D,H,W,C) -> (N,D',H',W',C)"""

@overload
def adaptive_max_pool1d(x: Tensor, size: Whole) -> Tensor:
    """The largest number in each of `size` bins that cover the sequence, whatever its length.  x (N,L,C) -> (N,L',C)

    Bins as in `adaptive_avg_pool2d`; ties as in `max_pool2d`.

    >>> tg.adaptive_max_pool1d(np.arange(5.0).reshape(1, 5, 1), 2).ravel()
    array([2., 4.])
    """
@overload
def adaptive_max_pool1d(x: Array, size: Whole) -> np.ndarray:
    """The largest number in each of `size` bins that cover the sequence, whatever its length.  x (N,L,C) -> (N,L',C)"""

@overload
def adaptive_max_pool2d(x: Tensor, size: Size2d) -> Tensor:
    """The largest pixel in each of H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)

    Bins as in `adaptive_avg_pool2d`; ties as in `max_pool2d`.

    >>> tg.adaptive_max_pool2d(np.arange(12.0).reshape(1, 3, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [ 9., 11.]])
    """
@overload
def adaptive_max_pool2d(x: Array, size: Size2d) -> np.ndarray:
    """The largest pixel in each of H' x W' bins that cover the image, whatever its size.  x (N,H,W,C) -> (N,H',W',C)"""

@overload
def adaptive_max_pool3d(x: Tensor, size: Size3d) -> Tensor:
    """The largest voxel in each of D' x H' x W' bins that cover the volume.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Bins as in `adaptive_avg_pool2d`; ties as in `max_pool3d`.

    >>> tg.adaptive_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), (2, 1, 1)).ravel()
    array([3., 7.])
    """
@overload
def adaptive_max_pool3d(x: Array, size: Size3d) -> np.ndarray:
    """The largest voxel in each of D' x H' x W' bins that cover the volume.  x (N,D,H,W,C) -> (N,D',H',W',C)"""

class _add(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a + b, broadcast.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a + b, broadcast.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a + b, broadcast.  a (...) · b (...) -> (...)"""

add: _add
"""a + b, broadcast.  a (...) · b (...) -> (...)"""

class _add_along_axis(Op):
    @overload
    def __call__(self, x: Tensor, indices: _Input, *, axis: Whole | None, shape: tuple[int, ...]) -> Tensor:
        """Zeros of a shape with x added at indices along an axis, repeated ones summed; the adjoint of take_along_axis.

        x (..., M, ...) · indices (..., M, ...) int -> shape

        >>> tg.add_along_axis(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 2]), axis=0, shape=(4,))
        array([2., 0., 4., 0.])
        """
    @overload
    def __call__(self, x: _Input, indices: Tensor, *, axis: Whole | None, shape: tuple[int, ...]) -> Tensor:
        """Zeros of a shape with x added at indices along an axis, repeated ones summed; the adjoint of take_along_axis."""
    @overload
    def __call__(self, x: Array, indices: Array, *, axis: Whole | None, shape: tuple[int, ...]) -> np.ndarray:
        """Zeros of a shape with x added at indices along an axis, repeated ones summed; the adjoint of take_along_axis."""

add_along_axis: _add_along_axis
"""Zeros of a shape with x added at indices along an axis, repeated ones summed; the adjoint of take_along_axis.

x (..., M, ...) · indices (..., M, ...) int -> shape

>>> tg.add_along_axis(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 2]), axis=0, shape=(4,))
array([2., 0., 4., 0.])
"""

class _add_relu(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """relu(a + b) in one pass; one shape, no broadcasting.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """relu(a + b) in one pass; one shape, no broadcasting.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """relu(a + b) in one pass; one shape, no broadcasting.  a (...) · b (...) -> (...)"""

add_relu: _add_relu
"""relu(a + b) in one pass; one shape, no broadcasting.  a (...) · b (...) -> (...)"""

@overload
def affine_grid(theta: Tensor, size: Size2d, *, align_corners: bool = False) -> Tensor:
    """The places that affine maps give to the pixels of an image of `size` (H, W).  theta (N,2,3) -> (N,H,W,2)

    Pixel centres (x, y), from -1 to 1, go to ``theta @ (x, y, 1)``: what `grid_sample` takes.

    >>> turn = np.array([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])  # by a quarter
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> tg.grid_sample(x, tg.affine_grid(turn, (2, 2)))[0, :, :, 0]
    array([[2., 4.],
           [1., 3.]])
    """
@overload
def affine_grid(theta: Array, size: Size2d, *, align_corners: bool = False) -> np.ndarray:
    """The places that affine maps give to the pixels of an image of `size` (H, W).  theta (N,2,3) -> (N,H,W,2)"""

class _all(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether all elements over axes hold (are not 0).  x (...) -> (...) bool"""
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """Whether all elements over axes hold (are not 0).  x (...) -> (...) bool"""

all: _all
"""Whether all elements over axes hold (are not 0).  x (...) -> (...) bool"""

class _any(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether any element over axes holds (is not 0).  x (...) -> (...) bool"""
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """Whether any element over axes holds (is not 0).  x (...) -> (...) bool"""

any: _any
"""Whether any element over axes holds (is not 0).  x (...) -> (...) bool"""

def arange(*bounds: Number, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """``arange(stop)`` or ``arange(start, stop, step)``; whole numbers unless a bound or dtype is floating.

    >>> tg.arange(2, 8, 2)
    Tensor([2, 4, 6], dtype=int64)
    """

class _arccos(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The angle from 0 to pi whose cosine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The angle from 0 to pi whose cosine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)"""

arccos: _arccos
"""The angle from 0 to pi whose cosine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)"""

class _arccosh(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The number from 0 on whose hyperbolic cosine is x; its slope at 1 is infinite.  x (...) from 1 on -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The number from 0 on whose hyperbolic cosine is x; its slope at 1 is infinite.  x (...) from 1 on -> (...)"""

arccosh: _arccosh
"""The number from 0 on whose hyperbolic cosine is x; its slope at 1 is infinite.  x (...) from 1 on -> (...)"""

class _arcsin(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The angle from -pi/2 to pi/2 whose sine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)

        >>> tg.arcsin(np.array([-1.0, 0.0, 1.0])) / np.pi
        array([-0.5,  0. ,  0.5])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The angle from -pi/2 to pi/2 whose sine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)"""

arcsin: _arcsin
"""The angle from -pi/2 to pi/2 whose sine is x; its slope at -1 and 1 is infinite.  x (...) -> (...)

>>> tg.arcsin(np.array([-1.0, 0.0, 1.0])) / np.pi
array([-0.5,  0. ,  0.5])
"""

class _arcsinh(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The number whose hyperbolic sine is x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The number whose hyperbolic sine is x.  x (...) -> (...)"""

arcsinh: _arcsinh
"""The number whose hyperbolic sine is x.  x (...) -> (...)"""

class _arctan(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The angle from -pi/2 to pi/2 whose tangent is x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The angle from -pi/2 to pi/2 whose tangent is x.  x (...) -> (...)"""

arctan: _arctan
"""The angle from -pi/2 to pi/2 whose tangent is x.  x (...) -> (...)"""

class _arctan2(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The angle from -pi to pi of the point b to the right and a above; its slopes at (0, 0) are 0.

        a (...) · b (...) -> (...)

        >>> tg.arctan2(np.array([1.0, 0.0, -1.0]), np.array([0.0, -1.0, -1.0])) / np.pi
        array([ 0.5 ,  1.  , -0.75])
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The angle from -pi to pi of the point b to the right and a above; its slopes at (0, 0) are 0."""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The angle from -pi to pi of the point b to the right and a above; its slopes at (0, 0) are 0."""

arctan2: _arctan2
"""The angle from -pi to pi of the point b to the right and a above; its slopes at (0, 0) are 0.

a (...) · b (...) -> (...)

>>> tg.arctan2(np.array([1.0, 0.0, -1.0]), np.array([0.0, -1.0, -1.0])) / np.pi
array([ 0.5 ,  1.  , -0.75])
"""

class _arctanh(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The number whose hyperbolic tangent is x; infinite at -1 and 1.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The number whose hyperbolic tangent is x; infinite at -1 and 1.  x (...) -> (...)"""

arctanh: _arctanh
"""The number whose hyperbolic tangent is x; infinite at -1 and 1.  x (...) -> (...)"""

class _argmax(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = None, keepdims: bool = False) -> Tensor:
        """Where the largest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64

        >>> tg.argmax(np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), axis=1)
        array([1, 0])
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = None, keepdims: bool = False) -> np.ndarray:
        """Where the largest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64"""

argmax: _argmax
"""Where the largest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64

>>> tg.argmax(np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), axis=1)
array([1, 0])
"""

class _argmin(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = None, keepdims: bool = False) -> Tensor:
        """Where the smallest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64"""
    @overload
    def __call__(self, x: Array, axis: Whole | None = None, keepdims: bool = False) -> np.ndarray:
        """Where the smallest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64"""

argmin: _argmin
"""Where the smallest element is, the first of equals; whole numbers, no gradient.  x (...) -> (...) int64"""

class _argrank(Op):
    @overload
    def __call__(self, x: Tensor, ranks: _Input) -> Tensor:
        """The places along the first axis of the elements of some ranks, 0 for the smallest; no gradient.

        It is ``argsort(x, 0)`` at the ranks, without sorting all if they are few.

        x (N, ...) · ranks (K, ...) int -> (K, ...) int64

        >>> tg.argrank(np.array([5.0, 1.0, 5.0, 3.0]), np.array([1, 2]))  # 3 and the first 5
        array([3, 0])
        """
    @overload
    def __call__(self, x: _Input, ranks: Tensor) -> Tensor:
        """The places along the first axis of the elements of some ranks, 0 for the smallest; no gradient."""
    @overload
    def __call__(self, x: Array, ranks: Array) -> np.ndarray:
        """The places along the first axis of the elements of some ranks, 0 for the smallest; no gradient."""

argrank: _argrank
"""The places along the first axis of the elements of some ranks, 0 for the smallest; no gradient.

It is ``argsort(x, 0)`` at the ranks, without sorting all if they are few.

x (N, ...) · ranks (K, ...) int -> (K, ...) int64

>>> tg.argrank(np.array([5.0, 1.0, 5.0, 3.0]), np.array([1, 2]))  # 3 and the first 5
array([3, 0])
"""

class _argsort(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = -1, *, descending: bool = False) -> Tensor:
        """The places of the elements in order along an axis, of the flattened array if None; no gradient.

        Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...) int64

        >>> tg.argsort(np.array([3.0, 1.0, 2.0, 1.0])), tg.argsort(np.array([3.0, 1.0, 2.0, 1.0]), descending=True)
        (array([1, 3, 2, 0]), array([0, 2, 1, 3]))
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = -1, *, descending: bool = False) -> np.ndarray:
        """The places of the elements in order along an axis, of the flattened array if None; no gradient."""

argsort: _argsort
"""The places of the elements in order along an axis, of the flattened array if None; no gradient.

Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...) int64

>>> tg.argsort(np.array([3.0, 1.0, 2.0, 1.0])), tg.argsort(np.array([3.0, 1.0, 2.0, 1.0]), descending=True)
(array([1, 3, 2, 0]), array([0, 2, 1, 3]))
"""

class _argtopk(Op):
    @overload
    def __call__(self, x: Tensor, *, k: Whole, axis: Whole = -1, largest: bool = True) -> Tensor:
        """The places of the k largest (or smallest) elements along an axis, the most extreme first; no gradient.

        Of equal elements the first are taken.  x (..., N, ...) -> (..., k, ...) int64
        """
    @overload
    def __call__(self, x: Array, *, k: Whole, axis: Whole = -1, largest: bool = True) -> np.ndarray:
        """The places of the k largest (or smallest) elements along an axis, the most extreme first; no gradient."""

argtopk: _argtopk
"""The places of the k largest (or smallest) elements along an axis, the most extreme first; no gradient.

Of equal elements the first are taken.  x (..., N, ...) -> (..., k, ...) int64
"""

@overload
def avg_pool1d(x: Tensor, window: Whole, stride: Whole | None = None, padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor:
    """The mean of each window.  x (N,L,C) -> (N,L',C)

    Options as in `avg_pool2d`, of one axis; `padding` is an int, (before, after), "same" or "valid".

    >>> tg.avg_pool1d(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1), 2).ravel()
    array([2.5, 2.5])
    """
@overload
def avg_pool1d(x: Array, window: Whole, stride: Whole | None = None, padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> np.ndarray:
    """The mean of each window.  x (N,L,C) -> (N,L',C)"""

class _avg_pool2d(Op):
    @overload
    def __call__(self, x: Tensor, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor:
        """The mean of each window.  x (N,H,W,C) -> (N,H',W',C)

        Options as in `max_pool2d`; `count_include_pad` says whether padding counts in the mean (as zeros).

        >>> x = np.array([[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 1.0, 6.0]]).reshape(1, 2, 4, 1)
        >>> tg.avg_pool2d(x, 2).ravel()
        array([2.5, 3. ])
        """
    @overload
    def __call__(self, x: Array, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> np.ndarray:
        """The mean of each window.  x (N,H,W,C) -> (N,H',W',C)"""

avg_pool2d: _avg_pool2d
"""The mean of each window.  x (N,H,W,C) -> (N,H',W',C)

Options as in `max_pool2d`; `count_include_pad` says whether padding counts in the mean (as zeros).

>>> x = np.array([[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 1.0, 6.0]]).reshape(1, 2, 4, 1)
>>> tg.avg_pool2d(x, 2).ravel()
array([2.5, 3. ])
"""

@overload
def avg_pool3d(x: Tensor, window: Size3d, stride: Size3d | None = None, padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor:
    """The mean of each window.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Options as in `avg_pool2d`: an int, or three of them along depth, height and width; `padding` as in `conv3d`.

    >>> tg.avg_pool3d(np.arange(16.0).reshape(1, 2, 2, 4, 1), 2).ravel()
    array([6.5, 8.5])
    """
@overload
def avg_pool3d(x: Array, window: Size3d, stride: Size3d | None = None, padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> np.ndarray:
    """The mean of each window.  x (N,D,H,W,C) -> (N,D',H',W',C)"""

class _batch_norm(Op):
    @overload
    def __call__(self, x: Tensor, gamma: _Input, beta: _Input, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> Tensor:
        """Normalise each channel over all other axes, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

        Training statistics.  `observe` is called with the batch's mean and (biased) variance, (C,) each: a layer moves
        its running averages by them.  Source: Ioffe and Szegedy (2015).

        >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])  # two samples of two channels
        >>> tg.batch_norm(x, np.ones(2), np.zeros(2), eps=1e-12).round(3)
        array([[-1., -1.],
               [ 1.,  1.]])
        """
    @overload
    def __call__(self, x: _Input, gamma: Tensor, beta: _Input, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> Tensor:
        """Normalise each channel over all other axes, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
    @overload
    def __call__(self, x: _Input, gamma: _Input, beta: Tensor, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> Tensor:
        """Normalise each channel over all other axes, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
    @overload
    def __call__(self, x: Array, gamma: Array, beta: Array, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> np.ndarray:
        """Normalise each channel over all other axes, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""

batch_norm: _batch_norm
"""Normalise each channel over all other axes, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

Training statistics.  `observe` is called with the batch's mean and (biased) variance, (C,) each: a layer moves
its running averages by them.  Source: Ioffe and Szegedy (2015).

>>> x = np.array([[1.0, 10.0], [3.0, 30.0]])  # two samples of two channels
>>> tg.batch_norm(x, np.ones(2), np.zeros(2), eps=1e-12).round(3)
array([[-1., -1.],
       [ 1.,  1.]])
"""

class _batch_norm_relu(Op):
    @overload
    def __call__(self, x: Tensor, gamma: _Input, beta: _Input, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> Tensor:
        """relu(batch_norm(x, gamma, beta)) in fewer passes.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
    @overload
    def __call__(self, x: _Input, gamma: Tensor, beta: _Input, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> Tensor:
        """relu(batch_norm(x, gamma, beta)) in fewer passes.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
    @overload
    def __call__(self, x: _Input, gamma: _Input, beta: Tensor, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> Tensor:
        """relu(batch_norm(x, gamma, beta)) in fewer passes.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
    @overload
    def __call__(self, x: Array, gamma: Array, beta: Array, *, eps: Number = 1e-05, observe: Callable[[Any, Any], Any] | None = None) -> np.ndarray:
        """relu(batch_norm(x, gamma, beta)) in fewer passes.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""

batch_norm_relu: _batch_norm_relu
"""relu(batch_norm(x, gamma, beta)) in fewer passes.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""

@overload
def binary_cross_entropy(probabilities: Tensor, targets: _Input, *, weight: Any = None, reduction: Reduction = 'mean') -> Tensor:
    """-(t log p + (1-t) log(1-p)), each logarithm of at least -100; reduced.  (...) · (...) -> () or (...)

    `weight`, which broadcasts to the losses, multiplies them; the mean still divides by their number.  A logarithm that
    is cut off, at probabilities of 0 and 1, has gradient 0: `binary_cross_entropy_with_logits` has one everywhere.

    Raises ValueError if a probability is not from 0 to 1.

    >>> tg.binary_cross_entropy(np.array([0.75, 0.0]), np.array([1.0, 1.0]), reduction="none").round(4)
    array([  0.2877, 100.    ])
    """
@overload
def binary_cross_entropy(probabilities: _Input, targets: Tensor, *, weight: Any = None, reduction: Reduction = 'mean') -> Tensor:
    """-(t log p + (1-t) log(1-p)), each logarithm of at least -100; reduced.  (...) · (...) -> () or (...)"""
@overload
def binary_cross_entropy(probabilities: Array, targets: Array, *, weight: Any = None, reduction: Reduction = 'mean') -> np.ndarray:
    """-(t log p + (1-t) log(1-p)), each logarithm of at least -100; reduced.  (...) · (...) -> () or (...)"""

@overload
def binary_cross_entropy_with_logits(logits: Tensor, targets: _Input, *, pos_weight: Any = None, reduction: Reduction = 'mean') -> Tensor:
    """-(t log s + (1-t) log(1-s)) with s = sigmoid(logits), stable; reduced.  (...) · (...) -> () or (...)

    `pos_weight` multiplies the first term.

    >>> logits, targets = np.array([0.0, 100.0]), np.array([1.0, 0.0])
    >>> tg.binary_cross_entropy_with_logits(logits, targets, reduction="none").round(4)
    array([  0.6931, 100.    ])
    """
@overload
def binary_cross_entropy_with_logits(logits: _Input, targets: Tensor, *, pos_weight: Any = None, reduction: Reduction = 'mean') -> Tensor:
    """-(t log s + (1-t) log(1-s)) with s = sigmoid(logits), stable; reduced.  (...) · (...) -> () or (...)"""
@overload
def binary_cross_entropy_with_logits(logits: Array, targets: Array, *, pos_weight: Any = None, reduction: Reduction = 'mean') -> np.ndarray:
    """-(t log s + (1-t) log(1-s)) with s = sigmoid(logits), stable; reduced.  (...) · (...) -> () or (...)"""

@overload
def blur_pool2d(x: Tensor, window: Whole = 4, stride: Size2d = 2, padding_mode: ConvPadMode = 'reflect') -> Tensor:
    """Blur each channel by a binomial filter, then take each `stride`-th pixel.  x (N,H,W,C) -> (N,H',W',C)

    H' = ceil(H / stride), for the border is as wide as the filter needs: window - 1 pixels, the odd one at the bottom
    and right.  Source: Zhang (2019), "Making convolutional networks shift-invariant again".

    Parameters
    ----------
    window : side of the filter: 1 for none, 2 for means, 3 for 1 2 1, 4 for 1 3 3 1 ...
    stride : int or pair, in pixels.
    padding_mode : the border: "zeros", "reflect", "replicate" or "circular", as in `nn.Conv2d`.

    Examples
    --------
    >>> x = np.array([0.0, 0.0, 4.0, 0.0, 0.0]).reshape(1, 1, 5, 1)
    >>> tg.blur_pool2d(x, 3, stride=(1, 2), padding_mode="replicate").ravel()
    array([0., 2., 0.])
    """
@overload
def blur_pool2d(x: Array, window: Whole = 4, stride: Size2d = 2, padding_mode: ConvPadMode = 'reflect') -> np.ndarray:
    """Blur each channel by a binomial filter, then take each `stride`-th pixel.  x (N,H,W,C) -> (N,H',W',C)"""

class _broadcast_to(Op):
    @overload
    def __call__(self, x: Tensor, shape: Shape) -> Tensor:
        """Repeat x along axes of length 1 and new leading axes.  x (...) -> shape

        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> tg.grad(tg.broadcast_to(x, (3, 2)).sum(), x)  # a number used three times
        array([3., 3.], dtype=float32)
        """
    @overload
    def __call__(self, x: Array, shape: Shape) -> np.ndarray:
        """Repeat x along axes of length 1 and new leading axes.  x (...) -> shape"""

broadcast_to: _broadcast_to
"""Repeat x along axes of length 1 and new leading axes.  x (...) -> shape

>>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
>>> tg.grad(tg.broadcast_to(x, (3, 2)).sum(), x)  # a number used three times
array([3., 3.], dtype=float32)
"""

class _cast(Op):
    @overload
    def __call__(self, x: Tensor, *, dtype: Dtype) -> Tensor:
        """Convert to another dtype.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array, *, dtype: Dtype) -> np.ndarray:
        """Convert to another dtype.  x (...) -> (...)"""

cast: _cast
"""Convert to another dtype.  x (...) -> (...)"""

class _cbrt(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The cube root, negative of negative numbers; its derivative at 0 is taken as 0.  x (...) -> (...)

        >>> tg.cbrt(np.array([-8.0, 0.0, 27.0]))
        array([-2.,  0.,  3.])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The cube root, negative of negative numbers; its derivative at 0 is taken as 0.  x (...) -> (...)"""

cbrt: _cbrt
"""The cube root, negative of negative numbers; its derivative at 0 is taken as 0.  x (...) -> (...)

>>> tg.cbrt(np.array([-8.0, 0.0, 27.0]))
array([-2.,  0.,  3.])
"""

class _ceil(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The next whole number above; no gradient, as its slope is 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The next whole number above; no gradient, as its slope is 0.  x (...) -> (...)"""

ceil: _ceil
"""The next whole number above; no gradient, as its slope is 0.  x (...) -> (...)"""

class _celu(Op):
    @overload
    def __call__(self, x: Tensor, *, alpha: Number = 1.0) -> Tensor:
        """x where positive, alpha * (e**(x / alpha) - 1) elsewhere, which is smooth for every alpha.  x (...) -> (...)

        Source: Barron (2017).
        """
    @overload
    def __call__(self, x: Array, *, alpha: Number = 1.0) -> np.ndarray:
        """x where positive, alpha * (e**(x / alpha) - 1) elsewhere, which is smooth for every alpha.  x (...) -> (...)"""

celu: _celu
"""x where positive, alpha * (e**(x / alpha) - 1) elsewhere, which is smooth for every alpha.  x (...) -> (...)

Source: Barron (2017).
"""

class _clip(Op):
    @overload
    def __call__(self, x: Tensor, low: _Input | None = None, high: _Input | None = None) -> Tensor:
        """x held within [low, high].  x (...) · low (...) · high (...) -> (...)

        The gradient passes to x where x lies within, borders included, and elsewhere to the bound that took its place.

        >>> x, high = tg.Tensor([-3.0, 0.5, 3.0], requires_grad=True), tg.Tensor(1.0, requires_grad=True)
        >>> tg.grad(tg.clip(x, -1, high).sum(), [x, high])
        [array([0., 1., 0.], dtype=float32), array(1., dtype=float32)]
        """
    @overload
    def __call__(self, x: _Input, low: Tensor, high: _Input | None = None) -> Tensor:
        """x held within [low, high].  x (...) · low (...) · high (...) -> (...)"""
    @overload
    def __call__(self, x: _Input, low: _Input | None = None, *, high: Tensor) -> Tensor:
        """x held within [low, high].  x (...) · low (...) · high (...) -> (...)"""
    @overload
    def __call__(self, x: _Input, low: _Input | None, high: Tensor) -> Tensor:
        """x held within [low, high].  x (...) · low (...) · high (...) -> (...)"""
    @overload
    def __call__(self, x: Array, low: Array | None = None, high: Array | None = None) -> np.ndarray:
        """x held within [low, high].  x (...) · low (...) · high (...) -> (...)"""

clip: _clip
"""x held within [low, high].  x (...) · low (...) · high (...) -> (...)

The gradient passes to x where x lies within, borders included, and elsewhere to the bound that took its place.

>>> x, high = tg.Tensor([-3.0, 0.5, 3.0], requires_grad=True), tg.Tensor(1.0, requires_grad=True)
>>> tg.grad(tg.clip(x, -1, high).sum(), [x, high])
[array([0., 1., 0.], dtype=float32), array(1., dtype=float32)]
"""

class _concatenate(Op):
    @overload
    def __call__(self, first: list[Tensor] | tuple[Tensor, ...], /, axis: Whole | None = 0) -> Tensor:
        """Arrays joined along an axis that exists, flat if None; ``concatenate([a, b], axis=0)``.  xs (...), ... -> (...)

        >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
        >>> tg.concatenate([a, b])
        array([[1., 2.],
               [3., 4.]])
        >>> tg.concatenate([a, b], axis=1)
        array([[1., 2., 3., 4.]])
        """
    @overload
    def __call__(self, first: Tensor, /, *xs: _Input, axis: Whole | None = 0) -> Tensor:
        """Arrays joined along an axis that exists, flat if None; ``concatenate([a, b], axis=0)``.  xs (...), ... -> (...)"""
    @overload
    def __call__(self, first: Array, /, *xs: Array, axis: Whole | None = 0) -> np.ndarray:
        """Arrays joined along an axis that exists, flat if None; ``concatenate([a, b], axis=0)``.  xs (...), ... -> (...)"""
    @overload
    def __call__(self, first: Array, /, *xs: _Input, axis: Whole | None = 0) -> Tensor:
        """Arrays joined along an axis that exists, flat if None; ``concatenate([a, b], axis=0)``.  xs (...), ... -> (...)"""

concatenate: _concatenate
"""Arrays joined along an axis that exists, flat if None; ``concatenate([a, b], axis=0)``.  xs (...), ... -> (...)

>>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
>>> tg.concatenate([a, b])
array([[1., 2.],
       [3., 4.]])
>>> tg.concatenate([a, b], axis=1)
array([[1., 2., 3., 4.]])
"""

@overload
def conv1d(x: Tensor, w: _Input, b: _Input | None = None, stride: Whole = 1, padding: Padding = 0, dilation: Whole = 1, groups: Whole = 1) -> Tensor:
    """Cross-correlate sequences with a bank of filters.  x (N,L,C) · w (K,C/groups,O) · b (O,) -> (N,L',O)

    L' = floor((L + before + after - dilation*(K - 1) - 1) / stride) + 1.  Options as in `conv2d`, of one axis;
    `padding` is an int, (before, after), "same" or "valid".

    >>> x, w = np.arange(5.0).reshape(1, 5, 1), np.array([1.0, -1.0]).reshape(2, 1, 1)
    >>> tg.conv1d(x, w).ravel()
    array([-1., -1., -1., -1.])
    """
@overload
def conv1d(x: _Input, w: Tensor, b: _Input | None = None, stride: Whole = 1, padding: Padding = 0, dilation: Whole = 1, groups: Whole = 1) -> Tensor:
    """Cross-correlate sequences with a bank of filters.  x (N,L,C) · w (K,C/groups,O) · b (O,) -> (N,L',O)"""
@overload
def conv1d(x: _Input, w: _Input, b: Tensor, stride: Whole = 1, padding: Padding = 0, dilation: Whole = 1, groups: Whole = 1) -> Tensor:
    """Cross-correlate sequences with a bank of filters.  x (N,L,C) · w (K,C/groups,O) · b (O,) -> (N,L',O)"""
@overload
def conv1d(x: Array, w: Array, b: Array | None = None, stride: Whole = 1, padding: Padding = 0, dilation: Whole = 1, groups: Whole = 1) -> np.ndarray:
    """Cross-correlate sequences with a bank of filters.  x (N,L,C) · w (K,C/groups,O) · b (O,) -> (N,L',O)"""

class _conv2d(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)

        H' = floor((H + top + bottom - dilation*(I - 1) - 1) / stride) + 1, and W' alike.

        Parameters
        ----------
        stride, dilation : int or pair, in pixels.
        padding : int, pair, ((top, bottom), (left, right)), "same" (TensorFlow's rule) or "valid".
        groups : channels are cut into this many groups that do not mix; C for a depthwise convolution.

        Raises
        ------
        ValueError : the channels do not match, or the window does not fit the image.

        Examples
        --------
        >>> image = np.zeros((1, 1, 6, 1), np.float32)
        >>> image[0, 0, :3] = 10  # light on the left, dark on the right
        >>> edge = np.array([1.0, 0.0, -1.0], np.float32).reshape(1, 3, 1, 1)  # (I, J, C, O)
        >>> tg.conv2d(image, edge).ravel()
        array([ 0., 10., 10.,  0.], dtype=float32)
        >>> x, w = tg.randn(8, 32, 32, 3, rng=0), tg.randn(5, 5, 3, 6, rng=1)
        >>> tg.conv2d(x, w).shape, tg.conv2d(x, w, stride=2, padding="same").shape
        ((8, 28, 28, 6), (8, 16, 16, 6))
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> np.ndarray:
        """Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""

conv2d: _conv2d
"""Cross-correlate images with a bank of filters.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)

H' = floor((H + top + bottom - dilation*(I - 1) - 1) / stride) + 1, and W' alike.

Parameters
----------
stride, dilation : int or pair, in pixels.
padding : int, pair, ((top, bottom), (left, right)), "same" (TensorFlow's rule) or "valid".
groups : channels are cut into this many groups that do not mix; C for a depthwise convolution.

Raises
------
ValueError : the channels do not match, or the window does not fit the image.

Examples
--------
>>> image = np.zeros((1, 1, 6, 1), np.float32)
>>> image[0, 0, :3] = 10  # light on the left, dark on the right
>>> edge = np.array([1.0, 0.0, -1.0], np.float32).reshape(1, 3, 1, 1)  # (I, J, C, O)
>>> tg.conv2d(image, edge).ravel()
array([ 0., 10., 10.,  0.], dtype=float32)
>>> x, w = tg.randn(8, 32, 32, 3, rng=0), tg.randn(5, 5, 3, 6, rng=1)
>>> tg.conv2d(x, w).shape, tg.conv2d(x, w, stride=2, padding="same").shape
((8, 28, 28, 6), (8, 16, 16, 6))
"""

class _conv2d_dw(Op):
    @overload
    def __call__(self, x: Tensor, dy: _Input, *, window: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """The gradient of conv2d in its filters of `window` (I, J).  x (N,H,W,C) · dy (N,H',W',O) -> (I,J,C/groups,O)

        >>> x, dy = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1), np.ones((1, 1, 2, 1))
        >>> tg.conv2d_dw(x, dy, window=(1, 3)).ravel()  # a weight's gradient sums over places
        array([3., 5., 7.])
        """
    @overload
    def __call__(self, x: _Input, dy: Tensor, *, window: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """The gradient of conv2d in its filters of `window` (I, J).  x (N,H,W,C) · dy (N,H',W',O) -> (I,J,C/groups,O)"""
    @overload
    def __call__(self, x: Array, dy: Array, *, window: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> np.ndarray:
        """The gradient of conv2d in its filters of `window` (I, J).  x (N,H,W,C) · dy (N,H',W',O) -> (I,J,C/groups,O)"""

conv2d_dw: _conv2d_dw
"""The gradient of conv2d in its filters of `window` (I, J).  x (N,H,W,C) · dy (N,H',W',O) -> (I,J,C/groups,O)

>>> x, dy = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1), np.ones((1, 1, 2, 1))
>>> tg.conv2d_dw(x, dy, window=(1, 3)).ravel()  # a weight's gradient sums over places
array([3., 5., 7.])
"""

class _conv2d_dx(Op):
    @overload
    def __call__(self, dy: Tensor, w: _Input, *, size: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """The gradient of conv2d in its images of `size` (H, W).  dy (N,H',W',O) · w (I,J,C/groups,O) -> (N,H,W,C)

        >>> dy, w = np.ones((1, 1, 2, 1)), np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
        >>> tg.conv2d_dx(dy, w, size=(1, 4)).ravel()  # each dy puts the filter back
        array([1., 3., 5., 3.])
        """
    @overload
    def __call__(self, dy: _Input, w: Tensor, *, size: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """The gradient of conv2d in its images of `size` (H, W).  dy (N,H',W',O) · w (I,J,C/groups,O) -> (N,H,W,C)"""
    @overload
    def __call__(self, dy: Array, w: Array, *, size: Wholes, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> np.ndarray:
        """The gradient of conv2d in its images of `size` (H, W).  dy (N,H',W',O) · w (I,J,C/groups,O) -> (N,H,W,C)"""

conv2d_dx: _conv2d_dx
"""The gradient of conv2d in its images of `size` (H, W).  dy (N,H',W',O) · w (I,J,C/groups,O) -> (N,H,W,C)

>>> dy, w = np.ones((1, 1, 2, 1)), np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
>>> tg.conv2d_dx(dy, w, size=(1, 4)).ravel()  # each dy puts the filter back
array([1., 3., 5., 3.])
"""

class _conv2d_relu(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """relu(conv2d(x, w, b)) in one pass.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """relu(conv2d(x, w, b)) in one pass.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> Tensor:
        """relu(conv2d(x, w, b)) in one pass.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1, groups: Whole = 1) -> np.ndarray:
        """relu(conv2d(x, w, b)) in one pass.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""

conv2d_relu: _conv2d_relu
"""relu(conv2d(x, w, b)) in one pass.  x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) -> (N,H',W',O)"""

class _conv3d(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None, stride: Size3d = 1, padding: Padding = 0, dilation: Size3d = 1, groups: Whole = 1) -> Tensor:
        """Cross-correlate volumes with a bank of filters.  x (N,D,H,W,C) · w (K,I,J,C/groups,O) · b (O,) -> (N,D',H',W',O)

        Sizes as in `conv2d`, along the depth, too.

        Parameters
        ----------
        stride, dilation : int or three of them, along depth, height and width.
        padding : int, three of them, ((front, back), (top, bottom), (left, right)), "same" or "valid".
        groups : channels are cut into this many groups that do not mix.

        Raises
        ------
        ValueError : the channels do not match, or the window does not fit the volume.

        Examples
        --------
        >>> film = np.arange(4.0).reshape(1, 4, 1, 1, 1)  # four frames of one pixel
        >>> change = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1, 1)
        >>> tg.conv3d(film, change).ravel()
        array([1., 1., 1.])
        >>> tg.conv3d(np.zeros((2, 16, 28, 28, 3)), np.zeros((3, 3, 3, 3, 8)), padding="same").shape
        (2, 16, 28, 28, 8)
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None, stride: Size3d = 1, padding: Padding = 0, dilation: Size3d = 1, groups: Whole = 1) -> Tensor:
        """Cross-correlate volumes with a bank of filters.  x (N,D,H,W,C) · w (K,I,J,C/groups,O) · b (O,) -> (N,D',H',W',O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor, stride: Size3d = 1, padding: Padding = 0, dilation: Size3d = 1, groups: Whole = 1) -> Tensor:
        """Cross-correlate volumes with a bank of filters.  x (N,D,H,W,C) · w (K,I,J,C/groups,O) · b (O,) -> (N,D',H',W',O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None, stride: Size3d = 1, padding: Padding = 0, dilation: Size3d = 1, groups: Whole = 1) -> np.ndarray:
        """Cross-correlate volumes with a bank of filters.  x (N,D,H,W,C) · w (K,I,J,C/groups,O) · b (O,) -> (N,D',H',W',O)"""

conv3d: _conv3d
"""Cross-correlate volumes with a bank of filters.  x (N,D,H,W,C) · w (K,I,J,C/groups,O) · b (O,) -> (N,D',H',W',O)

Sizes as in `conv2d`, along the depth, too.

Parameters
----------
stride, dilation : int or three of them, along depth, height and width.
padding : int, three of them, ((front, back), (top, bottom), (left, right)), "same" or "valid".
groups : channels are cut into this many groups that do not mix.

Raises
------
ValueError : the channels do not match, or the window does not fit the volume.

Examples
--------
>>> film = np.arange(4.0).reshape(1, 4, 1, 1, 1)  # four frames of one pixel
>>> change = np.array([-1.0, 1.0]).reshape(2, 1, 1, 1, 1)
>>> tg.conv3d(film, change).ravel()
array([1., 1., 1.])
>>> tg.conv3d(np.zeros((2, 16, 28, 28, 3)), np.zeros((3, 3, 3, 3, 8)), padding="same").shape
(2, 16, 28, 28, 8)
"""

@overload
def conv_transpose1d(x: Tensor, w: _Input, b: _Input | None = None, stride: Whole = 1, padding: Padding = 0, output_padding: Whole = 0, groups: Whole = 1, dilation: Whole = 1) -> Tensor:
    """Each place stamps filters times its value.  x (N,L,C) · w (K,O/groups,C) · b (O,) -> (N,L',O)

    The gradient of `conv1d` with the same filters.  Sizes and options as in `conv_transpose2d`, of one axis; padding as
    in `conv1d`.

    >>> x, w = np.array([1.0, 10.0]).reshape(1, 2, 1), np.array([1.0, 2.0]).reshape(2, 1, 1)
    >>> tg.conv_transpose1d(x, w, stride=2).ravel()
    array([ 1.,  2., 10., 20.])
    """
@overload
def conv_transpose1d(x: _Input, w: Tensor, b: _Input | None = None, stride: Whole = 1, padding: Padding = 0, output_padding: Whole = 0, groups: Whole = 1, dilation: Whole = 1) -> Tensor:
    """Each place stamps filters times its value.  x (N,L,C) · w (K,O/groups,C) · b (O,) -> (N,L',O)"""
@overload
def conv_transpose1d(x: _Input, w: _Input, b: Tensor, stride: Whole = 1, padding: Padding = 0, output_padding: Whole = 0, groups: Whole = 1, dilation: Whole = 1) -> Tensor:
    """Each place stamps filters times its value.  x (N,L,C) · w (K,O/groups,C) · b (O,) -> (N,L',O)"""
@overload
def conv_transpose1d(x: Array, w: Array, b: Array | None = None, stride: Whole = 1, padding: Padding = 0, output_padding: Whole = 0, groups: Whole = 1, dilation: Whole = 1) -> np.ndarray:
    """Each place stamps filters times its value.  x (N,L,C) · w (K,O/groups,C) · b (O,) -> (N,L',O)"""

class _conv_transpose2d(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, output_padding: Size2d = 0, groups: Whole = 1, dilation: Size2d = 1) -> Tensor:
        """Each pixel stamps filters times its value.  x (N,H,W,C) · w (I,J,O/groups,C) · b (O,) -> (N,H',W',O)

        The gradient of a convolution from O to C channels with the same filters, as an op of its own.
        H' = (H - 1)*stride - top - bottom + dilation*(I - 1) + 1 + output_padding, and W' alike.

        Parameters
        ----------
        stride, dilation : int or pair, in pixels.
        padding : what the convolution would add is cut off: int, pair, ((top, bottom), (left, right)), "valid" for none,
            or "same" for H' = H*stride.
        output_padding : int or pair, smaller than the stride: rows and columns more at the bottom and right.
        groups : channels are cut into this many groups that do not mix.

        Raises
        ------
        ValueError : the channels do not match, or nothing is left of the image.

        Examples
        --------
        >>> x = np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
        >>> w = np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
        >>> tg.conv_transpose2d(x, w, stride=2).shape  # the rows in between stay empty
        (1, 1, 4, 1)
        >>> tg.conv_transpose2d(x, w, stride=(1, 2)).ravel()
        array([ 1.,  2., 10., 20.])
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, output_padding: Size2d = 0, groups: Whole = 1, dilation: Size2d = 1) -> Tensor:
        """Each pixel stamps filters times its value.  x (N,H,W,C) · w (I,J,O/groups,C) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor, stride: Size2d = 1, padding: Padding = 0, output_padding: Size2d = 0, groups: Whole = 1, dilation: Size2d = 1) -> Tensor:
        """Each pixel stamps filters times its value.  x (N,H,W,C) · w (I,J,O/groups,C) · b (O,) -> (N,H',W',O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None, stride: Size2d = 1, padding: Padding = 0, output_padding: Size2d = 0, groups: Whole = 1, dilation: Size2d = 1) -> np.ndarray:
        """Each pixel stamps filters times its value.  x (N,H,W,C) · w (I,J,O/groups,C) · b (O,) -> (N,H',W',O)"""

conv_transpose2d: _conv_transpose2d
"""Each pixel stamps filters times its value.  x (N,H,W,C) · w (I,J,O/groups,C) · b (O,) -> (N,H',W',O)

The gradient of a convolution from O to C channels with the same filters, as an op of its own.
H' = (H - 1)*stride - top - bottom + dilation*(I - 1) + 1 + output_padding, and W' alike.

Parameters
----------
stride, dilation : int or pair, in pixels.
padding : what the convolution would add is cut off: int, pair, ((top, bottom), (left, right)), "valid" for none,
    or "same" for H' = H*stride.
output_padding : int or pair, smaller than the stride: rows and columns more at the bottom and right.
groups : channels are cut into this many groups that do not mix.

Raises
------
ValueError : the channels do not match, or nothing is left of the image.

Examples
--------
>>> x = np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
>>> w = np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
>>> tg.conv_transpose2d(x, w, stride=2).shape  # the rows in between stay empty
(1, 1, 4, 1)
>>> tg.conv_transpose2d(x, w, stride=(1, 2)).ravel()
array([ 1.,  2., 10., 20.])
"""

class _conv_transpose3d(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None, stride: Size3d = 1, padding: Padding = 0, output_padding: Size3d = 0, groups: Whole = 1, dilation: Size3d = 1) -> Tensor:
        """Each voxel stamps filters times its value.  x (N,D,H,W,C) · w (K,I,J,O/groups,C) · b (O,) -> (N,D',H',W',O)

        The gradient of `conv3d` with the same filters.  Sizes and options as in `conv_transpose2d`, along the depth, too:
        an int or three of them; padding as in `conv3d`.

        >>> x, w = np.array([1.0, 10.0]).reshape(1, 2, 1, 1, 1), np.array([1.0, 2.0]).reshape(2, 1, 1, 1, 1)
        >>> tg.conv_transpose3d(x, w, stride=(2, 1, 1)).ravel()
        array([ 1.,  2., 10., 20.])
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None, stride: Size3d = 1, padding: Padding = 0, output_padding: Size3d = 0, groups: Whole = 1, dilation: Size3d = 1) -> Tensor:
        """Each voxel stamps filters times its value.  x (N,D,H,W,C) · w (K,I,J,O/groups,C) · b (O,) -> (N,D',H',W',O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor, stride: Size3d = 1, padding: Padding = 0, output_padding: Size3d = 0, groups: Whole = 1, dilation: Size3d = 1) -> Tensor:
        """Each voxel stamps filters times its value.  x (N,D,H,W,C) · w (K,I,J,O/groups,C) · b (O,) -> (N,D',H',W',O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None, stride: Size3d = 1, padding: Padding = 0, output_padding: Size3d = 0, groups: Whole = 1, dilation: Size3d = 1) -> np.ndarray:
        """Each voxel stamps filters times its value.  x (N,D,H,W,C) · w (K,I,J,O/groups,C) · b (O,) -> (N,D',H',W',O)"""

conv_transpose3d: _conv_transpose3d
"""Each voxel stamps filters times its value.  x (N,D,H,W,C) · w (K,I,J,O/groups,C) · b (O,) -> (N,D',H',W',O)

The gradient of `conv3d` with the same filters.  Sizes and options as in `conv_transpose2d`, along the depth, too:
an int or three of them; padding as in `conv3d`.

>>> x, w = np.array([1.0, 10.0]).reshape(1, 2, 1, 1, 1), np.array([1.0, 2.0]).reshape(2, 1, 1, 1, 1)
>>> tg.conv_transpose3d(x, w, stride=(2, 1, 1)).ravel()
array([ 1.,  2., 10., 20.])
"""

class _copysign(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The size of a with the sign of b, which only chooses; the slope at a = 0 is 0.  a (...) · b (...) -> (...)

        >>> tg.copysign(np.array([1.0, -2.0]), -1.0)
        array([-1., -2.])
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The size of a with the sign of b, which only chooses; the slope at a = 0 is 0.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The size of a with the sign of b, which only chooses; the slope at a = 0 is 0.  a (...) · b (...) -> (...)"""

copysign: _copysign
"""The size of a with the sign of b, which only chooses; the slope at a = 0 is 0.  a (...) · b (...) -> (...)

>>> tg.copysign(np.array([1.0, -2.0]), -1.0)
array([-1., -2.])
"""

class _cos(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The cosine.  x (...) in radians -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The cosine.  x (...) in radians -> (...)"""

cos: _cos
"""The cosine.  x (...) in radians -> (...)"""

class _cosh(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The hyperbolic cosine.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The hyperbolic cosine.  x (...) -> (...)"""

cosh: _cosh
"""The hyperbolic cosine.  x (...) -> (...)"""

@overload
def cosine_embedding_loss(x1: Tensor, x2: _Input, y: _Input, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
    """1 - cosine where y is 1, max(0, cosine - margin) where y is -1; reduced.

    x1 (..., D) · x2 (..., D) · y (...) -> () or (...)

    >>> x1, x2 = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.6, 0.8], [0.6, 0.8]])
    >>> tg.cosine_embedding_loss(x1, x2, np.array([1, -1]), reduction="none").round(6)
    array([0.4, 0.6])
    """
@overload
def cosine_embedding_loss(x1: _Input, x2: Tensor, y: _Input, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
    """1 - cosine where y is 1, max(0, cosine - margin) where y is -1; reduced."""
@overload
def cosine_embedding_loss(x1: _Input, x2: _Input, y: Tensor, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
    """1 - cosine where y is 1, max(0, cosine - margin) where y is -1; reduced."""
@overload
def cosine_embedding_loss(x1: Array, x2: Array, y: Array, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> np.ndarray:
    """1 - cosine where y is 1, max(0, cosine - margin) where y is -1; reduced."""

@overload
def cosine_similarity(x1: Tensor, x2: _Input, axis: Whole = -1, eps: Number = 1e-08) -> Tensor:
    """x1 @ x2 / (max(norm(x1), eps) * max(norm(x2), eps)) along an axis.  (..., D) · (..., D) -> (...)

    The cosine of the angle between vectors, 0 if one is 0; shapes broadcast.

    >>> float(tg.cosine_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0])))
    0.96
    """
@overload
def cosine_similarity(x1: _Input, x2: Tensor, axis: Whole = -1, eps: Number = 1e-08) -> Tensor:
    """x1 @ x2 / (max(norm(x1), eps) * max(norm(x2), eps)) along an axis.  (..., D) · (..., D) -> (...)"""
@overload
def cosine_similarity(x1: Array, x2: Array, axis: Whole = -1, eps: Number = 1e-08) -> np.ndarray:
    """x1 @ x2 / (max(norm(x1), eps) * max(norm(x2), eps)) along an axis.  (..., D) · (..., D) -> (...)"""

@overload
def cross(a: Tensor, b: _Input, axis: Whole = -1) -> Tensor:
    """The vector products of the vectors of 3 elements along an axis; the other axes broadcast.

    >>> tg.cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
@overload
def cross(a: _Input, b: Tensor, axis: Whole = -1) -> Tensor:
    """The vector products of the vectors of 3 elements along an axis; the other axes broadcast."""
@overload
def cross(a: Array, b: Array, axis: Whole = -1) -> np.ndarray:
    """The vector products of the vectors of 3 elements along an axis; the other axes broadcast."""

class _ctc_loss(Op):
    @overload
    def __call__(self, log_probabilities: Tensor, targets: _Input, input_lengths: _Input, target_lengths: _Input, *, blank: Whole = 0, reduction: Reduction = 'mean', zero_infinity: bool = False) -> Tensor:
        """-log of the probability of all alignments that read as the target; reduced.

        log_probabilities (T, N, C) · targets (N, S) int or (sum of lengths,) int · lengths (N,) int -> () or (N,)

        Parameters
        ----------
        log_probabilities : of each class at each time, as from `log_softmax`; time comes first, as in PyTorch.
        targets : labels, without blanks; rows filled up with anything, or all in one row, one sequence after the other.
        input_lengths, target_lengths : how much of each row counts.
        blank : the class that stands for no label.
        reduction : "mean" divides each loss by the length of its target, and averages these; "sum" or "none".
        zero_infinity : losses of targets that do not fit into their input count as 0 instead of infinity.  Their gradient
            is 0 either way.

        Gradients are those in log_probabilities themselves, whether their exponentials add up to 1 or not.
        Source: Graves and others, Connectionist temporal classification (2006).

        >>> log_p = np.log([[[0.4, 0.6]], [[0.3, 0.7]]])  # two steps, blank and one label
        >>> loss = tg.ctc_loss(log_p, np.array([[1]]), np.array([2]), np.array([1]))
        >>> float(np.exp(-loss).round(6))  # 1 - 0.4 * 0.3: all but two blanks
        0.88
        """
    @overload
    def __call__(self, log_probabilities: _Input, targets: Tensor, input_lengths: _Input, target_lengths: _Input, *, blank: Whole = 0, reduction: Reduction = 'mean', zero_infinity: bool = False) -> Tensor:
        """-log of the probability of all alignments that read as the target; reduced."""
    @overload
    def __call__(self, log_probabilities: _Input, targets: _Input, input_lengths: Tensor, target_lengths: _Input, *, blank: Whole = 0, reduction: Reduction = 'mean', zero_infinity: bool = False) -> Tensor:
        """-log of the probability of all alignments that read as the target; reduced."""
    @overload
    def __call__(self, log_probabilities: _Input, targets: _Input, input_lengths: _Input, target_lengths: Tensor, *, blank: Whole = 0, reduction: Reduction = 'mean', zero_infinity: bool = False) -> Tensor:
        """-log of the probability of all alignments that read as the target; reduced."""
    @overload
    def __call__(self, log_probabilities: Array, targets: Array, input_lengths: Array, target_lengths: Array, *, blank: Whole = 0, reduction: Reduction = 'mean', zero_infinity: bool = False) -> np.ndarray:
        """-log of the probability of all alignments that read as the target; reduced."""

ctc_loss: _ctc_loss
"""-log of the probability of all alignments that read as the target; reduced.

log_probabilities (T, N, C) · targets (N, S) int or (sum of lengths,) int · lengths (N,) int -> () or (N,)

Parameters
----------
log_probabilities : of each class at each time, as from `log_softmax`; time comes first, as in PyTorch.
targets : labels, without blanks; rows filled up with anything, or all in one row, one sequence after the other.
input_lengths, target_lengths : how much of each row counts.
blank : the class that stands for no label.
reduction : "mean" divides each loss by the length of its target, and averages these; "sum" or "none".
zero_infinity : losses of targets that do not fit into their input count as 0 instead of infinity.  Their gradient
    is 0 either way.

Gradients are those in log_probabilities themselves, whether their exponentials add up to 1 or not.
Source: Graves and others, Connectionist temporal classification (2006).

>>> log_p = np.log([[[0.4, 0.6]], [[0.3, 0.7]]])  # two steps, blank and one label
>>> loss = tg.ctc_loss(log_p, np.array([[1]]), np.array([2]), np.array([1]))
>>> float(np.exp(-loss).round(6))  # 1 - 0.4 * 0.3: all but two blanks
0.88
"""

class _cumprod(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = None) -> Tensor:
        """Running products along an axis, of the flattened array if None; the gradient is right at zeros too.

        x (...) -> (...), or (size,) for axis=None

        >>> x = tg.Tensor([2.0, 0.0, 3.0], requires_grad=True)
        >>> y = tg.cumprod(x)
        >>> y.data, tg.grad(y.sum(), x)
        (array([2., 0., 0.], dtype=float32), array([1., 8., 0.], dtype=float32))
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = None) -> np.ndarray:
        """Running products along an axis, of the flattened array if None; the gradient is right at zeros too."""

cumprod: _cumprod
"""Running products along an axis, of the flattened array if None; the gradient is right at zeros too.

x (...) -> (...), or (size,) for axis=None

>>> x = tg.Tensor([2.0, 0.0, 3.0], requires_grad=True)
>>> y = tg.cumprod(x)
>>> y.data, tg.grad(y.sum(), x)
(array([2., 0., 0.], dtype=float32), array([1., 8., 0.], dtype=float32))
"""

class _cumsum(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = None) -> Tensor:
        """Running sums along an axis, of the flattened array if None.  x (...) -> (...), or (size,) for axis=None

        >>> tg.cumsum(np.array([1, 2, 3, 4]))
        array([ 1,  3,  6, 10])
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = None) -> np.ndarray:
        """Running sums along an axis, of the flattened array if None.  x (...) -> (...), or (size,) for axis=None"""

cumsum: _cumsum
"""Running sums along an axis, of the flattened array if None.  x (...) -> (...), or (size,) for axis=None

>>> tg.cumsum(np.array([1, 2, 3, 4]))
array([ 1,  3,  6, 10])
"""

class _deg2rad(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """Degrees as radians: x * pi / 180.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """Degrees as radians: x * pi / 180.  x (...) -> (...)"""

deg2rad: _deg2rad
"""Degrees as radians: x * pi / 180.  x (...) -> (...)"""

@overload
def depthwise_conv2d(x: Tensor, w: _Input, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """M filters for each channel by itself.  x (N,H,W,C) · w (I,J,C,M) · b (C*M,) -> (N,H',W',C*M)

    Channel c of x gives channels c*M to (c + 1)*M of the result.  Options as in `conv2d`.

    >>> x, w = tg.randn(1, 8, 8, 3, rng=0), tg.randn(3, 3, 3, 2, rng=1)
    >>> tg.depthwise_conv2d(x, w, padding="same").shape  # two filters a channel
    (1, 8, 8, 6)
    """
@overload
def depthwise_conv2d(x: _Input, w: Tensor, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """M filters for each channel by itself.  x (N,H,W,C) · w (I,J,C,M) · b (C*M,) -> (N,H',W',C*M)"""
@overload
def depthwise_conv2d(x: _Input, w: _Input, b: Tensor, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """M filters for each channel by itself.  x (N,H,W,C) · w (I,J,C,M) · b (C*M,) -> (N,H',W',C*M)"""
@overload
def depthwise_conv2d(x: Array, w: Array, b: Array | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> np.ndarray:
    """M filters for each channel by itself.  x (N,H,W,C) · w (I,J,C,M) · b (C*M,) -> (N,H',W',C*M)"""

@overload
def diag(x: Tensor, k: Whole = 0) -> Tensor:
    """Of a matrix its diagonal, of a row (N,) the matrix that has it on the diagonal, `k` places to the right.

    >>> tg.diag(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    >>> tg.diag(np.array([[1.0, 2.0], [3.0, 4.0]]), -1)
    array([3.])
    """
@overload
def diag(x: Array, k: Whole = 0) -> np.ndarray:
    """Of a matrix its diagonal, of a row (N,) the matrix that has it on the diagonal, `k` places to the right."""

class _diagonal(Op):
    @overload
    def __call__(self, x: Tensor, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Tensor:
        """The diagonal of the matrices that two axes form, `offset` places to the right; as the last axis of the result.

        x (..., N, M) -> (..., K)

        >>> tg.diagonal(np.arange(6).reshape(2, 3)), tg.diagonal(np.arange(6).reshape(2, 3), 1)
        (array([0, 4]), array([1, 5]))
        """
    @overload
    def __call__(self, x: Array, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> np.ndarray:
        """The diagonal of the matrices that two axes form, `offset` places to the right; as the last axis of the result."""

diagonal: _diagonal
"""The diagonal of the matrices that two axes form, `offset` places to the right; as the last axis of the result.

x (..., N, M) -> (..., K)

>>> tg.diagonal(np.arange(6).reshape(2, 3)), tg.diagonal(np.arange(6).reshape(2, 3), 1)
(array([0, 4]), array([1, 5]))
"""

@overload
def dice_loss(predictions: Tensor, targets: _Input, *, activation: Outputs = None, smooth: Number = 1.0, squared: bool = False, ignore_index: Whole | None = None, reduction: Reduction = 'mean') -> Tensor:
    """1 - (2 * sum(p * t) + smooth) / (sum(p) + sum(t) + smooth) for each image and class; reduced.

    p (N, ..., C) · t (N, ..., C), or labels (N, ...) int -> () or (N, C)

    Sums go over all axes but the first and the last.

    Parameters
    ----------
    predictions : probabilities p, or logits with `activation`: "softmax" over classes, or "sigmoid", as for C = 1.
    targets : shares t of each class, mostly 0 or 1, or labels: class indices, or 0 and 1 if C = 1.
    smooth : keeps the quotient defined where a class is in neither; that costs 0 then, or 1 with ``smooth=0``.
    squared : sums of p**2 and t**2 in the divisor, as Milletari and others have it (V-Net, 2016).
    ignore_index : pixels with this label count nothing.

    Source: Sudre and others, Generalised Dice overlap (2017), without weights.

    >>> p, t = np.array([[[0.5], [1.0]]]), np.array([[0, 1]])  # one image of two pixels
    >>> float(tg.dice_loss(p, t, smooth=0.0))  # 1 - 2 * 1 / (1.5 + 1)
    0.19999999999999996
    """
@overload
def dice_loss(predictions: _Input, targets: Tensor, *, activation: Outputs = None, smooth: Number = 1.0, squared: bool = False, ignore_index: Whole | None = None, reduction: Reduction = 'mean') -> Tensor:
    """1 - (2 * sum(p * t) + smooth) / (sum(p) + sum(t) + smooth) for each image and class; reduced."""
@overload
def dice_loss(predictions: Array, targets: Array, *, activation: Outputs = None, smooth: Number = 1.0, squared: bool = False, ignore_index: Whole | None = None, reduction: Reduction = 'mean') -> np.ndarray:
    """1 - (2 * sum(p * t) + smooth) / (sum(p) + sum(t) + smooth) for each image and class; reduced."""

class _div(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a / b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a / b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a / b.  a (...) · b (...) -> (...)"""

div: _div
"""a / b.  a (...) · b (...) -> (...)"""

@overload
def dot(a: Tensor, b: _Input) -> Tensor:
    """Sums of products over the last axis of a and the last but one of b, as ``np.dot`` has them; also as ``t.dot(b)``.

    Of rows (N,) it is their inner product, of matrices their product; with a number, each element is multiplied.

    >>> float(tg.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
@overload
def dot(a: _Input, b: Tensor) -> Tensor:
    """Sums of products over the last axis of a and the last but one of b, as ``np.dot`` has them; also as ``t.dot(b)``."""
@overload
def dot(a: Array, b: Array) -> np.ndarray:
    """Sums of products over the last axis of a and the last but one of b, as ``np.dot`` has them; also as ``t.dot(b)``."""

class _dropout(Op):
    @overload
    def __call__(self, x: Tensor, rate: Number, training: bool = True, *, shared: Axis = (), rng: Rng = None) -> Tensor:
        """Set a share `rate` of the elements to zero and scale the rest by 1/(1 - rate).  x (...) -> (...)

        Nothing happens unless `training`.  Along the axes in `shared` all elements fare alike, so that whole channels of
        images are dropped with ``shared=(1, 2)``.  `rng`: a ``np.random.Generator``, an int seed, or None for the default
        one.  Source: Srivastava et al. (2014), inverted.

        >>> y = tg.dropout(np.ones(1000), 0.25, rng=0)
        >>> np.unique(y).round(3), bool(0.7 < (y > 0).mean() < 0.8)
        (array([0.   , 1.333]), True)
        >>> tg.dropout(np.ones(3), 0.25, training=False)
        array([1., 1., 1.])
        """
    @overload
    def __call__(self, x: Array, rate: Number, training: bool = True, *, shared: Axis = (), rng: Rng = None) -> np.ndarray:
        """Set a share `rate` of the elements to zero and scale the rest by 1/(1 - rate).  x (...) -> (...)"""

dropout: _dropout
"""Set a share `rate` of the elements to zero and scale the rest by 1/(1 - rate).  x (...) -> (...)

Nothing happens unless `training`.  Along the axes in `shared` all elements fare alike, so that whole channels of
images are dropped with ``shared=(1, 2)``.  `rng`: a ``np.random.Generator``, an int seed, or None for the default
one.  Source: Srivastava et al. (2014), inverted.

>>> y = tg.dropout(np.ones(1000), 0.25, rng=0)
>>> np.unique(y).round(3), bool(0.7 < (y > 0).mean() < 0.8)
(array([0.   , 1.333]), True)
>>> tg.dropout(np.ones(3), 0.25, training=False)
array([1., 1., 1.])
"""

@overload
def einsum(subscripts: str, *xs: Array) -> np.ndarray:
    """Einstein's summation, as ``np.einsum`` spells it: ``einsum("ij,jk->ik", a, b)``.

    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> tg.einsum("ij->j", x), float(tg.einsum("ii", x))
    (array([4., 6.]), 5.0)
    >>> tg.einsum("bij,bjk->bik", np.ones((5, 2, 3)), np.ones((5, 3, 4))).shape
    (5, 2, 4)
    """
@overload
def einsum(subscripts: str, *xs: _Input) -> Tensor:
    """Einstein's summation, as ``np.einsum`` spells it: ``einsum("ij,jk->ik", a, b)``."""

class _elu(Op):
    @overload
    def __call__(self, x: Tensor, alpha: Number = 1.0) -> Tensor:
        """x where positive, alpha * (e**x - 1) elsewhere.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array, alpha: Number = 1.0) -> np.ndarray:
        """x where positive, alpha * (e**x - 1) elsewhere.  x (...) -> (...)"""

elu: _elu
"""x where positive, alpha * (e**x - 1) elsewhere.  x (...) -> (...)"""

class _equal(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a == b, element by element; `tg.testing` compares with a tolerance.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a == b, element by element; `tg.testing` compares with a tolerance.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a == b, element by element; `tg.testing` compares with a tolerance.  a (...) · b (...) -> (...) bool"""

equal: _equal
"""a == b, element by element; `tg.testing` compares with a tolerance.  a (...) · b (...) -> (...) bool"""

class _erf(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The error function, to the last bits.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The error function, to the last bits.  x (...) -> (...)"""

erf: _erf
"""The error function, to the last bits.  x (...) -> (...)"""

class _exp(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """e ** x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """e ** x.  x (...) -> (...)"""

exp: _exp
"""e ** x.  x (...) -> (...)"""

class _exp2(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """2 ** x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """2 ** x.  x (...) -> (...)"""

exp2: _exp2
"""2 ** x.  x (...) -> (...)"""

class _expand_dims(Op):
    @overload
    def __call__(self, x: Tensor, axis: Shape) -> Tensor:
        """New axes of length 1 at these places of the result.  x (...) -> (...)

        >>> tg.expand_dims(np.ones((28, 28)), (0, -1)).shape  # one grey image
        (1, 28, 28, 1)
        """
    @overload
    def __call__(self, x: Array, axis: Shape) -> np.ndarray:
        """New axes of length 1 at these places of the result.  x (...) -> (...)"""

expand_dims: _expand_dims
"""New axes of length 1 at these places of the result.  x (...) -> (...)

>>> tg.expand_dims(np.ones((28, 28)), (0, -1)).shape  # one grey image
(1, 28, 28, 1)
"""

class _expm1(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """e ** x - 1, exact near 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """e ** x - 1, exact near 0.  x (...) -> (...)"""

expm1: _expm1
"""e ** x - 1, exact near 0.  x (...) -> (...)"""

def eye(n: Whole, m: Whole | None = None, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix, zeros elsewhere.

    >>> tg.eye(2)
    Tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """

class _flatten(Op):
    @overload
    def __call__(self, x: Tensor, start: Whole = 0) -> Tensor:
        """All axes from `start` on as one; start=1 keeps the batch.  x (...) -> (..., size)

        >>> tg.flatten(np.ones((8, 4, 4, 3)), start=1).shape
        (8, 48)
        """
    @overload
    def __call__(self, x: Array, start: Whole = 0) -> np.ndarray:
        """All axes from `start` on as one; start=1 keeps the batch.  x (...) -> (..., size)"""

flatten: _flatten
"""All axes from `start` on as one; start=1 keeps the batch.  x (...) -> (..., size)

>>> tg.flatten(np.ones((8, 4, 4, 3)), start=1).shape
(8, 48)
"""

class _flip(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None) -> Tensor:
        """The order along axes reversed, along all of them if None.  x (...) -> (...)

        >>> tg.flip(np.arange(4)), tg.flip(np.arange(4).reshape(2, 2), axis=1)
        (array([3, 2, 1, 0]), array([[1, 0],
               [3, 2]]))
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None) -> np.ndarray:
        """The order along axes reversed, along all of them if None.  x (...) -> (...)"""

flip: _flip
"""The order along axes reversed, along all of them if None.  x (...) -> (...)

>>> tg.flip(np.arange(4)), tg.flip(np.arange(4).reshape(2, 2), axis=1)
(array([3, 2, 1, 0]), array([[1, 0],
       [3, 2]]))
"""

class _floor(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The next whole number below; no gradient, as its slope is 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The next whole number below; no gradient, as its slope is 0.  x (...) -> (...)"""

floor: _floor
"""The next whole number below; no gradient, as its slope is 0.  x (...) -> (...)"""

class _floor_divide(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """How often b goes into a, rounded down: a // b; no gradient.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """How often b goes into a, rounded down: a // b; no gradient.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """How often b goes into a, rounded down: a // b; no gradient.  a (...) · b (...) -> (...)"""

floor_divide: _floor_divide
"""How often b goes into a, rounded down: a // b; no gradient.  a (...) · b (...) -> (...)"""

class _fmax(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The larger of a and b, and of NaN and a number the number; a tie shares the gradient.  a (...) · b (...) -> (...)

        >>> tg.fmax(np.array([np.nan, 1.0, 5.0]), 3)
        array([3., 3., 5.])
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The larger of a and b, and of NaN and a number the number; a tie shares the gradient.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The larger of a and b, and of NaN and a number the number; a tie shares the gradient.  a (...) · b (...) -> (...)"""

fmax: _fmax
"""The larger of a and b, and of NaN and a number the number; a tie shares the gradient.  a (...) · b (...) -> (...)

>>> tg.fmax(np.array([np.nan, 1.0, 5.0]), 3)
array([3., 3., 5.])
"""

class _fmin(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The smaller of a and b, and of NaN and a number the number; a tie shares the gradient.

        a (...) · b (...) -> (...)
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The smaller of a and b, and of NaN and a number the number; a tie shares the gradient."""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The smaller of a and b, and of NaN and a number the number; a tie shares the gradient."""

fmin: _fmin
"""The smaller of a and b, and of NaN and a number the number; a tie shares the gradient.

a (...) · b (...) -> (...)
"""

class _fmod(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """What is left of a, with the sign of a: a - b * trunc(a / b), as in C.  a (...) · b (...) -> (...)

        >>> tg.fmod(np.array([5.0, -5.0]), 3), tg.remainder(np.array([5.0, -5.0]), 3)
        (array([ 2., -2.]), array([2., 1.]))
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """What is left of a, with the sign of a: a - b * trunc(a / b), as in C.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """What is left of a, with the sign of a: a - b * trunc(a / b), as in C.  a (...) · b (...) -> (...)"""

fmod: _fmod
"""What is left of a, with the sign of a: a - b * trunc(a / b), as in C.  a (...) · b (...) -> (...)

>>> tg.fmod(np.array([5.0, -5.0]), 3), tg.remainder(np.array([5.0, -5.0]), 3)
(array([ 2., -2.]), array([2., 1.]))
"""

class _fold(Op):
    @overload
    def __call__(self, cols: Tensor, *, size: Size2d, window: Size2d, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
        """Windows added up at their places on images of `size` (H, W).  cols (N,H',W',I,J,C) -> (N,H,W,C)

        The adjoint of `unfold`: a pixel under k windows is the sum of k numbers.

        >>> cols = tg.unfold(np.ones((1, 1, 4, 1)), (1, 3))
        >>> tg.fold(cols, size=(1, 4), window=(1, 3)).ravel()  # how many windows use each pixel
        array([1., 2., 2., 1.])
        """
    @overload
    def __call__(self, cols: Array, *, size: Size2d, window: Size2d, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> np.ndarray:
        """Windows added up at their places on images of `size` (H, W).  cols (N,H',W',I,J,C) -> (N,H,W,C)"""

fold: _fold
"""Windows added up at their places on images of `size` (H, W).  cols (N,H',W',I,J,C) -> (N,H,W,C)

The adjoint of `unfold`: a pixel under k windows is the sum of k numbers.

>>> cols = tg.unfold(np.ones((1, 1, 4, 1)), (1, 3))
>>> tg.fold(cols, size=(1, 4), window=(1, 3)).ravel()  # how many windows use each pixel
array([1., 2., 2., 1.])
"""

def full(shape: Shape, value: Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """`value` everywhere.  Of the default dtype, also where `value` is a whole number.

    >>> tg.full((2, 2), 7)
    Tensor([[7., 7.],
            [7., 7.]], dtype=float32)
    """

def full_like(x: Tensor | Array, value: Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """`value` everywhere, in the shape and dtype of an array or Tensor; always a Tensor.

    A value that the dtype cannot hold, such as 0.5 among whole numbers, is refused.

    >>> tg.full_like(tg.zeros(3), 0.5)
    Tensor([0.5, 0.5, 0.5], dtype=float32)
    """

@overload
def gaussian_nll_loss(predictions: Tensor, targets: _Input, variance: _Input, *, full: bool = False, eps: Number = 1e-06, reduction: Reduction = 'mean') -> Tensor:
    """(log v + (predictions - targets)**2 / v) / 2 with v = max(variance, eps); reduced.

    (...) · (...) · (...) -> () or (...)

    The negative logarithm of a normal density; `full` adds its constant, log(2 pi) / 2.  `variance` is at least 0 and
    broadcasts to the predictions; its gradient is 0 below `eps`.  Source: Nix and Weigend (1994).

    >>> float(tg.gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([4.0])).round(4))  # (log 4 + 4/4) / 2
    1.1931
    """
@overload
def gaussian_nll_loss(predictions: _Input, targets: Tensor, variance: _Input, *, full: bool = False, eps: Number = 1e-06, reduction: Reduction = 'mean') -> Tensor:
    """(log v + (predictions - targets)**2 / v) / 2 with v = max(variance, eps); reduced."""
@overload
def gaussian_nll_loss(predictions: _Input, targets: _Input, variance: Tensor, *, full: bool = False, eps: Number = 1e-06, reduction: Reduction = 'mean') -> Tensor:
    """(log v + (predictions - targets)**2 / v) / 2 with v = max(variance, eps); reduced."""
@overload
def gaussian_nll_loss(predictions: Array, targets: Array, variance: Array, *, full: bool = False, eps: Number = 1e-06, reduction: Reduction = 'mean') -> np.ndarray:
    """(log v + (predictions - targets)**2 / v) / 2 with v = max(variance, eps); reduced."""

class _gelu(Op):
    @overload
    def __call__(self, x: Tensor, *, approximate: Approximation = 'none') -> Tensor:
        """x times the normal distribution function at x; ``approximate="tanh"`` as Hendrycks and Gimpel.

        x (...) -> (...)
        """
    @overload
    def __call__(self, x: Array, *, approximate: Approximation = 'none') -> np.ndarray:
        """x times the normal distribution function at x; ``approximate="tanh"`` as Hendrycks and Gimpel."""

gelu: _gelu
"""x times the normal distribution function at x; ``approximate="tanh"`` as Hendrycks and Gimpel.

x (...) -> (...)
"""

class _getitem(Op):
    @overload
    def __call__(self, x: Tensor, *indices: _Input, key: Key) -> Tensor:
        """x[key]: ints, slices, ..., None, integer and boolean arrays, NumPy's meaning.  x (...) -> (...)

        >>> x = tg.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
        >>> x[:, 1:].data
        array([[2., 3.],
               [5., 6.]], dtype=float32)
        >>> x[x.data > 4].data
        array([5., 6.], dtype=float32)
        >>> tg.grad(x[0, -1], x)
        array([[0., 0., 1.],
               [0., 0., 0.]], dtype=float32)
        """
    @overload
    def __call__(self, x: Array, *indices: Array, key: Key) -> np.ndarray:
        """x[key]: ints, slices, ..., None, integer and boolean arrays, NumPy's meaning.  x (...) -> (...)"""

getitem: _getitem
"""x[key]: ints, slices, ..., None, integer and boolean arrays, NumPy's meaning.  x (...) -> (...)

>>> x = tg.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
>>> x[:, 1:].data
array([[2., 3.],
       [5., 6.]], dtype=float32)
>>> x[x.data > 4].data
array([5., 6.], dtype=float32)
>>> tg.grad(x[0, -1], x)
array([[0., 0., 1.],
       [0., 0., 0.]], dtype=float32)
"""

@overload
def global_avg_pool1d(x: Tensor) -> Tensor:
    """The mean of each channel over the whole sequence.  x (N,L,C) -> (N,C)

    >>> tg.global_avg_pool1d(np.arange(4.0).reshape(1, 2, 2))
    array([[1., 2.]])
    """
@overload
def global_avg_pool1d(x: Array) -> np.ndarray:
    """The mean of each channel over the whole sequence.  x (N,L,C) -> (N,C)"""

class _global_avg_pool2d(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The mean of each channel over the whole image.  x (N,H,W,C) -> (N,C)

        >>> tg.global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
        array([[3., 4.]])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The mean of each channel over the whole image.  x (N,H,W,C) -> (N,C)"""

global_avg_pool2d: _global_avg_pool2d
"""The mean of each channel over the whole image.  x (N,H,W,C) -> (N,C)

>>> tg.global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
array([[3., 4.]])
"""

@overload
def global_avg_pool3d(x: Tensor) -> Tensor:
    """The mean of each channel over the whole volume.  x (N,D,H,W,C) -> (N,C)

    >>> tg.global_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 1, 2))
    array([[3., 4.]])
    """
@overload
def global_avg_pool3d(x: Array) -> np.ndarray:
    """The mean of each channel over the whole volume.  x (N,D,H,W,C) -> (N,C)"""

@overload
def global_max_pool1d(x: Tensor) -> Tensor:
    """The largest number of each channel in the whole sequence; the first of equals.  x (N,L,C) -> (N,C)

    >>> tg.global_max_pool1d(np.arange(4.0).reshape(1, 2, 2))
    array([[2., 3.]])
    """
@overload
def global_max_pool1d(x: Array) -> np.ndarray:
    """The largest number of each channel in the whole sequence; the first of equals.  x (N,L,C) -> (N,C)"""

@overload
def global_max_pool2d(x: Tensor) -> Tensor:
    """The largest pixel of each channel in the whole image; the first of equals.  x (N,H,W,C) -> (N,C)

    >>> tg.global_max_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]])
    """
@overload
def global_max_pool2d(x: Array) -> np.ndarray:
    """The largest pixel of each channel in the whole image; the first of equals.  x (N,H,W,C) -> (N,C)"""

@overload
def global_max_pool3d(x: Tensor) -> Tensor:
    """The largest voxel of each channel in the whole volume; the first of equals.  x (N,D,H,W,C) -> (N,C)

    >>> tg.global_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 1, 2))
    array([[6., 7.]])
    """
@overload
def global_max_pool3d(x: Array) -> np.ndarray:
    """The largest voxel of each channel in the whole volume; the first of equals.  x (N,D,H,W,C) -> (N,C)"""

@overload
def glu(x: Tensor, *, axis: Whole = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second.  x (..., 2*C) -> (..., C)

    Source: Dauphin et al. (2017).

    >>> tg.glu(np.array([1.0, 2.0, 0.0, 1000.0]))
    array([0.5, 2. ])
    """
@overload
def glu(x: Array, *, axis: Whole = -1) -> np.ndarray:
    """The first half along an axis times the sigmoid of the second.  x (..., 2*C) -> (..., C)"""

class _greater(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a > b, element by element: a boolean Tensor if a or b is one.  a (...) · b (...) -> (...) bool

        >>> x = tg.Tensor([-1.0, 2.0, 3.0], requires_grad=True)
        >>> mask = x > 0
        >>> mask
        Tensor([False,  True,  True], dtype=bool)
        >>> tg.where(mask, x, 0).data, np.array([5, 6, 7])[mask], bool(mask.all())
        (array([0., 2., 3.], dtype=float32), array([6, 7]), False)
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a > b, element by element: a boolean Tensor if a or b is one.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a > b, element by element: a boolean Tensor if a or b is one.  a (...) · b (...) -> (...) bool"""

greater: _greater
"""a > b, element by element: a boolean Tensor if a or b is one.  a (...) · b (...) -> (...) bool

>>> x = tg.Tensor([-1.0, 2.0, 3.0], requires_grad=True)
>>> mask = x > 0
>>> mask
Tensor([False,  True,  True], dtype=bool)
>>> tg.where(mask, x, 0).data, np.array([5, 6, 7])[mask], bool(mask.all())
(array([0., 2., 3.], dtype=float32), array([6, 7]), False)
"""

class _greater_equal(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a >= b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a >= b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a >= b, element by element.  a (...) · b (...) -> (...) bool"""

greater_equal: _greater_equal
"""a >= b, element by element.  a (...) · b (...) -> (...) bool"""

@overload
def grid_sample(x: Tensor, grid: _Input, *, mode: SampleMode = 'bilinear', padding_mode: Beyond = 'zeros', align_corners: bool = False) -> Tensor:
    """Images read at the places that `grid` names.  x (N,H,W,C) · grid (N,H',W',2) -> (N,H',W',C)

    A place is (along the width, along the height), as fractions from -1 to 1 of the whole image; it may lie outside.
    Differentiable in the images and, but for "nearest", in the places.  Source: Jaderberg et al. (2015).

    Parameters
    ----------
    mode : "bilinear", "nearest" (halves to the even pixel) or "bicubic".
    padding_mode : what lies outside: "zeros", the pixel at the "border", or the "reflection" of the image.
    align_corners : whether -1 and 1 are the centres of the corner pixels, instead of their outer edges.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0]).reshape(1, 1, 4, 1)
    >>> grid = np.array([[-0.75, 0], [0, 0], [0.75, 0]]).reshape(1, 1, 3, 2)
    >>> tg.grid_sample(x, grid).ravel()
    array([0. , 1.5, 3. ])
    """
@overload
def grid_sample(x: _Input, grid: Tensor, *, mode: SampleMode = 'bilinear', padding_mode: Beyond = 'zeros', align_corners: bool = False) -> Tensor:
    """Images read at the places that `grid` names.  x (N,H,W,C) · grid (N,H',W',2) -> (N,H',W',C)"""
@overload
def grid_sample(x: Array, grid: Array, *, mode: SampleMode = 'bilinear', padding_mode: Beyond = 'zeros', align_corners: bool = False) -> np.ndarray:
    """Images read at the places that `grid` names.  x (N,H,W,C) · grid (N,H',W',2) -> (N,H',W',C)"""

@overload
def group_norm(x: Tensor, groups: Whole, gamma: _Input | None = None, beta: _Input | None = None, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over place and the channels of each group.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

    Source: Wu and He (2018).
    """
@overload
def group_norm(x: _Input, groups: Whole, gamma: Tensor, beta: _Input | None = None, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over place and the channels of each group.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
@overload
def group_norm(x: _Input, groups: Whole, gamma: _Input | None = None, *, beta: Tensor, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over place and the channels of each group.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
@overload
def group_norm(x: _Input, groups: Whole, gamma: _Input | None, beta: Tensor, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over place and the channels of each group.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
@overload
def group_norm(x: Array, groups: Whole, gamma: Array | None = None, beta: Array | None = None, eps: Number = 1e-05) -> np.ndarray:
    """Normalise each sample over place and the channels of each group.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""

class _gru_sequence(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input, h: _Input) -> Tensor:
        """The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)

        x holds what the inputs give to the gates r, z, n, their bias included; w and b are weight and bias of the state.
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input, h: _Input) -> Tensor:
        """The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor, h: _Input) -> Tensor:
        """The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: _Input, h: Tensor) -> Tensor:
        """The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array, h: Array) -> np.ndarray:
        """The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)"""

gru_sequence: _gru_sequence
"""The state of a GRU after each step.  x (L,N,3H) · w (H,3H) · b (3H,) · h (N,H) -> (L,N,H)

x holds what the inputs give to the gates r, z, n, their bias included; w and b are weight and bias of the state.
"""

class _hard_sigmoid(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """min(max(x/6 + 1/2, 0), 1).  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """min(max(x/6 + 1/2, 0), 1).  x (...) -> (...)"""

hard_sigmoid: _hard_sigmoid
"""min(max(x/6 + 1/2, 0), 1).  x (...) -> (...)"""

class _hard_swish(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """x * hard_sigmoid(x).  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """x * hard_sigmoid(x).  x (...) -> (...)"""

hard_swish: _hard_swish
"""x * hard_sigmoid(x).  x (...) -> (...)"""

class _heaviside(Op):
    @overload
    def __call__(self, x: Tensor, h: _Input) -> Tensor:
        """0 below 0, 1 above, and h at 0, where h gets the gradient; x only chooses.  x (...) · h (...) -> (...)

        >>> tg.heaviside(np.array([-1.5, 0.0, 2.0]), 0.5)
        array([0. , 0.5, 1. ])
        """
    @overload
    def __call__(self, x: _Input, h: Tensor) -> Tensor:
        """0 below 0, 1 above, and h at 0, where h gets the gradient; x only chooses.  x (...) · h (...) -> (...)"""
    @overload
    def __call__(self, x: Array, h: Array) -> np.ndarray:
        """0 below 0, 1 above, and h at 0, where h gets the gradient; x only chooses.  x (...) · h (...) -> (...)"""

heaviside: _heaviside
"""0 below 0, 1 above, and h at 0, where h gets the gradient; x only chooses.  x (...) · h (...) -> (...)

>>> tg.heaviside(np.array([-1.5, 0.0, 2.0]), 0.5)
array([0. , 0.5, 1. ])
"""

@overload
def hinge_embedding_loss(predictions: Tensor, targets: _Input, *, margin: Number = 1.0, reduction: Reduction = 'mean') -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1; reduced.  x (...) · (...) -> () or (...)

    x is a distance, which should be 0 for what belongs together and at least `margin` for what does not.

    >>> tg.hinge_embedding_loss(np.array([0.3, 0.3]), np.array([1, -1]), reduction="none")
    array([0.3, 0.7])
    """
@overload
def hinge_embedding_loss(predictions: _Input, targets: Tensor, *, margin: Number = 1.0, reduction: Reduction = 'mean') -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1; reduced.  x (...) · (...) -> () or (...)"""
@overload
def hinge_embedding_loss(predictions: Array, targets: Array, *, margin: Number = 1.0, reduction: Reduction = 'mean') -> np.ndarray:
    """x where the target is 1, max(0, margin - x) where it is -1; reduced.  x (...) · (...) -> () or (...)"""

@overload
def huber_loss(predictions: Tensor, targets: _Input, *, delta: Number = 1.0, reduction: Reduction = 'mean') -> Tensor:
    """``d**2 / 2`` where ``|d| <= delta``, else ``delta * (|d| - delta/2)``; reduced.  (...) · (...) -> () or (...)

    >>> tg.huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
@overload
def huber_loss(predictions: _Input, targets: Tensor, *, delta: Number = 1.0, reduction: Reduction = 'mean') -> Tensor:
    """``d**2 / 2`` where ``|d| <= delta``, else ``delta * (|d| - delta/2)``; reduced.  (...) · (...) -> () or (...)"""
@overload
def huber_loss(predictions: Array, targets: Array, *, delta: Number = 1.0, reduction: Reduction = 'mean') -> np.ndarray:
    """``d**2 / 2`` where ``|d| <= delta``, else ``delta * (|d| - delta/2)``; reduced.  (...) · (...) -> () or (...)"""

class _hypot(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """sqrt(a ** 2 + b ** 2), without overflow; its derivatives at (0, 0) are 0.  a (...) · b (...) -> (...)

        >>> tg.hypot(np.array([3.0, 1e200]), np.array([4.0, 0.0]))
        array([5.e+000, 1.e+200])
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """sqrt(a ** 2 + b ** 2), without overflow; its derivatives at (0, 0) are 0.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """sqrt(a ** 2 + b ** 2), without overflow; its derivatives at (0, 0) are 0.  a (...) · b (...) -> (...)"""

hypot: _hypot
"""sqrt(a ** 2 + b ** 2), without overflow; its derivatives at (0, 0) are 0.  a (...) · b (...) -> (...)

>>> tg.hypot(np.array([3.0, 1e200]), np.array([4.0, 0.0]))
array([5.e+000, 1.e+200])
"""

@overload
def instance_norm(x: Tensor, gamma: _Input | None = None, beta: _Input | None = None, *, eps: Number = 1e-05) -> Tensor:
    """Normalise each channel of each sample over place.  x (N,H,W,C) · gamma, beta (C,) -> (N,H,W,C)

    Source: Ulyanov, Vedaldi and Lempitsky (2016).
    """
@overload
def instance_norm(x: _Input, gamma: Tensor, beta: _Input | None = None, *, eps: Number = 1e-05) -> Tensor:
    """Normalise each channel of each sample over place.  x (N,H,W,C) · gamma, beta (C,) -> (N,H,W,C)"""
@overload
def instance_norm(x: _Input, gamma: _Input | None = None, *, beta: Tensor, eps: Number = 1e-05) -> Tensor:
    """Normalise each channel of each sample over place.  x (N,H,W,C) · gamma, beta (C,) -> (N,H,W,C)"""
@overload
def instance_norm(x: _Input, gamma: _Input | None, beta: Tensor, *, eps: Number = 1e-05) -> Tensor:
    """Normalise each channel of each sample over place.  x (N,H,W,C) · gamma, beta (C,) -> (N,H,W,C)"""
@overload
def instance_norm(x: Array, gamma: Array | None = None, beta: Array | None = None, *, eps: Number = 1e-05) -> np.ndarray:
    """Normalise each channel of each sample over place.  x (N,H,W,C) · gamma, beta (C,) -> (N,H,W,C)"""

class _isfinite(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """Which elements are neither infinite nor NaN.  x (...) -> (...) bool"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """Which elements are neither infinite nor NaN.  x (...) -> (...) bool"""

isfinite: _isfinite
"""Which elements are neither infinite nor NaN.  x (...) -> (...) bool"""

class _isinf(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """Which elements are infinite, with either sign.  x (...) -> (...) bool"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """Which elements are infinite, with either sign.  x (...) -> (...) bool"""

isinf: _isinf
"""Which elements are infinite, with either sign.  x (...) -> (...) bool"""

class _isnan(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """Which elements are NaN.  x (...) -> (...) bool"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """Which elements are NaN.  x (...) -> (...) bool"""

isnan: _isnan
"""Which elements are NaN.  x (...) -> (...) bool"""

@overload
def kl_div(log_probabilities: Tensor, targets: _Input, *, log_target: bool = False, reduction: Divergence = 'mean') -> Tensor:
    """t * (log t - log_probabilities), 0 where t is 0; reduced.  (...) · (...) -> () or (...)

    The terms of Kullback and Leibler's divergence of the targets t from the predictions; with `log_target`, targets are
    log t.  "batchmean" is the sum divided by the length of the first axis, which is the mean divergence of rows; "mean"
    divides by the number of elements.

    >>> p, q = np.array([[0.5, 0.5]]), np.array([[0.75, 0.25]])
    >>> float(tg.kl_div(np.log(p), q, reduction="batchmean").round(4))
    0.1308
    """
@overload
def kl_div(log_probabilities: _Input, targets: Tensor, *, log_target: bool = False, reduction: Divergence = 'mean') -> Tensor:
    """t * (log t - log_probabilities), 0 where t is 0; reduced.  (...) · (...) -> () or (...)"""
@overload
def kl_div(log_probabilities: Array, targets: Array, *, log_target: bool = False, reduction: Divergence = 'mean') -> np.ndarray:
    """t * (log t - log_probabilities), 0 where t is 0; reduced.  (...) · (...) -> () or (...)"""

@overload
def kron(a: Tensor, b: _Input) -> Tensor:
    """The product of Kronecker: a with each element replaced by its product with b.

    >>> tg.kron(np.array([1.0, 10.0]), np.array([[1.0, 2.0]]))
    array([[ 1.,  2., 10., 20.]])
    """
@overload
def kron(a: _Input, b: Tensor) -> Tensor:
    """The product of Kronecker: a with each element replaced by its product with b."""
@overload
def kron(a: Array, b: Array) -> np.ndarray:
    """The product of Kronecker: a with each element replaced by its product with b."""

@overload
def l1_loss(predictions: Tensor, targets: _Input, *, reduction: Reduction = 'mean') -> Tensor:
    """``|predictions - targets|``, reduced.  (...) · (...) -> () or (...)

    >>> predictions, targets = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 4.0])
    >>> float(tg.l1_loss(predictions, targets))  # (0 + 2 + 1) / 3
    1.0
    """
@overload
def l1_loss(predictions: _Input, targets: Tensor, *, reduction: Reduction = 'mean') -> Tensor:
    """``|predictions - targets|``, reduced.  (...) · (...) -> () or (...)"""
@overload
def l1_loss(predictions: Array, targets: Array, *, reduction: Reduction = 'mean') -> np.ndarray:
    """``|predictions - targets|``, reduced.  (...) · (...) -> () or (...)"""

@overload
def layer_norm(x: Tensor, gamma: _Input | None = None, beta: _Input | None = None, *, axis: Axis = -1, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over `axis`, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)

    Source: Ba, Kiros and Hinton (2016).

    >>> x = np.array([[1.0, 3.0], [10.0, 30.0]])
    >>> tg.layer_norm(x, eps=1e-12).round(3)  # each row for itself
    array([[-1.,  1.],
           [-1.,  1.]])
    """
@overload
def layer_norm(x: _Input, gamma: Tensor, beta: _Input | None = None, *, axis: Axis = -1, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over `axis`, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
@overload
def layer_norm(x: _Input, gamma: _Input | None = None, *, beta: Tensor, axis: Axis = -1, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over `axis`, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
@overload
def layer_norm(x: _Input, gamma: _Input | None, beta: Tensor, *, axis: Axis = -1, eps: Number = 1e-05) -> Tensor:
    """Normalise each sample over `axis`, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""
@overload
def layer_norm(x: Array, gamma: Array | None = None, beta: Array | None = None, *, axis: Axis = -1, eps: Number = 1e-05) -> np.ndarray:
    """Normalise each sample over `axis`, then scale and shift.  x (N,...,C) · gamma, beta (C,) -> (N,...,C)"""

class _leaky_relu(Op):
    @overload
    def __call__(self, x: Tensor, slope: Number = 0.01) -> Tensor:
        """x where positive, slope * x elsewhere (at 0 too).  x (...) -> (...)

        >>> tg.leaky_relu(np.array([-1.0, 2.0]), slope=0.1)
        array([-0.1,  2. ])
        """
    @overload
    def __call__(self, x: Array, slope: Number = 0.01) -> np.ndarray:
        """x where positive, slope * x elsewhere (at 0 too).  x (...) -> (...)"""

leaky_relu: _leaky_relu
"""x where positive, slope * x elsewhere (at 0 too).  x (...) -> (...)

>>> tg.leaky_relu(np.array([-1.0, 2.0]), slope=0.1)
array([-0.1,  2. ])
"""

class _less(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a < b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a < b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a < b, element by element.  a (...) · b (...) -> (...) bool"""

less: _less
"""a < b, element by element.  a (...) · b (...) -> (...) bool"""

class _less_equal(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a <= b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a <= b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a <= b, element by element.  a (...) · b (...) -> (...) bool"""

less_equal: _less_equal
"""a <= b, element by element.  a (...) · b (...) -> (...) bool"""

class _linear(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None) -> Tensor:
        """x @ w + b, a dense layer.  x (..., C) · w (C, O) · b (O,) -> (..., O)

        >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
        >>> tg.linear(x, w, np.array([0.0, 0.0, 10.0]))
        array([[ 1.,  2., 13.]])
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None) -> Tensor:
        """x @ w + b, a dense layer.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor) -> Tensor:
        """x @ w + b, a dense layer.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None) -> np.ndarray:
        """x @ w + b, a dense layer.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""

linear: _linear
"""x @ w + b, a dense layer.  x (..., C) · w (C, O) · b (O,) -> (..., O)

>>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
>>> tg.linear(x, w, np.array([0.0, 0.0, 10.0]))
array([[ 1.,  2., 13.]])
"""

class _linear_relu(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, b: _Input | None = None) -> Tensor:
        """relu(x @ w + b) in one pass.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""
    @overload
    def __call__(self, x: _Input, w: Tensor, b: _Input | None = None) -> Tensor:
        """relu(x @ w + b) in one pass.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""
    @overload
    def __call__(self, x: _Input, w: _Input, b: Tensor) -> Tensor:
        """relu(x @ w + b) in one pass.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""
    @overload
    def __call__(self, x: Array, w: Array, b: Array | None = None) -> np.ndarray:
        """relu(x @ w + b) in one pass.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""

linear_relu: _linear_relu
"""relu(x @ w + b) in one pass.  x (..., C) · w (C, O) · b (O,) -> (..., O)"""

def linspace(start: Number, stop: Number, num: Whole = 50, *, endpoint: bool = True, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`, which is the last one unless ``endpoint=False``.

    They are plain values: no gradient flows to the bounds.

    >>> tg.linspace(0, 1, 5)
    Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """

@overload
def local_response_norm(x: Tensor, size: Whole, alpha: Number = 0.0001, beta: Number = 0.75, k: Number = 1.0) -> Tensor:
    """x / (k + alpha * m)**beta, with m the mean square of `size` channels around each.  x (N,...,C) -> (N,...,C)

    Channels beyond the first and last count as zeros.  As in PyTorch, alpha multiplies the mean; in the paper it
    multiplies the sum, and is `size` times as small.  Source: Krizhevsky, Sutskever and Hinton (2012).

    >>> tg.local_response_norm(np.array([[1.0, 1.0, 1.0]]), 3, alpha=3.0, beta=1.0, k=0.0)
    array([[0.5       , 0.33333333, 0.5       ]])
    """
@overload
def local_response_norm(x: Array, size: Whole, alpha: Number = 0.0001, beta: Number = 0.75, k: Number = 1.0) -> np.ndarray:
    """x / (k + alpha * m)**beta, with m the mean square of `size` channels around each.  x (N,...,C) -> (N,...,C)"""

class _log(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The natural logarithm.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The natural logarithm.  x (...) -> (...)"""

log: _log
"""The natural logarithm.  x (...) -> (...)"""

class _log10(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The logarithm to the base 10.  x (...) -> (...)

        >>> tg.log10(np.array([0.01, 1.0, 1000.0]))
        array([-2.,  0.,  3.])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The logarithm to the base 10.  x (...) -> (...)"""

log10: _log10
"""The logarithm to the base 10.  x (...) -> (...)

>>> tg.log10(np.array([0.01, 1.0, 1000.0]))
array([-2.,  0.,  3.])
"""

class _log1p(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """log(1 + x), exact near 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """log(1 + x), exact near 0.  x (...) -> (...)"""

log1p: _log1p
"""log(1 + x), exact near 0.  x (...) -> (...)"""

class _log2(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The logarithm to the base 2.  x (...) -> (...)

        >>> tg.log2(np.array([0.5, 1.0, 8.0]))
        array([-1.,  0.,  3.])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The logarithm to the base 2.  x (...) -> (...)"""

log2: _log2
"""The logarithm to the base 2.  x (...) -> (...)

>>> tg.log2(np.array([0.5, 1.0, 8.0]))
array([-1.,  0.,  3.])
"""

class _log_sigmoid(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """log(sigmoid(x)), without overflow.  x (...) -> (...)

        >>> tg.log_sigmoid(np.array([-1000.0, 1000.0]))
        array([-1000.,     0.])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """log(sigmoid(x)), without overflow.  x (...) -> (...)"""

log_sigmoid: _log_sigmoid
"""log(sigmoid(x)), without overflow.  x (...) -> (...)

>>> tg.log_sigmoid(np.array([-1000.0, 1000.0]))
array([-1000.,     0.])
"""

class _log_softmax(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = -1) -> Tensor:
        """log(softmax(x)) along an axis, over all elements if None, without overflow.  x (..., C) -> (..., C)

        >>> tg.log_softmax(np.array([0.0, 1000.0]))  # log(softmax(x)) gives -inf
        array([-1000.,     0.])
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = -1) -> np.ndarray:
        """log(softmax(x)) along an axis, over all elements if None, without overflow.  x (..., C) -> (..., C)"""

log_softmax: _log_softmax
"""log(softmax(x)) along an axis, over all elements if None, without overflow.  x (..., C) -> (..., C)

>>> tg.log_softmax(np.array([0.0, 1000.0]))  # log(softmax(x)) gives -inf
array([-1000.,     0.])
"""

class _logaddexp(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """log(e ** a + e ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)

        >>> y = tg.logaddexp(np.array([1000.0, -np.inf]), np.array([1000.0, 1.0]))
        >>> y - [1000, 0]  # log 2, and nothing added to 1
        array([0.69314718, 1.        ])
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """log(e ** a + e ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """log(e ** a + e ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""

logaddexp: _logaddexp
"""log(e ** a + e ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)

>>> y = tg.logaddexp(np.array([1000.0, -np.inf]), np.array([1000.0, 1.0]))
>>> y - [1000, 0]  # log 2, and nothing added to 1
array([0.69314718, 1.        ])
"""

class _logaddexp2(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """log2(2 ** a + 2 ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """log2(2 ** a + 2 ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """log2(2 ** a + 2 ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""

logaddexp2: _logaddexp2
"""log2(2 ** a + 2 ** b), without overflow; two equal infinities share the gradient.  a (...) · b (...) -> (...)"""

class _logical_and(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """Whether both hold; ``a & b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """Whether both hold; ``a & b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """Whether both hold; ``a & b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""

logical_and: _logical_and
"""Whether both hold; ``a & b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""

class _logical_not(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """Whether x does not hold; ``~x`` of a boolean Tensor.  x (...) -> (...) bool"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """Whether x does not hold; ``~x`` of a boolean Tensor.  x (...) -> (...) bool"""

logical_not: _logical_not
"""Whether x does not hold; ``~x`` of a boolean Tensor.  x (...) -> (...) bool"""

class _logical_or(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """Whether either holds; ``a | b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """Whether either holds; ``a | b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """Whether either holds; ``a | b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""

logical_or: _logical_or
"""Whether either holds; ``a | b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""

class _logical_xor(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """Whether exactly one holds; ``a ^ b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """Whether exactly one holds; ``a ^ b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """Whether exactly one holds; ``a ^ b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""

logical_xor: _logical_xor
"""Whether exactly one holds; ``a ^ b`` of boolean Tensors.  a (...) · b (...) -> (...) bool"""

def logspace(start: Number, stop: Number, num: Whole = 50, *, base: Number = 10.0, endpoint: bool = True, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """`num` numbers at equal ratios, from ``base ** start`` to ``base ** stop``: learning rates to try, say.

    >>> tg.logspace(-3, -1, 3)
    Tensor([0.001, 0.01 , 0.1  ], dtype=float32)
    """

class _logsumexp(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """log(sum(exp(x))) without overflow, minus infinity of nothing.  x (...) -> (...)

        >>> y = tg.logsumexp(np.array([1000.0, 1000.0]))  # where exp overflows
        >>> round(float(y) - 1000, 4)  # log 2
        0.6931
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """log(sum(exp(x))) without overflow, minus infinity of nothing.  x (...) -> (...)"""

logsumexp: _logsumexp
"""log(sum(exp(x))) without overflow, minus infinity of nothing.  x (...) -> (...)

>>> y = tg.logsumexp(np.array([1000.0, 1000.0]))  # where exp overflows
>>> round(float(y) - 1000, 4)  # log 2
0.6931
"""

class _lstm_sequence(Op):
    @overload
    def __call__(self, x: Tensor, w: _Input, h: _Input, c: _Input) -> Tensor:
        """The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)

        x holds what the inputs give to the gates i, f, g, o, biases included; w is the weight of the state.
        """
    @overload
    def __call__(self, x: _Input, w: Tensor, h: _Input, c: _Input) -> Tensor:
        """The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)"""
    @overload
    def __call__(self, x: _Input, w: _Input, h: Tensor, c: _Input) -> Tensor:
        """The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)"""
    @overload
    def __call__(self, x: _Input, w: _Input, h: _Input, c: Tensor) -> Tensor:
        """The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)"""
    @overload
    def __call__(self, x: Array, w: Array, h: Array, c: Array) -> np.ndarray:
        """The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)"""

lstm_sequence: _lstm_sequence
"""The states h and c of an LSTM after each step.  x (L,N,4H) · w (H,4H) · h, c (N,H) -> (2,L,N,H)

x holds what the inputs give to the gates i, f, g, o, biases included; w is the weight of the state.
"""

@overload
def margin_ranking_loss(x1: Tensor, x2: _Input, y: _Input, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
    """max(0, -y * (x1 - x2) + margin), reduced: y is 1 where x1 should be the larger, else -1.

    (...) · (...) · (...) -> () or (...)

    >>> tg.margin_ranking_loss(np.array([1.0, 1.0]), np.array([3.0, 3.0]), np.array([1, -1]), reduction="none")
    array([2., 0.])
    """
@overload
def margin_ranking_loss(x1: _Input, x2: Tensor, y: _Input, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
    """max(0, -y * (x1 - x2) + margin), reduced: y is 1 where x1 should be the larger, else -1."""
@overload
def margin_ranking_loss(x1: _Input, x2: _Input, y: Tensor, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
    """max(0, -y * (x1 - x2) + margin), reduced: y is 1 where x1 should be the larger, else -1."""
@overload
def margin_ranking_loss(x1: Array, x2: Array, y: Array, *, margin: Number = 0.0, reduction: Reduction = 'mean') -> np.ndarray:
    """max(0, -y * (x1 - x2) + margin), reduced: y is 1 where x1 should be the larger, else -1."""

class _matmul(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The matrix product, by NumPy's rules for vectors and batches.  a (..., N, K) · b (..., K, M) -> (..., N, M)

        >>> a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 1.0])
        >>> tg.matmul(a, b)
        array([12., 34.])
        >>> tg.matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape  # stacks of matrices broadcast
        (5, 2, 4)
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The matrix product, by NumPy's rules for vectors and batches.  a (..., N, K) · b (..., K, M) -> (..., N, M)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The matrix product, by NumPy's rules for vectors and batches.  a (..., N, K) · b (..., K, M) -> (..., N, M)"""

matmul: _matmul
"""The matrix product, by NumPy's rules for vectors and batches.  a (..., N, K) · b (..., K, M) -> (..., N, M)

>>> a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 1.0])
>>> tg.matmul(a, b)
array([12., 34.])
>>> tg.matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape  # stacks of matrices broadcast
(5, 2, 4)
"""

class _max(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest element over axes; ties share the gradient equally.  x (...) -> (...)

        >>> x = tg.Tensor([1.0, 7.0, 7.0], requires_grad=True)
        >>> x.max().item(), tg.grad(x.max(), x)  # a tie is shared
        (7.0, array([0. , 0.5, 0.5], dtype=float32))
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """The largest element over axes; ties share the gradient equally.  x (...) -> (...)"""

max: _max
"""The largest element over axes; ties share the gradient equally.  x (...) -> (...)

>>> x = tg.Tensor([1.0, 7.0, 7.0], requires_grad=True)
>>> x.max().item(), tg.grad(x.max(), x)  # a tie is shared
(7.0, array([0. , 0.5, 0.5], dtype=float32))
"""

@overload
def max_pool1d(x: Tensor, window: Whole, stride: Whole | None = None, padding: Padding = 0, dilation: Whole = 1, ceil_mode: bool = False) -> Tensor:
    """The largest number of each window.  x (N,L,C) -> (N,L',C)

    Options as in `max_pool2d`, of one axis; `padding` is an int, (before, after), "same" or "valid".

    >>> tg.max_pool1d(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1), 2).ravel()
    array([4., 3.])
    """
@overload
def max_pool1d(x: Array, window: Whole, stride: Whole | None = None, padding: Padding = 0, dilation: Whole = 1, ceil_mode: bool = False) -> np.ndarray:
    """The largest number of each window.  x (N,L,C) -> (N,L',C)"""

class _max_pool2d(Op):
    @overload
    def __call__(self, x: Tensor, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1, ceil_mode: bool = False) -> Tensor:
        """The largest pixel of each window.  x (N,H,W,C) -> (N,H',W',C)

        Padding is minus infinity: it never wins.  A tie goes to the first pixel in row order, NaN wins.

        Parameters
        ----------
        window : int or pair.  stride : int or pair, the window if None.  dilation : int or pair.
        padding : int, pair, ((top, bottom), (left, right)), "same" or "valid".
        ceil_mode : whether a last window that sticks out counts, if it starts on the image.

        Raises
        ------
        ValueError : the window does not fit, or a window could lie on padding alone.
        TypeError : x holds no floats.

        Examples
        --------
        >>> x = np.array([[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 0.0, 6.0]]).reshape(1, 2, 4, 1)
        >>> tg.max_pool2d(x, 2).ravel()
        array([4., 6.])
        >>> tg.max_pool2d(x, 2, stride=1).ravel()
        array([4., 5., 6.])
        """
    @overload
    def __call__(self, x: Array, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1, ceil_mode: bool = False) -> np.ndarray:
        """The largest pixel of each window.  x (N,H,W,C) -> (N,H',W',C)"""

max_pool2d: _max_pool2d
"""The largest pixel of each window.  x (N,H,W,C) -> (N,H',W',C)

Padding is minus infinity: it never wins.  A tie goes to the first pixel in row order, NaN wins.

Parameters
----------
window : int or pair.  stride : int or pair, the window if None.  dilation : int or pair.
padding : int, pair, ((top, bottom), (left, right)), "same" or "valid".
ceil_mode : whether a last window that sticks out counts, if it starts on the image.

Raises
------
ValueError : the window does not fit, or a window could lie on padding alone.
TypeError : x holds no floats.

Examples
--------
>>> x = np.array([[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 0.0, 6.0]]).reshape(1, 2, 4, 1)
>>> tg.max_pool2d(x, 2).ravel()
array([4., 6.])
>>> tg.max_pool2d(x, 2, stride=1).ravel()
array([4., 5., 6.])
"""

@overload
def max_pool2d_with_indices(x: Tensor, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1, ceil_mode: bool = False) -> tuple[Tensor, np.ndarray]:
    """`max_pool2d`, and the number row*W + column of each winner.  x (N,H,W,C) -> (N,H',W',C), (N,H',W',C) int

    The numbers are a plain array, to be given to `max_unpool2d`.
    """
@overload
def max_pool2d_with_indices(x: Array, window: Size2d, stride: Size2d | None = None, padding: Padding = 0, dilation: Size2d = 1, ceil_mode: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """`max_pool2d`, and the number row*W + column of each winner.  x (N,H,W,C) -> (N,H',W',C), (N,H',W',C) int"""

@overload
def max_pool3d(x: Tensor, window: Size3d, stride: Size3d | None = None, padding: Padding = 0, dilation: Size3d = 1, ceil_mode: bool = False) -> Tensor:
    """The largest voxel of each window.  x (N,D,H,W,C) -> (N,D',H',W',C)

    Options as in `max_pool2d`: an int, or three of them along depth, height and width; `padding` as in `conv3d`.  A tie
    goes to the first voxel in order of depth, row and column, and NaN wins.

    >>> tg.max_pool3d(np.arange(16.0).reshape(1, 2, 2, 4, 1), 2).ravel()
    array([13., 15.])
    """
@overload
def max_pool3d(x: Array, window: Size3d, stride: Size3d | None = None, padding: Padding = 0, dilation: Size3d = 1, ceil_mode: bool = False) -> np.ndarray:
    """The largest voxel of each window.  x (N,D,H,W,C) -> (N,D',H',W',C)"""

class _max_unpool2d(Op):
    @overload
    def __call__(self, x: Tensor, indices: _Input, size: Size2d) -> Tensor:
        """Zeros, with each value of x at its pixel.  x (N,H',W',C) · indices (N,H',W',C) int -> (N,H,W,C)

        Undoes what max pooling did, as far as that can be: ``y, k = max_pool2d_with_indices(x, 2)``, then
        ``max_unpool2d(y, k, x.shape[1:3])``.  Values that share a pixel, as those of windows that overlap may, add up.

        Parameters
        ----------
        indices : the number row*W + column of each value's pixel in an image of `size`.
        size : (H, W) of the result, or an int for both.

        Raises
        ------
        ValueError : an index lies outside of the image.

        Examples
        --------
        >>> x = np.array([1.0, 3.0, 4.0, 2.0]).reshape(1, 1, 4, 1)
        >>> y, indices = tg.max_pool2d_with_indices(x, (1, 2))
        >>> tg.max_unpool2d(y, indices, (1, 4)).ravel()
        array([0., 3., 4., 0.])
        """
    @overload
    def __call__(self, x: _Input, indices: Tensor, size: Size2d) -> Tensor:
        """Zeros, with each value of x at its pixel.  x (N,H',W',C) · indices (N,H',W',C) int -> (N,H,W,C)"""
    @overload
    def __call__(self, x: Array, indices: Array, size: Size2d) -> np.ndarray:
        """Zeros, with each value of x at its pixel.  x (N,H',W',C) · indices (N,H',W',C) int -> (N,H,W,C)"""

max_unpool2d: _max_unpool2d
"""Zeros, with each value of x at its pixel.  x (N,H',W',C) · indices (N,H',W',C) int -> (N,H,W,C)

Undoes what max pooling did, as far as that can be: ``y, k = max_pool2d_with_indices(x, 2)``, then
``max_unpool2d(y, k, x.shape[1:3])``.  Values that share a pixel, as those of windows that overlap may, add up.

Parameters
----------
indices : the number row*W + column of each value's pixel in an image of `size`.
size : (H, W) of the result, or an int for both.

Raises
------
ValueError : an index lies outside of the image.

Examples
--------
>>> x = np.array([1.0, 3.0, 4.0, 2.0]).reshape(1, 1, 4, 1)
>>> y, indices = tg.max_pool2d_with_indices(x, (1, 2))
>>> tg.max_unpool2d(y, indices, (1, 4)).ravel()
array([0., 3., 4., 0.])
"""

class _maximum(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The larger of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)

        >>> a = tg.Tensor([1.0, 5.0, 3.0], requires_grad=True)
        >>> tg.maximum(a, 3)
        Tensor([3., 5., 3.], dtype=float32, from=maximum)
        >>> tg.grad(tg.maximum(a, 3).sum(), a)  # a tie is shared
        array([0. , 1. , 0.5], dtype=float32)
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The larger of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The larger of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""

maximum: _maximum
"""The larger of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)

>>> a = tg.Tensor([1.0, 5.0, 3.0], requires_grad=True)
>>> tg.maximum(a, 3)
Tensor([3., 5., 3.], dtype=float32, from=maximum)
>>> tg.grad(tg.maximum(a, 3).sum(), a)  # a tie is shared
array([0. , 1. , 0.5], dtype=float32)
"""

class _mean(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The mean over axes, which must not be empty.  x (...) -> (...)

        >>> x = tg.Tensor([1.0, 2.0, 6.0, 3.0], requires_grad=True)
        >>> x.mean().item(), tg.grad(x.mean(), x)
        (3.0, array([0.25, 0.25, 0.25, 0.25], dtype=float32))
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """The mean over axes, which must not be empty.  x (...) -> (...)"""

mean: _mean
"""The mean over axes, which must not be empty.  x (...) -> (...)

>>> x = tg.Tensor([1.0, 2.0, 6.0, 3.0], requires_grad=True)
>>> x.mean().item(), tg.grad(x.mean(), x)
(3.0, array([0.25, 0.25, 0.25, 0.25], dtype=float32))
"""

@overload
def median(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The median over axes: the middle element, or the mean of the middle two.  NaN if there is NaN in a row.

    Of equal elements the first gets the gradient.

    >>> x = tg.Tensor([9.0, 1.0, 5.0, 2.0], requires_grad=True)
    >>> tg.median(x).item(), tg.grad(tg.median(x), x)
    (3.5, array([0. , 0. , 0.5, 0.5], dtype=float32))
    """
@overload
def median(x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
    """The median over axes: the middle element, or the mean of the middle two.  NaN if there is NaN in a row."""

@overload
def meshgrid(first: list[Tensor] | tuple[Tensor, ...], /, *, indexing: GridOrder = 'xy', sparse: bool = False) -> tuple[Tensor, ...]:
    """The coordinates of a grid whose points along each axis are given as rows (N,): one array for each axis.

    With indexing="xy" the first row runs along the second axis, as x does in an image; with "ij" along the first.
    If `sparse`, the arrays have length 1 along all axes but their own.

    >>> across, down = tg.meshgrid(np.array([1, 2, 3]), np.array([10, 20]))
    >>> across, down
    (array([[1, 2, 3],
           [1, 2, 3]]), array([[10, 10, 10],
           [20, 20, 20]]))
    """
@overload
def meshgrid(first: Tensor, /, *xs: _Input, indexing: GridOrder = 'xy', sparse: bool = False) -> tuple[Tensor, ...]:
    """The coordinates of a grid whose points along each axis are given as rows (N,): one array for each axis."""
@overload
def meshgrid(first: Array, /, *xs: Array, indexing: GridOrder = 'xy', sparse: bool = False) -> tuple[np.ndarray, ...]:
    """The coordinates of a grid whose points along each axis are given as rows (N,): one array for each axis."""
@overload
def meshgrid(first: Array, /, *xs: _Input, indexing: GridOrder = 'xy', sparse: bool = False) -> tuple[Tensor, ...]:
    """The coordinates of a grid whose points along each axis are given as rows (N,): one array for each axis."""

class _min(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The smallest element over axes; ties share the gradient equally.  x (...) -> (...)

        >>> tg.min(np.array([[3.0, 1.0], [2.0, 5.0]]), axis=1)
        array([1., 2.])
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """The smallest element over axes; ties share the gradient equally.  x (...) -> (...)"""

min: _min
"""The smallest element over axes; ties share the gradient equally.  x (...) -> (...)

>>> tg.min(np.array([[3.0, 1.0], [2.0, 5.0]]), axis=1)
array([1., 2.])
"""

class _minimum(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """The smaller of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """The smaller of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """The smaller of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""

minimum: _minimum
"""The smaller of a and b; a tie shares the gradient, NaN wins and gives it to both.  a (...) · b (...) -> (...)"""

class _mish(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """x * tanh(softplus(x)).  x (...) -> (...)

        Source: Misra (2019).
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """x * tanh(softplus(x)).  x (...) -> (...)"""

mish: _mish
"""x * tanh(softplus(x)).  x (...) -> (...)

Source: Misra (2019).
"""

mod = remainder
class _moveaxis(Op):
    @overload
    def __call__(self, x: Tensor, source: Shape, destination: Shape) -> Tensor:
        """Axes moved to other places, the rest in order.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array, source: Shape, destination: Shape) -> np.ndarray:
        """Axes moved to other places, the rest in order.  x (...) -> (...)"""

moveaxis: _moveaxis
"""Axes moved to other places, the rest in order.  x (...) -> (...)"""

@overload
def mse_loss(predictions: Tensor, targets: _Input, *, reduction: Reduction = 'mean') -> Tensor:
    """(predictions - targets)**2, reduced.  (...) · (...) -> () or (...)

    >>> predictions, targets = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 4.0])
    >>> round(float(tg.mse_loss(predictions, targets)), 4)  # (0 + 4 + 1) / 3
    1.6667
    """
@overload
def mse_loss(predictions: _Input, targets: Tensor, *, reduction: Reduction = 'mean') -> Tensor:
    """(predictions - targets)**2, reduced.  (...) · (...) -> () or (...)"""
@overload
def mse_loss(predictions: Array, targets: Array, *, reduction: Reduction = 'mean') -> np.ndarray:
    """(predictions - targets)**2, reduced.  (...) · (...) -> () or (...)"""

class _mul(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a * b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a * b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a * b.  a (...) · b (...) -> (...)"""

mul: _mul
"""a * b.  a (...) · b (...) -> (...)"""

@overload
def multi_margin_loss(logits: Tensor, labels: _Input, *, p: Whole = 1, margin: Number = 1.0, weight: Any = None, reduction: Reduction = 'mean') -> Tensor:
    """The sum over wrong classes i of max(0, margin - x[label] + x[i])**p, divided by C; reduced.

    x (..., C) · labels (...) int -> () or (...)

    `weight` (C,) is multiplied by that of the label; the mean still divides by the number of rows.  `p` is 1 or 2.

    >>> float(tg.multi_margin_loss(np.array([[0.5, 1.0, 0.0]]), np.array([1])).round(4))  # (0.5 + 0) / 3
    0.1667
    """
@overload
def multi_margin_loss(logits: _Input, labels: Tensor, *, p: Whole = 1, margin: Number = 1.0, weight: Any = None, reduction: Reduction = 'mean') -> Tensor:
    """The sum over wrong classes i of max(0, margin - x[label] + x[i])**p, divided by C; reduced."""
@overload
def multi_margin_loss(logits: Array, labels: Array, *, p: Whole = 1, margin: Number = 1.0, weight: Any = None, reduction: Reduction = 'mean') -> np.ndarray:
    """The sum over wrong classes i of max(0, margin - x[label] + x[i])**p, divided by C; reduced."""

class _nan_to_num(Op):
    @overload
    def __call__(self, x: Tensor, *, nan: Number = 0.0, posinf: Number | None = None, neginf: Number | None = None) -> Tensor:
        """x with numbers in place of NaN and infinities, where no gradient flows.  x (...) -> (...)

        Infinities become the largest and lowest number of the dtype unless `posinf` and `neginf` say otherwise.

        >>> x = tg.Tensor([np.nan, 1.0, -np.inf], requires_grad=True)
        >>> y = tg.nan_to_num(x, neginf=-9)
        >>> y.data, tg.grad(y.sum(), x)
        (array([ 0.,  1., -9.], dtype=float32), array([0., 1., 0.], dtype=float32))
        """
    @overload
    def __call__(self, x: Array, *, nan: Number = 0.0, posinf: Number | None = None, neginf: Number | None = None) -> np.ndarray:
        """x with numbers in place of NaN and infinities, where no gradient flows.  x (...) -> (...)"""

nan_to_num: _nan_to_num
"""x with numbers in place of NaN and infinities, where no gradient flows.  x (...) -> (...)

Infinities become the largest and lowest number of the dtype unless `posinf` and `neginf` say otherwise.

>>> x = tg.Tensor([np.nan, 1.0, -np.inf], requires_grad=True)
>>> y = tg.nan_to_num(x, neginf=-9)
>>> y.data, tg.grad(y.sum(), x)
(array([ 0.,  1., -9.], dtype=float32), array([0., 1., 0.], dtype=float32))
"""

@overload
def nanmedian(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The median over axes of what is not NaN; NaN of nothing.

    >>> float(tg.nanmedian(np.array([3.0, np.nan, 1.0])))
    2.0
    """
@overload
def nanmedian(x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
    """The median over axes of what is not NaN; NaN of nothing."""

@overload
def nanpercentile(x: Tensor, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> Tensor:
    """Quantiles, as `quantile` has them, with q from 0 to 100, of what is not NaN; NaN of nothing."""
@overload
def nanpercentile(x: Array, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> np.ndarray:
    """Quantiles, as `quantile` has them, with q from 0 to 100, of what is not NaN; NaN of nothing."""

@overload
def nanquantile(x: Tensor, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> Tensor:
    """Quantiles, as `quantile` has them, of what is not NaN; NaN of nothing."""
@overload
def nanquantile(x: Array, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> np.ndarray:
    """Quantiles, as `quantile` has them, of what is not NaN; NaN of nothing."""

class _neg(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """-x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """-x.  x (...) -> (...)"""

neg: _neg
"""-x.  x (...) -> (...)"""

@overload
def nll_loss(log_probabilities: Tensor, labels: _Input, weight: Any = None, *, ignore_index: Whole | None = None, reduction: Reduction = 'mean') -> Tensor:
    """-log_probabilities[label], reduced as in `softmax_cross_entropy`.  (..., C) · (...) int -> () or (...)

    >>> log_p = np.log([[0.5, 0.5], [0.25, 0.75]])
    >>> round(float(tg.nll_loss(log_p, np.array([0, 1]))), 4)  # of -log 1/2 and -log 3/4
    0.4904
    """
@overload
def nll_loss(log_probabilities: _Input, labels: Tensor, weight: Any = None, *, ignore_index: Whole | None = None, reduction: Reduction = 'mean') -> Tensor:
    """-log_probabilities[label], reduced as in `softmax_cross_entropy`.  (..., C) · (...) int -> () or (...)"""
@overload
def nll_loss(log_probabilities: Array, labels: Array, weight: Any = None, *, ignore_index: Whole | None = None, reduction: Reduction = 'mean') -> np.ndarray:
    """-log_probabilities[label], reduced as in `softmax_cross_entropy`.  (..., C) · (...) int -> () or (...)"""

class _norm(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The Euclidean norm over axes; its derivative at 0 is 0.  x (...) -> (...)

        >>> float(tg.norm(np.array([3.0, 4.0])))
        5.0
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """The Euclidean norm over axes; its derivative at 0 is 0.  x (...) -> (...)"""

norm: _norm
"""The Euclidean norm over axes; its derivative at 0 is 0.  x (...) -> (...)

>>> float(tg.norm(np.array([3.0, 4.0])))
5.0
"""

class _normalize(Op):
    @overload
    def __call__(self, x: Tensor, *, axis: Axis, eps: Number = 1e-05) -> Tensor:
        """(x - mean) / sqrt(variance + eps) over axes: mean 0, variance 1.  x (...) -> (...)

        What PyTorch calls normalize, rows of length 1, is ``x / tg.norm(x, axis=1, keepdims=True)``.
        """
    @overload
    def __call__(self, x: Array, *, axis: Axis, eps: Number = 1e-05) -> np.ndarray:
        """(x - mean) / sqrt(variance + eps) over axes: mean 0, variance 1.  x (...) -> (...)"""

normalize: _normalize
"""(x - mean) / sqrt(variance + eps) over axes: mean 0, variance 1.  x (...) -> (...)

What PyTorch calls normalize, rows of length 1, is ``x / tg.norm(x, axis=1, keepdims=True)``.
"""

class _not_equal(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a != b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a != b, element by element.  a (...) · b (...) -> (...) bool"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a != b, element by element.  a (...) · b (...) -> (...) bool"""

not_equal: _not_equal
"""a != b, element by element.  a (...) · b (...) -> (...) bool"""

@overload
def one_hot(labels: Tensor, classes: Whole, *, dtype: Dtype = None) -> Tensor:
    """Rows with 1 in the column of the label.  labels (...) whole numbers below `classes` -> (..., classes)

    Of the default dtype unless `dtype` says otherwise; arrays give an array, Tensors a Tensor.

    >>> tg.one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
@overload
def one_hot(labels: Array, classes: Whole, *, dtype: Dtype = None) -> np.ndarray:
    """Rows with 1 in the column of the label.  labels (...) whole numbers below `classes` -> (..., classes)"""

def ones(*sizes: Shape, shape: Shape | None = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """1 everywhere.

    >>> tg.ones(3)
    Tensor([1., 1., 1.], dtype=float32)
    """

def ones_like(x: Tensor | Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """1 everywhere, of the shape and dtype of an array or Tensor; always a Tensor.

    >>> tg.ones_like(tg.zeros(3))
    Tensor([1., 1., 1.], dtype=float32)
    """

class _outer(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """All products of an element of a and an element of b.  a (...) · b (...) -> (a.size, b.size)

        >>> tg.outer(np.array([1.0, 2.0]), np.array([10.0, 1.0]))
        array([[10.,  1.],
               [20.,  2.]])
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """All products of an element of a and an element of b.  a (...) · b (...) -> (a.size, b.size)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """All products of an element of a and an element of b.  a (...) · b (...) -> (a.size, b.size)"""

outer: _outer
"""All products of an element of a and an element of b.  a (...) · b (...) -> (a.size, b.size)

>>> tg.outer(np.array([1.0, 2.0]), np.array([10.0, 1.0]))
array([[10.,  1.],
       [20.,  2.]])
"""

class _pad(Op):
    @overload
    def __call__(self, x: Tensor, width: Width, mode: PadMode = 'constant', value: Number = 0.0) -> Tensor:
        """A border around x; `width` as in ``np.pad``: one int, a pair, or a pair per axis.  x (...) -> (...)

        Parameters
        ----------
        mode : "constant", all `value`; "edge", the last element again; "reflect", a mirror in the last element;
            "symmetric", a mirror behind it; "wrap", from the other end.

        Examples
        --------
        >>> tg.pad(np.array([1.0, 2.0, 3.0]), 2)
        array([0., 0., 1., 2., 3., 0., 0.])
        >>> tg.pad(np.array([1.0, 2.0, 3.0]), 2, "reflect")
        array([3., 2., 1., 2., 3., 2., 1.])
        """
    @overload
    def __call__(self, x: Array, width: Width, mode: PadMode = 'constant', value: Number = 0.0) -> np.ndarray:
        """A border around x; `width` as in ``np.pad``: one int, a pair, or a pair per axis.  x (...) -> (...)"""

pad: _pad
"""A border around x; `width` as in ``np.pad``: one int, a pair, or a pair per axis.  x (...) -> (...)

Parameters
----------
mode : "constant", all `value`; "edge", the last element again; "reflect", a mirror in the last element;
    "symmetric", a mirror behind it; "wrap", from the other end.

Examples
--------
>>> tg.pad(np.array([1.0, 2.0, 3.0]), 2)
array([0., 0., 1., 2., 3., 0., 0.])
>>> tg.pad(np.array([1.0, 2.0, 3.0]), 2, "reflect")
array([3., 2., 1., 2., 3., 2., 1.])
"""

@overload
def percentile(x: Tensor, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> Tensor:
    """Quantiles, as `quantile` has them, with q from 0 to 100.

    >>> float(tg.percentile(np.array([1.0, 2.0, 3.0]), 50))
    2.0
    """
@overload
def percentile(x: Array, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> np.ndarray:
    """Quantiles, as `quantile` has them, with q from 0 to 100."""

def permutation(n: Whole, *, rng: Rng = None, dtype: Dtype = ..., requires_grad: bool = False, name: str | None = None) -> Tensor:
    """The whole numbers from 0 to n - 1 in a random order; ``x[tg.permutation(len(x))]`` are the rows of x in one.

    >>> order = tg.permutation(5, rng=0)
    >>> sorted(order.tolist())
    [0, 1, 2, 3, 4]
    """

@overload
def pixel_shuffle(x: Tensor, factor: Whole) -> Tensor:
    """Every `factor` ** 2 channels become a square of pixels.  x (N,H,W,C*r*r) -> (N,H*r,W*r,C)

    Channel c*r*r + i*r + j becomes pixel (i, j) of channel c, as in PyTorch; TensorFlow's depth_to_space counts
    i*r*C + j*C + c.  Source: Shi et al. (2016).

    >>> tg.pixel_shuffle(np.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0]
    array([[0., 1.],
           [2., 3.]])
    """
@overload
def pixel_shuffle(x: Array, factor: Whole) -> np.ndarray:
    """Every `factor` ** 2 channels become a square of pixels.  x (N,H,W,C*r*r) -> (N,H*r,W*r,C)"""

@overload
def pixel_unshuffle(x: Tensor, factor: Whole) -> Tensor:
    """Every square of `factor` x `factor` pixels becomes channels: undoes `pixel_shuffle`.

    x (N,H*r,W*r,C) -> (N,H,W,C*r*r)

    >>> tg.pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel()
    array([0., 1., 2., 3.])
    """
@overload
def pixel_unshuffle(x: Array, factor: Whole) -> np.ndarray:
    """Every square of `factor` x `factor` pixels becomes channels: undoes `pixel_shuffle`."""

class _place_diagonal(Op):
    @overload
    def __call__(self, x: Tensor, *, shape: tuple[int, ...], offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Tensor:
        """Zeros of a shape with x on the diagonal of two axes; the adjoint of diagonal.  x (..., K) -> shape

        >>> tg.place_diagonal(np.array([1.0, 2.0]), shape=(2, 3), offset=1)
        array([[0., 1., 0.],
               [0., 0., 2.]])
        """
    @overload
    def __call__(self, x: Array, *, shape: tuple[int, ...], offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> np.ndarray:
        """Zeros of a shape with x on the diagonal of two axes; the adjoint of diagonal.  x (..., K) -> shape"""

place_diagonal: _place_diagonal
"""Zeros of a shape with x on the diagonal of two axes; the adjoint of diagonal.  x (..., K) -> shape

>>> tg.place_diagonal(np.array([1.0, 2.0]), shape=(2, 3), offset=1)
array([[0., 1., 0.],
       [0., 0., 2.]])
"""

@overload
def poisson_nll_loss(predictions: Tensor, targets: _Input, *, log_input: bool = True, full: bool = False, eps: Number = 1e-08, reduction: Reduction = 'mean') -> Tensor:
    """exp(x) - targets * x, or x - targets * log(x + eps) unless `log_input`; reduced.  (...) · (...) -> () or (...)

    The negative logarithm of a Poisson probability of the counts `targets`; predictions x are logarithms of rates, or
    rates.  `full` adds Stirling's formula for log(targets!), where targets are above 1.

    >>> float(tg.poisson_nll_loss(np.array([0.0]), np.array([3.0])))
    1.0
    """
@overload
def poisson_nll_loss(predictions: _Input, targets: Tensor, *, log_input: bool = True, full: bool = False, eps: Number = 1e-08, reduction: Reduction = 'mean') -> Tensor:
    """exp(x) - targets * x, or x - targets * log(x + eps) unless `log_input`; reduced.  (...) · (...) -> () or (...)"""
@overload
def poisson_nll_loss(predictions: Array, targets: Array, *, log_input: bool = True, full: bool = False, eps: Number = 1e-08, reduction: Reduction = 'mean') -> np.ndarray:
    """exp(x) - targets * x, or x - targets * log(x + eps) unless `log_input`; reduced.  (...) · (...) -> () or (...)"""

class _pow(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a ** b.  a (...) · b (...) -> (...)

        The gradient in a at a = 0, b = 0 is 0.  The gradient in b is 0 where a = 0 and b >= 0, minus infinity where a = 0
        and b < 0, and NaN where a < 0.
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a ** b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a ** b.  a (...) · b (...) -> (...)"""

pow: _pow
"""a ** b.  a (...) · b (...) -> (...)

The gradient in a at a = 0, b = 0 is 0.  The gradient in b is 0 where a = 0 and b >= 0, minus infinity where a = 0
and b < 0, and NaN where a < 0.
"""

class _prelu(Op):
    @overload
    def __call__(self, x: Tensor, slope: _Input) -> Tensor:
        """leaky_relu with a learned slope, one for all or one per channel.  x (..., C) · slope (C,) -> (..., C)"""
    @overload
    def __call__(self, x: _Input, slope: Tensor) -> Tensor:
        """leaky_relu with a learned slope, one for all or one per channel.  x (..., C) · slope (C,) -> (..., C)"""
    @overload
    def __call__(self, x: Array, slope: Array) -> np.ndarray:
        """leaky_relu with a learned slope, one for all or one per channel.  x (..., C) · slope (C,) -> (..., C)"""

prelu: _prelu
"""leaky_relu with a learned slope, one for all or one per channel.  x (..., C) · slope (C,) -> (..., C)"""

class _prod(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The product over axes; its gradient is right at zeros too.  x (...) -> (...)

        >>> x = tg.Tensor([2.0, 3.0, 0.0], requires_grad=True)
        >>> x.prod().item(), tg.grad(x.prod(), x)  # right where a factor is 0, too
        (0.0, array([0., 0., 6.], dtype=float32))
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """The product over axes; its gradient is right at zeros too.  x (...) -> (...)"""

prod: _prod
"""The product over axes; its gradient is right at zeros too.  x (...) -> (...)

>>> x = tg.Tensor([2.0, 3.0, 0.0], requires_grad=True)
>>> x.prod().item(), tg.grad(x.prod(), x)  # right where a factor is 0, too
(0.0, array([0., 0., 6.], dtype=float32))
"""

class _put(Op):
    @overload
    def __call__(self, x: Tensor, *indices: _Input, key: Key, shape: tuple[int, ...]) -> Tensor:
        """Zeros of a shape with x added at [key], repeated places summed; the adjoint of getitem.  x (...) -> shape"""
    @overload
    def __call__(self, x: Array, *indices: Array, key: Key, shape: tuple[int, ...]) -> np.ndarray:
        """Zeros of a shape with x added at [key], repeated places summed; the adjoint of getitem.  x (...) -> shape"""

put: _put
"""Zeros of a shape with x added at [key], repeated places summed; the adjoint of getitem.  x (...) -> shape"""

class _put_along_axis(Op):
    @overload
    def __call__(self, x: Tensor, indices: _Input, v: _Input, axis: Whole | None = -1) -> Tensor:
        """x with v written at indices along an axis; a new array, where ``np.put_along_axis`` writes to its argument.

        Where several values are written to one place the last one stays, and only it gets a gradient.  The result has the
        dtype of x.  x (..., N, ...) · indices (..., M, ...) int · v (..., M, ...) -> (..., N, ...)

        >>> tg.put_along_axis(np.zeros((2, 3)), np.array([[2], [0]]), 1.0)
        array([[0., 0., 1.],
               [1., 0., 0.]])
        """
    @overload
    def __call__(self, x: _Input, indices: Tensor, v: _Input, axis: Whole | None = -1) -> Tensor:
        """x with v written at indices along an axis; a new array, where ``np.put_along_axis`` writes to its argument."""
    @overload
    def __call__(self, x: _Input, indices: _Input, v: Tensor, axis: Whole | None = -1) -> Tensor:
        """x with v written at indices along an axis; a new array, where ``np.put_along_axis`` writes to its argument."""
    @overload
    def __call__(self, x: Array, indices: Array, v: Array, axis: Whole | None = -1) -> np.ndarray:
        """x with v written at indices along an axis; a new array, where ``np.put_along_axis`` writes to its argument."""

put_along_axis: _put_along_axis
"""x with v written at indices along an axis; a new array, where ``np.put_along_axis`` writes to its argument.

Where several values are written to one place the last one stays, and only it gets a gradient.  The result has the
dtype of x.  x (..., N, ...) · indices (..., M, ...) int · v (..., M, ...) -> (..., N, ...)

>>> tg.put_along_axis(np.zeros((2, 3)), np.array([[2], [0]]), 1.0)
array([[0., 0., 1.],
       [1., 0., 0.]])
"""

@overload
def quantile(x: Tensor, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> Tensor:
    """The numbers below which the shares `q`, from 0 to 1, of the elements over axes lie.  The axes of q come first.

    Between two elements, `method` decides: "linear", "midpoint", or one of the two by "lower", "higher" and "nearest".
    NaN if there is NaN in a row; of equal elements the first gets the gradient.

    >>> x = np.array([[1.0, 2.0, 4.0], [10.0, 30.0, 20.0]])
    >>> tg.quantile(x, 0.75, axis=1), tg.quantile(x, [0, 1], axis=1).shape
    (array([ 3., 25.]), (2, 2))
    """
@overload
def quantile(x: Array, q: Array, axis: Axis = None, keepdims: bool = False, *, method: QuantileMethod = 'linear') -> np.ndarray:
    """The numbers below which the shares `q`, from 0 to 1, of the elements over axes lie.  The axes of q come first."""

class _rad2deg(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """Radians as degrees: x * 180 / pi.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """Radians as degrees: x * 180 / pi.  x (...) -> (...)"""

rad2deg: _rad2deg
"""Radians as degrees: x * 180 / pi.  x (...) -> (...)"""

def rand(*sizes: Shape, shape: Shape | None = None, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Uniform random numbers in [0, 1).  `rng`: a ``np.random.Generator`` or an int seed.

    >>> x = tg.rand(1000, rng=0)
    >>> float(x.min()) >= 0, float(x.max()) < 1
    (True, True)
    """

def rand_like(x: Tensor | Array, *, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Uniform random numbers in [0, 1), in the shape and floating dtype of an array or Tensor; always a Tensor.

    >>> tg.rand_like(np.zeros(3), rng=0).dtype
    dtype('float64')
    """

def randint(low: Whole, high: Any = None, shape: Shape = (), *, rng: Rng = None, dtype: Dtype = ..., requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Random whole numbers from `low` to `high` - 1, all equally likely; from 0 to `low` - 1 if `high` is left out.

    The order is that of ``np.random.randint`` and ``torch.randint``: low, high, shape.  As in PyTorch,
    ``randint(10, (2, 3))`` is short for ``randint(0, 10, (2, 3))``.

    >>> dice = tg.randint(1, 7, (100,), rng=0)
    >>> dice.shape, dice.dtype, sorted(set(dice.tolist()))
    ((100,), dtype('int64'), [1, 2, 3, 4, 5, 6])
    """

def randn(*sizes: Shape, shape: Shape | None = None, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Normal random numbers of mean 0, variance 1.  `rng`: a ``np.random.Generator`` or an int seed.

    >>> tg.randn(2, 3, rng=0).shape
    (2, 3)
    >>> np.array_equal(tg.randn(3, rng=0), tg.randn(3, rng=0))  # a seed fixes the draw
    True
    """

def randn_like(x: Tensor | Array, *, rng: Rng = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Normal random numbers in the shape and floating dtype of an array or Tensor; always a Tensor.

    >>> noise = tg.randn_like(tg.zeros(2, 3), rng=0)
    >>> noise.shape, noise.dtype
    ((2, 3), dtype('float32'))
    """

class _rank_mean(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The mean of x over all ranks, element by element; x itself in one process.  x (...) -> (...)

        All ranks call it, with the same shape, and all of them step back through it.  Gradients belong to the mean of all
        ranks' losses, the one that `tg.distributed.parallel` makes smaller.

        >>> tg.rank_mean(np.array([1.0, 2.0]))  # one process
        array([1., 2.])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The mean of x over all ranks, element by element; x itself in one process.  x (...) -> (...)"""

rank_mean: _rank_mean
"""The mean of x over all ranks, element by element; x itself in one process.  x (...) -> (...)

All ranks call it, with the same shape, and all of them step back through it.  Gradients belong to the mean of all
ranks' losses, the one that `tg.distributed.parallel` makes smaller.

>>> tg.rank_mean(np.array([1.0, 2.0]))  # one process
array([1., 2.])
"""

class _reciprocal(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """1 / x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """1 / x.  x (...) -> (...)"""

reciprocal: _reciprocal
"""1 / x.  x (...) -> (...)"""

class _relu(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """max(x, 0); its derivative at 0 is 0, NaN stays NaN.  x (...) -> (...)

        >>> x = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
        >>> y = tg.relu(x)
        >>> y
        Tensor([0., 0., 2.], dtype=float32, from=relu)
        >>> tg.grad(y.sum(), x)  # 0 at 0
        array([0., 0., 1.], dtype=float32)
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """max(x, 0); its derivative at 0 is 0, NaN stays NaN.  x (...) -> (...)"""

relu: _relu
"""max(x, 0); its derivative at 0 is 0, NaN stays NaN.  x (...) -> (...)

>>> x = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
>>> y = tg.relu(x)
>>> y
Tensor([0., 0., 2.], dtype=float32, from=relu)
>>> tg.grad(y.sum(), x)  # 0 at 0
array([0., 0., 1.], dtype=float32)
"""

class _relu6(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """min(max(x, 0), 6); flat at both ends.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """min(max(x, 0), 6); flat at both ends.  x (...) -> (...)"""

relu6: _relu6
"""min(max(x, 0), 6); flat at both ends.  x (...) -> (...)"""

class _remainder(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """What is left of a, with the sign of b: a % b = a - b * (a // b).  a (...) · b (...) -> (...)

        >>> a = tg.Tensor([5.0, -5.0], requires_grad=True)
        >>> (a % 3).data, tg.grad((a % 3).sum(), a)
        (array([2., 1.], dtype=float32), array([1., 1.], dtype=float32))
        """
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """What is left of a, with the sign of b: a % b = a - b * (a // b).  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """What is left of a, with the sign of b: a % b = a - b * (a // b).  a (...) · b (...) -> (...)"""

remainder: _remainder
"""What is left of a, with the sign of b: a % b = a - b * (a // b).  a (...) · b (...) -> (...)

>>> a = tg.Tensor([5.0, -5.0], requires_grad=True)
>>> (a % 3).data, tg.grad((a % 3).sum(), a)
(array([2., 1.], dtype=float32), array([1., 1.], dtype=float32))
"""

class _repeat(Op):
    @overload
    def __call__(self, x: Tensor, repeats: Counts, axis: Whole | None = None) -> Tensor:
        """Each element (or slice along an axis) several times in a row.  x (...) -> (...)

        >>> tg.repeat(np.array([1, 2]), 3)
        array([1, 1, 1, 2, 2, 2])
        """
    @overload
    def __call__(self, x: Array, repeats: Counts, axis: Whole | None = None) -> np.ndarray:
        """Each element (or slice along an axis) several times in a row.  x (...) -> (...)"""

repeat: _repeat
"""Each element (or slice along an axis) several times in a row.  x (...) -> (...)

>>> tg.repeat(np.array([1, 2]), 3)
array([1, 1, 1, 2, 2, 2])
"""

class _reshape(Op):
    @overload
    def __call__(self, x: Tensor, shape: Shape) -> Tensor:
        """The same elements in another shape; one length may be -1.  x (...) -> shape

        >>> tg.reshape(np.arange(6), (2, -1))
        array([[0, 1, 2],
               [3, 4, 5]])
        """
    @overload
    def __call__(self, x: Array, shape: Shape) -> np.ndarray:
        """The same elements in another shape; one length may be -1.  x (...) -> shape"""

reshape: _reshape
"""The same elements in another shape; one length may be -1.  x (...) -> shape

>>> tg.reshape(np.arange(6), (2, -1))
array([[0, 1, 2],
       [3, 4, 5]])
"""

class _resize(Op):
    @overload
    def __call__(self, x: Tensor, size: Size2d, *, mode: ResizeMode = 'nearest', align_corners: bool = False) -> Tensor:
        """Images of another size.  x (N,H,W,C) -> (N,H',W',C)

        Pixels are areas, whose centres lie at k + 1/2: what PyTorch calls "nearest-exact" and ``align_corners=False``.
        An image that shrinks is smoothed by "area" only.

        Parameters
        ----------
        size : (H', W'), or an int for both.
        mode : "nearest" (any dtype, so label maps too), "bilinear", "bicubic" (which can overshoot) or "area" (means over
            the bins of `adaptive_avg_pool2d`).
        align_corners : the centres of the corner pixels stay where they are; for "bilinear" and "bicubic" only.

        Raises
        ------
        ValueError : a mode or size that is none, or images without pixels.

        Examples
        --------
        >>> x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
        >>> tg.resize(x, (1, 4)).ravel()
        array([0., 0., 4., 4.])
        >>> tg.resize(x, (1, 4), mode="bilinear").ravel()
        array([0., 1., 3., 4.])
        """
    @overload
    def __call__(self, x: Array, size: Size2d, *, mode: ResizeMode = 'nearest', align_corners: bool = False) -> np.ndarray:
        """Images of another size.  x (N,H,W,C) -> (N,H',W',C)"""

resize: _resize
"""Images of another size.  x (N,H,W,C) -> (N,H',W',C)

Pixels are areas, whose centres lie at k + 1/2: what PyTorch calls "nearest-exact" and ``align_corners=False``.
An image that shrinks is smoothed by "area" only.

Parameters
----------
size : (H', W'), or an int for both.
mode : "nearest" (any dtype, so label maps too), "bilinear", "bicubic" (which can overshoot) or "area" (means over
    the bins of `adaptive_avg_pool2d`).
align_corners : the centres of the corner pixels stay where they are; for "bilinear" and "bicubic" only.

Raises
------
ValueError : a mode or size that is none, or images without pixels.

Examples
--------
>>> x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
>>> tg.resize(x, (1, 4)).ravel()
array([0., 0., 4., 4.])
>>> tg.resize(x, (1, 4), mode="bilinear").ravel()
array([0., 1., 3., 4.])
"""

@overload
def rms_norm(x: Tensor, gamma: _Input | None = None, *, axis: Axis = -1, eps: Number = 1e-05) -> Tensor:
    """x / sqrt(mean(x**2) + eps) over `axis`, then scale.  x (N,...,C) · gamma (C,) -> (N,...,C)

    Source: Zhang and Sennrich (2019).
    """
@overload
def rms_norm(x: _Input, gamma: Tensor, *, axis: Axis = -1, eps: Number = 1e-05) -> Tensor:
    """x / sqrt(mean(x**2) + eps) over `axis`, then scale.  x (N,...,C) · gamma (C,) -> (N,...,C)"""
@overload
def rms_norm(x: Array, gamma: Array | None = None, *, axis: Axis = -1, eps: Number = 1e-05) -> np.ndarray:
    """x / sqrt(mean(x**2) + eps) over `axis`, then scale.  x (N,...,C) · gamma (C,) -> (N,...,C)"""

class _roll(Op):
    @overload
    def __call__(self, x: Tensor, shift: Shape, axis: Axis = None) -> Tensor:
        """Elements moved along axes, round the end.  x (...) -> (...)

        >>> tg.roll(np.arange(5), 2)
        array([3, 4, 0, 1, 2])
        """
    @overload
    def __call__(self, x: Array, shift: Shape, axis: Axis = None) -> np.ndarray:
        """Elements moved along axes, round the end.  x (...) -> (...)"""

roll: _roll
"""Elements moved along axes, round the end.  x (...) -> (...)

>>> tg.roll(np.arange(5), 2)
array([3, 4, 0, 1, 2])
"""

@overload
def rot90(x: Tensor, k: Whole = 1, axes: Wholes = (0, 1)) -> Tensor:
    """x turned k times by 90 degrees, from the first of two axes towards the second.

    >>> tg.rot90(np.array([[1, 2], [3, 4]]))
    array([[2, 4],
           [1, 3]])
    """
@overload
def rot90(x: Array, k: Whole = 1, axes: Wholes = (0, 1)) -> np.ndarray:
    """x turned k times by 90 degrees, from the first of two axes towards the second."""

class _round(Op):
    @overload
    def __call__(self, x: Tensor, decimals: Whole = 0) -> Tensor:
        """The nearest number of so many decimals, halves to even; no gradient, as its slope is 0.  x (...) -> (...)

        >>> tg.round(np.array([0.5, 1.5, 2.26])), tg.round(np.array([2.26, 3.14]), 1)
        (array([0., 2., 2.]), array([2.3, 3.1]))
        """
    @overload
    def __call__(self, x: Array, decimals: Whole = 0) -> np.ndarray:
        """The nearest number of so many decimals, halves to even; no gradient, as its slope is 0.  x (...) -> (...)"""

round: _round
"""The nearest number of so many decimals, halves to even; no gradient, as its slope is 0.  x (...) -> (...)

>>> tg.round(np.array([0.5, 1.5, 2.26])), tg.round(np.array([2.26, 3.14]), 1)
(array([0., 2., 2.]), array([2.3, 3.1]))
"""

class _rsqrt(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """1 / sqrt(x), infinite at 0.  x (...) -> (...)

        >>> tg.rsqrt(np.array([0.25, 1.0, 4.0]))
        array([2. , 1. , 0.5])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """1 / sqrt(x), infinite at 0.  x (...) -> (...)"""

rsqrt: _rsqrt
"""1 / sqrt(x), infinite at 0.  x (...) -> (...)

>>> tg.rsqrt(np.array([0.25, 1.0, 4.0]))
array([2. , 1. , 0.5])
"""

class _scale_shift(Op):
    @overload
    def __call__(self, x: Tensor, scale: _Input, shift: _Input) -> Tensor:
        """x * scale + shift, per channel: batch norm with fixed statistics.  x (...,C) · scale, shift (C,) -> (...,C)"""
    @overload
    def __call__(self, x: _Input, scale: Tensor, shift: _Input) -> Tensor:
        """x * scale + shift, per channel: batch norm with fixed statistics.  x (...,C) · scale, shift (C,) -> (...,C)"""
    @overload
    def __call__(self, x: _Input, scale: _Input, shift: Tensor) -> Tensor:
        """x * scale + shift, per channel: batch norm with fixed statistics.  x (...,C) · scale, shift (C,) -> (...,C)"""
    @overload
    def __call__(self, x: Array, scale: Array, shift: Array) -> np.ndarray:
        """x * scale + shift, per channel: batch norm with fixed statistics.  x (...,C) · scale, shift (C,) -> (...,C)"""

scale_shift: _scale_shift
"""x * scale + shift, per channel: batch norm with fixed statistics.  x (...,C) · scale, shift (C,) -> (...,C)"""

class _scale_shift_relu(Op):
    @overload
    def __call__(self, x: Tensor, scale: _Input, shift: _Input) -> Tensor:
        """relu(x * scale + shift), per channel, in one pass.  x (...,C) · scale, shift (C,) -> (...,C)"""
    @overload
    def __call__(self, x: _Input, scale: Tensor, shift: _Input) -> Tensor:
        """relu(x * scale + shift), per channel, in one pass.  x (...,C) · scale, shift (C,) -> (...,C)"""
    @overload
    def __call__(self, x: _Input, scale: _Input, shift: Tensor) -> Tensor:
        """relu(x * scale + shift), per channel, in one pass.  x (...,C) · scale, shift (C,) -> (...,C)"""
    @overload
    def __call__(self, x: Array, scale: Array, shift: Array) -> np.ndarray:
        """relu(x * scale + shift), per channel, in one pass.  x (...,C) · scale, shift (C,) -> (...,C)"""

scale_shift_relu: _scale_shift_relu
"""relu(x * scale + shift), per channel, in one pass.  x (...,C) · scale, shift (C,) -> (...,C)"""

@overload
def scaled_dot_product_attention(q: Tensor, k: _Input, v: _Input, mask: _Input | None = None, *, causal: bool = False, scale: Number | None = None, dropout: Number = 0.0, training: bool = True, rng: Rng = None) -> Tensor:
    """softmax(q @ k^T * scale) @ v over the keys.  q (..., L, E) · k (..., S, E) · v (..., S, F) -> (..., L, F)

    Source: Vaswani et al. (2017).

    Parameters
    ----------
    mask : boolean, True where a query may look at a key; or floats that are added to the scaled products.  Broadcast to
        (..., L, S).  A query that may look at nothing gets zeros.
    causal : query i may look at keys 0 to i only.
    scale : default 1 / sqrt(E).
    dropout, training, rng : the share of weights that `dropout` sets to zero in training.

    Examples
    --------
    >>> k = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> v = np.array([[1.0], [2.0]])
    >>> tg.scaled_dot_product_attention(k * 100, k, v).ravel()  # each query finds its key
    array([1., 2.])
    >>> tg.scaled_dot_product_attention(0 * k, k, v, causal=True).ravel()  # the mean of what came before
    array([1. , 1.5])
    """
@overload
def scaled_dot_product_attention(q: _Input, k: Tensor, v: _Input, mask: _Input | None = None, *, causal: bool = False, scale: Number | None = None, dropout: Number = 0.0, training: bool = True, rng: Rng = None) -> Tensor:
    """softmax(q @ k^T * scale) @ v over the keys.  q (..., L, E) · k (..., S, E) · v (..., S, F) -> (..., L, F)"""
@overload
def scaled_dot_product_attention(q: _Input, k: _Input, v: Tensor, mask: _Input | None = None, *, causal: bool = False, scale: Number | None = None, dropout: Number = 0.0, training: bool = True, rng: Rng = None) -> Tensor:
    """softmax(q @ k^T * scale) @ v over the keys.  q (..., L, E) · k (..., S, E) · v (..., S, F) -> (..., L, F)"""
@overload
def scaled_dot_product_attention(q: _Input, k: _Input, v: _Input, mask: Tensor, *, causal: bool = False, scale: Number | None = None, dropout: Number = 0.0, training: bool = True, rng: Rng = None) -> Tensor:
    """softmax(q @ k^T * scale) @ v over the keys.  q (..., L, E) · k (..., S, E) · v (..., S, F) -> (..., L, F)"""
@overload
def scaled_dot_product_attention(q: Array, k: Array, v: Array, mask: Array | None = None, *, causal: bool = False, scale: Number | None = None, dropout: Number = 0.0, training: bool = True, rng: Rng = None) -> np.ndarray:
    """softmax(q @ k^T * scale) @ v over the keys.  q (..., L, E) · k (..., S, E) · v (..., S, F) -> (..., L, F)"""

class _searchsorted(Op):
    @overload
    def __call__(self, x: Tensor, v: _Input, side: Side = 'left') -> Tensor:
        """Where each element of v would be put into the sorted row x, before its equals or after ("right"); no gradient.

        x (N,) · v (...) -> (...) int64

        >>> tg.searchsorted(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 9.0])), tg.searchsorted([1, 2, 2, 3], 2, "right")
        (array([1, 4]), array(3))
        """
    @overload
    def __call__(self, x: _Input, v: Tensor, side: Side = 'left') -> Tensor:
        """Where each element of v would be put into the sorted row x, before its equals or after ("right"); no gradient."""
    @overload
    def __call__(self, x: Array, v: Array, side: Side = 'left') -> np.ndarray:
        """Where each element of v would be put into the sorted row x, before its equals or after ("right"); no gradient."""

searchsorted: _searchsorted
"""Where each element of v would be put into the sorted row x, before its equals or after ("right"); no gradient.

x (N,) · v (...) -> (...) int64

>>> tg.searchsorted(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 9.0])), tg.searchsorted([1, 2, 2, 3], 2, "right")
(array([1, 4]), array(3))
"""

class _selu(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The self-normalising elu of Klambauer et al. (2017).  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The self-normalising elu of Klambauer et al. (2017).  x (...) -> (...)"""

selu: _selu
"""The self-normalising elu of Klambauer et al. (2017).  x (...) -> (...)"""

@overload
def separable_conv2d(x: Tensor, depthwise: _Input, pointwise: _Input, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """`depthwise_conv2d`, then a mix of channels.  x (N,H,W,C) · (I,J,C,M) · (C*M,O) · b (O,) -> (N,H',W',O)

    >>> depthwise, pointwise = np.ones((3, 3, 3, 1)), np.ones((3, 16))
    >>> tg.separable_conv2d(np.ones((1, 8, 8, 3)), depthwise, pointwise).shape
    (1, 6, 6, 16)
    >>> depthwise.size + pointwise.size, 3 * 3 * 3 * 16  # weights, against conv2d's
    (75, 432)
    """
@overload
def separable_conv2d(x: _Input, depthwise: Tensor, pointwise: _Input, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """`depthwise_conv2d`, then a mix of channels.  x (N,H,W,C) · (I,J,C,M) · (C*M,O) · b (O,) -> (N,H',W',O)"""
@overload
def separable_conv2d(x: _Input, depthwise: _Input, pointwise: Tensor, b: _Input | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """`depthwise_conv2d`, then a mix of channels.  x (N,H,W,C) · (I,J,C,M) · (C*M,O) · b (O,) -> (N,H',W',O)"""
@overload
def separable_conv2d(x: _Input, depthwise: _Input, pointwise: _Input, b: Tensor, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
    """`depthwise_conv2d`, then a mix of channels.  x (N,H,W,C) · (I,J,C,M) · (C*M,O) · b (O,) -> (N,H',W',O)"""
@overload
def separable_conv2d(x: Array, depthwise: Array, pointwise: Array, b: Array | None = None, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> np.ndarray:
    """`depthwise_conv2d`, then a mix of channels.  x (N,H,W,C) · (I,J,C,M) · (C*M,O) · b (O,) -> (N,H',W',O)"""

class _setitem(Op):
    @overload
    def __call__(self, x: Tensor, v: _Input, *indices: _Input, key: Key) -> Tensor:
        """x with v written at [key]; ``x[key] = v`` of a Tensor.  x (...) · v (...) -> (...)

        Where several values are written to one place the last one stays, and only it gets a gradient.  The result has the
        dtype of x; a value that x cannot hold, such as 0.5 among whole numbers, is refused.

        >>> x, v = tg.zeros(3, requires_grad=True), tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> y = tg.setitem(x, v, key=[0, 2])
        >>> y.data, tg.grad(y.sum(), [x, v])
        (array([1., 0., 2.], dtype=float32), [array([0., 1., 0.], dtype=float32), array([1., 1.], dtype=float32)])
        """
    @overload
    def __call__(self, x: _Input, v: Tensor, *indices: _Input, key: Key) -> Tensor:
        """x with v written at [key]; ``x[key] = v`` of a Tensor.  x (...) · v (...) -> (...)"""
    @overload
    def __call__(self, x: Array, v: Array, *indices: Array, key: Key) -> np.ndarray:
        """x with v written at [key]; ``x[key] = v`` of a Tensor.  x (...) · v (...) -> (...)"""

setitem: _setitem
"""x with v written at [key]; ``x[key] = v`` of a Tensor.  x (...) · v (...) -> (...)

Where several values are written to one place the last one stays, and only it gets a gradient.  The result has the
dtype of x; a value that x cannot hold, such as 0.5 among whole numbers, is refused.

>>> x, v = tg.zeros(3, requires_grad=True), tg.Tensor([1.0, 2.0], requires_grad=True)
>>> y = tg.setitem(x, v, key=[0, 2])
>>> y.data, tg.grad(y.sum(), [x, v])
(array([1., 0., 2.], dtype=float32), [array([0., 1., 0.], dtype=float32), array([1., 1.], dtype=float32)])
"""

class _sigmoid(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """1 / (1 + e**-x), without overflow.  x (...) -> (...)

        >>> tg.sigmoid(np.array([-1000.0, 0.0, 1000.0]))  # no overflow
        array([0. , 0.5, 1. ])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """1 / (1 + e**-x), without overflow.  x (...) -> (...)"""

sigmoid: _sigmoid
"""1 / (1 + e**-x), without overflow.  x (...) -> (...)

>>> tg.sigmoid(np.array([-1000.0, 0.0, 1000.0]))  # no overflow
array([0. , 0.5, 1. ])
"""

@overload
def sigmoid_focal_loss(logits: Tensor, targets: _Input, *, alpha: Number | None = 0.25, gamma: Number = 2.0, reduction: Reduction = 'mean') -> Tensor:
    """a * (1 - q)**gamma * binary cross-entropy, q being the probability of what is right; reduced.

    (...) · (...) -> () or (...)

    With p = sigmoid(logits) and targets t from 0 to 1, q = t*p + (1-t)*(1-p), and a = t*alpha + (1-t)*(1-alpha), or 1
    if alpha is None.  What is right already counts little.  Source: Lin and others, Focal Loss (2017).

    >>> logits, targets = np.array([0.0, 4.0]), np.array([1.0, 1.0])
    >>> tg.sigmoid_focal_loss(logits, targets, alpha=None, reduction="none").round(4)  # log 2 / 4, and next to nothing
    array([0.1733, 0.    ])
    """
@overload
def sigmoid_focal_loss(logits: _Input, targets: Tensor, *, alpha: Number | None = 0.25, gamma: Number = 2.0, reduction: Reduction = 'mean') -> Tensor:
    """a * (1 - q)**gamma * binary cross-entropy, q being the probability of what is right; reduced."""
@overload
def sigmoid_focal_loss(logits: Array, targets: Array, *, alpha: Number | None = 0.25, gamma: Number = 2.0, reduction: Reduction = 'mean') -> np.ndarray:
    """a * (1 - q)**gamma * binary cross-entropy, q being the probability of what is right; reduced."""

class _sign(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """1, 0 or -1, as x is above, equal to or below 0; no gradient, as its slope is 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """1, 0 or -1, as x is above, equal to or below 0; no gradient, as its slope is 0.  x (...) -> (...)"""

sign: _sign
"""1, 0 or -1, as x is above, equal to or below 0; no gradient, as its slope is 0.  x (...) -> (...)"""

class _silu(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """x * sigmoid(x), also called swish.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """x * sigmoid(x), also called swish.  x (...) -> (...)"""

silu: _silu
"""x * sigmoid(x), also called swish.  x (...) -> (...)"""

class _sin(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The sine.  x (...) in radians -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The sine.  x (...) in radians -> (...)"""

sin: _sin
"""The sine.  x (...) in radians -> (...)"""

class _sinc(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """sin(pi x) / (pi x), and 1 at 0.  x (...) -> (...)

        >>> tg.sinc(np.array([0.0, 0.5])) * np.pi
        array([3.14159265, 2.        ])
        """
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """sin(pi x) / (pi x), and 1 at 0.  x (...) -> (...)"""

sinc: _sinc
"""sin(pi x) / (pi x), and 1 at 0.  x (...) -> (...)

>>> tg.sinc(np.array([0.0, 0.5])) * np.pi
array([3.14159265, 2.        ])
"""

class _sinh(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The hyperbolic sine.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The hyperbolic sine.  x (...) -> (...)"""

sinh: _sinh
"""The hyperbolic sine.  x (...) -> (...)"""

@overload
def smooth_l1_loss(predictions: Tensor, targets: _Input, *, beta: Number = 1.0, reduction: Reduction = 'mean') -> Tensor:
    """``d**2 / (2 * beta)`` where ``|d| < beta``, else ``|d| - beta/2``; reduced.  (...) · (...) -> () or (...)

    It is `huber_loss` divided by beta, and `l1_loss` for ``beta=0``.  Source: Girshick, Fast R-CNN (2015).

    >>> tg.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
@overload
def smooth_l1_loss(predictions: _Input, targets: Tensor, *, beta: Number = 1.0, reduction: Reduction = 'mean') -> Tensor:
    """``d**2 / (2 * beta)`` where ``|d| < beta``, else ``|d| - beta/2``; reduced.  (...) · (...) -> () or (...)"""
@overload
def smooth_l1_loss(predictions: Array, targets: Array, *, beta: Number = 1.0, reduction: Reduction = 'mean') -> np.ndarray:
    """``d**2 / (2 * beta)`` where ``|d| < beta``, else ``|d| - beta/2``; reduced.  (...) · (...) -> () or (...)"""

class _softmax(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = -1) -> Tensor:
        """exp(x) / sum(exp(x)) along an axis, over all elements if None.  x (..., C) -> (..., C)

        >>> tg.softmax(np.log([[1.0, 2.0, 5.0]])).round(3)
        array([[0.125, 0.25 , 0.625]])
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = -1) -> np.ndarray:
        """exp(x) / sum(exp(x)) along an axis, over all elements if None.  x (..., C) -> (..., C)"""

softmax: _softmax
"""exp(x) / sum(exp(x)) along an axis, over all elements if None.  x (..., C) -> (..., C)

>>> tg.softmax(np.log([[1.0, 2.0, 5.0]])).round(3)
array([[0.125, 0.25 , 0.625]])
"""

class _softmax_cross_entropy(Op):
    @overload
    def __call__(self, logits: Tensor, labels: _Input, weight: _Input | None = None, *, ignore_index: Whole | None = None, label_smoothing: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
        """-log softmax(logits)[label], reduced.  logits (..., C) · labels (...) int, or (..., C) -> () or (...)

        Parameters
        ----------
        labels : class indices, or rows of probabilities; these and `weight` are taken in the dtype of the logits.
        weight : (C,), of each class, finite; the mean is then weighted too (for class indices).
        ignore_index : rows with this label count nothing, even if they hold NaN; if all rows have it, the mean is 0, and so
            is its gradient.
        label_smoothing : this share of each target is spread evenly over all classes.
        reduction : "mean" (over rows, by weight), "sum" or "none".

        Raises
        ------
        ValueError : a label is not a valid class, or shapes do not match.

        Source: the definitions of PyTorch's cross_entropy, but for the mean over no rows.

        Examples
        --------
        >>> logits = tg.Tensor(np.log([[1.0, 3.0], [1.0, 1.0]]), requires_grad=True)
        >>> loss = tg.softmax_cross_entropy(logits, np.array([1, 0]))
        >>> round(loss.item(), 4)  # the mean of -log 3/4 and -log 1/2
        0.4904
        >>> tg.grad(loss, logits).round(3)  # (softmax - one-hot) / N
        array([[ 0.125, -0.125],
               [-0.25 ,  0.25 ]])
        """
    @overload
    def __call__(self, logits: _Input, labels: Tensor, weight: _Input | None = None, *, ignore_index: Whole | None = None, label_smoothing: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
        """-log softmax(logits)[label], reduced.  logits (..., C) · labels (...) int, or (..., C) -> () or (...)"""
    @overload
    def __call__(self, logits: _Input, labels: _Input, weight: Tensor, *, ignore_index: Whole | None = None, label_smoothing: Number = 0.0, reduction: Reduction = 'mean') -> Tensor:
        """-log softmax(logits)[label], reduced.  logits (..., C) · labels (...) int, or (..., C) -> () or (...)"""
    @overload
    def __call__(self, logits: Array, labels: Array, weight: Array | None = None, *, ignore_index: Whole | None = None, label_smoothing: Number = 0.0, reduction: Reduction = 'mean') -> np.ndarray:
        """-log softmax(logits)[label], reduced.  logits (..., C) · labels (...) int, or (..., C) -> () or (...)"""

softmax_cross_entropy: _softmax_cross_entropy
"""-log softmax(logits)[label], reduced.  logits (..., C) · labels (...) int, or (..., C) -> () or (...)

Parameters
----------
labels : class indices, or rows of probabilities; these and `weight` are taken in the dtype of the logits.
weight : (C,), of each class, finite; the mean is then weighted too (for class indices).
ignore_index : rows with this label count nothing, even if they hold NaN; if all rows have it, the mean is 0, and so
    is its gradient.
label_smoothing : this share of each target is spread evenly over all classes.
reduction : "mean" (over rows, by weight), "sum" or "none".

Raises
------
ValueError : a label is not a valid class, or shapes do not match.

Source: the definitions of PyTorch's cross_entropy, but for the mean over no rows.

Examples
--------
>>> logits = tg.Tensor(np.log([[1.0, 3.0], [1.0, 1.0]]), requires_grad=True)
>>> loss = tg.softmax_cross_entropy(logits, np.array([1, 0]))
>>> round(loss.item(), 4)  # the mean of -log 3/4 and -log 1/2
0.4904
>>> tg.grad(loss, logits).round(3)  # (softmax - one-hot) / N
array([[ 0.125, -0.125],
       [-0.25 ,  0.25 ]])
"""

class _softplus(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """log(1 + e**x), without overflow.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """log(1 + e**x), without overflow.  x (...) -> (...)"""

softplus: _softplus
"""log(1 + e**x), without overflow.  x (...) -> (...)"""

class _softsign(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """x / (1 + abs(x)).  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """x / (1 + abs(x)).  x (...) -> (...)"""

softsign: _softsign
"""x / (1 + abs(x)).  x (...) -> (...)"""

class _sort(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | None = -1, *, descending: bool = False) -> Tensor:
        """The elements in order along an axis, of the flattened array if None; a new array, also as ``t.sort()``.

        Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...)

        >>> x = tg.Tensor([3.0, 1.0, 2.0], requires_grad=True)
        >>> tg.sort(x).data, tg.grad(tg.sort(x)[0], x)  # the smallest
        (array([1., 2., 3.], dtype=float32), array([0., 1., 0.], dtype=float32))
        """
    @overload
    def __call__(self, x: Array, axis: Whole | None = -1, *, descending: bool = False) -> np.ndarray:
        """The elements in order along an axis, of the flattened array if None; a new array, also as ``t.sort()``."""

sort: _sort
"""The elements in order along an axis, of the flattened array if None; a new array, also as ``t.sort()``.

Equal elements stay in the order in which they stand, and NaN is the largest.  x (...) -> (...)

>>> x = tg.Tensor([3.0, 1.0, 2.0], requires_grad=True)
>>> tg.sort(x).data, tg.grad(tg.sort(x)[0], x)  # the smallest
(array([1., 2., 3.], dtype=float32), array([0., 1., 0.], dtype=float32))
"""

@overload
def split(x: Tensor, sections: Counts, axis: Whole = 0) -> list[Tensor]:
    """Cut along an axis into equal parts (an int), or before each of a list of indices, as ``np.split`` does.

    >>> [part.shape for part in tg.split(np.ones((6, 2)), 3)]
    [(2, 2), (2, 2), (2, 2)]
    """
@overload
def split(x: Array, sections: Counts, axis: Whole = 0) -> list[np.ndarray]:
    """Cut along an axis into equal parts (an int), or before each of a list of indices, as ``np.split`` does."""

class _sqrt(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The square root; its derivative at 0 is taken as 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The square root; its derivative at 0 is taken as 0.  x (...) -> (...)"""

sqrt: _sqrt
"""The square root; its derivative at 0 is taken as 0.  x (...) -> (...)"""

class _square(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """x * x.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """x * x.  x (...) -> (...)"""

square: _square
"""x * x.  x (...) -> (...)"""

class _squeeze(Op):
    @overload
    def __call__(self, x: Tensor, axis: Whole | tuple[Whole, ...] | None = None) -> Tensor:
        """Without these axes of length 1, without all of them if None.  x (...) -> (...)

        >>> x = np.ones((1, 28, 28, 1))
        >>> tg.squeeze(x).shape, tg.squeeze(x, axis=0).shape
        ((28, 28), (28, 28, 1))
        """
    @overload
    def __call__(self, x: Array, axis: Whole | tuple[Whole, ...] | None = None) -> np.ndarray:
        """Without these axes of length 1, without all of them if None.  x (...) -> (...)"""

squeeze: _squeeze
"""Without these axes of length 1, without all of them if None.  x (...) -> (...)

>>> x = np.ones((1, 28, 28, 1))
>>> tg.squeeze(x).shape, tg.squeeze(x, axis=0).shape
((28, 28), (28, 28, 1))
"""

class _stack(Op):
    @overload
    def __call__(self, first: list[Tensor] | tuple[Tensor, ...], /, axis: Whole = 0) -> Tensor:
        """Arrays of one shape side by side along a new axis; ``stack([a, b], axis=0)``.  xs (...), ... -> (...)

        >>> tg.stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
        array([[1., 3.],
               [2., 4.]])
        """
    @overload
    def __call__(self, first: Tensor, /, *xs: _Input, axis: Whole = 0) -> Tensor:
        """Arrays of one shape side by side along a new axis; ``stack([a, b], axis=0)``.  xs (...), ... -> (...)"""
    @overload
    def __call__(self, first: Array, /, *xs: Array, axis: Whole = 0) -> np.ndarray:
        """Arrays of one shape side by side along a new axis; ``stack([a, b], axis=0)``.  xs (...), ... -> (...)"""
    @overload
    def __call__(self, first: Array, /, *xs: _Input, axis: Whole = 0) -> Tensor:
        """Arrays of one shape side by side along a new axis; ``stack([a, b], axis=0)``.  xs (...), ... -> (...)"""

stack: _stack
"""Arrays of one shape side by side along a new axis; ``stack([a, b], axis=0)``.  xs (...), ... -> (...)

>>> tg.stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
array([[1., 3.],
       [2., 4.]])
"""

class _std(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> Tensor:
        """The square root of the variance; where that is 0, so is the derivative.  x (...) -> (...)

        >>> float(tg.std(np.array([1.0, 3.0, 1.0, 3.0])))
        1.0
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> np.ndarray:
        """The square root of the variance; where that is 0, so is the derivative.  x (...) -> (...)"""

std: _std
"""The square root of the variance; where that is 0, so is the derivative.  x (...) -> (...)

>>> float(tg.std(np.array([1.0, 3.0, 1.0, 3.0])))
1.0
"""

class _sub(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input) -> Tensor:
        """a - b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: _Input, b: Tensor) -> Tensor:
        """a - b.  a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, a: Array, b: Array) -> np.ndarray:
        """a - b.  a (...) · b (...) -> (...)"""

sub: _sub
"""a - b.  a (...) · b (...) -> (...)"""

class _sum(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The sum over axes.  x (...) -> (...)

        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> float(tg.sum(x)), tg.sum(x, axis=0), tg.sum(x, axis=1, keepdims=True).shape
        (10.0, array([4., 6.]), (2, 1))
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False) -> np.ndarray:
        """The sum over axes.  x (...) -> (...)"""

sum: _sum
"""The sum over axes.  x (...) -> (...)

>>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
>>> float(tg.sum(x)), tg.sum(x, axis=0), tg.sum(x, axis=1, keepdims=True).shape
(10.0, array([4., 6.]), (2, 1))
"""

class _swapaxes(Op):
    @overload
    def __call__(self, x: Tensor, axis1: Whole, axis2: Whole) -> Tensor:
        """Two axes exchanged.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array, axis1: Whole, axis2: Whole) -> np.ndarray:
        """Two axes exchanged.  x (...) -> (...)"""

swapaxes: _swapaxes
"""Two axes exchanged.  x (...) -> (...)"""

class _take(Op):
    @overload
    def __call__(self, x: Tensor, indices: _Input, axis: Whole | None = None) -> Tensor:
        """Elements of x along an axis (of the flattened x if None) at integer indices.  x (...) · indices (...) -> (...)

        >>> x = tg.Tensor([10.0, 20.0, 30.0], requires_grad=True)
        >>> y = tg.take(x, [2, 0, 2])
        >>> y.data, tg.grad(y.sum(), x)  # taken twice, counted twice
        (array([30., 10., 30.], dtype=float32), array([1., 0., 2.], dtype=float32))
        """
    @overload
    def __call__(self, x: _Input, indices: Tensor, axis: Whole | None = None) -> Tensor:
        """Elements of x along an axis (of the flattened x if None) at integer indices.  x (...) · indices (...) -> (...)"""
    @overload
    def __call__(self, x: Array, indices: Array, axis: Whole | None = None) -> np.ndarray:
        """Elements of x along an axis (of the flattened x if None) at integer indices.  x (...) · indices (...) -> (...)"""

take: _take
"""Elements of x along an axis (of the flattened x if None) at integer indices.  x (...) · indices (...) -> (...)

>>> x = tg.Tensor([10.0, 20.0, 30.0], requires_grad=True)
>>> y = tg.take(x, [2, 0, 2])
>>> y.data, tg.grad(y.sum(), x)  # taken twice, counted twice
(array([30., 10., 30.], dtype=float32), array([1., 0., 2.], dtype=float32))
"""

class _take_along_axis(Op):
    @overload
    def __call__(self, x: Tensor, indices: _Input, axis: Whole | None = -1) -> Tensor:
        """From each row along an axis the elements at its own indices; axes of length 1 broadcast.

        x (..., N, ...) · indices (..., M, ...) int -> (..., M, ...)

        >>> x = tg.Tensor([[10.0, 30.0, 20.0], [6.0, 5.0, 4.0]], requires_grad=True)
        >>> y = tg.take_along_axis(x, tg.argsort(x))
        >>> y.data
        array([[10., 20., 30.],
               [ 4.,  5.,  6.]], dtype=float32)
        >>> tg.grad(y[:, -1].sum(), x)  # of the largest of each row
        array([[0., 1., 0.],
               [1., 0., 0.]], dtype=float32)
        """
    @overload
    def __call__(self, x: _Input, indices: Tensor, axis: Whole | None = -1) -> Tensor:
        """From each row along an axis the elements at its own indices; axes of length 1 broadcast."""
    @overload
    def __call__(self, x: Array, indices: Array, axis: Whole | None = -1) -> np.ndarray:
        """From each row along an axis the elements at its own indices; axes of length 1 broadcast."""

take_along_axis: _take_along_axis
"""From each row along an axis the elements at its own indices; axes of length 1 broadcast.

x (..., N, ...) · indices (..., M, ...) int -> (..., M, ...)

>>> x = tg.Tensor([[10.0, 30.0, 20.0], [6.0, 5.0, 4.0]], requires_grad=True)
>>> y = tg.take_along_axis(x, tg.argsort(x))
>>> y.data
array([[10., 20., 30.],
       [ 4.,  5.,  6.]], dtype=float32)
>>> tg.grad(y[:, -1].sum(), x)  # of the largest of each row
array([[0., 1., 0.],
       [1., 0., 0.]], dtype=float32)
"""

class _tan(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The tangent.  x (...) in radians -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The tangent.  x (...) in radians -> (...)"""

tan: _tan
"""The tangent.  x (...) in radians -> (...)"""

class _tanh(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The hyperbolic tangent.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The hyperbolic tangent.  x (...) -> (...)"""

tanh: _tanh
"""The hyperbolic tangent.  x (...) -> (...)"""

def tensor(data: Any, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor of a copy of `data`; Python floats get the default dtype, float32 unless set.

    >>> tg.tensor([1, 2, 3], dtype=np.float32, requires_grad=True)
    Tensor([1., 2., 3.], dtype=float32, requires_grad=True)
    """

class _tensordot(Op):
    @overload
    def __call__(self, a: Tensor, b: _Input, axes: Places = 2) -> Tensor:
        """Products summed over the last `axes` axes of a and first of b, or over two lists of axes.

        a (...) · b (...) -> (...)

        >>> tg.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape  # sums over 3 and 4
        (2, 5)
        """
    @overload
    def __call__(self, a: _Input, b: Tensor, axes: Places = 2) -> Tensor:
        """Products summed over the last `axes` axes of a and first of b, or over two lists of axes."""
    @overload
    def __call__(self, a: Array, b: Array, axes: Places = 2) -> np.ndarray:
        """Products summed over the last `axes` axes of a and first of b, or over two lists of axes."""

tensordot: _tensordot
"""Products summed over the last `axes` axes of a and first of b, or over two lists of axes.

a (...) · b (...) -> (...)

>>> tg.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape  # sums over 3 and 4
(2, 5)
"""

class _tile(Op):
    @overload
    def __call__(self, x: Tensor, reps: Shape) -> Tensor:
        """Copies of x side by side: how many along each of the last axes.  x (...) -> (...)

        >>> tg.tile(np.array([1, 2]), 3), tg.tile(np.array([1, 2]), (2, 1))
        (array([1, 2, 1, 2, 1, 2]), array([[1, 2],
               [1, 2]]))
        """
    @overload
    def __call__(self, x: Array, reps: Shape) -> np.ndarray:
        """Copies of x side by side: how many along each of the last axes.  x (...) -> (...)"""

tile: _tile
"""Copies of x side by side: how many along each of the last axes.  x (...) -> (...)

>>> tg.tile(np.array([1, 2]), 3), tg.tile(np.array([1, 2]), (2, 1))
(array([1, 2, 1, 2, 1, 2]), array([[1, 2],
       [1, 2]]))
"""

@overload
def topk(x: Tensor, k: Whole, axis: Whole = -1, *, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) elements along an axis, the most extreme first, and their places.

    Of equal elements the first are taken, and get the gradient; NaN is the largest.

    >>> x = tg.Tensor([1.0, 7.0, 5.0, 7.0], requires_grad=True)
    >>> values, places = tg.topk(x, 2)
    >>> values.data, places.tolist(), tg.grad(values[0], x)
    (array([7., 7.], dtype=float32), [1, 3], array([0., 1., 0., 0.], dtype=float32))
    """
@overload
def topk(x: Array, k: Whole, axis: Whole = -1, *, largest: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The k largest (or smallest) elements along an axis, the most extreme first, and their places."""

@overload
def trace(x: Tensor, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> Tensor:
    """The sum of the diagonal of the matrices that two axes form, `offset` places to the right.

    >>> x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> tg.trace(x).item(), tg.grad(tg.trace(x), x)
    (5.0, array([[1., 0.],
           [0., 1.]], dtype=float32))
    """
@overload
def trace(x: Array, offset: Whole = 0, axis1: Whole = 0, axis2: Whole = 1) -> np.ndarray:
    """The sum of the diagonal of the matrices that two axes form, `offset` places to the right."""

class _transpose(Op):
    @overload
    def __call__(self, x: Tensor, axes: Wholes | None = None) -> Tensor:
        """Axes in another order, reversed if None.  x (...) -> (...)

        >>> tg.transpose(np.ones((8, 28, 28, 1)), (0, 3, 1, 2)).shape  # channels first
        (8, 1, 28, 28)
        """
    @overload
    def __call__(self, x: Array, axes: Wholes | None = None) -> np.ndarray:
        """Axes in another order, reversed if None.  x (...) -> (...)"""

transpose: _transpose
"""Axes in another order, reversed if None.  x (...) -> (...)

>>> tg.transpose(np.ones((8, 28, 28, 1)), (0, 3, 1, 2)).shape  # channels first
(8, 1, 28, 28)
"""

class _tril(Op):
    @overload
    def __call__(self, x: Tensor, k: Whole = 0) -> Tensor:
        """The lower triangle of the last two axes, zeros above diagonal number k.  x (..., N, M) -> (..., N, M)

        >>> tg.tril(np.ones((2, 3)))
        array([[1., 0., 0.],
               [1., 1., 0.]])
        """
    @overload
    def __call__(self, x: Array, k: Whole = 0) -> np.ndarray:
        """The lower triangle of the last two axes, zeros above diagonal number k.  x (..., N, M) -> (..., N, M)"""

tril: _tril
"""The lower triangle of the last two axes, zeros above diagonal number k.  x (..., N, M) -> (..., N, M)

>>> tg.tril(np.ones((2, 3)))
array([[1., 0., 0.],
       [1., 1., 0.]])
"""

@overload
def triplet_margin_loss(anchor: Tensor, positive: _Input, negative: _Input, *, margin: Number = 1.0, p: Number = 2.0, eps: Number = 1e-06, swap: bool = False, reduction: Reduction = 'mean') -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced.  Three (..., D) -> () or (...)

    d is the norm of order `p` of the difference plus `eps`, as in PyTorch.  With `swap`, the distance from positive to
    negative takes the place of that from the anchor where it is shorter (Balntas and others, 2016).
    Source: Schroff and others, FaceNet (2015).

    >>> a, p, n = np.array([[0.0, 0.0]]), np.array([[0.0, 2.0]]), np.array([[2.5, 0.0]])
    >>> float(tg.triplet_margin_loss(a, p, n).round(4))  # 2 - 2.5 + 1
    0.5
    """
@overload
def triplet_margin_loss(anchor: _Input, positive: Tensor, negative: _Input, *, margin: Number = 1.0, p: Number = 2.0, eps: Number = 1e-06, swap: bool = False, reduction: Reduction = 'mean') -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced.  Three (..., D) -> () or (...)"""
@overload
def triplet_margin_loss(anchor: _Input, positive: _Input, negative: Tensor, *, margin: Number = 1.0, p: Number = 2.0, eps: Number = 1e-06, swap: bool = False, reduction: Reduction = 'mean') -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced.  Three (..., D) -> () or (...)"""
@overload
def triplet_margin_loss(anchor: Array, positive: Array, negative: Array, *, margin: Number = 1.0, p: Number = 2.0, eps: Number = 1e-06, swap: bool = False, reduction: Reduction = 'mean') -> np.ndarray:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced.  Three (..., D) -> () or (...)"""

class _triu(Op):
    @overload
    def __call__(self, x: Tensor, k: Whole = 0) -> Tensor:
        """The upper triangle of the last two axes, zeros below diagonal number k.  x (..., N, M) -> (..., N, M)

        >>> tg.triu(np.ones((2, 3)), 1)
        array([[0., 1., 1.],
               [0., 0., 1.]])
        """
    @overload
    def __call__(self, x: Array, k: Whole = 0) -> np.ndarray:
        """The upper triangle of the last two axes, zeros below diagonal number k.  x (..., N, M) -> (..., N, M)"""

triu: _triu
"""The upper triangle of the last two axes, zeros below diagonal number k.  x (..., N, M) -> (..., N, M)

>>> tg.triu(np.ones((2, 3)), 1)
array([[0., 1., 1.],
       [0., 0., 1.]])
"""

class _trunc(Op):
    @overload
    def __call__(self, x: Tensor) -> Tensor:
        """The next whole number towards 0; no gradient, as its slope is 0.  x (...) -> (...)"""
    @overload
    def __call__(self, x: Array) -> np.ndarray:
        """The next whole number towards 0; no gradient, as its slope is 0.  x (...) -> (...)"""

trunc: _trunc
"""The next whole number towards 0; no gradient, as its slope is 0.  x (...) -> (...)"""

class _unfold(Op):
    @overload
    def __call__(self, x: Tensor, window: Size2d, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> Tensor:
        """The pixels under each place of a window; padding is zeros.  x (N,H,W,C) -> (N,H',W',I,J,C)

        Options as in `conv2d`, which is ``tensordot(unfold(x, (I, J)), w, 3)``.

        >>> x = np.arange(4.0).reshape(1, 1, 4, 1)
        >>> tg.unfold(x, (1, 3)).reshape(2, 3)  # a row for each place of the window
        array([[0., 1., 2.],
               [1., 2., 3.]])
        """
    @overload
    def __call__(self, x: Array, window: Size2d, *, stride: Size2d = 1, padding: Padding = 0, dilation: Size2d = 1) -> np.ndarray:
        """The pixels under each place of a window; padding is zeros.  x (N,H,W,C) -> (N,H',W',I,J,C)"""

unfold: _unfold
"""The pixels under each place of a window; padding is zeros.  x (N,H,W,C) -> (N,H',W',I,J,C)

Options as in `conv2d`, which is ``tensordot(unfold(x, (I, J)), w, 3)``.

>>> x = np.arange(4.0).reshape(1, 1, 4, 1)
>>> tg.unfold(x, (1, 3)).reshape(2, 3)  # a row for each place of the window
array([[0., 1., 2.],
       [1., 2., 3.]])
"""

class _var(Op):
    @overload
    def __call__(self, x: Tensor, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> Tensor:
        """The variance: mean square distance from the mean, divided by count - ddof.  x (...) -> (...)

        >>> float(tg.var(np.array([1.0, 3.0]))), float(tg.var(np.array([1.0, 3.0]), ddof=1))
        (1.0, 2.0)
        """
    @overload
    def __call__(self, x: Array, axis: Axis = None, keepdims: bool = False, ddof: Whole = 0) -> np.ndarray:
        """The variance: mean square distance from the mean, divided by count - ddof.  x (...) -> (...)"""

var: _var
"""The variance: mean square distance from the mean, divided by count - ddof.  x (...) -> (...)

>>> float(tg.var(np.array([1.0, 3.0]))), float(tg.var(np.array([1.0, 3.0]), ddof=1))
(1.0, 2.0)
"""

class _where(Op):
    @overload
    def __call__(self, condition: Tensor, a: _Input, b: _Input) -> Tensor:
        """a where the condition holds, else b.  condition (...) bool · a (...) · b (...) -> (...)

        >>> x = np.array([-1.0, 2.0, -3.0])
        >>> tg.where(x > 0, x, 10 * x)
        array([-10.,   2., -30.])
        """
    @overload
    def __call__(self, condition: _Input, a: Tensor, b: _Input) -> Tensor:
        """a where the condition holds, else b.  condition (...) bool · a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, condition: _Input, a: _Input, b: Tensor) -> Tensor:
        """a where the condition holds, else b.  condition (...) bool · a (...) · b (...) -> (...)"""
    @overload
    def __call__(self, condition: Array, a: Array, b: Array) -> np.ndarray:
        """a where the condition holds, else b.  condition (...) bool · a (...) · b (...) -> (...)"""

where: _where
"""a where the condition holds, else b.  condition (...) bool · a (...) · b (...) -> (...)

>>> x = np.array([-1.0, 2.0, -3.0])
>>> tg.where(x > 0, x, 10 * x)
array([-10.,   2., -30.])
"""

def zeros(*sizes: Shape, shape: Shape | None = None, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """0 everywhere.

    >>> tg.zeros(2, 3, name="z")  # or tg.zeros((2, 3), name="z")
    Tensor([[0., 0., 0.],
            [0., 0., 0.]], dtype=float32, name='z')
    """

def zeros_like(x: Tensor | Array, *, dtype: Dtype = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """0 everywhere, of the shape and dtype of an array or Tensor; always a Tensor.

    >>> tg.zeros_like(np.array([1, 2]))
    Tensor([0, 0], dtype=int64)
    """
