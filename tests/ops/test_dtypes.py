"""Ops on dtypes that they have no meaning for: an error of the op's, never an object array or NumPy's bare one."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing.case import Case
from tinygrad_cnn.testing.dtypes import whole_numbers

X = np.ones((1, 4, 4, 1), np.float32)
W = np.ones((3, 3, 1, 1), np.float32)

WRONG = {
    "words for images": (lambda: tg.conv2d("abc", W), TypeError, "conv2d: input x needs numbers.*got dtype <U"),
    "an array of words": (lambda: tg.relu(np.array(["a"])), TypeError, "relu: .*<U1"),
    "words in a product": (lambda: tg.matmul(np.array([["a"]]), np.ones((1, 1))), TypeError, "matmul: .*a .1, 1. <U1"),
    "dates": (lambda: tg.add(np.array(["2020-01-01"], "M8[D]"), 1.0), TypeError, "add: .*datetime64"),
    "nothing": (lambda: tg.relu(np.array([None, 1], object)), TypeError, r"relu: .*x \(2,\) object"),
    "a word for a bound": (lambda: tg.clip(X, "a", 1), TypeError, "clip: "),
    "a minus of booleans": (lambda: tg.neg(np.array([True])), TypeError, r"neg: .*x \(1,\) bool"),
    "max pooling of whole numbers": (
        lambda: tg.max_pool2d(X.astype(int), 2), TypeError, r"max_pool2d: x has dtype int64, expected floats.*astype",
    ),
    "indices that are no whole numbers": (
        lambda: tg.take(X, np.array([0.5])), TypeError, "take: indices have dtype float64; they must be whole numbers",
    ),
    "labels that are no whole numbers": (
        lambda: tg.softmax_cross_entropy(np.ones((2, 3)), np.array([0.0, 1.0])), ValueError,
        r"softmax_cross_entropy: logits \(2, 3\) need labels of shape \(2,\) \(whole numbers.*got \(2,\) float64",
    ),
    "a gradient for whole numbers": (
        lambda: tg.Tensor(np.arange(3), requires_grad=True), TypeError, "dtype int64, which carries no gradient",
    ),
    "layers name their path": (
        lambda: tg.nn.Sequential(tg.nn.ReLU(), tg.nn.MaxPool2d(2))(tg.Tensor(X.astype(int))), TypeError,
        r"max_pool2d \(1\): x has dtype int64",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_dtype_is_refused_by_the_op(what):
    call, error, words = WRONG[what]
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_])
def test_whole_numbers_are_taken_where_a_result_has_a_meaning(dtype):
    whole = X.astype(dtype)
    np.testing.assert_array_equal(tg.conv2d(whole, W), tg.conv2d(X, W))
    assert tg.exp(whole).dtype.kind == "f"
    assert tg.relu(whole).dtype.kind in "biu"


def test_only_arithmetic_goes_round():
    """Bytes wrap around in NumPy's own arithmetic, as they do in NumPy, and nowhere else."""
    wrapping = set()
    for name, op in tg.registry.items():
        if op.fn.__module__.startswith("tinygrad_cnn."):
            for sample in op.samples:
                case = Case(op, sample, 1)
                whole_numbers(case)
                wrapping |= {name} if case.wraps else set()
    assert wrapping == {
        "add", "sub", "mul", "neg", "pow", "prod", "matmul", "outer", "einsum", "tensordot", "cross",
        "floor_divide", "fmod", "recurrence", "remainder", "square",
    }  # fmt: skip
