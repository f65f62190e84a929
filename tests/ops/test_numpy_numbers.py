"""Settings of every op may be NumPy's numbers: the result and the gradients are those of Python's numbers."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing.case import Case

SAMPLES = [
    pytest.param(op, sample, id=f"{name}-{k}")
    for name, op in tg.registry.items() if isinstance(op, tg.Op) for k, sample in enumerate(op.samples)
]  # fmt: skip


def of_numpy(value):
    """A setting with each number in it as one of NumPy's."""
    if isinstance(value, tuple):
        return tuple(map(of_numpy, value))
    return {int: np.int64, float: np.float64}.get(type(value), lambda v: v)(value)


@pytest.mark.parametrize("op, sample", SAMPLES)
@pytest.mark.level("thorough")
def test_settings_may_be_numbers_of_numpy(op, sample):
    case = Case(op, sample, 1)
    inputs = case.arrays(lambda a: a.astype(np.float32) if a.dtype.kind == "f" else a)
    wanted, slopes = case.run(inputs)
    case.params = {name: of_numpy(value) for name, value in case.params.items()}
    found, given = case.run(inputs)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    assert given.keys() == slopes.keys()
    for k, slope in slopes.items():
        np.testing.assert_array_equal(given[k], slope)


FUNCTIONS = {
    "huber_loss": lambda x, number: tg.huber_loss(x, np.zeros_like(x.data), delta=number(0.5)),
    "layer_norm": lambda x, number: tg.layer_norm(x, eps=number(1e-3)),
    "rms_norm": lambda x, number: tg.rms_norm(x, eps=number(1e-3)),
    "group_norm": lambda x, number: tg.group_norm(x, 1, eps=number(1e-3)),
    "instance_norm": lambda x, number: tg.instance_norm(tg.reshape(x, (1, 2, 2, 3)), eps=number(1e-3)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_settings_of_functions_made_of_ops_may_be_numbers_of_numpy(name):
    x = tg.randn(4, 3, rng=0)
    wanted, found = FUNCTIONS[name](x, float), FUNCTIONS[name](x, np.float64)
    assert found.dtype == wanted.dtype == np.float32
    np.testing.assert_array_equal(found.data, wanted.data)
