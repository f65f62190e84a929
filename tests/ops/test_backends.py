"""Ops that stand on kernels keep their contracts on every backend, and on every instruction set of the compiled one."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import native
from tinygrad_cnn.testing import check_op

pytestmark = pytest.mark.level("thorough")

FAMILIES = tuple(f"tinygrad_cnn.ops.{family}" for family in ("conv", "pool", "fused"))
OPS = [name for name, op in tg.registry.items() if op.fn.__module__ in FAMILIES] + ["relu", "relu_dx", "sum", "matmul"]
SETS = native.isas()


@pytest.mark.parametrize("name", OPS)
def test_on_numpy_alone(name):
    with kernels.use_kernels("numpy"):
        check_op(tg.registry[name])


@pytest.mark.level("exhaustive")
@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("isa", SETS or [pytest.param("none", marks=pytest.mark.skip(reason=native.reason))])
def test_on_each_instruction_set(name, isa):
    before = native.use_isa(isa)
    try:
        check_op(tg.registry[name], orders=(1,))
    finally:
        native.use_isa(before)


def test_every_op_that_calls_a_kernel_is_among_them():
    some = {"conv2d", "conv2d_relu", "max_pool2d", "avg_pool2d_put", "batch_norm_relu", "linear", "add_relu"}
    assert some <= set(OPS)


def test_threads_and_cache_are_public():
    before = tg.get_num_threads()
    try:
        tg.set_num_threads(1)
        assert tg.get_num_threads() == 1
    finally:
        tg.set_num_threads(before)
    tg.empty_cache()
    with pytest.raises(ValueError, match=r"set_num_threads: n=0 must be a whole number from 1 to 256"):
        tg.set_num_threads(0)
