"""What is public: listed once, importable, documented, versioned."""

import re
from pathlib import Path

import pytest

import tinygrad_cnn as tg

ROOT = Path(__file__).parents[1]
NAMES = (ROOT / "docs" / "names.md").read_text(encoding="utf-8")


def test_the_list_has_no_name_twice():
    assert len(tg.__all__) == len(set(tg.__all__))


@pytest.mark.parametrize("name", tg.__all__)
def test_is_importable_and_documented(name):
    assert (getattr(tg, name).__doc__ or "").strip(), f"tg.{name} has no docstring."
    assert f"| `{name}` |" in NAMES, "run: python docs/make_tables.py"


def test_no_public_name_is_without_a_line():
    assert not re.findall(r"^\| `\w+` \|\s*\|$", NAMES, re.M)


def test_the_version_is_a_number_and_has_an_entry():
    assert re.fullmatch(r"\d+\.\d+\.\d+", tg.__version__), "semantic versioning: major.minor.patch"
    assert f"## {tg.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_changes_are_fragments_of_known_kinds():
    fragments = list((ROOT / "docs" / "changes").glob("*.md"))
    assert (ROOT / "docs" / "changes" / "README.md") in fragments
    for path in fragments:
        if path.name != "README.md":
            assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", path.name), path.name
            assert path.read_text(encoding="utf-8").strip()
