"""A pytest plugin for authors of ops and networks.

``pytest --tg-ops my_package.my_ops`` imports that module and runs the contracts of every op that it registers, one
test each; the fixture ``gradcheck`` is `tg.testing.gradcheck`.  How many ops and checks held is printed at
the end.

The fixture ``gradient_snapshot`` compares a result and its gradients with a reference file, which ``pytest
--update-snapshots`` writes.  The end of the report lists the files that were written, and those whose test passed
without using them.

Nothing else of the package is imported before it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "tg_checks"  # the user property in which a test says how many checks of one op it ran
USED, WROTE = "tg_snapshot_used", "tg_snapshot_written"  # and the references that it compared or wrote


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinygrad_cnn")
    group.addoption(
        "--tg-ops", action="append", default=[], metavar="MODULE",
        help="import MODULE and check every op that it (or a module inside it) registers; may be given again",
    )  # fmt: skip
    group.addoption(
        "--update-snapshots", action="store_true", default=False,
        help="write the reference files of gradient_snapshot that are missing or do not hold",
    )  # fmt: skip


@pytest.fixture
def gradcheck() -> Callable[..., Any]:
    """Compare a function's gradients with its values: ``gradcheck(f, [array, ...], order=2)``."""
    from .gradient_check import gradcheck

    return gradcheck


@pytest.fixture
def gradient_snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Compare a result and its gradients with a reference file: ``gradient_snapshot(loss)``."""
    from .snapshot import GradientSnapshot

    def used(path: Path, written: bool) -> None:
        request.node.user_properties += [(USED, str(path)), *([(WROTE, str(path))] if written else [])]

    test = request.node.nodeid.partition("::")[2] or request.node.name
    return GradientSnapshot(
        request.path, test, update=bool(request.config.getoption("update_snapshots")),
        pictures=lambda: tmp_path_factory.mktemp("snapshots"), used=used,
    )  # fmt: skip


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


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    counts = [
        value for report in terminalreporter.getreports("passed") for key, value in report.user_properties
        if key == PROPERTY and report.when == "call"
    ]  # fmt: skip
    if counts:
        terminalreporter.write_line(f"tinygrad_cnn: {sum(counts)} checks on {len(counts)} ops hold")
    _tell_snapshots(terminalreporter, config)


def _tell_snapshots(terminalreporter: Any, config: pytest.Config) -> None:
    """List the references that were written, and those that no test uses any more."""
    passed, failed = (
        [report for report in terminalreporter.getreports(outcome) if report.when == "call"]
        for outcome in ("passed", "failed")
    )
    properties = [pair for report in [*passed, *failed] for pair in report.user_properties]
    for path in sorted({value for key, value in properties if key == WROTE}):
        terminalreporter.write_line(f"tinygrad_cnn: wrote {_short(path, config)}")
    for path in sorted(_obsolete(passed, config)):
        terminalreporter.write_line(f"tinygrad_cnn: {_short(path, config)} is obsolete: its test does not use it")


def _obsolete(passed: list[Any], config: pytest.Config) -> Iterator[str]:
    """The references of tests that passed without using them."""
    files = {name: Path(config.rootpath, name) for name in {report.nodeid.partition("::")[0] for report in passed}}
    present = {name: list((file.parent / "snapshots" / file.stem).glob("*.json")) for name, file in files.items()}
    if not any(present.values()):
        return
    from .snapshot import stem_of

    for report in passed:
        name, _, test = report.nodeid.partition("::")
        used = {value for key, value in report.user_properties if key == USED}
        stem = stem_of(test)
        yield from (str(p) for p in present.get(name, ()) if p.name.split(".")[0] == stem and str(p) not in used)


def _short(path: str, config: pytest.Config) -> str:
    """A path as seen from the root of the tests."""
    where = Path(path)
    return where.relative_to(config.rootpath).as_posix() if where.is_relative_to(config.rootpath) else path
