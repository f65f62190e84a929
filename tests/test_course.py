"""The course is whole: eight chapters, each with exercises and solutions, and a page for every line of the notes."""

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CHAPTERS = sorted((DOCS / "course").glob("chapter_*.py"))


def test_there_are_eight_chapters():
    assert [int(path.name.split("_")[1]) for path in CHAPTERS] == list(range(1, 9))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_a_title_pictures_exercises_and_solutions_that_are_checked(path):
    text = path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert title[0].startswith(f"Chapter {path.name.split('_')[1]}: ") and set(title[1]) == {"="}
    assert len(re.findall(r"plt\.subplots|tg\.viz\.|viz\.\w+\(|tg\.draw", text)) >= 3
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
