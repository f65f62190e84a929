"""Loads the package's own pytest plugin in a checkout where it is not installed."""

import pytest

from tinygrad_cnn.testing import plugin


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tinygrad_cnn"):
        config.pluginmanager.register(plugin, "tinygrad_cnn")
