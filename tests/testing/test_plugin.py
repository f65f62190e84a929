"""The pytest plugin, run as a user runs it, on the user's own ops."""

import os
from pathlib import Path

import pytest

import tinygrad_cnn

pytestmark = pytest.mark.level("default")

pytest_plugins = ["pytester"]

OPS = '''
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn.testing import Sample

@tg.op(samples=[Sample(x=(2, 3))], ref=lambda x: x**2)
def squared(x):
    """x * x.  x (...) -> (...)"""
    return x * x

squared.vjp(x=lambda g, x: g * (2.0 * x))

@tg.op(samples=[Sample(x=(2, 3))], ref=lambda x: x**3)
def cubed(x):
    """x * x * x.  x (...) -> (...)"""
    return x * x * x

cubed.vjp(x=lambda g, x: g * (FACTOR * x * x))
'''


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest in a process of its own, in an empty folder, with the plugin."""
    root = str(Path(tinygrad_cnn.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    plugin = ("-p", "no:tinygrad_cnn", "-p", "tinygrad_cnn.testing.plugin")  # the same, installed or not

    def run(*args):
        return pytester.runpytest_subprocess(*plugin, *args)

    return run


@pytest.mark.level("thorough")
def test_each_op_of_the_module_is_a_test(pytester, run):
    pytester.makepyfile(my_ops=OPS.replace("FACTOR", "3.0"))
    result = run("--tg-ops", "my_ops", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["my_ops::squared PASSED*", "my_ops::cubed PASSED*"])
    result.stdout.fnmatch_lines(["tinygrad_cnn: * checks on 2 ops hold"])


def test_a_wrong_rule_fails_with_op_contract_and_entry(pytester, run):
    pytester.makepyfile(my_ops=OPS.replace("FACTOR", "3.1"))
    result = run("--tg-ops", "my_ops")
    result.assert_outcomes(passed=1, failed=1)
    broken = "cubed: the contract 'gradients' is broken on Sample(x=(2, 3)). It demands: *"
    result.stdout.fnmatch_lines([broken, "gradcheck: *wrong at order 1*", "*worst entry*"])
    assert "Traceback" not in result.stdout.str()


@pytest.mark.level("thorough")
def test_modules_inside_a_package_and_several_options(pytester, run):
    package = pytester.mkpydir("my_package")
    (package / "my_ops.py").write_text(OPS.replace("FACTOR", "3.0"))
    (package / "__init__.py").write_text("from . import my_ops\n")
    pytester.makepyfile(more=OPS.replace("FACTOR", "3.0").replace("squared", "twice").replace("cubed", "thrice"))
    run("--tg-ops", "my_package", "--tg-ops", "more").assert_outcomes(passed=4)
    run("--tg-ops", "my_package.my_ops").assert_outcomes(passed=2)


@pytest.mark.level("thorough")
def test_own_tests_run_beside_the_ops(pytester, run):
    pytester.makepyfile(my_ops=OPS.replace("FACTOR", "3.0"), test_own="def test_own(): pass")
    run("--tg-ops", "my_ops").assert_outcomes(passed=3)


@pytest.mark.level("thorough")
@pytest.mark.parametrize(
    ("name", "words"), [("absent", "cannot import it: No module named 'absent'"), ("json", "it registers no op")]
)
def test_modules_that_cannot_be_checked(run, name, words):
    result = run("--tg-ops", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--tg-ops {name}: {words}*"])


@pytest.mark.level("thorough")
def test_fixture_gradcheck(pytester, run):
    pytester.makepyfile(
        """
        import numpy as np, pytest
        import tinygrad_cnn as tg

        def test_right(gradcheck):
            assert gradcheck(tg.exp, np.ones(3), order=2).checks

        def test_wrong(gradcheck):
            gradcheck(lambda x: tg.exp(x.detach()), np.ones(3))
        """
    )
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*GradcheckError: gradcheck: the gradient in input 0 is wrong at order 1."])


@pytest.mark.level("thorough")
def test_nothing_is_printed_where_no_op_is_checked(pytester, run):
    pytester.makepyfile("def test_own(): pass")
    assert "tinygrad_cnn:" not in run().stdout.str()
