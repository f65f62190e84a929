"""What all tests share: the package's own pytest plugin, also where it is not installed, and ops of a user's."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing import plugin


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tinygrad_cnn"):
        config.pluginmanager.register(plugin, "tinygrad_cnn")


@pytest.fixture
def register():
    """Registers ops as a user would, and takes them out again."""
    made = []

    def register(fn, **options):
        made.append(tg.op(fn, **options))
        return made[-1]

    yield register
    for op in made:
        tg.registry.pop(op.name, None)
