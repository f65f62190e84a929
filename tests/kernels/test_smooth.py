"""Functions made of the exponential: their error bounds, their corners, and that no element depends on its place."""

import math

import numpy as np
import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import native

ONE = ["sigmoid", "softplus", "erf", "silu", "gelu", "mish"]
BOUNDS = {"sigmoid": 4, "softplus": 5, "erf": 5, "silu": 5, "mish": 5, "elu": 3}  # units in the last place
needs_native = pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")


def exact(name, x):
    """In float64, one number at a time, with functions that do not cancel."""
    sigmoid = 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
    softplus = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
    return {
        "sigmoid": sigmoid, "softplus": softplus, "erf": math.erf(x), "silu": x * sigmoid,
        "mish": x * math.tanh(softplus), "elu": x if x > 0 else math.expm1(x),
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_float32_is_right_to_a_few_units_in_the_last_place(name):
    x = np.concatenate([np.random.default_rng(0).normal(0, s, 2000) for s in (0.01, 1, 5, 15)]).astype(np.float32)
    wanted = np.array([exact(name, float(v)) for v in x])
    y = getattr(kernels, name)(x, *([1.0] if name == "elu" else []))
    units = np.abs(y - wanted) / np.spacing(np.maximum(np.abs(wanted), 1e-30).astype(np.float32))
    assert units.max() <= BOUNDS[name]


def test_gelu_is_right_to_the_rounding_of_its_definition():
    x = np.random.default_rng(0).normal(0, 3, 4000).astype(np.float32)
    wanted = np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.astype(float)])
    bound = 4 * np.finfo(np.float32).eps * np.maximum(1, np.abs(x))  # of a sum of numbers up to 1, times x
    assert (np.abs(kernels.gelu(x) - wanted) <= bound).all()


@needs_native
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*ONE, "silu_dx", "gelu_dx", "elu", "elu_dx"])
def test_corners_are_those_of_numpy(name, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 88, -88, 104, -200, 1e30, -1e30], dtype)
    args = ([np.ones_like(x)] if name.endswith("_dx") else []) + [x] + ([0.5] if name.startswith("elu") else [])
    found = {}
    for backend in ("native", "numpy"):
        with kernels.use_kernels(backend), np.errstate(all="ignore"):
            found[backend] = getattr(kernels, name)(*args)
    np.testing.assert_allclose(found["native"], found["numpy"], rtol=1e-6, atol=np.finfo(dtype).tiny)


@needs_native
@pytest.mark.parametrize("name", ONE)
def test_no_element_depends_on_its_place_or_on_threads(name):
    x = np.random.default_rng(1).normal(0, 3, 40_003).astype(np.float32)
    whole, before = getattr(native, name)(x), native.get_num_threads()
    try:
        for threads in (1, 3):
            native.set_num_threads(threads)
            np.testing.assert_array_equal(getattr(native, name)(x[5:]), whole[5:])
    finally:
        native.set_num_threads(before)
