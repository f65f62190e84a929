"""The course is whole: eight chapters, each with exercises and solutions, and a page for every line of the notes."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.level("default")

DOCS = Path(__file__).parents[1] / "docs"
CHAPTERS = sorted((DOCS / "course").glob("chapter_*.py"))


def test_there_are_eight_chapters():
    assert [int(path.name.split("_")[1]) for path in CHAPTERS] == list(range(1, 9))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_a_title_pictures_exercises_and_solutions_that_are_checked(path):
    text = path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert title[0].startswith(f"Chapter {path.name.split('_')[1]}: ") and set(title[1]) == {"="}
    assert len(re.findall(r"plt\.subplots|tg\.plots\.|tg\.draw", text)) >= 3
    exercises, solutions = text.index("# Exercises\n"), text.index("# Solutions\n")
    asked = re.findall(r"^# (\d)\. ", text[exercises:solutions], re.M)
    answered = re.findall(r"^# (\d)\. ", text[solutions:], re.M)
    assert exercises < solutions and asked == answered and len(asked) >= 2
    assert text[solutions:].count("assert ") >= len(answered) - 1


def test_every_page_that_the_table_names_is_there():
    named = re.findall(r"<sphx_glr_(chapters|gallery)_(\w+)\.py>", (DOCS / "coverage.md").read_text(encoding="utf-8"))
    folders = {"chapters": DOCS / "course", "gallery": DOCS.parent / "examples"}
    missing = {f"{name}.py" for kind, name in named if not (folders[kind] / f"{name}.py").is_file()}
    assert len(named) >= 30 and not missing, missing
    assert {path.stem for path in CHAPTERS} <= {name for _, name in named} | {"chapter_8_gradients"}


def test_every_example_has_its_place_in_the_gallery():
    tree = ast.parse((DOCS / "_ext" / "gallery.py").read_text(encoding="utf-8"))
    order = next(n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "ORDER")
    names = [name.value for name in order.elts]
    assert sorted(names) == sorted(path.stem for path in (DOCS.parent / "examples").glob("*.py"))


@pytest.mark.level("thorough")
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_without_matplotlib_a_chapter_ends_with_one_line(path, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(DOCS.parent)])}
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    number = path.name.split("_")[1]
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"chapter {number}: pictures need matplotlib") and "pip install" in done.stderr
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".py" and "__pycache__" not in file.name] == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_code_fits_the_page(path):
    long = [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) > 95 and line[:1] != "#"]
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert not [line for line in long if line not in docstring]
