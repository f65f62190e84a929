"""Pages that are written from the package are up to date; the comparison claims what exists and lacks what does not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")

DOCS = Path(__file__).parents[1] / "docs"
COMPARED = (DOCS / "compared.md").read_text(encoding="utf-8")
HAS, _, LACKS = COMPARED.partition("## What is missing here")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in COMPARED.splitlines() if line[:2] == "| "]


def names(text):
    return sorted(set(re.findall(r"`(tg\.[\w.]+)`", text)))


def exists(name):
    found = tg
    for part in name.split(".")[1:]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def test_pages_are_up_to_date():
    done = subprocess.run(
        [sys.executable, DOCS / "make_tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_op_stands_on_the_page_of_ops_with_shapes_rule_cost_and_reference():
    page = (DOCS / "ops.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.M | re.S))
    own = {name for name, op in tg.registry.items() if op.__module__.startswith("tinygrad_cnn.")}
    assert own == sections.keys()
    for name, text in sections.items():
        assert f"`{name}(" in text and "->" in text, name
        assert re.search(r"^- (gradient in \w+: `|no gradient|equals `)", text, re.M), name
        assert re.search(r"^- FLOP: .+ · reference: .+", text, re.M) and "reference: none" not in text, name


@pytest.mark.level("thorough")
def test_a_page_out_of_date_is_noticed(tmp_path):
    (tmp_path / "docs" / "design").mkdir(parents=True)
    script = (DOCS / "make_tables.py").read_text(encoding="utf-8")
    (tmp_path / "docs" / "make_tables.py").write_text(script, encoding="utf-8")
    (tmp_path / "docs" / "compared.md").write_text(COMPARED, encoding="utf-8")
    engine = (DOCS / "design" / "engine.md").read_text(encoding="utf-8")
    (tmp_path / "docs" / "design" / "engine.md").write_text(engine, encoding="utf-8")
    package = Path(tg.__file__).parent
    (tmp_path / "tinygrad_cnn").symlink_to(package, target_is_directory=True)

    def check(*options):
        command = [sys.executable, tmp_path / "docs" / "make_tables.py", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    before = check("--check")
    assert before.returncode == 1 and "out of date: ops.md" in before.stderr
    assert not (tmp_path / "docs" / "ops.md").exists()
    assert check().returncode == 0 and check("--check").returncode == 0
    text = COMPARED.replace("| ops in the registry | ", "| ops in the registry | 1")
    (tmp_path / "docs" / "compared.md").write_text(text, encoding="utf-8")
    assert "out of date: compared.md" in check("--check").stderr


@pytest.mark.parametrize("name", names(HAS))
def test_what_the_comparison_claims_exists(name):
    assert exists(name)


@pytest.mark.parametrize("name", names(LACKS))
def test_what_the_comparison_says_is_missing_is_missing(name):
    assert not exists(name), f"{name} is there now: move it up in docs/compared.md"


def test_every_row_has_a_cell_for_each_framework():
    tables = [row for row in ROWS if len(row) == 8]
    assert len(tables) > 50
    odd = [row for row in ROWS if len(row) not in (3, 8)]
    assert not odd
    for row in tables:
        if row[1] not in ("here", "---"):
            assert re.match(r"(yes|part|no)\b", row[1]), row
            assert all(row[2:]), row
