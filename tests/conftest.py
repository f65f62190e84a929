"""What all tests share: the package's pytest plugin, also where it is not installed, Hypothesis' profile, fixtures."""

import sys

import pytest
from hypothesis import HealthCheck, settings

import tinygrad_cnn as tg
from tinygrad_cnn.testing import plugin

# Whether a test passes must depend on the code alone.  So no limit is set on the time of an example or of its making,
# which other programs on the machine can stretch, and every run tries the same examples: one that is found at random
# would fail a change that has nothing to do with it, and might not be found again.  To look for new examples, run
# pytest with --hypothesis-profile=default.
settings.register_profile(
    "tests", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


LEVELS = ("fast", "default", "thorough", "exhaustive")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--level", choices=LEVELS, default="default", help="how much to test; each level adds to the last")
    parser.addoption("--only-level", action="store_true", help="run what --level adds, and nothing else")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of higher levels."""
    wanted = LEVELS.index(config.getoption("--level"))
    kept, left_out = [], []
    for item in items:
        mark = item.get_closest_marker("level")
        level = LEVELS.index(mark.args[0]) if mark else 0
        runs = level == wanted if config.getoption("--only-level") else level <= wanted
        (kept if runs else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tinygrad_cnn"):
        config.pluginmanager.register(plugin, "tinygrad_cnn")


@pytest.fixture(autouse=True)
def unseeded():
    """Leave the process without a seed, as each test finds it."""
    yield
    if tg.get_rng_state() is not None:
        tg.set_rng_state(None)


@pytest.fixture
def count_calls():
    """A function that runs another one and returns how many Python functions that called.

    This measures work as a time would, but neither the machine nor other programs on it can change the result.
    """

    def count_calls(run):
        count = 0

        def see(frame, event, arg):
            nonlocal count
            count += event == "call"

        before = sys.getprofile()
        sys.setprofile(see)
        try:
            run()
        finally:
            sys.setprofile(before)
        return count

    return count_calls


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
