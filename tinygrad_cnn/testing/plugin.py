"""A pytest plugin for authors of ops.

``pytest --tg-ops my_package.my_ops`` imports that module and runs the contracts of every op that it registers, one
test each; the fixture ``gradcheck`` is `tg.testing.gradcheck`.  How many ops and checks held is printed at
the end.  Nothing else of the package is imported before it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

PROPERTY = "tg_checks"  # the user property in which a test says how many checks of one op it ran


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tinygrad_cnn").addoption(
        "--tg-ops", action="append", default=[], metavar="MODULE",
        help="import MODULE and check every op that it (or a module inside it) registers; may be given again",
    )  # fmt: skip


@pytest.fixture
def gradcheck() -> Callable[..., Any]:
    """Compare a function's gradients with its values: ``gradcheck(f, [array, ...], order=2)``."""
    from .gradient_check import gradcheck

    return gradcheck


class OpModule(pytest.Collector):
    """The ops of one module."""

    def collect(self) -> Iterator[OpItem]:
        from ..core.register import registry

        inside = self.name + "."
        for op in registry.values():
            if op.fn.__module__ == self.name or op.fn.__module__.startswith(inside):
                yield OpItem.from_parent(self, name=op.name)


class OpItem(pytest.Item):
    """The contracts of one op."""

    def runtest(self) -> None:
        from ..core.register import registry
        from .check import check_op

        self.user_properties.append((PROPERTY, check_op(registry[self.name]).checks))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from .contract_report import ContractError

        if isinstance(excinfo.value, ContractError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, f"contracts of {self.name}"


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in config.getoption("tg_ops", []):
        items.extend(_items(session, config, name))


def _items(session: pytest.Session, config: pytest.Config, name: str) -> list[OpItem]:
    where = str(config.invocation_params.dir)
    if where not in sys.path:  # as `python -m pytest` does
        sys.path.insert(0, where)
    try:
        import_module(name)
    except ImportError as error:
        raise pytest.UsageError(f"--tg-ops {name}: cannot import it: {error}") from None
    found = list(OpModule.from_parent(session, name=name, nodeid=name).collect())
    if not found:
        raise pytest.UsageError(f"--tg-ops {name}: it registers no op. Decorate a function with @tg.op(...).")
    return found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts = [
        value for report in terminalreporter.getreports("passed") for key, value in report.user_properties
        if key == PROPERTY and report.when == "call"
    ]  # fmt: skip
    if counts:
        terminalreporter.write_line(f"tinygrad_cnn: {sum(counts)} checks on {len(counts)} ops hold")
