"""Every layer of the package keeps the contracts of layers; a new one is enrolled by being exported."""

import inspect

import pytest

from tinygrad_cnn import nn
from tinygrad_cnn.testing import check_layer

HOLDERS = {"Module", "ModuleList", "ModuleDict", "Sequential"}  # compute what their parts compute
LAYERS = [
    name for name, value in sorted(vars(nn).items())
    if inspect.isclass(value) and issubclass(value, nn.Module) and name not in HOLDERS
]  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layer_keeps_its_contracts(name, record_property):
    report = check_layer(getattr(nn, name))
    record_property("checks", report.checks)
    assert report.checks


def test_every_class_of_layers_is_exported():
    def below(cls):
        return {sub for child in cls.__subclasses__() for sub in (child, *below(child))}

    own = {c.__name__ for c in below(nn.Module) if c.__module__.startswith("tinygrad_cnn.nn.")}
    missing = {name for name in own if not name.startswith("_")} - vars(nn).keys()
    assert not missing, f"export {', '.join(sorted(missing))} from nn/__init__.py, or give it a private name"
