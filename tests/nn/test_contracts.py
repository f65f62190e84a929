"""Every layer of the package keeps the contracts of layers; a new one is enrolled by being exported."""

import inspect

import pytest

from tinygrad_cnn import nn
from tinygrad_cnn.testing import check_layer

HOLDERS = {  # compute what their parts compute, or nothing
    "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential",
}  # fmt: skip
LAYERS = [
    name for name, value in sorted(vars(nn).items())
    if inspect.isclass(value) and issubclass(value, nn.Module) and name not in HOLDERS
]  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layer_keeps_its_contracts(name, record_property):
    report = check_layer(getattr(nn, name))
    record_property("checks", report.checks)
    assert report.checks
