"""The examples in docstrings and on pages print what they say."""

import ast
import doctest
import os
from pathlib import Path

import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
START = (DOCS / "_ext" / "start_of_examples.py").read_text(encoding="utf-8")  # what every example takes for granted
WRITTEN = {DOCS / "ops.md"}  # from docstrings, by make_tables.py
EXAMPLES = 424  # at least so many lines of input; raise it when you add some, so that none is lost unseen


def docstrings(path):
    """(name, line, text) of every docstring of a file that has an example."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=False) or ""
            if ">>>" in text:
                yield getattr(node, "name", path.stem), node.body[0].lineno - 1, text


def found():
    tests, parse = [], doctest.DocTestParser().get_doctest
    for path in sorted((ROOT / "tinygrad_cnn").rglob("*.py")):
        where = str(path.relative_to(ROOT))
        tests += [parse(text, {}, f"{where}: {name}", where, line) for name, line, text in docstrings(path)]
    for path in sorted({*DOCS.rglob("*.md"), ROOT / "README.md"} - WRITTEN):
        where = str(path.relative_to(ROOT))
        tests.append(parse(path.read_text(encoding="utf-8").replace("\n```", "\n\n```"), {}, where, where, 0))
    return [test for test in tests if test.examples]


TESTS = found()


@pytest.fixture(scope="module")
def names():
    made = {}
    exec(START, made)
    return made


@pytest.fixture
def clean(tmp_path, monkeypatch):
    """A folder of one's own; ops that an example registers are forgotten after it."""
    monkeypatch.chdir(tmp_path)
    known = set(tg.registry)
    yield
    for name in tg.registry.keys() - known:
        del tg.registry[name]


def run(test, names):
    """What went wrong, in words; nothing if all is as the example says."""
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    weights = names["model"].state_dict()
    test.globs = dict(names)
    runner.run(test, out=said.append)
    names["model"].load_state_dict(weights)  # an example may train it
    return "".join(said)


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_example(test, names, clean):
    assert not (said := run(test, names)), said


def test_none_is_lost():
    assert sum(len(test.examples) for test in TESTS) >= EXAMPLES


def test_a_wrong_example_is_noticed(names, clean):
    wrong = doctest.DocTestParser().get_doctest(">>> tg.Tensor([1.0]).shape\n(2,)\n", {}, "wrong", "wrong", 0)
    assert "Expected:\n    (2,)\nGot:\n    (1,)" in run(wrong, names)


def test_a_folder_of_their_own(clean, tmp_path):
    assert Path(os.getcwd()) == tmp_path
